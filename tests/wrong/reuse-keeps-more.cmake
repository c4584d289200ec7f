# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# As many of the large as of the small.
set(file reuse.c)
set(from [==[
	return min(REUSE_KEPT, KEPT_PAGES * pool->page_size / class->size);
]==])
set(to [==[
	(void)pool;
	(void)class;
	return REUSE_KEPT;
]==])
set(test reuse)
set(proof test_room)
set(says "objects are kept, expected")
