/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* compare.h - `uzs store --compare`: the objects of a pool in other allocators,
 * each in a process of its own, which is this program started again as `uzs hold`
 * with the allocator preloaded.
 *
 * What the two processes say, both of this program on this machine: the parent a
 * plan, then for each page its object's size (0: none) and the object, then the
 * numbers of the pages to free, in order. The other then answers with a report; or
 * before, if it fails.
 */
#ifndef UZS_COMPARE_H
#define UZS_COMPARE_H

#include "allocator.h"
#include "pages.h"

#define UZS_RIVALS 4u

struct uzs_hold_plan {
	uint64_t pages;
	uint64_t frees;
};

enum uzs_hold_stage {
	UZS_HELD,
	UZS_HELD_FREED,
	UZS_HELD_TRIMMED,
	UZS_HELD_STAGES
};

struct uzs_hold_report {
	int error; /* 0, or an errno; EILSEQ: another allocator was found */
	struct uzs_allocator allocator;
	uint64_t rss_bytes[UZS_HELD_STAGES]; /* growth by the objects */
};

struct uzs_rival {
	const char *name; /* as the user writes it */
	struct uzs_hold_report report;
};

struct uzs_rivals {
	struct uzs_rival list[UZS_RIVALS];
	unsigned int nr;
};

/* Takes "malloc,jemalloc". Return: 0 or UZS_USAGE. */
int uzs_rivals_parse(const char *text, struct uzs_rivals *rivals);
/* Gives each all objects of the pool, has it free those of @choice, and fills in
 * the reports. Return: 0 or an exit status. */
int uzs_rivals_run(const struct uzs_pages *pages,
		   const struct uzs_choice *choice, struct uzs_rivals *rivals);

#endif
