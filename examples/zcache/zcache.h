/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zcache.h - a key-value cache that keeps its values compressed. All calls may
 * run at once, from any threads, except zcache_destroy. */
#ifndef ZCACHE_H
#define ZCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ZCACHE_ENTRY_MAX 4096 /* bytes: key and value together */

struct zcache;
struct zcache_stats {
	size_t entries, value_bytes; /* uncompressed */
	size_t memory_bytes; /* memory of the cache, with the index and with
			      * freed objects that are kept for the next ones */
	size_t hits, misses, evictions;
};

/* @limit_bytes: all memory, with the index. @max_entries: the index takes about
 * 28 bytes for each. Return: NULL with errno on failure. */
struct zcache *zcache_create(size_t limit_bytes, unsigned int max_entries);
void zcache_destroy(struct zcache *cache);
/* Return: 0; -EINVAL: no key, or too long; -ENOMEM: no room, even after all
 * other entries were evicted. After an error the key has no value. */
int zcache_set(struct zcache *cache, const void *key, size_t key_bytes,
	       const void *value, size_t value_bytes);
/* Return: the value's length; -ENOENT: not there; -ERANGE: more than
 * @room_bytes; -EIO: damaged memory. */
ssize_t zcache_get(struct zcache *cache, const void *key, size_t key_bytes,
		   void *value, size_t room_bytes);
/* Return: was it there? */
bool zcache_delete(struct zcache *cache, const void *key, size_t key_bytes);
void zcache_stats(struct zcache *cache, struct zcache_stats *stats);

#endif
