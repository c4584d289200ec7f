# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Tells a child of the reads of its parent's threads.
set(file harden.c)
set(from [==[
	if (pool->forked)
		return;
]==])
set(to [==[
]==])
set(test harden_threads)
set(proof test_fork)
set(says "FAILED")
