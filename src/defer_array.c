/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* defer_array.c - owns the array of handles that are to be freed later: a ring.
 *
 * Kernel origin: the series "mm/zsmalloc: reduce lock contention in zs_free",
 * v2 of April 2026; differs: the array is a ring, so that a flush knows when
 * all that was queued before it is freed.
 * Locks: a thread that queues only tries the array's lock. It is never held
 * while freeing.
 * Sleeps: no.
 */
#include "defer_array.h"

#include "compat/os.h"
#include "defer_common.h"
#include "free.h"
#include "lock_order.h"

/* Handles taken out of the array at once. */
#define DRAIN_BATCH 64

static unsigned int ring_capacity(const struct zs_pool *pool)
{
	return (unsigned int)(DEFER_ARRAY_BYTES >> pool->page_shift);
}

size_t uzs_array_need(const struct zs_pool *pool)
{
	return ALIGN(ring_capacity(pool) * sizeof(unsigned long),
		     uzs_os_page_size());
}

/* The array. Maps it if there is none yet; NULL without memory. */
static unsigned long *get_ring(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	unsigned long *ring = smp_load_acquire(&d->ring), *other = NULL;

	if (likely(ring))
		return ring;
	ring = uzs_zone_map(&pool->zone, uzs_array_need(pool));
	if (!ring)
		return NULL;
	if (__atomic_compare_exchange_n(&d->ring, &other, ring, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return ring;
	uzs_zone_unmap(&pool->zone, ring, uzs_array_need(pool));
	return other;
}

bool uzs_array_queue(struct zs_pool *pool, unsigned long handle)
{
	struct deferred *d = &pool->deferred;
	unsigned long *ring = get_ring(pool);
	u64 count;

	if (!ring) {
		uzs_count(&d->nr_sync_full, 1);
		return false;
	}
	if (!spin_trylock(&d->lock)) {
		uzs_count(&d->nr_sync_busy, 1);
		return false;
	}
	count = d->head - d->tail;
	if (unlikely(count == d->capacity)) {
		spin_unlock(&d->lock);
		uzs_count(&d->nr_sync_full, 1);
		uzs_defer_ask_again(pool);
		return false;
	}
	ring[d->head++ & (d->capacity - 1)] = handle;
	if (unlikely(count + 1 == d->capacity / 2))
		uzs_defer_schedule(pool);
	uzs_add(&d->nr_queued, 1);
	spin_unlock(&d->lock);
	return true;
}

bool uzs_array_drain(struct zs_pool *pool, u64 until)
{
	struct deferred *d = &pool->deferred;
	const unsigned long *ring = smp_load_acquire(&d->ring);
	unsigned long handles[DRAIN_BATCH];
	unsigned int n = 0;

	uzs_defer_step_begin(d);
	spin_lock(&d->lock);
	while (n < DRAIN_BATCH && d->tail < d->head && d->tail < until)
		handles[n++] = ring[d->tail++ & (d->capacity - 1)];
	spin_unlock(&d->lock);
	uzs_fetch_many(pool, handles, n);
	/* One by one, as the scope frees, like the series of April. */
	for (unsigned int i = 0; i < n; i++)
		uzs_free_one(pool, handles[i]);
	uzs_defer_count_drained(pool, n);
	uzs_defer_step_end(d);
	return n != 0;
}

u64 uzs_array_queued(struct deferred *d)
{
	u64 head;

	spin_lock(&d->lock);
	head = d->head;
	spin_unlock(&d->lock);
	return head;
}

void uzs_array_init(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	spin_lock_init(&d->lock);
	lock_set_rank(&d->lock, RANK_DEFERRED);
	d->capacity = ring_capacity(pool);
}

bool uzs_array_make(struct zs_pool *pool)
{
	return get_ring(pool) != NULL;
}

void uzs_array_destroy(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	VM_BUG_ON(d->head != d->tail);
	if (d->ring)
		uzs_zone_unmap(&pool->zone, d->ring, uzs_array_need(pool));
}

size_t uzs_array_bytes(const struct zs_pool *pool)
{
	return smp_load_acquire(&pool->deferred.ring) ? uzs_array_need(pool)
						      : 0;
}
