#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# soak.sh - scripts/soak, for seconds: a right library passes, the figures and the
# drawing are there, and the same figures give the same verdict again. A library
# that is wrong at one place does not pass.
#
# Usage: soak.sh SCRIPTS UZS-SOAK [VARIANT]
# VARIANT: the file that says what is wrong (tests/wrong/README.md).
set -eu
if [ $# -lt 2 ]; then
	echo "usage: soak.sh SCRIPTS UZS-SOAK [VARIANT], for example" \
		"soak.sh scripts build/release/tests/soak/uzs-soak" >&2
	exit 2
fi
soak=$1/soak program=$2 variant=${3-}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "FAIL: $1" >&2
	cat "$dir/out" "$dir/err" >&2
	exit 1
}

# try ARGUMENT...: sets `got`.
try() {
	got=0
	"$soak" "$@" >"$dir/out" 2>"$dir/err" || got=$?
}

# run STATUS ARGUMENT...
run() {
	want=$1
	shift
	try "$@"
	[ "$got" = "$want" ] || fail "exit status $got, not $want: $*"
}

# short STATUS PATTERN ARGUMENT...: intervals of half a second are disturbed by
# whatever else the machine does: one of three must end so, and say that. A pool
# that does not end well is no disturbance.
short() {
	want=$1 pattern=$2
	shift 2
	for _ in 1 2 3; do
		try --program "$program" --out "$dir/results" --seconds 6 \
			--intervals 12 --objects 1500 --rate 6000 "$@"
		[ "$got" != "$want" ] ||
			! grep -E -e "$pattern" "$dir/out" || return 0
		! grep -E -e 'ended with|killed by|no end' "$dir/out" "$dir/err" ||
			fail "a pool ended: $*"
	done
	fail "exit status $got, not $want, or no '$pattern': $*"
}

if [ -n "$variant" ]; then
	pool=$(sed -n 's/^# run: //p' "$variant")
	finds=$(sed -n 's/^# finds: //p' "$variant")
	if [ -z "$pool" ] || [ -z "$finds" ]; then
		echo "$variant: no line '# run: POOL', or no '# finds: TEXT'" >&2
		exit 2
	fi
	short 1 "FAILED: $pool: $finds" --pools "$pool"
	exit 0
fi

short 0 '^holds: ' --pools kernel/class-idx/none,user/none
for file in soak.csv soak-summary.md soak.svg; do
	[ -s "$dir/results/$file" ] || fail "no $file"
done
# Two pools, memory and times: three lines and six.
lines=$(grep -o '<path' "$dir/results/soak.svg" | wc -l)
[ "$lines" -eq 18 ] || fail "$lines lines in the drawing"
[ "$(wc -l <"$dir/results/soak.csv")" -eq 25 ] || fail "not 24 rows"
cp "$dir/out" "$dir/first"
run 0 --from "$dir/results/soak.csv"
cmp -s "$dir/out" "$dir/first" || fail "another verdict by the same figures"
run 0 --from "$dir/results/soak.csv" --json
grep -q '"holds": true' "$dir/out" || fail "no JSON"

# What is no run, and what does not end well.
run 1 --from "$dir/results/soak-summary.md"
run 2 --pools kernel/none
run 2 --intervals 2
printf '#!/bin/sh\necho "uzs-soak: it is wrong" >&2\nexit 1\n' >"$dir/bad"
chmod +x "$dir/bad"
run 1 --program "$dir/bad" --out "$dir/results" --seconds 1 --pools user/none
grep -q 'user/none: ended with 1: uzs-soak: it is wrong' "$dir/err" ||
	fail "it does not say what failed"
