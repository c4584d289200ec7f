#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs replay beyond the golden traces: numbering, IDs, bad lines, bad files.
. "$(dirname "$0")/common.inc"

# bad_line NUMBER MESSAGE TEXT: a trace of three good lines and TEXT.
bad_line() {
	printf '# a comment\n\na 1 100\n%b' "$3" >"$work/bad"
	fails_with 1 "uzs: $work/bad:$1: $2" "$uzs" replay "$work/bad"
}

expected="expected 'a ID SIZE', 'f ID', 'c' or 't', not "
bad_line 4 "$expected'x'" 'x\n'
bad_line 4 "$expected'x'" 'x'
bad_line 4 "$expected'a'" 'a\n'
bad_line 4 "$expected'a 2'" 'a 2\n'
bad_line 4 "$expected'a 2 '" 'a 2 \n'
bad_line 4 "$expected'a 2 3 4'" 'a 2 3 4\n'
bad_line 4 "$expected'a 2 -3'" 'a 2 -3\n'
bad_line 4 "$expected'a -2 3'" 'a -2 3\n'
bad_line 4 "$expected'a +2 3'" 'a +2 3\n'
bad_line 4 "$expected'a 2 3x'" 'a 2 3x\n'
bad_line 4 "$expected'a 0x2 3'" 'a 0x2 3\n'
bad_line 4 "$expected'a2 3'" 'a2 3\n'
bad_line 4 "$expected'f'" 'f\n'
bad_line 4 "$expected'f1'" 'f1\n'
bad_line 4 "$expected'f 1 2'" 'f 1 2\n'
bad_line 4 "$expected'c 1'" 'c 1\n'
bad_line 4 "$expected'cc'" 'cc\n'
bad_line 4 "$expected'A 2 3'" 'A 2 3\n'
bad_line 4 "$expected' # no comment'" ' # no comment\n'
bad_line 4 "$expected*" '\000\n'
bad_line 4 "$expected'??[[]31mred'" '?\033[31mred\n'
bad_line 4 "$expected'a 2 3zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz...'" \
	'a 2 3zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\n'
bad_line 4 "unknown ID 2" 'f 2\n'
bad_line 5 "unknown ID 1" 'f 1\nf 1\n'
bad_line 4 "ID 1 is in use" 'a 1 100\n'
bad_line 7 "ID 1 is in use" '\n#\na 2 5\na 1 6\nx\n'
bad_line 4 "the size is not from 1 to 4096 bytes, a page" 'a 2 0\n'
bad_line 4 "the size is not from 1 to 4096 bytes, a page" 'a 2 4097\n'
bad_line 4 "the size is not from 1 to 4096 bytes, a page" \
	'a 2 18446744073709551617\n'
bad_line 4 "the ID is larger than 4294967294" 'a 4294967295 1\n'
bad_line 4 "the ID is larger than 4294967294" 'f 18446744073709551617\n'
bad_line 4 "the ID is larger than 4294967294" \
	'a 99999999999999999999999999999999 1\n'
awk 'BEGIN { printf "c\n#"; for (i = 0; i < 300000; i++) printf "x" }' \
	>"$work/long"
fails_with 1 "uzs: $work/long:2: the line is longer than *" \
	"$uzs" replay "$work/long"

# What came before a bad line has been printed, and no end.
printf 'a 1 100\nc\nx\n' >"$work/bad"
run "$uzs" replay "$work/bad"
equal "output before a bad line" "before compact after" \
	"$(awk '{ printf "%s%s", (NR > 1) ? " " : "", $1 }' "$work/out")"

# The operation's number is its line's, whatever is ignored between.
printf '# one\n\na 1 100\n# four\nc\na 2 50\n\n' >"$work/numbers"
runs_well "$uzs" replay "$work/numbers"
equal "operation numbers" "before 5 after 5 end 6" \
	"$(awk '$3 == "op" { printf "%s%s %s", (NR > 1) ? " " : "", $1, $4 }' \
		"$work/out")"

# The smallest trace of all.
empty_end="end 0 op 0 pages 0 live 0 obj_allocated 0 obj_used 0 freeable 0 \
groups 0,0,0,0,0,0,0,0,0,0,0,0 table cbf29ce484222325 layout cbf29ce484222325
peak_pages 0 pages_compacted 0 failed_allocs 0
data_ok leaks_none"
: >"$work/empty"
runs_well "$uzs" replay "$work/empty"
equal "empty trace" "$empty_end" "$(cat "$work/out")"
runs_well "$uzs" replay /dev/null
equal "trace /dev/null" "$empty_end" "$(cat "$work/out")"
gzip -c "$work/empty" >"$work/empty.gz"
runs_well "$uzs" replay "$work/empty.gz"
equal "empty gzip" "$empty_end" "$(cat "$work/out")"

# IDs of all magnitudes, used again after a free: as many as are live.
awk 'BEGIN {
	for (i = 0; i < 20000; i++)
		printf "a %.0f %d\n", i * 214748, 1 + i % 4096
	for (i = 0; i < 20000; i += 2)
		printf "f %.0f\n", i * 214748
	print "c"
	for (i = 0; i < 20000; i += 4)
		printf "a %.0f %d\n", i * 214748, 4096 - i % 4096
	print "a 4294967294 1"
}' >"$work/ids"
runs_well "$uzs" replay "$work/ids"
equal "live objects" "10000 10000 15001" \
	"$(awk '$3 == "op" { printf "%s%s", n++ ? " " : "", $8 }' "$work/out")"
equal "last line" "data_ok leaks_none" "$(tail -n 1 "$work/out")"

# Files that are none.
fails_with 1 "uzs: cannot open $work/none: No such file or directory" \
	"$uzs" replay "$work/none"
fails_with 1 "uzs: cannot read $work: Is a directory" "$uzs" replay "$work"
gzip -c "$work/ids" >"$work/ids.gz"
head -c 20000 "$work/ids.gz" >"$work/cut.gz"
fails_with 1 "uzs: cannot read $work/cut.gz after line *: the gzip data breaks off" \
	"$uzs" replay "$work/cut.gz"
# One byte in the middle of the data changed.
{
	head -c 20000 "$work/ids.gz"
	printf '\377\000\377'
	tail -c +20004 "$work/ids.gz"
} >"$work/damaged.gz"
run "$uzs" replay "$work/damaged.gz"
one_line "a damaged gzip file" 1 "uzs: *$work/damaged.gz*"

# Memory that does not suffice is counted, not fatal. 64 MiB of objects in
# 48 MiB of address space; not where the program itself needs more (ASan).
if sh -c 'ulimit -v 49152 && "$1" --version || exit 1' sh "$uzs" \
	>/dev/null 2>&1; then
	awk 'BEGIN {
		for (i = 0; i < 16384; i++) print "a", i, 4096
		print "c"
		for (i = 0; i < 16384; i++) print "f", i
	}' >"$work/much"
	(ulimit -v 49152 && exec "$uzs" replay "$work/much") \
		>"$work/out" 2>"$work/err"
	equal "exit status without memory" 0 $?
	check "failed_allocs" \
		grep -q 'failed_allocs [1-9][0-9]*$' "$work/out"
	equal "failed and live" 16384 "$(awk '$1 == "before" { live = $8 }
		$1 == "peak_pages" { print live + $6 }' "$work/out")"
	equal "last line" "data_ok leaks_none" "$(tail -n 1 "$work/out")"
else
	skip "memory that does not suffice: the program needs too much"
fi

# Usage.
fails_with 2 "uzs: no trace given (see uzs replay --help)" "$uzs" replay
fails_with 2 "uzs: unexpected argument 'b' (see uzs replay --help)" \
	"$uzs" replay a b
fails_with 2 "uzs: unrecognized option*--nothing*" "$uzs" replay --nothing a
fails_with 2 "uzs: --page-size takes 4096, *, not '5000' *" \
	"$uzs" replay --page-size 5000 "$work/empty"
fails_with 2 "uzs: --chain-size takes a number from 4 to 16, not '3' *" \
	"$uzs" replay --chain-size 3 "$work/empty"

# Output that cannot be written.
if [ -c /dev/full ]; then
	"$uzs" replay "$work/ids" >/dev/full 2>"$work/err"
	status=$?
	one_line "a full disk" 1 \
		"uzs: cannot write the output: No space left on device"
fi

finish
