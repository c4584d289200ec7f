#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# scripts/fuzz tells findings from what only looks so, keeps them, and leaves no
# fuzzer behind. Here the targets and engines are scripts that do as this test says.
# usage: script.sh SCRIPTS
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
programs=$dir/build/fuzz-libfuzzer/tests/fuzz
found=$dir/build/fuzz-libfuzzer/found
afl_found=$dir/build/fuzz-afl/found

mkdir -p "$dir/scripts" "$dir/bin" "$dir/tests/fuzz/corpus/api" "$programs" \
	"$dir/build/fuzz-afl/tests/fuzz"
cp "$1/fuzz" "$1/common.sh" "$dir/scripts"
echo 1 >"$dir/tests/fuzz/corpus/api/one"
echo '/* fuzz_api.c - calls. */' >"$dir/tests/fuzz/fuzz_api.c"
cat >>"$dir/scripts/common.sh" <<'END'
# Nothing is built.
build() { :; }
need_compiler() { :; }
need_test_libraries() { :; }
install_missing() { :; }
sleep() { command sleep 0.1; }
END

# script FILE: what is on stdin.
script() {
	{
		echo '#!/bin/sh'
		cat
	} >"$1"
	chmod +x "$1"
}
script "$dir/bin/clang" </dev/null

wrong() {
	echo "script: $case_: $*" >&2
	sed 's/^/  out: /' "$dir/out" >&2
	exit 1
}

# run OPTION...: sets `status`.
run() {
	status=0
	PATH=$dir/bin:$PATH sh "$dir/scripts/fuzz" --seconds 1 "$@" \
		>"$dir/out" 2>&1 || status=$?
}

says() {
	grep -q -e "$1" "$dir/out" || wrong "does not say: $1"
}

# ends_with STATUS
ends_with() {
	[ "$status" -eq "$1" ] || wrong "status $status, not $1"
}

# What libFuzzer does with -artifact_prefix=PREFIX.
artifact='for arg; do
	case $arg in
	-artifact_prefix=*) echo bad >"${arg#*=}crash-1" ;;
	esac
done'

case_='no wrong library'
run --prove
ends_with 1
says 'there is no such program'

case_='a wrong library is found'
script "$programs/fuzz-wrong-a" <<END
$artifact
echo 'fuzz: model.c:1: a wrong byte'
exit 77
END
run --prove
ends_with 0
says 'a: found in .* a wrong byte'

case_='a fuzzer that cannot start'
echo 'exit 127' | script "$programs/fuzz-wrong-b"
run --prove
ends_with 1
says 'b: ended with 127, and nothing was found'

case_='a wrong library is not found'
echo 'exit 0' | script "$programs/fuzz-wrong-b"
run --prove
ends_with 1
says 'not found in 1 s: b'

case_='options that have no effect'
run --prove --target api
ends_with 2
run --merge
ends_with 2
says '--merge takes'

case_='a finding'
script "$programs/fuzz_api" <<END
$artifact
exit 77
END
run
ends_with 1
says "fuzz_api $found/api/crashes/crash-1"

case_='it is one still'
script "$programs/fuzz_api" <<'END'
case $1 in
-*) exit 0 ;;
esac
exit 77
END
run
ends_with 1
says "fuzz_api $found/api/crashes/crash-1"

case_='it has been corrected'
echo 'exit 0' | script "$programs/fuzz_api"
run
ends_with 0
says 'crash-1, now in'
[ -f "$found/api/passed/crash-1" ] || wrong 'it is gone'

case_='interrupted'
script "$programs/fuzz_api" <<END
echo \$\$ >"$dir/pid"
exec sleep 100
END
PATH=$dir/bin:$PATH sh "$dir/scripts/fuzz" --seconds 1 >"$dir/out" 2>&1 &
script=$!
tries=0
while [ ! -s "$dir/pid" ] && [ $tries -lt 300 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
kill "$script"
status=0
wait "$script" || status=$?
ends_with 143
tries=0
while kill -0 "$(cat "$dir/pid")" 2>/dev/null; do
	tries=$((tries + 1))
	[ $tries -lt 50 ] || {
		kill "$(cat "$dir/pid")"
		wrong 'the fuzzer goes on'
	}
	sleep 0.1
done

# AFL++'s folder: its own numbers in each run, and a text beside the findings.
script "$dir/bin/afl-fuzz" <<'END'
while [ $# -gt 0 ]; do
	case $1 in
	-i) in=$2 ;;
	-o) out=$2 ;;
	esac
	shift
done
[ ! -e "$out/default" ] || exit 1
mkdir -p "$out/default/crashes" "$out/default/queue/.state"
cat "$in"/* | sort >"$out/seen"
echo text >"$out/default/crashes/README.txt"
cat "$out/next-crash" >"$out/default/crashes/id:000000" 2>/dev/null ||
	rm "$out/default/crashes/id:000000"
cp "$out/next-input" "$out/default/queue/id:000000"
END
: | script "$dir/bin/afl-clang-fast"
echo 'exit 1' | script "$dir/build/fuzz-afl/tests/fuzz/fuzz_api"
afl=$afl_found/api
mkdir -p "$afl"
for round in 1 2 3; do
	case_="AFL++, round $round"
	echo "crash $round" >"$afl/next-crash"
	echo "input $round" >"$afl/next-input"
	run --engine afl
	ends_with 1
	[ "$(cat "$afl"/crashes/* | wc -l)" -eq $round ] ||
		wrong 'a finding of an earlier run is gone'
	[ "$(wc -l <"$afl/seen")" -eq $round ] ||
		wrong 'does not begin with what earlier runs found'
done
case_='AFL++, all corrected'
rm "$afl/next-crash"
echo 'exit 0' | script "$dir/build/fuzz-afl/tests/fuzz/fuzz_api"
run --engine afl
ends_with 0
[ "$(cat "$afl"/passed/* | wc -l)" -eq 3 ] || wrong 'not put aside'
echo "script: ok"
