/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* allocator.h - what is behind malloc in this process (LD_PRELOAD chooses it), and
 * its own call to give memory back. The programs are linked with none of those
 * that are known: what they offer is looked for by name.
 */
#ifndef UZS_ALLOCATOR_H
#define UZS_ALLOCATOR_H

#include <stdbool.h>

struct uzs_allocator {
	char name[16]; /* "glibc", "jemalloc", "mimalloc", "tcmalloc"; "malloc":
			* one that is not known */
	char version[32]; /* as it says itself, "" if it does not */
};

void uzs_allocator_identify(struct uzs_allocator *allocator);

/* Asks it to give back what it can: the part that each thread has to do for
 * itself, and the part that one thread does for all.
 * Return: false if it refuses. */
void uzs_allocator_release_thread(void);
bool uzs_allocator_release_process(void);

#endif
