/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* defer_common.h - what the array and the per-CPU buffers of deferred free have
 * in common. */
#ifndef UZS_DEFER_COMMON_H
#define UZS_DEFER_COMMON_H

#include "class.h"

static inline void uzs_defer_schedule(struct zs_pool *pool)
{
	if (queue_work(&pool->wq, &pool->deferred.work))
		uzs_count(&pool->deferred.nr_scheduled, 1);
}

/* The drain is overdue. If the worker could not be started, tries again. */
static inline void uzs_defer_ask_again(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	if (work_pending(&d->work) && uzs_workqueue_lacks_worker(&pool->wq))
		queue_work(&pool->wq, &d->work);
}

/* Counts handles that were taken out of the queue and freed. */
static inline void uzs_defer_count_drained(struct zs_pool *pool, unsigned int n)
{
	uzs_count(&pool->deferred.nr_drained, n);
	uzs_count(&pool->freed_late, n);
}

/* One step of a drain begins and ends. What it takes out of the queue is in
 * hand until then, and a fork waits for that. Locks: needs drain_lock; takes
 * hand_lock. */
static inline void uzs_defer_step_begin(struct deferred *d)
{
	uzs_assert_held(&d->drain_lock);
	mutex_lock(&d->hand_lock);
}
static inline void uzs_defer_step_end(struct deferred *d)
{
	mutex_unlock(&d->hand_lock);
	uzs_turn_give(&d->hand_wanted);
}

/* Could the pool still hold an object of any size, if `bytes` more were not
 * available for objects? */
static inline bool uzs_defer_leaves_room(const struct zs_pool *pool,
					 size_t own_bytes, size_t bytes)
{
	size_t limit = uzs_memory_limit(pool);

	return !limit || limit >= pool->least_bytes + own_bytes + bytes;
}

#endif
