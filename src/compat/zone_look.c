/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zone_look.c - what each page of a section is used for, for statistics. Owns no
 * state.
 *
 * Kernel origin: none (/proc/kpageflags is alike).
 * Locks: takes gate, every slot lock and zone->lock. Sleeps: yes.
 */
#include "buddy.h"

static unsigned char free_use(const struct page *page)
{
	return page_flags(page) & PG_warm ? UZS_LOOK_WARM : UZS_LOOK_COLD;
}

void uzs_zone_look(struct zone *zone, const struct section *section,
		   unsigned char *use)
{
	struct page *page;

	uzs_zone_lock_gate(zone);
	uzs_zone_lock_all(zone);
	for (unsigned int i = 0; i < zone->first; i++)
		use[i] = UZS_LOOK_HEAD;
	for (unsigned int i = zone->first; i < zone->nr_pages;) {
		unsigned int end = i + 1;

		page = uzs_section_page(zone, section, i);
		if (!(page_flags(page) & PG_buddy)) {
			use[i] = page_flags(page) & PG_slab ? UZS_LOOK_SLAB
							    : UZS_LOOK_ZSPAGE;
			i = end;
			continue;
		}
		for (end = i + (1u << page->aux); i < end; i++)
			use[i] = free_use(uzs_section_page(zone, section, i));
	}
	/* Pages in the CPUs' lists have no mark of their own. */
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		for (int t = 0; t < MIGRATE_PCPTYPES; t++)
			list_for_each_entry(page, &slot->list[t], lru)
				if (uzs_section_of(page) == section)
					use[uzs_page_index(zone, page)] =
						free_use(page);
	}
	uzs_zone_unlock_all(zone);
	mutex_unlock(&zone->gate);
}
