#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs with pools of each profile: --profile kernel changes nothing, the user
# profile holds its promises on sizes, and what it stores is read back.
. "$(dirname "$0")/common.inc"

# Text that comes again after 62,500 bytes, whatever the program was built with.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	for _ in 1 2 3 4; do
		head -c 62500 "$uzs"
	done
done >"$work/in"
head -c 2100000 /dev/urandom >>"$work/in"

# value KEY: the first of that name in the last JSON output.
value() {
	sed -n "s/^ *\"$1\": \(.*[^,]\),*\$/\1/p" "$work/out" | head -n 1
}

# The profile that one does not have to name.
runs_well "$uzs" classes
cp "$work/out" "$work/classes"
runs_well "$uzs" classes --profile kernel
check "classes of the kernel profile" cmp -s "$work/out" "$work/classes"
runs_well "$uzs" store --json --profile kernel "$work/in"
equal "no word of the profile" "" "$(value profile)"
equal "its chain size" 8 "$(value chain_size)"

# Sizes up to 1 MiB, each class larger than the one before.
for page_size in 4096 65536; do
	runs_well "$uzs" classes --profile user --page-size $page_size
	equal "chain size" "chain_size 16" "$(sed -n 4p "$work/out")"
	equal "the rows ascend, the last holds 1 MiB" "" "$(awk '
		$1 ~ /^[0-9]+$/ && NF == 5 {
			if ($1 <= index_before || $2 <= size) print
			index_before = $1; size = $2
		}
		END { if (size < 1048576) print size }' "$work/out")"
done
runs_well "$uzs" classes --profile user --chain-size 4 --json
equal "chain size in JSON" 4 "$(value chain_size)"

for more in "" "--algo none" "--page-size 65536" "--chain-size 4 --free 90" \
	"--limit 64M"; do
	# shellcheck disable=SC2086
	runs_well "$uzs" store --json --profile user $more "$work/in"
	equal "the profile, $more" '"user"' "$(value profile)"
	check "raw pages, $more" [ "$(value raw)" -gt 0 ]
	equal "no page is larger raw, $more" "$(value page_size)" \
		"$(value raw_from_bytes)"
done
runs_well "$uzs" store --classes --profile user "$work/in"
check "its class table" grep -q '^ Total ' "$work/out"

# Blocks beyond a page. The noise at the end does not compress: a raw block is an
# object of the block's whole size.
for block in 8192 65536 1048576; do
	for algo in lz4 zstd none; do
		runs_well "$uzs" store --json --profile user --block $block \
			--algo $algo --free 40 --classes "$work/in"
		blocks="blocks of $block, $algo"
		equal "$blocks" $block "$(value block_bytes)"
		equal "number of $blocks" $(((5100000 + block - 1) / block)) \
			"$(value count)"
		check "raw $blocks" [ "$(value raw)" -gt 0 ]
		check "objects of $blocks" [ "$(awk -F'[:,]' -v block=$block '
			/"size"/ { size = $2 }
			/"objs_inuse"/ && $2 > 0 && size > block / 2 { n++ }
			END { print n + 0 }' "$work/out")" -gt 0 ]
		if [ $algo != none ]; then
			check "less than raw, $blocks" [ "$(sed -n \
				's/^ *"compressed_bytes": \([0-9]*\),$/\1/p' \
				"$work/out" | head -n 1)" -lt 5100000 ]
		fi
	done
done
runs_well "$uzs" store --profile user --block 1M --algo zstd "$work/in"
check "text of large blocks" \
	grep -q '^pages  *5 of 1048576 bytes: ' "$work/out"
# Larger blocks compress better.
compressed=
for block in 256K 4K; do
	runs_well "$uzs" store --json --profile user --block $block \
		--algo zstd "$work/in"
	compressed="$compressed $(sed -n \
		's/^ *"compressed_bytes": \([0-9]*\),$/\1/p' "$work/out" |
		head -n 1)"
done
check "compressed to$compressed" sh -c '[ "$1" -lt "$2" ]' sh $compressed

# Traces: objects keep their data, nothing is left.
cat >"$work/trace" <<'END'
a 1 1
a 2 1048576
a 3 5000
a 4 40
f 2
c
a 2 300000
f 3
f 1
c
END
runs_well "$uzs" replay --profile user "$work/trace"
equal "data" "data_ok leaks_none" "$(tail -n 1 "$work/out")"
# Sizes of all orders, walked at each compaction.
awk 'BEGIN {
	srand(7)
	for (i = 0; i < 3000; i++) {
		id = int(rand() * 150)
		print (live[id] ? "f " id : "a " id " " \
			int(exp(rand() * log(1048576))) + (rand() < 0.02) * 1048576)
		live[id] = !live[id]
		if (i % 250 == 249) print "c"
	}
}' | awk '$3 > 1048576 { $3 = 1048576 } { print }' >"$work/large"
check "large objects in the trace" [ "$(grep -c ' 1048576$' "$work/large")" -gt 5 ]
runs_well "$uzs" replay --profile user "$work/large"
equal "data of large objects" "data_ok leaks_none" "$(tail -n 1 "$work/out")"
equal "walks of large objects" 25 "$(grep -c ' layout ' "$work/out")"
for trace in s1 s5 s7; do
	runs_well "$uzs" replay --profile user "$data/traces/$trace.trace.gz"
	equal "data of $trace" "data_ok leaks_none" "$(tail -n 1 "$work/out")"
done

fails_with 1 "uzs: $work/trace:2: the size is not from 1 to 4096 bytes, a page" \
	"$uzs" replay "$work/trace"
echo 'a 1 1048577' >"$work/trace"
fails_with 1 "uzs: $work/trace:1: the size is not from 1 to 1048576 bytes" \
	"$uzs" replay --profile user "$work/trace"
for command in store classes replay; do
	fails_with 2 "uzs: --profile takes kernel or user, not 'fast' (see uzs $command --help)" \
		"$uzs" $command --profile fast
	runs_well "$uzs" $command --help
	check "$command --help" grep -q -e '--profile NAME' "$work/out"
done

finish
