/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* trim.c - gives back to the OS all memory that it can free without the user's
 * help. Owns the right to trim (trim_in_progress).
 *
 * Kernel origin: none.
 * Locks: takes trim_lock, then what freeing and migration take. Sleeps: yes.
 */
#include "trim.h"

#include "jobs.h"
#include "profile.h"

size_t uzs_trim_locked(struct zs_pool *pool)
{
	struct zone *zone = &pool->zone;
	unsigned long before = READ_ONCE(zone->bytes_given_back);

	uzs_assert_held(&zone->trim_lock);
	kmem_cache_shrink(&pool->handle_cache);
	pool->profile->trim(pool);
	kmem_cache_shrink(&pool->zspage_cache);
	uzs_zone_compact(zone);
	uzs_zone_give_back(zone, 0, true);
	if (pool->profile->give_back)
		pool->profile->give_back(pool, 0);
	uzs_count(&pool->give_backs, 1);
	/* At a limit, moving pages already gives some back. */
	return READ_ONCE(zone->bytes_given_back) - before;
}

size_t zs_trim(struct zs_pool *pool)
{
	size_t given;

	if (__atomic_exchange_n(&pool->trim_in_progress, true,
				__ATOMIC_ACQUIRE))
		return 0;
	/* The worker, or a thread that found no memory, may have it. Both
	 * end. */
	mutex_lock(&pool->zone.trim_lock);
	/* If there is no worker, nobody else may do it. */
	uzs_free_empty_zspages(pool);
	given = uzs_trim_locked(pool);
	if (pool->profile->split)
		pool->profile->split(pool);
	mutex_unlock(&pool->zone.trim_lock);
	__atomic_store_n(&pool->trim_in_progress, false, __ATOMIC_RELEASE);
	return given;
}
