# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Takes any place where handles may lie for one.
set(file harden.c)
set(from [==[
		      mark_of(pool, handle));
]==])
set(to [==[
			      mark_of(pool, handle) ||
		      pool->hardened);
]==])
set(test harden)
set(proof test_garbage)
set(says "is told as freed already")
