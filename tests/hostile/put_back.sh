#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# scripts/hostile puts back what it set, whatever ends it. Here it sets files in a
# folder, and runs a program that does as this test says.
# usage: put_back.sh SCRIPTS
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
thp=$dir/sys/kernel/mm/transparent_hugepage
program=$dir/build/release/tests/hostile/uzs-hostile

mkdir -p "$dir/scripts" "$thp" "${program%/*}"
sed "s|/sys/|$dir/sys/|g" "$1/hostile" >"$dir/scripts/hostile"
cp "$1/common.sh" "$dir/scripts"
cat >>"$dir/scripts/common.sh" <<'END'
# Nobody has to be root, and nothing is built.
id() { echo 0; }
build() { :; }
need_compiler() { :; }
need_test_libraries() { :; }
END

wrong() {
	echo "put_back: $case_: $*" >&2
	sed 's/^/  out: /' "$dir/out" >&2
	sed 's/^/  err: /' "$dir/err" >&2
	exit 1
}

# run COMMAND SETTING: the program does COMMAND; sets `status`.
run() {
	printf '#!/bin/sh\n%s\n' "$1" >"$program"
	chmod +x "$program"
	rm -rf "$thp"
	mkdir "$thp"
	echo madvise >"$thp/enabled"
	echo defer >"$thp/defrag"
	status=0
	sh "$dir/scripts/hostile" "$2" >"$dir/out" 2>"$dir/err" || status=$?
}

is_back() {
	[ "$(cat "$thp/enabled" "$thp/defrag" | tr '\n' ' ')" = \
		'madvise defer ' ] || wrong "a setting is not what it was"
}

case_='nothing happens'
run "cat $thp/enabled $thp/defrag >>$dir/seen" thp-always
is_back
[ "$status" -eq 0 ] || wrong "status $status"
[ "$(sort -u "$dir/seen")" = always ] || wrong "nothing was set"

# INT and QUIT may be ignored, as they are in what a shell starts beside itself;
# HUP and PIPE, too, by who started this.
for signal in HUP INT QUIT TERM PIPE; do
	case_=$signal
	run "kill -$signal \$PPID" thp-always
	is_back
	[ $signal != TERM ] || [ "$status" -gt 128 ] || wrong "status $status"
done

# The reader ends after three lines; then it cannot be told anything any more.
for pipe in '-' "''"; do
	case_="no reader, trap $pipe PIPE"
	run : thp-never
	printf '#!/bin/sh\nsleep 0.3\n' >"$program"
	{
		(eval "trap $pipe PIPE" && exec sh "$dir/scripts/hostile" \
			thp-always) 2>"$dir/err" || echo $? >"$dir/status"
	} | sed 3q >"$dir/out"
	is_back
	[ "$(cat "$dir/status")" -ne 0 ] || wrong "status 0"
	rm "$dir/status"
done

case_='a setting that cannot be put back'
run "rm -rf $thp/enabled; mkdir $thp/enabled" thp-always
[ "$status" -eq 1 ] || wrong "status $status"
grep -q "^hostile: $thp/enabled: was madvise" "$dir/err" || wrong "not said"
[ "$(cat "$thp/defrag")" = defer ] || wrong "the other one is not put back"
! grep -q 'enabled: .* again' "$dir/out" || wrong "said to be put back"

# Files in the group, which a real one has not, keep it from being removed.
case_='a cgroup that cannot be removed'
mkdir -p "$dir/sys/fs/cgroup"
echo cpu memory >"$dir/sys/fs/cgroup/cgroup.controllers"
echo cpu >"$dir/sys/fs/cgroup/cgroup.subtree_control"
run : cgroup
[ "$status" -eq 1 ] || wrong "status $status"
grep -q '^hostile: .*/uzs-hostile.*cannot be removed' "$dir/err" ||
	wrong "not said"
grep -q 'cgroup.subtree_control: +memory' "$dir/out" || wrong "not said"
[ "$(cat "$dir/sys/fs/cgroup/cgroup.subtree_control")" = -memory ] ||
	wrong "memory stays in cgroup.subtree_control"
echo "put_back: ok"
