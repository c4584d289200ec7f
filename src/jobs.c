/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* jobs.c - the worker's own jobs: frees zspages that could not be freed at
 * once, gives back memory beyond what is retained, lets full zspages move into huge
 * pages. Owns no state.
 *
 * Kernel origin: mm/zsmalloc.c async_free_zspage, kick_deferred_free; the rest
 * is ours.
 * Locks: takes free_work_lock, page locks, class->lock; trim_lock. Sleeps: the
 * jobs do; asking for them does not.
 */
#include "jobs.h"

#include "class.h"
#include "profile.h"

/* Delay of the give-back job. Memory that becomes free is often wanted again
 * soon, or its neighbours become free too. So a little later there is less to
 * give back, in larger pieces. Each piece costs a system call that interrupts
 * all threads. */
#define GIVE_BACK_DELAY_NS (100 * 1000000u)

void uzs_kick_free(struct zs_pool *pool)
{
	queue_work(&pool->wq, &pool->free_work);
}

/* Runs on every allocation and free: one load of a flag that is nearly always
 * false. Queued work may be queued again: that tries again to start the worker,
 * if it could not be started. */
void uzs_kick_give_back(struct zs_pool *pool)
{
	if (!uzs_zone_wants_give_back(&pool->zone))
		return;
	uzs_zone_give_back_queued(&pool->zone);
	queue_delayed_work(&pool->wq, &pool->give_back_work,
			   GIVE_BACK_DELAY_NS);
}

unsigned long uzs_free_empty_zspages(struct zs_pool *pool)
{
	unsigned long n;

	if (!pool->profile->free_empty)
		return 0;
	mutex_lock(&pool->free_work_lock);
	n = pool->profile->free_empty(pool);
	uzs_count(&pool->stat.zspages_async_freed, n);
	/* Count before the lock is dropped: a thread that waits for it reads
	 * this. */
	uzs_count(&pool->freed_late, n);
	mutex_unlock(&pool->free_work_lock);
	return n;
}

/* When the worker looks after a free, if not before. */
#define LATER_NS (500 * 1000000u)

void uzs_look_at_held_later(struct zs_pool *pool)
{
	if (!pool->forked && READ_ONCE(pool->wq.worker) != UZS_WORKER_NEVER)
		queue_delayed_work(&pool->wq, &pool->look_work, LATER_NS);
}

/* Calls of a pool in use should not wait for it. So it is done when nothing was freed
 * since the last look. */
static void look_at_held(struct zs_pool *pool)
{
	unsigned long freed = uzs_objs_freed(pool);

	if (!pool->profile->is_held || !pool->profile->is_held(pool))
		return;
	if (freed != pool->looked_at) {
		pool->looked_at = freed;
		uzs_look_at_held_later(pool);
		return;
	}
	mutex_lock(&pool->zone.trim_lock);
	pool->profile->split(pool);
	mutex_unlock(&pool->zone.trim_lock);
}

static void give_back_free_pages(struct work_struct *work)
{
	struct zs_pool *pool =
		container_of(work, struct zs_pool, give_back_work);

	mutex_lock(&pool->zone.trim_lock);
	uzs_zone_give_back(&pool->zone, uzs_zone_retained(&pool->zone), true);
	if (pool->profile->give_back)
		pool->profile->give_back(pool,
					 uzs_zone_retained_left(&pool->zone));
	/* Count before the lock is dropped: a thread that waits for it reads
	 * this. */
	uzs_count(&pool->give_backs, 1);
	mutex_unlock(&pool->zone.trim_lock);
}

static void async_free_zspage(struct work_struct *work)
{
	struct zs_pool *pool = container_of(work, struct zs_pool, free_work);

	uzs_free_empty_zspages(pool);
	uzs_kick_give_back(pool);
}

/* ---- gaps ---------------------------------------------------------------- */

/* Gaps of less than this are left, whatever the bound: they are of no use to
 * others, and closing them takes time. */
#define LEAST_GAPS ((size_t)256 << 10)

bool uzs_has_gaps(const struct zs_pool *pool, unsigned int quarters)
{
	unsigned int bound = READ_ONCE(pool->max_overhead);
	u64 gaps = 0, live = 0;

	if (!bound)
		return false;
	for (unsigned int i = 0; i < pool->nr_classes; i++) {
		struct size_class *class = pool->size_class[i];

		if (!uzs_class_is_own(pool, i))
			continue;
		gaps += uzs_freeable_pages(class);
		live += (u64)READ_ONCE(class->objs_inuse) * class->size;
	}
	gaps <<= pool->page_shift;
	return gaps > LEAST_GAPS && gaps > live / 400 * bound * quarters;
}

static void look(struct work_struct *work)
{
	struct zs_pool *pool = container_of(work, struct zs_pool, look_work);

	/* First: who frees from now on asks again. */
	WRITE_ONCE(pool->look_due, false);
	uzs_look_for_gaps(pool);
	look_at_held(pool);
}

void uzs_look_later(struct zs_pool *pool)
{
	unsigned long pages = (unsigned long)READ_ONCE(pool->pages_allocated);

	/* A small pool has few gaps, and may have no thread yet. */
	if (pages << pool->page_shift <= 4 * LEAST_GAPS ||
	    READ_ONCE(pool->wq.worker) == UZS_WORKER_NEVER)
		return;
	WRITE_ONCE(pool->look_due, true);
	queue_delayed_work(&pool->wq, &pool->look_work, LATER_NS);
}

void uzs_look_for_gaps(struct zs_pool *pool)
{
	if (!uzs_has_gaps(pool, 4))
		return;
	if (READ_ONCE(pool->wq.worker) == UZS_WORKER_NEVER)
		WRITE_ONCE(pool->gaps_due, true);
	queue_delayed_work(&pool->wq, &pool->gaps_work, GAPS_DELAY_NS);
}

/* ---- huge pages ---------------------------------------------------------- */

static void settle(struct work_struct *work)
{
	struct zs_pool *pool = container_of(work, struct zs_pool, settle_work);
	/* A child would copy what it shares with its parent. */
	u64 delay = pool->forked ? 0 : pool->profile->settle(pool);

	if (delay)
		queue_delayed_work(&pool->wq, work, delay);
}

void uzs_jobs_init(struct zs_pool *pool)
{
	INIT_WORK(&pool->settle_work, settle);
	INIT_WORK(&pool->look_work, look);
	INIT_WORK(&pool->free_work, async_free_zspage);
	INIT_WORK(&pool->give_back_work, give_back_free_pages);
}
