/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fork.c - takes every lock of a pool before a fork, and makes them new in
 * the child. Owns no state.
 *
 * Callers: users (pthread_atfork). Calls: everything that has a lock.
 * Locks: all, from prepare to parent or child. Sleeps: yes, in prepare.
 * Known limits: what an unfinished zs_malloc or zs_free of another thread had
 * in hand without a lock (at most one zspage and one handle word each) is
 * lost to the child until the pool is destroyed there.
 */
#include "internal.h"

void zs_fork_prepare(struct zs_pool *pool)
{
	/* The worker may hold any lock: it comes first. */
	uzs_workqueue_fork_prepare(&pool->wq);
	mutex_lock(&pool->deferred.drain_lock);
	/* The right to compact is no lock, but must not be lost in the child
	 * with the thread that has it. */
	while (__atomic_exchange_n(&pool->compaction_in_progress, true,
				   __ATOMIC_ACQUIRE))
		cond_resched();
	uzs_lock_pool(pool);
	uzs_slab_fork_prepare(&pool->handle_cache);
	uzs_slab_fork_prepare(&pool->zspage_cache);
	uzs_zone_fork_prepare(&pool->zone);
	uzs_deferred_fork_prepare(pool);
	uzs_workqueue_fork_hold(&pool->wq);
	/* Next may come another pool, whose order is the user's matter. */
	uzs_park_locks();
}

static void allow_compaction(struct zs_pool *pool)
{
	__atomic_store_n(&pool->compaction_in_progress, false,
			 __ATOMIC_RELEASE);
}

void zs_fork_parent(struct zs_pool *pool)
{
	uzs_deferred_fork_parent(pool);
	uzs_zone_fork_parent(&pool->zone);
	uzs_slab_fork_parent(&pool->zspage_cache);
	uzs_slab_fork_parent(&pool->handle_cache);
	uzs_unlock_pool(pool);
	allow_compaction(pool);
	mutex_unlock(&pool->deferred.drain_lock);
	uzs_workqueue_fork_parent(&pool->wq);
}

void zs_fork_child(struct zs_pool *pool)
{
	uzs_deferred_fork_child(pool);
	uzs_reuse_fork_child(pool);
	/* Lock words count sleepers that do not exist here. */
	uzs_zone_fork_child(&pool->zone);
	uzs_slab_fork_child(&pool->zspage_cache);
	uzs_slab_fork_child(&pool->handle_cache);
	for (unsigned int i = 0; i < pool->nr_classes; i++)
		if (uzs_class_is_own(pool, i))
			spin_lock_renew(&pool->size_class[i]->lock);
	rwlock_renew(&pool->lock);
	mutex_renew(&pool->free_work_lock);
	mutex_renew(&pool->zone.trim_lock);
	/* A thread that was inside a callback is not here to leave it. */
	uzs_shrinker_list_init(&pool->zone.shrinkers);
	uzs_register_shrinker(pool);
	pool->forked = true;
	/* Who was about to trim is not here to do it. */
	pool->trim_in_progress = false;
	allow_compaction(pool);
	uzs_workqueue_fork_child(&pool->wq);
}
