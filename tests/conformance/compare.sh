#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# compare.sh - the differential finds what it should find, tells it, and writes
# traces that show it; and nothing where there is nothing.
#
# Usage: compare.sh UZS-COMPARE SUBJECT_WRONG.so DATA-DIRECTORY
set -eu
compare=$1 wrong=$2 data=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/again"
unset UZS_WRONG

fail() {
	echo "FAIL: $1" >&2
	cat "$dir/out" "$dir/err" >&2
	exit 1
}

# run STATUS ARGUMENT...: the program, which should end with that.
run() {
	want=$1 got=0
	shift
	"$compare" "$@" > "$dir/out" 2> "$dir/err" || got=$?
	[ "$got" = "$want" ] || fail "exit status $got, not $want: $*"
}

# A shared object is a subject like any other.
run 0 --subject "$wrong" --ops 20K --output "$dir"
grep -q 'no mismatch' "$dir/out" || fail "no result"
(cd "$(dirname "$wrong")" &&
	"$compare" --subject "$(basename "$wrong")" --ops 1000) > "$dir/out" ||
	fail "a file without a directory"

# Each error is found, told and shrunk. The second number is the most
# operations that the shrunk trace may have.
while read -r error most; do
	rm -f "$dir"/*.trace
	export UZS_WRONG="$error"
	run 1 --subject "$wrong" --ops 200K --output "$dir" \
		--shrink-seconds 20
	name=held-loaded-held-p4096-c8
	prefix=$dir/$name.prefix.trace shrunk=$dir/$name.shrunk.trace
	for text in '^uzs-compare: mismatch: held-loaded and held, page size' \
		'^operation [0-9]*: [afc]\|^at the end of' 'pages compacted' \
		"written: $prefix" "written: $shrunk" \
		"^  again: .* --trace $shrunk$"; do
		grep -q "$text" "$dir/err" || fail "$error: no '$text'"
	done
	nr=$(grep -vc '^#' "$shrunk")
	[ "$nr" -le "$most" ] || fail "$error: shrunk to $nr operations only"
	[ "$nr" -le "$(grep -vc '^#' "$prefix")" ] ||
		fail "$error: longer than before"
	# Both show it, and the shrunk one at its last operation at that.
	for trace in "$prefix" "$shrunk"; do
		run 1 --subject "$wrong" --trace "$trace" --shrink-seconds 0 \
			--output "$dir/again"
		grep -q "^operation $(grep -vc '^#' "$trace"):\|^at the end" \
			"$dir/err" || fail "$error: not at the end of $trace"
	done
	# A prefix is the shortest: without its last operation all is well.
	sed '$d' "$prefix" > "$dir/less"
	case $error in
	data | free) ;; # the end of a trace, where all is freed, shows it too
	*) run 0 --subject "$wrong" --trace "$dir/less" --output "$dir" ;;
	esac
	unset UZS_WRONG
	run 0 --subject "$wrong" --trace "$prefix" --output "$dir"
	run 0 --subject "$wrong" --trace "$shrunk" --output "$dir"
	echo "$error: $(grep -vc '^#' "$prefix") operations, shrunk to $nr"
done <<'END'
zspage 60
count 20
compact 60
free 12
data 8
END

# A crash too leaves its operation, the seed, a trace up to it, a shorter one
# and the command that shows it, which a shell takes as it is.
crashes() {
	crash=$1/held-loaded-held-p4096-c8.crash.trace
	shrunk=$1/held-loaded-held-p4096-c8.shrunk.trace
	grep -q '^uzs-compare: crash: held-loaded and held, .* seed 1, trace [0-9]*: killed by signal 6 ' \
		"$dir/err" || fail "no crash"
	nr=$(grep -vc '^#' "$crash")
	grep -q "^operation $nr: c, in held-loaded\$" "$dir/err" ||
		fail "the crash is not at the end of $crash"
	most=$(grep -vc '^#' "$shrunk")
	[ "$most" -le 60 ] || fail "crash: shrunk to $most operations only"
	grep -q "^operation $most: c, in held-loaded\$" "$dir/err" ||
		fail "the crash is not at the end of $shrunk"
	sed -n 's/^  again: //p' "$dir/err" > "$dir/again.sh"
	got=0
	sh "$dir/again.sh" > "$dir/out" 2> "$dir/err" || got=$?
	[ "$got" = 134 ] || fail "exit status $got, not 134, again"
	run 1 --subject "$wrong" --trace "$crash" --shrink-seconds 0 \
		--output "$dir/again"
	grep -q "^operation $nr: c, in held-loaded\$" "$dir/err" ||
		fail "$crash does not show it"
	sed '$d' "$shrunk" > "$dir/less"
	run 0 --subject "$wrong" --trace "$dir/less" --output "$dir"
	echo "crash: $nr operations, shrunk to $most"
}
export UZS_WRONG=crash
mkdir "$dir/a blank"
run 1 --subject "$wrong" --ops 200K --output "$dir/a blank" \
	--shrink-seconds 20
crashes "$dir/a blank"
run 1 --subject held --subject "$wrong" --ops 400K --jobs 2 \
	--output "$dir/again" --shrink-seconds 20
crashes "$dir/again"
unset UZS_WRONG

# With --every above 1 the same is found, and told from its first operation.
export UZS_WRONG=zspage
run 1 --subject "$wrong" --ops 200K --every 1000 --shrink-seconds 0 \
	--output "$dir"
nr=$(grep -vc '^#' "$dir/held-loaded-held-p4096-c8.prefix.trace")
run 1 --subject "$wrong" --ops 200K --shrink-seconds 0 --output "$dir"
[ "$nr" = "$(grep -vc '^#' "$dir/held-loaded-held-p4096-c8.prefix.trace")" ] ||
	fail "--every changes what is found"
# And by any of several processes.
run 1 --subject held --subject "$wrong" --ops 200K --jobs 2 \
	--shrink-seconds 0 --output "$dir"
grep -q 'mismatch: held-loaded' "$dir/err" || fail "--jobs finds nothing"

# Jobs are told by the directory in their command line, which is in grep's
# only as the name of a file.
mkdir "$dir/four"
echo "$dir/four" > "$dir/name"
jobs_left() {
	grep -lf "$dir/name" /proc/[0-9]*/cmdline 2> /dev/null | wc -l
}
# All four meet the error, one tells it and writes its traces, all end.
run 1 --subject "$wrong" --ops 4M --jobs 4 --shrink-seconds 5 \
	--output "$dir/four"
[ "$(grep -c '^uzs-compare: mismatch:' "$dir/err")" = 1 ] ||
	fail "four jobs do not tell one mismatch"
[ "$(find "$dir/four" -name '*.trace' | wc -l)" = 2 ] ||
	fail "four jobs do not write the traces of one mismatch"
[ "$(jobs_left)" = 0 ] || fail "jobs go on after the end"
unset UZS_WRONG
# So they do when the program is killed. Each has a process for its trace.
"$compare" --subject "$wrong" --seconds 60 --jobs 4 --output "$dir/four" \
	> "$dir/out" 2> "$dir/err" &
killed=$!
left=0
while [ "$left" -lt 9 ] && [ "${tries:=0}" -lt 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
	left=$(jobs_left)
done
[ "$left" = 9 ] || fail "not four jobs and the program, but $left"
kill -KILL "$killed"
wait "$killed" 2> /dev/null || true
while [ "$left" != 0 ] && [ "$tries" -lt 200 ]; do
	tries=$((tries + 1))
	sleep 0.1
	left=$(jobs_left)
done
[ "$left" = 0 ] || fail "$left jobs outlive the program"

# Migration of pages changes nothing, and takes place.
run 0 --subject class-idx --ops 20K --move-pages 20 --csv
awk -F, 'NR == 2 && ($10 < 1000 || $11 < 1000) { exit 1 }' "$dir/out" ||
	fail "no pages were moved"
# What was done, as CSV: so many operations, states, places of objects.
awk -F, 'NR == 2 && ($5 != 20000 || $8 < 20000 || $9 < 1000) { exit 1 }' \
	"$dir/out" || fail "less was compared than should be"
run 0 --subject unlocked --trace "$data/traces/s6.trace.gz" --csv
awk -F, 'NR == 2 && ($5 < 1000 || !$6 || !$7) { exit 1 }' "$dir/out" ||
	fail "the trace was not replayed"
# The same seed, the same traces; another one, others.
for seed in 7 7 8; do
	run 0 --subject held --ops 10K --seed "$seed" --csv
	mv "$dir/out" "$dir/last"
	tail -1 "$dir/last" >> "$dir/seeds"
done
[ "$(uniq "$dir/seeds" | wc -l)" = 2 ] || fail "--seed does not choose"
# All have their turn in however short a time.
run 0 --subject held --subject class-idx --page-size 4K,64K \
	--chain-size 4,5,6,7,8,16 --seconds 1 --jobs 2 --csv
[ "$(awk -F, 'NR > 1 && $5 >= 50000' "$dir/out" | wc -l)" = 24 ] ||
	fail "some do not have their turn in one second"

# Wrong usage.
for bad in '--subject nosuch' '--subject /no/such.so' '--ops 1K' \
	'--subject held --page-size 5000' '--subject held --chain-size 4,,8' \
	'--subject held --ops 0' '--subject held x' "--subject $compare" \
	'--subject held --output /no/such' '--subject held --trace x --jobs 2' \
	'--subject held --trace x --ops 10' '--subject held --trace x --seed 2' \
	'--subject held --in-process' '--subject held --ops 1X' \
	'--subject held --trace - --page-size 4K,8K'
do
	# shellcheck disable=SC2086
	run 2 $bad
	[ "$(wc -l < "$dir/err")" = 1 ] || fail "not one line: $bad"
done
run 1 --subject held --trace "$dir/nothing"
printf 'a 1 10\nf 2\n' > "$dir/bad.trace"
run 1 --subject held --trace "$dir/bad.trace"
grep -q "bad.trace:2: unknown ID 2" "$dir/err" || fail "names no line"
"$compare" --help | grep -q '^Example:' || fail "no help"
echo "all found"
