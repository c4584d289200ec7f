# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The async work subtracts the capacity twice.
set(file relief.c)
set(from [==[
		uzs_add(&class->objs_capacity, -(long)class->objs_per_zspage);
]==])
set(to [==[
		uzs_add(&class->objs_capacity, -(long)class->objs_per_zspage);
		uzs_add(&class->objs_capacity, -(long)class->objs_per_zspage);
]==])
set(proof proof_capacity)
set(says "at once: objs_capacity after the async work")
