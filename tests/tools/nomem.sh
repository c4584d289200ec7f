#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs-nomem: in each scenario, deferral and profile no -ENOMEM while memory
# could be had.
. "$(dirname "$0")/common.inc"
TSAN_OPTIONS="${TSAN_OPTIONS-} atexit_sleep_ms=0"
export TSAN_OPTIONS
nomem=$uzs
# How long something takes is for a benchmark: not fork and neighbour.
scenarios=quota-2,quota-4,worker,flusher,walk,gaps,compactor,trimmer,pinned,in-hand,full

runs_well "$nomem" --help
check "help knows each scenario" grep -q '^  neighbour ' "$work/out"
runs_well "$nomem" --seconds 0.1 --limit 16M --csv --scenarios $scenarios
equal "a row for each scenario and deferral" 56 "$(wc -l <"$work/out")"
equal "wrong ones" 0 "$(awk -F, 'NR > 1 { n += $5 } END { print n + 0 }' "$work/out")"
# On a busy machine a cell may be over before its thread had a CPU.
check "calls were made" awk -F, \
	'NR > 1 { n += $4 } END { exit n < 1000 }' "$work/out"
runs_well "$nomem" --seconds 0.1 --limit 16M --csv --scenarios gaps,quota-2 \
	--defers array --scopes held,unlocked
if "$nomem" --profile user --seconds 0.1 --scenarios worker --defers none \
	>"$work/out" 2>"$work/err"; then
	runs_well "$nomem" --seconds 0.1 --limit 16M --csv --profile user \
		--scenarios $scenarios --defers none,array,percpu
	equal "a row for each, user profile" 34 "$(wc -l <"$work/out")"
	equal "rows of that profile" 33 "$(grep -c ',user,' "$work/out")"
	equal "wrong ones, user profile" 0 \
		"$(awk -F, 'NR > 1 { n += $5 } END { print n + 0 }' "$work/out")"
else
	skip "the user profile: $(cat "$work/err")"
fi
fails_with 2 'uzs-nomem: --scopes: not with --profile user *' \
	"$nomem" --profile user --scopes held
fails_with 2 'uzs-nomem: --profile x: no such variant *' "$nomem" --profile x
fails_with 2 'uzs-nomem: --limit: at least 16M*' "$nomem" --limit 1M
fails_with 2 'uzs-nomem: --seconds: x: not a time*' "$nomem" --seconds x
fails_with 2 'uzs-nomem: --scenarios nothing: no such variant *' "$nomem" --scenarios nothing

finish
