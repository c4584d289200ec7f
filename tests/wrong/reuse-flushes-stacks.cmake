# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# A flush does not see what is staged.
set(file reuse.c)
set(from [==[
	if (!slot->held)
		return false;
	unstage_all(pool, slot);
]==])
set(to [==[
	if (!slot->held)
		return false;
	(void)unstage_all;
]==])
set(test reuse_pool)
set(proof test_flush)
set(says "objects are kept, expected 0")
