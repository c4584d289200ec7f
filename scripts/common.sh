# shellcheck shell=sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# What the scripts share: where the project is, telling what happens,
# installing what is missing, building. Read with `. scripts/common.sh`.

uzs_root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
uzs_jobs=$(nproc 2>/dev/null || echo 2)
uzs_missing=

say() {
	printf '%s\n' "-- $*"
}

die() {
	printf '%s\n' "$(basename -- "$0"): $*" >&2
	exit 1
}

# quietly LABEL LOG COMMAND...: one line with the time it took; the output
# goes to LOG and is shown only when the command fails.
quietly() {
	label=$1 log=$2
	shift 2
	mkdir -p -- "$(dirname -- "$log")"
	printf '%s' "-- $label ... "
	start=$(date +%s)
	if "$@" >"$log" 2>&1 </dev/null; then
		echo "done ($(($(date +%s) - start)) s)"
		return 0
	fi
	echo "FAILED ($(($(date +%s) - start)) s)"
	tail -n 40 -- "$log" >&2
	echo "-- the whole output: $log" >&2
	return 1
}

# What is needed, and the Debian package that has it. Asked by what is there,
# not by package, so that other systems and own builds count too.
need_command() {
	command -v "$1" >/dev/null 2>&1 || uzs_missing="$uzs_missing $2"
}

need_header() {
	printf '#include <%s>\n' "$1" | cc -E - >/dev/null 2>&1 ||
		uzs_missing="$uzs_missing $2"
}

need_compiler() {
	need_command cc gcc
	need_command make make
	need_command cmake cmake
	need_command ninja ninja-build
	need_header stdio.h libc6-dev
	need_header urcu/list.h liburcu-dev
}

need_tool_libraries() {
	need_header lz4.h liblz4-dev
	need_header zstd.h libzstd-dev
	need_header zlib.h zlib1g-dev
}

# With all of its library, which python3-minimal has not.
need_python() {
	python3 -c 'import html, statistics' >/dev/null 2>&1 ||
		uzs_missing="$uzs_missing python3"
}

need_test_libraries() {
	need_python
	need_command c++ g++
	need_command pkg-config pkg-config
	need_header cmocka.h libcmocka-dev
}

# What the programs in examples/ are built with, and tested by.
need_example_programs() {
	need_header rocksdb/c.h librocksdb-dev
	need_command db_bench rocksdb-tools
	need_header lzo/lzo1x.h liblzo2-dev
	need_header sodium.h libsodium-dev
	need_header nbdkit-plugin.h nbdkit-plugin-dev
	need_command nbdkit nbdkit
	need_command nbdcopy libnbd-bin
	need_command file file # nbdinfo asks it
	need_command qemu-img qemu-utils
	need_command fio fio
	need_command mke2fs e2fsprogs
	need_command python3 python3-minimal
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# One at a time: other steps of .ci/run may ask for packages, too.
apt_get() {
	mkdir -p "$uzs_root/build"
	as_root flock "$uzs_root/build/apt.lock" env DEBIAN_FRONTEND=noninteractive apt-get \
		-o Acquire::Retries=3 -o DPkg::Lock::Timeout=600 "$@"
}

# Installs what the need_ calls found missing.
install_missing() {
	[ -n "$uzs_missing" ] || return 0
	if ! command -v apt-get >/dev/null 2>&1; then
		die "missing, and no apt-get to install it with" \
			"(Debian's names):$uzs_missing"
	fi
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
		die "missing; as root run: apt-get install$uzs_missing"
	fi
	say "to be installed:$uzs_missing"
	if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
		sudo -v || die "cannot become root with sudo;" \
			"to be installed:$uzs_missing"
	fi
	# A list that cannot be had matters only if a package is missing then.
	quietly "apt-get update" "$uzs_root/build/logs/apt-update-$$.log" \
		apt_get update || true
	# shellcheck disable=SC2086 # a list of names
	quietly "apt-get install" "$uzs_root/build/logs/apt-install-$$.log" \
		apt_get install -y --no-install-recommends $uzs_missing || exit 1
	uzs_missing=
}

# build NAME [--target TARGET] -- CMAKE-OPTION...: configures and builds in
# build/NAME.
build() {
	name=$1
	shift
	target=all
	if [ "$1" = --target ]; then
		target=$2
		shift 2
	fi
	[ "$1" = -- ] && shift
	# Faster than make; but what is there stays what it is.
	[ -f "$uzs_root/build/$name/CMakeCache.txt" ] || set -- -G Ninja "$@"
	quietly "configure $name" "$uzs_root/build/logs/$name-configure.log" \
		cmake -S "$uzs_root" -B "$uzs_root/build/$name" "$@" || exit 1
	quietly "build $name" "$uzs_root/build/logs/$name-build.log" \
		cmake --build "$uzs_root/build/$name" --target "$target" \
		-j "$uzs_jobs" || exit 1
}
