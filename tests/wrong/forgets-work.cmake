# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Leaves an emptied zspage in group 0, and schedules nothing.
set(file pool.c)
set(from [==[
	if (unlikely(kick))
		uzs_kick_free(pool);
]==])
set(to [==[
	(void)kick;
]==])
set(proof proof_page_locked)
set(says "at once: async work scheduled: 0, expected 1")
