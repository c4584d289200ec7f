/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pins.c - the seldom part of reading: where a hazard pointer does not do, to
 * wait, and what AddressSanitizer needs. Owns no state.
 *
 * Locks: takes class->lock to wait; poison_lock; the lock of the hazards. Sleeps:
 * only to wait for a mover, which has class->lock for a few objects, or for another
 * pin's end.
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
		uzs_poison(ref_address(word) + USER_HEAD,
			   uzs_place_room(pool, word));
	dropped = user_drop_pin(ref);
	uzs_unlock_poison(pool);
	return dropped;
}
#endif

/* With any place of the thread's. */
void *uzs_read_by_name(struct zs_pool *pool, const u64 *ref)
{
	uintptr_t *place;
	u64 word;

	if (READ_ONCE(pool->head.slow_reads))
		return NULL;
	place = uzs_hazard_try_all(&pool->user->hazards, ref);
	if (!place)
		return NULL;
	if (!smp_load_acquire(&pool->head.slow_reads)) {
		word = smp_load_acquire(ref);
		if (word)
			return zs_data_(word);
	}
	uzs_hazard_withdraw(&pool->user->hazards, place);
	return NULL;
}

void *uzs_read_begin(struct zs_pool *pool, u64 *ref)
{
	char *object = uzs_read_by_name(pool, ref);

	if (object)
		return object;
	object = user_pin(pool, ref);
	return object ? object + USER_HEAD : NULL;
}

/* From now on all reads pin, so that any thread can end any of them. What is
 * named already stays so until it is ended. */
static __attribute__((cold, noinline)) void share_reads(struct zs_pool *pool)
{
	__atomic_fetch_add(&pool->head.slow_reads, 1, __ATOMIC_SEQ_CST);
	if (!uzs_hazards_share(&pool->user->hazards))
		__atomic_fetch_sub(&pool->head.slow_reads, 1, __ATOMIC_RELAXED);
}

bool uzs_read_end(struct zs_pool *pool, u64 *ref)
{
	struct uzs_hazard_table *t = &pool->user->hazards;
	bool ended;

	if (!pool->user->names_reads)
		return user_unpin(pool, ref);
	if (!uzs_hazards_are_shared(t)) {
		if (uzs_hazard_drop(t, ref) || user_unpin(pool, ref))
			return true;
		if (!READ_ONCE(*ref)) /* so nobody reads what it names */
			return false;
		/* It was begun by another thread, or not at all. Which of the two is
		 * known when all reads pin: until then a read's name may go while
		 * its thread's pin stays, just behind who looks for a pin, then for
		 * names. */
		share_reads(pool);
	}
	/* Pins first: a thread that has not seen the change may be just emptying
	 * its place, and that place must not count for two ends. */
	if (user_unpin(pool, ref))
		return true;
	spin_lock(&t->lock);
	ended = user_unpin(pool, ref) || uzs_hazard_end_any(t, ref);
	spin_unlock(&t->lock);
	return ended;
}
