# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Scope class-idx: reads obj once, before the class is locked.
set(file scope.c)
set(from [==[
	obj = handle_to_obj(handle); /* now it cannot: L1 */
]==])
set(to [==[
]==])
set(proof proof_moved_object)
set(says "at once: another object was freed")
