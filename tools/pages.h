/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pages.h - pages held compressed in a pool, like zram: a page of one repeated
 * word is kept as that word, without an object; a page that would take a whole
 * page of the pool anyway is stored uncompressed. They may be larger than the
 * pool's pages, if its profile holds such objects.
 */
#ifndef UZS_PAGES_H
#define UZS_PAGES_H

#include "codec.h"
#include "record.h"
#include "uzs.h"

/* The record of a page, outside of the pool. */
struct uzs_page {
	union {
		unsigned long handle;
		uint64_t fill; /* the word that a same-filled page repeats */
	};
	uint64_t checksum; /* of the page before compression */
	uint32_t bytes; /* of the object; 0: same-filled */
	bool freed;
};

struct uzs_pages {
	struct zs_pool *pool;
	const struct uzs_codec *codec;
	struct uzs_record *record; /* or NULL */
	int record_status; /* of its last call: 0 or an exit status */
	size_t page_bytes;
	size_t raw_from_bytes; /* compressed pages of this size and more are
				* kept raw */
	struct uzs_page **chunks; /* of UZS_PAGES_PER_CHUNK */
	size_t chunk_count;
	void *scratch; /* a compressed page */
	size_t scratch_bytes;
	void *page; /* a page read back */
	void *copy; /* an object that lies in two pages of the pool */
	/* counts */
	uint64_t count; /* pages stored */
	uint64_t same_filled;
	uint64_t raw;
	uint64_t objects; /* in the pool now */
	uint64_t object_bytes; /* their sizes */
	uint64_t record_bytes; /* bytes of the chunks, taken from the OS */
	/* time spent in uzs_pages_store */
	uint64_t checksum_ns;
	uint64_t compress_ns;
	uint64_t pool_ns; /* zs_malloc and zs_obj_write */
};

#define UZS_PAGES_PER_CHUNK 32768u

/* The pool, codec and page_bytes are set; the rest is filled in here.
 * Return: 0 or an exit status. */
int uzs_pages_init(struct uzs_pages *pages);
/* Does not touch the pool. */
void uzs_pages_destroy(struct uzs_pages *pages);
/* Return: 0; -ENOMEM if the pool has no memory; -ENOBUFS if there is none for
 * the records; -EIO if the compressor fails; another error of the pool. */
int uzs_pages_store(struct uzs_pages *pages, const void *data);
/* Reads back every page that is not freed, decompresses it and compares its
 * checksum. Return: 0, or 1 and *bad, the number of the first bad page. */
int uzs_pages_verify(struct uzs_pages *pages, uint64_t *bad);
/* Calls @take for each page that is not freed, with its object: NULL and 0 bytes for
 * a same-filled one. Return: 0, or what @take returned, which ends it; EIO: an
 * object cannot be read. */
int uzs_pages_each(const struct uzs_pages *pages,
		   int (*take)(void *arg, const void *object, uint32_t bytes),
		   void *arg);

/* Pages whose objects are to be freed, in this order. */
struct uzs_choice {
	uint32_t *pages; /* numbers */
	uint64_t count;
	size_t bytes; /* mapped */
};
/* Chooses @percent of the objects at random, in random order.
 * Return: 0, or -ENOBUFS if there is no memory for the choice. */
int uzs_pages_choose(const struct uzs_pages *pages, unsigned int percent,
		     uint64_t seed, struct uzs_choice *choice);
void uzs_choice_destroy(struct uzs_choice *choice);
/* Frees them. */
void uzs_pages_free(struct uzs_pages *pages, const struct uzs_choice *choice);

#endif
