#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The floors of src/ are true and drawn; scripts/floors finds an include and a
# call that go up, and a file that is on no floor.
# usage: floors.sh SOURCE-DIR LIBRARY
set -eu

root=$1 library=$2
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' INT TERM

fail() {
	printf '%s\n' "floors.sh: $*" >&2
	exit 1
}

"$root/scripts/floors" --check "$library" || fail "see above"

# copy: a tree like this one, to be made wrong.
copy() {
	rm -rf -- "$work/tree"
	mkdir -p "$work/tree/scripts"
	cp "$root/scripts/floors" "$work/tree/scripts"
	cp "$root/CONTRIBUTING.md" "$work/tree"
	cp -r "$root/src" "$work/tree"
}

# expect TEXT: what is wrong now is told so.
expect() {
	if "$work/tree/scripts/floors" "$library" >"$work/out" 2>&1; then
		fail "nothing is wrong with: $1"
	fi
	grep -qF "$1" "$work/out" || {
		cat "$work/out" >&2
		fail "does not say: $1"
	}
}

copy
echo '#include "kernel/scope.h"' >>"$work/tree/src/kernel/zspage.c"
expect "kernel/zspage uses kernel/scope, which is not below it: src/kernel/zspage.c:"
copy
echo '#include "types.h"' >>"$work/tree/src/compat/zone.c"
expect "compat uses types, which is not below it: src/compat/zone.c:"
# The library's calls, with the floors the other way round.
copy
# shellcheck disable=SC2016 # the marks of a table
sed 's/^| trim | /| x | /; s/`trim`/`swap`/; s/`jobs`/`trim`/; s/`swap`/`jobs`/' \
	"$root/CONTRIBUTING.md" >"$work/tree/CONTRIBUTING.md"
expect "trim uses jobs, which is not below it"
copy
# shellcheck disable=SC2016
sed 's/ `stat`//' "$root/CONTRIBUTING.md" >"$work/tree/CONTRIBUTING.md"
expect "stat is on no floor"
