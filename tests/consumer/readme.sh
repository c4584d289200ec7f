#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The code example in README.md is examples/hello.c to the letter, and prints
# what README.md says it prints. No command of the texts is a danger to a small
# machine.
# usage: readme.sh SOURCE-DIR HELLO-PROGRAM
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

sed 1d "$1/examples/hello.c" >"$work/code"
block 1 | diff -u - "$work/code" || {
	echo "readme: the first block is not examples/hello.c" >&2
	exit 1
}
"$2" >"$work/output"
block 2 | diff -u - "$work/output" || {
	echo "readme: the second block is not what hello prints" >&2
	exit 1
}
[ -s "$work/code" ] && [ -s "$work/output" ]

# A build is never told to start as many compilers as it likes.
if grep -rnE -- 'cmake --build .*-j( *$|`| *[^ 0-9"$])' "$1/README.md" \
	"$1/CONTRIBUTING.md" "$1/docs" "$1/examples" "$1/scripts" "$1/.ci"; then
	echo "readme: -j without a number" >&2
	exit 1
fi
