# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Leaves what it gives out where it was.
set(file reuse.c)
set(from [==[
		handle = stack->handles[--stack->nr];
]==])
set(to [==[
		handle = stack->handles[stack->nr - 1];
]==])
set(test reuse)
set(proof test_last_first)
set(says "is given out, expected")
