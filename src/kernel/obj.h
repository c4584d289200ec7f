/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* obj.h - the two other words of the kernel profile: the obj (PFN, class index,
 * object index), which the handle's word holds, and the object's first word
 * (which handle has it?). types.h has their bits.
 */
#ifndef UZS_KERNEL_OBJ_H
#define UZS_KERNEL_OBJ_H

#include "words.h"

/* ---- the obj word --------------------------------------------------------- */

static inline struct zpdesc *page_zpdesc(struct page *page)
{
	return (struct zpdesc *)page;
}
static inline struct page *zpdesc_page(struct zpdesc *zpdesc)
{
	return (struct page *)zpdesc;
}
static inline void *zpdesc_address(const struct zs_pool *pool,
				   const struct zpdesc *zpdesc)
{
	return page_address(&pool->zone, (const struct page *)zpdesc);
}
static inline struct size_class *zpdesc_class(const struct zs_pool *pool,
					      const struct zpdesc *zpdesc)
{
	return pool->size_class[zpdesc->class];
}
/* Locks: the chain must be stable. */
static inline struct size_class *zspage_class(const struct zs_pool *pool,
					      const struct zspage *zspage)
{
	return pool->size_class[zspage->first_zpdesc->class];
}
static inline struct zpdesc *get_next_zpdesc(const struct zpdesc *zpdesc)
{
	return zpdesc->huge ? NULL : zpdesc->next;
}
static inline unsigned long location_to_obj(const struct zs_pool *pool,
					    const struct zpdesc *zpdesc,
					    unsigned int obj_idx)
{
	unsigned long class = zpdesc->class & pool->obj_class_mask;

	return page_to_pfn(&pool->zone, (const struct page *)zpdesc)
		       << pool->obj_index_bits |
	       class << pool->obj_class_shift | obj_idx;
}
static inline struct zpdesc *obj_to_zpdesc(const struct zs_pool *pool,
					   unsigned long obj)
{
	return page_zpdesc(
		pfn_to_page(&pool->zone, obj >> pool->obj_index_bits));
}
static inline unsigned int obj_to_index(const struct zs_pool *pool,
					unsigned long obj)
{
	return (unsigned int)(obj & ((1UL << pool->obj_class_shift) - 1));
}
/* Only in scopes that have the class index in the obj. An object never changes
 * its class. */
static inline struct size_class *obj_to_class(const struct zs_pool *pool,
					      unsigned long obj)
{
	return pool->size_class[(obj >> pool->obj_class_shift) &
				pool->obj_class_mask];
}
/* Bytes from the start of its page to object `idx`. */
static inline unsigned int obj_page_offset(const struct zs_pool *pool,
					   const struct size_class *class,
					   unsigned int idx)
{
	return (class->size * idx) & (pool->page_size - 1);
}

/* ---- the object's first word ----------------------------------------------- */

/* First word of an object: tagged handle, or link of the free list. */
static inline unsigned long *uzs_obj_head(const struct zs_pool *pool,
					  struct zpdesc *zpdesc,
					  unsigned int offset)
{
	if (unlikely(zpdesc->huge))
		return &zpdesc->handle;
	return (unsigned long *)((char *)zpdesc_address(pool, zpdesc) + offset);
}

#endif
