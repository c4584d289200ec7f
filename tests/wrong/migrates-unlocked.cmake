# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Page migration does not mind that a page is locked.
set(file compat/zone_compact.c)
set(from [==[
	if (!(page_flags(src) & PG_movable) || !trylock_page(src))
		return false;
]==])
set(to [==[
	if (!(page_flags(src) & PG_movable))
		return false;
	(void)trylock_page(src);
]==])
set(proof proof_migration)
set(says "a lock given back that this thread has not")
