/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* words.h - three words: the handle word (where is the object?), the obj (PFN,
 * class index, object index) and the object's first word (which handle has
 * it?). types.h has their bits.
 */
#ifndef UZS_WORDS_H
#define UZS_WORDS_H

#include "types.h"

/* ---- the handle's word: an obj, or dead ---------------------------------- */

static inline bool uzs_no_handle(unsigned long handle)
{
	return !handle || zs_is_err(handle);
}
static inline unsigned long handle_to_obj(unsigned long handle)
{
	return READ_ONCE(*(unsigned long *)handle);
}
/* Release: a thread that sees the obj also sees the object, and that a wide
 * handle is live. */
static inline void record_obj(unsigned long handle, unsigned long obj)
{
	smp_store_release((unsigned long *)handle, obj);
}
/* Is `word`, the first word of a slab object, that of a live handle? */
static inline bool uzs_handle_word_live(const struct zs_pool *pool,
					unsigned long word)
{
	/* No page lies in the first 64 KiB of the address space. So an obj is
	 * greater than any link, on 32-bit too. */
	(void)pool;
	return word > UZS_SLAB_MAX_LINK;
}

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
/* Reads the word at such a pointer. The memory of zspages may be poisoned. */
#if UZS_POISONS_OBJECTS
__no_asan __maybe_unused static unsigned long
uzs_read_head(const unsigned long *head)
{
	return READ_ONCE(*head); /* else gcc moves the read into the caller */
}
__no_asan __maybe_unused static void uzs_write_head(unsigned long *head,
						    unsigned long value)
{
	WRITE_ONCE(*head, value);
}
#else
static inline unsigned long uzs_read_head(const unsigned long *head)
{
	return *head;
}
static inline void uzs_write_head(unsigned long *head, unsigned long value)
{
	*head = value;
}
#endif

#endif
