/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zcache.c - see zcache.h.
 *
 * An object of the pool holds a key and its compressed value. The index has slots,
 * and a slot has the zs_ref that names its object: the pool changes it when it moves
 * the object. Three rules make it safe for threads:
 * - A new object is written before its ref is in a slot.
 * - Who finds a slot under the lock counts itself as its reader, and then reads the
 *   object without the lock.
 * - A slot that was taken out of the index is released, under the lock, by the last
 *   who uses it: who took it out, or its last reader.
 */
#include <errno.h>
#include <lz4.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uzsmalloc.h>

#include "zcache.h"

#define NONE UINT32_MAX
#define EVICT_ENTRIES 32
#define EVICT_BYTES 65536u
#define GONE 0x80000000u

struct slot {
	zs_ref object; /* never copied: zs_ref_move moves it */
	uint32_t hash, next; /* next slot in the bucket, or next free slot */
	/* key_bytes 0: not in the index; stored_bytes: compressed */
	uint32_t key_bytes, value_bytes, stored_bytes;
	_Atomic uint32_t readers; /* added to under the lock; GONE: taken out of
				   * the index while it had some */
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

	for (; *link != NONE; link = &cache->slot[*link].next) {
		struct slot *slot = &cache->slot[*link];
		int differs;

		if (slot->hash != hash || slot->key_bytes != key_bytes)
			continue;
		differs = memcmp(zs_ref_begin(cache->pool, &slot->object), key,
				 key_bytes);
		zs_ref_end(cache->pool, &slot->object);
		if (!differs)
			break;
	}
	return link;
}

/* Nobody else knows the slot. Locks: needs the lock. */
static void release(struct zcache *cache, struct slot *slot)
{
	zs_ref_free(cache->pool, &slot->object);
	atomic_store_explicit(&slot->readers, 0, memory_order_relaxed);
	slot->next = cache->free;
	cache->free = (uint32_t)(slot - cache->slot);
}

/* Locks: needs the lock. */
static void take_out(struct zcache *cache, uint32_t *link)
{
	struct slot *slot = &cache->slot[*link];

	cache->stats.entries--;
	cache->stats.value_bytes -= slot->value_bytes;
	*link = slot->next;
	slot->key_bytes = 0;
	/* Acquire: all readers have read. */
	if (!atomic_fetch_or_explicit(&slot->readers, GONE,
				      memory_order_acquire))
		release(cache, slot);
}

static void end_read(struct zcache *cache, struct slot *slot)
{
	/* Release: who frees the object comes after this reader; acquire: this
	 * one may be who frees it. */
	if (atomic_fetch_sub_explicit(&slot->readers, 1,
				      memory_order_acq_rel) != (GONE | 1))
		return;
	pthread_mutex_lock(&cache->lock);
	release(cache, slot);
	pthread_mutex_unlock(&cache->lock);
}

/* CLOCK: takes out the first slot that was not used since the hand last passed.
 * Locks: needs the lock. Return: bytes of its object; 0: nothing is left. */
static size_t evict(struct zcache *cache)
{
	while (cache->stats.entries) {
		uint32_t index = cache->hand++ % cache->nr_slots;
		struct slot *slot = &cache->slot[index];
		uint32_t *link = &cache->bucket[slot->hash % cache->nr_slots];

		if (slot->key_bytes && !slot->referenced) {
			while (*link != index)
				link = &cache->slot[*link].next;
			size_t bytes =
				(size_t)slot->key_bytes + slot->stored_bytes;

			cache->stats.evictions++;
			take_out(cache, link);
			return bytes;
		}
		slot->referenced = false;
	}
	return 0;
}

/* Evicts up to so many bytes or a few entries, so that the lock is not held for long.
 * Return: bytes; 0: there was nothing. */
static size_t evict_some(struct zcache *cache, size_t most)
{
	size_t bytes = 0, one = 1;

	pthread_mutex_lock(&cache->lock);
	for (int n = 0; one && n < EVICT_ENTRIES && bytes < most; n++) {
		one = evict(cache);
		bytes += one;
	}
	pthread_mutex_unlock(&cache->lock);
	return bytes;
}

/* Several small values, because one alone rarely frees a page. Return: was there
 * anything? */
static bool make_room(struct zcache *cache)
{
	return evict_some(cache, EVICT_BYTES) > 0;
}

/* Puts an object into the index, in place of what the key has there. Return:
 * false: all slots are being read. */
static bool publish(struct zcache *cache, zs_ref *object,
		    const struct slot *what, const void *key)
{
	uint32_t *link, index;
	struct slot *slot;

	pthread_mutex_lock(&cache->lock);
	link = find(cache, what->hash, key, what->key_bytes);
	if (*link != NONE)
		take_out(cache, link);
	while (cache->free == NONE && evict(cache))
		;
	index = cache->free;
	if (index != NONE) {
		link = &cache->bucket[what->hash % cache->nr_slots];
		slot = &cache->slot[index];
		cache->free = slot->next;
		zs_ref_move(cache->pool, &slot->object, object);
		slot->hash = what->hash;
		slot->key_bytes = what->key_bytes;
		slot->value_bytes = what->value_bytes;
		slot->stored_bytes = what->stored_bytes;
		slot->referenced = false;
		slot->next = *link;
		*link = index;
		cache->stats.entries++;
		cache->stats.value_bytes += slot->value_bytes;
	}
	pthread_mutex_unlock(&cache->lock);
	return index != NONE;
}

/* Key and compressed value, one behind the other. Return: bytes of the value
 * there. */
static size_t pack(char *packed, const void *key, size_t key_bytes,
		   const void *value, size_t value_bytes)
{
	int stored = 0;

	memcpy(packed, key, key_bytes);
	/* The room is less than the value: returns 0 if it gets no smaller. */
	if (value_bytes > 1)
		stored = LZ4_compress_default(value, packed + key_bytes,
					      (int)value_bytes,
					      (int)value_bytes - 1);
	if (stored)
		return (size_t)stored;
	memcpy(packed + key_bytes, value, value_bytes);
	return value_bytes;
}

int zcache_set(struct zcache *cache, const void *key, size_t key_bytes,
	       const void *value, size_t value_bytes)
{
	char small[4096], *packed = small;
	zs_ref object = ZS_REF_INIT;
	struct slot slot;
	int err = -EINVAL;

	if (!key_bytes || key_bytes > ZCACHE_ENTRY_MAX ||
	    value_bytes > ZCACHE_ENTRY_MAX - key_bytes)
		goto fail;
	err = -ENOMEM;
	if (key_bytes + value_bytes > sizeof(small))
		packed = malloc(key_bytes + value_bytes);
	if (!packed)
		goto fail;
	slot = (struct slot){ .hash = hash_key(key, key_bytes),
			      .key_bytes = (uint32_t)key_bytes,
			      .value_bytes = (uint32_t)value_bytes,
			      .stored_bytes = (uint32_t)pack(packed, key,
							     key_bytes, value,
							     value_bytes) };
	do
		err = zs_ref_store(cache->pool, &object, packed,
				   key_bytes + slot.stored_bytes);
	while (err == -ENOMEM && make_room(cache));
	if (packed != small)
		free(packed);
	if (!err && publish(cache, &object, &slot, key))
		return 0;
	zs_ref_free(cache->pool, &object);
	if (!err)
		err = -ENOMEM;
fail:
	zcache_delete(cache, key, key_bytes);
	return err;
}

ssize_t zcache_get(struct zcache *cache, const void *key, size_t key_bytes,
		   void *value, size_t room_bytes)
{
	uint32_t index, hash = hash_key(key, key_bytes);
	struct slot *slot;
	const char *data;
	ssize_t got;

	pthread_mutex_lock(&cache->lock);
	index = *find(cache, hash, key, key_bytes);
	if (index == NONE) {
		cache->stats.misses++;
		pthread_mutex_unlock(&cache->lock);
		return -ENOENT;
	}
	cache->stats.hits++;
	slot = &cache->slot[index];
	slot->referenced = true;
	atomic_fetch_add_explicit(&slot->readers, 1, memory_order_relaxed);
	pthread_mutex_unlock(&cache->lock);

	/* What the slot says does not change while it has a reader. */
	got = (ssize_t)slot->value_bytes;
	if (slot->value_bytes > room_bytes) {
		got = -ERANGE;
	} else {
		data = zs_ref_begin(cache->pool, &slot->object);
		data += key_bytes;
		if (slot->stored_bytes == slot->value_bytes)
			memcpy(value, data, slot->value_bytes);
		else if (LZ4_decompress_safe(data, value,
					     (int)slot->stored_bytes,
					     (int)slot->value_bytes) != got)
			got = -EIO;
		zs_ref_end(cache->pool, &slot->object);
	}
	end_read(cache, slot);
	return got;
}

bool zcache_delete(struct zcache *cache, const void *key, size_t key_bytes)
{
	uint32_t hash = hash_key(key, key_bytes);
	uint32_t *link;
	bool found;

	pthread_mutex_lock(&cache->lock);
	link = find(cache, hash, key, key_bytes);
	found = *link != NONE;
	if (found)
		take_out(cache, link);
	pthread_mutex_unlock(&cache->lock);
	return found;
}

static size_t memory_of(struct zcache *cache)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	zs_pool_info(cache->pool, &info);
	return cache->index_bytes + info.bytes_resident;
}

size_t zcache_shrink(struct zcache *cache, size_t bytes)
{
	size_t before = memory_of(cache), after, one;
	uint32_t turns = cache->nr_slots / EVICT_ENTRIES + 1;

	/* Others may set as fast as this evicts. */
	do {
		one = evict_some(cache, bytes);
		bytes -= one < bytes ? one : bytes;
	} while (one && bytes && --turns);
	zs_compact(cache->pool);
	zs_trim(cache->pool);
	after = memory_of(cache);
	return before > after ? before - after : 0;
}

void zcache_stats(struct zcache *cache, struct zcache_stats *stats)
{
	pthread_mutex_lock(&cache->lock);
	*stats = cache->stats;
	pthread_mutex_unlock(&cache->lock);
	stats->memory_bytes = memory_of(cache);
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
	opts.profile = ZS_PROFILE_USER;
	/* Where values come and go, gaps remain: the pool closes them. */
	opts.max_overhead_percent = 5;
	/* 1: too small for any pool, so the result is EINVAL. */
	opts.memory_limit = limit_bytes > cache->index_bytes
				    ? limit_bytes - cache->index_bytes
				    : 1;
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
