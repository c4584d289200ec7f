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

/* A pool of objects and its compressor. Each entry with an object has a
 * reference to it, and so has z->current. */
struct zswap_pool {
	struct zs_pool *zs;
	struct codec codec;
	unsigned int page_bytes; /* in a page of the pool */
	size_t poor_bytes; /* objects of this size and more take a whole page */
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
	pthread_mutex_t room_lock; /* held to free dead objects and to
				    * compact */
	/* Number of dropped things that may still take memory: handles given to
	 * zs_free_deferred, pools without references, and with the user profile
	 * places that the pool keeps. */
	atomic_ulong dead;
	atomic_ulong dead_freed; /* how many of these are freed; writes:
				  * room_lock */
	/* Bytes that compaction should have freed by its own count, but did not
	 * the last time. writes: room_lock */
	atomic_uint_least64_t not_freeable;

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
/* Frees an entry and its object. Locks: needs the entry's, which is gone
 * then. */
void zswap_entry_free(struct zswap *z, struct zswap_entry *entry,
		      bool deferred);
/* Decompresses the page of an entry. Locks: needs the entry's. */
int zswap_decompress(struct zswap_entry *entry, void *page,
		     unsigned int page_size);

/* ---- pool.c ---- */
/* Return: the current pool, with one more reference for an entry. */
struct zswap_pool *zswap_pool_get(struct zswap *z);
void zswap_pool_put(struct zswap *z, struct zswap_pool *pool);
/* Bytes of all pools. */
uint64_t zswap_pool_size(struct zswap *z);
/* Calls a function for all pools, dead ones too, under pools_lock. */
void zswap_for_each_pool(struct zswap *z,
			 void (*call)(struct zswap_pool *pool, void *arg),
			 void *arg);
/* Calls a function for all pools but dead ones, with a reference and no
 * lock. */
void zswap_visit_pools(struct zswap *z, void (*call)(struct zswap_pool *pool));
/* Destroys pools without references; with @all: all pools. */
void zswap_tidy_pools(struct zswap *z, bool all);

/* ---- limit.c ---- */
/* Something was dropped whose memory is not free yet. */
void zswap_note_dead(struct zswap *z);
/* Objects were freed. The pool may keep their places for a while, which are dead
 * then. */
void zswap_note_freed(struct zswap *z);
/* Is there anything dropped whose memory is not free yet? */
bool zswap_dead_waits(struct zswap *z);
/* Frees all that was dropped before the call. Return: was there anything? */
bool zswap_free_dead(struct zswap *z);
/* Must a store that takes memory fail? */
bool zswap_limit_reached(struct zswap *z);
/* Frees what is dead, and compacts if that is worth it. Return: bytes by which
 * the pools still exceed the accept threshold. */
uint64_t zswap_excess(struct zswap *z);

/* ---- writeback.c ---- */
void zswap_worker_init(struct zswap *z);
void zswap_worker_stop(struct zswap *z);
void zswap_worker_destroy(struct zswap *z);
/* Asks the worker to shrink the pool, or to destroy dead pools. */
void zswap_kick(struct zswap *z, bool shrink);

#endif
