# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Drops the slot before it frees what was in it.
set(file reuse.c)
set(from [==[
	uzs_free_alike(pool, stack->handles, n);
]==])
set(to [==[
	unsigned long handles[REUSE_KEPT];

	memcpy(handles, stack->handles, n * sizeof(handles[0]));
	mutex_unlock(&slot->lock);
	uzs_free_alike(pool, handles, n);
	mutex_lock(&slot->lock);
]==])
set(test reuse_proofs)
set(proof proof_pages_freed)
set(says "pages freed with the slot: 0, expected 3")
