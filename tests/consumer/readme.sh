#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The code examples in README.md are examples/hello.c and handles.c to the letter,
# and print what README.md says they print. No command of the texts is a danger to
# a small machine.
# usage: readme.sh SOURCE-DIR HANDLES-PROGRAM [HELLO-PROGRAM]
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

# same NAME N [PROGRAM]: block N is the source, the next what PROGRAM prints.
same() {
	sed 1d "$source/examples/$1.c" >"$work/code"
	block "$2" | diff -u - "$work/code" || {
		echo "readme: block $2 is not examples/$1.c" >&2
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
same hello 1 "${3-}"
same handles 3 "$2"

# A build is never told to start as many compilers as it likes.
if grep -rnE -- 'cmake --build .*-j( *$|`| *[^ 0-9"$])' "$1/README.md" \
	"$1/CONTRIBUTING.md" "$1/docs" "$1/examples" "$1/scripts" "$1/.ci"; then
	echo "readme: -j without a number" >&2
	exit 1
fi
