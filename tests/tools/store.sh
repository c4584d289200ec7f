#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs store on a generated directory: the counts are known, the figures obey
# their identities.
. "$(dirname "$0")/common.inc"

# value KEY: of the last JSON output. stage N KEY: in the Nth stage, from 1.
value() {
	sed -n "s/^ *\"$1\": \(.*[^,]\),*\$/\1/p" "$work/out" | head -n 1
}
stage() {
	sed -n '/^  "stages"/,/^  \]/p' "$work/out" |
		sed -n "s/^ *\"$2\": \(.*[^,]\),*\$/\1/p" | sed -n "${1}p"
}
# nth N KEY: the Nth line with that key.
nth() {
	sed -n "s/^ *\"$2\": \(.*[^,]\),*\$/\1/p" "$work/out" | sed -n "${1}p"
}

# What holds for every run, in the last JSON output.
identities() {
	if command -v python3 >/dev/null; then
		check "JSON of $1" python3 -m json.tool "$work/out" \
			"$work/tree"
	fi
	pages=$(value count)
	objects=$(($(value compressed) + $(value raw)))
	freed=$((objects * $(value percent) / 100))
	equal "$1: pages" "$pages" $((objects + $(value same_filled)))
	equal "$1: objects stored" "$objects" "$(stage 1 objects)"
	equal "$1: objects freed" "$freed" \
		"$(sed -n '/^  "free"/,/^  }/p' "$work/out" |
			sed -n 's/^ *"objects": \([0-9]*\),*$/\1/p')"
	for i in 2 3 4; do
		equal "$1: objects in stage $i" $((objects - freed)) \
			"$(stage $i objects)"
		equal "$1: bytes in stage $i" "$(stage 2 compressed_bytes)" \
			"$(stage $i compressed_bytes)"
	done
	for i in 1 2 3 4; do
		bytes=$(stage $i compressed_bytes)
		pool=$(stage $i pool_bytes)
		check "$1: stage $i, pool $pool holds $bytes" \
			[ "$pool" -ge "$bytes" ]
		equal "$1: overhead in stage $i" \
			"$(awk -v b="$bytes" -v p="$pool" 'BEGIN {
				if (b) printf "%.3f", p * 100 / b - 100
				else print "null" }')" \
			"$(stage $i overhead_percent | awk '{
				if ($1 == "null") print; else printf "%.3f", $1 }')"
	done
	check "$1: trimmed pool is no larger than before" \
		[ "$(stage 4 pool_bytes)" -le "$(stage 3 pool_bytes)" ]
	check "$1: the end is no larger than the beginning" \
		[ "$(stage 4 pool_bytes)" -le "$(stage 1 pool_bytes)" ]
	check "$1: bytes moved for pages freed" \
		[ "$(value pages_freed)" -eq 0 -o "$(value bytes_moved)" -gt 0 ]
}

# The input: text that compresses, noise that does not, zeros, other
# same-filled pages, a last page of 5 bytes, an empty file; a link to itself,
# a link to a file, a named pipe, which are all skipped.
mkdir -p "$work/in/deep/er" "$work/in/noise"
awk 'BEGIN { for (i = 0; i < 60000; i++) print i, i * i, "pages of text" }' |
	head -c 1048576 >"$work/in/text"
head -c 409600 /dev/urandom >"$work/in/noise/random"
head -c 163840 /dev/zero >"$work/in/deep/zero"
awk 'BEGIN { for (i = 0; i < 8192; i++) printf "ABCDEFGH" }' \
	>"$work/in/deep/er/words"
{
	head -c 8192 "$work/in/text"
	printf 'tail\n'
} >"$work/in/deep/tail"
: >"$work/in/empty"
ln -s . "$work/in/loop"
ln -s text "$work/in/link"
mkfifo "$work/in/pipe"
in_bytes=$((1048576 + 409600 + 163840 + 65536 + 8197))

# Pages and same-filled pages by page size (65536: the noise ends in a page
# that is noise and zeros).
for page_size in 4096 16384 65536; do
	case $page_size in
	4096) pages=415 same=56 raw=100 ;;
	16384) pages=104 same=14 raw=25 ;;
	65536) pages=28 same=4 raw=6 ;;
	esac
	runs_well "$uzs" store --json --page-size $page_size "$work/in"
	identities "page size $page_size"
	equal "bytes in" "$in_bytes" "$(value bytes)"
	equal "files" 6 "$(value files)"
	equal "links" 2 "$(value skipped_links)"
	equal "special files" 1 "$(value skipped_special)"
	equal "unreadable files" 0 "$(value skipped_unreadable)"
	equal "pages of $page_size" "$pages" "$(value count)"
	equal "same-filled pages of $page_size" "$same" "$(value same_filled)"
	equal "raw pages of $page_size" "$raw" "$(value raw)"
	equal "page size" $page_size "$(value page_size)"
done

# Blocks of less than a page of the pool: as many, as well packed.
runs_well "$uzs" store --json --page-size 64K --block 4K "$work/in"
identities "blocks of 4096 in pages of 65536"
equal "small blocks" 415 "$(value count)"
equal "their size" 4096 "$(value block_bytes)"
equal "the pool's pages" 65536 "$(value page_size)"
equal "raw small blocks" 100 "$(value raw)"

for algo in lz4 zstd zstd:1 zstd:-5 zstd:19; do
	runs_well "$uzs" store --json --algo $algo "$work/in"
	identities "$algo"
	equal "raw pages with $algo" 100 "$(value raw)"
	check "$algo makes less of it" \
		[ "$(stage 1 compressed_bytes)" -lt 900000 ]
done
runs_well "$uzs" store --json --algo zstd "$work/in"
equal "zstd's level" '"zstd:3"' "$(value algo)"
runs_well "$uzs" store --json --algo none "$work/in"
identities none
equal "raw pages with none" $((415 - 56)) "$(value raw)"
equal "bytes with none" $(((415 - 56) * 4096)) "$(stage 1 compressed_bytes)"

for percent in 0 1 90 100; do
	runs_well "$uzs" store --json --free $percent "$work/in"
	identities "--free $percent"
	equal "percent" $percent "$(value percent)"
done
equal "bytes when all is freed" 0 "$(stage 4 compressed_bytes)"
check "pool when all is freed and trimmed" \
	[ "$(stage 4 pool_bytes)" -lt $((512 * 1024)) ]

# A seed chooses the same objects again, another seed others.
runs_well "$uzs" store --json --seed 7 "$work/in"
first=$(stage 2 compressed_bytes)
runs_well "$uzs" store --json --seed 7 "$work/in"
equal "the same seed" "$first" "$(stage 2 compressed_bytes)"
runs_well "$uzs" store --json --seed 8 "$work/in"
check "another seed" [ "$first" -ne "$(stage 2 compressed_bytes)" ]

# The ways in.
run "$uzs" store --json - <"$work/in/text"
equal "status of stdin" 0 "$status"
identities stdin
equal "bytes from stdin" 1048576 "$(value bytes)"
# A slow pipe: short reads are no short pages.
{
	head -c 5000 "$work/in/text"
	sleep 1
	tail -c +5001 "$work/in/text"
} | "$uzs" store --json - >"$work/out" 2>"$work/err"
equal "pages from a slow pipe" 256 "$(value count)"
cat "$work/in/text" >"$work/in/pipe" &
writer=$!
runs_well "$uzs" store --json "$work/in/pipe"
kill "$writer" 2>/dev/null # it waits for ever if nobody opened the pipe
wait
equal "pages from a named pipe" 256 "$(value count)"
runs_well "$uzs" store --json "$work/in/text" "$work/in/link" "$work/in/deep"
identities "several paths"
equal "bytes of several paths" $((2 * 1048576 + 163840 + 65536 + 8197)) \
	"$(value bytes)"
mkdir "$work/none"
for path in "$work/in/empty" "$work/none" /dev/null; do
	if [ "$path" = /dev/null ]; then
		run "$uzs" store --json - </dev/null
	else
		runs_well "$uzs" store --json "$path"
	fi
	equal "status of nothing" 0 "$status"
	identities "nothing"
	equal "pages of nothing" 0 "$(value count)"
done
name=$(printf 'a"b\\c\t\377\303\244')
cp "$work/in/text" "$work/$name"
runs_well "$uzs" store --json "$work/$name"
identities "a name of odd bytes"
check "name in JSON" grep -q 'a\\"b\\\\c\\u0009\\ufffd' "$work/out"

runs_well "$uzs" store --json --max-bytes 100K "$work/in"
identities "--max-bytes"
equal "bytes with --max-bytes" 102400 "$(value bytes)"
equal "cut" true "$(value cut)"
runs_well "$uzs" store --json --max-bytes 5000 "$work/in/text"
equal "pages of 5000 bytes" 2 "$(value count)"
runs_well "$uzs" store --json --limit 64M "$work/in"
identities "a limit that suffices"
equal "limit" 67108864 "$(value limit_bytes)"

# The machine's libraries, where it has any.
runs_well "$uzs" store --json --max-bytes 8M
identities "libraries"
equal "libraries" true "$(value machine_libraries)"

# For people.
runs_well "$uzs" store --classes --free 30 "$work/in"
for line in '^pages  *415 of 4096 bytes: ' '^bytes in  *1695749 ' \
	'^stored  *359 ' '^freed 30 %  *252 ' '^compacted  *252 ' \
	'^trimmed  *252 ' '^freed  *107 objects' '^verified  *252 objects' \
	'^ class  *size ' '^ Total '; do
	check "line '$line'" grep -q "$line" "$work/out"
done
runs_well "$uzs" store --classes --json "$work/in"
identities "--classes"
equal "objects in the classes" "$(stage 4 objects)" \
	"$(sed -n 's/^ *"objs_inuse": \([0-9]*\),*$/\1/p' "$work/out" |
		awk '{ n += $1 } END { print n }')"

# Cut off is what has more than that, be it in another file.
mkdir "$work/exact"
head -c 10000 "$work/in/text" >"$work/exact/a"
: >"$work/exact/b"
cut_off() {
	what=$1 expected=$2
	shift 2
	runs_well "$uzs" store --json "$@"
	equal "cut off: $what" "$expected" "$(value cut)"
	equal "bytes of $what" 10000 "$(value bytes)"
}
cut_off "a file of that size" false --max-bytes 10000 "$work/exact/a"
cut_off "one byte more allowed" false --max-bytes 10001 "$work/exact/a"
cut_off "an empty file behind it" false --max-bytes 10000 "$work/exact"
equal "files" 2 "$(value files)"
runs_well "$uzs" store --json --max-bytes 10000 - <"$work/exact/a"
equal "cut off: stdin of that size" false "$(value cut)"
printf 'x' >"$work/exact/c"
cut_off "a byte in the last file" true --max-bytes 10000 "$work/exact"
equal "files that are read" 2 "$(value files)"
cut_off "all of both" false --max-bytes 10001 "$work/exact/a" "$work/exact/b"
cp "$work/exact/a" "$work/exact/longer"
printf 'x' >>"$work/exact/longer"
cut_off "a byte more" true --max-bytes 10000 "$work/exact/longer"
runs_well "$uzs" store --max-bytes 10000 "$work/exact/a"
check "not told as cut off" sh -c "! grep -q 'cut off' '$work/out'"

finish
