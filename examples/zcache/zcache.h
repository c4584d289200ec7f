/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zcache.h - a key-value cache that keeps its values compressed. All calls may
 * run at once, from any threads, except zcache_destroy. 64-bit only. */
#ifndef ZCACHE_H
#define ZCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ZCACHE_ENTRY_MAX (1 << 20) /* bytes: key and value together */

struct zcache;
struct zcache_stats {
	size_t entries, value_bytes; /* uncompressed */
	size_t memory_bytes; /* memory of the cache, with the index and with
			      * places that are kept for the next values */
	size_t hits, misses, evictions;
};

/* @limit_bytes: all memory, with the index, but without what a set of more than
 * 4 KiB needs while it runs; at least the index, 1.3 MiB (room for a value of any
 * size) and 40 KiB for each CPU. @max_entries: the index takes 44 bytes for each.
 * Return: NULL with errno on failure; EINVAL: the limit is too small, no entries,
 * or not a 64-bit machine. */
struct zcache *zcache_create(size_t limit_bytes, unsigned int max_entries);
void zcache_destroy(struct zcache *cache);
/* Return: 0; -EINVAL: no key, or too long; -ENOMEM: no room, even after all
 * other entries were evicted, as others still read them; or no memory for a
 * buffer. After an error the key has no value. */
int zcache_set(struct zcache *cache, const void *key, size_t key_bytes,
	       const void *value, size_t value_bytes);
/* Return: the value's length; -ENOENT: not there; -ERANGE: more than
 * @room_bytes; -EIO: damaged memory. */
ssize_t zcache_get(struct zcache *cache, const void *key, size_t key_bytes,
		   void *value, size_t room_bytes);
/* Return: was it there? */
bool zcache_delete(struct zcache *cache, const void *key, size_t key_bytes);
/* Evicts values that take about so many bytes compressed, and gives all free memory
 * back to the OS: for a machine that lacks memory (pressure.h). Return: bytes that the
 * cache's memory is smaller then. */
size_t zcache_shrink(struct zcache *cache, size_t bytes);
void zcache_stats(struct zcache *cache, struct zcache_stats *stats);

#endif
