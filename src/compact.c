/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* compact.c - empties zspages: which ones, and into which. Moving the objects is
 * the profile's. Owns the right to compact and the counters.
 *
 * Kernel origin: mm/zsmalloc.c zs_compact, __zs_compact, isolate_src_zspage,
 * isolate_dst_zspage, putback_zspage, zs_shrinker_count, zs_shrinker_scan;
 * differs: measures how long class->lock is held; uzs_compact_for_memory passes
 * over zspages that are being read (K5).
 * Locks: takes compact_lock, then what the profile locks to move objects of a
 * class. Sleeps: to wait for compact_lock, never under the others.
 * Guarantees:
 *  K1 needs no memory.
 *  K2 moves objects only while that frees at least one zspage.
 *  K3 holds the locks while it fills one zspage at most; if a thread waits for
 *     pool->lock, while it empties one at most.
 *  K4 ends: every round empties a source, fills a destination, finds objects
 *     that cannot be moved, or is the last. A profile that finds no memory for a
 *     destination says which pairs would be filled from each other by turns.
 *  K5 zs_compact leaves a class when its next source zspage is being read, as
 *     the kernel's does. uzs_compact_for_memory goes on with the next zspage,
 *     so that one reader does not keep the memory of a whole class.
 */
#include "compact.h"

#include "class.h"
#include "compat/os.h"
#include "jobs.h"
#include "lock_order.h"
#include "profile.h"

static void lock(struct compaction *c)
{
	c->pool->profile->compact_lock(c);
	c->bytes = 0;
	c->since = uzs_clock_ns();
}

static void unlock(struct compaction *c)
{
	long held = (long)(uzs_clock_ns() - c->since);

	c->pool->profile->compact_unlock(c);
	uzs_atomic_max_long(&c->pool->stat.compact_hold_ns_max, held);
}

/* May objects be moved into it? At a memory limit its places may be of no use. */
static bool may_fill(struct compaction *c, struct zspage *zspage)
{
	const struct profile *p = c->pool->profile;

	return !p->take_target || p->take_target(c, zspage);
}

/* Takes out the latest zspage of the fullest group that has one. Locks: needs
 * class->lock. */
static struct zspage *isolate_dst_zspage(struct compaction *c)
{
	for (int group = ZS_INUSE_RATIO_99; group >= ZS_INUSE_RATIO_10;
	     group--) {
		struct zspage *zspage;

		list_for_each_entry(zspage, &c->class->groups->list[group],
				    list) {
			if (!may_fill(c, zspage))
				continue;
			uzs_remove_zspage(c->class, zspage);
			return zspage;
		}
	}
	return NULL;
}

/* Takes out the latest zspage of the emptiest group that has one, reserved. If
 * it is being read: NULL, or with pass_over the next zspage that is not. Locks:
 * needs class->lock. */
static struct zspage *isolate_src_zspage(struct compaction *c, bool pass_over)
{
	struct size_class *class = c->class;

	for (int group = ZS_INUSE_RATIO_10; group <= ZS_INUSE_RATIO_99;
	     group++) {
		struct zspage *zspage;

		list_for_each_entry(zspage, &class->groups->list[group], list) {
			if (c->pool->profile->take_source(c, zspage)) {
				uzs_remove_zspage(class, zspage);
				return zspage;
			}
			if (!pass_over)
				return NULL;
		}
	}
	return NULL;
}

/* Takes out a zspage that is being read, the latest of the fullest group that
 * has one. Objects can only be moved into it. Locks: needs class->lock. */
static struct zspage *isolate_pinned_zspage(struct compaction *c)
{
	struct size_class *class = c->class;

	for (int group = ZS_INUSE_RATIO_99; group >= ZS_INUSE_RATIO_10;
	     group--) {
		struct zspage *zspage;

		list_for_each_entry(zspage, &class->groups->list[group], list) {
			if (!c->pool->profile->is_pinned(c, zspage) ||
			    !may_fill(c, zspage))
				continue;
			uzs_remove_zspage(class, zspage);
			return zspage;
		}
	}
	return NULL;
}

/* Puts an isolated zspage into the list that belongs to its inuse. Return: its
 * group. Locks: needs class->lock. */
static unsigned int putback_zspage(struct size_class *class,
				   struct zspage *zspage)
{
	unsigned int group = uzs_fullness_group(class, zspage->inuse);

	uzs_insert_zspage(class, zspage, group);
	return group;
}

/* Adds what it moves to *moved, and ends early when that is `most` bytes. Return:
 * pages freed. */
static unsigned long compact_class(struct zs_pool *pool,
				   struct size_class *class, bool pass_over,
				   size_t most, size_t *moved)
{
	const struct profile *p = pool->profile;
	struct compaction c = { .pool = pool, .class = class };
	struct zspage *dst = NULL;
	unsigned long freed = 0;
	size_t before = *moved;

	pass_over |= p->pass_over;
	if (p->compact_begin)
		p->compact_begin(&c);
	lock(&c);
	while (uzs_freeable_pages(class) &&
	       before + c.objs_moved * class->size < most) {
		struct zspage *src;
		unsigned int group;

		if (!dst)
			dst = isolate_dst_zspage(&c);
		if (!dst)
			break;
		src = isolate_src_zspage(&c, pass_over);
		if (!src && pass_over) {
			/* All zspages left are being read: fill one of these
			 * from dst. (Or their readers have ended.) */
			putback_zspage(class, dst);
			dst = isolate_pinned_zspage(&c);
			if (!dst)
				dst = isolate_dst_zspage(&c);
			if (dst)
				src = isolate_src_zspage(&c, pass_over);
		}
		if (!src)
			break;
		if (p->may_move && !p->may_move(&c, dst, src)) {
			putback_zspage(class, src);
			if (p->source_done)
				p->source_done(&c, src);
			break;
		}
		p->move(&c, dst, src);
		group = putback_zspage(class, src);
		if (p->source_done)
			p->source_done(&c, src);
		if (group == ZS_INUSE_RATIO_0) {
			p->free_source(&c, src);
			freed += class->pages_per_zspage;
		}
		if (dst->inuse == class->objs_per_zspage ||
		    !may_fill(&c, dst) || p->should_break(&c)) {
			putback_zspage(class, dst);
			dst = NULL;
			unlock(&c);
			cond_resched();
			lock(&c);
		}
	}
	if (dst)
		putback_zspage(class, dst);
	unlock(&c);
	if (p->compact_end)
		p->compact_end(&c);

	uzs_count(&pool->stat.objs_moved, c.objs_moved);
	*moved += c.objs_moved * class->size;
	uzs_count(&pool->stat.bytes_moved, *moved - before);
	if (c.kick)
		uzs_kick_free(pool);
	return freed;
}

/* Locks: needs compact_lock. Return: pages freed. */
static unsigned long compact_pool(struct zs_pool *pool, bool pass_over)
{
	unsigned long freed = 0;
	size_t moved = 0;

	uzs_assert_held(&pool->compact_lock);
	if (pool->profile->free_kept)
		pool->profile->free_kept(pool);
	for (unsigned int i = pool->nr_classes; i-- > 0;) {
		struct size_class *class = pool->size_class[i];

		/* Most classes have nothing to free: check without a lock. */
		if (uzs_class_is_own(pool, i) && uzs_freeable_pages(class))
			freed += compact_class(pool, class, pass_over, SIZE_MAX,
					       &moved);
	}
	uzs_count(&pool->stat.pages_compacted, freed);
	uzs_count(&pool->stat.compactions, 1);
	uzs_count(&pool->freed_late, freed);
	return freed;
}

unsigned long zs_compact(struct zs_pool *pool)
{
	unsigned long freed;

	if (!mutex_trylock(&pool->compact_lock)) {
		/* Only one who compacts all does what this call would. */
		if (!READ_ONCE(pool->own_step))
			return 0;
		mutex_lock(&pool->compact_lock);
	}
	freed = compact_pool(pool, false);
	mutex_unlock(&pool->compact_lock);
	uzs_kick_give_back(pool);
	return freed;
}

unsigned long uzs_compact_for_memory(struct zs_pool *pool)
{
	return uzs_pool_freeable_pages(pool) ? compact_pool(pool, true) : 0;
}

/* ---- by itself ----------------------------------------------------------------- */

/* What a step does at most. A class that has gaps, but only zspages that are being
 * read, takes time and moves nothing: so classes are counted, too. The worker rests
 * as long as the step took: it takes half a CPU at most, and reads, which are slower
 * while objects move, have their time, too. */
struct step {
	size_t bytes;
	unsigned int classes;
};
static const struct step worker_step = { (size_t)1 << 20, 64 };
#define REST_NS (200 * 1000u)
/* In a call, in a pool without a worker: some 20 us. */
static const struct step call_step = { (size_t)64 << 10, 4 };

/* Goes through the classes, on from where the last step ended, until enough was done
 * or the gaps take a quarter of the bound, so that it rests for a while then. Zspages
 * that are being read are left for the next time. Locks: needs compact_lock. Return:
 * is there more that can be done now? */
static bool close_some_gaps(struct zs_pool *pool, const struct step *most)
{
	unsigned int classes = 0;
	unsigned long freed = 0;
	u64 start = uzs_clock_ns();
	size_t moved = 0;
	bool more;

	uzs_assert_held(&pool->compact_lock);
	/* A child would copy what it shares with its parent. */
	if (pool->forked || !uzs_has_gaps(pool, 1))
		return false;
	WRITE_ONCE(pool->own_step, true);
	more = true;
	for (unsigned int i = 0; more && i < pool->nr_classes; i++) {
		struct size_class *class;
		unsigned int n = pool->gaps_next;

		if (moved >= most->bytes || classes == most->classes)
			break;
		pool->gaps_next = n ? n - 1 : pool->nr_classes - 1;
		class = pool->size_class[n];
		if (!uzs_class_is_own(pool, n) || !uzs_freeable_pages(class))
			continue;
		freed += compact_class(pool, class, false, most->bytes, &moved);
		classes++;
		more = uzs_has_gaps(pool, 1);
		/* It may have more. */
		if (moved >= most->bytes)
			pool->gaps_next = n;
	}
	WRITE_ONCE(pool->own_step, false);
	uzs_count(&pool->stat.pages_compacted, freed);
	uzs_count(&pool->stat.compactions, 1);
	uzs_count(&pool->stat.own_steps, 1);
	uzs_count(&pool->stat.own_bytes_moved, moved);
	uzs_count(&pool->stat.own_us, (uzs_clock_ns() - start) / 1000);
	uzs_count(&pool->freed_late, freed);
	return more && moved;
}

/* One step. Who drains runs the next ones, too. */
static void close_gaps(struct work_struct *work)
{
	struct zs_pool *pool = container_of(work, struct zs_pool, gaps_work);
	u64 start = uzs_clock_ns();
	u64 rest = REST_NS;
	bool more;

	if (mutex_trylock(&pool->compact_lock)) {
		more = close_some_gaps(pool, &worker_step);
		mutex_unlock(&pool->compact_lock);
		rest = max(rest, uzs_clock_ns() - start);
	} else {
		/* Who has the right may have passed what has gaps now. */
		more = uzs_has_gaps(pool, 4);
		rest = GAPS_DELAY_NS;
	}
	if (more)
		queue_delayed_work(&pool->wq, work, rest);
	uzs_kick_give_back(pool);
}

void uzs_finish_gaps(struct zs_pool *pool)
{
	size_t bytes = (size_t)READ_ONCE(pool->pages_allocated)
		       << pool->page_shift;
	size_t steps = 2 + 2 * bytes / worker_step.bytes;

	/* Not for ever: others may make new gaps, or compact themselves. */
	while (work_pending(&pool->gaps_work) && steps--)
		flush_work(&pool->wq, &pool->gaps_work);
}

void uzs_close_gaps_here(struct zs_pool *pool)
{
	bool more;

	if (!mutex_trylock(&pool->compact_lock))
		return;
	more = close_some_gaps(pool, &call_step);
	/* Else until the next look. */
	if (!more)
		WRITE_ONCE(pool->gaps_due, false);
	mutex_unlock(&pool->compact_lock);
	uzs_kick_give_back(pool);
}

static unsigned int bound(unsigned int percent)
{
	return percent == ZS_MAX_OVERHEAD ? 0 : percent;
}

void uzs_compact_init(struct zs_pool *pool, unsigned int max_overhead)
{
	mutex_init(&pool->compact_lock);
	lock_set_rank(&pool->compact_lock.spin, RANK_COMPACT);
	INIT_WORK(&pool->gaps_work, close_gaps);
	pool->max_overhead = bound(max_overhead);
}

int zs_set_max_overhead(struct zs_pool *pool, unsigned int percent)
{
	if (percent > ZS_MAX_OVERHEAD)
		return -EINVAL;
	WRITE_ONCE(pool->max_overhead, bound(percent));
	if (bound(percent))
		uzs_look_for_gaps(pool);
	return 0;
}

unsigned long zs_shrink_count(struct zs_pool *pool)
{
	return uzs_pool_freeable_pages(pool);
}

unsigned long zs_shrink_scan(struct zs_pool *pool, unsigned long nr_pages)
{
	unsigned long freed = zs_compact(pool);

	(void)nr_pages;
	return freed ? freed : ZS_SHRINK_STOP;
}
