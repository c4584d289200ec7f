# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# zs_pool_check and fork take the slots inside free_work_lock.
set(file check.c)
set(from [==[
	uzs_reuse_lock(pool);
	mutex_lock(&pool->free_work_lock);
]==])
set(to [==[
	mutex_lock(&pool->free_work_lock);
	uzs_reuse_lock(pool);
]==])
set(test reuse_proofs)
set(proof proof_all_slots)
set(says "locks taken against the documented order")
