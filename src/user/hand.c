/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* hand.c - objects that are handed over to a mover, to be freed. Owns struct
 * user_hand and user_class.moving.
 *
 * Locks: tries class->lock; waits for it where hand.h says so. Sleeps: no.
 * Guarantees:
 *  N1 when uzs_place_free has returned nobody looks at the word any more.
 *  N2 who hands an object over sees that there is no mover in the class, and puts it
 *     back himself; or a mover does, at its end at the latest.
 */
#include "user/hand.h"

#include "user/places.h"

/* Objects that are put back together. */
#define TOGETHER 16u

static struct user_hand *hand_of(struct zs_pool *pool,
				 const struct size_class *class)
{
	return &pool->user->hand[class->index];
}

/* AddressSanitizer has objects poisoned. */
__no_asan static unsigned long load_head(const unsigned long *head)
{
	return __atomic_load_n(head, __ATOMIC_SEQ_CST);
}

__no_asan static void store_head(unsigned long *head, unsigned long value)
{
	__atomic_store_n(head, value, __ATOMIC_SEQ_CST);
}

unsigned long uzs_followed_head(const struct size_class *class,
				const char *object)
{
	return load_head(user_head_of(class, object));
}

u64 *uzs_follow(struct zs_pool *pool, const struct size_class *class,
		const char *object)
{
	unsigned long head = user_head(class, object);
	u64 *ref = user_owned_by(pool, class->index, head);

	assert_spin_locked(&class->lock);
	if (unlikely(!ref))
		return NULL;
	/* Who sees another word there knows that the last one is not looked at
	 * any more. */
	__atomic_store_n(&hand_of(pool, class)->followed, ref,
			 __ATOMIC_SEQ_CST);
	return likely(uzs_followed_head(class, object) == head) ? ref : NULL;
}

void uzs_follow_all(struct zs_pool *pool, bool on)
{
	__atomic_store_n(&pool->user->looks, on, __ATOMIC_SEQ_CST);
}

/* May somebody be looking at the word? */
static bool is_followed(const struct zs_pool *pool,
			const struct user_hand *hand, const u64 *ref)
{
	return __atomic_load_n(&hand->followed, __ATOMIC_SEQ_CST) == ref ||
	       __atomic_load_n(&pool->user->looks, __ATOMIC_SEQ_CST);
}

/* The second word of an object that is handed over: the next one. */
static unsigned long *link_of(char *object)
{
	return (unsigned long *)(object + USER_HEAD);
}

static void push(struct user_hand *hand, char *object)
{
	char *first = READ_ONCE(hand->first);

	do
		uzs_write_head(link_of(object), (unsigned long)first);
	while (!__atomic_compare_exchange_n(&hand->first, &first, object, true,
					    __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED));
}

void uzs_take_handed(struct zs_pool *pool, struct size_class *class)
{
	struct user_hand *hand = hand_of(pool, class);
	LIST_HEAD(empty);
	char *object;

	assert_spin_locked(&class->lock);
	if (likely(!__atomic_load_n(&hand->first, __ATOMIC_SEQ_CST)))
		return;
	object = __atomic_exchange_n(&hand->first, NULL, __ATOMIC_ACQUIRE);
	while (object) {
		u64 words[TOGETHER];
		unsigned int n = 0;

		for (; object && n < TOGETHER; n++) {
			words[n] = ref_word(object, class);
			object = (char *)uzs_read_head(link_of(object));
		}
		uzs_places_free_locked(pool, class, words, n, &empty);
		/* Who had no memory may try again. */
		uzs_count(&pool->freed_late, n);
	}
	uzs_places_drop(pool, &empty);
}

bool uzs_take_all_handed(struct zs_pool *pool)
{
	bool any = false;

	/* First: what is handed over from now on sets it again. */
	if (likely(!READ_ONCE(pool->user->any_handed)) ||
	    !__atomic_exchange_n(&pool->user->any_handed, false,
				 __ATOMIC_RELAXED))
		return false;
	for (unsigned int i = 1; i < pool->nr_classes; i++) {
		if (!READ_ONCE(pool->user->hand[i].first))
			continue;
		any = true;
		spin_lock(&pool->size_class[i]->lock);
		uzs_take_handed(pool, pool->size_class[i]);
		spin_unlock(&pool->size_class[i]->lock);
	}
	return any;
}

void uzs_change_moving(struct zs_pool *pool, struct size_class *class, int by)
{
	u8 *moving = &pool->user->class[class->index].moving;

	spin_lock(&class->lock);
	/* Release: who sees it open sees what was moved. Sequentially
	 * consistent: N2. */
	__atomic_store_n(moving, (u8)(*moving + by), __ATOMIC_SEQ_CST);
	uzs_take_handed(pool, class);
	spin_unlock(&class->lock);
}

/* Return: false: not done. */
static bool hand_over(struct zs_pool *pool, struct size_class *class, u64 *ref)
{
	struct user_hand *hand = hand_of(pool, class);
	const u8 *moving = &pool->user->class[class->index].moving;
	u64 word = READ_ONCE(*ref);

	/* Where misuse is looked for, a word that was freed may still be written
	 * by its user: the link must not lie there. */
	if (pool->hardened)
		return false;
	/* With the pin the object stays. Acquire: sees what a mover has
	 * copied. */
	if (!READ_ONCE(*moving) || word >= REF_MOVING ||
	    !__atomic_compare_exchange_n(ref, &word, word + REF_PIN, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	/* No mover follows it from now on; but one may be doing so. */
	store_head(user_word_head(pool, word),
		   user_owner(pool, ref_class(word), NULL));
	if (unlikely(is_followed(pool, hand, ref)))
		return false;
	WRITE_ONCE(*ref, 0);
	(void)__atomic_exchange_n(&pool->user->any_handed, true,
				  __ATOMIC_RELAXED);
	push(hand, ref_address(word));
	/* Either this sees that the last mover has gone, or that one sees the
	 * object. */
	if (unlikely(!__atomic_load_n(moving, __ATOMIC_SEQ_CST))) {
		spin_lock(&class->lock);
		uzs_take_handed(pool, class);
		spin_unlock(&class->lock);
	}
	return true;
}

void uzs_place_free(struct zs_pool *pool, struct size_class *class, u64 *ref)
{
	LIST_HEAD(empty);
	u64 word;

	if (unlikely(!spin_trylock(&class->lock))) {
		if (hand_over(pool, class, ref))
			return;
		spin_lock(&class->lock);
	}
	word = READ_ONCE(*ref); /* now it cannot move */
	WRITE_ONCE(*ref, 0);
	uzs_places_free_locked(pool, class, &word, 1, &empty);
	spin_unlock(&class->lock);
	uzs_places_drop(pool, &empty);
}
