/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* harden.h - looks for misuse of handles. */
#ifndef UZS_HARDEN_H
#define UZS_HARDEN_H

#include "types.h"

/* Tells of a call that was given what it must not be given: no lock held. */
void uzs_tell_misuse(const struct zs_pool *pool, unsigned long handle,
		     const char *call, enum zs_misuse_kind what);
/* For hardened pools. They answer false when they have told of misuse; then
 * nothing is to be done.
 * claim: the handle is to be freed, now or later, by who gets true. */
bool uzs_harden_claim(const struct zs_pool *pool, unsigned long handle,
		      bool later, const char *call);
/* As claim for later, where locks are held: what is wrong is told by the next
 * tell_noted, by whomsoever. */
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
/* Does it lie where handles do? Does not touch it. */
bool uzs_harden_is_place(const struct zs_pool *pool, unsigned long handle,
			 const char *call);
/* Sets the state of a handle that nobody else may use now; new: of a word that
 * becomes one, too. */
static inline void uzs_harden_set(unsigned long handle, u32 state)
{
	smp_store_release(&((struct wide_handle *)handle)->use, state);
}
void uzs_harden_new(const struct zs_pool *pool, unsigned long handle);
/* Tells of reads that were not ended; nobody else uses the pool. */
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
