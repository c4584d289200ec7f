/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* replay.h - the state of a replay and how it is printed. */
#ifndef UZS_REPLAY_H
#define UZS_REPLAY_H

#include "objtable.h"
#include "record.h"
#include "trace.h"
#include "uzs.h"

struct uzs_replay {
	struct zs_pool *pool;
	struct uzs_trace *trace;
	struct uzs_objtable table;
	struct zs_class_info *classes; /* the distinct ones, as last read */
	unsigned int *indices; /* their indices, ascending */
	unsigned int class_count;
	uint32_t max_size; /* bytes, of an object */
	const char *is_page; /* says so in a message, if that is a page */
	uint64_t *expected; /* max_size bytes: the pattern of an object */
	void *copy; /* max_size bytes: for objects that lie in two pages */
	uint64_t live;
	uint64_t failed_allocs;
	uint64_t compactions;
	uint64_t trims;
	unsigned long peak_pages;
	uint32_t generation;
	uint64_t bad_objects; /* objects that did not hold their pattern */
	uint64_t first_bad_line; /* where the first was found; 0: at the end */
	uint32_t first_bad_id;
	struct uzs_record *record; /* or NULL */
	bool quiet; /* prints nothing: runs beside another, to compare */
};

/* Prints the line `before`, `after` or `end`, after reading the classes again.
 * @line: of the operation. Return: 0 or an exit status. */
int uzs_replay_print_state(struct uzs_replay *replay, const char *when,
			   uint64_t line);
/* Compacts and prints the line `compact`. The classes must have been read since
 * the last operation. */
void uzs_replay_compact(struct uzs_replay *replay);
/* Prints the lines `class`, as last read. */
void uzs_replay_print_classes(const struct uzs_replay *replay);

#endif
