#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# conformance.sh - the suite fails where a subject is wrong, in the test that
# should, and passes for the same shared object when it is right.
#
# Usage: conformance.sh UZS-CONFORMANCE SUBJECT_WRONG.so
set -eu
conformance=$1 wrong=$2
out=$(mktemp)
trap 'rm -f "$out"' EXIT
unset UZS_WRONG
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

while read -r error tests; do
	for test in $tests; do
		run 0 --subject "$wrong" --page-size 4096 --test "test_$test"
		export UZS_WRONG="$error"
		run 1 --subject "$wrong" --page-size 4096 --test "test_$test"
		unset UZS_WRONG
		# Of what is not pinned AddressSanitizer tells first.
		grep -aq "FAILED.*test_$test" "$out" ||
			{ [ "$error" = pin ] &&
				grep -aq 'ERROR: Addr.*use-after-poison' "$out"; } ||
			fail "$error: not in test_$test"
		echo "$error is found by test_$test"
	done
done <<'END'
zspage random trace_3
count sums random
compact all_classes random two_compact
free largest random_many_objects
data neighbours write everything
huge huge_class_size class_table
pin segments_stay random
END

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
for bad in '' '--subject nosuch' '--subject held x' "--subject $conformance" \
	'--subject held --page-size 5000' '--subject held --test nosuch'; do
	# shellcheck disable=SC2086
	run 2 $bad
	[ "$(wc -l < "$out")" = 1 ] || fail "not one line: $bad"
done
