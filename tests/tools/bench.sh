#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs-bench with each kind of deferral: the data stays right, the figures say
# which it was, and what is kept for reuse is there before compaction only.
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

fails_with 2 'uzs-bench: --defer later: no such variant *' \
	"$bench" --defer later
fails_with 2 'uzs-bench: --defer: only with --allocator zs *' \
	"$bench" --allocator malloc --defer reuse
fails_with 2 'uzs-bench: --churn-freed: only with memory *' \
	"$bench" --churn-freed 5

finish
