# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Does not count reads.
set(file harden.c)
set(from [==[
		use_of(handle), &use, use + 1, true, __ATOMIC_ACQ_REL,
]==])
set(to [==[
		use_of(handle), &use, use, true, __ATOMIC_ACQ_REL,
]==])
set(test harden)
set(proof test_freed_while_read)
set(says "is told 0 times, not once")
