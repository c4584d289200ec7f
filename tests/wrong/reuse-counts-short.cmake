# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Does not count what it gives out.
set(file reuse.c)
set(from [==[
		slot->held--;
		uzs_add(&slot->nr_taken, 1);
]==])
set(to [==[
		slot->held--;
]==])
set(test reuse)
set(proof test_taken_again)
set(says "0 != 0x1")
