# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Subtracts the capacity of an emptied zspage twice.
set(file zspage.c)
set(from [==[
	uzs_add(&class->objs_capacity, -(long)class->objs_per_zspage);
]==])
set(to [==[
	uzs_add(&class->objs_capacity, -(long)class->objs_per_zspage);
	uzs_add(&class->objs_capacity, -(long)class->objs_per_zspage);
]==])
set(proof proof_capacity)
set(says "at once: objs_capacity, one zspage less")
