# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Does not ask again for a thread that could not be had.
set(file reuse.c)
set(from [==[
	if (unlikely(!work_pending(work) ||
		     (seldom && uzs_workqueue_lacks_worker(&pool->wq))))
]==])
set(to [==[
	(void)seldom;
	if (unlikely(!work_pending(work)))
]==])
set(test reuse)
set(proof test_no_thread)
set(says "0x1 != 0x2")
