/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* harden.h - finds misuse of handles. */
#ifndef UZS_HARDEN_H
#define UZS_HARDEN_H

#include "types.h"

/* Tells of a call that was given a wrong handle. No lock may be held. */
void uzs_tell_misuse(const struct zs_pool *pool, unsigned long handle,
		     const char *call, enum zs_misuse_kind what);
/* For hardened pools. These return false when they have told of misuse; the
 * caller then does nothing.
 * claim: the handle is to be freed, now or later, by the caller that gets
 * true. */
bool uzs_harden_claim(const struct zs_pool *pool, unsigned long handle,
		      bool later, const char *call);
/* As claim with `later`, for callers that hold locks: what is wrong is noted,
 * and told by the next tell_noted of any thread. */
bool uzs_harden_keep(struct zs_pool *pool, unsigned long handle,
		     const char *call);
void uzs_harden_tell_all_noted(struct zs_pool *pool);
static inline void uzs_harden_tell_noted(struct zs_pool *pool)
{
	if (unlikely(pool->hardened) && READ_ONCE(pool->harden.nr_noted))
		uzs_harden_tell_all_noted(pool);
}
void uzs_harden_init(struct zs_pool *pool, const struct zs_pool_options *o);
void uzs_harden_fork_child(struct zs_pool *pool);
/* Is it an address where handles lie? Does not touch it. */
bool uzs_harden_is_place(const struct zs_pool *pool, unsigned long handle,
			 const char *call);
/* Sets the state of a handle that no other thread may use now. new: for a word
 * that becomes a handle. */
static inline void uzs_harden_set(unsigned long handle, u32 state)
{
	smp_store_release(&((struct wide_handle *)handle)->use, state);
}
void uzs_harden_new(const struct zs_pool *pool, unsigned long handle);
/* Tells of reads that were not ended. Nobody else may use the pool. */
void uzs_harden_tell_unended(struct zs_pool *pool, const char *call);

static inline void uzs_lock_poison(struct zs_pool *pool)
{
	(void)pool;
#if UZS_POISONS_OBJECTS
	spin_lock(&pool->harden.poison_lock);
#endif
}
static inline void uzs_unlock_poison(struct zs_pool *pool)
{
	(void)pool;
#if UZS_POISONS_OBJECTS
	spin_unlock(&pool->harden.poison_lock);
#endif
}

#endif
