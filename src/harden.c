/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* harden.c - finds calls with a wrong handle, and tells of them. Owns the
 * second words of wide handles.
 *
 * Kernel origin: none; similar to CONFIG_SLUB_DEBUG for slabs.
 * Locks: none; a wide handle's second word is atomic. No lock is held when
 * misuse is told. Sleeps: no, but the user's callback may.
 *
 *   state     from              by
 *   live      freed             allocation; deferred, if it is reused
 *   deferred  live, not read    zs_free_deferred, until it is really freed
 *   freed     live, not read    zs_free; deferred when its turn comes
 *
 * Guarantees:
 *  W1 of two calls that free the same handle, only one finds it live.
 *  W2 while a read is not ended, the handle is live and the obj word is right.
 *  W3 no wrong handle makes a call touch unmapped memory: handles lie in
 *     sections that stay mapped.
 * Known limits: a handle that was freed and given out again looks like the new
 * one. Between these come UZS_SLAB_DELAY frees on a CPU; with reuse it may be
 * few. If two threads end one read at the same moment, the zspage may be
 * unpinned twice.
 */
#include "harden_check.h"

#include <stdio.h>
#include <stdlib.h>

#include "lock_order.h"

/* Without a callback at most so many forgotten ends are told one by one. */
#define TOLD_ENDS 10u

__attribute__((cold, noinline)) void uzs_tell_misuse(const struct zs_pool *pool,
						     unsigned long handle,
						     const char *call,
						     enum zs_misuse_kind what)
{
	static const char *const texts[] = {
		[ZS_MISUSE_NO_HANDLE] = "no handle of this pool",
		[ZS_MISUSE_FREED] = "freed already",
		[ZS_MISUSE_READ] = "freed while it is being read",
		[ZS_MISUSE_NOT_BEGUN] = "a read ends that has not begun",
		[ZS_MISUSE_NOT_ENDED] = "a read has begun and not ended",
	};
	const struct zs_misuse misuse = {
		.struct_size = sizeof(misuse),
		.pool = pool,
		.pool_name = pool->name,
		.handle = handle,
		.call = call,
		.what = what,
		.text = texts[what],
	};

	if (pool->harden.misuse) {
		pool->harden.misuse(&misuse, pool->harden.misuse_arg);
		return;
	}
	fprintf(stderr, "uzsmalloc: pool %s: %s: handle %#lx: %s\n",
		misuse.pool_name, misuse.call, misuse.handle, misuse.text);
	if (what != ZS_MISUSE_NOT_ENDED) /* more may follow */
		abort();
}

/* Sets the state of a live handle to `state`, if nobody reads it. Return: 0, or
 * what is wrong. */
__no_asan static unsigned int claim(const struct zs_pool *pool,
				    unsigned long handle, u32 state)
{
	u32 use = USE_LIVE;

	if (unlikely(!is_word(pool, handle)))
		return ZS_MISUSE_NO_HANDLE;
	while (unlikely(!__atomic_compare_exchange_n(
		use_of(handle), &use, state, false, __ATOMIC_ACQ_REL,
		__ATOMIC_ACQUIRE)))
		/* In a child, reads that the parent's other threads had begun
		 * stay pinned for ever. */
		if ((use & USE_STATE) != USE_LIVE || !pool->forked)
			return why(use);
	if (likely(uzs_handle_word_live(pool,
					uzs_peek_word((const void *)handle))))
		return 0;
	/* It was freed, and another thread is just allocating it. */
	smp_store_release(use_of(handle), use);
	return ZS_MISUSE_FREED;
}

bool uzs_harden_claim(const struct zs_pool *pool, unsigned long handle,
		      bool later, const char *call)
{
	unsigned int what =
		claim(pool, handle, later ? USE_DEFERRED : USE_FREED);

	if (likely(!what))
		return true;
	uzs_tell_misuse(pool, handle, call, what);
	return false;
}

bool uzs_harden_keep(struct zs_pool *pool, unsigned long handle,
		     const char *call)
{
	struct harden *h = &pool->harden;
	unsigned int what = claim(pool, handle, USE_DEFERRED);

	if (likely(!what))
		return true;
	spin_lock(&h->notes_lock);
	if (h->nr_noted < HARDEN_NOTES) {
		h->notes[h->nr_noted].handle = handle;
		h->notes[h->nr_noted].call = call;
		h->notes[h->nr_noted].what = what;
		WRITE_ONCE(h->nr_noted, h->nr_noted + 1);
	}
	spin_unlock(&h->notes_lock);
	return false;
}

void uzs_harden_tell_all_noted(struct zs_pool *pool)
{
	struct harden *h = &pool->harden;
	unsigned int n;

	do {
		__typeof__(h->notes[0]) note = { 0 };

		spin_lock(&h->notes_lock);
		n = h->nr_noted;
		if (n) {
			note = h->notes[n - 1];
			WRITE_ONCE(h->nr_noted, n - 1);
		}
		spin_unlock(&h->notes_lock);
		if (n)
			uzs_tell_misuse(pool, note.handle, note.call,
					note.what);
	} while (n > 1);
}

bool uzs_harden_is_place(const struct zs_pool *pool, unsigned long handle,
			 const char *call)
{
	if (likely(is_place(pool, handle)))
		return true;
	uzs_tell_misuse(pool, handle, call, ZS_MISUSE_NO_HANDLE);
	return false;
}

void uzs_harden_new(const struct zs_pool *pool, unsigned long handle)
{
	struct wide_handle *wide = (struct wide_handle *)handle;

	WRITE_ONCE(wide->mark, mark_of(pool, handle));
	smp_store_release(&wide->use, USE_LIVE);
}

/* ---- life of a pool ------------------------------------------------------- */

void uzs_harden_init(struct zs_pool *pool, const struct zs_pool_options *o)
{
	struct harden *h = &pool->harden;
	u64 seed = ((uintptr_t)pool ^ uzs_clock_ns()) * 0x9e3779b97f4a7c15u;

	h->mark = (u32)(seed >> 32);
	h->key = (unsigned long)((seed ^ seed >> 29) * 0xbf58476d1ce4e5b9u) &
		 ~1ul;
	h->misuse = o->misuse;
	h->misuse_arg = o->misuse_arg;
	spin_lock_init(&h->notes_lock);
	lock_set_rank(&h->notes_lock, RANK_DEFERRED);
#if UZS_POISONS_OBJECTS
	spin_lock_init(&h->poison_lock);
	lock_set_rank(&h->poison_lock, RANK_DEFERRED);
#endif
}

void uzs_harden_fork_child(struct zs_pool *pool)
{
	/* The parent tells these. */
	pool->harden.nr_noted = 0;
	spin_lock_renew(&pool->harden.notes_lock);
#if UZS_POISONS_OBJECTS
	spin_lock_renew(&pool->harden.poison_lock);
#endif
}

struct unended {
	const struct zs_pool *pool;
	const char *call;
	unsigned long nr;
};

static int tell_unended(void *arg, void *obj, unsigned long word)
{
	const struct wide_handle *handle = obj;
	struct unended *unended = arg;
	u32 use;

	if (!uzs_handle_word_live(unended->pool, word))
		return 0;
	use = READ_ONCE(handle->use);
	if ((use & USE_STATE) != USE_LIVE || !(use & USE_PINS))
		return 0;
	if (unended->nr++ < TOLD_ENDS || unended->pool->harden.misuse)
		uzs_tell_misuse(unended->pool, (unsigned long)obj,
				unended->call, ZS_MISUSE_NOT_ENDED);
	return 0;
}

void uzs_harden_tell_unended(struct zs_pool *pool, const char *call)
{
	struct unended unended = { pool, call, 0 };

	/* In a child the reads of the parent's other threads never end. */
	if (pool->forked)
		return;
	mutex_lock(&pool->zone.trim_lock);
	uzs_slab_walk(&pool->handle_cache, tell_unended, &unended);
	mutex_unlock(&pool->zone.trim_lock);
	if (!unended.nr || pool->harden.misuse)
		return;
	if (unended.nr > TOLD_ENDS)
		fprintf(stderr, "uzsmalloc: pool %s: %s: %lu more like that\n",
			pool->name, call, unended.nr - TOLD_ENDS);
	abort();
}
