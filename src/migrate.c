/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* migrate.c - moves one page of a zspage to another page. Owns no state.
 *
 * Kernel origin: mm/zsmalloc.c zs_page_isolate, zs_page_migrate,
 * zs_page_putback, replace_sub_page; differs: the chain is changed in place
 * (its other pages keep their links) instead of being built anew.
 * Callers: compat/zone_compact.c through the movable operations. Calls:
 * zspage.c, handle.c.
 * Locks: needs both page locks; takes pool->lock (write), class->lock; tries
 * zspage->lock. Sleeps: no.
 * Guarantees:
 *  M1 on failure nothing has changed.
 *  M2 no reader or writer of an object sees the page while it is copied: they
 *     resolve handles under pool->lock and pin the zspage.
 */
#include "internal.h"

#include <string.h>

static struct zs_pool *zone_pool(struct zone *zone)
{
	return container_of(zone, struct zs_pool, zone);
}

/* The page lock, which the caller has, keeps the zspage from being freed. */
static bool zs_page_isolate(struct zone *zone, struct page *page)
{
	(void)zone;
	return page_zpdesc(page)->zspage != NULL;
}

static void zs_page_putback(struct zone *zone, struct page *page)
{
	(void)zone;
	(void)page;
}

/* Puts `dst` into the chain in the place of `src`. */
static void replace_sub_page(struct zspage *zspage, struct zpdesc *dst,
			     struct zpdesc *src)
{
	struct zpdesc **link = &zspage->first_zpdesc;

	while (*link != src)
		link = &(*link)->next;
	*link = dst;
	dst->next = src->next; /* of a huge page: the handle */
	dst->first_obj_offset = src->first_obj_offset;
	dst->zspage = zspage;
	dst->class = src->class;
	dst->huge = src->huge;
	page_set(zpdesc_page(dst), PG_movable);
}

/* Points the handles of all objects that start in the page to `dst`. */
static void rewrite_handles(struct zs_pool *pool, struct zspage *zspage,
			    struct zpdesc *dst, struct zpdesc *src)
{
	const struct size_class *class = zspage_class(pool, zspage);
	unsigned int offset = src->first_obj_offset;
	unsigned int end = pool->page_size;

	/* What is left over at the end of a zspage is no object, and holds
	 * whatever the page held before. It is less than an object. */
	if (!get_next_zpdesc(src))
		end -= class->pages_per_zspage * pool->page_size -
		       class->objs_per_zspage * class->size;
	for (; offset < end; offset += class->size) {
		unsigned long head = *uzs_obj_head(pool, src, offset);
		unsigned long handle = head & ~OBJ_ALLOCATED_TAG;

		if (!(head & OBJ_ALLOCATED_TAG))
			continue;
		record_obj(handle,
			   location_to_obj(
				   pool, dst,
				   obj_to_index(pool, handle_to_obj(handle))));
	}
}

static int zs_page_migrate(struct zone *zone, struct page *newpage,
			   struct page *page)
{
	struct zs_pool *pool = zone_pool(zone);
	struct zpdesc *dst = page_zpdesc(newpage), *src = page_zpdesc(page);
	struct zspage *zspage = src->zspage;
	struct size_class *class = zspage_class(pool, zspage);

	write_lock(&pool->lock);
	spin_lock(&class->lock);
	if (!pin_write_trylock(&zspage->lock)) {
		spin_unlock(&class->lock);
		write_unlock(&pool->lock);
		return -EAGAIN;
	}
	memcpy(zpdesc_address(pool, dst), zpdesc_address(pool, src),
	       pool->page_size);
	rewrite_handles(pool, zspage, dst, src);
	replace_sub_page(zspage, dst, src);
	/* Once the handles are right, objects may be found and freed again,
	 * but nothing may be moved until the page is replaced: both are. */
	write_unlock(&pool->lock);
	spin_unlock(&class->lock);
	pin_write_unlock(&zspage->lock);

	page_clear(page, PG_movable);
	src->zspage = NULL;
	src->next = NULL;
	return 0;
}

const struct movable_operations uzs_movable_ops = {
	.isolate_page = zs_page_isolate,
	.migrate_page = zs_page_migrate,
	.putback_page = zs_page_putback,
};
