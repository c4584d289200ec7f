# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Frees the oldest, and forgets the newest instead.
set(file reuse.c)
set(from [==[
	memmove(stack->handles, stack->handles + n,
		stack->nr * sizeof(stack->handles[0]));
]==])
set(to [==[
	(void)memmove;
]==])
set(test reuse)
set(proof test_room)
set(says "I12: kept handle")
