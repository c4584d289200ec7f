/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* words.h - the handle's word: it says where the object is. What is in it
 * otherwise is the profile's. And the object's first word, which leads back.
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

/* ---- an object's first word: which handle has it? ------------------------- */

/* Reads and writes it. The memory of zspages may be poisoned. */
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
