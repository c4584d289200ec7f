/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* ref.c - objects that are named by words in the program's own memory. Owns no
 * state.
 *
 * Kernel origin: none.
 * Locks: as slots.c and places.c; as relief.c when memory is short; in hardened pools
 * class->lock to check a ref that cannot be named, or that is to be dropped and the slot
 * has not taken; that of the hazards to look who reads.
 * Sleeps: zs_ref_alloc and zs_ref_store do;
 * others only to wait for a mover.
 */
#undef ZS_NO_INLINE
#define ZS_NO_INLINE 1 /* here are the functions themselves */

#include <string.h>

#include "compact.h"
#include "compat/os.h"
#include "jobs.h"
#include "relief.h"
#include "user/owned.h"
#include "user/sizes.h"
#include "user/slots.h"

/* Not inlined by link-time optimization either: in a program with fibers each call has
 * to ask anew which thread it is. */
#define OWN_FRAME __attribute__((noinline))

static __always_inline bool has_refs(const struct zs_pool *pool)
{
	return likely(pool->user != NULL);
}

/* ---- misuse -------------------------------------------------------------------- */

/* Why the ref must not be used; 0 if it may. It does not name nothing. Locks:
 * takes class->lock: then it does not move. */
static unsigned int why_not(struct zs_pool *pool, const u64 *ref)
{
	unsigned int index = ref_class(READ_ONCE(*ref));
	struct size_class *class;
	bool ok;
	u64 word;

	if (!index || index >= pool->nr_classes)
		return ZS_MISUSE_NO_HANDLE;
	class = pool->size_class[index];
	spin_lock(&class->lock);
	word = READ_ONCE(*ref);
	ok = ref_class(word) == index && !(word & REF_MOVING) &&
	     user_names_own(pool, ref, word);
	spin_unlock(&class->lock);
	return ok ? 0 : ZS_MISUSE_NO_HANDLE;
}

static __attribute__((cold, noinline)) bool tell(const struct zs_pool *pool,
						 const u64 *ref,
						 const char *call,
						 unsigned int what)
{
	uzs_tell_misuse(pool, (unsigned long)ref, call, what);
	return false;
}

/* For pools that look for misuse. May the object be read? Takes class->lock: where
 * no read begins, that is faster than to name the ref. */
static bool may_use(struct zs_pool *pool, const u64 *ref, const char *call)
{
	unsigned int what = why_not(pool, ref);

	return likely(!what) || tell(pool, ref, call, what);
}

/* May the word be given up? */
static bool may_drop(struct zs_pool *pool, const u64 *ref, const char *call)
{
	if (!may_use(pool, ref, call))
		return false;
	/* In a child, reads of the parent's threads never end. */
	return !user_is_read(pool, ref) || pool->forked ||
	       tell(pool, ref, call, ZS_MISUSE_READ);
}

/* ---- allocating, freeing ------------------------------------------------------- */

struct want {
	struct zs_pool *pool;
	struct size_class *class;
	u64 *ref;
	size_t size; /* first word included */
	u64 pins;
};

static bool alloc_once(void *arg)
{
	const struct want *w = arg;

	return uzs_place_alloc(w->pool, w->class, w->ref, w->size, w->pins,
			       GFP_GROW);
}

/* Without what the CPU keeps. @size: first word included. */
static __attribute__((noinline)) bool alloc_new(struct zs_pool *pool,
						struct size_class *class,
						u64 *ref, size_t size, u64 pins)
{
	unsigned long freed_late = READ_ONCE(pool->freed_late);
	unsigned long give_backs = READ_ONCE(pool->give_backs);
	struct want want = { pool, class, ref, size, pins };

	if (!uzs_zone_is_above(&pool->zone) && likely(alloc_once(&want)))
		return true;
	/* Another thread may have needed what this call had in hand. */
	uzs_count(&pool->give_backs, 1);
	return uzs_retry_for_memory(pool, freed_late, give_backs + 1,
				    alloc_once, &want);
}

/* Takes an object that the CPU keeps. Not in a pool above its limit: there what
 * is kept has to be freed. */
static __always_inline bool take_kept(struct zs_pool *pool,
				      struct size_class *class, u64 *ref,
				      size_t size, u64 pins)
{
	return likely(!uzs_zone_is_above(&pool->zone)) &&
	       uzs_slot_alloc(pool, class->index, ref, pins, size);
}

/* Checks what zs_ref_alloc and zs_ref_store have in common. */
static __always_inline int check_size(const struct zs_pool *pool, size_t size)
{
	if (unlikely(!has_refs(pool)))
		return -EOPNOTSUPP;
	if (unlikely(!size))
		return -EINVAL;
	return unlikely(size > USER_MAX_SIZE) ? -ENOSPC : 0;
}

int zs_ref_alloc(struct zs_pool *pool, zs_ref *ref, size_t size)
{
	struct size_class *class;
	int err = check_size(pool, size);

	if (unlikely(err))
		return err;
	if (unlikely(READ_ONCE(ref->word))) {
		if (pool->hardened)
			may_use(pool, &ref->word, __func__);
		return -EINVAL;
	}
	class = user_class(pool, size + USER_HEAD);
	if (likely(take_kept(pool, class, &ref->word, size + USER_HEAD, 0)))
		return 0;
	if (unlikely(!alloc_new(pool, class, &ref->word, size + USER_HEAD, 0)))
		err = -ENOMEM;
	uzs_kick_give_back(pool);
	uzs_close_gaps_in_call(pool);
	return err;
}

/* In pools that look for misuse the slot looks, too, which takes no lock of the class.
 * What it leaves is looked at again, for what to tell. Return: is it freed? */
static bool free_own(struct zs_pool *pool, zs_ref *ref, const char *call)
{
	if (likely(!user_is_named(pool, &ref->word) &&
		   uzs_slot_free_own(pool, &ref->word)))
		return true;
	if (!may_drop(pool, &ref->word, call))
		return false;
	uzs_slot_free(pool, &ref->word);
	return true;
}

void zs_ref_free(struct zs_pool *pool, zs_ref *ref)
{
	if (unlikely(!has_refs(pool) || !READ_ONCE(ref->word)))
		return;
	if (likely(!pool->hardened))
		uzs_slot_free(pool, &ref->word);
	else if (!free_own(pool, ref, __func__))
		return;
	uzs_kick_give_back(pool);
}

size_t zs_ref_free_many(struct zs_pool *pool, zs_ref *const refs[], size_t n)
{
	size_t freed = 0;

	if (!has_refs(pool))
		return 0;
	if (unlikely(pool->hardened)) {
		for (size_t i = 0; i < n; i++) {
			if (refs[i] && READ_ONCE(refs[i]->word))
				freed += free_own(pool, refs[i], __func__);
		}
	} else {
		freed = uzs_slot_free_many(pool, refs, n);
	}
	uzs_kick_give_back(pool);
	return freed;
}

void zs_ref_move(struct zs_pool *pool, zs_ref *to, zs_ref *from)
{
	if (unlikely(!has_refs(pool) || !READ_ONCE(from->word)))
		return;
	if (unlikely(READ_ONCE(to->word))) {
		/* The record was copied, and the copy not set to nothing? */
		if (pool->hardened)
			may_use(pool, &to->word, __func__);
		return;
	}
	if (unlikely(pool->hardened) && !may_drop(pool, &from->word, __func__))
		return;
	uzs_slot_rename(pool, &to->word, &from->word);
}

/* ---- reading and writing ------------------------------------------------------- */

static __attribute__((noinline)) void *begin_slow(struct zs_pool *pool,
						  u64 *ref, const char *call)
{
	if (!has_refs(pool) || !READ_ONCE(*ref) ||
	    (pool->hardened && !may_use(pool, ref, call)))
		return NULL;
	return uzs_read_begin(pool, ref);
}

/* What programs have inline was tried, or is not for this pool. */
static __always_inline void *begin_call(struct zs_pool *pool, u64 *ref,
					const char *call)
{
	void *data = NULL;

	if (has_refs(pool) && pool->hardened)
		data = user_begin_own(pool, ref);
	return likely(data) ? data : begin_slow(pool, ref, call);
}

static __always_inline void *begin(struct zs_pool *pool, zs_ref *ref,
				   const char *call)
{
	void *data = user_try_read(pool, &ref->word);

	return likely(data) ? data : begin_call(pool, &ref->word, call);
}

OWN_FRAME void *zs_ref_begin(struct zs_pool *pool, zs_ref *ref)
{
	return begin(pool, ref, __func__);
}

void *zs_ref_begin_call_(struct zs_pool *pool, zs_ref *ref)
{
	return begin_call(pool, &ref->word, "zs_ref_begin");
}

static __attribute__((noinline)) void end_slow(struct zs_pool *pool, u64 *ref,
					       const char *call)
{
	struct uzs_hazard_table *hazards;

	if (!has_refs(pool))
		return;
	hazards = &pool->user->hazards;
	/* What the thread itself has named, it has begun. Is it still there? */
	if (pool->hardened && pool->user->names_reads &&
	    !uzs_hazards_are_shared(hazards)) {
		bool own = user_is_own(pool, ref);

		if (user_try_checked_end(pool, ref) ||
		    uzs_hazard_drop(hazards, ref)) {
			if (unlikely(!own))
				tell(pool, ref, call, ZS_MISUSE_NO_HANDLE);
			return;
		}
	}
	if (pool->hardened && READ_ONCE(*ref) && !may_use(pool, ref, call))
		return;
	if (!uzs_read_end(pool, ref) && pool->hardened)
		tell(pool, ref, call, ZS_MISUSE_NOT_BEGUN);
}

OWN_FRAME void zs_ref_end(struct zs_pool *pool, zs_ref *ref)
{
	if (unlikely(!user_try_end(pool, &ref->word)))
		end_slow(pool, &ref->word, __func__);
}

void zs_ref_end_call_(struct zs_pool *pool, zs_ref *ref)
{
	end_slow(pool, &ref->word, "zs_ref_end");
}

/* Ends a read that this call has begun: it is not looked at again. */
static __always_inline void end_load(struct zs_pool *pool, u64 *ref)
{
	if (!pool->hardened || unlikely(!user_try_checked_end(pool, ref)))
		user_end_read(pool, ref);
}

static __attribute__((noinline)) int load_slow(struct zs_pool *pool, u64 *ref,
					       void *buf, size_t len)
{
	char *data = begin_call(pool, ref, "zs_ref_load");
	int err = 0;

	if (unlikely(!data))
		return -EINVAL;
	if (likely(len && len <= uzs_place_room(pool, READ_ONCE(*ref))))
		memcpy(buf, data, len);
	else
		err = -ERANGE;
	end_load(pool, ref);
	return err;
}

int zs_ref_load_call_(struct zs_pool *pool, const zs_ref *ref, void *buf,
		      size_t len)
{
	/* A pin would change the word for the time of the copy. */
	zs_ref *own = (zs_ref *)(uintptr_t)ref;

	return load_slow(pool, &own->word, buf, len);
}

OWN_FRAME int zs_ref_load(struct zs_pool *pool, const zs_ref *ref, void *buf,
			  size_t len)
{
	return likely(zs_load_try_(pool, uzs_thread_id(), UZS_LOG_ROWS, ref,
				   buf, len))
		       ? 0
		       : zs_ref_load_call_(pool, ref, buf, len);
}

OWN_FRAME size_t zs_ref_room(struct zs_pool *pool, const zs_ref *ref)
{
	zs_ref *own = (zs_ref *)(uintptr_t)ref;
	size_t room;

	if (!begin(pool, own, __func__))
		return 0;
	room = uzs_place_room(pool, READ_ONCE(own->word));
	user_end_read(pool, &own->word);
	return room;
}

/* Can what `word` names, which has the class, hold `size` bytes, without being too large
 * for them? */
static bool fits(const struct zs_pool *pool, const struct size_class *class,
		 u64 word, size_t size)
{
	return class->objs_per_zspage > 1 ||
	       uzs_place_room(pool, word) == (size_t)uzs_user_pages(pool, size)
						     << pool->page_shift;
}

/* Replaces with a new object that the CPU does not keep. */
static __attribute__((noinline)) int replace_slow(struct zs_pool *pool,
						  struct size_class *class,
						  zs_ref *ref, const void *data,
						  size_t len)
{
	const u64 pins = REF_PIN | USER_IN_HAND;
	zs_ref tmp = ZS_REF_INIT;

	/* The object does not name tmp: in the child of a fork that would be
	 * memory of nobody's. */
	if (!take_kept(pool, class, &tmp.word, len + USER_HEAD, pins) &&
	    !alloc_new(pool, class, &tmp.word, len + USER_HEAD, pins)) {
		/* Too large for it, but better than nothing. */
		if (uzs_place_room(pool, READ_ONCE(ref->word)) < len)
			return -ENOMEM;
		memcpy(user_read(pool, &ref->word), data, len);
		user_end_read(pool, &ref->word);
		return 0;
	}
	user_reveal(pool, tmp.word);
	memcpy(ref_address(tmp.word) + USER_HEAD, data, len);
	uzs_slot_free(pool, &ref->word);
	user_give(pool, &ref->word, tmp.word);
	user_unpin_own(pool, &ref->word, tmp.word);
	return 0;
}

/* For pools that look for misuse: stores to the object that is there, if that may be and
 * the object fits. Return: false: nothing is done. */
static bool overwrite_own(struct zs_pool *pool, const struct size_class *class,
			  zs_ref *ref, const void *data, size_t len)
{
	bool done = false;
	char *to;

	/* First, as the begin is a read itself. */
	if (user_is_read(pool, &ref->word))
		return false;
	to = user_begin_own(pool, &ref->word);
	if (unlikely(!to))
		return false;
	if (fits(pool, class, READ_ONCE(ref->word), len + USER_HEAD)) {
		memcpy(to, data, len);
		done = true;
	}
	end_load(pool, &ref->word);
	return done;
}

OWN_FRAME int zs_ref_store(struct zs_pool *pool, zs_ref *ref, const void *data,
			   size_t len)
{
	struct size_class *class;
	int err = check_size(pool, len);
	bool same;
	u64 word;

	if (unlikely(err))
		return err;
	class = user_class(pool, len + USER_HEAD);
	word = READ_ONCE(ref->word);
	if (word) {
		same = ref_class(word) == class->index;
		if (unlikely(pool->hardened)) {
			if (same && overwrite_own(pool, class, ref, data, len))
				return 0;
			if ((same || user_is_named(pool, &ref->word)) &&
			    !may_drop(pool, &ref->word, __func__))
				return -EINVAL;
		}
		if (same && fits(pool, class, word, len + USER_HEAD)) {
			memcpy(user_read(pool, &ref->word), data, len);
			user_end_read(pool, &ref->word);
			return 0;
		}
		if (uzs_zone_is_above(&pool->zone) ||
		    unlikely(!uzs_slot_replace(pool, class->index, &ref->word,
					       len + USER_HEAD))) {
			if (unlikely(pool->hardened) &&
			    !may_drop(pool, &ref->word, __func__))
				return -EINVAL;
			err = replace_slow(pool, class, ref, data, len);
			uzs_kick_give_back(pool);
			uzs_close_gaps_in_call(pool);
			return err;
		}
	} else {
		if (!take_kept(pool, class, &ref->word, len + USER_HEAD,
			       REF_PIN) &&
		    unlikely(!alloc_new(pool, class, &ref->word,
					len + USER_HEAD, REF_PIN))) {
			uzs_kick_give_back(pool);
			return -ENOMEM;
		}
	}
	/* It is pinned, so it stays. */
	word = READ_ONCE(ref->word);
	user_reveal(pool, word);
	memcpy(ref_address(word) + USER_HEAD, data, len);
	user_unpin_own(pool, &ref->word, word);
	uzs_kick_give_back(pool);
	uzs_close_gaps_in_call(pool);
	return 0;
}
