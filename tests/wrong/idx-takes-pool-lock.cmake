# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Scope class-idx: takes pool->lock for the lookup.
set(file scope.c)
set(from [==[
	/* The object may move now, but not to another class. */
	obj = handle_to_obj(handle);
]==])
set(to [==[
	read_lock(&pool->lock);
	obj = handle_to_obj(handle);
	read_unlock(&pool->lock);
]==])
set(proof proof_lock_sequence)
set(says "at once: locks are taken and dropped \"pool-r? pool-r+ pool-r- class?")
