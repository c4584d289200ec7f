/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pins.c - the seldom part of pinning: to wait, and what AddressSanitizer needs.
 * Owns no state.
 *
 * Locks: takes class->lock to wait; poison_lock. Sleeps: only to wait for a
 * mover, which has class->lock for a few objects, or for another pin's end.
 */
#include "user/pins.h"

#include "compat/os.h"
#include "user/places.h"

__attribute__((cold, noinline)) u64 uzs_pin_wait(struct zs_pool *pool,
						 const u64 *ref, u64 word)
{
	struct size_class *class = pool->size_class[ref_class(word)];

	if (word & REF_MOVING) {
		/* It is set only while the mover has this lock. */
		spin_lock(&class->lock);
		spin_unlock(&class->lock);
	} else {
		cond_resched();
	}
	return READ_ONCE(*ref);
}

#if UZS_POISONS_OBJECTS
void uzs_pin_reveal(struct zs_pool *pool, u64 word)
{
	uzs_lock_poison(pool);
	uzs_unpoison(ref_address(word) + USER_HEAD, uzs_place_room(pool, word));
	uzs_unlock_poison(pool);
}

bool uzs_pin_conceal_and_drop(struct zs_pool *pool, u64 *ref)
{
	u64 word;
	bool dropped;

	uzs_lock_poison(pool);
	word = READ_ONCE(*ref);
	/* Who pins it now reveals it again. */
	if (word >= REF_PIN && word < 2 * REF_PIN)
		uzs_poison(ref_address(word),
			   uzs_place_room(pool, word) + USER_HEAD);
	dropped = user_drop_pin(ref);
	uzs_unlock_poison(pool);
	return dropped;
}
#endif
