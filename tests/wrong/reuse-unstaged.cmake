# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Looks at a handle when it is freed, not later.
set(file reuse.c)
set(from [==[
	full = oldest && put_on_stack(pool, slot, oldest);
]==])
set(to [==[
	slot->staged[(slot->pos + REUSE_STAGED - 1) % REUSE_STAGED] = oldest;
	full = put_on_stack(pool, slot, handle);
]==])
set(test reuse)
set(proof test_taken_again)
set(says "is given out, expected a new one")
