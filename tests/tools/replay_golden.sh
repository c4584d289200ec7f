#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Every trace in tests/data/traces, in every geometry with a known outcome:
# the output must be the same bytes.
. "$(dirname "$0")/common.inc"

traces=$data/traces

found=0
for expected in "$traces"/*-p*-c*.txt; do
	[ -e "$expected" ] || continue
	found=$((found + 1))
	name=$(basename "$expected" .txt)
	trace=$traces/${name%%-*}.trace.gz
	page_size=${name##*-p}
	page_size=${page_size%%-*}
	chain_size=${name##*-c}
	runs_well "$uzs" replay --page-size "$page_size" \
		--chain-size "$chain_size" "$trace"
	check "$name" cmp "$work/out" "$expected"
done
check "outcomes in $traces" [ "$found" -gt 0 ]

# The ways in: plain file, plain stdin, gzip from stdin.
expected=$traces/s3-p4096-c8.txt
gzip -dc "$traces/s3.trace.gz" >"$work/s3.trace"
runs_well "$uzs" replay "$work/s3.trace"
check "plain file" cmp "$work/out" "$expected"
run "$uzs" replay - <"$work/s3.trace"
check "plain stdin" cmp "$work/out" "$expected"
run "$uzs" replay - <"$traces/s3.trace.gz"
check "gzip from stdin" cmp "$work/out" "$expected"
gzip -dc "$traces/s3.trace.gz" | "$uzs" replay - >"$work/out"
check "plain pipe" cmp "$work/out" "$expected"
# Two gzip members are one file, as gzip has it.
{
	head -n 1000 "$work/s3.trace" | gzip -c
	tail -n +1001 "$work/s3.trace" | gzip -c
} >"$work/two.gz"
runs_well "$uzs" replay "$work/two.gz"
check "two gzip members" cmp "$work/out" "$expected"

# No newline at the end, blanks, carriage returns: the same operations.
awk '{ printf "%s%s", (NR > 1) ? "\n" : "", $0 }' "$work/s3.trace" >"$work/bare"
runs_well "$uzs" replay "$work/bare"
check "no newline at the end" cmp "$work/out" "$expected"
awk '{ gsub(" ", " \t "); printf "%s \r\n", $0 }' "$work/s3.trace" \
	>"$work/blanks"
runs_well "$uzs" replay "$work/blanks"
check "blanks and carriage returns" cmp "$work/out" "$expected"

finish
