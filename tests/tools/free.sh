#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs-free: each kind of deferral frees all, and reuse only where it can be
# compared.
. "$(dirname "$0")/common.inc"
# Each figure is from a process that ends with its threads, for which that
# sanitizer would wait a second.
TSAN_OPTIONS="${TSAN_OPTIONS-} atexit_sleep_ms=0"
export TSAN_OPTIONS
free=$uzs
# 32-bit has no room for the default scope, and uzs-free says so.
scopes=held,unlocked

# variants: the deferrals in the last run's CSV.
variants() {
	awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "defer") at = i }
		NR > 1 { print $at }' "$work/out" | sort -u | paste -s -d ' ' -
}

runs_well "$free" --help
check "help knows reuse" grep -q reuse "$work/out"
runs_well "$free" --scopes $scopes --objects 500 --reps 1 --verify --csv
equal "what is measured unless asked for more" "array none percpu" \
	"$(variants)"
runs_well "$free" --scopes $scopes --objects 500 --reps 1 --verify --csv --defers none,reuse
equal "what was asked for" "none reuse" "$(variants)"
check "queue is left out" [ "$(grep -c ',queue,' "$work/out")" -eq 0 ]
runs_well "$free" --scopes $scopes --work release --defers reuse --objects 2000 --reps 1 \
	--threads 2 --order random --pages given --verify
fails_with 2 'uzs-free: --defers reuse: not with --work queue, *' \
	"$free" --work queue --defers none,reuse
fails_with 2 'uzs-free: --defers off: no such variant *' "$free" --defers off

finish
