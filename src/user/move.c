/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* move.c - moves objects in the user profile. Owns no state.
 *
 * Kernel origin: none.
 * Locks: takes every slot's lock in turn, then class->lock for a few objects at
 * a time. Sleeps: in the OS's barrier of all threads alone.
 *
 * While objects of a class are moved, slots are not used for it: all that
 * allocates, frees or renames takes class->lock. So an object whose first word
 * names a word is in use, and that word's memory is valid, as long as the mover
 * has class->lock; but a free that does not wait for that may take the name away:
 * hand.h. A reader needs no lock: it names the word as a hazard, or, while
 * a mover is at work, pins the word.
 * Guarantees:
 *  Y1 an object that is read stays where it is. The mover waits for nobody.
 *  Y2 who wants to pin an object while it is moved waits for class->lock: the
 *     time that MOST_BYTES take, at most.
 *  Y3 a word that does not name the object whose first word names it is not
 *     written: its owner broke the rules.
 */
#include "user/move.h"

#include <string.h>

#include "compat/os.h"
#include "user/hand.h"
#include "user/places.h"
#include "user/sizes.h"
#include "user/slots.h"

/* Bytes moved under one hold of class->lock. */
#define MOST_BYTES ((size_t)16 << 10)

/* Objects that are looked at together: their first words, then the words that
 * these name, are fetched at once. */
#define TOGETHER 16u

/* The largest number that a zspage can note. */
#define LAST_NR ((1u << ZSPAGE_PASSED_BITS) - 1)

/* From now on reads pin their object. Notes those that have begun without. */
static void look_at_reads(struct compaction *c)
{
	if (!c->pool->user->names_reads)
		return;
	__atomic_fetch_add(&c->pool->head.slow_reads, 1, __ATOMIC_SEQ_CST);
	c->blind = !uzs_hazards_settle();
	uzs_hazards_note(&c->pool->user->hazards, &c->reads);
}

/* Is the object read without a pin that the word names? A read that has begun
 * since has a pin. (A blind mover does not come here; nothing may move if it did.) */
static bool is_read(const struct compaction *c, const u64 *ref)
{
	return unlikely(c->blind) ||
	       (unlikely(uzs_hazard_is_noted(&c->reads, ref)) &&
		uzs_hazards_has(&c->pool->user->hazards, ref));
}

void uzs_user_compact_begin(struct compaction *c)
{
	u32 nr = __atomic_add_fetch(&c->pool->user->moves, 1, __ATOMIC_RELAXED);

	/* not 0: that is a new zspage's */
	c->nr = nr % LAST_NR + 1;
	look_at_reads(c);
	uzs_change_moving(c->pool, c->class, 1);
	uzs_slots_flush(c->pool, c->class);
}

void uzs_user_compact_end(struct compaction *c)
{
	uzs_change_moving(c->pool, c->class, -1);
	/* Release: who reads without a pin again sees what was moved. */
	if (c->pool->user->names_reads)
		__atomic_fetch_sub(&c->pool->head.slow_reads, 1,
				   __ATOMIC_RELEASE);
}

void uzs_user_compact_lock(struct compaction *c)
{
	spin_lock(&c->class->lock);
	uzs_take_handed(c->pool, c->class);
}

void uzs_user_compact_unlock(struct compaction *c)
{
	spin_unlock(&c->class->lock);
}

bool uzs_user_should_break(const struct compaction *c)
{
	return c->bytes >= MOST_BYTES && !c->whole;
}

bool uzs_user_take_source(struct compaction *c, struct zspage *zspage)
{
	return zspage->passed != c->nr && !c->blind;
}

bool uzs_user_take_target(struct compaction *c, struct zspage *zspage)
{
	return !c->no_memory || user_warm_places(c->pool, c->class, zspage);
}

/* Where cold pages cannot be had, a source may be fuller than the only zspage
 * that has places for its objects. To move some of them there would make room for
 * them to come back. So all of them go, or none. */
bool uzs_user_may_move(struct compaction *c, const struct zspage *dst,
		       const struct zspage *src)
{
	c->whole = c->no_memory && dst->inuse < src->inuse;
	return !c->whole ||
	       src->inuse <= user_warm_places(c->pool, c->class, dst);
}

void uzs_user_free_source(struct compaction *c, struct zspage *src)
{
	uzs_place_drop_zspage(c->pool, c->class, src);
}

/* ---- one object ---------------------------------------------------------------- */

/* Sets `moving` in the word that names an object. Return: where the word is; NULL if the
 * object must stay. Locks: needs class->lock. */
static u64 *begin_move(const struct compaction *c, const char *object)
{
	u64 *ref = uzs_follow(c->pool, c->class, object);
	u64 word;

	if (unlikely(!ref))
		return NULL;
	word = READ_ONCE(*ref);
	if (unlikely(ref_address(word) != object)) /* Y3 */
		return NULL;
	if (word >= REF_PIN || is_read(c, ref) ||
	    !__atomic_compare_exchange_n(ref, &word, word | REF_MOVING, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return NULL; /* Y1 */
	return ref;
}

/* Moves an object to another place. begin_move has been called. */
static void end_move(struct compaction *c, u64 *ref, char *to, char *object)
{
	size_t bytes = user_data_size(c->class);

	user_set_head(c->class, to, user_head(c->class, object));
	if (UZS_POISONS_OBJECTS) {
		uzs_unpoison(to + USER_HEAD, bytes);
		uzs_unpoison(object + USER_HEAD, bytes);
	}
	memcpy(to + USER_HEAD, object + USER_HEAD, bytes);
	if (UZS_POISONS_OBJECTS)
		user_poison(c->class, to);
	/* Nobody else writes the word while `moving` is set. Release: who pins it
	 * then sees the copy. */
	smp_store_release(ref, ref_word(to, c->class));
	c->bytes += c->class->size;
	c->objs_moved++;
}

/* ---- compaction ---------------------------------------------------------------- */

/* The next objects of a zspage from *index on. Fetches their first words, then
 * what these name. Return: how many. */
static unsigned int next_objects(const struct zs_pool *pool,
				 const struct size_class *class,
				 const struct zspage *zspage,
				 unsigned int *index, char *objects[])
{
	unsigned int n = 0, used = 0;

	for (; *index < class->objs_per_zspage && n < TOGETHER; (*index)++) {
		if (!user_was_used(class, zspage, *index))
			continue;
		objects[n] = user_object(class, zspage, *index);
		__builtin_prefetch(user_head_of(class, objects[n++]));
	}
	for (unsigned int i = 0; i < n; i++) {
		unsigned long head = user_head(class, objects[i]);

		if (!(head & USER_ALLOCATED))
			continue;
		__builtin_prefetch(user_owned_by(pool, class->index, head), 1);
		objects[used++] = objects[i];
	}
	return used;
}

void uzs_user_move(struct compaction *c, struct zspage *dst, struct zspage *src)
{
	struct size_class *class = c->class;
	char *objects[TOGETHER];
	unsigned int index = 0;

	while (index < class->objs_per_zspage) {
		unsigned int n =
			next_objects(c->pool, class, src, &index, objects);

		for (unsigned int i = 0; i < n; i++) {
			u64 *ref;
			char *to;

			if (dst->inuse == class->objs_per_zspage ||
			    uzs_user_should_break(c))
				return;
			to = uzs_place_take(c->pool, class, dst);
			if (!to) {
				c->no_memory = true;
				return;
			}
			ref = begin_move(c, objects[i]);
			if (!ref) {
				uzs_place_put(c->pool, class, dst, to);
				continue;
			}
			end_move(c, ref, to, objects[i]);
			uzs_place_put(c->pool, class, src, objects[i]);
		}
	}
	/* What is left is read. */
	if (src->inuse)
		zspage_set(src, passed, c->nr & LAST_NR);
}

/* ---- trim ----------------------------------------------------------------------- */

/* Moves the last objects of a zspage to free places before them. Return: the
 * first index behind all objects. Locks: needs class->lock. */
static unsigned int squeeze(struct compaction *c, struct zspage *zspage)
{
	struct size_class *class = c->class;
	unsigned int low = 0, end = class->objs_per_zspage;

	for (;;) {
		char *to, *object;
		u64 *ref;

		while (end && (!user_was_used(class, zspage, end - 1) ||
			       !(user_head(class, user_object(class, zspage,
							      end - 1)) &
				 USER_ALLOCATED)))
			end--;
		while (low < end && user_was_used(class, zspage, low) &&
		       user_head(class, user_object(class, zspage, low)) &
			       USER_ALLOCATED)
			low++;
		if (low + 1 >= end)
			return end;
		to = user_object(class, zspage, low);
		object = user_object(class, zspage, end - 1);
		ref = begin_move(c, object);
		if (!ref)
			return end;
		user_unpoison(class, to);
		end_move(c, ref, to, object);
		user_set_head(class, object, 0);
		user_poison(class, object);
		if (user_has_map(class))
			zspage->map ^= (u64)1 << low | (u64)1 << (end - 1);
	}
}

/* Of a class of which compaction would free nothing: it has few zspages that are
 * not full. */
static void trim_class(struct zs_pool *pool, struct size_class *class)
{
	struct compaction c = { .pool = pool, .class = class };
	struct zspage *zspage;
	bool again = true;

	uzs_user_compact_begin(&c);
	while (again && !c.blind) {
		again = false;
		uzs_user_compact_lock(&c);
		c.bytes = 0;
		for (int g = ZS_INUSE_RATIO_10;
		     !again && g <= ZS_INUSE_RATIO_99; g++)
			list_for_each_entry(zspage, &class->groups->list[g],
					    list) {
				if (zspage->passed == c.nr)
					continue;
				zspage_set(zspage, passed, c.nr & LAST_NR);
				uzs_place_end_at(pool, class, zspage,
						 squeeze(&c, zspage));
				again = true;
				break;
			}
		uzs_user_compact_unlock(&c);
	}
	uzs_user_compact_end(&c);
	uzs_count(&pool->stat.objs_moved, c.objs_moved);
	uzs_count(&pool->stat.bytes_moved, c.objs_moved * class->size);
}

void uzs_user_trim(struct zs_pool *pool)
{
	uzs_slots_flush(pool, NULL);
	for (unsigned int i = 1; i < pool->nr_classes; i++) {
		struct size_class *class = pool->size_class[i];

		if (class->objs_per_zspage > 1 && !uzs_freeable_pages(class) &&
		    READ_ONCE(class->objs_inuse) !=
			    READ_ONCE(class->objs_capacity))
			trim_class(pool, class);
	}
	uzs_user_tune(pool);
}
