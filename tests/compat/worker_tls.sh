#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The worker has a stack in programs with a lot of thread-local storage, also
# where threads have little stack by default, and where the C library sets
# more aside.
# usage: worker_tls.sh PROGRAM...
set -eu

failed=0
run() {
	"$@" || {
		echo "worker_tls.sh: $* failed with $?" \
			"(stack limit $(ulimit -s), ${GLIBC_TUNABLES-none})" >&2
		failed=1
	}
}
for program; do
	run "$program"
	# shellcheck disable=SC3045 # all shells that matter have -s
	(
		ulimit -s 256
		run "$program"
		GLIBC_TUNABLES=glibc.rtld.optional_static_tls=4194304
		export GLIBC_TUNABLES
		run "$program"
		exit "$failed"
	) || failed=1
done
exit "$failed"
