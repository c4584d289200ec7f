/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* internal.h - what zswap.c, pool.c, limit.c and writeback.c share.
 *
 * LOCK ORDER, outer first:
 *   an entry's lock     a thread holds one at a time; elsewhere only tried
 *   a codec context's   never across I/O
 *   room_lock           never across I/O
 *   index.wait_lock     with a part's within
 *   lru_lock, pools_lock, worker_lock, cache.lock, index.part[].lock: innermost,
 *   none within another
 */
#ifndef ZSWAP_INTERNAL_H
#define ZSWAP_INTERNAL_H

#include "codec.h"
#include "entry.h"
#include "zswap.h"

/* A pool of objects and what compresses them. Each entry with an object has a
 * reference, and so has z->current. */
struct zswap_pool {
	struct zs_pool *zs;
	struct codec codec;
	size_t poor_bytes; /* objects from here on take a whole page */
	atomic_ulong refs;
	struct zswap_pool *next; /* guard: pools_lock */
};

struct zswap {
	/* const after create */
	struct zswap_options options;
	uint64_t max_pool_size, accept_pool_size; /* bytes */

	struct entry_cache cache;
	struct entry_index index;

	pthread_mutex_t lru_lock;
	struct entry_list lru; /* not what is same-filled: to write that back
				* frees nothing. guard: lru_lock */

	pthread_mutex_t pools_lock;
	struct zswap_pool *current; /* guard: pools_lock */
	struct zswap_pool *pools; /* all, current or not. guard: pools_lock */

	atomic_bool reached_full; /* hysteresis: stores fail */
	pthread_mutex_t room_lock; /* held by who frees what is dead, compacts */
	/* What was dropped, but may still take memory: counted once it was
	 * given to zs_free_deferred, or is a pool without references. */
	atomic_ulong dead;
	atomic_ulong dead_freed; /* so many of those; writes: room_lock */
	/* Pages that compaction could free, so it says, but did not the last
	 * time. writes: room_lock */
	atomic_ulong not_freeable;

	pthread_mutex_t worker_lock; /* guards the rest of the paragraph */
	pthread_cond_t worker_wake, worker_idle;
	pthread_t worker;
	bool worker_started, worker_stop, worker_busy;
	bool shrink_wanted, tidy_wanted;

	/* statistics: atomic, relaxed */
	atomic_uint_least64_t stored_pages, same_filled_pages, stored_bytes,
		written_back_pages, pool_limit_hit, reject_reclaim_fail,
		reject_alloc_fail, reject_kmemcache_fail, reject_compress_fail,
		reject_compress_poor, decompress_fail, duplicate_entry, stores,
		loads, load_misses, invalidates;
};

#define stat_add(counter, n) \
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed)
#define stat_sub(counter, n) \
	atomic_fetch_sub_explicit(counter, n, memory_order_relaxed)
#define stat_read(counter) atomic_load_explicit(counter, memory_order_relaxed)

/* ---- zswap.c ---- */
/* Tears an entry down. Locks: needs the entry's, which is gone then. */
void zswap_entry_free(struct zswap *z, struct zswap_entry *entry,
		      bool deferred);
/* Makes the page of an entry. Locks: needs the entry's. */
int zswap_decompress(struct zswap_entry *entry, void *page,
		     unsigned int page_size);

/* ---- pool.c ---- */
/* Return: a pool with a reference more, for an entry. */
struct zswap_pool *zswap_pool_get(struct zswap *z);
void zswap_pool_put(struct zswap *z, struct zswap_pool *pool);
/* Bytes of all pools. */
uint64_t zswap_pool_size(struct zswap *z);
/* Calls for all pools, dead ones too; under pools_lock. */
void zswap_for_each_pool(struct zswap *z,
			 void (*call)(struct zswap_pool *pool, void *arg),
			 void *arg);
/* Calls for all pools but dead ones, with a reference and no lock. */
void zswap_visit_pools(struct zswap *z, void (*call)(struct zswap_pool *pool));
/* Destroys pools that nothing refers to any more; all with @all. */
void zswap_tidy_pools(struct zswap *z, bool all);

/* ---- limit.c ---- */
/* Something was dropped whose memory is not free yet. */
void zswap_note_dead(struct zswap *z);
/* Is there such a thing? */
bool zswap_dead_waits(struct zswap *z);
/* Frees all that was dropped before the call. Return: was there anything? */
bool zswap_free_dead(struct zswap *z);
/* Must a store that takes memory fail? */
bool zswap_limit_reached(struct zswap *z);
/* Frees what is dead, compacts if that is worth it. Return: bytes of the pools
 * beyond the accept threshold after that. */
uint64_t zswap_excess(struct zswap *z);

/* ---- writeback.c ---- */
void zswap_worker_init(struct zswap *z);
void zswap_worker_stop(struct zswap *z);
void zswap_worker_destroy(struct zswap *z);
/* Asks the worker to shrink the pool, or to destroy dead pools. */
void zswap_kick(struct zswap *z, bool shrink);

#endif
