/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_zone.h - which part of a zone lies at an address: for the names of fields,
 * ours (sim_fields.c) and a kernel file's (kernel/sim.c). Both include it after
 * their own headers, which name struct page differently.
 */
#ifndef UZS_LAB_SIM_ZONE_H
#define UZS_LAB_SIM_ZONE_H

#include "compat/zone.h"

struct sim_field {
	size_t offset, size;
	const char *name;
};

/* The name of the field that begins at or before that byte of the structure;
 * `other` if none does. */
static inline const char *sim_field_at(const struct sim_field *fields,
				       size_t nr, size_t at, const char *other)
{
	for (size_t i = 0; i < nr; i++)
		if (at - fields[i].offset < fields[i].size)
			return fields[i].name;
	return other;
}

static inline bool sim_is_in(const void *addr, const void *start, size_t size)
{
	return (uintptr_t)addr - (uintptr_t)start < size;
}

/* Is it in one of the zone's sections? */
static inline bool sim_in_zone(const struct zone *zone, const void *addr)
{
	const struct section *of = uzs_section_of(addr);
	const struct list_head *at;

	for (at = zone->sections.next; at != &zone->sections; at = at->next)
		if (container_of(at, struct section, list) == of)
			return true;
	return false;
}

/* The zone's own fields. */
static inline const char *sim_zone_field(const struct zone *zone,
					 const void *addr)
{
	return sim_is_in(addr, &zone->lock, sizeof(zone->lock)) ? "zone->lock"
								: "zone";
}

#endif
