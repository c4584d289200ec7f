/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* slots.c - owns the places that a CPU keeps, by class: of objects that were freed,
 * and some that were free nearby.
 *
 * Kernel origin: none. Per-CPU stacks after J. Bonwick and J. Adams, "Magazines
 * and Vmem" (USENIX 2001).
 * Locks: tries the slot of the CPU; if it is busy, takes class->lock as if there
 * were no slots. Under the slot's lock it takes class->lock to free what is too
 * much. Sleeps: no.
 *
 * A freed object waits on its stack without being touched: its memory is rarely
 * in the cache then. Only a replace fetches its first line: that takes 10 % off the
 * next one. Its first word still names the word that named it (in a place that was
 * only free it is what it was). Hardened pools look at the first word, and write 0
 * there. It still has its place in its zspage, so it is given out again by writing two
 * words.
 * Guarantees:
 *  F1 an object is on one stack, and leaves it once.
 *  F2 while moving of the class is not 0, nothing is put on a stack of the class or
 *     taken from it: a mover takes every slot's lock once after it has set it.
 *  F3 nobody follows the first word of an object on a stack: its word may be in
 *     memory that is gone. Movers empty the stacks first; walks and the check look
 *     at the stacks.
 */
#include "user/slots.h"

#include <string.h>

#include "lock_order.h"
#include "user/hand.h"
#include "user/owned.h"

/* ---- life ---------------------------------------------------------------------- */

static size_t slot_bytes(const struct zs_pool *pool)
{
	return sizeof(struct user_slot) +
	       pool->nr_classes * sizeof(struct user_stack);
}

size_t uzs_slots_bytes(const struct zs_pool *pool)
{
	return uzs_percpu_bytes(slot_bytes(pool));
}

void uzs_slots_init(struct zs_pool *pool, void *mem)
{
	struct uzs_percpu *slots = &pool->user->slots;

	uzs_percpu_init(slots, mem, slot_bytes(pool));
	for (unsigned int i = 0; i < slots->slots; i++) {
		struct user_slot *slot = uzs_per_cpu(slots, i);

		spin_lock_init(&slot->lock);
		lock_set_rank(&slot->lock, RANK_SLOT);
		lock_set_order(&slot->lock, i + 1); /* uzs_slots_lock */
	}
}

/* ---- one object ---------------------------------------------------------------- */

static __always_inline struct user_slot *lock_or_null(struct user_slot *slot)
{
	return likely(spin_trylock(&slot->lock)) ? slot : NULL;
}

/* The slot of this CPU, locked, or NULL: it is busy. */
static __always_inline struct user_slot *try_slot(struct zs_pool *pool)
{
	return lock_or_null(uzs_this_cpu(&pool->user->slots));
}

/* Where what belongs to an object begins: in huge classes its data. Any word may come
 * here, so it is a sum of numbers. */
static __always_inline const char *start_of(const struct zs_pool *pool,
					    u64 word)
{
	return (const char *)((uintptr_t)ref_address(word) +
			      (pool->user->class[ref_class(word)].huge
				       ? USER_HEAD
				       : 0));
}

/* How much of an object is fetched early. The CPU fetches the rest by itself. */
#define START 512u

/* The same, for a call that will fill `size` bytes of what the stack gives out.
 * Fetches the start of that before the lock is taken: a locked instruction waits
 * until all stores before it are in the cache, those of the last object too, and
 * nothing behind it begins. Another thread may take the object: then it was
 * fetched in vain. */
static __always_inline struct user_slot *
try_slot_to_fill(struct zs_pool *pool, unsigned int index, size_t size)
{
	struct user_slot *slot = uzs_this_cpu(&pool->user->slots);
	const struct user_stack *stack = &slot->stacks[index];
	unsigned int nr = READ_ONCE(stack->nr);

	if (likely(nr)) {
		const char *object =
			start_of(pool, READ_ONCE(stack->words[nr - 1]));

		for (size_t at = 0; at < min(size, (size_t)START); at += 64)
			__builtin_prefetch(object + at, 1);
	}
	return lock_or_null(slot);
}

/* F2. Acquire: sees what the last mover has written, and writes after it has
 * read. Locks: needs the slot's. */
static __always_inline bool is_open(const struct zs_pool *pool,
				    unsigned int index)
{
	return likely(!smp_load_acquire(&pool->user->class[index].moving));
}

/* Frees the n oldest objects of a stack. Locks: needs the slot's. */
static __attribute__((noinline)) void free_oldest(struct zs_pool *pool,
						  struct size_class *class,
						  struct user_stack *stack,
						  unsigned int n)
{
	uzs_places_free(pool, class, stack->words, n);
	WRITE_ONCE(stack->nr, (u16)(stack->nr - n));
	for (unsigned int i = 0; i < stack->nr; i++)
		WRITE_ONCE(stack->words[i], stack->words[i + n]);
}

/* Locks: needs the slot's. */
static __always_inline void push(struct zs_pool *pool, struct user_slot *slot,
				 u64 word)
{
	unsigned int index = ref_class(word);
	struct user_stack *stack = &slot->stacks[index];
	unsigned int keep = pool->user->class[index].keep;

	/* Half of them at once: cheaper than one by one. */
	if (unlikely(stack->nr >= keep))
		free_oldest(pool, pool->size_class[index], stack,
			    (keep + 1) / 2);
	if (unlikely(pool->hardened)) /* a second free must be seen */
		uzs_store_head(user_word_head(pool, word), 0);
	user_poison(pool->size_class[index], ref_address(word));
	WRITE_ONCE(stack->words[stack->nr], word & (REF_MOVING - 1));
	WRITE_ONCE(stack->nr, (u16)(stack->nr + 1));
}

/* Takes free places of the class, up to half of what the stack keeps. Return: are
 * there any? Locks: needs the slot's. */
static __attribute__((noinline)) bool
fetch(struct zs_pool *pool, struct user_stack *stack, unsigned int index)
{
	unsigned int most = (pool->user->class[index].keep + 1u) / 2;

	if (!most)
		return false;
	/* What others look for is not put aside. */
	if (unlikely(READ_ONCE(pool->relieving)))
		most = 1;
	WRITE_ONCE(stack->nr, (u16)uzs_places_get(pool, pool->size_class[index],
						  stack->words, most));
	return stack->nr > 0;
}

/* Locks: needs the slot's. Return: 0 if there is none. */
static __always_inline u64 pop(struct zs_pool *pool, struct user_slot *slot,
			       unsigned int index)
{
	struct user_stack *stack = &slot->stacks[index];

	if (unlikely(!stack->nr) && !fetch(pool, stack, index))
		return 0;
	WRITE_ONCE(stack->nr, (u16)(stack->nr - 1));
	user_unpoison(pool->size_class[index],
		      ref_address(stack->words[stack->nr]));
	return stack->words[stack->nr];
}

bool uzs_slot_alloc(struct zs_pool *pool, unsigned int index, u64 *ref,
		    u64 pins, size_t size)
{
	struct user_slot *slot = try_slot_to_fill(pool, index, size);
	u64 word = 0;

	if (unlikely(!slot))
		return false;
	if (is_open(pool, index))
		word = pop(pool, slot, index);
	if (word)
		user_name(pool, ref, word, pins);
	spin_unlock_polled(&slot->lock);
	return word != 0;
}

/* Can the slot take what the ref names? check: also whether that is the ref's own, and
 * not pinned. Return: the word that names it; 0: no. Locks: needs the slot's. */
static __always_inline u64 may_free(struct zs_pool *pool, const u64 *ref,
				    bool check)
{
	u64 word = READ_ONCE(*ref);
	unsigned int index = ref_class(word);

	if (!is_open(pool, index) || unlikely(!pool->user->class[index].keep))
		return 0;
	/* What a wrong ref names must not be touched. */
	if (check && (!user_is_own(pool, ref) || READ_ONCE(*ref) >= REF_PIN))
		return 0;
	/* Read again: a mover that has just gone may have moved it. */
	word = READ_ONCE(*ref);
	return word;
}

/* The word is what may_free has answered. Locks: needs the slot's. */
static __always_inline void free_now(struct zs_pool *pool,
				     struct user_slot *slot, u64 *ref, u64 word)
{
	push(pool, slot, word);
	WRITE_ONCE(*ref, 0);
}

static __always_inline bool
try_free(struct zs_pool *pool, struct user_slot *slot, u64 *ref, bool check)
{
	u64 word = may_free(pool, ref, check);

	if (unlikely(!word))
		return false;
	free_now(pool, slot, ref, word);
	return true;
}

static __always_inline bool slot_free(struct zs_pool *pool, u64 *ref,
				      bool check)
{
	struct user_slot *slot = try_slot(pool);
	bool freed = false;

	if (likely(slot)) {
		freed = try_free(pool, slot, ref, check);
		spin_unlock_polled(&slot->lock);
	}
	return freed;
}

bool uzs_slot_free_own(struct zs_pool *pool, u64 *ref)
{
	/* It is looked at behind the lock, which waits for loads. */
	__builtin_prefetch(start_of(pool, READ_ONCE(*ref)), 1);
	return slot_free(pool, ref, true);
}

void uzs_slot_free(struct zs_pool *pool, u64 *ref)
{
	/* The class of an object never changes. */
	if (unlikely(!slot_free(pool, ref, false)))
		uzs_place_free(pool,
			       pool->size_class[ref_class(READ_ONCE(*ref))],
			       ref);
}

/* Objects freed under one hold of a slot's lock, and how early their words are
 * fetched. */
#define MANY 32u
#define AHEAD 8u

static bool names_object(const zs_ref *ref)
{
	return ref && READ_ONCE(ref->word);
}

size_t uzs_slot_free_many(struct zs_pool *pool, zs_ref *const refs[], size_t n)
{
	size_t freed = 0, i = 0;

	while (i < n) {
		size_t end = min(n, i + MANY);
		struct user_slot *slot = try_slot(pool);

		for (; slot && i < end; i++) {
			if (i + AHEAD < n && refs[i + AHEAD])
				__builtin_prefetch(refs[i + AHEAD], 1);
			if (!names_object(refs[i]))
				continue;
			if (unlikely(!try_free(pool, slot, &refs[i]->word,
					       false)))
				break;
			freed++;
		}
		if (likely(slot))
			spin_unlock_polled(&slot->lock);
		if (likely(i == end))
			continue;
		/* The slot was busy, or does not take this one. */
		if (names_object(refs[i])) {
			uzs_slot_free(pool, &refs[i]->word);
			freed++;
		}
		i++;
	}
	return freed;
}

bool uzs_slot_replace(struct zs_pool *pool, unsigned int index, u64 *ref,
		      size_t size)
{
	struct user_slot *slot;
	u64 word = 0, old = 0;

	/* Who replaces stores to it again soon. */
	__builtin_prefetch(start_of(pool, READ_ONCE(*ref)), 1);
	slot = try_slot_to_fill(pool, index, size);
	if (unlikely(!slot))
		return false;
	if (is_open(pool, index))
		old = may_free(pool, ref, pool->hardened);
	if (likely(old))
		word = pop(pool, slot, index);
	if (likely(word)) {
		free_now(pool, slot, ref, old);
		user_name(pool, ref, word, REF_PIN);
	}
	spin_unlock_polled(&slot->lock);
	return word != 0;
}

void uzs_slot_rename(struct zs_pool *pool, u64 *to, u64 *from)
{
	struct user_slot *slot = try_slot(pool);
	u64 word = READ_ONCE(*from);
	struct size_class *class = pool->size_class[ref_class(word)];
	bool done = false;

	if (likely(slot)) {
		if (is_open(pool, ref_class(word))) {
			/* Read again: it may have moved. */
			word = READ_ONCE(*from) & (REF_MOVING - 1);
			user_rename(pool, to, from, word);
			done = true;
		}
		spin_unlock_polled(&slot->lock);
	}
	if (done)
		return;
	spin_lock(&class->lock);
	word = READ_ONCE(*from) & (REF_MOVING - 1);
	user_rename(pool, to, from, word);
	spin_unlock(&class->lock);
}

/* ---- all slots ------------------------------------------------------------------ */

bool uzs_slots_flush(struct zs_pool *pool, struct size_class *class)
{
	unsigned int first = class ? class->index : 1;
	unsigned int end = class ? first + 1 : pool->nr_classes;
	struct user_slot *slot;
	bool any = false;

	for_each_user_slot(slot, pool->user)
	{
		spin_lock_polled(&slot->lock);
		for (unsigned int i = first; i < end; i++) {
			struct user_stack *stack = &slot->stacks[i];
			unsigned int nr = stack->nr;

			if (!nr)
				continue;
			any = true;
			free_oldest(pool, pool->size_class[i], stack, nr);
			/* Count when it is free, and before the lock is
			 * dropped: a thread that waits for it reads this. */
			uzs_count(&pool->freed_late, nr);
		}
		spin_unlock_polled(&slot->lock);
	}
	return any;
}

unsigned long uzs_slots_nr_kept(struct zs_pool *pool,
				const struct size_class *class)
{
	struct user_slot *slot;
	unsigned long n = 0;

	for_each_user_slot(slot, pool->user)
		n += READ_ONCE(slot->stacks[class->index].nr);
	return n;
}

void uzs_slots_lock(struct zs_pool *pool)
{
	struct user_slot *slot;

	for_each_user_slot(slot, pool->user) spin_lock_polled(&slot->lock);
}

void uzs_slots_mark_kept(const struct zs_pool *pool,
			 const struct size_class *class,
			 const struct zspage *zspage, u64 kept[USER_MARKS])
{
	const struct user_slot *slot;

	memset(kept, 0, USER_MARKS * sizeof(kept[0]));
	for_each_user_slot(slot, pool->user)
	{
		const struct user_stack *stack = &slot->stacks[class->index];

		for (unsigned int i = 0; i < stack->nr; i++) {
			const char *object = ref_address(stack->words[i]);
			unsigned int index;

			if (run_zspage(object) != zspage)
				continue;
			index = user_index(class, zspage, object);
			kept[index / 64] |= (u64)1 << index % 64;
		}
	}
}

void uzs_slots_unlock(struct zs_pool *pool)
{
	struct user_slot *slot;

	for_each_user_slot(slot, pool->user) spin_unlock_polled(&slot->lock);
}

void uzs_slots_renew(struct zs_pool *pool)
{
	struct user_slot *slot;

	for_each_user_slot(slot, pool->user) spin_lock_renew(&slot->lock);
}
