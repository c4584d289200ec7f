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
/* Is called without a lock. @key, @value: until it returns; value NULL: no
 * memory, or damaged. Return: false ends zcache_each, means nothing to `evicted`. */
typedef bool zcache_callback(void *arg, const void *key, size_t key_bytes,
			     const void *value, size_t value_bytes);

struct zcache_options {
	/* Of all memory, but what calls need while they run. At least 2 MiB, 80 KiB
	 * for each CPU, and the index, of 56 bytes for each entry that it may have. */
	size_t limit_bytes;
	size_t max_entries; /* 0: one for each KiB of limit_bytes */
	unsigned int shards; /* each has a lock; 2^n; 0: 16 */
	/* Is told of what is evicted or found expired, not of what a set replaces. It must
	 * not call zcache_set, _expire, _shrink on this cache: they call it. May be NULL. */
	zcache_callback *evicted;
	void *arg;
};

struct zcache_stats { /* all are size_t */
	size_t entries, value_bytes; /* uncompressed */
	size_t stored_bytes; /* keys and compressed values */
	size_t memory_bytes; /* all, with places kept for the next values */
	size_t hits, misses, replaced, deleted, evicted, expired; /* so far */
};

/* Return: NULL, errno; EINVAL: limit too small, shards not 2^n, or no random numbers. */
struct zcache *zcache_create(const struct zcache_options *options);
void zcache_destroy(struct zcache *cache);
/* @ttl_ms: how long it may stay, by a clock that nobody can set; 0: no end. Return: 0;
 * -EINVAL: no key, or too long; -ENOMEM. On an error the key keeps its old value. */
int zcache_set(struct zcache *cache, const void *key, size_t key_bytes,
	       const void *value, size_t value_bytes, uint64_t ttl_ms);
/* Return: the value's length; -ENOENT: not there; -ERANGE: more than @room_bytes. */
ssize_t zcache_get(struct zcache *cache, const void *key, size_t key_bytes,
		   void *value, size_t room_bytes);
bool zcache_delete(struct zcache *cache, const void *key, size_t key_bytes);
/* Visits once each key that is there all the time; of those that are set or go
 * meanwhile, some. Return: how many; -ENOMEM: no memory (1 MiB), none were visited. */
ssize_t zcache_each(struct zcache *cache, zcache_callback *visit, void *arg);
/* Frees all that has expired. A set with a @ttl_ms does so with one of two entries. */
void zcache_expire(struct zcache *cache);
/* Evicts about so many bytes, and gives all free memory back to the OS (pressure.h). */
void zcache_shrink(struct zcache *cache, size_t bytes);
void zcache_stats(struct zcache *cache, struct zcache_stats *stats);

#endif
