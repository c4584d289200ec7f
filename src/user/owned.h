/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* owned.h - for pools that look for misuse: does a ref name its own object, and is
 * that read? Inline: each call of such a pool comes here, while the CPU still waits
 * for the object. Owns no state. */
#ifndef UZS_USER_OWNED_H
#define UZS_USER_OWNED_H

#include "user/pins.h"
#include "user/places.h"

/* The same as user_names_own, of a class whose objects' first words lie apart. */
bool uzs_names_huge(const struct zs_pool *pool, const u64 *ref, u64 word);

/* Does the word, whose class is one of the pool's, name an object whose first word
 * names the ref? The object must not move meanwhile: class->lock is held, or the
 * slot's while the class is open, or the ref is named. Any word may come here. What
 * lies at its address is compared with a word that only such an object has: no more
 * has to be looked at. */
static __always_inline bool user_names_own(const struct zs_pool *pool,
					   const u64 *ref, u64 word)
{
	unsigned int index = ref_class(word);
	const char *object = ref_address(word);

	if (unlikely(!uzs_zone_keeps(&pool->zone, object)))
		return false;
	if (unlikely(pool->user->class[index].huge))
		return uzs_names_huge(pool, ref, word);
	return likely(uzs_peek_head(object) == user_owner(pool, index, ref));
}

/* Does the ref name its object? The answer is sure if that cannot move: see
 * user_names_own. */
static __always_inline bool user_is_own(const struct zs_pool *pool,
					const u64 *ref)
{
	u64 word = READ_ONCE(*ref);
	unsigned int index = ref_class(word);

	return likely(!(word & REF_MOVING) && index &&
		      index < pool->nr_classes &&
		      user_names_own(pool, ref, word));
}

/* Is the ref named by a read? A begin that nothing orders before may be missed. */
static __always_inline bool user_is_named(struct zs_pool *pool, const u64 *ref)
{
	return unlikely(uzs_hazards_may_have(&pool->user->hazards, ref)) &&
	       uzs_hazards_has(&pool->user->hazards, ref);
}

/* Is what the ref names read? */
static __always_inline bool user_is_read(struct zs_pool *pool, const u64 *ref)
{
	return READ_ONCE(*ref) >= REF_PIN || user_is_named(pool, ref);
}

/* Begins a read of what the ref names, if that is the ref's. Takes no lock. Return:
 * the object's data; NULL: not done. */
static __always_inline void *user_begin_own(struct zs_pool *pool,
					    const u64 *ref)
{
	char *data = user_try_checked_read(pool, ref);

	if (unlikely(!data))
		data = uzs_read_by_name(pool, ref);
	if (likely(!data || user_is_own(pool, ref)))
		return data;
	uzs_hazard_drop(&pool->user->hazards, ref);
	return NULL;
}

#endif
