/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pins.h - keeps an object in its place while it is read: by a hazard pointer,
 * or by a pin in the word that names it. Inline: it is most of a read. */
#ifndef UZS_USER_PINS_H
#define UZS_USER_PINS_H

#include "harden.h"
#include "user/layout.h"

/* The word names an object that is just being moved, or has all the pins that
 * there is room for. Waits. Return: the word then. Locks: none. */
u64 uzs_pin_wait(struct zs_pool *pool, const u64 *ref, u64 word);
#if UZS_POISONS_OBJECTS
void uzs_pin_reveal(struct zs_pool *pool, u64 word);
bool uzs_pin_conceal_and_drop(struct zs_pool *pool, u64 *ref);
#endif

/* For an object that was allocated with a pin. */
static __always_inline void user_reveal(struct zs_pool *pool, u64 word)
{
#if UZS_POISONS_OBJECTS
	uzs_pin_reveal(pool, word);
#else
	(void)pool;
	(void)word;
#endif
}

/* Can it be pinned at once? */
static __always_inline bool word_is_open(u64 word)
{
	return likely(word && !(word & REF_MOVING) && word < REF_MOST_PINS);
}

/* Return: the object, eight bytes before its data; NULL if the word names nothing. */
static __always_inline char *user_pin(struct zs_pool *pool, u64 *ref)
{
	u64 word = READ_ONCE(*ref);

	for (;;) {
		if (unlikely(!word))
			return NULL;
		if (unlikely(!word_is_open(word))) {
			word = uzs_pin_wait(pool, ref, word);
			continue;
		}
		/* Acquire: sees what a mover has copied. */
		if (likely(__atomic_compare_exchange_n(
			    ref, &word, word + REF_PIN, true, __ATOMIC_ACQUIRE,
			    __ATOMIC_RELAXED)))
			break;
	}
	user_reveal(pool, word);
	return ref_address(word);
}

/* Return: false if there was no pin, and nothing is done. */
static __always_inline bool user_drop_pin(u64 *ref)
{
	u64 word = READ_ONCE(*ref);

	/* Release: a mover copies what was written. */
	while (word >= REF_PIN)
		if (likely(__atomic_compare_exchange_n(
			    ref, &word, word - REF_PIN, true, __ATOMIC_RELEASE,
			    __ATOMIC_RELAXED)))
			return true;
	return false;
}

/* Takes a pin off a word that nobody else pins now, as its object is just being
 * stored. `word` is what is there. A plain store: a locked instruction would wait
 * until all that was copied is in the cache. No mover writes the word meanwhile,
 * because of the pin. */
static __always_inline void user_unpin_own(struct zs_pool *pool, u64 *ref,
					   u64 word)
{
#if UZS_POISONS_OBJECTS
	(void)word;
	uzs_pin_conceal_and_drop(pool, ref);
#else
	(void)pool;
	/* Release: as in user_drop_pin. */
	smp_store_release(ref, word - REF_PIN);
#endif
}

/* Return: false if there was no pin. */
static __always_inline bool user_unpin(struct zs_pool *pool, u64 *ref)
{
#if UZS_POISONS_OBJECTS
	return uzs_pin_conceal_and_drop(pool, ref);
#else
	(void)pool;
	return user_drop_pin(ref);
#endif
}

/* Begins a read with a hazard pointer. Return: the object's data; NULL: not done. */
void *uzs_read_by_name(struct zs_pool *pool, const u64 *ref);
/* Begins a read, in whichever way. The pool has refs, and misuse is not looked
 * for. Return: the object's data; NULL if the word names nothing. */
void *uzs_read_begin(struct zs_pool *pool, u64 *ref);
/* Ends a read that this thread or another one has begun, in whichever way.
 * Return: false if there was none. */
bool uzs_read_end(struct zs_pool *pool, u64 *ref);

/* The usual case, without a call. Return: NULL: not done. */
static __always_inline void *user_try_read(struct zs_pool *pool, const u64 *ref)
{
	uintptr_t me = uzs_thread_id();
	u64 word =
		zs_read_try_(pool, me, UZS_LOG_ROWS, me, (const zs_ref *)ref);

	return likely(word) ? zs_data_(word) : NULL;
}
/* The same for pools that look for misuse. */
static __always_inline void *user_try_checked_read(struct zs_pool *pool,
						   const u64 *ref)
{
	uintptr_t me = uzs_thread_id();
	u64 word = zs_read_try_(pool, me, UZS_LOG_ROWS,
				uzs_hazard_idle(me, false),
				(const zs_ref *)ref);

	return likely(word) ? zs_data_(word) : NULL;
}
/* Ends it. Return: false: not done; uzs_read_end can. */
static __always_inline bool user_try_checked_end(struct zs_pool *pool,
						 const u64 *ref)
{
	uintptr_t me = uzs_thread_id();
	struct zs_row_ *row = zs_home_row_(pool, me, UZS_LOG_ROWS);

	if (unlikely(READ_ONCE(row->names[0]) != (uintptr_t)ref ||
		     READ_ONCE(row->owner) != me ||
		     uzs_hazards_are_shared(&pool->user->hazards)))
		return false;
	/* Release: as in zs_read_try_end_. */
	smp_store_release(&row->names[0], uzs_hazard_idle(me, false));
	return true;
}

static __always_inline bool user_try_end(struct zs_pool *pool, const u64 *ref)
{
	return zs_read_try_end_(pool, uzs_thread_id(), UZS_LOG_ROWS,
				(const zs_ref *)ref);
}

static __always_inline void *user_read(struct zs_pool *pool, u64 *ref)
{
	void *data = user_try_read(pool, ref);

	return likely(data) ? data : uzs_read_begin(pool, ref);
}

static __always_inline bool user_end_read(struct zs_pool *pool, u64 *ref)
{
	return likely(user_try_end(pool, ref)) || uzs_read_end(pool, ref);
}

#endif
