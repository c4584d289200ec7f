/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* compact.c - moves objects together so that whole zspages become empty. Owns
 * the right to compact and the counters.
 *
 * Kernel origin: mm/zsmalloc.c zs_compact, __zs_compact, migrate_zspage,
 * isolate_src_zspage, isolate_dst_zspage, putback_zspage, zs_shrinker_count,
 * zs_shrinker_scan; differs: measures how long class->lock is held;
 * uzs_compact_for_memory passes over zspages that are being read (K5).
 * Locks: takes compact_lock, pool->lock (write), then class->lock; tries
 * zspage->lock. Sleeps: to wait for compact_lock, never under the others.
 * Guarantees:
 *  K1 needs no memory.
 *  K2 moves objects only while that frees at least one zspage.
 *  K3 holds the locks while it fills one zspage at most; if a thread waits for
 *     pool->lock, while it empties one at most.
 *  K4 ends: every round empties a source, fills a destination, or is the last.
 *  K5 zs_compact leaves a class when its next source zspage is being read, as
 *     the kernel's does. uzs_compact_for_memory goes on with the next zspage,
 *     so that one reader does not keep the memory of a whole class.
 */
#include "compact.h"

#include "class.h"
#include "compat/os.h"
#include "jobs.h"
#include "object.h"
#include "zspage.h"

/* The locks that the compaction of one class holds, and since when. */
struct compaction {
	struct zs_pool *pool;
	struct size_class *class;
	u64 since; /* ns */
	unsigned long objs_moved;
};

static void compaction_lock(struct compaction *c)
{
	write_lock(&c->pool->lock);
	spin_lock(&c->class->lock);
	c->since = uzs_clock_ns();
}

static void compaction_unlock(struct compaction *c)
{
	long held = (long)(uzs_clock_ns() - c->since);

	spin_unlock(&c->class->lock);
	write_unlock(&c->pool->lock);
	uzs_atomic_max_long(&c->pool->stat.compact_hold_ns_max, held);
}

/* Takes out the latest zspage of the fullest group that has one. Locks: needs
 * class->lock. */
static struct zspage *isolate_dst_zspage(struct size_class *class)
{
	for (int group = ZS_INUSE_RATIO_99; group >= ZS_INUSE_RATIO_10;
	     group--) {
		struct zspage *zspage = list_first_entry_or_null(
			&class->fullness_list[group], struct zspage, list);

		if (zspage) {
			uzs_remove_zspage(class, zspage);
			return zspage;
		}
	}
	return NULL;
}

/* Takes out the latest zspage of the emptiest group that has one, locked for
 * writing. If it is being read: NULL, or with pass_over the next zspage that is
 * not. Locks: needs class->lock. */
static struct zspage *isolate_src_zspage(struct size_class *class,
					 bool pass_over)
{
	for (int group = ZS_INUSE_RATIO_10; group <= ZS_INUSE_RATIO_99;
	     group++) {
		struct zspage *zspage;

		list_for_each_entry(zspage, &class->fullness_list[group],
				    list) {
			if (pin_write_trylock(&zspage->lock)) {
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
static struct zspage *isolate_pinned_zspage(struct size_class *class)
{
	for (int group = ZS_INUSE_RATIO_99; group >= ZS_INUSE_RATIO_10;
	     group--) {
		struct zspage *zspage;

		list_for_each_entry(zspage, &class->fullness_list[group],
				    list) {
			if (!pin_readers(&zspage->lock))
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

/* Prefetch distance: the handle word is fetched this many objects early. Handle
 * words lie anywhere, and only the object's first word leads to its own. */
#define AHEAD 8

/* Prefetches the handle word of the iterator's object. Return: is there another
 * object? */
static bool fetch_handle(struct obj_iter *it)
{
	__builtin_prefetch((void *)uzs_obj_iter_handle(it), 1);
	return uzs_obj_iter_next(it);
}

/* Moves objects, lowest index first, until `src` is empty or `dst` full. */
static void migrate_zspage(struct compaction *c, struct zspage *dst,
			   struct zspage *src)
{
	struct zs_pool *pool = c->pool;
	struct obj_iter it, ahead;
	bool more = true;

	uzs_obj_iter_start(&it, pool, src);
	ahead = it;
	for (int i = 0; i < AHEAD && more; i++)
		more = fetch_handle(&ahead);
	do {
		unsigned long handle = uzs_obj_iter_handle(&it);
		unsigned long from, to;

		more = more && fetch_handle(&ahead);
		if (!handle)
			continue;
		from = handle_to_obj(handle);
		to = uzs_obj_malloc(pool, c->class, dst, handle);
		uzs_obj_copy(pool, c->class, to, from);
		record_obj(handle, to);
		uzs_obj_free(pool, c->class, src, from, false);
		c->objs_moved++;
	} while (src->inuse && dst->inuse < c->class->objs_per_zspage &&
		 uzs_obj_iter_next(&it));
}

/* Return: pages freed. */
static unsigned long compact_class(struct zs_pool *pool,
				   struct size_class *class, bool pass_over)
{
	struct compaction c = { .pool = pool, .class = class };
	struct zspage *dst = NULL;
	unsigned long freed = 0;
	bool kick = false;

	compaction_lock(&c);
	while (uzs_freeable_pages(class)) {
		struct zspage *src;
		unsigned int group;

		if (!dst)
			dst = isolate_dst_zspage(class);
		if (!dst)
			break;
		src = isolate_src_zspage(class, pass_over);
		if (!src && pass_over) {
			/* All zspages left are being read: fill one of these
			 * from dst. (Or their readers have ended.) */
			putback_zspage(class, dst);
			dst = isolate_pinned_zspage(class);
			if (!dst)
				dst = isolate_dst_zspage(class);
			if (dst)
				src = isolate_src_zspage(class, pass_over);
		}
		if (!src)
			break;
		migrate_zspage(&c, dst, src);
		group = putback_zspage(class, src);
		pin_write_unlock(&src->lock);
		if (group == ZS_INUSE_RATIO_0) {
			kick |= !uzs_free_zspage(pool, class, src);
			freed += class->pages_per_zspage;
		}
		if (dst->inuse == class->objs_per_zspage ||
		    rwlock_is_contended(&pool->lock)) {
			putback_zspage(class, dst);
			dst = NULL;
			compaction_unlock(&c);
			cond_resched();
			compaction_lock(&c);
		}
	}
	if (dst)
		putback_zspage(class, dst);
	compaction_unlock(&c);

	uzs_count(&pool->stat.objs_moved, c.objs_moved);
	uzs_count(&pool->stat.bytes_moved, c.objs_moved * class->size);
	if (kick)
		uzs_kick_free(pool);
	return freed;
}

/* Locks: needs compact_lock. Return: pages freed. */
static unsigned long compact_pool(struct zs_pool *pool, bool pass_over)
{
	unsigned long freed = 0;

	uzs_assert_held(&pool->compact_lock);
	for (unsigned int i = pool->nr_classes; i-- > 0;) {
		struct size_class *class = pool->size_class[i];

		/* Most classes have nothing to free: check without a lock. */
		if (uzs_class_is_own(pool, i) && uzs_freeable_pages(class))
			freed += compact_class(pool, class, pass_over);
	}
	uzs_count(&pool->stat.pages_compacted, freed);
	uzs_count(&pool->stat.compactions, 1);
	uzs_count(&pool->freed_late, freed);
	return freed;
}

unsigned long zs_compact(struct zs_pool *pool)
{
	unsigned long freed;

	if (!mutex_trylock(&pool->compact_lock))
		return 0;
	freed = compact_pool(pool, false);
	mutex_unlock(&pool->compact_lock);
	uzs_kick_give_back(pool);
	return freed;
}

unsigned long uzs_compact_for_memory(struct zs_pool *pool)
{
	return uzs_pool_freeable_pages(pool) ? compact_pool(pool, true) : 0;
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
