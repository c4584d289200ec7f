/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* handle.c - owns the handle words. A handle points to one, and it holds the
 * current obj.
 *
 * Kernel origin: mm/zsmalloc.c cache_alloc_handle, cache_free_handle,
 * handle_to_obj, record_obj; differs: a word that holds no obj is below
 * 1 << 16, so that live handles can be distinguished from others.
 * Locks: none needed. Sleeps: only to allocate with GFP_KERNEL.
 * Guarantees:
 *  H1 a handle is a multiple of the word size: bit 0 is free for the tag that
 *     the object's first word needs.
 *  H2 a word is read and written whole (single-copy atomic).
 */
#include "handle.h"

#include "harden.h"
#include "words.h"

/* Return: a handle whose word is dead, or 0. */
unsigned long uzs_alloc_handle(struct zs_pool *pool, gfp_t gfp)
{
	unsigned long *word = kmem_cache_alloc(&pool->handle_cache, gfp);

	if (word) {
		WRITE_ONCE(*word, 0);
		/* Before the obj is stored: a walk that finds the obj must find
		 * the wide handle live. */
		if (unlikely(pool->wide))
			uzs_harden_new(pool, (unsigned long)word);
	}
	return (unsigned long)word;
}

/* The word is dead already. */
void uzs_free_handle(struct zs_pool *pool, unsigned long handle)
{
	VM_BUG_ON(uzs_handle_word_live(pool, handle_to_obj(handle)));
	if (unlikely(pool->wide))
		uzs_harden_set(handle, USE_FREED);
	kmem_cache_free(&pool->handle_cache, (void *)handle);
}
