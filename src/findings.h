/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* findings.h - what a check of a pool finds, for check.c and the profiles' part
 * of it. */
#ifndef UZS_FINDINGS_H
#define UZS_FINDINGS_H

#include <stdio.h>

#include "types.h"

#define KNOWN_SECTIONS 64

struct check {
	struct zs_pool *pool;
	FILE *out;
	/* those that are looked at */
	struct size_class *const *class;
	unsigned int nr_classes;
	bool all_classes; /* by their index, merged ones too */
	unsigned long bad;
	unsigned long pages; /* of all zspages checked */
	unsigned long unnamed; /* objects in use that no word names */
	/* Sections of the zone, found by a hash. Handles lie in few
	 * sections. */
	const struct section *known[KNOWN_SECTIONS];
};

/* Is check->class[i] to be looked at? */
static inline bool uzs_checks_class(const struct check *check, unsigned int i)
{
	return !check->all_classes || check->class[i]->index == i;
}
/* Tells and counts a violation: "I5: ...". */
void uzs_violated(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Is there a word of the handle cache at that address? */
bool uzs_check_is_handle(struct check *check, unsigned long handle);

#endif
