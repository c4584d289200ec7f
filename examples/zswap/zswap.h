/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zswap.h - the kernel's zswap as a library: a compressed cache of pages, found
 * by offset, in front of something larger and slower.
 *
 * Kernel origin: mm/zswap.c. Same: what is stored and what is rejected, the
 * limit with its hysteresis, writeback from the cold end, loads take the page
 * out, the order in which an entry is torn down, the statistics' names.
 * Differs: pages that would take a whole page of the pool are rejected as
 * "compress poor"; the index is a hash table; the LRU is one list; what is
 * dropped and not yet freed is freed before a store fails at the limit;
 * same-filled pages.
 *
 * SAME-FILLED PAGES, one word again and again, take an entry and nothing of the
 * pool. So the limit is not asked for them, and they are not written back: that
 * would free nothing. The kernel's zswap had such pages until Linux 6.11, never
 * wrote them back, but refused them at the limit. Since 6.12 it has none: the
 * swap layer keeps those that are zero out of zswap altogether, whatever its
 * limit, and the rest are compressed as any page.
 *
 * THREADS: all calls may run at once, from any thread, also on one offset;
 * zswap_destroy is alone. Not for use in a child after fork.
 */
#ifndef ZSWAP_H
#define ZSWAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uzsmalloc.h>

struct zswap;

/* The place to which pages are written back. */
struct zswap_backing {
	/* Keeps the page at @offset, so that a reader that does not find it in
	 * zswap finds it there. Return: 0 or a negative errno. Called with the
	 * entry locked: must not call zswap for this offset. */
	int (*write)(void *arg, uint64_t offset, const void *page);
	void *arg;
};

/* 0 is the default in each field. */
struct zswap_options {
	unsigned int page_size; /* bytes, 4096 to 65536; 0: 4096 */
	size_t budget_bytes; /* the percentage refers to this; must be given.
			      * Kernel: all memory */
	unsigned int max_pool_percent; /* of the budget; 0: 20 */
	unsigned int accept_threshold_percent; /* of the maximum: once that is
						* reached, stores fail until the
						* pool has shrunk to this; 0:
						* 90 */
	const char *compressor; /* "lz4", "zstd", "zstd:LEVEL"; NULL: lz4 */
	/* Of the pool; DEFAULT: KERNEL. USER keeps a few freed objects of each
	 * size for the next stores, closes gaps by itself, and has no lock
	 * scopes. */
	enum zs_profile profile;
	enum zs_lock_scope lock_scope; /* of the pool */
	enum zs_defer_mode defer; /* what zswap_invalidate does with handles */
	size_t memory_limit; /* of the pool, bytes; USER needs some 2 MiB; 0:
			      * none */
	struct zswap_backing backing; /* write NULL: no writeback */
};

/* Counters since creation, except the first group. All relaxed: right when
 * nothing else runs. Names as in the kernel where it has them. */
struct zswap_stats {
	/* now */
	uint64_t stored_pages;
	uint64_t same_filled_pages; /* of these, with nothing in the pool */
	uint64_t stored_bytes; /* of compressed pages, as charged */
	uint64_t pool_total_size; /* bytes of pages in the pool; a dropped page
				   * counts until it is freed */
	uint64_t max_pool_size; /* bytes: the limit */
	/* since creation */
	uint64_t written_back_pages;
	uint64_t pool_limit_hit; /* stores that found the pool at its limit */
	uint64_t reject_reclaim_fail; /* entries that could not be written */
	uint64_t reject_alloc_fail; /* no memory in the pool */
	uint64_t reject_kmemcache_fail; /* no memory for an entry */
	uint64_t reject_compress_fail; /* the compressor reported an error */
	uint64_t reject_compress_poor; /* did not compress */
	uint64_t decompress_fail;
	uint64_t duplicate_entry; /* stores that replaced an older page */
	uint64_t stores, loads, load_misses, invalidates;
};

/* Return: NULL with errno: EINVAL (an option out of range), ENOMEM. */
struct zswap *zswap_create(const struct zswap_options *options);
/* Drops all pages. */
void zswap_destroy(struct zswap *z);

/* Stores a page, in place of what was at this offset.
 * Return: 0, or why not. Then nothing is at this offset, the old page neither:
 *        -EDQUOT   the pool is at its limit, with all freed that was dropped
 *                  before the call (writeback is under way). Not for a
 *                  same-filled page
 *        -E2BIG    does not compress
 *        -EIO      the compressor failed
 *        -ENOMEM   no memory */
int zswap_store(struct zswap *z, uint64_t offset, const void *page);
/* Takes a page out.
 * Return: 0; -ENOENT: not here (never stored, or written back); -EIO: cannot
 *        be decompressed; it stays. */
int zswap_load(struct zswap *z, uint64_t offset, void *page);
/* Drops a page. Its memory is freed soon: zs_free_deferred. Return: was there
 * one? */
bool zswap_invalidate(struct zswap *z, uint64_t offset);
/* Drops the pages at offsets first to first + nr - 1. Return: how many. */
uint64_t zswap_invalidate_area(struct zswap *z, uint64_t first, uint64_t nr);

/* Writes the coldest pages to the backing and drops them. What is locked by
 * another thread just then is passed over, and counts as one tried;
 * same-filled pages stay.
 * Return: how many of the @nr; or a negative errno when not one could be:
 *        -ENODEV no backing, -ENOENT nothing to write, else the backing's. */
long zswap_writeback(struct zswap *z, unsigned long nr);
/* From now on pages are compressed with this, in a pool of their own, as in the
 * kernel. Return: 0; -EINVAL: no such compressor; -ENOMEM. */
int zswap_set_compressor(struct zswap *z, const char *compressor);
/* Waits until all writeback that was asked for before is done, and all handles
 * deferred before are freed. */
void zswap_flush(struct zswap *z);
void zswap_stats(struct zswap *z, struct zswap_stats *stats);
/* Checks that index, LRU, counters and pools agree. Only while nothing else
 * runs. Return: number of violations. */
unsigned long zswap_check(struct zswap *z);

#endif
