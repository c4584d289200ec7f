#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs store with what it cannot do: one clear line each, and the exit status.
. "$(dirname "$0")/common.inc"

head -c 20000000 /dev/urandom >"$work/random"
printf 'text\n' >"$work/text"

fails_with 1 "uzs: cannot read $work/none: No such file or directory" \
	"$uzs" store "$work/none"
fails_with 1 "uzs: cannot read $work/none: No such file or directory" \
	"$uzs" store "$work/text" "$work/none"
fails_with 1 "uzs: cannot read $work/text/: Not a directory" \
	"$uzs" store "$work/text/"
fails_with 1 "uzs: cannot read : No such file or directory" "$uzs" store ""
fails_with 1 "uzs: cannot read /dev/null: it is a device or a socket" \
	"$uzs" store /dev/null
ln -s loop "$work/loop"
fails_with 1 "uzs: cannot read $work/loop: Too many levels of symbolic links" \
	"$uzs" store "$work/loop"
fails_with 1 "uzs: cannot read a?b: No such file or directory" \
	"$uzs" store "$(printf 'a\nb')"
"$uzs" store - <&- >"$work/out" 2>"$work/err"
status=$?
one_line "closed stdin" 1 "uzs: cannot read stdin: Bad file descriptor"

# Modes do not stop root; then nobody has to try, if there is a way.
mkdir -p "$work/tree/shut" "$work/tree2"
printf 'x' >"$work/tree/shut/file"
printf 'x' >"$work/tree2/file"
chmod 000 "$work/tree/shut" "$work/tree2/file"
program=$uzs
as_user=
if [ "$(id -u)" -eq 0 ]; then
	as_user="setpriv --reuid=65534 --regid=65534 --clear-groups"
	chmod 755 "$work"
	cp "$uzs" "$work/uzs"
	program=$work/uzs
	# Coverage data of that user, who may not write beside the objects.
	mkdir -m 777 "$work/gcov"
	export GCOV_PREFIX="$work/gcov"
fi
if $as_user "$program" --version >/dev/null 2>&1; then
	# What the user names has to be readable.
	for path in tree/shut tree2/file; do
		# shellcheck disable=SC2086
		fails_with 1 "uzs: cannot read $work/$path: Permission denied" \
			$as_user "$program" store "$work/text" "$work/$path"
		equal "no report" "" "$(cat "$work/out")"
	done
	# What was found does not.
	printf 'y' >"$work/tree2/open"
	for path in tree/shut tree2/file; do
		# shellcheck disable=SC2086
		fails_with 1 "uzs: cannot read $work/$path: Permission denied" \
			$as_user "$program" store "$work/text" "$work/${path%/*}"
		check "a report all the same" \
			grep -q '^trimmed .*given back' "$work/out"
		check "what was left out is counted" grep -q \
			'^skipped  *1 files or directories that could not be read' \
			"$work/out"
	done
	check "the other files are stored" grep -q '^files  *2$' "$work/out"
else
	skip "unreadable directories: no way to be another user than root"
fi
unset GCOV_PREFIX

# Gone, or another thing, between the walk and its turn: the walk is over when
# more of stdin was taken than a pipe holds.
mkdir "$work/going"
for name in a b c d e; do
	printf '%s' $name >"$work/going/$name"
done
{
	head -c 200000 /dev/zero
	rm "$work/going/b" "$work/going/d" "$work/going/e"
	mkfifo "$work/going/d"
	ln -s a "$work/going/e"
} | timeout 60 "$uzs" store - "$work/going" >"$work/out" 2>"$work/err"
equal "exit status of vanished files" 1 $?
equal "what is said of them" "uzs: cannot read $work/going/b: No such file or directory
uzs: cannot read $work/going/d: it is no file any more
uzs: cannot read $work/going/e: Too many levels of symbolic links" \
	"$(cat "$work/err")"
check "they are counted" \
	grep -q '^skipped  *3 files or directories that could' "$work/out"
check "the others are stored" grep -q '^files  *3$' "$work/out"
check "all of them" grep -q '^bytes in  *200002 ' "$work/out"

# Found readable, but not to its end.
if [ -r /proc/self/mem ]; then
	fails_with 1 "uzs: cannot read /proc/self/mem: Input/output error" \
		"$uzs" store /proc/self/mem "$work/text"
	check "the next file is stored" grep -q '^bytes in  *5 ' "$work/out"
fi

# Limits: one that is reached, and ones that are too small for any pool.
fails_with 1 "uzs: memory limit of 8 MiB reached after [1-9]* pages ($work/random)" \
	"$uzs" store --limit 8M "$work/random"
pages=$(sed -n 's/.* after \([0-9]*\) pages .*/\1/p' "$work/err")
equal "output when the limit is reached" "" "$(cat "$work/out")"
# Noise is stored raw: 8 MiB hold no more than 2048 such pages.
check "pages within the limit: $pages" [ "$pages" -le 2048 ]
check "pages within the limit: $pages" [ "$pages" -ge 1500 ]
fails_with 1 "uzs: memory limit of 9000000 bytes reached after *" \
	"$uzs" store --limit 9000000 "$work/random"
run "$uzs" store --limit 8M - <"$work/random"
one_line "a limit and stdin" 1 \
	"uzs: memory limit of 8 MiB reached after * pages (stdin)"
for limit in 1 4K 100K; do
	fails_with 2 "uzs: --limit $limit is too small for a pool with pages of 4096 bytes (see uzs store --help)" \
		"$uzs" store --limit $limit "$work/text"
done
fails_with 2 "uzs: --limit 256K is too small for a pool with pages of 65536 bytes (see uzs store --help)" \
	"$uzs" store --page-size 64K --limit 256K "$work/text"

# Options.
for value in 0 x -1 8MB 8m 1.5M 20000000000000000000 99999999T ''; do
	fails_with 2 "uzs: --limit takes a size such as *, not '$value' (see *)" \
		"$uzs" store --limit "$value" "$work/text"
	fails_with 2 "uzs: --max-bytes takes a size such as *, not '$value' (see *)" \
		"$uzs" store --max-bytes "$value" "$work/text"
done
for value in -1 101 x 5% ''; do
	fails_with 2 "uzs: --free takes a number from 0 to 100, not '$value' (see *)" \
		"$uzs" store --free "$value" "$work/text"
done
fails_with 2 "uzs: --seed takes a number from 0 to *, not 'x' (see *)" \
	"$uzs" store --seed x "$work/text"
for value in lzo lz4:1 zst none:1 '' ZSTD; do
	fails_with 2 "uzs: --algo takes lz4, zstd, zstd:LEVEL or none, not '$value' (see *)" \
		"$uzs" store --algo "$value" "$work/text"
done
for value in 0 x 23 1x '' 99999999999999999999; do
	fails_with 2 "uzs: the level of zstd is from * and not 0, not '$value' (see *)" \
		"$uzs" store --algo "zstd:$value" "$work/text"
done
fails_with 2 "uzs: --page-size takes *, not '4095' (see *)" \
	"$uzs" store --page-size 4095 "$work/text"
for value in 1 2K 5000 12K 2M; do
	fails_with 2 "uzs: --block takes a power of two from 4K to 1M, not '$value' (see *)" \
		"$uzs" store --profile user --block "$value" "$work/text"
done
for value in 0 x 4KB ''; do
	fails_with 2 "uzs: --block takes a size such as *, not '$value' (see *)" \
		"$uzs" store --block "$value" "$work/text"
done
# The order of options does not matter.
fails_with 2 "uzs: --block 32K is larger than a page of 16384 bytes, which only --profile user can hold (see uzs store --help)" \
	"$uzs" store --block 32K --page-size 16K --profile kernel "$work/text"
fails_with 2 "uzs: *--nothing*" "$uzs" store --nothing
fails_with 2 "uzs: *--algo* requires an argument" "$uzs" store --algo

# Output that cannot be written.
if [ -c /dev/full ]; then
	for form in --classes --json; do
		"$uzs" store $form "$work/text" >/dev/full 2>"$work/err"
		status=$?
		one_line "$form to a full disk" 1 \
			"uzs: cannot write the output: No space left on device"
	done
fi

finish
