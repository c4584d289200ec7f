# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Takes any place where handles may lie for one.
set(file harden.c)
set(from [==[
	if (unlikely(!is_word(pool, handle)))
]==])
set(to [==[
	if (unlikely(!is_place(pool, handle)))
]==])
set(test harden)
set(proof test_garbage)
set(says "is told as freed already")
