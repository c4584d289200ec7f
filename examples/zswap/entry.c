/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* entry.c - see entry.h.
 *
 * Kernel origin: the xarrays of mm/zswap.c, one for each 64 MiB of swap, with a
 * lock each; here parts of a hash table.
 * Callers: zswap.c, writeback.c.
 * Locks: takes one part's lock at a time, or the cache's, or wait_lock and then
 * a part's. Under them it calls nothing of the library, and nothing that sleeps
 * except malloc.
 * Guarantee: E1 without memory the buckets get longer; only index_init and
 * entry_alloc can fail.
 */
#include <errno.h>
#include <stdlib.h>

#include "entry.h"

#define CHUNK_ENTRIES 1023
#define MIN_BUCKETS 16ul /* in each part */

/* ---- cache --------------------------------------------------------------- */

struct chunk {
	struct chunk *next;
	struct zswap_entry entry[CHUNK_ENTRIES];
};

void entry_cache_init(struct entry_cache *cache)
{
	*cache = (struct entry_cache){ 0 };
	pthread_mutex_init(&cache->lock, NULL);
}

void entry_cache_destroy(struct entry_cache *cache)
{
	while (cache->chunks) {
		struct chunk *chunk = cache->chunks;

		cache->chunks = chunk->next;
		free(chunk);
	}
	pthread_mutex_destroy(&cache->lock);
}

static void push(struct entry_cache *cache, struct zswap_entry *entry)
{
	entry->next = cache->free;
	cache->free = entry;
}

struct zswap_entry *entry_alloc(struct entry_cache *cache)
{
	struct zswap_entry *entry;
	struct chunk *chunk;

	pthread_mutex_lock(&cache->lock);
	if (!cache->free && (chunk = malloc(sizeof(*chunk)))) {
		chunk->next = cache->chunks;
		cache->chunks = chunk;
		for (int i = CHUNK_ENTRIES; i--;)
			push(cache, &chunk->entry[i]);
	}
	entry = cache->free;
	if (entry)
		cache->free = entry->next;
	pthread_mutex_unlock(&cache->lock);
	if (entry)
		atomic_init(&entry->locked, 1);
	return entry;
}

void entry_free(struct entry_cache *cache, struct zswap_entry *entry)
{
	pthread_mutex_lock(&cache->lock);
	push(cache, entry);
	pthread_mutex_unlock(&cache->lock);
}

/* ---- list by age --------------------------------------------------------- */

void entry_list_add(struct entry_list *list, struct zswap_entry *entry)
{
	entry->colder = list->warmest;
	entry->warmer = NULL;
	if (list->warmest)
		list->warmest->warmer = entry;
	else
		list->coldest = entry;
	list->warmest = entry;
}

void entry_list_del(struct entry_list *list, struct zswap_entry *entry)
{
	if (entry->colder)
		entry->colder->warmer = entry->warmer;
	else
		list->coldest = entry->warmer;
	if (entry->warmer)
		entry->warmer->colder = entry->colder;
	else
		list->warmest = entry->colder;
}

/* ---- buckets ------------------------------------------------------------- */

/* Spreads neighbours, and every 512th offset, over different buckets. */
static uint64_t hash_offset(uint64_t offset)
{
	offset *= 0x9e3779b97f4a7c15u;
	return offset ^ offset >> 32;
}

/* The part is chosen by the highest bits of the hash, the bucket by the
 * lowest. */
static struct index_part *part_of(struct entry_index *index, uint64_t offset)
{
	return &index->part[hash_offset(offset) >> (64 - INDEX_PART_BITS)];
}

/* Locks: needs the part's. Return: the link to the offset's entry, or the link
 * at the end of its bucket, which is NULL. */
static struct zswap_entry **find(struct index_part *part, uint64_t offset)
{
	struct zswap_entry **link =
		&part->bucket[hash_offset(offset) & (part->nr_buckets - 1)];

	while (*link && (*link)->offset != offset)
		link = &(*link)->next;
	return link;
}

/* Changes the number of buckets; leaves it as it is if there is no memory.
 * Locks: needs the part's. */
static void resize(struct index_part *part, unsigned long nr_buckets)
{
	struct zswap_entry **old = part->bucket, **link, *entry;
	unsigned long nr_old = part->nr_buckets;
	struct zswap_entry **bucket = calloc(nr_buckets, sizeof(*bucket));

	if (!bucket)
		return;
	part->bucket = bucket;
	part->nr_buckets = nr_buckets;
	for (unsigned long i = 0; i < nr_old; i++) {
		while ((entry = old[i])) {
			old[i] = entry->next;
			link = find(part, entry->offset);
			entry->next = NULL;
			*link = entry;
		}
	}
	free(old);
}

/* Keeps fewer entries than buckets: each entry of a bucket is a cache miss.
 * Locks: needs the part's. */
static void fit(struct index_part *part)
{
	if (part->nr_entries > part->nr_buckets)
		resize(part, part->nr_buckets * 2);
	else if (part->nr_buckets > MIN_BUCKETS &&
		 part->nr_entries < part->nr_buckets / 8)
		resize(part, part->nr_buckets / 2);
}

int index_init(struct entry_index *index)
{
	*index = (struct entry_index){ 0 };
	for (int i = 0; i < INDEX_PARTS; i++) {
		struct index_part *part = &index->part[i];

		resize(part, MIN_BUCKETS);
		if (!part->bucket) {
			while (i--)
				free(index->part[i].bucket);
			return -ENOMEM;
		}
	}
	for (int i = 0; i < INDEX_PARTS; i++)
		pthread_mutex_init(&index->part[i].lock, NULL);
	pthread_mutex_init(&index->wait_lock, NULL);
	pthread_cond_init(&index->unlocked, NULL);
	return 0;
}

void index_destroy(struct entry_index *index)
{
	for (int i = 0; i < INDEX_PARTS; i++) {
		free(index->part[i].bucket);
		pthread_mutex_destroy(&index->part[i].lock);
	}
	pthread_mutex_destroy(&index->wait_lock);
	pthread_cond_destroy(&index->unlocked);
}

/* ---- entries ------------------------------------------------------------- */

bool entry_trylock(struct zswap_entry *entry)
{
	unsigned int unlocked = 0;

	return atomic_compare_exchange_strong(&entry->locked, &unlocked, 1);
}

/* An entry that was locked is unlocked or gone. Wakes the threads that look its
 * offset up. A waiter counts itself before it looks. So either it sees what the
 * caller did before, or the caller sees it waiting. */
static void wake_waiters(struct entry_index *index)
{
	if (!atomic_load(&index->waiters))
		return;
	pthread_mutex_lock(&index->wait_lock);
	pthread_cond_broadcast(&index->unlocked);
	pthread_mutex_unlock(&index->wait_lock);
}

void entry_unlock(struct entry_index *index, struct zswap_entry *entry)
{
	atomic_store(&entry->locked, 0);
	wake_waiters(index);
}

/* Return: false if there is an entry, but another thread has it locked. That
 * includes an entry that is being removed, until it is out of the table. */
static bool try_lock_entry(struct entry_index *index, uint64_t offset,
			   struct zswap_entry **entry)
{
	struct index_part *part = part_of(index, offset);
	bool done;

	/* The entry is not freed while it is in the table. */
	pthread_mutex_lock(&part->lock);
	*entry = *find(part, offset);
	done = !*entry || entry_trylock(*entry);
	pthread_mutex_unlock(&part->lock);
	return done;
}

struct zswap_entry *index_lock_entry(struct entry_index *index, uint64_t offset)
{
	struct zswap_entry *entry;

	if (try_lock_entry(index, offset, &entry))
		return entry;
	atomic_fetch_add(&index->waiters, 1);
	pthread_mutex_lock(&index->wait_lock);
	while (!try_lock_entry(index, offset, &entry))
		pthread_cond_wait(&index->unlocked, &index->wait_lock);
	pthread_mutex_unlock(&index->wait_lock);
	atomic_fetch_sub(&index->waiters, 1);
	return entry;
}

bool index_add(struct entry_index *index, struct zswap_entry *entry)
{
	struct index_part *part = part_of(index, entry->offset);
	struct zswap_entry **link;
	bool room;

	pthread_mutex_lock(&part->lock);
	link = find(part, entry->offset);
	room = !*link;
	if (room) {
		entry->next = NULL;
		*link = entry;
		part->nr_entries++;
		fit(part);
	}
	pthread_mutex_unlock(&part->lock);
	return room;
}

void index_replace(struct entry_index *index, struct zswap_entry *old,
		   struct zswap_entry *entry)
{
	struct index_part *part = part_of(index, old->offset);

	pthread_mutex_lock(&part->lock);
	/* Find the old entry again. It is locked, so no other thread has
	 * removed it. */
	entry->next = old->next;
	*find(part, old->offset) = entry;
	pthread_mutex_unlock(&part->lock);
	wake_waiters(index);
}

void index_remove(struct entry_index *index, struct zswap_entry *entry)
{
	struct index_part *part = part_of(index, entry->offset);

	pthread_mutex_lock(&part->lock);
	*find(part, entry->offset) = entry->next;
	part->nr_entries--;
	fit(part);
	pthread_mutex_unlock(&part->lock);
	wake_waiters(index);
}

void index_for_each(struct entry_index *index,
		    void (*call)(struct zswap_entry *entry, void *arg),
		    void *arg)
{
	for (int i = 0; i < INDEX_PARTS; i++) {
		struct index_part *part = &index->part[i];

		pthread_mutex_lock(&part->lock);
		for (unsigned long j = 0; j < part->nr_buckets; j++)
			for (struct zswap_entry *entry = part->bucket[j]; entry;
			     entry = entry->next)
				call(entry, arg);
		pthread_mutex_unlock(&part->lock);
	}
}
