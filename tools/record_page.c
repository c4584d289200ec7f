/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* record_page.c - reads the numbers of a record's stream, and shortens them for a page.
 * Owns no state.
 */
#include "record_page.h"

#include <stdlib.h>

#include "record_state.h"

/* ---- numbers ------------------------------------------------------------------------ */

void uzs_add(struct uzs_numbers *numbers, uint64_t value)
{
	if (numbers->nr + 10 > numbers->room) {
		size_t room = numbers->room ? 2 * numbers->room : 65536;
		void *mem = realloc(numbers->bytes, room);

		if (!mem) {
			numbers->no_memory = true;
			return;
		}
		numbers->bytes = mem;
		numbers->room = room;
	}
	for (; value > 0x7f; value >>= 7)
		numbers->bytes[numbers->nr++] = (unsigned char)(value | 0x80);
	numbers->bytes[numbers->nr++] = (unsigned char)value;
}

void uzs_add_difference(struct uzs_numbers *numbers, uint64_t from, uint64_t to)
{
	int64_t d = (int64_t)(to - from);

	uzs_add(numbers, (uint64_t)(d < 0 ? -2 * d - 1 : 2 * d));
}

/* ---- reading ------------------------------------------------------------------------ */

uint64_t uzs_next(struct uzs_reader *reader)
{
	uint64_t value = 0;
	unsigned int shift = 0;

	do
		value |= (uint64_t)(*reader->at & 0x7f) << shift;
	while (shift += 7, *reader->at++ & 0x80);
	return value;
}

struct uzs_read uzs_read_record(struct uzs_reader *reader,
				const struct uzs_record *rec)
{
	static const unsigned char args[] = {
#define RECORD_ARGS(word, name, nr) nr,
		UZS_RECORDS(RECORD_ARGS)
	};
	uint64_t code = uzs_next(reader);
	struct uzs_read one = { .word = (enum uzs_record_code)(code >> 1),
				.alone = code & 1,
				.nr = args[code >> 1] };

	for (unsigned int i = 0; i < one.nr; i++)
		one.values[i] = uzs_next(reader);
	if (one.word == UZS_RECORD_NEW)
		one.more =
			rec->classes[rec->zspages[one.values[0]].class].pages;
	else if (one.word == UZS_RECORD_CHAIN)
		one.more = one.values[1];
	else if (one.word == UZS_RECORD_ORDER)
		one.more = 2 * one.values[1];
	return one;
}

/* ---- shortening --------------------------------------------------------------------- */

/* Notes the handle of an allocated object. Return: what a reader knows of it before: the
 * last one of this number, or else of all. */
static uint32_t take_handle(struct uzs_shortened *done, size_t n,
			    uint64_t difference, bool *no_memory)
{
	uint32_t before = done->last_handle;

	if (n < done->objects)
		before = done->handles[n];
	else if (n >= done->room) {
		size_t room = n < 512 ? 1024 : 2 * n;
		void *mem =
			realloc(done->handles, room * sizeof(*done->handles));

		if (!mem) {
			*no_memory = true;
			return 0;
		}
		done->handles = mem;
		done->room = room;
	}
	if (n >= done->objects)
		done->objects = n + 1;
	done->last_handle += (uint32_t)(difference & 1 ? -(difference / 2) - 1
						       : difference / 2);
	done->handles[n] = done->last_handle;
	return before;
}

void uzs_add_stream(struct uzs_numbers *numbers, struct uzs_shortened *done,
		    const struct uzs_record *rec)
{
	struct uzs_reader reader = { rec->stream.bytes + done->bytes };

	while (reader.at < rec->stream.bytes + rec->stream.nr &&
	       !numbers->no_memory) {
		struct uzs_read one = uzs_read_record(&reader, rec);
		uint32_t before = 0;

		uzs_add(numbers, (uint64_t)one.word << 1 | one.alone);
		if (one.word == UZS_RECORD_ALLOC)
			before = take_handle(done, one.values[0], one.values[3],
					     &numbers->no_memory);
		if (!one.alone) {
			for (unsigned int i = 0; i < one.nr; i++)
				uzs_add(numbers, one.values[i]);
			for (; one.more; one.more--)
				uzs_add(numbers, uzs_next(&reader));
		} else if (one.word == UZS_RECORD_ALLOC) {
			uzs_add(numbers, one.values[1]);
			uzs_add(numbers, one.values[2]);
			uzs_add_difference(numbers, before, done->last_handle);
		} else {
			uzs_add(numbers, one.values[0]);
		}
	}
	done->bytes = rec->stream.nr;
}
