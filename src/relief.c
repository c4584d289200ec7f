/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* relief.c - what zs_malloc does before it says that there is no memory. Owns
 * the pool's counters relieved, trims and trimmed_at.
 *
 * Kernel origin: none; direct reclaim in mm/page_alloc.c has the same purpose.
 * There shrinkers are asked once, and who finds another at it goes away.
 * Locks: takes drain_lock from start to end; trim_lock and compact_lock from
 * the first step that needs them to the end of a round; free_work_lock and gate
 * for moments. Sleeps: yes.
 *
 * A round is: free the handles that wait for it; free the zspages that wait for
 * the async free work; give back empty slabs; compact; move pages together, so
 * that sections empty out. After each step that freed anything zs_malloc tries
 * again.
 * Guarantees:
 *  R1 a call that says no has held all three rights (nobody else drains,
 *     compacts or gives back) and found nothing left to do; and since before
 *     its last try nobody has freed or given back anything, nor had any in hand
 *     that he could not use; and nothing is queued to be freed.
 *  R2 it waits for rights only. Who has one calls nobody back, and needs
 *     nothing that the caller of zs_malloc may hold: so it ends.
 *  R3 it goes on only after something was freed, by itself or (counted in
 *     relieved) by others. What is only given back to the OS does not count:
 *     it was free before. So two that fail do not keep each other going. And
 *     it ends after MOST_ROUNDS.
 */
#include "relief.h"

#include "class.h"
#include "compact.h"
#include "deferred.h"
#include "harden.h"
#include "jobs.h"
#include "trim.h"

/* ---- the steps of a round ------------------------------------------------- */

static bool relieve_queue(struct relief *r)
{
	return uzs_deferred_drain_for_memory(r->pool);
}

static bool relieve_empty(struct relief *r)
{
	return uzs_free_empty_zspages(r->pool) != 0;
}

/* What was given back may just be what the last try took and the next will
 * take again. At a limit it may also be what was in the way: that is worth one
 * try for each call. */
static bool worth_one(struct relief *r, bool *tried)
{
	bool worth = r->pool->memory_limit && !*tried;

	*tried = true;
	return worth;
}

/* A slab without which nothing is left in the cache is one that the next try
 * takes again. */
static unsigned int shrink_slabs(struct kmem_cache *cache, bool *gain)
{
	unsigned int pages = kmem_cache_shrink(cache);

	*gain |= pages > (uzs_slab_has_free(cache) ? 0 : 1);
	return pages;
}

static bool relieve_slabs(struct relief *r)
{
	bool gain = false;
	unsigned int pages = shrink_slabs(&r->pool->handle_cache, &gain) +
			     shrink_slabs(&r->pool->zspage_cache, &gain);

	return gain || (pages && worth_one(r, &r->slabs_tried));
}

static bool relieve_compact(struct relief *r)
{
	return uzs_compact_for_memory(r->pool) != 0;
}

/* In a pool of so many sections (4 GiB) and more the next step is not worth
 * while for each object that is freed. */
#define SECTIONS_PER_FREE 1024

/* Sections and slabs that are nearly empty: each takes a page or a head that
 * can be had by moving what is in it. That is little, and to look for it takes
 * time in proportion to the pool. Locks: needs trim_lock. */
static bool relieve_sections(struct relief *r)
{
	struct zs_pool *pool = r->pool;
	struct zone *zone = &pool->zone;
	unsigned long freed = uzs_objs_freed(pool) + 1;
	unsigned long sections = READ_ONCE(zone->nr_sections);
	unsigned long slabs = READ_ONCE(pool->zspage_cache.nr_slabs);
	bool fewer;

	if (pool->trimmed_at &&
	    freed - pool->trimmed_at < sections / SECTIONS_PER_FREE)
		return false;
	pool->trimmed_at = freed;
	uzs_trim_locked(pool);
	if (READ_ONCE(pool->zspage_cache.nr_slabs) < slabs)
		return true;
	fewer = READ_ONCE(zone->nr_sections) < sections;
	/* A section's head is room if the next try maps no other. */
	return fewer && (READ_ONCE(zone->nr_free) >= pool->chain_size + 2 ||
			 worth_one(r, &r->sections_tried));
}

static const struct {
	bool rights; /* to give back and to compact are needed */
	bool (*relieve)(struct relief *r);
} steps[] = {
	{ false, relieve_queue },   { true, relieve_empty },
	{ true, relieve_slabs },    { true, relieve_compact },
	{ true, relieve_sections },
};
#define NR_STEPS (sizeof(steps) / sizeof(steps[0]))

static void take_rights(struct relief *r)
{
	if (r->rights)
		return;
	mutex_lock(&r->pool->zone.trim_lock);
	mutex_lock(&r->pool->compact_lock);
	r->rights = true;
}

static void drop_rights(struct relief *r)
{
	if (!r->rights)
		return;
	mutex_unlock(&r->pool->compact_lock);
	mutex_unlock(&r->pool->zone.trim_lock);
	r->rights = false;
}

/* So many rounds, in each of which something was freed that did not help, are
 * enough: others may free and allocate for ever. */
#define MOST_ROUNDS 100
/* Tries at the end of a round, as others had memory in hand before. */
#define MOST_LAST 100u

/* The caller tries again now. */
static bool try_again(struct relief *r)
{
	r->relieved = READ_ONCE(r->pool->relieved);
	r->trims = READ_ONCE(r->pool->trims);
	return true;
}

void uzs_relief_start(struct relief *r, struct zs_pool *pool,
		      unsigned long relieved, unsigned long trims)
{
	*r = (struct relief){ .pool = pool,
			      .relieved = relieved,
			      .trims = trims };
	might_sleep();
	mutex_lock(&pool->deferred.drain_lock);
}

bool uzs_relief_next(struct relief *r)
{
	struct zs_pool *pool = r->pool;

	for (;;) {
		while (r->step < NR_STEPS) {
			unsigned int step = r->step++;
			unsigned long trims;
			bool freed;

			if (steps[step].rights)
				take_rights(r);
			trims = READ_ONCE(pool->trims);
			freed = steps[step].relieve(r);
			/* Its own are no news; others are kept out. */
			if (r->rights)
				r->trims += READ_ONCE(pool->trims) - trims;
			if (!freed)
				continue;
			r->any = true;
			return try_again(r);
		}
		/* A round is over. Others may have freed something, or had
		 * memory in hand, while the last try was made. (Who fails
		 * has, for a moment; then he waits, too.) */
		if (!r->any && r->last < MOST_LAST &&
		    (READ_ONCE(pool->relieved) != r->relieved ||
		     READ_ONCE(pool->trims) != r->trims)) {
			r->last++;
			return try_again(r);
		}
		if (!r->any && READ_ONCE(pool->relieved) == r->relieved &&
		    !uzs_deferred_has_queued(pool))
			return false;
		if (++r->rounds == MOST_ROUNDS)
			return false;
		/* The queue's locks come before the rights. */
		drop_rights(r);
		r->step = 0;
		r->any = false;
		r->last = 0;
	}
}

void uzs_relief_end(struct relief *r)
{
	drop_rights(r);
	mutex_unlock(&r->pool->deferred.drain_lock);
	/* Of what was kept. It calls the user back: not with the rights. */
	uzs_harden_tell_noted(r->pool);
}
