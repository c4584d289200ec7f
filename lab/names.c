/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* names.c - describes an address in the arena in words for a table: the word of
 * a known handle, a field of the pool or of a class, a page. Owns no state.
 */
#include <stdio.h>

#include "compat/zone.h"
#include "pool.h"

/* Names a page by the last digits of its PFN. */
static bool name_page(const struct zone *zone, uintptr_t addr, char *buf,
		      size_t size)
{
	struct section *section;

	list_for_each_entry(section, &zone->sections, list) {
		const struct page *first =
			uzs_section_page(zone, section, zone->first);
		const struct page *end =
			uzs_section_page(zone, section, zone->nr_pages);

		if (addr >= (uintptr_t)first && addr < (uintptr_t)end) {
			snprintf(buf, size, "page %lu",
				 page_to_pfn(zone, (const struct page *)addr) &
					 0xfff);
			return true;
		}
	}
	return false;
}

bool lab_name_object(struct lab_world *w, const void *obj, char *buf,
		     size_t size)
{
	uintptr_t addr = (uintptr_t)obj;

	for (unsigned int i = 0; i < LAB_SLOTS; i++) {
		bool is_ref = (uintptr_t)&w->ref[i] == addr;

		if (!is_ref && w->object[i].handle != addr)
			continue;
		snprintf(buf, size, "%s %u", is_ref ? "ref" : "handle", i);
		return true;
	}
	return lab_pool_name(w, addr, buf, size) ||
	       name_page(lab_pool_zone(w), addr, buf, size);
}
