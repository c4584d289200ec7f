/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* subject_load.h - subjects from shared objects. */
#ifndef UZS_SUBJECT_LOAD_H
#define UZS_SUBJECT_LOAD_H

#include "subject.h"

#define SUBJECT_ERROR_BYTES 1024

/* Loads a shared object, for as long as the process lives.
 * Return: its subject, or NULL with a line in error. */
const struct subject *subject_load(const char *path,
				   char error[SUBJECT_ERROR_BYTES]);

/* One of `own` by its name, or what has a slash in it or ends in .so,
 * loaded. Return: as subject_load. */
const struct subject *subject_find(const char *name, const struct subject *own,
				   size_t nr_own,
				   char error[SUBJECT_ERROR_BYTES]);

/* Does it take this geometry? */
static inline bool subject_takes(const struct subject *subject,
				 unsigned int page_size,
				 unsigned int chain_size)
{
	return (!subject->page_size || subject->page_size == page_size) &&
	       (!subject->chain_size || subject->chain_size == chain_size);
}

#endif
