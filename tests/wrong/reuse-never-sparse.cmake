# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Gives objects out again in a pool that is full of gaps, too.
set(file reuse.c)
set(from [==[
	if (unlikely(READ_ONCE(pool->reuse.sparse)))
		return 0;
]==])
set(to [==[
]==])
set(test reuse)
set(proof test_sparse)
set(says "0x10 != 0x8")
