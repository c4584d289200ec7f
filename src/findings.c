/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* findings.c - tells and counts what a check of a pool finds. Owns no state.
 *
 * Locks: takes zone->lock for a short time. Sleeps: only on output.
 */
#include "findings.h"

#include <stdarg.h>

#include "compat/zone.h"

void uzs_violated(struct check *check, const char *format, ...)
{
	va_list args;

	check->bad++;
	if (!check->out)
		return;
	fprintf(check->out, "uzsmalloc: pool %s: ", check->pool->name);
	va_start(args, format);
	vfprintf(check->out, format, args);
	va_end(args);
	fputc('\n', check->out);
}

/* Locks: needs gate, so that no section goes away. */
static bool is_section(struct check *check, const struct section *addr)
{
	struct zone *zone = &check->pool->zone;
	const struct section **known =
		&check->known[(uintptr_t)addr / UZS_SECTION_SIZE %
			      KNOWN_SECTIONS];
	struct section *section;

	if (!addr)
		return false;
	if (*known == addr)
		return true;
	spin_lock(&zone->lock);
	list_for_each_entry(section, &zone->sections, list)
		if (section == addr)
			*known = addr;
	spin_unlock(&zone->lock);
	return *known == addr;
}

/* Is there a word of the handle cache at that address? A program that writes
 * past an object's end may leave any value in the next object's first word. */
bool uzs_check_is_handle(struct check *check, unsigned long handle)
{
	const struct kmem_cache *cache = &check->pool->handle_cache;
	const struct zone *zone = &check->pool->zone;
	const void *addr = (const void *)handle;
	const struct page *page;

	if (handle % cache->size || !is_section(check, uzs_section_of(addr)))
		return false;
	page = virt_to_page(zone, addr);
	return uzs_page_index(zone, page) >= zone->first &&
	       (page_flags(page) & PG_SLAB_MASK) == cache->mark;
}
