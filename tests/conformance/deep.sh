#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# deep.sh - scripts/deep goes on where it was ended, whatever ended it, and tells a
# piece that finds something, with the command that shows it.
#
# Usage: deep.sh SCRIPTS UZS-COMPARE SUBJECT_WRONG.so
set -eu
deep=$1/deep compare=$2 wrong=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset UZS_WRONG

fail() {
	echo "FAIL: $1" >&2
	cat "$dir/out" "$dir/err" >&2
	exit 1
}

# run STATUS OPTION...: eight pieces of 20,000 operations.
run() {
	want=$1 got=0
	shift
	"$deep" --dir "$dir/state" --subject "$wrong" --program "$compare" \
		--ops 160K --piece 20K "$@" >"$dir/out" 2>"$dir/err" || got=$?
	[ "$got" = "$want" ] || fail "exit status $got, not $want: $*"
}

# pieces NUMBER: so many are written down as done, none twice.
pieces() {
	[ "$(sed 1d "$dir/state/done.csv" | cut -d, -f 2 | sort -u | wc -l)" -eq \
		"$1" ] || fail "not $1 pieces are done"
	[ "$(sed 1d "$dir/state/done.csv" | wc -l)" -eq "$1" ] ||
		fail "a piece is there twice"
}

# One that finds something is told, and shows it again; it is not done.
export UZS_WRONG=compact
run 1 --minutes 0.001
again=$(sed -n 's/^  again: //p' "$dir/err" | head -n 1)
[ -n "$again" ] || fail "no command"
grep -q 'FAILED: subject_wrong, piece [01], seed [0-9]*: mismatch' \
	"$dir/err" || fail "what failed is not told"
(eval "$again") >"$dir/out" 2>&1 && fail "the command shows nothing: $again"
grep -q mismatch "$dir/out" || fail "the command shows something else"
[ ! -e "$dir/state/done.csv" ] || fail "it counts as done"
unset UZS_WRONG

# Ended by its time, killed, and with half a line: it goes on.
run 3 --minutes 0.0001
pieces 2
"$deep" --dir "$dir/state" --subject "$wrong" --program "$compare" \
	--ops 160K --piece 20K >"$dir/out" 2>"$dir/err" &
child=$!
while [ "$(wc -l <"$dir/state/done.csv")" -lt 4 ]; do
	kill -0 $child 2>/dev/null || fail "it ended by itself"
	sleep 0.02
done
kill -TERM $child
wait $child && fail "it does not end when it is told to"
printf 'subject_wrong,7,123' >>"$dir/state/done.csv"
run 0
grep -q 'going on: [3-7] of 8' "$dir/err" || fail "it does not go on"
sed -i '/^subject_wrong,7,123$/d' "$dir/state/done.csv"
pieces 8
grep -q '^160,000 of 160,000 operations' "$dir/out" || fail "not all is done"
[ "$(cut -d, -f 3 "$dir/state/done.csv" | sort -u | wc -l)" -eq 9 ] ||
	fail "two pieces have the same seed"

# Nothing is left to do; what is done can be asked for; more goes on from there.
run 0
pieces 8
run 0 --status --json
grep -q '"ops": 160000' "$dir/out" || fail "no status"
run 0 --ops 200K
pieces 10
run 2 --piece 10K
run 0 --fresh
pieces 8
