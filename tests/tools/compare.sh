#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs store --compare: another allocator gets the same objects, in a process of its
# own. Behind the usual arguments: the sanitizer of this build, or nothing; with one
# no library can be preloaded.
. "$(dirname "$0")/common.inc"
sanitizer=${3-}

value() {
	sed -n "s/^ *\"$1\": \(.*[^,]\),*\$/\1/p" "$work/out" | sed -n "${2:-1}p"
}

# Text that compresses by half, noise that does not, and zeros: 16 MiB, so that what
# a process takes for itself matters little.
awk 'BEGIN { srand(2); for (i = 0; i < 900000; i++) print rand() }' |
	head -c 8M >"$work/text"
head -c 6M /dev/urandom >"$work/noise"
head -c 2M /dev/zero >"$work/zero"
set -- "$work/text" "$work/noise" "$work/zero"

# in_range WHAT LEAST VALUE MOST
in_range() {
	check "$1: $2 <= $3 <= $4" [ "$3" -ge "$2" -a "$3" -le "$4" ]
}

runs_well "$uzs" store --json --compare malloc "$@"
objects=$(value compressed_bytes 1)
left=$(value compressed_bytes 4)
stored=$(value stored_rss_bytes)
freed=$(value freed_rss_bytes)
back=$(value given_back_rss_bytes)
equal "its name" '"malloc"' "$(value name)"
# It holds all of it, and no more than half of it again; it keeps what is left.
if [ -z "$sanitizer" ]; then
	in_range "malloc holds all objects" "$objects" "$stored" \
		$((objects * 3 / 2))
	in_range "malloc gives some back" "$left" "$back" "$freed"
	in_range "malloc has freed" "$left" "$freed" "$((stored + 1048576))"
else
	in_range "malloc holds all objects" "$objects" "$stored" \
		$((objects * 100))
fi

# Everything freed: next to nothing is left. Nothing freed: all of it is.
if [ -z "$sanitizer" ]; then
	runs_well "$uzs" store --json --compare malloc --free 100 "$@"
	in_range "all freed" 0 "$(value given_back_rss_bytes)" 2097152
fi
runs_well "$uzs" store --json --compare malloc --free 0 "$@"
in_range "nothing freed" "$objects" "$(value given_back_rss_bytes)" \
	"$(($(value stored_rss_bytes) + 1048576))"

# The same objects are freed as without it.
runs_well "$uzs" store --json "$@"
sed -n '/"stages"/,/^  \]/{/objects\|compressed/p}' "$work/out" >"$work/without"
runs_well "$uzs" store --json --compare malloc "$@"
sed -n '/"stages"/,/^  \]/{/objects\|compressed/p}' "$work/out" >"$work/with"
check "the same objects" cmp "$work/without" "$work/with"

# The table has a line for each; the sentence says the table's figures, rounded.
runs_well "$uzs" store --compare malloc "$@"
row() {
	awk -v name="$1" '/^RSS in MiB/ { on = 1 }
		on && $1 == name { printf "%.0f %.0f\n", $(NF-3), $(NF-1) }' \
		"$work/out"
}
pool=$(row pool)
malloc=$(row malloc)
check "two rows: $pool; $malloc" [ -n "$pool" -a -n "$malloc" ]
expected="16 MiB of files in ${pool% *} MiB; malloc ${malloc% *}; after half was"
expected="$expected freed ${pool#* } against ${malloc#* }."
# awk rounds a half as it likes: a figure may be off by that.
equal "the sentence" "$(echo "$expected" | tr -d 0-9)" \
	"$(tail -n 1 "$work/out" | tr -d 0-9)"
for i in 1 2 3 4; do
	in_range "figure $i of: $(tail -n 1 "$work/out")" \
		$(($(echo "$expected" | grep -o '[0-9]*' | sed -n "$((i + 1))p") - 1)) \
		"$(tail -n 1 "$work/out" | grep -o '[0-9]*' | sed -n "$((i + 1))p")" \
		$(($(echo "$expected" | grep -o '[0-9]*' | sed -n "$((i + 1))p") + 1))
done
runs_well "$uzs" store --compare malloc --free 30 "$@"
check "30 % in words" grep -q '; after 30 % was freed [0-9]* against [0-9]*\.$' \
	"$work/out"
runs_well "$uzs" store --compare malloc --free 0 "$@"
check "nothing freed in words" grep -q '; malloc [0-9]*\.$' "$work/out"
runs_well "$uzs" store --profile user --block 64K --compare malloc "$@"

# Wrong.
for list in foo malloc,foo "" "," "malloc," "malloc,,malloc" Malloc; do
	fails_with 2 "uzs: --compare takes malloc, *, not '$list' *" \
		"$uzs" store --compare "$list" "$1"
done
fails_with 2 "uzs: --compare: malloc is there twice *" \
	"$uzs" store --compare malloc,malloc "$1"
fails_with 2 "uzs: hold is for uzs store --compare *" "$uzs" hold
fails_with 2 "uzs: unknown command 'hold' *" "$uzs" help hold
[ -z "$sanitizer" ] || finish

# The others, where they are.
for name in jemalloc mimalloc tcmalloc; do
	run "$uzs" store --json --compare malloc,$name "$@"
	if [ "$status" -ne 0 ]; then
		one_line "$name" 1 "uzs: --compare $name: its library (*) is not where this system's linker looks for it; Debian has it in lib*"
		skip "no $name here"
		continue
	fi
	equal "$name was there" "\"$name\"" "$(value allocator 2)"
	in_range "$name holds all objects" "$objects" \
		"$(value stored_rss_bytes 2)" $((objects * 2))
done

# Libraries of that name that are something else, or end the process.
if command -v cc >/dev/null; then
	for kind in other leaves aborts; do
		mkdir "$work/$kind"
		case $kind in
		other) echo 'int uzs_nothing;' ;;
		leaves) echo '#include <unistd.h>
			__attribute__((constructor)) static void f(void) {_exit(7);}' ;;
		aborts) echo '#include <stdlib.h>
			__attribute__((constructor)) static void f(void) {abort();}' ;;
		esac >"$work/$kind/x.c"
		cc -shared -fPIC "$work/$kind/x.c" \
			-o "$work/$kind/libjemalloc.so.2" || fail "cc"
	done
	fake() {
		LD_LIBRARY_PATH=$work/$1 "$uzs" store --compare jemalloc "$work/text"
	}
	fails_with 1 "uzs: --compare jemalloc: its library (libjemalloc.so.2) is not *" \
		fake other
	fails_with 1 "uzs: --compare jemalloc: its process ended with status 7" \
		fake leaves
	fails_with 1 "uzs: --compare jemalloc: its process was ended by signal 6" \
		fake aborts
fi
# The user's own preloaded library is not the other's.
LD_PRELOAD=libjemalloc.so.2 "$uzs" store --json --compare malloc "$1" \
	>"$work/out" 2>"$work/err"
equal "malloc is the C library's" '"glibc"' "$(value allocator)"
finish
