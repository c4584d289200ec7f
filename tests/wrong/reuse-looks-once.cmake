# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# A look leaves things and does not come back.
set(file reuse.c)
set(from [==[
	if (left)
		schedule(pool, false);
]==])
set(to [==[
	(void)left;
]==])
set(test reuse)
set(proof test_idle)
set(says "look_due(pool)")
