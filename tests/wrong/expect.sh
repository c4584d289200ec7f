#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Runs a proof with a wrong library: it must fail, and say why.
# usage: tests/wrong/expect.sh PROGRAM PROOF TEXT
set -eu

[ $# -eq 3 ] || {
	echo "usage: tests/wrong/expect.sh PROGRAM PROOF TEXT" >&2
	exit 2
}
status=0
output=$("$1" "$2" 2>&1) || status=$?
if [ "$status" -eq 0 ]; then
	echo "$2 passes, though the library is wrong" >&2
	exit 1
fi
if ! printf '%s\n' "$output" | grep -qF -e "$3"; then
	printf '%s\n' "$output"
	echo "$2 fails, but does not say: $3" >&2
	exit 1
fi
printf '%s\n' "$output" | grep -m 1 -F -e "$3"
