/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fork.c - takes the locks of a pool before a fork, and initialises them again
 * in the child. Owns no state.
 *
 * Locks: all but the rights (lock_order.h), from prepare to parent or child. A
 * thread may have a right for long, and wait with it for locks that are taken
 * here. So the child initialises the rights again, and the state that a right
 * guards must be consistent whenever nobody has the other locks. Sleeps: yes,
 * in prepare, for one step of another thread's work.
 * Several pools: while one is prepared, a callback of another may wait for it.
 * So no lock is held during callbacks, and prepare does not wait for their end.
 * Only for the end of a drain callback it waits up to FORK_PATIENCE_NS.
 * Known limits: what an unfinished zs_malloc or zs_free of another thread had
 * in hand without a lock (at most one zspage and one handle word each; of
 * zs_free_many 64) is lost in the child until it destroys the pool. The ref or
 * handle that is just freed there may be left pinned.
 */
#include "check.h"
#include "class.h"
#include "deferred.h"
#include "harden.h"
#include "kernel/reuse.h"
#include "profile.h"

void zs_fork_prepare(struct zs_pool *pool)
{
	uzs_deferred_fork_hand(pool);
	uzs_lock_pool(pool);
	if (pool->profile->lock_lower)
		pool->profile->lock_lower(pool);
	uzs_slab_fork_prepare(&pool->handle_cache);
	uzs_slab_fork_prepare(&pool->zspage_cache);
	uzs_zone_lock_all(&pool->zone);
	uzs_deferred_fork_prepare(pool);
	uzs_workqueue_fork_hold(&pool->wq);
	/* Another pool may come next, and the order of pools is the user's
	 * choice. */
	uzs_park_locks();
}

void zs_fork_parent(struct zs_pool *pool)
{
	uzs_workqueue_fork_parent(&pool->wq);
	uzs_zone_unlock_all(&pool->zone);
	uzs_slab_fork_parent(&pool->zspage_cache);
	uzs_slab_fork_parent(&pool->handle_cache);
	if (pool->profile->unlock_lower)
		pool->profile->unlock_lower(pool);
	uzs_unlock_pool(pool);
	uzs_deferred_fork_parent(pool);
}

void zs_fork_child(struct zs_pool *pool)
{
	uzs_reuse_fork_child(pool);
	uzs_harden_fork_child(pool);
	/* Lock words count sleepers that do not exist in the child. */
	uzs_zone_fork_child(&pool->zone);
	uzs_slab_fork_child(&pool->zspage_cache);
	uzs_slab_fork_child(&pool->handle_cache);
	for (unsigned int i = 0; i < pool->nr_classes; i++)
		if (uzs_class_is_own(pool, i))
			spin_lock_renew(&pool->size_class[i]->lock);
	pool->profile->renew(pool);
	mutex_renew(&pool->free_work_lock);
	/* The threads that had these do not exist in the child. */
	mutex_renew(&pool->compact_lock);
	pool->own_step = false;
	pool->trim_in_progress = false;
	pool->forked = true;
	uzs_deferred_fork_child(pool);
	uzs_workqueue_fork_child(&pool->wq);
}
