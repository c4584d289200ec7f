#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs classes against the class tables and counts of the kernel's allocator,
# and the program's command line as a whole.
. "$(dirname "$0")/common.inc"

# Whole tables, and the bytes that a zspage wastes.
found=0
for table in "$data"/classes/classes-p*-c*.txt; do
	[ -e "$table" ] || continue
	found=$((found + 1))
	name=$(basename "$table" .txt)
	page_size=${name##*-p}
	page_size=${page_size%%-*}
	chain_size=${name##*-c}
	runs_well "$uzs" classes --page-size "$page_size" \
		--chain-size "$chain_size"
	awk '/^(huge_class_size|distinct_classes) / || /^[0-9]/' "$table" \
		>"$work/expected"
	awk '/^(huge_class_size|distinct_classes) / ||
		($1 ~ /^[0-9]+$/ && NF == 5) { NF = NF > 2 ? 4 : 2; print }' \
		"$work/out" >"$work/got"
	check "$name" diff "$work/expected" "$work/got"
	equal "bytes wasted, $name" "" "$(awk -v page="$page_size" '
		$1 ~ /^[0-9]+$/ && $5 != $3 * page - $4 * $2' "$work/out")"
done
check "tables in $data/classes" [ "$found" -gt 0 ]

# The counts for many geometries, from the text and from JSON.
found=0
while read -r page_size chain_size _ distinct _ huge; do
	case $page_size in
	[0-9]*) ;;
	*) continue ;;
	esac
	found=$((found + 1))
	runs_well "$uzs" classes --page-size "$page_size" \
		--chain-size "$chain_size"
	equal "page size $page_size, chain size $chain_size" \
		"huge_class_size $huge distinct_classes $distinct" \
		"$(head -n 2 "$work/out" | tr '\n' ' ' | sed 's/ $//')"
	equal "rows" "$distinct" "$(grep -c '^ *[0-9]' "$work/out")"
	awk '$1 ~ /^[0-9]+$/ { print $1, $2, $3, $4, $5 }' "$work/out" \
		>"$work/text"
	runs_well "$uzs" classes --json --page-size "$page_size" \
		--chain-size "$chain_size"
	tr -d ' ,"' <"$work/out" | awk -F: '
		$1 == "index" { row = $2 }
		$1 ~ /^(size|pages_per_zspage|objs_per_zspage)$/ {
			row = row " " $2
		}
		$1 == "waste_bytes" { print row, $2 }' >"$work/from_json"
	check "JSON of $page_size, $chain_size" \
		diff "$work/text" "$work/from_json"
done <"$data/chain-size.tsv"
check "rows in $data/chain-size.tsv" [ "$found" -gt 0 ]
if command -v python3 >/dev/null; then
	check "JSON" python3 -m json.tool "$work/out" "$work/tree"
fi

runs_well "$uzs" classes --page-size 16K
cp "$work/out" "$work/16K"
runs_well "$uzs" classes --page-size=16384 --chain-size=8
check "--page-size 16K" cmp "$work/out" "$work/16K"

for value in 0 1 4095 4097 2048 131072 -4096 4k 16KB x ''; do
	fails_with 2 "uzs: --page-size takes *, not '$value' (see *)" \
		"$uzs" classes --page-size "$value"
done
for value in 0 3 17 -8 8x ' 8' 18446744073709551624 ''; do
	fails_with 2 "uzs: --chain-size takes *, not '$value' (see *)" \
		"$uzs" classes --chain-size "$value"
done
fails_with 2 "uzs: unexpected argument 'x' (see uzs classes --help)" \
	"$uzs" classes x
fails_with 2 "uzs: *--nothing*" "$uzs" classes --nothing
fails_with 2 "uzs: *--page-size* requires an argument" \
	"$uzs" classes --page-size

# The program itself.
fails_with 2 "uzs: no command given (see uzs --help)" "$uzs"
fails_with 2 "uzs: unknown command 'nothing' (see uzs --help)" "$uzs" nothing
runs_well "$uzs" --version
check "version" grep -qE '^uzs [0-9]+\.[0-9]+\.[0-9]+$' "$work/out"
runs_well "$uzs" --help
for command in store classes replay; do
	check "--help names $command" grep -q "uzs $command" "$work/out"
done
for command in store classes replay; do
	runs_well "$uzs" "$command" --help
	check "help of $command" \
		grep -q "^usage: uzs $command " "$work/out"
	check "example of $command" grep -q '^Example: .*uzs' "$work/out"
	check "width of the help of $command" \
		awk 'length > 79 { exit 1 }' "$work/out"
done

# Output that cannot be written.
if [ -c /dev/full ]; then
	for command in classes --help --version; do
		"$uzs" "$command" >/dev/full 2>"$work/err"
		status=$?
		one_line "$command to a full disk" 1 \
			"uzs: cannot write the output: No space left on device"
	done
fi
"$uzs" classes >&- 2>"$work/err"
status=$?
one_line "closed stdout" 1 "uzs: cannot write the output: *"
# The reader is gone before the first byte.
{
	sleep 1
	"$uzs" classes 2>"$work/err"
	echo $? >"$work/status"
} | true
status=$(cat "$work/status")
one_line "closed pipe" 1 "uzs: cannot write the output: Broken pipe"

finish
