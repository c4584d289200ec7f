# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Gives a freed handle out again at once.
set(file compat/slab.c)
set(from [==[
		obj = delay(m, obj);
]==])
set(to [==[
		obj = UZS_SLAB_DELAY ? obj : delay(m, obj);
]==])
set(test harden)
set(proof test_delay)
set(says "given out again after")
