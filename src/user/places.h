/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* places.h - places for objects in zspages: what is done under class->lock. */
#ifndef UZS_USER_PLACES_H
#define UZS_USER_PLACES_H

#include "class.h"
#include "compat/os.h"
#include "user/runs.h"
#include "user/layout.h"
#include "words.h"

static inline bool user_has_map(const struct size_class *class)
{
	return class->objs_per_zspage <= USER_MAP_OBJS;
}
static inline unsigned int user_index(const struct size_class *class,
				      const struct zspage *zspage,
				      const char *object)
{
	return uzs_divide((u64)(object + USER_HEAD - run_address(zspage)),
			  class->reciprocal);
}
static inline char *user_object(const struct size_class *class,
				const struct zspage *zspage, unsigned int index)
{
	return run_address(zspage) + (size_t)index * class->size -
	       (class->huge ? USER_HEAD : 0);
}
/* Page frame number of its first page; the others follow. */
static inline unsigned long user_pfn(const struct zs_pool *pool,
				     const struct zspage *zspage)
{
	return (unsigned long)((uintptr_t)run_address(zspage) >>
			       pool->page_shift);
}
/* Bytes of an object's data. */
static inline size_t user_data_size(const struct size_class *class)
{
	return class->size - (class->huge ? 0 : USER_HEAD);
}

/* Where an object's first word lies. */
static inline unsigned long *user_head_of(const struct size_class *class,
					  const char *object)
{
	const struct zspage *zspage;

	if (likely(!class->huge))
		return (unsigned long *)(uintptr_t)object;
	zspage = run_zspage(object);
	return run_head(zspage, user_index(class, zspage, object));
}
/* The same for the object that a word names: does not look at the class unless it is
 * huge. */
static __always_inline unsigned long *user_word_head(const struct zs_pool *pool,
						     u64 word)
{
	unsigned int index = ref_class(word);

	return likely(!pool->user->class[index].huge)
		       ? (unsigned long *)ref_address(word)
		       : user_head_of(pool->size_class[index],
				      ref_address(word));
}
/* What the first words of a class's objects are mixed with. Bit 0 is 0. */
static __always_inline unsigned long user_key(const struct zs_pool *pool,
					      unsigned int index)
{
	return likely(!pool->hardened)
		       ? 0
		       : pool->harden.key ^ (unsigned long)index << 48;
}
/* The first word of an object that `ref` names; NULL: that a call has in hand. */
static __always_inline unsigned long
user_owner(const struct zs_pool *pool, unsigned int index, const u64 *ref)
{
	return ((uintptr_t)ref | USER_ALLOCATED) ^ user_key(pool, index);
}
/* The word that the object names which has this first word; NULL: none. */
static __always_inline u64 *user_owned_by(const struct zs_pool *pool,
					  unsigned int index,
					  unsigned long head)
{
	return head & USER_ALLOCATED ? (u64 *)((head ^ user_key(pool, index)) &
					       ~USER_ALLOCATED)
				     : NULL;
}
/* It is read and written whole: the check of a wrong ref, or a free that does not wait
 * for a mover, may do so at that moment. */
#if UZS_POISONS_OBJECTS
#define uzs_load_head uzs_read_head
#define uzs_store_head uzs_write_head
#define uzs_release_head uzs_write_head
#else
#define uzs_load_head(head) READ_ONCE(*(head))
#define uzs_store_head(head, value) WRITE_ONCE(*(head), (unsigned long)(value))
#define uzs_release_head(head, value) \
	smp_store_release((head), (unsigned long)(value))
#endif
#define user_head(class, object) uzs_load_head(user_head_of(class, object))
#define user_set_head(class, object, head) \
	uzs_store_head(user_head_of(class, object), head)

/* An object becomes free. AddressSanitizer has objects poisoned except while they
 * are pinned; the lab, which has poison of its own, while they are free, and
 * never their first word. */
static inline void user_poison(const struct size_class *class, char *object)
{
	char *place = object + (class->huge ? USER_HEAD : 0);

	if (UZS_POISONS_OBJECTS) {
		uzs_poison(place, class->size);
		return;
	}
	uzs_unpoison(place, class->size); /* it may have been free, in another
					   * size */
	uzs_poison(object + USER_HEAD, user_data_size(class));
}
/* An object is given out. */
static inline void user_unpoison(const struct size_class *class, char *object)
{
	if (!UZS_POISONS_OBJECTS)
		uzs_unpoison(object + (class->huge ? USER_HEAD : 0),
			     class->size);
}
/* Was place `index` ever used? If not, nothing is known of its first word. */
static inline bool user_was_used(const struct size_class *class,
				 const struct zspage *zspage,
				 unsigned int index)
{
	return user_has_map(class) ? !(zspage->map >> index & 1)
				   : index < zspage->mark;
}

/* Takes a place of a zspage that has one, and counts it. Return: the object;
 * NULL if its memory exceeds the limit. Locks: needs class->lock. */
char *uzs_place_take(struct zs_pool *pool, struct size_class *class,
		     struct zspage *zspage);
/* Gives an object's place back, and counts it. The zspage's list is not changed.
 * Locks: needs class->lock. */
void uzs_place_put(const struct zs_pool *pool, struct size_class *class,
		   struct zspage *zspage, char *object);
/* Takes up to `most` places of one zspage, of which the first may be the first to
 * use its memory. They count as in use. Return: how many; 0: no zspage has room, or
 * there is no memory. Locks: takes class->lock; needs a slot's, with the class
 * open. */
unsigned int uzs_places_get(struct zs_pool *pool, struct size_class *class,
			    u64 *words, unsigned int most);
/* Was the place that would be taken next used before? Then it has memory. For a
 * zspage with a map: places are taken from its beginning, so what lies before one
 * that is in use was used. */
static inline bool user_next_was_used(const struct size_class *class,
				      const struct zspage *zspage)
{
	u64 all = ~(u64)0 >> (64 - class->objs_per_zspage);

	return zspage->map &&
	       (all & ~zspage->map) >> __builtin_ctzll(zspage->map);
}
/* How many free places have memory. All that are in use have. */
static inline unsigned int user_warm_places(const struct zs_pool *pool,
					    const struct size_class *class,
					    const struct zspage *zspage)
{
	unsigned int warm = uzs_divide((u64)zspage->warm << pool->page_shift,
				       class->reciprocal);

	return min(warm, class->objs_per_zspage) - zspage->inuse;
}
/* No place from `end` on is in use: gives their memory back. Locks: needs
 * class->lock, with no object of the class kept by a slot. */
void uzs_place_end_at(struct zs_pool *pool, struct size_class *class,
		      struct zspage *zspage, unsigned int end);
/* Puts objects of one class back that nobody uses, and frees zspages that become
 * empty. Locks: takes class->lock, or (locked) needs it. */
void uzs_places_free(struct zs_pool *pool, struct size_class *class,
		     const u64 *words, unsigned int n);
void uzs_places_free_locked(struct zs_pool *pool, struct size_class *class,
			    const u64 *words, unsigned int n,
			    struct list_head *empty);
/* Makes a zspage without objects of a run, and puts it into its list. Locks: needs
 * class->lock. */
void uzs_place_add_zspage(struct zs_pool *pool, struct size_class *class,
			  struct zspage *zspage);
/* Withdraws a zspage without objects, which is in its list; its run is the caller's
 * then. Locks: needs class->lock. */
void uzs_place_withdraw_zspage(struct zs_pool *pool, struct size_class *class,
			       struct zspage *zspage);
/* The same, and frees its run. Locks: needs class->lock. */
void uzs_place_drop_zspage(struct zs_pool *pool, struct size_class *class,
			   struct zspage *zspage);
/* Frees the zspages that uzs_places_free_locked found empty. Locks: none
 * needed. */
void uzs_places_drop(struct zs_pool *pool, struct list_head *empty);

/* Lets `ref` name an object, and (unless it is for a call's hand) the object's first
 * word the ref. pins: a multiple of REF_PIN, perhaps with USER_IN_HAND. */
static __always_inline void user_name(const struct zs_pool *pool, u64 *ref,
				      u64 word, u64 pins)
{
	const u64 *owner = pins & USER_IN_HAND ? NULL : ref;

	uzs_store_head(user_word_head(pool, word),
		       user_owner(pool, ref_class(word), owner));
	smp_store_release(ref, word | (pins & ~USER_IN_HAND));
}

/* Allocates an object: its first word names `ref`, and `ref` the object, with
 * `pins` (see user_name). @size: bytes, first word included.
 * Return: false without memory. Locks: takes class->lock. */
bool uzs_place_alloc(struct zs_pool *pool, struct size_class *class, u64 *ref,
		     size_t size, u64 pins, gfp_t gfp);
/* `to` names what `from` named. Locks: needs the slot's lock while moving of the class
 * is 0, or class->lock. */
static inline void user_rename(const struct zs_pool *pool, u64 *to, u64 *from,
			       u64 word)
{
	uzs_store_head(user_word_head(pool, word),
		       user_owner(pool, ref_class(word), to));
	smp_store_release(to, word);
	WRITE_ONCE(*from, 0);
}

/* `to` names the object that a call has in hand; the pins of `word`, at least one, keep
 * it from movers, so no lock is needed. */
static inline void user_give(const struct zs_pool *pool, u64 *to, u64 word)
{
	WRITE_ONCE(*to, word);
	/* Release: a mover that follows it sees the pin. */
	uzs_release_head(user_word_head(pool, word),
			 user_owner(pool, ref_class(word), to));
}

/* Bytes that the object can hold whose word this is. It must stay: it is read or
 * pinned. */
size_t uzs_place_single_room(const struct zs_pool *pool, u64 word);
static inline size_t uzs_place_room(const struct zs_pool *pool, u64 word)
{
	size_t room = pool->head.room[ref_class(word)];

	return likely(room) ? room : uzs_place_single_room(pool, word);
}

#endif
