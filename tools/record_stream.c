/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* record_stream.c - the numbers of a record, as record.h has them, and how many there may
 * be: the file has to stay below 20 MiB. Owns the stream, and memory's ends.
 */
#include "record_state.h"

#include <stdlib.h>
#include <zlib.h>

/* Bytes of the stream from one look at its size to the next. */
#ifndef REC_CHECK_BYTES
#define REC_CHECK_BYTES (1u << 20)
#endif
/* Bytes of what a page has of the streams in it, compressed: with base64, and what else
 * is in the page, it stays below 20 MiB. A test sets less. */
#ifndef REC_STREAM_BYTES
#define REC_STREAM_BYTES (14u << 20)
#endif

int uzs_rec_memory(const struct uzs_record *rec)
{
	if (rec->too_many_sections)
		return uzs_fail("the record has room for a pool of 16 GiB");
	return rec->no_memory ? uzs_fail("out of memory for the record") : 0;
}

/* Room for `want` entries: the array, perhaps another. Without memory the old one, and
 * rec->no_memory is set. */
void *uzs_rec_room(struct uzs_record *rec, void *array, size_t *room,
		   size_t want, size_t size)
{
	size_t more = *room ? *room : 256;
	void *mem;

	if (want <= *room)
		return array;
	while (more < want)
		more *= 2;
	mem = realloc(array, more * size);
	if (!mem) {
		rec->no_memory = true;
		return array;
	}
	*room = more;
	return mem;
}

void uzs_rec_put(struct uzs_record *rec, uint64_t value)
{
	uzs_add(&rec->stream, value);
	rec->no_memory |= rec->stream.no_memory;
}

void uzs_rec_code(struct uzs_record *rec, enum uzs_record_code code)
{
	uzs_rec_put(rec, (uint64_t)code << 1);
}

static void put_difference(struct uzs_record *rec, uint32_t *last,
			   uint32_t value)
{
	uzs_add_difference(&rec->stream, *last, value);
	rec->no_memory |= rec->stream.no_memory;
	*last = value;
}

/* @single: is a frame of its own. */
void uzs_rec_put_alloc(struct uzs_record *rec, uint32_t n, uint32_t g,
		       bool single)
{
	const struct rec_object *object = &rec->objects[n];

	uzs_rec_put(rec, (uint64_t)UZS_RECORD_ALLOC << 1 | single);
	uzs_rec_put(rec, n);
	put_difference(rec, &rec->last_id, object->id);
	uzs_rec_put(rec, object->size);
	put_difference(rec, &rec->last_handle,
		       uzs_rec_word(rec, object->handle));
	uzs_rec_put(rec, object->z);
	uzs_rec_put(rec, object->place);
	uzs_rec_put(rec, g);
}

void uzs_rec_put_new(struct uzs_record *rec, uint32_t z)
{
	const struct rec_zspage *zspage = &rec->zspages[z];

	uzs_rec_code(rec, UZS_RECORD_NEW);
	uzs_rec_put(rec, z);
	for (unsigned int i = 0; i < rec->classes[zspage->class].pages; i++)
		uzs_rec_put(rec, rec->page[zspage->page_base + i]);
	rec->zspages[z].shown = true;
}

void uzs_rec_put_chain(struct uzs_record *rec, uint32_t z)
{
	const struct rec_zspage *zspage = &rec->zspages[z];

	uzs_rec_code(rec, UZS_RECORD_CHAIN);
	uzs_rec_put(rec, z);
	uzs_rec_put(rec, rec->classes[zspage->class].objs - zspage->inuse);
	for (uint32_t i = zspage->free_head; i != REC_NONE;
	     i = rec->link[zspage->base + i])
		uzs_rec_put(rec, i);
}

void uzs_rec_put_frame(struct uzs_record *rec, uint64_t ops, char kind)
{
	uzs_rec_code(rec, UZS_RECORD_FRAME);
	uzs_rec_put(rec, ops);
	uzs_rec_put(rec, (uint64_t)(unsigned char)kind);
	uzs_rec_put(rec, rec->frame_lines);
	rec->frame_lines = 0;
	rec->frame_ops = 0;
	rec->frames++;
}

/* ---- its size ------------------------------------------------------------------ */

/* The page must not outgrow its size: from a quarter of what is left on, sixteen times as
 * many operations make a frame. */
int uzs_rec_check_size(struct uzs_record *rec)
{
	uint64_t most = REC_STREAM_BYTES / rec->sharers, left;
	struct uzs_numbers numbers = { 0 };
	unsigned char *out = NULL;
	uLongf packed;

	/* A number may be missing then. */
	if (rec->no_memory)
		return uzs_rec_memory(rec);
	if (rec->stream.nr - rec->packed_to.bytes < REC_CHECK_BYTES)
		return 0;
	uzs_add_stream(&numbers, &rec->packed_to, rec);
	packed = compressBound(numbers.nr);
	if (!numbers.no_memory)
		out = malloc(packed);
	if (out &&
	    compress2(out, &packed, numbers.bytes, numbers.nr, 6) == Z_OK)
		rec->packed += packed;
	else
		rec->no_memory = true;
	free(out);
	free(numbers.bytes);
	if (rec->no_memory)
		return uzs_rec_memory(rec);
	if (rec->packed >= most) {
		/* What is there stays; the page says where it ends. */
		uzs_rec_flush(rec);
		rec->full = true;
		return uzs_rec_sample(rec, true);
	}
	left = most - rec->packed;
	while (left < most / 4 >> rec->thinnings && rec->thinnings < 8) {
		if (!rec->thinned_from)
			rec->thinned_from = rec->ops + 1;
		rec->every *= 16;
		rec->thinnings++;
	}
	return 0;
}
