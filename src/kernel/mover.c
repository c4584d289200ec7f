/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* mover.c - moves objects from one zspage to another. Owns no state.
 *
 * Kernel origin: mm/zsmalloc.c migrate_zspage, and the locks of __zs_compact.
 * Locks: takes pool->lock (write), then class->lock; tries zspage->lock. Sleeps:
 * no.
 */
#include "kernel/mover.h"

#include "kernel/access.h"
#include "kernel/zspage.h"

void uzs_kernel_compact_lock(struct compaction *c)
{
	write_lock(&c->pool->lock);
	spin_lock(&c->class->lock);
}

void uzs_kernel_compact_unlock(struct compaction *c)
{
	spin_unlock(&c->class->lock);
	write_unlock(&c->pool->lock);
}

bool uzs_kernel_take_source(struct compaction *c, struct zspage *zspage)
{
	(void)c;
	return pin_write_trylock(&zspage->lock);
}

void uzs_kernel_source_done(struct compaction *c, struct zspage *src)
{
	(void)c;
	pin_write_unlock(&src->lock);
}

bool uzs_kernel_is_pinned(const struct compaction *c,
			  const struct zspage *zspage)
{
	(void)c;
	return pin_readers(&zspage->lock) != 0;
}

void uzs_kernel_free_source(struct compaction *c, struct zspage *src)
{
	c->kick |= !uzs_free_zspage(c->pool, c->class, src);
}

bool uzs_kernel_should_break(const struct compaction *c)
{
	return rwlock_is_contended(&c->pool->lock);
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

/* Lowest index first. */
void uzs_kernel_move(struct compaction *c, struct zspage *dst,
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
