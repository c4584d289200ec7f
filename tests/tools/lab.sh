#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs lab: the command line, the rows, the table, and that a schedule is
# repeated. What the lab finds is tested by tests/lab.
. "$(dirname "$0")/common.inc"

runs_well "$uzs" lab --help
for command in list run explore replay; do
	check "help names $command" grep -q "uzs lab $command " "$work/out"
	runs_well "$uzs" lab "$command" --help
	check "help of $command has an example" grep -q '^Example: uzs lab ' \
		"$work/out"
	run "$uzs" lab --help
done

# Scenarios, as text and as JSON.
runs_well "$uzs" lab list
check "scenarios" [ "$(wc -l <"$work/out")" -ge 13 ]
cut -d' ' -f1 "$work/out" >"$work/text"
runs_well "$uzs" lab list --json
sed -n 's/^ *"name": "\(.*\)",$/\1/p' "$work/out" >"$work/from_json"
check "names in JSON" diff "$work/text" "$work/from_json"

# One scenario: a row for each scope and deferral, and on 64-bit for the user
# profile with three of these; numbers that add up.
runs_well "$uzs" lab run free-free --cpus 2
rows=$(grep -c '^free-free ' "$work/out")
equal "rows" 12 "$(grep '^free-free ' "$work/out" | grep -vc ' user ')"
check "rows of the user profile" sh -c "[ $rows -eq 15 ] || [ $rows -eq 12 ]"
equal "nothing is found" "$rows" "$(grep -c ' nothing$' "$work/out")"
if [ "$rows" -eq 15 ]; then
	runs_well "$uzs" lab run ref-read-compact --cpus 2
	equal "a row of the user profile" 1 \
		"$(grep -c '^ref-read-compact  *user  *none .* nothing$' \
			"$work/out")"
	fails_with 2 'uzs lab: ref-read-compact goes only with scope user *' \
		"$uzs" lab run ref-read-compact --scope held
	fails_with 2 'uzs lab: free-migrate goes not with scope user *' \
		"$uzs" lab run free-migrate --scope user
fi
runs_well "$uzs" lab run free-free --scope held --defer none --cpus 2
equal "one row" 1 "$(grep -c '^free-free  *held  *none ' "$work/out")"
reduced=$(awk '/^free-free/ { print $6 }' "$work/out")
runs_well "$uzs" lab run free-free --scope held --defer none --cpus 2 \
	--no-reduce
all=$(awk '/^free-free/ { print $6 }' "$work/out")
check "reduction saves schedules" [ "$reduced" -lt "$all" ]
runs_well "$uzs" lab run free-free --scope held --defer none --cpus 2 \
	--preemptions 0
equal "without preemptions: two orders, and some to learn" "" \
	"$(awk '/^free-free/ && $6 > 9' "$work/out")"
runs_well "$uzs" lab run free-free --scope held --defer none --cpus 3 \
	--random --depth 2 --seed 7 --runs 50
equal "random runs" 50 "$(awk '/^free-free/ { print $6 }' "$work/out")"
check "random is never complete" grep -q ' nothing so far$' "$work/out"
runs_well "$uzs" lab run push-flush --scope held --defer array --cpus 2 \
	--preemptions 1 --memory c11 --json
check "JSON: no stale choice was left out" grep -q '"stale_left_out": 0,$' \
	"$work/out"
check "JSON: complete" grep -q '"complete": true,$' "$work/out"
if command -v python3 >/dev/null; then
	runs_well "$uzs" lab run push-flush --cpus 2 --preemptions 1 --json
	check "JSON" python3 -m json.tool "$work/out" "$work/tree"
	equal "push-flush goes with three deferrals" 3 \
		"$(grep -c '"scope": "held"' "$work/tree")"
fi

# A schedule as a table, the same each time.
runs_well "$uzs" lab replay free-free/held/none/2/5b
cp "$work/out" "$work/first"
check "columns" grep -q '^step  CPU 0 .*CPU 1 .*source$' "$work/out"
check "a lock with its line" grep -Eq \
	'^ +[0-9]+ +lock class->lock +src/kernel/scope\.c:[0-9]+$' "$work/out"
check "step 5 is the other CPU's" grep -Eq '^ +5  {30,}begin' "$work/out"
equal "what is found" nothing "$(tail -n 1 "$work/out")"
runs_well "$uzs" lab replay free-free/held/none/2/5b
check "the same again" diff "$work/first" "$work/out"
runs_well "$uzs" lab replay --all free-free/held/none/2/5b
check "--all has more" [ "$(wc -l <"$work/out")" -gt \
	"$(wc -l <"$work/first")" ]
if command -v python3 >/dev/null; then
	for all in '' --all; do
		# shellcheck disable=SC2086
		runs_well "$uzs" lab replay $all free-free/held/none/2/5b
		grep -E '^ +[0-9]+ ' "$work/out" >"$work/table"
		# shellcheck disable=SC2086
		runs_well "$uzs" lab replay $all --json free-free/held/none/2/5b
		check "JSON${all:+ with $all} has the rows of the table" \
			python3 - "$work/out" "$work/table" <<'END'
import json, sys
said = json.load(open(sys.argv[1]))
rows = open(sys.argv[2]).read().splitlines()
assert said["found"] == "nothing" and said["unused"] == 0
assert said["cpus"] == 2 and said["scenario"] == "free-free"
assert len(said["steps"]) == len(rows) > 5
for step, row in zip(said["steps"], rows):
    assert int(row.split()[0]) == step["step"], row
    assert step["does"][:34].strip() in row, row
    if "line" in step:
        assert f"{step['line']}" in row.split("  ")[-1], row
assert {step["on"] for step in said["steps"]} == {"CPU 0", "CPU 1"}
END
	done
	run "$uzs" lab replay --no-table --json --max-steps 10 \
		free-free/held/none/2/-
	equal "exit status of a finding in JSON" 1 "$status"
	check "the finding in JSON" python3 -c \
		'import json, sys; r = json.load(sys.stdin)
assert r["found"] == "livelock" and "steps" not in r and r["text"]' \
		<"$work/out"
fi
run "$uzs" lab replay --no-table --max-steps 10 free-free/held/none/2/-
equal "exit status of a finding" 1 "$status"
check "what is found" grep -q '^livelock: more than 10 steps' "$work/out"

# A schedule that is not this run's: said, and no success.
fails_with 1 "uzs lab: free-free/held/none/2/5b.4000a.1g: 2 of 3 steps do not *, the first is 4000a" \
	"$uzs" lab replay free-free/held/none/2/5b.4000a.1g

# What a finding says about how to see it again is that: all that matters is in
# it.
PATH=$(dirname "$uzs"):$PATH
found_again() {
	run "$uzs" "$@"
	equal "exit status of $*" 1 "$status"
	again=$(sed -n '/ again with$/ { n; s/^  //p; q; }' "$work/out")
	kind=$(awk '/^free-free / { print $NF }' "$work/out")
	# shellcheck disable=SC2086
	run $again --no-table
	equal "exit status of $again" 1 "$status"
	check "$again finds the same" grep -q "^$kind: " "$work/out"
}
found_again lab run free-free --scope held --defer none --cpus 2 \
	--max-steps 30 --check end
equal "the command" \
	"uzs lab replay --check end --max-steps 30 free-free/held/none/2/-" \
	"$again"

# The checks between steps, or none: the same schedules.
runs_well "$uzs" lab run free-free --scope held --defer none --cpus 2 \
	--check end
check "no checks between steps" grep -q ', 0 checks between steps,' "$work/out"
equal "the same schedules" "$reduced" \
	"$(awk '/^free-free/ { print $6 }' "$work/out")"
runs_well "$uzs" lab run free-free --scope held --defer none --cpus 2 \
	--every-step --verify
check "more schedules" [ "$reduced" -lt \
	"$(awk '/^free-free/ { print $6 }' "$work/out")" ]
runs_well "$uzs" lab replay --check end free-free/held/none/2/5b

# Not to the end: said in the last line; a failure, unless wanted.
runs_well "$uzs" lab run free-free --scope held --defer none --cpus 2 \
	--max-runs 3 --bound-ok
check "not to the end" grep -q ', 1 not to the end$' "$work/out"
fails_with 1 'uzs lab: 1 of 1 rows were not explored to the end (--bound-ok*' \
	"$uzs" lab run free-free --scope held --defer none --cpus 2 --max-runs 3
runs_well "$uzs" lab run cpu-change --scope held --cpus 2 --preemptions 3 \
	--seconds 1 --bound-ok
check "a budget" grep -q ', 1 not to the end$' "$work/out"

# Which rows: patterns, and from where on.
runs_well "$uzs" lab explore --preemptions 0 --only 'free-f*/held/*' \
	--only 'rcu-free/*' --skip '*/3' --skip '*/array/2'
awk '($4 == 2 || $4 == 3) && $2 != "user" { print $1, $2, $3, $4 }' "$work/out" >"$work/rows"
equal "rows" 15 "$(wc -l <"$work/rows" | tr -d ' ')"
equal "the first" "free-free held none 2" "$(head -n 1 "$work/rows")"
check "no other scope" sh -c \
	"! grep -q 'free-free unlocked' '$work/rows'"
runs_well "$uzs" lab explore --preemptions 0 --only free-free --cpus 2 \
	--from free-free/class-idx/array/2
equal "the last three" 3 \
	"$(grep '^free-free ' "$work/out" | grep -vc ' user ')"
fails_with 2 "uzs lab: --only: no row matches 'x'*" "$uzs" lab explore --only x
fails_with 2 "uzs lab: --skip: no row matches '*/4'*" "$uzs" lab explore \
	--skip '*/4'
fails_with 2 "uzs lab: --from: there is no row 'x'*" "$uzs" lab explore --from x
fails_with 2 "*--only, --skip and --from are for explore*" "$uzs" lab run \
	free-free --skip x
fails_with 2 "uzs lab: --check: 'x' is none of step, end*" "$uzs" lab explore \
	--check x

# Interrupted: says where it was.
fails_with 1 "uzs lab: interrupted; with --from cpu-change/held/none/2 it *" \
	timeout --preserve-status -s INT 1 "$uzs" lab explore --deep \
	--only cpu-change
check "what is done so far" grep -q '^cpu-change .* nothing so far$' "$work/out"

# The same with plain accesses, where it is built.
if [ -x "$(dirname "$uzs")/uzs-lab-watch" ]; then
	runs_well "$uzs" lab watch run free-free --cpus 2 --preemptions 1
	equal "rows" 12 \
		"$(grep ' nothing$' "$work/out" | grep -vc ' user ')"
	found_again lab watch run free-free --scope held --defer none --cpus 2 \
		--max-steps 30
	equal "the command" \
		"uzs lab watch replay --max-steps 30 free-free/held/none/2/-" \
		"$again"
fi

# Wrong usage.
fails_with 2 'uzs lab: no command given*' "$uzs" lab
fails_with 2 "uzs lab: unknown command 'x'*" "$uzs" lab x
fails_with 2 "uzs lab: there is no scenario 'x'*" "$uzs" lab run x
fails_with 2 'uzs lab: one scenario is wanted*' "$uzs" lab run
# The order of memory: told in JSON, in schedules, and refused where it means
# nothing.
runs_well "$uzs" lab run free-free --scope held --defer none --cpus 2 \
	--memory c11 --stale 2 --json
check "the order in JSON" grep -q '"memory": "c11"' "$work/out"
runs_well "$uzs" lab replay free-free/held/none/2/c11/5b
fails_with 1 '*1 of 1 steps do not fit the run, the first is 5s' \
	"$uzs" lab replay --no-table free-free/held/none/2/tso/5s1
fails_with 2 "uzs lab: --memory: 'x' is none of sc, tso, c11*" \
	"$uzs" lab explore --memory x
fails_with 2 "uzs lab: --memory: 'lkmm-ish' is none of*" \
	"$uzs" lab explore --memory lkmm-ish
fails_with 2 "uzs lab: --stale is for a --memory other than sc*" \
	"$uzs" lab explore --stale 1
fails_with 2 "uzs lab: --weaken: 'x' is not FILE:LINE=relaxed*" \
	"$uzs" lab explore --memory c11 --weaken x
fails_with 1 "uzs lab: --weaken: no access at x.c:1 is stronger*" \
	"$uzs" lab run free-free --scope held --defer none --cpus 2 \
	--preemptions 0 --memory c11 --weaken x.c:1=relaxed
fails_with 2 "uzs lab: --scope: 'x' is none of*" "$uzs" lab explore --scope x
fails_with 2 "uzs lab: --defer: 'x' is none of*" "$uzs" lab explore --defer x
fails_with 2 'uzs lab: --cpus takes a number from 2 to 3, not '\''4'\''*' \
	"$uzs" lab explore --cpus 4
fails_with 2 "uzs lab: what is 'x'*" "$uzs" lab explore x
fails_with 2 'uzs lab: free-free/held: *' "$uzs" lab replay free-free/held
fails_with 2 'uzs lab: one schedule is wanted*' "$uzs" lab replay
fails_with 2 'uzs lab: free-free/held/none/2/99999999999b: the number of a step is larger than *' \
	"$uzs" lab replay free-free/held/none/2/99999999999b
fails_with 2 'uzs lab: free-free/held/none/2/99999999999999999999b: the number of a step is larger than *' \
	"$uzs" lab replay free-free/held/none/2/99999999999999999999b
for steps in 5 5x -5b 5b. +5b 5bb; do
	fails_with 2 "uzs lab: free-free/held/none/2/$steps: the steps are not numbers with letters a to g*" \
		"$uzs" lab replay "free-free/held/none/2/$steps"
done
many=$(seq 65 | sed 's/$/a/' | tr '\n' . | sed 's/\.$//')
fails_with 2 "uzs lab: free-free/held/none/2/$many: there are more than 64 steps*" \
	"$uzs" lab replay "free-free/held/none/2/$many"
fails_with 2 'uzs lab: push-schedule goes with deferral array and 2 CPUs only *' \
	"$uzs" lab run push-schedule --cpus 3
fails_with 2 'uzs lab: push-flush goes with deferral array, percpu, reuse and 2 or 3 CPUs only *' \
	"$uzs" lab run push-flush --defer none
fails_with 2 'uzs lab: no row is left with these options*' "$uzs" lab explore \
	--only free-free --skip free-free

# An option that would do nothing.
for option in '--depth 2' '--seed 2' '--runs 2'; do
	for command in 'run free-free' explore; do
		# shellcheck disable=SC2086
		fails_with 2 "uzs lab: ${option% *} is for --random *" \
			"$uzs" lab $command $option
	done
done
for option in '--preemptions 1' --every-step --no-reduce --verify; do
	# shellcheck disable=SC2086
	fails_with 2 "uzs lab: ${option% *} is not for --random *" \
		"$uzs" lab run free-free --random $option
done

finish
