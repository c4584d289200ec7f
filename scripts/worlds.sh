# shellcheck shell=sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The worlds that the tests run in beside the machine's own: other processors,
# another C library, other pages of the OS. What each needs, how tests are run in
# it, which are left out there, and why. For .ci/run and scripts/everywhere; read
# after scripts/common.sh.

: "${uzs_root:?scripts/common.sh is read first}"
# shellcheck disable=SC2034 # for scripts/everywhere
uzs_worlds='32-bit aarch64 aarch64-16K aarch64-64K s390x musl pages-16K pages-64K'

# world_says WORLD: in a few words.
world_says() {
	case $1 in
	32-bit) echo "32-bit x86, on the machine itself" ;;
	aarch64) echo "64-bit ARM under qemu-user" ;;
	aarch64-16K) echo "the same, OS pages of 16 KiB (qemu-user -p)" ;;
	aarch64-64K) echo "the same, OS pages of 64 KiB (qemu-user -p)" ;;
	s390x) echo "IBM Z, big-endian, under qemu-user" ;;
	musl) echo "musl in place of glibc, on the machine itself" ;;
	pages-16K) echo "the machine itself, OS pages of 16 KiB pretended" ;;
	pages-64K) echo "the machine itself, OS pages of 64 KiB pretended" ;;
	*) return 1 ;;
	esac
}

# world_preset WORLD: of CMakePresets.json.
world_preset() {
	case $1 in
	32-bit) echo m32 ;;
	aarch64*) echo aarch64 ;;
	pages-*) echo release ;;
	*) echo "$1" ;;
	esac
}

# world_page WORLD: bytes of an OS page, if they are not the machine's.
world_page() {
	case $1 in
	*-16K) echo 16384 ;;
	*-64K) echo 65536 ;;
	esac
}

world_is_emulated() {
	case $1 in
	aarch64* | s390x) return 0 ;;
	*) return 1 ;;
	esac
}

# ---- what it needs ----------------------------------------------------------------

# on_amd64 WHAT: this machine has the packages that are unpacked below.
on_amd64() {
	case $(dpkg --print-architecture 2>/dev/null) in
	amd64) ;;
	*) die "$1 is for Debian or Ubuntu on amd64" ;;
	esac
}

# unpack ARCHITECTURE FOLDER LABEL PACKAGE...: packages, unpacked in build/FOLDER
# and not installed. What is there from the same list stays.
unpack() {
	unpack_arch=$1 folder=build/$2 unpack_log=build/logs/$1-download.log
	unpack_label=$3
	shift 3
	[ "$(cat "$folder/unpacked" 2>/dev/null)" != "$*" ] || return 0
	if [ "$(dpkg --print-architecture)" != "$unpack_arch" ] &&
		! dpkg --print-foreign-architectures | grep -qx "$unpack_arch"; then
		as_root dpkg --add-architecture "$unpack_arch"
	fi
	# A list that cannot be had matters only if a package is missing then.
	quietly "apt-get update" "build/logs/$unpack_arch-update.log" \
		apt_get update || true
	rm -rf "$folder"
	mkdir -p "$folder/packages"
	(
		cd "$folder/packages" || exit 1
		quietly "$unpack_label" "$uzs_root/$unpack_log" \
			apt-get download "$@"
	) || return 1
	for package in "$folder"/packages/*.deb; do
		dpkg -x "$package" "$folder" || return 1
	done
	echo "$*" >"$folder/unpacked"
}

# prepare_32bit: the compiler's own 32-bit libc, and Debian's i386 libraries
# unpacked beside the build. Installing them would need all of i386's libc in the
# version of the machine's own.
prepare_32bit() {
	on_amd64 "32-bit x86"
	for package in gcc-multilib g++-multilib; do
		case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" \
			2>/dev/null) in
		ii*) ;;
		*) uzs_missing="$uzs_missing $package" ;;
		esac
	done
	install_missing
	unpack i386 i386 "i386 libraries" \
		liburcu-dev:i386 liburcu8:i386 \
		libcmocka-dev:i386 libcmocka0:i386 \
		liblz4-dev:i386 liblz4-1:i386 \
		libzstd-dev:i386 libzstd1:i386 \
		zlib1g-dev:i386 zlib1g:i386
}

# prepare_cross PROCESSOR ARCHITECTURE FOLDER PACKAGE...: a cross compiler and
# libraries, unpacked too: its packages cannot be installed beside those of
# 32-bit x86. PROCESSOR is its name for gcc and qemu, ARCHITECTURE for Debian;
# more libraries follow. Then the compiler can be used from here on.
prepare_cross() {
	cross=$1-linux-gnu arch=$2 cross_folder=$3
	on_amd64 "$1 under qemu-user"
	need_command "qemu-$1" qemu-user
	install_missing
	shift 3
	unpack "$arch" "$cross_folder" \
		"cross compiler and $arch libraries" \
		"gcc-12-$cross" "g++-12-$cross" "cpp-12-$cross" \
		"binutils-$cross" \
		"libgcc-12-dev-$arch-cross" "libgcc-s1-$arch-cross" \
		"libstdc++-12-dev-$arch-cross" "libstdc++6-$arch-cross" \
		"libc6-dev-$arch-cross" "libc6-$arch-cross" \
		"linux-libc-dev-$arch-cross" "libatomic1-$arch-cross" \
		"liburcu-dev:$arch" "liburcu8:$arch" \
		"libcmocka-dev:$arch" "libcmocka0:$arch" \
		"liblz4-dev:$arch" "liblz4-1:$arch" \
		"libzstd-dev:$arch" "libzstd1:$arch" \
		"zlib1g-dev:$arch" "zlib1g:$arch" "$@" || return 1
	# A script of the linker, with the places where it would be installed.
	sed -i "s#/usr/$cross/lib/##g" \
		"build/$cross_folder/usr/$cross/lib/libc.so"
	cross_files=$uzs_root/build/$cross_folder/usr
	PATH=$cross_files/bin:$PATH
	# The assembler's and the linker's own.
	LD_LIBRARY_PATH=$cross_files/lib/$(cc -print-multiarch)
	export PATH LD_LIBRARY_PATH
}

prepare_aarch64() {
	prepare_cross aarch64 arm64 arm64
}

# With what the examples and their fuzz targets need: they write files.
prepare_s390x() {
	prepare_cross s390x s390x s390x-files \
		liblzo2-dev:s390x liblzo2-2:s390x \
		libsodium-dev:s390x libsodium23:s390x
}

# prepare_world WORLD: what is not installed by scripts/test.
prepare_world() {
	case $1 in
	32-bit) prepare_32bit ;;
	aarch64*) prepare_aarch64 ;;
	s390x) prepare_s390x ;;
	esac
}

# ---- running in it ------------------------------------------------------------------

# can_start_programs: this kernel lets a user have names of interpreters of his
# own (binfmt_misc in a user namespace, Linux 6.7 and later): scripts can start
# programs for other processors then, which run under qemu-user.
can_start_programs() {
	unshare --user --map-current-user --keep-caps --mount sh -c \
		'mount -t binfmt_misc uzs /proc/sys/fs/binfmt_misc' 2>/dev/null
}

# with_programs PROCESSOR COMMAND...: as above. Ends with the command; nothing
# outside of it changes.
with_programs() {
	# The first 20 bytes of a program: the magic number, 64 bits, byte order,
	# version, ABI (of which there are two), kind (program or library: 2 or
	# 3), processor.
	case $1 in
	aarch64) order='\x01' kind='\x02\x00' kinds='\xfe\xff' no='\xb7\x00' ;;
	s390x) order='\x02' kind='\x00\x02' kinds='\xff\xfe' no='\x00\x16' ;;
	*) return 2 ;;
	esac
	zeroes='\x00\x00\x00\x00\x00\x00\x00\x00'
	ones='\xff\xff\xff\xff'
	name=uzs-$1
	magic='\x7fELF\x02'$order'\x01\x00'$zeroes$kind$no
	mask=$ones'\xff\xff\xff\x00'$ones$ones$kinds'\xff\xff'
	rule=":$name:M::$magic:$mask:$(command -v "qemu-$1"):F"
	shift
	# shellcheck disable=SC2016 # of the inner shell
	unshare --user --map-current-user --keep-caps --mount sh -c '
		mount -t binfmt_misc uzs /proc/sys/fs/binfmt_misc &&
		printf %s "$1" >/proc/sys/fs/binfmt_misc/register || exit 1
		shift
		exec "$@"' sh "$rule" "$@"
}

# in_world WORLD COMMAND...: the command, which starts tests of its preset. After
# prepare_world and the build.
in_world() {
	world=$1
	shift
	case $world in
	pages-*)
		env UZS_PRETEND_PAGES="$(world_page "$world")" \
			UZS_PRETEND_IN="$uzs_root/build/release" \
			LD_PRELOAD="$uzs_root/build/release/tests/pages/pretend_pages.so" \
			"$@"
		;;
	aarch64* | s390x)
		page=$(world_page "$world")
		set -- env ${page:+"QEMU_PAGESIZE=$page"} \
			QEMU_LD_PREFIX="$cross_files/$cross" \
			QEMU_SET_ENV="LD_LIBRARY_PATH=$cross_files/lib/$cross" \
			"$@"
		if [ -n "$uzs_programs_start" ]; then
			with_programs "${cross%-linux-gnu}" "$@"
		else
			"$@"
		fi
		;;
	*) "$@" ;;
	esac
}

# ---- what is left out, and why ------------------------------------------------------

# Set if scripts can start programs for other processors.
uzs_programs_start=

# without REASON TESTS...: names, as patterns.
without() {
	reason=$1
	shift
	printf '%s\t%s\n' "$*" "$reason"
}

# left_out WORLD: a line for each reason: names, a tab, the reason.
left_out() {
	set -f # the names are patterns
	case $1 in
	aarch64* | s390x) left_out_emulated "$1" ;;
	pages-*) left_out_pretended ;;
	esac
	set +f
}

# left_out_pattern WORLD: for ctest -E. (No parentheses around all: it takes few.)
left_out_pattern() {
	left_out "$1" | awk -F '\t' '
		BEGIN { printf "^none$" }
		{
			n = split($1, names, " ")
			for (i = 1; i <= n; i++)
				printf "|^%s$", names[i]
		}'
}

left_out_emulated() {
	if [ -z "$uzs_programs_start" ]; then
		without "they are scripts, or start a program of ours themselves: the kernel would have to know of qemu" \
			worker_tls compare-finds conformance-finds 'tool-.*' \
			readme symbols consumer odd_path parts lab-report \
			'lab-simulate.*' fuzz-script hostile-put-back \
			soak 'soak-wrong-.*' 'deep-.*'
	else
		without "they build or start programs for the machine itself" \
			consumer odd_path parts tool-abi tool-site fuzz-script
		without "they set limits that qemu has to live with, too, or count memory that qemu has some of" \
			worker_tls tool-compare
		without "they take minutes there, or are of no use with the times there" \
			compare-finds 'lab-simulate.*' tool-bench tool-lab \
			tool-bench_peers tool-view soak 'soak-wrong-.*' \
			'deep-.*'
	fi
	[ "$1" != s390x ] || without \
		"it looks at what the process has, and qemu's own grows" stat
	without "they fork beside threads, which qemu 7.2 does not survive (\"assertion failed: cpu == current_cpu\")" \
		workqueue fork fork_holds user_fork user_hazard
	without "they have mappings refused, or count mappings or threads: qemu has some of its own" \
		os zone_give_back zone_random pool life failure failure_late
	without "they limit address space, memory or mappings, or count threads: qemu does not pass the limits on, and has mappings and a thread of its own" \
		hostile-address-space hostile-data hostile-mappings \
		hostile-no-processes
	without "they look at the signals of a thread, or at how a process ends by one, which qemu has its own way for" \
		worker harden user_harden
	without "they take minutes there: the same in all geometries, the differential, and the long searches of the lab" \
		conformance-held conformance-unlocked \
		conformance-user-geometries compare-own lab_explore lab_quiet \
		lab_litmus lab_weak 'lab_scenarios.*' 'lab_memory.*' \
		'lab_watch.*'
}

left_out_pretended() {
	without "they build programs, or read text: pages have no part in them" \
		consumer odd_path parts readme floors symbols fuzz-script \
		hostile-put-back 'tool-(abi|site|pages|view|bench_peers)' \
		'example-.*' pretend_pages 'pages-.*'
	without "they look for what was put into the library wrongly, under a mapping of pages of its own, and take minutes" \
		'lab-wrong.*' 'lab_(scenarios|watch|memory|litmus).*' \
		'lab-simulate.*' '.*-finds'
	without "a browser takes minutes there" lab-report
}
