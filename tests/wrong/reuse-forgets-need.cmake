# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# What was needed since the last look counts as not needed.
set(file reuse.c)
set(from [==[
		handle = stack->handles[--stack->nr];
		stack->low = min(stack->low, stack->nr);
]==])
set(to [==[
		handle = stack->handles[--stack->nr];
]==])
set(test reuse)
set(proof test_needed_stay)
set(says "9 objects are kept, at least 14 of them for long")
