/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pages.c - see pages.h. */
#include "pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define CHUNK_BYTES (UZS_PAGES_PER_CHUNK * sizeof(struct uzs_page))

static struct uzs_page *page_at(const struct uzs_pages *pages, uint64_t number)
{
	return &pages->chunks[number / UZS_PAGES_PER_CHUNK]
			     [number % UZS_PAGES_PER_CHUNK];
}

/* 64 bits from two different checksums: CRC-32 finds every error burst of up to
 * 32 bits, Adler-32 is a sum. Two CRCs with different start values would find
 * no more than one: they differ by a constant. */
static uint64_t checksum(const void *data, size_t bytes)
{
	return (uint64_t)crc32(0, data, (uInt)bytes) << 32 |
	       adler32(1, data, (uInt)bytes);
}

/* Does the page repeat a single word? */
static bool is_same_filled(const void *data, size_t bytes, uint64_t *fill)
{
	memcpy(fill, data, sizeof(*fill));
	return !memcmp(data, (const char *)data + sizeof(*fill),
		       bytes - sizeof(*fill));
}

int uzs_pages_init(struct uzs_pages *pages)
{
	pages->scratch_bytes = uzs_codec_bound(pages->codec, pages->page_bytes);
	pages->scratch = uzs_map_bytes(pages->scratch_bytes);
	pages->page = uzs_map_bytes(pages->page_bytes);
	pages->copy = uzs_map_bytes(pages->page_bytes);
	if (pages->scratch && pages->page && pages->copy)
		return 0;
	return uzs_fail("out of memory for the buffers");
}

void uzs_pages_destroy(struct uzs_pages *pages)
{
	size_t i;

	for (i = 0; i < pages->chunk_count; i++)
		uzs_unmap_bytes(pages->chunks[i], CHUNK_BYTES);
	free(pages->chunks);
	uzs_unmap_bytes(pages->scratch, pages->scratch_bytes);
	uzs_unmap_bytes(pages->page, pages->page_bytes);
	uzs_unmap_bytes(pages->copy, pages->page_bytes);
}

/* The record of a new page, NULL if there is no memory. Chunks are mapped and
 * touched as a whole. So their memory is known exactly and can be subtracted
 * from the growth of the process. */
static struct uzs_page *new_page(struct uzs_pages *pages)
{
	struct uzs_page **chunks;

	if (pages->count ==
	    (uint64_t)pages->chunk_count * UZS_PAGES_PER_CHUNK) {
		chunks = realloc(pages->chunks,
				 (pages->chunk_count + 1) * sizeof(*chunks));
		if (!chunks)
			return NULL;
		pages->chunks = chunks;
		chunks[pages->chunk_count] = uzs_map_bytes(CHUNK_BYTES);
		if (!chunks[pages->chunk_count])
			return NULL;
		pages->chunk_count++;
		pages->record_bytes += CHUNK_BYTES;
	}
	return page_at(pages, pages->count);
}

/* Adds the time since *start to the sum, and restarts. */
static void lap(uint64_t *sum_ns, uint64_t *start)
{
	uint64_t now = uzs_now_ns();

	*sum_ns += now - *start;
	*start = now;
}

int uzs_pages_store(struct uzs_pages *pages, const void *data)
{
	uint64_t start = uzs_now_ns();
	struct uzs_page *page = new_page(pages);
	const void *object = pages->scratch;
	unsigned long handle;
	uint64_t fill;
	size_t bytes;
	int error;

	if (!page)
		return -ENOBUFS;
	page->checksum = checksum(data, pages->page_bytes);
	lap(&pages->checksum_ns, &start);
	if (is_same_filled(data, pages->page_bytes, &fill)) {
		page->fill = fill;
		pages->same_filled++;
		pages->count++;
		return 0;
	}
	bytes = uzs_codec_compress(pages->codec, data, pages->page_bytes,
				   pages->scratch, pages->scratch_bytes);
	if (!bytes)
		return -EIO;
	if (bytes >= pages->raw_from_bytes) {
		bytes = pages->page_bytes;
		object = data;
	}
	lap(&pages->compress_ns, &start);

	handle = zs_malloc(pages->pool, bytes, GFP_KERNEL, NUMA_NO_NODE);
	if (zs_is_err(handle))
		return zs_err(handle);
	error = zs_obj_write(pages->pool, handle, object, bytes);
	if (error) {
		zs_free(pages->pool, handle);
		return error;
	}
	lap(&pages->pool_ns, &start);
	if (pages->record && !pages->record_status)
		pages->record_status = uzs_record_alloc(pages->record, handle,
							(uint32_t)pages->count,
							(uint32_t)bytes, 0);
	page->handle = handle;
	page->bytes = (uint32_t)bytes;
	pages->raw += bytes == pages->page_bytes;
	pages->objects++;
	pages->object_bytes += bytes;
	pages->count++;
	return 0;
}

static bool is_good(struct uzs_pages *pages, const struct uzs_page *page)
{
	const void *data = pages->page;
	uint64_t *words = pages->page;
	void *object;
	bool good = true;
	size_t i;

	if (!page->bytes) {
		for (i = 0; i < pages->page_bytes / sizeof(*words); i++)
			words[i] = page->fill;
		return checksum(words, pages->page_bytes) == page->checksum;
	}
	object = zs_obj_read_begin(pages->pool, page->handle, page->bytes,
				   pages->copy);
	if (!object)
		return false;
	if (page->bytes == pages->page_bytes)
		data = object;
	else
		good = uzs_codec_decompress(pages->codec, object, page->bytes,
					    pages->page, pages->page_bytes);
	good = good && checksum(data, pages->page_bytes) == page->checksum;
	zs_obj_read_end(pages->pool, page->handle, page->bytes, object);
	return good;
}

int uzs_pages_verify(struct uzs_pages *pages, uint64_t *bad)
{
	struct uzs_progress progress;
	uint64_t number;

	uzs_progress_start(&progress, "verify", pages->count);
	for (number = 0; number < pages->count; number++) {
		const struct uzs_page *page = page_at(pages, number);

		if (!page->freed && !is_good(pages, page)) {
			*bad = number;
			return 1;
		}
		uzs_progress_update(&progress, number);
	}
	uzs_progress_clear();
	return 0;
}

/* A number below @limit, from a splitmix64 sequence; the same on every
 * machine. The bias of the modulo is below 2^-32. */
static uint64_t random_below(uint64_t *state, uint64_t limit)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15u;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return (value ^ value >> 31) % limit;
}

int uzs_pages_each(const struct uzs_pages *pages,
		   int (*take)(void *arg, const void *object, uint32_t bytes),
		   void *arg)
{
	uint64_t number;
	int result = 0;

	for (number = 0; number < pages->count && !result; number++) {
		const struct uzs_page *page = page_at(pages, number);
		void *object;

		if (page->freed)
			continue;
		if (!page->bytes) {
			result = take(arg, NULL, 0);
			continue;
		}
		object = zs_obj_read_begin(pages->pool, page->handle,
					   page->bytes, pages->copy);
		if (!object)
			return EIO;
		result = take(arg, object, page->bytes);
		zs_obj_read_end(pages->pool, page->handle, page->bytes, object);
	}
	return result;
}

int uzs_pages_choose(const struct uzs_pages *pages, unsigned int percent,
		     uint64_t seed, struct uzs_choice *choice)
{
	uint64_t objects = 0;
	uint64_t number, i;

	choice->pages = NULL;
	choice->count = pages->objects * percent / 100;
	choice->bytes = pages->objects * sizeof(*choice->pages);
	if (!choice->count)
		return 0;
	if (pages->count > UINT32_MAX)
		return -ENOBUFS;
	choice->pages = uzs_map_bytes(choice->bytes);
	if (!choice->pages)
		return -ENOBUFS;
	for (number = 0; number < pages->count; number++) {
		if (page_at(pages, number)->bytes)
			choice->pages[objects++] = (uint32_t)number;
	}
	/* The first entries of a shuffle. */
	for (i = 0; i < choice->count; i++) {
		uint64_t k = i + random_below(&seed, objects - i);
		uint32_t page = choice->pages[k];

		choice->pages[k] = choice->pages[i];
		choice->pages[i] = page;
	}
	return 0;
}

void uzs_choice_destroy(struct uzs_choice *choice)
{
	uzs_unmap_bytes(choice->pages, choice->bytes);
	choice->pages = NULL;
}

void uzs_pages_free(struct uzs_pages *pages, const struct uzs_choice *choice)
{
	uint64_t i;

	for (i = 0; i < choice->count; i++) {
		struct uzs_page *page = page_at(pages, choice->pages[i]);

		if (pages->record && !pages->record_status)
			pages->record_status =
				uzs_record_free(pages->record, page->handle, 0);
		zs_free(pages->pool, page->handle);
		if (pages->record && !pages->record_status)
			pages->record_status =
				uzs_record_freed(pages->record, 0);
		page->freed = true;
		pages->objects--;
		pages->object_bytes -= page->bytes;
	}
}
