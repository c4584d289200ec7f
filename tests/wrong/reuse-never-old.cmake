# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# A look does not note what there is.
set(file reuse.c)
set(from [==[
			stack->low = stack->nr;
]==])
set(to [==[
]==])
set(test reuse)
set(proof test_idle)
set(says "20 objects are kept, expected 0")
