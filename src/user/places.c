/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* places.c - owns the free places of zspages in the user profile.
 *
 * Kernel origin: mm/zsmalloc.c obj_malloc, obj_free; differs: small numbers of
 * places are bits of a word, so that an object that is free need not be fetched
 * to be taken; places that were never used are not linked, and have no memory.
 * Locks: takes or needs class->lock, by function. Sleeps: uzs_place_alloc maps
 * sections, without locks.
 * Guarantees:
 *  Q1 the lowest place is taken first where they are bits, so a zspage's memory
 *     is filled from its beginning.
 *  Q2 the word that names an object, and its first word, are stored while no
 *     mover can be in the class, or with a pin: see layout.h, hand.h.
 *  Q3 a zspage is added only where no other of its class has room, whoever adds
 *     zspages at the same time, or with memory for all of it (settle.c). So zspages
 *     have memory for all that compaction could free: freeable_pages <= pages.
 */
#include "user/places.h"

#include "compat/os.h"
#include "jobs.h"
#include "user/sizes.h"

/* ---- places -------------------------------------------------------------------- */

static void start_zspage(const struct size_class *class, struct zspage *zspage)
{
	zspage_set(zspage, class, class->index);
	zspage_set(zspage, passed, 0);
	zspage->inuse = 0;
	zspage->freeobj = OBJ_NONE;
	zspage->fullness = ZS_INUSE_RATIO_0;
	if (user_has_map(class))
		zspage->map = class->objs_per_zspage == USER_MAP_OBJS
				      ? ~(u64)0
				      : ((u64)1 << class->objs_per_zspage) - 1;
	else
		zspage->mark = 0;
}

/* Pages that a zspage needs for its objects up to `index`. */
static unsigned int pages_up_to(const struct zs_pool *pool,
				const struct size_class *class,
				unsigned int index)
{
	return (unsigned int)((((size_t)index + 1) * class->size +
			       pool->page_size - 1) >>
			      pool->page_shift);
}

static void count_pages(struct zs_pool *pool, long pages)
{
	if (!pages)
		return;
	uzs_atomic_max_long(&pool->peak_pages,
			    __atomic_add_fetch(&pool->pages_allocated, pages,
					       __ATOMIC_RELAXED));
}

static bool warm(struct zs_pool *pool, struct zspage *zspage,
		 unsigned int pages)
{
	unsigned int before = zspage->warm;

	if (likely(pages <= before))
		return true;
	if (!uzs_run_warm(pool, zspage, pages))
		return false;
	count_pages(pool, (long)(zspage->warm - before));
	return true;
}

char *uzs_place_take(struct zs_pool *pool, struct size_class *class,
		     struct zspage *zspage)
{
	unsigned int index;
	char *object;

	assert_spin_locked(&class->lock);
	if (user_has_map(class)) {
		VM_BUG_ON(!zspage->map);
		index = (unsigned int)__builtin_ctzll(zspage->map);
		object = user_object(class, zspage, index);
		/* An object with a zspage of its own: its caller has warmed as
		 * much as it needs. */
		if (class->objs_per_zspage > 1 &&
		    !warm(pool, zspage, pages_up_to(pool, class, index)))
			return NULL;
		zspage->map &= zspage->map - 1;
	} else if (zspage->freeobj != OBJ_NONE) {
		index = zspage->freeobj;
		object = user_object(class, zspage, index);
		VM_BUG_ON(user_head(class, object) & USER_ALLOCATED);
		zspage->freeobj = (user_head(class, object) >> 1) & OBJ_NONE;
	} else {
		index = zspage->mark;
		VM_BUG_ON(index >= class->objs_per_zspage);
		object = user_object(class, zspage, index);
		if (!warm(pool, zspage, pages_up_to(pool, class, index)))
			return NULL;
		zspage->mark++;
	}
	zspage->inuse++;
	user_unpoison(class, object);
	return object;
}

void uzs_place_put(const struct zs_pool *pool, struct size_class *class,
		   struct zspage *zspage, char *object)
{
	unsigned int index = user_index(class, zspage, object);

	assert_spin_locked(&class->lock);
	user_poison(class, object);
	if (user_has_map(class)) {
		VM_BUG_ON(zspage->map >> index & 1);
		zspage->map |= (u64)1 << index;
		if (unlikely(pool->hardened)) /* a second free must be seen */
			user_set_head(class, object, 0);
	} else {
		user_set_head(class, object,
			      (unsigned long)zspage->freeobj << 1);
		zspage->freeobj = index & OBJ_NONE;
	}
	zspage->inuse--;
}

void uzs_place_end_at(struct zs_pool *pool, struct size_class *class,
		      struct zspage *zspage, unsigned int end)
{
	unsigned int before = zspage->warm;

	assert_spin_locked(&class->lock);
	if (!user_has_map(class)) {
		zspage->mark = (u16)end;
		zspage->freeobj = OBJ_NONE;
		for (unsigned int i = end; i-- > 0;) {
			char *object = user_object(class, zspage, i);

			if (user_head(class, object) & USER_ALLOCATED)
				continue;
			user_set_head(class, object,
				      (unsigned long)zspage->freeobj << 1);
			zspage->freeobj = i & OBJ_NONE;
		}
	}
	uzs_run_cool(pool, zspage, end ? pages_up_to(pool, class, end - 1) : 0);
	count_pages(pool, (long)zspage->warm - (long)before);
}

/* ---- zspages ------------------------------------------------------------------- */

/* Locks: needs class->lock. */
static void publish(struct zs_pool *pool, struct size_class *class,
		    struct zspage *zspage)
{
	uzs_insert_zspage(class, zspage, ZS_INUSE_RATIO_0);
	uzs_add(&class->objs_capacity, class->objs_per_zspage);
	count_pages(pool, zspage->warm);
}

void uzs_place_withdraw_zspage(struct zs_pool *pool, struct size_class *class,
			       struct zspage *zspage)
{
	struct settle *settle = &pool->user->settle;

	VM_BUG_ON(zspage->inuse);
	if (unlikely(READ_ONCE(settle->src) == zspage))
		WRITE_ONCE(settle->src, NULL);
	if (unlikely(READ_ONCE(settle->dst) == zspage))
		WRITE_ONCE(settle->dst, NULL);
	uzs_remove_zspage(class, zspage);
	uzs_add(&class->objs_capacity, -(long)class->objs_per_zspage);
	count_pages(pool, -(long)zspage->warm);
}

void uzs_place_add_zspage(struct zs_pool *pool, struct size_class *class,
			  struct zspage *zspage)
{
	start_zspage(class, zspage);
	publish(pool, class, zspage);
}

void uzs_place_drop_zspage(struct zs_pool *pool, struct size_class *class,
			   struct zspage *zspage)
{
	uzs_place_withdraw_zspage(pool, class, zspage);
	uzs_run_put(pool, zspage);
}

void uzs_places_drop(struct zs_pool *pool, struct list_head *empty)
{
	struct zspage *zspage, *next;

	list_for_each_entry_safe(zspage, next, empty, list)
		uzs_run_put(pool, zspage);
}

void uzs_places_free_locked(struct zs_pool *pool, struct size_class *class,
			    const u64 *words, unsigned int n,
			    struct list_head *empty)
{
	for (unsigned int i = 0; i < n; i++) {
		char *object = ref_address(words[i]);
		struct zspage *zspage = run_zspage(object);

		uzs_place_put(pool, class, zspage, object);
		if (uzs_fix_fullness_group(class, zspage) != ZS_INUSE_RATIO_0)
			continue;
		uzs_place_withdraw_zspage(pool, class, zspage);
		list_add(&zspage->list, empty);
	}
	uzs_add(&class->objs_inuse, -(long)n);
	uzs_add(&class->objs_freed, n);
	uzs_note_freed(pool, class, n);
}

void uzs_places_free(struct zs_pool *pool, struct size_class *class,
		     const u64 *words, unsigned int n)
{
	LIST_HEAD(empty);

	/* All misses at once, before the lock. */
	for (unsigned int i = 0; i < n; i++) {
		__builtin_prefetch(run_zspage(ref_address(words[i])), 1);
		if (!user_has_map(class))
			__builtin_prefetch(ref_address(words[i]), 1);
	}
	spin_lock(&class->lock);
	uzs_places_free_locked(pool, class, words, n, &empty);
	spin_unlock(&class->lock);
	uzs_places_drop(pool, &empty);
}

/* ---- objects ------------------------------------------------------------------- */

/* Locks: needs class->lock. */
static bool take_for(struct zs_pool *pool, struct size_class *class,
		     struct zspage *zspage, u64 *ref, u64 pins)
{
	char *object = uzs_place_take(pool, class, zspage);

	if (!object)
		return false;
	uzs_fix_fullness_group(class, zspage);
	uzs_add(&class->objs_inuse, 1);
	user_name(pool, ref, ref_word(object, class), pins);
	return true;
}

unsigned int uzs_places_get(struct zs_pool *pool, struct size_class *class,
			    u64 *words, unsigned int most)
{
	struct zspage *zspage;
	unsigned int n = 0;

	spin_lock(&class->lock);
	zspage = uzs_find_zspage(class);
	/* Taken one by one where they form a list: each is a cache miss. And
	 * what nobody has asked for must not take memory. */
	while (zspage && n < most &&
	       (!n ||
		(user_has_map(class) && user_next_was_used(class, zspage)))) {
		char *object = uzs_place_take(pool, class, zspage);

		if (!object)
			break;
		if (unlikely(pool->hardened))
			user_set_head(class, object, 0);
		user_poison(class, object);
		WRITE_ONCE(words[n], ref_word(object, class));
		n++;
	}
	if (n) {
		uzs_fix_fullness_group(class, zspage);
		uzs_add(&class->objs_inuse, n);
	}
	spin_unlock(&class->lock);
	return n;
}

/* At the limit: a zspage with a place that has memory. Those that have none left
 * are few. Locks: needs class->lock. */
static struct zspage *find_warm(const struct zs_pool *pool,
				struct size_class *class)
{
	for (int g = ZS_INUSE_RATIO_99; g > ZS_INUSE_RATIO_0; g--) {
		struct zspage *zspage;

		list_for_each_entry(zspage, &class->groups->list[g], list) {
			if (user_warm_places(pool, class, zspage))
				return zspage;
		}
	}
	return NULL;
}

/* Takes a place in a new zspage; or, if another thread has added one with room
 * since, there: two that are nearly empty would be one too many. Return: false
 * without memory. Locks: takes class->lock. */
static bool take_in_new(struct zs_pool *pool, struct size_class *class,
			struct zspage *zspage, u64 *ref, u64 pins)
{
	struct zspage *other;
	bool done;

	uzs_user_tune(pool);
	spin_lock(&class->lock);
	other = uzs_find_zspage(class);
	if (unlikely(other) && take_for(pool, class, other, ref, pins)) {
		spin_unlock(&class->lock);
		uzs_run_put(pool, zspage);
		return true;
	}
	publish(pool, class, zspage);
	done = take_for(pool, class, zspage, ref, pins);
	if (!done)
		uzs_place_drop_zspage(pool, class, zspage);
	spin_unlock(&class->lock);
	return done;
}

/* A new zspage for an object of `size` bytes, its first word included. Return: NULL
 * without memory. */
static struct zspage *new_zspage(struct zs_pool *pool,
				 const struct size_class *class, size_t size,
				 gfp_t gfp)
{
	struct zspage *zspage =
		uzs_run_get(pool, pool->user->length[class->index], gfp);
	unsigned int pages;

	if (!zspage)
		return NULL;
	start_zspage(class, zspage);
	if (class->objs_per_zspage > 1)
		return zspage;
	/* Its one object has just the pages that it needs. */
	pages = uzs_user_pages(pool, size);
	uzs_run_cool(pool, zspage, pages);
	if (uzs_run_warm(pool, zspage, pages))
		return zspage;
	uzs_run_put(pool, zspage);
	return NULL;
}

/* How often it is tried to take class->lock, before something else is. */
#ifndef USER_TRIES /* the lab has less */
#define USER_TRIES 64u
#endif

static bool lock_soon(struct size_class *class)
{
	for (unsigned int i = 0; i < USER_TRIES; i++) {
		if (spin_trylock(&class->lock))
			return true;
		cpu_relax();
	}
	return false;
}

/* Who has class->lock may have lost its CPU: takes a place of the next larger class,
 * if there is one at once. Locks: takes the lock of that class. */
static bool take_larger(struct zs_pool *pool, const struct size_class *class,
			u64 *ref, u64 pins)
{
	struct size_class *larger;
	struct zspage *zspage;
	bool done;

	if (user_holds(class) >= USER_MAX_OBJECT)
		return false;
	larger = user_class(pool, user_holds(class) + 1);
	if (larger->objs_per_zspage == 1 || !spin_trylock(&larger->lock))
		return false;
	zspage = uzs_find_zspage(larger);
	done = zspage && take_for(pool, larger, zspage, ref, pins);
	spin_unlock(&larger->lock);
	return done;
}

bool uzs_place_alloc(struct zs_pool *pool, struct size_class *class, u64 *ref,
		     size_t size, u64 pins, gfp_t gfp)
{
	struct zspage *zspage;
	bool done, room = true;

	for (;;) {
		if (unlikely(!lock_soon(class))) {
			if (take_larger(pool, class, ref, pins))
				return true;
			spin_lock(&class->lock);
		}
		zspage = uzs_find_zspage(class);
		if (zspage) {
			done = take_for(pool, class, zspage, ref, pins);
			if (unlikely(!done)) {
				zspage = find_warm(pool, class);
				done = zspage &&
				       take_for(pool, class, zspage, ref, pins);
			}
			spin_unlock(&class->lock);
		} else {
			spin_unlock(&class->lock);
			zspage = new_zspage(pool, class, size, gfp);
			done = zspage &&
			       take_in_new(pool, class, zspage, ref, pins);
		}
		if (likely(done))
			return true;
		/* Memory of free runs of other lengths may be in the way. */
		if (gfp == GFP_NOWAIT || !room || !uzs_runs_make_room(pool))
			return false;
		room = false;
	}
}

size_t uzs_place_single_room(const struct zs_pool *pool, u64 word)
{
	return (size_t)run_zspage(ref_address(word))->warm << pool->page_shift;
}
