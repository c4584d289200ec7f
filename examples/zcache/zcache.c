/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zcache.c - see zcache.h.
 *
 * An object of the pool holds a key and its compressed value. Outside the pool
 * is only an index of slots, which have the objects' handles. So the pool may
 * move the objects. Three rules make it safe for threads:
 * - Under the lock, a slot's object may be read. Long work (to compress, to
 *   decompress) is done outside, on copies.
 * - A new object is written before its handle is in a slot.
 * - A thread that takes a handle out of its slot, under the lock, is then the
 *   only one that knows it. It frees it after unlocking.
 */
#include <errno.h>
#include <lz4.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uzsmalloc.h>

#include "zcache.h"

#define NONE UINT32_MAX
#define EVICT_BATCH 32
#define REUSE_LIMIT ((size_t)16 << 20)

struct slot {
	unsigned long handle; /* 0: the slot is free */
	uint32_t hash, next; /* next slot in the bucket, or next free slot */
	uint16_t key_bytes, value_bytes, stored_bytes; /* stored_bytes:
							* compressed */
	bool referenced; /* since the hand last passed */
};

struct zcache {
	struct zs_pool *pool;
	size_t index_bytes;
	pthread_mutex_t lock; /* guards all that follows */
	struct slot *slot;
	uint32_t *bucket; /* nr_slots buckets: the first slot, or NONE */
	uint32_t nr_slots, free, hand;
	struct zcache_stats stats;
};

static uint32_t hash_key(const unsigned char *key, size_t key_bytes)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	while (key_bytes--)
		hash = (hash ^ *key++) * 0x100000001b3u;
	return (uint32_t)(hash ^ hash >> 32);
}

/* Locks: needs the lock. Return: the link to the key's slot, or the one at
 * the end of its bucket, which is NONE. */
static uint32_t *find(struct zcache *cache, uint32_t hash, const void *key,
		      size_t key_bytes)
{
	uint32_t *link = &cache->bucket[hash % cache->nr_slots];
	char copy[ZCACHE_ENTRY_MAX], *object;
	int differs;

	for (; *link != NONE; link = &cache->slot[*link].next) {
		struct slot *slot = &cache->slot[*link];

		if (slot->hash != hash || slot->key_bytes != key_bytes)
			continue;
		/* Usually a pointer into the pool. The copy is used if the
		 * key lies in two pages. */
		object = zs_obj_read_begin(cache->pool, slot->handle, key_bytes,
					   copy);
		differs = memcmp(object, key, key_bytes);
		zs_obj_read_end(cache->pool, slot->handle, key_bytes, object);
		if (!differs)
			break;
	}
	return link;
}

/* Frees a slot. Locks: needs the lock. Return: its handle, which the caller
 * frees; 0, which zs_free ignores, if the link is NONE. */
static unsigned long take_out(struct zcache *cache, uint32_t *link)
{
	uint32_t index = *link;
	struct slot *slot = &cache->slot[index];
	unsigned long handle;

	if (index == NONE)
		return 0;
	handle = slot->handle;
	cache->stats.entries--;
	cache->stats.value_bytes -= slot->value_bytes;
	*link = slot->next;
	*slot = (struct slot){ .next = cache->free };
	cache->free = index;
	return handle;
}

/* CLOCK: takes the first slot that was not used since the hand last passed.
 * Locks: needs the lock. Return: as take_out; 0: nothing is left. */
static unsigned long evict(struct zcache *cache)
{
	while (cache->stats.entries) {
		uint32_t index = cache->hand++ % cache->nr_slots;
		struct slot *slot = &cache->slot[index];
		uint32_t *link = &cache->bucket[slot->hash % cache->nr_slots];

		if (slot->handle && !slot->referenced) {
			while (*link != index)
				link = &cache->slot[*link].next;
			cache->stats.evictions++;
			return take_out(cache, link);
		}
		slot->referenced = false;
	}
	return 0;
}

/* Evicts several values, because one object alone rarely frees a page. Frees at
 * once, because the room is needed now. Return: was there anything? */
static bool make_room(struct zcache *cache)
{
	unsigned long handle[EVICT_BATCH];
	int n = 0;

	pthread_mutex_lock(&cache->lock);
	while (n < EVICT_BATCH && (handle[n] = evict(cache)))
		n++;
	pthread_mutex_unlock(&cache->lock);
	for (int i = 0; i < n; i++)
		zs_free(cache->pool, handle[i]);
	return n;
}

int zcache_set(struct zcache *cache, const void *key, size_t key_bytes,
	       const void *value, size_t value_bytes)
{
	uint32_t index, *link, hash = hash_key(key, key_bytes);
	unsigned long handle, old, evicted = 0;
	char object[ZCACHE_ENTRY_MAX];
	int stored = 0;

	if (!key_bytes || key_bytes > sizeof(object) ||
	    value_bytes > sizeof(object) - key_bytes) {
		zcache_delete(cache, key, key_bytes);
		return -EINVAL;
	}
	memcpy(object, key, key_bytes);
	/* The room is less than the value: returns 0 if it gets no smaller. */
	if (value_bytes > 1)
		stored = LZ4_compress_default(value, object + key_bytes,
					      (int)value_bytes,
					      (int)value_bytes - 1);
	if (!stored)
		memcpy(object + key_bytes, value, stored = (int)value_bytes);

	do
		handle = zs_malloc(cache->pool, key_bytes + (size_t)stored,
				   GFP_KERNEL, NUMA_NO_NODE);
	while (zs_is_err(handle) && make_room(cache));
	if (zs_is_err(handle)) {
		zcache_delete(cache, key, key_bytes);
		return zs_err(handle);
	}
	zs_obj_write(cache->pool, handle, object, key_bytes + (size_t)stored);

	pthread_mutex_lock(&cache->lock);
	old = take_out(cache, find(cache, hash, key, key_bytes));
	if (cache->free == NONE)
		evicted = evict(cache);
	index = cache->free;
	cache->free = cache->slot[index].next;
	link = &cache->bucket[hash % cache->nr_slots];
	cache->slot[index] = (struct slot){
		.handle = handle,
		.hash = hash,
		.next = *link,
		.key_bytes = (uint16_t)key_bytes,
		.value_bytes = (uint16_t)value_bytes,
		.stored_bytes = (uint16_t)stored,
	};
	*link = index;
	cache->stats.entries++;
	cache->stats.value_bytes += value_bytes;
	pthread_mutex_unlock(&cache->lock);
	/* Kept for the next value, or freed by the worker: the caller waits. */
	zs_free_deferred(cache->pool, old);
	zs_free_deferred(cache->pool, evicted);
	return 0;
}

ssize_t zcache_get(struct zcache *cache, const void *key, size_t key_bytes,
		   void *value, size_t room_bytes)
{
	uint32_t index, hash = hash_key(key, key_bytes);
	char copy[ZCACHE_ENTRY_MAX], *object;
	struct slot slot;
	size_t bytes;

	pthread_mutex_lock(&cache->lock);
	index = *find(cache, hash, key, key_bytes);
	if (index == NONE) {
		cache->stats.misses++;
		pthread_mutex_unlock(&cache->lock);
		return -ENOENT;
	}
	cache->stats.hits++;
	cache->slot[index].referenced = true;
	slot = cache->slot[index];
	bytes = key_bytes + slot.stored_bytes;
	object = zs_obj_read_begin(cache->pool, slot.handle, bytes, copy);
	if (object != copy)
		memcpy(copy, object, bytes);
	zs_obj_read_end(cache->pool, slot.handle, bytes, object);
	pthread_mutex_unlock(&cache->lock);

	if (slot.value_bytes > room_bytes)
		return -ERANGE;
	if (slot.stored_bytes == slot.value_bytes)
		memcpy(value, copy + key_bytes, slot.value_bytes);
	else if (LZ4_decompress_safe(copy + key_bytes, value, slot.stored_bytes,
				     slot.value_bytes) != slot.value_bytes)
		return -EIO;
	return slot.value_bytes;
}

bool zcache_delete(struct zcache *cache, const void *key, size_t key_bytes)
{
	uint32_t hash = hash_key(key, key_bytes);
	unsigned long handle;

	pthread_mutex_lock(&cache->lock);
	handle = take_out(cache, find(cache, hash, key, key_bytes));
	pthread_mutex_unlock(&cache->lock);
	zs_free_deferred(cache->pool, handle);
	return handle;
}

void zcache_stats(struct zcache *cache, struct zcache_stats *stats)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	zs_pool_info(cache->pool, &info);
	pthread_mutex_lock(&cache->lock);
	*stats = cache->stats;
	pthread_mutex_unlock(&cache->lock);
	stats->memory_bytes = cache->index_bytes + info.bytes_resident;
}

struct zcache *zcache_create(size_t limit_bytes, unsigned int max_entries)
{
	struct zs_pool_options opts = ZS_POOL_OPTIONS_INIT;
	struct zcache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	errno = EINVAL; /* max_entries is 0 */
	pthread_mutex_init(&cache->lock, NULL);
	cache->nr_slots = max_entries;
	cache->slot = calloc(max_entries, sizeof(*cache->slot));
	cache->bucket = calloc(max_entries, sizeof(*cache->bucket));
	cache->index_bytes =
		max_entries * (sizeof(*cache->slot) + sizeof(*cache->bucket));
	opts.page_size = ZCACHE_ENTRY_MAX;
	/* 1: too small for any pool, so the result is EINVAL. */
	opts.memory_limit = limit_bytes > cache->index_bytes
				    ? limit_bytes - cache->index_bytes
				    : 1;
	/* Where values come and go, a new one takes the place of an old one.
	 * Keeping places takes memory for each CPU, so not in a small cache. */
	if (opts.memory_limit >= REUSE_LIMIT)
		opts.defer = ZS_DEFER_REUSE;
	if (max_entries && cache->slot && cache->bucket)
		cache->pool = zs_create_pool_with("zcache", &opts);
	if (!cache->pool) {
		zcache_destroy(cache);
		return NULL;
	}
	for (uint32_t i = 0; i < max_entries; i++) {
		cache->bucket[i] = NONE;
		cache->slot[i].next = i + 1 < max_entries ? i + 1 : NONE;
	}
	return cache;
}

void zcache_destroy(struct zcache *cache)
{
	if (!cache)
		return;
	zs_destroy_pool(cache->pool); /* frees all objects, too */
	pthread_mutex_destroy(&cache->lock);
	free(cache->slot);
	free(cache->bucket);
	free(cache);
}
