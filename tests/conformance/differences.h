/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* differences.h - what the suite expects of a subject, where versions differ
 * by design.
 */
#ifndef UZS_DIFFERENCES_H
#define UZS_DIFFERENCES_H

#include "subject.h"

struct expected {
	int too_large; /* the errno for a size above the largest */
	unsigned int lookup_adds; /* bytes that a lookup of a class adds */
	bool exact; /* classes, groups and placement are those of
		     * tests/data and of the model */
	bool nested_reads; /* several objects may be open for reading */
	bool segments; /* objects can be read as segments */
	bool counts_empty; /* the number of empty zspages is right */
	bool bad_access; /* an access out of range is answered, not made */
	bool destroys_live; /* a pool with live objects can be destroyed */
};

/* What is expected of a subject with these traits. */
struct expected expected_of(const struct subject *subject);

/* Prints the table: each trait, what it means, what the suite then does. */
void print_differences(FILE *out);

/* Prints those of a subject. */
void print_differences_of(const struct subject *subject, FILE *out);

#endif
