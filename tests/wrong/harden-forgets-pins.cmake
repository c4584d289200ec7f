# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Does not count reads.
set(file object.c)
set(from [==[
	what = pin_handle(pool, handle);
	if (likely(!what))
		return 0;
]==])
set(to [==[
	what = pin_handle(pool, handle);
	if (likely(!what)) {
		unpin_handle(handle);
		return 0;
	}
]==])
set(test harden)
set(proof test_freed_while_read)
set(says "is told 0 times, not once")
