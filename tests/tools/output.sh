#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# What cannot be written to stdout is an error with one line, in every program:
# on a full disk, with stdout closed, and when nobody reads it any more. Behind
# the usual arguments: the other programs.
. "$(dirname "$0")/common.inc"
shift 2

# A pipe without a reader, as number 4.
mkfifo "$work/pipe"
exec 3<>"$work/pipe"
exec 4>"$work/pipe"
exec 3>&-

# refused COMMAND...
refused() {
	for how in full closed pipe; do
		case $how in
		full) "$@" >/dev/full 2>"$work/err" ;;
		closed) "$@" >&- 2>"$work/err" ;;
		pipe) "$@" >&4 2>"$work/err" ;;
		esac
		status=$?
		one_line "$* ($how)" 1 "*: cannot write the *: *"
	done
}

# What a file is opened as is not what was meant for stdout.
not_in_its_files() {
	file=$1
	shift
	"$@" >&- 2>"$work/err"
	status=$?
	one_line "$*, stdout closed" 1 "*: cannot write the *"
	equal "the first line of the file of $*" '<svg' \
		"$(head -c 4 "$file")"
	equal "the last line of the file of $*" '</svg>' \
		"$(tail -n 1 "$file")"
}

refused "$uzs" help
refused "$uzs" version
refused "$uzs" help store
refused "$uzs" classes
refused "$uzs" store "$0"
refused "$uzs" store --json "$0"
refused "$uzs" replay "$data/traces/s3.trace.gz"
version=$("$uzs" --version)
for program; do
	runs_well "$program" --version
	equal "the version of $program" "${version#uzs }" \
		"$(sed 's/.* //' "$work/out")"
	refused "$program" --version
	refused "$program" --help
	case $(basename "$program") in
	uzs-lab)
		refused "$uzs" lab list
		refused "$uzs" lab replay free-free/held/none/2/5b
		;;
	uzs-lab-simulate)
		refused "$uzs" lab simulate --objects 100 --cpus 1
		refused "$uzs" lab simulate --costs list
		not_in_its_files "$work/out.svg" "$uzs" lab simulate \
			--objects 100 --cpus 1 --svg "$work/out.svg"
		;;
	uzs-bench) refused "$program" --bytes 1M --reps 1 --ops malloc ;;
	uzs-compare) refused "$program" --subject unlocked --ops 1K ;;
	uzs-conformance) refused "$program" --differences ;;
	esac
done

# The scripts, by their help.
if command -v python3 >/dev/null; then
	scripts=$(dirname "$0")/../../scripts
	for script in bench-free bench-kernel bench-peers lab-validate \
		kernel_test.py lab-orders man-pages completion site; do
		refused python3 "$scripts/$script" --help
	done
fi

# stdin too: a file is no stdin.
"$uzs" store "$0" - <&- >"$work/out" 2>"$work/err"
status=$?
check "a closed stdin is told: $(cat "$work/err")" \
	grep -q '^uzs: cannot read stdin: Bad file descriptor' "$work/err"
check "a closed stdin is an error" [ "$status" -eq 1 ]

# Commands that are words.
runs_well "$uzs" --help
cp "$work/out" "$work/help"
for words in help -h "help help" "help version"; do
	# shellcheck disable=SC2086
	case $words in
	"help "*) fails_with 2 "uzs: unknown command '${words#* }' *" "$uzs" $words ;;
	*)
		runs_well "$uzs" $words
		check "uzs $words" cmp -s "$work/help" "$work/out"
		;;
	esac
done
for command in store classes replay; do
	runs_well "$uzs" $command --help
	cp "$work/out" "$work/help"
	runs_well "$uzs" help $command
	check "uzs help $command" cmp -s "$work/help" "$work/out"
done
for program; do
	[ "$(basename "$program")" = uzs-lab ] || continue
	runs_well "$uzs" lab --help
	cp "$work/out" "$work/help"
	runs_well "$uzs" lab help
	check "uzs lab help" cmp -s "$work/help" "$work/out"
	runs_well "$uzs" help lab
	check "uzs help lab" cmp -s "$work/help" "$work/out"
	runs_well "$uzs" lab explore --help
	cp "$work/out" "$work/help"
	runs_well "$uzs" lab help explore
	check "uzs lab help explore" cmp -s "$work/help" "$work/out"
done
runs_well "$uzs" --version
cp "$work/out" "$work/version"
runs_well "$uzs" version
check "uzs version" cmp -s "$work/version" "$work/out"
fails_with 2 "uzs: unknown command 'nothing' *" "$uzs" help nothing
fails_with 2 "uzs: what is 'x'? *" "$uzs" help store x
fails_with 2 "uzs: what is 'x'? *" "$uzs" version x
finish
