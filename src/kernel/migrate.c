/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* migrate.c - moves one page of a zspage to another page, and a zspage
 * structure to another slab. Owns no state.
 *
 * Kernel origin: mm/zsmalloc.c zs_page_isolate, zs_page_migrate,
 * zs_page_putback, replace_sub_page; differs: the chain is changed in place
 * (its other pages keep their links) instead of being built anew. Moving zspage
 * structures is ours: without it, when most of a pool has been freed, the few
 * that are left would keep nearly all slabs in use.
 * Locks: needs the page locks; takes pool->lock (write), class->lock; tries
 * zspage->lock. Sleeps: no.
 * Guarantees:
 *  M1 on failure nothing has changed.
 *  M2 no reader or writer of an object sees the page while it is copied: they
 *     resolve handles under pool->lock and pin the zspage.
 */
#include "kernel/migrate.h"

#include <string.h>

#include "compat/os.h"
#include "kernel/obj.h"

static struct zs_pool *zone_pool(struct zone *zone)
{
	return container_of(zone, struct zs_pool, zone);
}

/* The caller's page lock keeps the zspage from being freed. */
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

/* Replaces `src` by `dst` in the chain. */
static void replace_sub_page(struct zspage *zspage, struct zpdesc *dst,
			     struct zpdesc *src)
{
	struct zpdesc **link = &zspage->first_zpdesc;

	while (*link != src)
		link = &(*link)->next;
	*link = dst;
	dst->next = src->next; /* in a huge page: the handle */
	dst->first_obj_offset = src->first_obj_offset;
	dst->zspage = zspage;
	dst->class = src->class;
	dst->huge = src->huge;
	page_set(zpdesc_page(dst), PG_movable);
}

/* Makes the handle words of all objects that start in `src` point to `dst`. */
static void rewrite_handles(struct zs_pool *pool, struct zspage *zspage,
			    struct zpdesc *dst, struct zpdesc *src)
{
	const struct size_class *class = zspage_class(pool, zspage);
	unsigned int offset = src->first_obj_offset;
	unsigned int end = pool->page_size;

	/* The rest at the end of a zspage is smaller than an object. It is no
	 * object, and still holds whatever the page held before. */
	if (!get_next_zpdesc(src))
		end -= class->pages_per_zspage * pool->page_size -
		       class->objs_per_zspage * class->size;
	for (; offset < end; offset += class->size) {
		unsigned long head =
			uzs_read_head(uzs_obj_head(pool, src, offset));
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
	struct size_class *class = zpdesc_class(pool, src);

	write_lock(&pool->lock);
	spin_lock(&class->lock);
	if (!pin_write_trylock(&zspage->lock)) {
		spin_unlock(&class->lock);
		write_unlock(&pool->lock);
		return -EAGAIN;
	}
	/* Nobody reads, so the whole page is poisoned, and stays so. */
	if (UZS_POISONS_OBJECTS)
		uzs_unpoison(zpdesc_address(pool, src), pool->page_size);
	memcpy(zpdesc_address(pool, dst), zpdesc_address(pool, src),
	       pool->page_size);
	if (UZS_POISONS_OBJECTS) {
		uzs_poison(zpdesc_address(pool, src), pool->page_size);
		uzs_poison(zpdesc_address(pool, dst), pool->page_size);
	}
	/* Replace the page first: rewrite_handles may take the class from
	 * dst. */
	replace_sub_page(zspage, dst, src);
	rewrite_handles(pool, zspage, dst, src);
	/* Once the handles are right, objects may be found and freed again. But
	 * nothing may be moved until the page is replaced. Both are done
	 * here. */
	write_unlock(&pool->lock);
	spin_unlock(&class->lock);
	pin_write_unlock(&zspage->lock);

	page_clear(page, PG_movable);
	src->zspage = NULL;
	src->next = NULL;
	return 0;
}

/* Moves the structure of the zspage that begins with this page, if it lies in a
 * sparse slab. False if there is no memory for the move. Locks: needs
 * trim_lock, and the page's lock, which keeps the zspage from being freed. */
static bool relocate_zspage(struct zs_pool *pool, struct zpdesc *zpdesc)
{
	struct kmem_cache *cache = &pool->zspage_cache;
	struct zspage *zspage = zpdesc->zspage, *moved;
	struct size_class *class = zpdesc_class(pool, zpdesc);

	/* Chains change only under trim_lock. */
	if (zspage->first_zpdesc != zpdesc ||
	    !uzs_slab_is_sparse(cache, zspage))
		return true;
	moved = uzs_slab_move_target(cache);
	if (!moved)
		return false;
	write_lock(&pool->lock);
	spin_lock(&class->lock);
	/* The async free work may have an empty zspage in hand. */
	if (zspage->inuse && pin_write_trylock(&zspage->lock)) {
		*moved = *zspage;
		pinlock_init(&moved->lock);
		list_replace(&zspage->list, &moved->list);
		for (; zpdesc; zpdesc = get_next_zpdesc(zpdesc))
			zpdesc->zspage = moved;
		pin_write_unlock(&zspage->lock);
	} else {
		zspage = moved;
	}
	spin_unlock(&class->lock);
	write_unlock(&pool->lock);
	/* A thread finds a zspage only through a handle, under pool->lock. So
	 * none knows the old address any more. */
	uzs_slab_put_moved(cache, zspage);
	return true;
}

void uzs_compact_zspage_slabs(struct zs_pool *pool)
{
	struct zone *zone = &pool->zone;
	struct section *section = NULL;
	bool room = true;

	mutex_lock(&zone->gate);
	if (!uzs_slab_isolate_sparse(&pool->zspage_cache)) {
		mutex_unlock(&zone->gate);
		return;
	}
	/* If the process forks meanwhile, the child takes these slabs into use
	 * again. */
	while (room && (section = uzs_zone_next_section(zone, section))) {
		for (unsigned int i = zone->first; room && i < zone->nr_pages;
		     i++) {
			struct page *page = uzs_section_page(zone, section, i);

			if (!(page_flags(page) & PG_movable) ||
			    !trylock_page(page))
				continue;
			if (page_flags(page) & PG_movable)
				room = relocate_zspage(pool, page_zpdesc(page));
			unlock_page(page);
		}
		uzs_zone_give_way_in(zone, section);
	}
	if (section)
		uzs_zone_end_walk(zone, section);
	uzs_slab_unisolate(&pool->zspage_cache);
	mutex_unlock(&zone->gate);
}

const struct movable_operations uzs_movable_ops = {
	.isolate_page = zs_page_isolate,
	.migrate_page = zs_page_migrate,
	.putback_page = zs_page_putback,
};
