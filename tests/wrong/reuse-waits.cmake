# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Waits for a slot to keep something in it.
set(file reuse.c)
set(from [==[
	if (unlikely(!mutex_trylock(&slot->lock))) {
		uzs_count(&pool->deferred.nr_sync_busy, 1);
		return REUSE_BUSY;
	}
]==])
set(to [==[
	mutex_lock(&slot->lock);
]==])
set(test reuse_proofs)
set(proof proof_never_waits)
set(says "waits for a slot: 60, expected 0")
