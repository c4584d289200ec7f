/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* harden_check.h - checks wide handles, inline: a call at each begin and end of
 * a read would cost as much as the check. For harden.c and the profiles.
 */
#ifndef UZS_HARDEN_CHECK_H
#define UZS_HARDEN_CHECK_H

#include "harden.h"
#include "words.h"

#if UZS_POISONS_OBJECTS
#define UZS_CHECK __no_asan __maybe_unused static
#else
#define UZS_CHECK static __always_inline
#endif

static inline u32 *use_of(unsigned long handle)
{
	return &((struct wide_handle *)handle)->use;
}

/* Says why a handle, whose word is one of this pool's, must not be used. */
static inline enum zs_misuse_kind why(u32 use)
{
	return (use & USE_STATE) == USE_LIVE ? ZS_MISUSE_READ : ZS_MISUSE_FREED;
}

static inline u32 mark_of(const struct zs_pool *pool, unsigned long handle)
{
	return pool->harden.mark ^ (u32)(handle / sizeof(struct wide_handle));
}

/* Can a handle lie at this address? Does not touch it. */
static inline bool is_place(const struct zs_pool *pool, unsigned long handle)
{
	return likely(!(handle % sizeof(struct wide_handle))) &&
	       likely(uzs_zone_keeps(&pool->zone, (const void *)handle));
}

/* Has the word its mark? Then it is a handle, or was one while the page was a
 * slab, and its state tells which. Other data in the same sections has no
 * marks. (The page descriptor would tell as well, but that load takes
 * longer.) */
static __always_inline bool is_word(const struct zs_pool *pool,
				    unsigned long handle)
{
	return is_place(pool, handle) &&
	       likely(READ_ONCE(((struct wide_handle *)handle)->mark) ==
		      mark_of(pool, handle));
}

/* A read begins. fetch prefetches what the caller looks at next: that saves most
 * of what the check costs. Return: 0, or what is wrong. */
UZS_CHECK unsigned int
pin_handle(const struct zs_pool *pool, unsigned long handle,
	   void (*fetch)(const struct zs_pool *pool, unsigned long handle))
{
	u32 use;

	if (unlikely(!is_word(pool, handle)))
		return ZS_MISUSE_NO_HANDLE;
	use = READ_ONCE(*use_of(handle));
	fetch(pool, handle);
	do {
		if (unlikely((use & USE_STATE) != USE_LIVE))
			return why(use);
	} while (unlikely(!__atomic_compare_exchange_n(
		use_of(handle), &use, use + 1, true, __ATOMIC_ACQ_REL,
		__ATOMIC_RELAXED)));
	if (likely(uzs_handle_word_live(pool,
					uzs_peek_word((const void *)handle))))
		return 0;
	__atomic_fetch_sub(use_of(handle), 1, __ATOMIC_RELEASE);
	return ZS_MISUSE_FREED;
}

/* May a read end? Return: 0, or what is wrong. */
UZS_CHECK unsigned int check_end(const struct zs_pool *pool,
				 unsigned long handle)
{
	u32 use;

	if (unlikely(!is_word(pool, handle)))
		return ZS_MISUSE_NO_HANDLE;
	use = READ_ONCE(*use_of(handle));
	if (unlikely((use & USE_STATE) != USE_LIVE))
		return why(use);
	return likely(use & USE_PINS) ? 0 : ZS_MISUSE_NOT_BEGUN;
}

/* A read ends. False if no read is open: then another thread has just ended
 * it. */
static inline bool unpin_handle(unsigned long handle)
{
	u32 use = __atomic_fetch_sub(use_of(handle), 1, __ATOMIC_RELEASE);

	if (likely(use & USE_PINS))
		return true;
	__atomic_fetch_add(use_of(handle), 1, __ATOMIC_RELAXED);
	return false;
}

#endif
