/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* entry.h - entries: their cache, their lock, and the index that finds them.
 *
 * An entry is 56 bytes on 64-bit. Its lock is the one of the page at its offset
 * (kernel: the lock of the folio in the swap cache). A thread that holds it may
 * use, change and remove the entry, even for the time of a write to disk.
 */
#ifndef ZSWAP_ENTRY_H
#define ZSWAP_ENTRY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zswap_pool;

struct zswap_entry {
	/* In its bucket, guard: its part's lock. When free: in the cache,
	 * guard: its lock. */
	struct zswap_entry *next;
	uint64_t offset; /* const while in the index */
	struct zswap_entry *colder, *warmer; /* guard: lru_lock */
	struct zswap_pool *pool; /* NULL: same-filled. guard: the entry's lock,
				  * as the rest */
	unsigned long handle; /* same-filled: the word */
	uint32_t length; /* bytes of the object; 0: same-filled */
	atomic_uint locked;
};

/* ---- cache: memory of entries */

struct entry_cache {
	pthread_mutex_t lock; /* guards all that follows */
	struct zswap_entry *free;
	struct chunk *chunks;
};

void entry_cache_init(struct entry_cache *cache);
void entry_cache_destroy(struct entry_cache *cache);
/* Return: a locked entry; NULL: no memory. */
struct zswap_entry *entry_alloc(struct entry_cache *cache);
/* The entry must be out of the index. */
void entry_free(struct entry_cache *cache, struct zswap_entry *entry);

/* ---- list by age */

struct entry_list {
	struct zswap_entry *coldest, *warmest;
};

/* Adds an entry at the warm end. */
void entry_list_add(struct entry_list *list, struct zswap_entry *entry);
void entry_list_del(struct entry_list *list, struct zswap_entry *entry);

/* ---- index: a hash table in parts, each with a lock of its own */

#define INDEX_PART_BITS 6
#define INDEX_PARTS (1 << INDEX_PART_BITS)

struct index_part {
	pthread_mutex_t lock; /* guards all that follows */
	struct zswap_entry **bucket;
	unsigned long nr_buckets; /* a power of two */
	unsigned long nr_entries;
};

struct entry_index {
	struct index_part part[INDEX_PARTS];
	/* For threads that wait for an entry's lock. */
	pthread_mutex_t wait_lock;
	pthread_cond_t unlocked;
	atomic_uint waiters;
};

/* Return: 0 or -ENOMEM. */
int index_init(struct entry_index *index);
void index_destroy(struct entry_index *index);
/* Finds the entry of an offset and locks it; waits if another thread has it
 * locked. Return: NULL if there is none. */
struct zswap_entry *index_lock_entry(struct entry_index *index,
				     uint64_t offset);
bool entry_trylock(struct zswap_entry *entry);
void entry_unlock(struct entry_index *index, struct zswap_entry *entry);
/* Adds a locked entry. Return: false if its offset has one already. */
bool index_add(struct entry_index *index, struct zswap_entry *entry);
/* Puts a locked entry in the place of a locked one. */
void index_replace(struct entry_index *index, struct zswap_entry *old,
		   struct zswap_entry *entry);
/* Takes a locked entry out of the index. It stays locked for ever. */
void index_remove(struct entry_index *index, struct zswap_entry *entry);
/* Calls a function for each entry, which is not locked, under the lock of its
 * part. */
void index_for_each(struct entry_index *index,
		    void (*call)(struct zswap_entry *entry, void *arg),
		    void *arg);

#endif
