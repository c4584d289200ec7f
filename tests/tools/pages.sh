#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The manual pages and the completion, as the build makes them. Behind the usual
# arguments: the build's directory, the source's, and programs with a page.
. "$(dirname "$0")/common.inc"
build=$3 source=$4
shift 4
man=$build/man

if command -v mandoc >/dev/null; then
	for page in "$man"/man?/*; do
		case $(head -n 1 "$page") in
		.so\ *)
			to=$(sed -n 's/^\.so //p' "$page")
			check "$page is one of $to" [ -s "$man/$to" ]
			;;
		*)
			mandoc -T lint -W warning "$page" >"$work/lint"
			equal "mandoc on $page" "" "$(cat "$work/lint")"
			;;
		esac
	done
	check "the header's pages" python3 "$(dirname "$0")/pages.py" header \
		"$source/include/uzsmalloc.h" "$man/man3"
	for program; do
		name=$(basename "$program")
		check "$name has a page" [ -s "$man/man1/$name.1" ]
		for page in "$man/man1/$name.1" "$man/man1/$name"-*.1; do
			[ -e "$page" ] || continue
			words=${page#"$man/man1/$name"}
			words=$(echo "${words%.1}" | tr - ' ')
			# shellcheck disable=SC2086 # words of a command
			check "$page" python3 "$(dirname "$0")/pages.py" help \
				"$page" "$program" $words --help
		done
	done
	# That these checks can fail: a page that lacks a line of the help.
	sed '/seed/d' "$man/man1/uzs-store.1" >"$work/store.1"
	check "a page with most of it" [ -s "$work/store.1" ]
	run python3 "$(dirname "$0")/pages.py" help "$work/store.1" "$uzs" \
		store --help
	equal "a page without an option" 1 "$status"
	mkdir "$work/man3"
	cp "$man"/man3/* "$work/man3/"
	sed -i '/Never fails/d' "$work"/man3/zs_create_pool_with.3
	run python3 "$(dirname "$0")/pages.py" header \
		"$source/include/uzsmalloc.h" "$work/man3"
	equal "a page without a line of the header" 1 "$status"
else
	[ -z "${UZS_NEED_MANDOC:-}" ] || fail "no mandoc here"
	skip "no mandoc here"
fi

# What README and docs/ write of uzs. (CHANGELOG is of its time.)
written() {
	python3 "$(dirname "$0")/pages.py" docs "$uzs" "$@"
}
if "$uzs" lab --help >/dev/null 2>&1; then
	check "options in README and docs" written "$source/README.md" \
		"$source/SECURITY.md" "$source/CONTRIBUTING.md" \
		"$source"/docs/*.md "$source"/examples/*/README.md
fi
# shellcheck disable=SC2016 # Markdown's
echo 'So `uzs store --squeeze x` does.' >"$work/wrong.md"
run written "$work/wrong.md"
equal "an option that is not there" 1 "$status"

if ! command -v bash >/dev/null; then
	skip "no bash here"
	finish
fi
# completes EXPECTED WORD...: what the last word becomes.
completes() {
	expected=$1
	shift
	equal "completion of $*" "$expected" "$(bash -c '
		. "$1/completion/$2"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		function=_$1; "$function"
		echo "${COMPREPLY[*]}"' bash "$build" "$@")"
}
completes store uzs st
completes "--algo" uzs store --al
completes "lz4 zstd none" uzs store --algo ""
completes "kernel user" uzs store --profile ""
completes "" uzs store --max-bytes ""
completes "" uzs store /usr
completes "store" uzs help st
for program; do
	case $program in
	*/uzramctl) completes writeback uzramctl -s /tmp/x wri ;;
	esac
done
if "$uzs" lab --help >/dev/null 2>&1 && [ -e "$man/man1/uzs-lab-simulate.1" ]; then
	completes simulate uzs lab sim
	completes "fill random" uzs lab simulate --order ""
	completes "--csv --csv-file" uzs lab simulate --csv
fi
for command in store classes replay; do
	for option in $("$uzs" $command --help | grep -o '^  --[a-z-]*'); do
		completes "$option" uzs $command "$option"
	done
done
finish
