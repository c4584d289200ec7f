/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* limit.c - the limit of the pools' size, and what is freed before a store
 * fails.
 *
 * The limit counts pages of the pools. Some of their contents are dead: handles
 * that wait in a pool's queue, or are kept for reuse; a pool whose last entry
 * is gone; free places that compaction would give back.
 * Kernel origin: mm/zswap.c zswap_check_limits. Added: L1, L2. In the kernel a
 * queue of freed handles is short, and the shrinker deals with free places.
 * Callers: zswap.c, writeback.c, pool.c. Locks: takes room_lock, and under it
 * pools_lock and worker_lock; a caller may hold an entry's lock.
 * Guarantees:
 *  L1 A store fails at the limit only if the pools are still too large after
 *     everything that was dropped before is freed, and after compaction if that
 *     can be enough. What compaction could not free the last time is left to
 *     the worker.
 *  L2 The worker writes nothing back while anything dead is in the pools,
 *     except free places too small to be worth compaction.
 *  L3 A store that must fail because of live pages frees and compacts nothing,
 *     and waits for no other thread.
 */
#include "internal.h"

void zswap_note_dead(struct zswap *z)
{
	atomic_fetch_add(&z->dead, 1);
}

void zswap_note_freed(struct zswap *z)
{
	if (z->options.profile == ZS_PROFILE_USER)
		zswap_note_dead(z);
}

bool zswap_dead_waits(struct zswap *z)
{
	return atomic_load(&z->dead) != atomic_load(&z->dead_freed);
}

static void flush_pool(struct zswap_pool *pool)
{
	zs_free_deferred_flush(pool->zs);
}

/* In the user profile compaction leaves free pages to the pool; here they go back to
 * the system. In the kernel profile compaction frees them itself. */
static void trim_pool(struct zswap_pool *pool)
{
	if (zs_profile(pool->zs) == ZS_PROFILE_USER)
		zs_trim(pool->zs);
}

static void compact_pool(struct zswap_pool *pool)
{
	if (!zs_shrink_count(pool->zs))
		return;
	zs_compact(pool->zs);
	trim_pool(pool);
}

static void add_freeable(struct zswap_pool *pool, void *bytes)
{
	*(uint64_t *)bytes +=
		(uint64_t)zs_shrink_count(pool->zs) * pool->page_bytes;
}

static uint64_t freeable_bytes(struct zswap *z)
{
	uint64_t bytes = 0;

	zswap_for_each_pool(z, add_freeable, &bytes);
	return bytes;
}

/* Locks: needs room_lock. A thread that finds it taken waits until another
 * thread's free is done. */
static bool free_dead(struct zswap *z)
{
	/* Everything that is counted here was queued before. */
	unsigned long dead = atomic_load(&z->dead);

	if (dead == atomic_load(&z->dead_freed))
		return false;
	zswap_visit_pools(z, flush_pool);
	zswap_tidy_pools(z, false);
	if (zswap_pool_size(z) > z->accept_pool_size)
		zswap_visit_pools(z, trim_pool);
	atomic_store(&z->dead_freed, dead);
	return true;
}

bool zswap_free_dead(struct zswap *z)
{
	bool freed;

	if (!zswap_dead_waits(z))
		return false;
	pthread_mutex_lock(&z->room_lock);
	freed = free_dead(z);
	pthread_mutex_unlock(&z->room_lock);
	return freed;
}

/* Locks: needs room_lock. */
static void compact(struct zswap *z)
{
	zswap_visit_pools(z, compact_pool);
	/* For example objects that are being read. */
	atomic_store(&z->not_freeable, freeable_bytes(z));
}

/* Would compaction reduce the pools from @size to less than @most? */
static bool compaction_would_do(struct zswap *z, uint64_t size, uint64_t most)
{
	uint64_t freeable = freeable_bytes(z);
	uint64_t not_freeable = atomic_load(&z->not_freeable);
	uint64_t bytes = freeable < not_freeable ? 0 : freeable - not_freeable;

	return size - (bytes < size ? bytes : size) < most;
}

/* Frees dead objects if that may reduce the pools below @most.
 * Return: the size of the pools. */
static uint64_t make_room(struct zswap *z, uint64_t size, uint64_t most)
{
	/* The live pages alone need as much, however dense they are. */
	if (stat_read(&z->stored_bytes) >= most ||
	    (!zswap_dead_waits(z) && !compaction_would_do(z, size, most)))
		return size;
	pthread_mutex_lock(&z->room_lock);
	free_dead(z);
	size = zswap_pool_size(z);
	if (size >= most && compaction_would_do(z, size, most)) {
		compact(z);
		size = zswap_pool_size(z);
	}
	pthread_mutex_unlock(&z->room_lock);
	return size;
}

/* With hysteresis: true from the time when the limit is reached until the pools
 * have shrunk to the threshold. */
bool zswap_limit_reached(struct zswap *z)
{
	bool full =
		atomic_load_explicit(&z->reached_full, memory_order_relaxed);
	uint64_t most = full ? z->accept_pool_size + 1 : z->max_pool_size;
	uint64_t size = zswap_pool_size(z);

	if (size >= most)
		size = make_room(z, size, most);
	if (size >= z->max_pool_size) {
		stat_add(&z->pool_limit_hit, 1);
		atomic_store(&z->reached_full, true);
	} else if (size <= z->accept_pool_size && full) {
		atomic_store(&z->reached_full, false);
	}
	return atomic_load_explicit(&z->reached_full, memory_order_relaxed);
}

uint64_t zswap_excess(struct zswap *z)
{
	const uint64_t most = z->accept_pool_size;
	uint64_t size, freeable;

	pthread_mutex_lock(&z->room_lock);
	free_dead(z);
	size = zswap_pool_size(z);
	freeable = freeable_bytes(z);
	/* If compaction is not enough, and would free less than 1/32 of the
	 * pools, it is not worth the work. */
	if (size > most && (freeable >= size - most || freeable > size / 32)) {
		compact(z);
		size = zswap_pool_size(z);
	}
	pthread_mutex_unlock(&z->room_lock);
	return size > most ? size - most : 0;
}
