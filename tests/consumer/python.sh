#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The example in Python loads the shared library, and what it draws adds up: as many
# objects before as after compaction, in fewer zspages, and as many as are live at
# the end. Errors are one line.
# usage: python.sh ZSPAGES.PY LIBRARY
set -eu

program=$1
UZSMALLOC_LIBRARY=$2
export UZSMALLOC_LIBRARY
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' INT TERM

python3 "$program" 100 1000 >"$work/out"
awk '/^three/ { part = 1 }
     /^compacted, [1-9][0-9]* pages freed:$/ { part = 2 }
     /^  group/ { lines[part]++; objects[part] += gsub(/#/, "#") }
     /objects were still live$/ { live = $1 }
     END { exit !(objects[1] == 250 && objects[2] == 250 && live == 250 &&
		  lines[2] < lines[1]) }' "$work/out" || {
	cat "$work/out" >&2
	echo "python.sh: the drawing does not add up" >&2
	exit 1
}
python3 "$program" --help | grep -q usage
if python3 "$program" 5000 2>"$work/err" >&2; then
	echo "python.sh: an object of 5000 bytes in a page of 4096" >&2
	exit 1
fi
[ "$(cat "$work/err")" = "zspages.py: zs_malloc: No space left on device" ]
if UZSMALLOC_LIBRARY=/none python3 "$program" 2>/dev/null; then
	echo "python.sh: no library, and no error" >&2
	exit 1
fi
