/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zspage.h - zspages: their chains of pages, their objects, their page locks,
 * their birth and death. */
#ifndef UZS_ZSPAGE_H
#define UZS_ZSPAGE_H

#include "kernel/obj.h"

struct zspage *uzs_alloc_zspage(struct zs_pool *pool, struct size_class *class,
				gfp_t gfp);
/* Takes the page locks of a whole zspage: trylock tries, lock waits. */
bool uzs_trylock_zspage(struct zspage *zspage);
void uzs_lock_zspage(struct zspage *zspage);
/* Birth: inserts a new zspage, with an object in it, into its fullness list.
 * Adds its capacity to the class and its pages to pages_allocated. Locks: needs
 * class->lock. */
void uzs_publish_zspage(struct zs_pool *pool, struct size_class *class,
			struct zspage *zspage);
/* Death, in two halves. withdraw: takes the zspage out of its list and
 * subtracts its capacity; needs class->lock. release: frees its pages,
 * subtracts them from pages_allocated, and frees the zspage; the caller has the
 * page locks, and each is dropped when its page is reset. */
void uzs_withdraw_zspage(struct size_class *class, struct zspage *zspage);
void uzs_release_zspage(struct zs_pool *pool, const struct size_class *class,
			struct zspage *zspage);
/* Locks all pages of a zspage and withdraws it. False, and nothing is done, if
 * a page is locked already. Locks: needs class->lock. */
bool uzs_detach_zspage(struct size_class *class, struct zspage *zspage);
/* Detaches and releases. */
bool uzs_free_zspage(struct zs_pool *pool, struct size_class *class,
		     struct zspage *zspage);
/* Frees the zspages that became empty while one of their pages was locked.
 * Locks: needs free_work_lock. Return: how many. */
unsigned long uzs_kernel_free_empty(struct zs_pool *pool);
unsigned long uzs_obj_malloc(struct zs_pool *pool, struct size_class *class,
			     struct zspage *zspage, unsigned long handle);
/* Puts an object at the head of the free list. fetch: prefetch what the
 * zspage's next free will probably write. Locks: needs class->lock. */
void uzs_obj_free(struct zs_pool *pool, struct size_class *class,
		  struct zspage *zspage, unsigned long obj, bool fetch);
/* uzs_obj_head by index: walks the chain. */
unsigned long *uzs_obj_head_at(const struct zs_pool *pool,
			       const struct zspage *zspage, unsigned int idx);
/* Poisons an object, including its first word. */
#if UZS_POISONS_OBJECTS
void uzs_poison_object(const struct zs_pool *pool, unsigned long obj);
#else
static inline void uzs_poison_object(const struct zs_pool *pool,
				     unsigned long obj)
{
	(void)pool;
	(void)obj;
}
#endif
/* Walks the objects of a zspage by index. */
struct obj_iter {
	const struct zs_pool *pool;
	const struct size_class *class;
	struct zspage *zspage;
	struct zpdesc *zpdesc; /* page in which object idx starts */
	unsigned int idx;
	unsigned int offset; /* of object idx in zpdesc */
};
static inline void uzs_obj_iter_start(struct obj_iter *it,
				      const struct zs_pool *pool,
				      struct zspage *zspage)
{
	it->pool = pool;
	it->class = zspage_class(pool, zspage);
	it->zspage = zspage;
	it->zpdesc = zspage->first_zpdesc;
	it->idx = 0;
	it->offset = 0;
}
/* Return: is there another object? */
static inline bool uzs_obj_iter_next(struct obj_iter *it)
{
	if (++it->idx >= it->class->objs_per_zspage)
		return false;
	it->offset += it->class->size;
	while (it->offset >= it->pool->page_size) {
		it->offset -= it->pool->page_size;
		it->zpdesc = get_next_zpdesc(it->zpdesc);
	}
	return true;
}
/* The handle of the iterator's object, 0 if the object is free. */
static inline unsigned long uzs_obj_iter_handle(const struct obj_iter *it)
{
	unsigned long head =
		uzs_read_head(uzs_obj_head(it->pool, it->zpdesc, it->offset));

	return head & OBJ_ALLOCATED_TAG ? head & ~OBJ_ALLOCATED_TAG : 0;
}

#endif
