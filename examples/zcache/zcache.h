/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zcache.h - a key-value cache that keeps its values compressed. All calls may
 * run at once, from any threads, except zcache_destroy. 64-bit only. */
#ifndef ZCACHE_H
#define ZCACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ZCACHE_ENTRY_MAX (1 << 20) /* bytes: key and value together */

struct zcache;
/* Is called in the thread whose call it is part of: in several at once. No lock is held.
 * It may call all but zcache_destroy; as `evicted` not zcache_set, zcache_expire and
 * zcache_shrink on the same cache, either, which would call it again. Meanwhile others
 * may set the key anew. What it asks for or deletes, and has expired, is not there, but
 * goes later. It must return.
 * @key, @value: until it returns; value NULL: no memory for it.
 * Return: false ends zcache_each, and means nothing to `evicted`. */
typedef bool zcache_callback(void *arg, const void *key, size_t key_bytes,
			     const void *value, size_t value_bytes);

struct zcache_options {
	/* Of all memory, but what calls need while they run. At least 2 MiB, 80 KiB
	 * for each CPU, and the index, of 56 bytes for each entry that it may have. */
	size_t limit_bytes;
	size_t max_entries; /* 0: one for each KiB of limit_bytes */
	unsigned int shards; /* each has a lock; 2^n, up to 65536; 0: 16 */
	/* Is told of each entry that is evicted or has expired; not of those that
	 * are replaced (expired or not), deleted or destroyed. Is called by
	 * zcache_set, zcache_expire and zcache_shrink, and by zcache_get and
	 * zcache_delete, if what they look for has expired. May be NULL. */
	zcache_callback *evicted;
	void *arg;
};

struct zcache_stats { /* all are size_t */
	size_t entries, value_bytes; /* uncompressed */
	size_t stored_bytes; /* keys and compressed values */
	size_t memory_bytes; /* all, with places kept for the next values */
	/* so far */
	size_t hits, misses, sets, replaced, deleted, evicted, expired;
};

/* Return: NULL with errno: EINVAL (limit_bytes is too little, shards not 2^n, not a
 * 64-bit machine), ENOMEM, or EIO (the system has no random numbers for a key). */
struct zcache *zcache_create(const struct zcache_options *options);
void zcache_destroy(struct zcache *cache);
/* @ttl_ms: how long it may stay, by a clock that nobody can set; 0: no end.
 * Return: 0; -EINVAL: no key, or too long; -ENOMEM: no memory, or no room even after
 * all entries but the key's were evicted. On an error the key keeps its old value; so
 * there must be room for both. */
int zcache_set(struct zcache *cache, const void *key, size_t key_bytes,
	       const void *value, size_t value_bytes, uint64_t ttl_ms);
/* Return: the value's length; -ENOENT: not there; -ERANGE: more than
 * @room_bytes; -EIO: damaged memory. */
ssize_t zcache_get(struct zcache *cache, const void *key, size_t key_bytes,
		   void *value, size_t room_bytes);
/* Return: was it there? */
bool zcache_delete(struct zcache *cache, const void *key, size_t key_bytes);
/* Visits once each key that is there all the time, and has not expired; of those that
 * are set or go meanwhile, some; none in damaged memory. Return: how many; -ENOMEM: no
 * memory (1 MiB), none were visited. */
ssize_t zcache_each(struct zcache *cache, zcache_callback *visit, void *arg);
/* Frees all that had expired when it was called. Else that goes when it is asked for,
 * when the turn comes to evict it, or by sets, each of which looks at two entries. */
void zcache_expire(struct zcache *cache);
/* The same, and evicts values that take about so many bytes compressed, and gives all
 * free memory back to the OS: for a machine that lacks memory (pressure.h). Return:
 * bytes that the cache's memory is smaller then. */
size_t zcache_shrink(struct zcache *cache, size_t bytes);
void zcache_stats(struct zcache *cache, struct zcache_stats *stats);

#endif
