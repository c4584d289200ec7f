#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# conformance.sh - the suite fails where a subject is wrong, in the test that
# should, and passes for the same shared object when it is right.
#
# Usage: conformance.sh UZS-CONFORMANCE SUBJECT_WRONG.so BYTES_OF_A_POINTER
set -eu
conformance=$1 wrong=$2 bytes=$3
doc=$(dirname -- "$0")/../../docs/user-profile.md
out=$(mktemp) table=$(mktemp)
trap 'rm -f "$out" "$table"' EXIT
unset UZS_WRONG UZS_WRONG_OF
# With less work an error may not be met.
export UZS_TEST_SCALE=100

fail() {
	echo "FAIL: $1" >&2
	cat "$out" >&2
	exit 1
}

# run STATUS ARGUMENT...: the program, which should end with that.
run() {
	want=$1 got=0
	shift
	"$conformance" "$@" > "$out" 2>&1 || got=$?
	[ "$got" = "$want" ] || fail "exit status $got, not $want: $*"
}

run 0 --subject "$wrong" --page-size 4096 --test 'test_r*'
grep -q ' tests, 0 failed, [0-9]* skipped$' "$out" || fail "no summary"
[ "$(sed -n 's/ tests, 0 failed, .*//p' "$out")" = \
	"$(grep -ac '^\[ RUN ' "$out")" ] || fail "counts what did not run"
run 0 --subject "$wrong" --page-size 4096 --test test_random
grep -q '^1 tests, 0 failed' "$out" || fail "one test is not one"

# find: each line an error, then the tests that should find it.
find() {
	while read -r error tests; do
		for test in $tests; do
			run 0 --subject "$wrong" --page-size 4096 \
				--test "test_$test"
			export UZS_WRONG="$error"
			run 1 --subject "$wrong" --page-size 4096 \
				--test "test_$test"
			unset UZS_WRONG
			# Of what is not pinned AddressSanitizer tells first.
			grep -aq "FAILED.*test_$test" "$out" ||
				{ [ "$error" = pin ] &&
					grep -aq 'ERROR: Addr.*use-after-poison' "$out"; } ||
				fail "$error: not in test_$test"
			echo "$error is found by test_$test"
		done
	done
}

find <<'END'
zspage random trace_3
count sums random
compact all_classes random two_compact
free largest random_many_objects
data neighbours write everything
huge huge_class_size class_table
pin segments_stay random
END

if [ "$bytes" = 8 ]; then
	export UZS_WRONG_OF=user
	echo "the user profile:"
	find <<'END'
count sums random trace_3
compact all_classes random two_compact trace_3
data largest write random
huge huge_class_size
pin segments_stay random
keep sums empty_goes groups trace_3
pages fills_up largest
END
	unset UZS_WRONG_OF
fi

# The page about the profile has these rows.
if [ "$bytes" = 8 ]; then
	run 0 --subject user-refs --page-size 4096 --test test_pools
	sed -n 's/^  \([^ ].*[^ ]\)   *\([^ ].*\)$/| \1 | \2 |/p' "$out" > "$table"
	[ "$(wc -l < "$table")" -ge 10 ] || fail "few differences"
	while IFS= read -r row; do
		grep -qxF -e "$row" "$doc" || fail "not in $doc: $row"
	done < "$table"
fi

# What is skipped says why, in words of the table.
run 0 --differences
cp "$out" "$table"
run 0 --subject "$wrong" --page-size 4096 --test 'test_d*'
grep -aq '^\[  SKIPPED \] test_deferred' "$out" || fail "skips nothing"
sed -n '/^\[  REASON  \]$/,/^\[  SKIPPED/{/^\[/!p}' "$out" | {
	reasons=0
	while IFS= read -r reason; do
		grep -qxF -e "$reason" "$table" || fail "not in the table: $reason"
		reasons=$((reasons + 1))
	done
	[ "$reasons" -ge 2 ] || fail "skips without a reason"
}

# A failure of the model says how to repeat it, and that does.
export UZS_WRONG=zspage
run 1 --subject "$wrong" --page-size 4096 --test test_random
repeat=$(grep -ao 'UZS_TEST_MODEL=[^ ]*' "$out" | head -1)
[ -n "$repeat" ] || fail "says not how to repeat it"
got=0
env "$repeat" "$conformance" --subject "$wrong" --page-size 4096 \
	--test test_random > "$out" 2>&1 || got=$?
[ "$got" = 1 ] || fail "$repeat does not repeat it"
grep -aq "$repeat" "$out" || fail "$repeat repeats something else"
unset UZS_WRONG

run 0 --differences
grep -q 'EINVAL' "$out" || fail "no table of differences"
grep -q '^  an object lies in one piece' "$out" || fail "no user profile in it"
for bad in '' '--subject nosuch' '--subject held x' "--subject $conformance" \
	'--subject held --page-size 5000' '--subject held --test nosuch'; do
	# shellcheck disable=SC2086
	run 2 $bad
	[ "$(wc -l < "$out")" = 1 ] || fail "not one line: $bad"
done
