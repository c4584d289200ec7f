/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* entry.h - entries: their cache, their lock, and the index that finds them.
 *
 * An entry is 64 bytes on 64-bit. Its lock is the one of the page at its
 * offset (kernel: the lock of the folio in the swap cache): who holds it may
 * use, change and remove the entry, for as long as a write to disk takes.
 */
#ifndef ZSWAP_ENTRY_H
#define ZSWAP_ENTRY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <urcu/list.h>

#include "rcu.h"

struct zswap_pool;

struct zswap_entry {
	struct cds_lfht_node node; /* in the index */
	uint64_t offset; /* const while in the index */
	struct cds_list_head lru; /* guard: lru_lock; when free: in a list of
				   * the cache, guard: its lock */
	struct zswap_pool *pool; /* NULL: same-filled. guard: the entry's lock,
				  * as the rest */
	unsigned long handle; /* same-filled: the word */
	uint32_t length; /* bytes of the object; 0: same-filled */
	atomic_uint locked;
};

/* ---- cache: memory of entries, handed out again only after a grace period */

struct entry_cache {
	pthread_mutex_t lock; /* guards all that follows */
	struct cds_list_head free; /* may be handed out */
	struct cds_list_head pending; /* freed; wait for a grace period */
	unsigned long nr_pending;
	struct chunk *chunks;
};

void entry_cache_init(struct entry_cache *cache);
void entry_cache_destroy(struct entry_cache *cache);
/* Return: an entry, locked; NULL: no memory. */
struct zswap_entry *entry_alloc(struct entry_cache *cache);
/* Return: is it time for entry_cache_reclaim? */
bool entry_free(struct entry_cache *cache, struct zswap_entry *entry);
/* Waits for a grace period, and makes of what was freed before what may be
 * handed out. Not within a reader. */
void entry_cache_reclaim(struct entry_cache *cache);

/* ---- index: liburcu's lock-free hash table */

struct entry_index {
	struct cds_lfht *table;
	unsigned long buckets; /* guard: who calls index_fit, one at a time */
	/* Who waits for an entry's lock. */
	pthread_mutex_t wait_lock;
	pthread_cond_t unlocked;
	atomic_uint waiters;
};

/* Return: 0 or -ENOMEM. */
int index_init(struct entry_index *index);
/* Must be empty. */
void index_destroy(struct entry_index *index);
/* Finds the entry of an offset and locks it: waits for who has it locked.
 * Return: NULL if there is none. */
struct zswap_entry *index_lock_entry(struct entry_index *index,
				     uint64_t offset);
bool entry_trylock(struct zswap_entry *entry);
void entry_unlock(struct entry_index *index, struct zswap_entry *entry);
/* Adds a locked entry. Return: false if its offset has one already. */
bool index_add(struct entry_index *index, struct zswap_entry *entry);
/* Puts a locked entry in the place of a locked one. */
void index_replace(struct entry_index *index, struct zswap_entry *old,
		   struct zswap_entry *entry);
/* Takes a locked entry out. It stays locked, for ever. */
void index_remove(struct entry_index *index, struct zswap_entry *entry);
/* Calls for each entry, unlocked, within a read-side section. */
void index_for_each(struct entry_index *index,
		    void (*call)(struct zswap_entry *entry, void *arg),
		    void *arg);
/* Makes the number of buckets fit that of entries. Not within a reader. */
void index_fit(struct entry_index *index, unsigned long entries);

#endif
