#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs lab simulate: the same again, more CPUs and what they do to each other,
# all scopes and deferrals, tables of costs that are wrong, what is drawn.
. "$(dirname "$0")/../tools/common.inc"

simulate() {
	"$uzs" lab simulate --objects 1024 "$@"
}

# column NAME: of the CSV in $work/out.
column() {
	awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++)
		if ($i == name) at = i; next } { print $at }' "$work/out"
}

# compares FIRST RELATION SECOND, of decimal numbers.
compares() {
	awk -v a="$1" -v b="$3" -v how="$2" 'BEGIN {
		exit !(how == "<" ? a < b : how == "<=" ? a <= b : a == b) }'
}

# The same input gives the same times, all of them; another seed does not.
runs_well simulate --cpus 1,2,4 --scope all --defer all --csv
cp "$work/out" "$work/first"
scopes=$(awk -F, 'NR > 1 { print $9 }' "$work/out" | sort -u | wc -l)
check "all scopes" [ "$scopes" -ge 3 ]
# Three numbers of CPUs; the lock scopes with three deferrals, the user profile
# with none.
equal "rows" $((1 + 9 * (scopes - 1) + 3)) "$(wc -l <"$work/out" | tr -d ' ')"
runs_well simulate --cpus 1,2,4 --scope all --defer all --csv
check "the same again" cmp "$work/first" "$work/out"
runs_well simulate --cpus 1,2,4 --scope all --defer all --csv --seed 2
check "another seed, other times" sh -c "! cmp -s '$work/first' '$work/out'"

# What a lock costs grows with who wants it: no CPU frees faster because
# others do, and who shares less gains more.
runs_well simulate --cpus 1,2,4,16,64 --objects 512 --scope held,class-idx --csv
cp "$work/out" "$work/growth"
last=0
for ns in $(awk -F, '$9 == "held" { print $11 }' "$work/growth"); do
	check "held: $last ns, then $ns with more CPUs" \
		compares "$last" '<=' "$ns"
	last=$ns
done
last=0
for ratio in $(awk -F, '$9 == "class-idx" && $4 <= 4 { print $13 }' \
	"$work/growth"); do
	check "class-idx: $last, then $ratio times with more CPUs" \
		compares "$last" '<' "$ratio"
	last=$ratio
done
check "class-idx on 64 CPUs" compares 1.5 '<' \
	"$(awk -F, '$9 == "class-idx" && $4 == 64 { print $13 }' \
		"$work/growth")"
equal "one CPU waits for no lock" 0 \
	"$(awk -F, 'NR > 1 && $4 == 1 { n += $18 } END { print n + 0 }' \
		"$work/growth")"

# What a line costs is felt by several CPUs, and by one alone not at all.
for cpus in 1 4; do
	runs_well simulate --cpus $cpus --scope held --csv
	cheap=$(column call_ns)
	runs_well simulate --cpus $cpus --scope held --csv --set line=800
	dear=$(column call_ns)
	how='<'
	[ $cpus -gt 1 ] || how='='
	check "$cpus CPUs, lines that are dear: $cheap $how $dear" \
		compares "$cheap" "$how" "$dear"
done

# Deferred: the calls return before all is free.
runs_well simulate --cpus 2 --processes 1 --scope class-idx --defer all --csv
for defer in array percpu; do
	call=$(awk -F, -v d=$defer '$10 == d { print $11 }' "$work/out")
	back=$(awk -F, -v d=$defer '$10 == d { print $12 }' "$work/out")
	check "$defer: calls $call ns, freed $back ns" compares "$call" '<' \
		"$back"
done
equal "all was queued, or freed at once" 1024,1024 "$(awk -F, '
	$10 == "array" { a = $24 + $25 + $26 }
	$10 == "percpu" { p = $24 + $25 + $26 } END { print a "," p }' \
	"$work/out")"

# What is kept finds room if there is some, and is freed at once if not.
for kib in 4 256; do
	runs_well "$uzs" lab simulate --objects 20000 --cpus 2 --processes 1 \
		--scope class-idx --defer percpu --reserve $kib --csv
	eval "full_$kib=$(column sync_full)"
done
# shellcheck disable=SC2154
check "a small reserve overflows: $full_4, $full_256" \
	[ "$full_4" -gt 0 ] && [ "$full_256" -eq 0 ]

# A worker that lost the only CPU gets it back from who spins for its lock.
runs_well "$uzs" lab simulate --objects 8192 --cpus 1 --defer percpu \
	--scope held,class-idx --costs pi-4b --csv
equal "rows of one CPU" 3 "$(wc -l <"$work/out" | tr -d ' ')"

# What the kernel does besides is paid for each object, whoever frees it.
for more in 0 1000; do
	runs_well simulate --cpus 1 --defer none --scope held --csv \
		--set free_more=$more
	eval "more_$more=$(column call_ns)"
done
# shellcheck disable=SC2154
check "1000 ns more for each of 1024: $more_0, $more_1000" compares 1.0 '<' \
	"$(awk -v a="$more_0" -v b="$more_1000" \
		'BEGIN { d = (b - a) / 1024000; print (d > 0.98 && d < 1.02) * 2 }')"

# More CPUs gain more when pages are freed outside class->lock, if there are
# few classes to meet in: from nothing on one CPU.
printf '\007\003\365\005\343\010\321\013' >"$work/few.u16"
runs_well "$uzs" lab simulate --objects 2000 --costs radxa-o6 \
	--cpus 1,12,32 --sizes "$work/few.u16" --scope held,unlocked --csv
equal "on one CPU" 1.0000 \
	"$(awk -F, '$9 == "unlocked" && $4 == 1 { print $13 }' "$work/out")"
last=1.1
for ratio in $(awk -F, '$9 == "unlocked" && $4 > 1 { print $13 }' "$work/out"); do
	check "unlocked: $last, then $ratio times with more CPUs" \
		compares "$last" '<' "$ratio"
	last=$ratio
done

# More processes than CPUs, one class for all, another order.
runs_well simulate --cpus 2 --processes 5 --defer percpu --csv
runs_well simulate --cpus 128 --objects 100 --scope held --csv
runs_well simulate --work free --cpus 4 --defer all
runs_well simulate --work free --shared --cpus 4 --order random
runs_well simulate --fill apart --cpus 4 --json
check "JSON has cells" grep -q '"call_ms"' "$work/out"

# Processes that only queue are done sooner, and one worker frees for longer than
# four.
for workers in 1 4; do
	runs_well simulate --cpus 8 --processes 4 --costs radxa-o6 --csv \
		--scope class-idx --workers $workers
	eval "call_$workers=$(column call_ns) back_$workers=$(column back_ns)"
done
# shellcheck disable=SC2154
check "one worker, $call_1 and $back_1 ns, and four, $back_4" \
	compares "$call_1" '<' "$back_4"
check "four are faster" compares "$back_4" '<' "$back_1"
fails_with 2 "uzs lab: --workers goes with --defer none*" \
	simulate --workers 2 --defer array

# Where the time goes adds up to the callers' time, and names fields and lines; to
# look at it costs no virtual time.
for what in release read replace; do
	few='--objects 128'
	[ $what != replace ] || few='--objects 100 --warm-up 2 --rounds 2'
	# shellcheck disable=SC2086 # several options
	runs_well simulate --work $what $few --cpus 1,4 \
		--scope held,class-idx,user --csv
	cp "$work/out" "$work/plain"
	# shellcheck disable=SC2086
	runs_well simulate --work $what $few --cpus 1,4 \
		--scope held,class-idx,user --csv --breakdown \
		--breakdown-csv "$work/parts.csv" --flame "$work/flame.svg"
	check "$what: the same times" cmp "$work/plain" "$work/out"
	equal "$what: cells that do not add up" 0 "$(awk -F, 'NR > 1 {
		key = $3 "," $5; all[key] = $17; if ($7 != "worker") sum[key] += $13 }
		END { for (k in all) n += sum[k] < 0.98 * all[k] ||
			sum[k] > 1.02 * all[k]; print n + 0 }' "$work/parts.csv")"
	check "$what: six cells" [ 6 -eq "$(awk -F, 'NR > 1 { print $3 $5 }' \
		"$work/parts.csv" | sort -u | wc -l)" ]
	check "$what: drawn" grep -q '</svg>' "$work/flame.svg"
done
runs_well simulate --cpus 4 --scope held --breakdown
check "pool->lock's line" grep -q '^zs_free  *line  *pool->lock ' "$work/out"
check "a line of the source" \
	grep -q 'pool->lock  *free_held() src/kernel/scope.c:[0-9]' "$work/out"
fails_with 2 "uzs lab: --kernel: 'nothing' is not NAME=FILE.so*" \
	simulate --kernel nothing
fails_with 1 "uzs lab: /nonexistent.so: cannot be loaded: no such file" \
	simulate --kernel a=/nonexistent.so

# Our own tables, by name; the first that is found counts.
runs_well simulate --costs list
for table in "$(dirname "$0")"/../../lab/costs/*.txt; do
	name=$(basename "$table" .txt)
	equal "$name is in the list" 1 "$(grep -c "^$name  *[^ ]" "$work/out")"
	line=$(grep "^$name " "$work/out" | sed 's/^[^ ]* *//')
	check "$name: what it is of" grep -qF "$line" "$table"
done

# One cost replaced, before the table is named or after.
runs_well simulate --cpus 2 --scope held --costs pi-4b --set miss=1000 --csv
cp "$work/out" "$work/after"
runs_well simulate --cpus 2 --scope held --set miss=1000 --costs pi-4b --csv
check "--set before --costs" cmp "$work/after" "$work/out"
runs_well simulate --cpus 2 --scope held --costs pi-4b --csv
check "--set has changed something" sh -c "! cmp -s '$work/after' '$work/out'"

# Our own tables, from their files.
for table in "$(dirname "$0")"/../../lab/costs/*.txt; do
	runs_well simulate --cpus 2 --scope class-idx --costs "$table"
done

# The drawing.
runs_well simulate --cpus 1,2,4 --scope held,unlocked,class-idx \
	--svg "$work/out.svg"
check "four charts" [ "$(grep -c 'class="chart"' "$work/out.svg")" -eq 4 ]
check "twelve curves" [ "$(grep -c 'class="series scope-' "$work/out.svg")" -eq 12 ]
check "no nan" sh -c "! grep -qi 'nan\|inf' '$work/out.svg'"

# Without one CPU nobody knows what is perfect.
runs_well simulate --cpus 2,4 --scope held,user --svg "$work/out.svg"
check "three charts" [ "$(grep -c 'class="chart"' "$work/out.svg")" -eq 3 ]

# Wrong tables, wrong options.
table=$(dirname "$0")/../../lab/costs/epyc-2.txt
grep -v '^miss ' "$table" >"$work/short.txt"
fails_with 1 "uzs lab: $work/short.txt: miss is missing" \
	simulate --costs "$work/short.txt"
sed 's/^miss  *[0-9.]*/miss many/' "$table" >"$work/word.txt"
fails_with 1 "uzs lab: $work/word.txt:*: miss: 'many' is not a number from *" \
	simulate --costs "$work/word.txt"
sed 's/^miss  *[0-9.]*/miss -1/' "$table" >"$work/negative.txt"
fails_with 1 "uzs lab: *: miss: '-1' is not a number from *" \
	simulate --costs "$work/negative.txt"
sed 's/^miss .*measured/miss 100 guessed/' "$table" >"$work/guess.txt"
fails_with 1 "uzs lab: *: the origin must be measured, *, not 'guessed'" \
	simulate --costs "$work/guess.txt"
echo 'miss 100 measured' >"$work/bare.txt"
fails_with 1 "uzs lab: $work/bare.txt:1: miss: no words on its origin" \
	simulate --costs "$work/bare.txt"
echo 'mist 100 measured here' >"$work/name.txt"
fails_with 1 "uzs lab: $work/name.txt:1: no such cost: 'mist'" \
	simulate --costs "$work/name.txt"
cat "$table" "$table" >"$work/twice.txt"
fails_with 1 "uzs lab: *: free_hot is there a second time" \
	simulate --costs "$work/twice.txt"
# Beside a program of another place: one that is broken hides no other.
mkdir -p "$work/bin [x]/costs"
cp "$(dirname "$uzs")/uzs-lab-simulate" "$work/bin [x]/"
cp "$table" "$work/bin [x]/costs/whole.txt"
cp "$work/bare.txt" "$work/bin [x]/costs/"
fails_with 1 "uzs lab: */costs/bare.txt:1: miss: no words on its origin" \
	"$work/bin [x]/uzs-lab-simulate" --costs list
check "the whole table is in the list" grep -q '^whole ' "$work/out"
fails_with 1 "uzs lab: no table of costs 'nowhere' (looked in: */costs, */uzsmalloc/costs)" \
	simulate --costs nowhere
fails_with 1 "uzs lab: $work/none/x: No such file or directory" \
	simulate --cpus 1 --scope held --svg "$work/none/x"

# What cannot be written is known before anything is simulated, and what is
# there stays.
huge() {
	timeout 10 "$uzs" lab simulate --objects 1000000 --cpus 128 "$@"
}
fails_with 1 "uzs lab: $work/none/x: No such file or directory" \
	huge --html "$work/none/x"
fails_with 1 "uzs lab: $work: Is a directory" huge --svg "$work"
fails_with 1 "uzs lab: $work/none.json: No such file or directory" \
	huge --html "$work/half.html" --seeded "$work/none.json"
check "no report" [ ! -e "$work/half.html" ]
echo before >"$work/kept.html"
fails_with 1 "uzs lab: $work/none.json: No such file or directory" \
	huge --html "$work/kept.html" --seeded "$work/none.json"
equal "what was there" before "$(cat "$work/kept.html")"
if [ -w /dev/full ]; then
	fails_with 1 "uzs lab: /dev/full: cannot be written: *" simulate \
		--cpus 1 --scope held --svg /dev/full
	check "a device stays" [ -c /dev/full ]
fi
# A file may have so many blocks of 512 bytes and no more.
run sh -c "trap '' XFSZ; ulimit -f 8; exec '$uzs' lab simulate \
	--objects 500 --cpus 1,2,4 --scope all --html '$work/big.html' --csv"
one_line "a disk that is full" 1 "uzs lab: $work/big.html: cannot be written: *"
check "no half report" [ ! -e "$work/big.html" ]
fails_with 1 "uzs lab: cannot write *" sh -c \
	"'$uzs' lab simulate --objects 100 --cpus 1 --scope held >/dev/full"
fails_with 2 "uzs lab: --cpus takes a number from 1 to 128, not *" simulate --cpus 0
fails_with 2 "uzs lab: --cpus takes a number from 1 to 128, not *" simulate --cpus 129
fails_with 2 "uzs lab: --reserve takes a number from 4 to 65536, not *" \
	simulate --reserve 0
fails_with 2 "uzs lab: --scope: 'hold' is none of held, unlocked, class-idx, user, all *" \
	simulate --scope hold
fails_with 2 "uzs lab: --defer: 'x' is none of none, array, percpu, reuse, all *" \
	simulate --defer x
fails_with 2 "uzs lab: --defer: reuse is for --work replace: *" \
	simulate --defer none,reuse
fails_with 2 "uzs lab: --shared is for --work free or read *" simulate --shared
fails_with 2 "uzs lab: --sizes is not for --work free *" simulate \
	--sizes "$work/few.u16" --work free
fails_with 2 "uzs lab: --work: 'hot' is none of release, free, read, replace *" \
	simulate --work hot
fails_with 2 "uzs lab: --rounds is for --work read or replace *" simulate \
	--rounds 2
fails_with 2 "uzs lab: --warm-up is for --work read or replace *" simulate \
	--work free --warm-up 0
fails_with 2 "uzs lab: --defer is for work that frees: *" simulate \
	--work read --defer percpu
fails_with 2 "uzs lab: --scope: user goes with --defer none only *" simulate \
	--scope held,user --defer array
fails_with 2 "uzs lab: --size or --sizes, not both *" simulate \
	--sizes "$work/few.u16" --size 100
fails_with 2 "uzs lab: --set mist=1: no such cost *" simulate --set mist=1
fails_with 2 "uzs lab: --set miss=x: not a number from *" simulate \
	--set miss=x
# Less than what is in it: said, and not taken for no work at all.
fails_with 1 "uzs lab: costs epyc-2: free_hot is 1 ns, but locks and lines of that alone cost [1-9]*.[0-9] ns" \
	simulate --cpus 1 --scope held --set free_hot=1
fails_with 2 "uzs lab: --csv or --json, not both *" simulate --csv --json
fails_with 2 "uzs lab: what is 'more'? *" simulate more

finish
