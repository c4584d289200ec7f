#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The code examples in README.md are those in examples/ and bindings/ to the letter,
# and print what README.md says they print. (scripts/test-bindings runs those that
# are not built here.) No command of the texts is a danger to a small machine.
# usage: readme.sh SOURCE-DIR HANDLES-PROGRAM [HELLO-PROGRAM [HELLO-CPP-PROGRAM]]
set -eu

readme=$1/README.md
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' INT TERM

# block N: the Nth ``` block that begins after the line "## Example".
block() {
	awk -v want="$1" '
		/^## / { inside = ($0 == "## Example") }
		inside && /^```/ { open = !open; if (open) nr++; next }
		inside && open && nr == want' "$readme"
}

# same FILE N [PROGRAM]: block N is the source, the next what PROGRAM prints.
same() {
	sed 1d "$source/$1" >"$work/code"
	block "$2" | diff -u - "$work/code" || {
		echo "readme: block $2 is not $1" >&2
		exit 1
	}
	[ -s "$work/code" ]
	[ -n "${3-}" ] || return 0
	"$3" >"$work/output"
	block $(($2 + 1)) | diff -u - "$work/output" || {
		echo "readme: block $(($2 + 1)) is not what $1 prints" >&2
		exit 1
	}
	[ -s "$work/output" ]
}

source=$1
same examples/hello.c 1 "${3-}"
same examples/handles.c 3 "$2"
same examples/hello.cc 5 "${4-}"
same bindings/rust/examples/hello.rs 7
awk '/^```text/ { inside = 1; next } /^```/ { inside = 0 } inside' \
	"$source/bindings/rust/README.md" >"$work/output"
block 8 | diff -u - "$work/output" || {
	echo "readme: block 8 is not what bindings/rust/README.md has" >&2
	exit 1
}

# A build is never told to start as many compilers as it likes.
if grep -rnE -- 'cmake --build .*-j( *$|`| *[^ 0-9"$])' "$1/README.md" \
	"$1/CONTRIBUTING.md" "$1/docs" "$1/examples" "$1/scripts" "$1/.ci"; then
	echo "readme: -j without a number" >&2
	exit 1
fi
