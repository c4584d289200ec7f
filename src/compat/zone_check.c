/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zone_check.c - checks the invariants of a zone. Owns no state.
 *
 * Kernel origin: none.
 * Locks: needs gate; takes every slot lock and zone->lock. Sleeps: no.
 */
#include "buddy.h"

#include <stdio.h>

struct zone_report {
	void (*report)(void *arg, const char *text);
	void *arg;
	unsigned long bad;
};

static void expect_equal(struct zone_report *r, const char *what,
			 unsigned long counted, unsigned long recorded)
{
	char text[128];

	if (counted == recorded)
		return;
	snprintf(text, sizeof(text), "zone: %s: %lu counted, %lu recorded",
		 what, counted, recorded);
	r->bad++;
	r->report(r->arg, text);
}

unsigned long uzs_zone_check(struct zone *zone,
			     void (*report)(void *arg, const char *text),
			     void *arg)
{
	struct zone_report r = { report, arg, 0 };
	unsigned long nr_free = 0, nr_warm = 0, listed = 0, sections = 0;
	unsigned long pcp = 0, mixed = 0, ceilings = 0, unseen = 0;
	struct section *section;
	struct page *page;

	uzs_zone_lock_all(zone);
	list_for_each_entry(section, &zone->sections, list) {
		unsigned long section_free = 0;

		sections++;
		for (unsigned int i = zone->first; i < zone->nr_pages;) {
			unsigned int warm;

			page = uzs_section_page(zone, section, i);
			if (!(page_flags(page) & PG_buddy)) {
				i++;
				continue;
			}
			warm = uzs_count_warm(zone, section, i, page->aux);
			mixed += warm != page->private ||
				 (i & ((1u << page->aux) - 1)) != 0;
			section_free += 1u << page->aux;
			nr_warm += warm;
			i += 1u << page->aux;
		}
		expect_equal(&r, "free pages of a section", section_free,
			     section->nr_free);
		nr_free += section_free;
	}
	for (unsigned int o = 0; o < UZS_NR_ORDERS; o++)
		for (int t = 0; t < MIGRATE_TYPES; t++)
			list_for_each_entry(page,
					    uzs_free_list(zone, o, (unsigned)t),
					    lru) {
				listed += 1u << o;
				mixed += page->aux != o ||
					 uzs_section_of(page)->type != (u32)t;
			}
	expect_equal(&r, "sections", sections, zone->nr_sections);
	expect_equal(&r, "free pages", nr_free, zone->nr_free);
	expect_equal(&r, "pages in free lists", listed, zone->nr_free);
	expect_equal(&r, "warm free pages", nr_warm, zone->nr_warm);
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		unsigned long held = pcp;

		for (int t = 0; t < MIGRATE_PCPTYPES; t++)
			list_for_each_entry(page, &slot->list[t], lru)
				pcp++;
		ceilings += slot->ceiling;
		unseen += pcp - held > slot->ceiling &&
			  READ_ONCE(zone->give_back) == UZS_GIVE_BACK_NONE;
	}
	expect_equal(&r, "ceilings of per-CPU lists", ceilings, zone->ceilings);
	expect_equal(&r, "per-CPU lists above their ceilings", unseen, 0);
	expect_equal(&r, "pages in per-CPU lists", pcp, uzs_pcp_pages(zone));
	expect_equal(&r, "pages handed out",
		     sections * uzs_section_capacity(zone) - nr_free,
		     zone->nr_out);
	expect_equal(&r, "misfiled free blocks", mixed, 0);
	uzs_zone_unlock_all(zone);
	return r.bad;
}
