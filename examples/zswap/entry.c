/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* entry.c - see entry.h.
 *
 * Callers: zswap.c, writeback.c.
 * Locks: by function. No grace period is waited for with one held.
 */
#include <errno.h>
#include <stdlib.h>

#include "entry.h"

#define CHUNK_ENTRIES 1023
#define GRACE_BATCH 1024 /* entries for which a grace period is worth it */
#define MIN_BUCKETS 1024
#define MAX_BUCKETS (1ul << 26)

char zswap_readers_done;

/* ---- cache --------------------------------------------------------------- */

struct chunk {
	struct chunk *next;
	struct zswap_entry entry[CHUNK_ENTRIES];
};

void entry_cache_init(struct entry_cache *cache)
{
	*cache = (struct entry_cache){ 0 };
	pthread_mutex_init(&cache->lock, NULL);
	CDS_INIT_LIST_HEAD(&cache->free);
	CDS_INIT_LIST_HEAD(&cache->pending);
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

struct zswap_entry *entry_alloc(struct entry_cache *cache)
{
	struct zswap_entry *entry = NULL;
	struct chunk *chunk;

	pthread_mutex_lock(&cache->lock);
	if (cds_list_empty(&cache->free)) {
		chunk = malloc(sizeof(*chunk));
		if (!chunk)
			goto out;
		chunk->next = cache->chunks;
		cache->chunks = chunk;
		for (int i = CHUNK_ENTRIES; i--;)
			cds_list_add(&chunk->entry[i].lru, &cache->free);
	}
	entry = cds_list_first_entry(&cache->free, struct zswap_entry, lru);
	cds_list_del(&entry->lru);
out:
	pthread_mutex_unlock(&cache->lock);
	if (entry) {
		CDS_INIT_LIST_HEAD(&entry->lru);
		atomic_init(&entry->locked, 1);
	}
	return entry;
}

bool entry_free(struct entry_cache *cache, struct zswap_entry *entry)
{
	bool many;

	pthread_mutex_lock(&cache->lock);
	cds_list_add(&entry->lru, &cache->pending);
	many = ++cache->nr_pending % GRACE_BATCH == 0;
	pthread_mutex_unlock(&cache->lock);
	return many;
}

void entry_cache_reclaim(struct entry_cache *cache)
{
	CDS_LIST_HEAD(waiting);

	/* Readers may still be at these on their way along a bucket. */
	pthread_mutex_lock(&cache->lock);
	cds_list_splice(&cache->pending, &waiting);
	CDS_INIT_LIST_HEAD(&cache->pending);
	cache->nr_pending = 0;
	pthread_mutex_unlock(&cache->lock);
	if (cds_list_empty(&waiting))
		return;
	urcu_bp_synchronize_rcu();
	rcu_grace_period_passed();
	pthread_mutex_lock(&cache->lock);
	cds_list_splice(&waiting, &cache->free);
	pthread_mutex_unlock(&cache->lock);
}

/* ---- index --------------------------------------------------------------- */

static unsigned long hash_offset(uint64_t offset)
{
	/* Neighbours must not share a bucket, nor must every 512th. */
	offset *= 0x9e3779b97f4a7c15u;
	return (unsigned long)(offset ^ offset >> 32);
}

static struct zswap_entry *to_entry(struct cds_lfht_node *node)
{
	return caa_container_of(node, struct zswap_entry, node);
}

static int same_offset(struct cds_lfht_node *node, const void *key)
{
	HAPPENS_AFTER(node);
	return to_entry(node)->offset == *(const uint64_t *)key;
}

int index_init(struct entry_index *index)
{
	*index = (struct entry_index){ .buckets = MIN_BUCKETS };
	index->table =
		cds_lfht_new(MIN_BUCKETS, MIN_BUCKETS, MAX_BUCKETS, 0, NULL);
	if (!index->table)
		return -ENOMEM;
	pthread_mutex_init(&index->wait_lock, NULL);
	pthread_cond_init(&index->unlocked, NULL);
	return 0;
}

void index_destroy(struct entry_index *index)
{
	cds_lfht_destroy(index->table, NULL);
	pthread_mutex_destroy(&index->wait_lock);
	pthread_cond_destroy(&index->unlocked);
}

bool entry_trylock(struct zswap_entry *entry)
{
	unsigned int unlocked = 0;

	return atomic_compare_exchange_strong(&entry->locked, &unlocked, 1);
}

/* An entry that was locked is no longer in the way of who looks its offset
 * up. Who waits counts itself before it looks: so either it sees what the
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

/* Locks: within a reader. */
static struct zswap_entry *find(struct entry_index *index, uint64_t offset,
				struct cds_lfht_iter *iter)
{
	struct cds_lfht_node *node;

	cds_lfht_lookup(index->table, hash_offset(offset), same_offset, &offset,
			iter);
	node = cds_lfht_iter_get_node(iter);
	return node ? to_entry(node) : NULL;
}

/* Return: false if there is one, but somebody else has it locked. An entry
 * that is being removed is one of those until it is out of the table. */
static bool try_lock_entry(struct entry_index *index, uint64_t offset,
			   struct zswap_entry **entry)
{
	struct cds_lfht_iter iter;
	bool done;

	rcu_lock();
	*entry = find(index, offset, &iter);
	done = !*entry || entry_trylock(*entry);
	rcu_unlock();
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
	struct cds_lfht_node *there;

	cds_lfht_node_init(&entry->node);
	HAPPENS_BEFORE(&entry->node);
	rcu_lock();
	there = cds_lfht_add_unique(index->table, hash_offset(entry->offset),
				    same_offset, &entry->offset, &entry->node);
	rcu_unlock();
	return there == &entry->node;
}

void index_replace(struct entry_index *index, struct zswap_entry *old,
		   struct zswap_entry *entry)
{
	struct cds_lfht_iter iter;

	cds_lfht_node_init(&entry->node);
	HAPPENS_BEFORE(&entry->node);
	rcu_lock();
	/* Finds old again: as it is locked, nobody can have removed it. */
	if (find(index, old->offset, &iter) != old ||
	    cds_lfht_replace(index->table, &iter, hash_offset(entry->offset),
			     same_offset, &entry->offset, &entry->node))
		abort();
	rcu_unlock();
	wake_waiters(index);
}

void index_remove(struct entry_index *index, struct zswap_entry *entry)
{
	rcu_lock();
	if (cds_lfht_del(index->table, &entry->node))
		abort(); /* only who has it locked removes it */
	rcu_unlock();
	/* (cds_lfht_del ends with a full barrier.) */
	wake_waiters(index);
}

void index_for_each(struct entry_index *index,
		    void (*call)(struct zswap_entry *entry, void *arg),
		    void *arg)
{
	struct cds_lfht_iter iter;
	struct zswap_entry *entry;

	rcu_lock();
	cds_lfht_for_each_entry(index->table, &iter, entry, node)
	{
		HAPPENS_AFTER(&entry->node);
		call(entry, arg);
	}
	rcu_unlock();
}

void index_fit(struct entry_index *index, unsigned long entries)
{
	unsigned long buckets = index->buckets;

	/* Less than one entry in a bucket: each is a cache miss. */
	if (buckets < entries)
		while (buckets < entries * 2 && buckets < MAX_BUCKETS)
			buckets *= 2;
	while (buckets > entries * 16 && buckets > MIN_BUCKETS)
		buckets /= 2;
	if (buckets == index->buckets)
		return;
	cds_lfht_resize(index->table, buckets);
	index->buckets = buckets;
}
