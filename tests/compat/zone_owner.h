/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zone_owner.h - an owner of movable pages, for the tests of compat/zone.h: it
 * keeps a table of its pages (entry = page->private), and looks at how the
 * zone calls it.
 */
#ifndef UZS_ZONE_OWNER_H
#define UZS_ZONE_OWNER_H

#include "zone_util.h"

struct owned {
	struct page *page; /* NULL: none; guard: owner.lock */
	u64 key;
	bool refuse; /* to be isolated */
	bool busy; /* to be moved */
};

extern struct zone_owner {
	pthread_mutex_t lock;
	struct owned table[MAX_PAGES];
	unsigned long isolated, moved, put_back;
	unsigned long bad;
	/* How full a section was when compaction began, in 31sts. */
	struct {
		const struct section *section;
		unsigned long step;
	} steps[MAX_SECTIONS];
	unsigned int nr_steps;
	void (*meanwhile)(struct zone *zone); /* before a page is moved */
} owner;

extern const struct movable_operations owner_ops;

void owner_reset(void);

/* Makes a page that was just taken the owner's. */
void own_page(struct zone *zone, unsigned int entry, struct page *page,
	      bool movable);
/* Frees it again. Return: was it as it should be? */
bool disown_page(struct zone *zone, unsigned int entry);
bool owned_ok(const struct zone *zone, unsigned int entry);

/* Compacts, and holds the counters to what the owner saw. */
unsigned long owner_compact(struct zone *zone);

/* `sections` full sections of owned pages, of which about one in `keep_1_in`
 * stays: entries 0 to the number returned. */
unsigned int sparse_zone(struct zone *zone, unsigned int sections,
			 unsigned int keep_1_in, struct rng *rng);
/* Of entries 0 to `entries` those that there are. */
void check_owned(struct zone *zone, unsigned int entries);
void disown_all(struct zone *zone, unsigned int entries);

#endif
