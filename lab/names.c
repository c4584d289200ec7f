/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* names.c - what an address in the arena is, in words for a table: a field of
 * the pool or of a class, a page, the word of a known handle. Owns no state.
 */
#include "scenario.h"

#include <stdio.h>

#include "internal.h"

struct field {
	size_t offset, size;
	const char *name;
};

#define FIELD(type, field)                                        \
	{                                                         \
		offsetof(struct type, field),                     \
			sizeof(((struct type *)0)->field), #field \
	}

static const struct field pool_fields[] = {
	FIELD(zs_pool, pages_allocated),
	FIELD(zs_pool, peak_pages),
	FIELD(zs_pool, stat),
	FIELD(zs_pool, compaction_in_progress),
	FIELD(zs_pool, trim_in_progress),
	FIELD(zs_pool, free_work.pending),
	FIELD(zs_pool, reclaim_work.pending),
	FIELD(zs_pool, deferred.work.pending),
	FIELD(zs_pool, deferred.mode),
	FIELD(zs_pool, deferred.ring),
	FIELD(zs_pool, deferred.nr_drained),
	FIELD(zs_pool, deferred),
	FIELD(zs_pool, wq.event),
	FIELD(zs_pool, zone.nr_sections),
	FIELD(zs_pool, zone.nr_out),
	FIELD(zs_pool, zone.nr_free),
	FIELD(zs_pool, zone.nr_warm),
	FIELD(zs_pool, zone.reclaim_wanted),
	FIELD(zs_pool, zone.bytes_given_back),
	FIELD(zs_pool, zone.pages_migrated),
	FIELD(zs_pool, zone.migrations_busy),
	FIELD(zs_pool, handle_cache.nr_slabs),
	FIELD(zs_pool, zspage_cache.nr_slabs),
};

static const struct field class_fields[] = {
	FIELD(size_class, objs_capacity),
	FIELD(size_class, objs_inuse),
	FIELD(size_class, objs_freed),
	FIELD(size_class, zspages),
};

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static const char *field_at(const struct field *fields, size_t n, size_t offset)
{
	for (size_t i = 0; i < n; i++)
		if (offset - fields[i].offset < fields[i].size)
			return fields[i].name;
	return NULL;
}

/* A class lies behind the pool, all of them in a row. */
static bool name_in_class(const struct zs_pool *pool, uintptr_t addr, char *buf,
			  size_t size)
{
	for (unsigned int i = 0; i < pool->nr_classes; i++) {
		size_t offset = addr - (uintptr_t)pool->size_class[i];
		const char *name;

		if (offset >= sizeof(struct size_class))
			continue;
		name = field_at(class_fields, NR(class_fields), offset);
		if (!name)
			return false;
		snprintf(buf, size, "class %u %s", pool->size_class[i]->index,
			 name);
		return true;
	}
	return false;
}

/* By the last digits of its PFN. */
static bool name_page(const struct zs_pool *pool, uintptr_t addr, char *buf,
		      size_t size)
{
	const struct zone *zone = &pool->zone;
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

bool lab_name_object(const struct lab_world *w, const void *obj, char *buf,
		     size_t size)
{
	const struct zs_pool *pool = w->pool;
	uintptr_t addr = (uintptr_t)obj;
	const char *name;

	for (unsigned int i = 0; i < LAB_SLOTS; i++)
		if (w->object[i].handle == addr) {
			snprintf(buf, size, "handle %u", i);
			return true;
		}
	name = field_at(pool_fields, NR(pool_fields), addr - (uintptr_t)pool);
	if (name) {
		snprintf(buf, size, "%s", name);
		return true;
	}
	return name_in_class(pool, addr, buf, size) ||
	       name_page(pool, addr, buf, size);
}
