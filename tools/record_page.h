/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* record_page.h - the numbers of a record's stream: reading them, and what of them goes in
 * a page. For record_stream.c, which asks how much that is, and view.c, which writes it.
 */
#ifndef UZS_RECORD_PAGE_H
#define UZS_RECORD_PAGE_H

#include "record.h"

/* Numbers of 7 bits in a byte, the low ones first. free() the bytes. */
struct uzs_numbers {
	unsigned char *bytes;
	size_t nr, room;
	bool no_memory;
};
void uzs_add(struct uzs_numbers *numbers, uint64_t value);
void uzs_add_difference(struct uzs_numbers *numbers, uint64_t from,
			uint64_t to);

struct uzs_reader {
	const unsigned char *at;
};
uint64_t uzs_next(struct uzs_reader *reader);

/* One record of the stream: its numbers; `more` of them follow. */
struct uzs_read {
	enum uzs_record_code word;
	bool alone; /* a frame of its own */
	unsigned int nr;
	uint64_t values[7], more;
};
struct uzs_read uzs_read_record(struct uzs_reader *reader,
				const struct uzs_record *rec);

/* How far the stream has been shortened. free() the handles. */
struct uzs_shortened {
	size_t bytes; /* of the stream */
	uint32_t *handles; /* of each object, the last */
	size_t objects, room; /* of these */
	uint32_t last_handle;
};
/* What of the rest of the stream goes in a page: of frames of their own, what does not
 * follow from the rule (record.h). */
void uzs_add_stream(struct uzs_numbers *numbers, struct uzs_shortened *done,
		    const struct uzs_record *rec);

#endif
