/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* relief.c - what zs_malloc does before it returns -ENOMEM. Owns the pool's
 * counters freed_late, give_backs and trimmed_at.
 *
 * Kernel origin: none; direct reclaim in mm/page_alloc.c has the same purpose.
 * There shrinkers are called once, and a thread that finds another one at work
 * does not wait.
 * Locks: takes drain_lock from start to end; trim_lock and compact_lock from
 * the first step that needs them to the end of a round; free_work_lock and gate
 * for a short time. Sleeps: yes.
 *
 * A round has these steps: free the handles that are queued; free the zspages
 * that wait for the async free work; shrink the slab caches; compact; trim, so
 * that sections become empty. After each step that freed anything zs_malloc
 * tries again.
 * Guarantees:
 *  R1 a call that returns -ENOMEM has held all three rights, so that nobody
 *     else drained, compacted or gave back, and found nothing left to do. Since
 *     before its last try no other thread has freed or given back memory, or
 *     put back memory that was not enough for it. No handle is queued to be
 *     freed.
 *  R2 it waits for rights only. A thread that has a right calls no callback,
 *     and needs nothing that the caller of zs_malloc may hold. So the wait
 *     ends.
 *  R3 it goes on only after something was freed, by itself or (counted in
 *     freed_late) by others. What is only given back to the OS does not count:
 *     it was free before. So two calls that fail do not keep each other going.
 *     And it ends after MOST_ROUNDS.
 */
#include "relief.h"

#include "class.h"
#include "compact.h"
#include "deferred.h"
#include "harden.h"
#include "jobs.h"
#include "profile.h"
#include "trim.h"

/* State of one zs_malloc call that found no memory. */
struct relief {
	struct zs_pool *pool;
	unsigned long freed_late,
		give_backs; /* the pool's counters before the last
					* try */
	unsigned int step; /* next step of this round */
	unsigned int rounds; /* rounds so far */
	bool any; /* a step of this round freed something */
	bool slabs_tried, sections_tried; /* see worth_one */
	bool rights; /* trim_lock and compact_lock are held */
	unsigned int last; /* extra tries at the end of this round */
};
/* ---- the steps of a round ------------------------------------------------- */

static bool relieve_queue(struct relief *r)
{
	return uzs_deferred_flush_for_memory(r->pool);
}

static bool relieve_empty(struct relief *r)
{
	return uzs_free_empty_zspages(r->pool) != 0;
}

/* The memory given back may be just what the last try took and the next will
 * take again. But with a limit it may also be what the try needed. That is
 * worth one more try for each call. */
static bool worth_one(struct relief *r, bool *tried)
{
	bool worth = READ_ONCE(r->pool->zone.limit_wanted) && !*tried;

	*tried = true;
	return worth;
}

/* If the last free slab was returned, the next try only takes it again: that is
 * no gain. */
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

/* In a pool of more sections than this (4 GiB) the next step is not worth its
 * time after each single free. */
#define SECTIONS_PER_FREE 1024

/* Trims. Sections and slabs that are nearly empty can be emptied by moving what
 * is in them: that frees a page or a head each. It is little, and finding them
 * takes time in proportion to the pool. Locks: needs trim_lock. */
static bool relieve_sections(struct relief *r)
{
	struct zs_pool *pool = r->pool;
	struct zone *zone = &pool->zone;
	unsigned long freed = uzs_objs_freed(pool) + 1;
	unsigned long sections = READ_ONCE(zone->nr_sections);
	unsigned long slabs = READ_ONCE(pool->zspage_cache.nr_slabs);
	unsigned long given = READ_ONCE(zone->bytes_given_back);
	bool fewer, above = uzs_zone_is_above(zone);

	if (pool->trimmed_at && !above &&
	    freed - pool->trimmed_at < sections / SECTIONS_PER_FREE)
		return false;
	pool->trimmed_at = freed;
	uzs_trim_locked(pool);
	/* While it was, no try was made. */
	if (above && !uzs_zone_is_above(zone))
		return true;
	if (READ_ONCE(pool->zspage_cache.nr_slabs) < slabs)
		return true;
	/* What a profile's own sections gave back, anybody can have now. */
	if (pool->profile->give_back &&
	    READ_ONCE(zone->bytes_given_back) != given &&
	    worth_one(r, &r->sections_tried))
		return true;
	fewer = READ_ONCE(zone->nr_sections) < sections;
	/* The head of a section is a gain only if the next try maps no new
	 * section. */
	return fewer && (READ_ONCE(zone->nr_free) >= pool->chain_size + 2 ||
			 worth_one(r, &r->sections_tried));
}

static const struct {
	bool rights; /* the step needs trim_lock and compact_lock */
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

/* Ends after so many rounds that freed something which did not help: others may
 * free and allocate for ever. */
#define MOST_ROUNDS 100
/* Extra tries at the end of a round, because others had memory in hand. */
#define MOST_LAST 100u

/* Notes the counters for the caller's next try. */
static bool try_again(struct relief *r)
{
	r->freed_late = READ_ONCE(r->pool->freed_late);
	r->give_backs = READ_ONCE(r->pool->give_backs);
	return true;
}

static void start(struct relief *r, struct zs_pool *pool,
		  unsigned long freed_late, unsigned long give_backs)
{
	*r = (struct relief){ .pool = pool,
			      .freed_late = freed_late,
			      .give_backs = give_backs };
	might_sleep();
	__atomic_fetch_add(&pool->relieving, 1, __ATOMIC_RELAXED);
	mutex_lock(&pool->deferred.drain_lock);
}

/* Return: was anything freed, so that another try makes sense? */
static bool next(struct relief *r)
{
	struct zs_pool *pool = r->pool;

	for (;;) {
		while (r->step < NR_STEPS) {
			unsigned int step = r->step++;
			unsigned long give_backs;
			bool freed;

			if (steps[step].rights)
				take_rights(r);
			give_backs = READ_ONCE(pool->give_backs);
			freed = steps[step].relieve(r);
			/* Its own give-backs do not count as news; the rights keep
			 * others out. */
			if (r->rights)
				r->give_backs += READ_ONCE(pool->give_backs) -
						 give_backs;
			if (!freed)
				continue;
			r->any = true;
			return try_again(r);
		}
		/* The round is over. Others may have freed something, or had
		 * memory in hand, while the last try was made. (A try that
		 * fails has memory in hand for a moment. Its call then waits
		 * here, too.) */
		if (!r->any && r->last < MOST_LAST &&
		    (READ_ONCE(pool->freed_late) != r->freed_late ||
		     READ_ONCE(pool->give_backs) != r->give_backs)) {
			r->last++;
			return try_again(r);
		}
		if (!r->any && READ_ONCE(pool->freed_late) == r->freed_late &&
		    !uzs_deferred_has_queued(pool))
			return false;
		if (++r->rounds == MOST_ROUNDS)
			return false;
		/* The next round's drain takes locks that come before these
		 * rights. */
		drop_rights(r);
		r->step = 0;
		r->any = false;
		r->last = 0;
	}
}

static void end(struct relief *r)
{
	drop_rights(r);
	mutex_unlock(&r->pool->deferred.drain_lock);
	__atomic_fetch_sub(&r->pool->relieving, 1, __ATOMIC_RELAXED);
	/* Misuse noted by reuse. This calls the user's callback, so not with
	 * the rights. */
	uzs_harden_tell_noted(r->pool);
}

bool uzs_retry_for_memory(struct zs_pool *pool, unsigned long freed_late,
			  unsigned long give_backs, bool (*retry)(void *arg),
			  void *arg)
{
	struct relief r;
	bool done = false;

	start(&r, pool, freed_late, give_backs);
	while (!done && next(&r))
		done = !uzs_zone_is_above(&pool->zone) && retry(arg);
	end(&r);
	return done;
}

void uzs_relieve_pool(struct zs_pool *pool)
{
	struct relief r;

	start(&r, pool, 0, 0);
	relieve_queue(&r);
	take_rights(&r);
	relieve_empty(&r);
	relieve_compact(&r);
	uzs_trim_locked(pool);
	end(&r);
}
