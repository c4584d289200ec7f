#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs-bench with each kind of deferral and profile: the data stays right, the
# figures say which it was, and what is kept for reuse is there before
# compaction only.
. "$(dirname "$0")/common.inc"
# Each figure is from a process that ends with its threads, for which that
# sanitizer would wait a second.
TSAN_OPTIONS="${TSAN_OPTIONS-} atexit_sleep_ms=0"
export TSAN_OPTIONS
bench=$uzs

# column NAME FILE: the values of that column of a CSV file, one in a line.
column() {
	awk -F, -v name="$1" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
		NR > 1 { print $at }' "$2"
}

# figure PHASE STEP: the pool's bytes for each byte stored, of the last run.
figure() {
	awk -F, -v phase="$1" -v step="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$at["phase"] == phase && $at["step"] == step {
			print $at["pool_resident_bytes"] }' "$work/out"
}

runs_well "$bench" --help
check "help knows reuse" grep -q 'reuse gives freed' "$work/out"

for defer in off none array percpu reuse; do
	runs_well "$bench" --ops replace,free,malloc-warm,compact --defer $defer \
		--verify --bytes 2M --reps 1 --threads 2 --csv
	equal "column defer" "$defer" "$(column defer "$work/out" | sort -u)"
	equal "rows" 4 "$(column defer "$work/out" | wc -l | tr -d ' ')"
done
# A hardened pool would abort if the benchmark made a mistake.
for defer in off reuse; do
	runs_well "$bench" --hardened --defer $defer --verify --bytes 2M \
		--reps 1 --threads 2
done
for scope in held unlocked class-idx; do
	for page_size in 4096 65536; do
		runs_well "$bench" --ops replace,free --defer reuse --verify \
			--bytes 2M --reps 1 --scope $scope \
			--page-size $page_size
	done
done
runs_well "$bench" memory --defer reuse --verify --bytes 4M --free 50 \
	--threads 2 --json
check "the kind of deferral in JSON" \
	grep -q '"defer": *"reuse"' "$work/out"

# What is kept, some MiB at most, is there only as long as nobody wants it:
# after compaction the pool is as large as one that keeps nothing, but for the
# room for handles, which is there from the beginning.
for defer in off reuse; do
	runs_well "$bench" memory --defer $defer --bytes 16M --free 90 \
		--churn 1 --churn-freed 0 --no-worker --csv
	fresh=$(figure fresh before)
	eval "before_$defer=$(($(figure free90 before) - fresh))"
	eval "trim_$defer=$(($(figure free90 trim) - fresh))"
	check "churn of what is all in use keeps the pool's size" \
		[ "$(($(figure churn before) - fresh))" -lt "$((4 << 20))" ]
	echo "$defer: fresh $fresh, churn $(figure churn before), free90" \
		"$(figure free90 before), $(figure free90 trim)"
done
# shellcheck disable=SC2154
{
	check "kept objects take memory" \
		[ "$before_reuse" -gt "$((before_off + 131072))" ]
	check "less than 4 pages of each class" \
		[ "$before_reuse" -lt "$((before_off + (10 << 20)))" ]
	check "none is kept after compaction" \
		[ "$trim_reuse" -lt "$((trim_off + 400000))" ]
}

# A pool that is made for what it holds.
runs_well "$bench" --ops replace,free --expected 1M --verify --bytes 4M --reps 1
for expected in "" "--expected 1M"; do
	# shellcheck disable=SC2086
	runs_well "$bench" memory $expected --bytes 1M --free 50 --churn 0 \
		--no-worker --csv
	eval "told${expected:+_size}=$(figure fresh before)"
done
# shellcheck disable=SC2154
check "a small pool that was told so is smaller: $told_size of $told" \
	[ "$told_size" -lt "$told" ]

# Pools of the user profile, by handles and by refs, beside malloc: the same
# work, so the same bytes are read.
ops=malloc,write,read,peek,peek-one,replace,free,malloc-warm,fill,free-many
if "$bench" --profile user --ops malloc --bytes 1M --reps 1 >"$work/out" \
	2>"$work/err"; then
	subjects="malloc zs refs user"
else
	skip "the user profile: $(cat "$work/err")"
	subjects="malloc zs"
fi
# subject NAME: its options.
subject() {
	case $1 in
	user) echo "--profile user" ;;
	*) echo "--allocator $1" ;;
	esac
}
# The malloc of a build with a sanitizer is not known by name.
name_of() {
	case $1 in
	refs | user) echo "zs-$1" ;;
	zs) echo zs ;;
	malloc) sed -n '2s/,.*//p' "$work/out" ;;
	esac
}
for sizes in "one:30" "log:64-4096" "log:64-256K"; do
	seen=
	for name in $subjects; do
		[ "$name $sizes" = "zs log:64-256K" ] && continue
		# shellcheck disable=SC2046
		runs_well "$bench" $(subject "$name") --ops $ops --sizes $sizes \
			--verify --bytes 8M --reps 1 --threads 2 --csv
		equal "the name of $name" "$(name_of "$name")" \
			"$(column allocator "$work/out" | sort -u)"
		equal "rows of $name" 10 "$(column op "$work/out" | wc -l | tr -d ' ')"
		equal "sizes" "$sizes" "$(column sizes "$work/out" | sort -u)"
		sums="$(column ops "$work/out") $(column checksum "$work/out")"
		equal "what $name did with $sizes" "${seen:-$sums}" "$sums"
		seen=$sums
	done
done
for name in $subjects; do
	# shellcheck disable=SC2046
	runs_well "$bench" memory $(subject "$name") --verify --bytes 4M \
		--free 50,90 --churn 1 --csv
	more=$(column rss_over_live "$work/out" | head -n 1)
	check "$name, fresh: $more" \
		awk -v more="$more" 'BEGIN { exit !(more >= 1 && more < 100) }'
	# shellcheck disable=SC2046
	runs_well "$bench" wait $(subject "$name") --verify --bytes 2M \
		--seconds 0.1 --threads 2 --csv
	phases="empty alone busy compact"
	[ "$name" = malloc ] && phases="empty alone busy"
	equal "phases of $name" "$phases" \
		"$(column phase "$work/out" | paste -s -d ' ' -)"
	check "times of $name ascend" awk -F, '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		NR > 1 && ($at["p50_ns"] > $at["p99_ns"] ||
			$at["p99_ns"] > $at["p9999_ns"] ||
			$at["p9999_ns"] > $at["max_ns"] || $at["ops"] < 1) {
			bad = 1 }
		END { exit bad }' "$work/out"
	[ "$name" = malloc ] || check "$name was compacted meanwhile" \
		[ "$(column compactions "$work/out" | tail -n 1)" -gt 0 ]
done
if [ "$subjects" = "malloc zs refs user" ]; then
	for name in refs user; do
		# shellcheck disable=SC2046
		runs_well "$bench" $(subject "$name") --hardened --no-worker \
			--verify --ops replace,free,compact,free-many \
			--bytes 2M --reps 1 --page-size 16384 --chain-size 8
	done
	runs_well "$bench" memory --allocator refs --verify --bytes 8M \
		--free 50 --max-overhead 3 --threads 2 --csv
	runs_well "$bench" memory --allocator refs --verify --bytes 1M \
		--expected 1M --free 50 --churn 1 --csv
	runs_well "$bench" --profile user --defer percpu --verify --bytes 2M \
		--ops replace,free,free-many --reps 1 --csv
	equal "no scope" "" "$(column lock_scope "$work/out" | sort -u)"
	fails_with 1 'uzs-bench: sizes one:2M: an object of 2097152 bytes is larger than 1048576' \
		"$bench" --profile user --sizes one:2M --bytes 1G
fi

# Two in one process, by turns. Both did the same, or it ends with an error. What
# is compared with itself is as fast, whatever the machine does.
pairs="zs:malloc malloc:zs zs:zs"
[ "$subjects" = "malloc zs" ] || pairs="$pairs refs:malloc refs:user user:refs"
for pair in $pairs; do
	# shellcheck disable=SC2046
	runs_well "$bench" pair $(subject "${pair%:*}") --against "${pair#*:}" \
		--ops write,read,peek,peek-one,replace,free,fill,free-many \
		--bytes 4M --reps 2 --threads 2 --slices 20 --verify --csv
	equal "rows of $pair" 16 "$(column ratio "$work/out" | wc -l | tr -d ' ')"
	equal "the name in $pair" "$(name_of "${pair%:*}")" \
		"$(column allocator "$work/out" | sort -u)"
	case $pair in
	*:malloc) ;;
	*) equal "the other in $pair" "$(name_of "${pair#*:}")" \
		"$(column against "$work/out" | sort -u)" ;;
	esac
	check "figures of $pair" awk -F, '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		NR > 1 && ($at["ns_per_op"] <= 0 ||
			$at["against_ns_per_op"] <= 0 || $at["ops"] < 100 ||
			$at["ratio"] <= 0 ||
			$at["usual_quarter"] > $at["usual"] ||
			$at["usual"] > $at["usual_three_quarters"]) { bad = 1 }
		END { exit bad }' "$work/out"
done
runs_well "$bench" pair --ops read --against zs --bytes 16M --reps 3 --json
check "a pool is as fast as itself" python3 -c '
import json, statistics, sys
rows = json.load(open(sys.argv[1]))
ratio = statistics.median(row["usual"] for row in rows)
sys.exit(not 0.8 < ratio < 1.25)' "$work/out"
# The other is a pool without options.
runs_well "$bench" pair --chain-size 4 --max-overhead 10000 --retained all \
	--expected 1M --page-size 8192 --against zs --ops read --bytes 2M \
	--reps 1 --slices 10 --csv
equal "pages in a chain of both" "4 8" "$(column chain_size "$work/out") $(
	column against_chain_size "$work/out")"
runs_well "$bench" pair --bytes 2M --reps 1 --slices 10
check "the table of pair" grep -q '^replace ' "$work/out"
fails_with 1 'uzs-bench: --slices 100000: more than the * objects of a thread' \
	"$bench" pair --slices 100000 --bytes 1M
fails_with 2 'uzs-bench: compact: not with pair *' "$bench" pair --ops compact
fails_with 2 'uzs-bench: --slices: only with pair *' "$bench" --slices 3
fails_with 2 'uzs-bench: --against: only with pair *' "$bench" --against zs
fails_with 2 'uzs-bench: --against fast: neither malloc, zs, user nor refs *' \
	"$bench" pair --against fast

runs_well "$bench" wait --bytes 2M --seconds 0.1
check "a table of times" grep -q '^compact ' "$work/out"
fails_with 2 'uzs-bench: --profile fast: no such variant *' \
	"$bench" --profile fast
for option in "--profile user" "--scope held" "--defer reuse"; do
	# shellcheck disable=SC2086
	fails_with 2 "uzs-bench: ${option%% *}: only with --allocator zs *" \
		"$bench" --allocator refs $option
done
fails_with 2 'uzs-bench: --scope: not with --profile user *' \
	"$bench" --profile user --scope held
fails_with 2 'uzs-bench: --max-overhead 10001: not a number *' \
	"$bench" --max-overhead 10001
fails_with 2 'uzs-bench: --expected much: not a number of bytes, like 256M *' \
	"$bench" --expected much
fails_with 2 'uzs-bench: --expected: only with --allocator zs or refs *' \
	"$bench" --allocator malloc --expected 1M
fails_with 2 'uzs-bench: --hardened: only with --allocator zs or refs *' \
	"$bench" --allocator malloc --hardened
fails_with 2 'uzs-bench: --seconds: only with wait *' "$bench" --seconds 1
fails_with 2 'uzs-bench: --seconds: 0: not a time *' "$bench" wait --seconds 0
fails_with 2 'uzs-bench: --free: only with memory *' "$bench" wait --free 50
fails_with 2 'uzs-bench: --sizes log:64: not like log:64-256K *' \
	"$bench" --sizes log:64
fails_with 2 'uzs-bench: --sizes log:64-32: not in order, or above 1G *' \
	"$bench" --sizes log:64-32
fails_with 2 'uzs-bench: --sizes 0: not a number of bytes, like 256M *' \
	"$bench" --sizes one:0
fails_with 1 'uzs-bench: sizes one:5000: an object of 5000 bytes is larger than a page of 4096 (--profile user holds it)' \
	"$bench" --sizes one:5000

fails_with 2 'uzs-bench: --defer later: no such variant *' \
	"$bench" --defer later
fails_with 2 'uzs-bench: --defer: only with --allocator zs *' \
	"$bench" --allocator malloc --defer reuse
fails_with 2 'uzs-bench: --churn-freed: only with memory *' \
	"$bench" --churn-freed 5

finish
