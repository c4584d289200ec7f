/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zspage.c - owns the chain of pages of a zspage and the objects' free list in
 * it.
 *
 * Kernel origin: mm/zsmalloc.c alloc_zspage, create_page_chain, init_zspage,
 * trylock_zspage, lock_zspage, __free_zspage, free_zspage, obj_malloc,
 * obj_free, obj_allocated; differs: lock_zspage pins the zspage while it waits.
 * This keeps page migration from replacing pages, so it needs no retries; pages
 * are taken and freed all at once.
 * Locks: by function. Sleeps: uzs_alloc_zspage (GFP_KERNEL), uzs_lock_zspage.
 *
 *   zspage -> first page -> page -> page        objects by index:
 *             |0    |1  ..|..  |2 |3 ..|         an object may start in one
 *             +-----------+-----------+          page and end in the next
 *
 * Guarantees:
 *  P1 a new zspage hands out its objects in order of index; a freed object is
 *     the next to be handed out.
 *  P2 an object's first word never straddles pages (sizes and pages are
 *     multiples of its size).
 *  P3 page locks taken by uzs_trylock_zspage or uzs_lock_zspage are held until
 *     each page is reset.
 */
#include "kernel/zspage.h"

#include "class.h"

#include "compat/os.h"

/* The page in which object `idx` starts. Locks: the chain must be stable. */
static struct zpdesc *obj_zpdesc(const struct zs_pool *pool,
				 const struct size_class *class,
				 const struct zspage *zspage, unsigned int idx)
{
	struct zpdesc *zpdesc = zspage->first_zpdesc;

	for (unsigned int n = class->size * idx >> pool->page_shift; n; n--)
		zpdesc = get_next_zpdesc(zpdesc);
	return zpdesc;
}

unsigned long *uzs_obj_head_at(const struct zs_pool *pool,
			       const struct zspage *zspage, unsigned int idx)
{
	const struct size_class *class = zspage_class(pool, zspage);

	return uzs_obj_head(pool, obj_zpdesc(pool, class, zspage, idx),
			    obj_page_offset(pool, class, idx));
}

/* Links all objects into the free list, in order of index. Nobody else has the
 * pages yet. */
static void init_zspage(struct zs_pool *pool, struct size_class *class,
			struct zspage *zspage)
{
	struct obj_iter it;
	unsigned long *link;

	zspage->freeobj = 0;
	if (class->huge) {
		zspage->first_zpdesc->handle = 0;
		return;
	}
	uzs_obj_iter_start(&it, pool, zspage);
	do {
		link = uzs_obj_head(pool, it.zpdesc, it.offset);
		*link = (unsigned long)(it.idx + 1) << OBJ_TAG_BITS;
	} while (uzs_obj_iter_next(&it));
	*link = -1UL << OBJ_TAG_BITS;
}

#if UZS_POISONS_OBJECTS
/* The memory of a zspage is poisoned, except while it is read. */
static void poison_pages(const struct zs_pool *pool,
			 const struct zspage *zspage)
{
	struct zpdesc *zpdesc = zspage->first_zpdesc;

	for (; zpdesc; zpdesc = get_next_zpdesc(zpdesc))
		uzs_poison(zpdesc_address(pool, zpdesc), pool->page_size);
}

void uzs_poison_object(const struct zs_pool *pool, unsigned long obj)
{
	struct zpdesc *zpdesc = obj_to_zpdesc(pool, obj);
	const struct size_class *class = zpdesc_class(pool, zpdesc);
	unsigned int offset =
		obj_page_offset(pool, class, obj_to_index(pool, obj));
	unsigned int first = min(class->size, pool->page_size - offset);

	uzs_poison((char *)zpdesc_address(pool, zpdesc) + offset, first);
	if (first < class->size)
		uzs_poison(zpdesc_address(pool, get_next_zpdesc(zpdesc)),
			   class->size - first);
}
#else
static void poison_pages(const struct zs_pool *pool,
			 const struct zspage *zspage)
{
	(void)pool;
	(void)zspage;
}
#endif

/* Links the pages to a chain. */
static void create_page_chain(struct zs_pool *pool, struct size_class *class,
			      struct zspage *zspage, struct page **pages)
{
	struct zpdesc *prev = NULL;

	for (unsigned int i = 0; i < class->pages_per_zspage; i++) {
		struct zpdesc *zpdesc = page_zpdesc(pages[i]);
		unsigned int start = i << pool->page_shift;
		unsigned int first = DIV_ROUND_UP(start, class->size);

		zpdesc->zspage = zspage;
		zpdesc->class = (u16) class->index;
		zpdesc->huge = class->huge;
		zpdesc->next = NULL;
		/* In the last page perhaps no object starts: then the offset
		 * lies behind the page's end. */
		zpdesc->first_obj_offset = first * class->size - start;
		if (prev)
			prev->next = zpdesc;
		else
			zspage->first_zpdesc = zpdesc;
		prev = zpdesc;
	}
}

/* Return: a zspage without objects, in no list; NULL without memory. Locks:
 * none may be held. May sleep with GFP_KERNEL. */
struct zspage *uzs_alloc_zspage(struct zs_pool *pool, struct size_class *class,
				gfp_t gfp)
{
	struct page *pages[ZS_MAX_CHAIN_SIZE];
	struct zspage *zspage = kmem_cache_alloc(&pool->zspage_cache, gfp);

	if (!zspage)
		return NULL;
	if (!uzs_alloc_pages_bulk(&pool->zone, gfp, MIGRATE_MOVABLE,
				  class->pages_per_zspage, pages)) {
		kmem_cache_free(&pool->zspage_cache, zspage);
		return NULL;
	}
	pinlock_init(&zspage->lock);
	zspage->inuse = 0;
	zspage->fullness = ZS_INUSE_RATIO_0;
	create_page_chain(pool, class, zspage, pages);
	init_zspage(pool, class, zspage);
	poison_pages(pool, zspage);
	return zspage;
}

/* Locks: needs class->lock. */
bool uzs_trylock_zspage(struct zspage *zspage)
{
	struct zpdesc *zpdesc = zspage->first_zpdesc, *fail;

	for (; zpdesc; zpdesc = get_next_zpdesc(zpdesc))
		if (!trylock_page(zpdesc_page(zpdesc)))
			break;
	if (!zpdesc)
		return true;
	fail = zpdesc;
	for (zpdesc = zspage->first_zpdesc; zpdesc != fail;
	     zpdesc = get_next_zpdesc(zpdesc))
		unlock_page(zpdesc_page(zpdesc));
	return false;
}

/* Locks: none may be held but free_work_lock. The zspage is in no list, so
 * nobody else frees it. */
void uzs_lock_zspage(struct zspage *zspage)
{
	struct zpdesc *zpdesc;

	/* A migration that has a page locked gives up when it finds the zspage
	 * pinned. So each wait ends, and the page is still in the chain. */
	pin_read_lock(&zspage->lock);
	for (zpdesc = zspage->first_zpdesc; zpdesc;
	     zpdesc = get_next_zpdesc(zpdesc))
		lock_page(zpdesc_page(zpdesc));
	pin_read_unlock(&zspage->lock);
}

/* ---- birth and death ------------------------------------------------------ */

/* Locks: needs class->lock. */
void uzs_publish_zspage(struct zs_pool *pool, struct size_class *class,
			struct zspage *zspage)
{
	struct zpdesc *zpdesc = zspage->first_zpdesc;

	uzs_insert_zspage(class, zspage,
			  uzs_fullness_group(class, zspage->inuse));
	uzs_add(&class->objs_capacity, class->objs_per_zspage);
	uzs_atomic_max_long(&pool->peak_pages,
			    __atomic_add_fetch(&pool->pages_allocated,
					       class->pages_per_zspage,
					       __ATOMIC_RELAXED));
	/* From here on migration may find the pages. */
	for (; zpdesc; zpdesc = get_next_zpdesc(zpdesc))
		page_set(zpdesc_page(zpdesc), PG_movable);
}

/* Locks: needs class->lock. */
void uzs_withdraw_zspage(struct size_class *class, struct zspage *zspage)
{
	uzs_remove_zspage(class, zspage);
	uzs_add(&class->objs_capacity, -(long)class->objs_per_zspage);
}

/* Locks: needs the pages' locks; drops them. */
void uzs_release_zspage(struct zs_pool *pool, const struct size_class *class,
			struct zspage *zspage)
{
	struct page *pages[ZS_MAX_CHAIN_SIZE];
	struct zpdesc *zpdesc = zspage->first_zpdesc, *next;
	unsigned int n = 0;

	VM_BUG_ON(zspage->inuse);
	for (; zpdesc; zpdesc = next) {
		struct page *page = zpdesc_page(zpdesc);

		VM_BUG_ON(!PageLocked(page));
		next = get_next_zpdesc(zpdesc);
		zpdesc->zspage = NULL;
		zpdesc->next = NULL;
		page_clear(page, PG_movable);
		unlock_page(page); /* P3 */
		pages[n++] = page;
	}
	uzs_free_pages_bulk(&pool->zone, n, pages);
	kmem_cache_free(&pool->zspage_cache, zspage);
	__atomic_fetch_sub(&pool->pages_allocated, class->pages_per_zspage,
			   __ATOMIC_RELAXED);
}

/* Locks: needs class->lock. */
bool uzs_detach_zspage(struct size_class *class, struct zspage *zspage)
{
	assert_spin_locked(&class->lock);
	if (!uzs_trylock_zspage(zspage))
		return false;
	uzs_withdraw_zspage(class, zspage);
	return true;
}

/* Locks: needs class->lock. */
bool uzs_free_zspage(struct zs_pool *pool, struct size_class *class,
		     struct zspage *zspage)
{
	if (!uzs_detach_zspage(class, zspage))
		return false;
	uzs_release_zspage(pool, class, zspage);
	return true;
}

/* ---- zspages that became empty while one of their pages was locked ------- */

/* Frees the zspages of one class that wait in group 0. The class is a
 * parameter, because it cannot be read from a zspage: migration may just
 * replace its first page. Locks: needs free_work_lock. */
static unsigned long free_empty_of_class(struct zs_pool *pool,
					 struct size_class *class)
{
	struct zspage *zspage, *next;
	unsigned long n = 0;
	LIST_HEAD(empty);

	spin_lock(&class->lock);
	list_splice_init(&class->groups->list[ZS_INUSE_RATIO_0], &empty);
	spin_unlock(&class->lock);
	list_for_each_entry_safe(zspage, next, &empty, list) {
		uzs_lock_zspage(zspage);
		spin_lock(&class->lock);
		uzs_withdraw_zspage(class, zspage);
		uzs_release_zspage(pool, class, zspage);
		spin_unlock(&class->lock);
		n++;
	}
	return n;
}

unsigned long uzs_kernel_free_empty(struct zs_pool *pool)
{
	unsigned long n = 0;

	for (unsigned int i = 0; i < pool->nr_classes; i++) {
		struct size_class *class = pool->size_class[i];

		if (uzs_class_is_own(pool, i) &&
		    uzs_nr_in_group(class, ZS_INUSE_RATIO_0))
			n += free_empty_of_class(pool, class);
	}
	return n;
}

/* ---- objects --------------------------------------------------------------- */

/* Takes the head of the free list for `handle`. Return: the obj. Locks: needs
 * class->lock, or a zspage that nobody else knows yet. */
unsigned long uzs_obj_malloc(struct zs_pool *pool, struct size_class *class,
			     struct zspage *zspage, unsigned long handle)
{
	unsigned int idx = zspage->freeobj;
	struct zpdesc *zpdesc = obj_zpdesc(pool, class, zspage, idx);
	unsigned long *head =
		uzs_obj_head(pool, zpdesc, obj_page_offset(pool, class, idx));

	VM_BUG_ON(idx >= class->objs_per_zspage);
	VM_BUG_ON(uzs_read_head(head) & OBJ_ALLOCATED_TAG);
	zspage->freeobj = class->huge ? OBJ_NONE
				      : (uzs_read_head(head) >> OBJ_TAG_BITS) &
						OBJ_NONE;
	uzs_write_head(head, handle | OBJ_ALLOCATED_TAG);
	zspage->inuse++;
	return location_to_obj(pool, zpdesc, idx);
}

/* Objects are often freed in the order in which they were allocated, which is
 * that of their indices. So this prefetches, early, the word that the zspage's
 * next free will probably write: nothing else delays the stores of a free as
 * much. Locks: the chain must be stable. */
static __always_inline void prefetch_next(const struct zs_pool *pool,
					  const struct size_class *class,
					  const struct zpdesc *zpdesc,
					  unsigned int offset)
{
	offset += class->size;
	if (offset >= pool->page_size) {
		zpdesc = get_next_zpdesc(zpdesc);
		if (!zpdesc)
			return;
		__builtin_prefetch(zpdesc);
		offset -= pool->page_size;
	}
	__builtin_prefetch((char *)zpdesc_address(pool, zpdesc) + offset, 1);
}

/* An object freed at most so many indices after the last one is taken for one
 * of many that are freed in order. */
#define IN_ORDER_OBJS 4u

void uzs_obj_free(struct zs_pool *pool, struct size_class *class,
		  struct zspage *zspage, unsigned long obj, bool fetch)
{
	struct zpdesc *zpdesc = obj_to_zpdesc(pool, obj);
	unsigned int idx = obj_to_index(pool, obj);
	unsigned int offset = obj_page_offset(pool, class, idx);
	unsigned long *head = uzs_obj_head(pool, zpdesc, offset);

	VM_BUG_ON(!(uzs_read_head(head) & OBJ_ALLOCATED_TAG));
	/* A thread may have read the object until now. */
	uzs_poison_object(pool, obj);
	/* the head of the free list is the object freed last */
	if (fetch && (!idx || idx - zspage->freeobj <= IN_ORDER_OBJS))
		prefetch_next(pool, class, zpdesc, offset);
	if (class->huge)
		uzs_write_head(head, 0);
	else if (zspage->freeobj == OBJ_NONE)
		uzs_write_head(head, -1UL << OBJ_TAG_BITS);
	else
		uzs_write_head(head,
			       (unsigned long)zspage->freeobj << OBJ_TAG_BITS);
	zspage->freeobj = idx & OBJ_NONE;
	zspage->inuse--;
}
