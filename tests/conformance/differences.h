/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* differences.h - what the suite expects of a subject, where subjects differ
 * by design. The table (differences.c) is also the only source of reasons for
 * which a test may be skipped.
 */
#ifndef UZS_DIFFERENCES_H
#define UZS_DIFFERENCES_H

#include "subject.h"

/* Rows beside those of enum subject_trait: calls that a subject lacks, as its
 * table shows by NULL. */
enum difference {
	LACKS_DEFERRED = 1u << 20, /* free_deferred, flush */
	LACKS_MOVE_PAGES = 1u << 21,
	LACKS_TRIM = 1u << 22,
	LACKS_RUN_OUT = 1u << 23,
	LACKS_HOLD_PAGE = 1u << 24,
	LACKS_PLACES = 1u << 25, /* for_each_zspage */
	LACKS_TABLE = 1u << 26, /* print_classes */
	/* Of a geometry, not of a subject: no class table is recorded. */
	LACKS_RECORD = 1u << 27,
};

struct expected {
	unsigned int differences; /* that the subject has */
	int too_large; /* the errno for a size above the largest */
	unsigned int lookup_adds; /* bytes that a lookup of a class adds */
	bool exact; /* classes, groups and placement are those of
		     * tests/data and of the model */
	bool twelve_groups; /* as ours, by tenths */
	bool nested_reads; /* several objects may be open for reading */
	bool segments; /* objects can be read as segments */
	bool counts_empty; /* the number of empty zspages is right */
	bool bad_access; /* an access out of range is answered, not made */
	bool destroys_live; /* a pool with live objects can be destroyed */
	bool own_classes; /* see SUBJECT_OWN_CLASSES, and so on */
	bool own_places;
	bool one_piece;
	bool counts_used;
	bool pins_objects;
	bool own_sections;
	bool trims_objects;
	bool own_words;
};

/* What is expected of a subject. */
struct expected expected_of(const struct subject *subject);

/* Bytes of its largest object, in a pool with that page size. */
static inline size_t subject_max_size(const struct subject *subject,
				      unsigned int page_size)
{
	return subject->max_size ? subject->max_size : page_size;
}

/* Prints the table: each row, what it means, what the suite then does. */
void print_differences(FILE *out);

/* Prints those rows of `which`. Return: how many there are. */
unsigned int print_some_differences(unsigned int which, FILE *out);

#endif
