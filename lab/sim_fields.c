/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_fields.c - names of what lies in a pool of ours: fields of its structures
 * as the source names them, and what its pages are for. Owns no state.
 */
#include "sim_fields.h"

#include "sim_zone.h"
#include "types.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define FIELD(type, field, text)                                            \
	{                                                                   \
		offsetof(struct type, field),                               \
			sizeof(((struct type *)0)->field), text "->" #field \
	}

static const struct sim_field pool_fields[] = {
	FIELD(zs_pool, lock, "pool"),
	FIELD(zs_pool, pages_allocated, "pool"),
	FIELD(zs_pool, peak_pages, "pool"),
	FIELD(zs_pool, stat, "pool"),
	FIELD(zs_pool, freed_late, "pool"),
	FIELD(zs_pool, give_backs, "pool"),
	FIELD(zs_pool, reuse, "pool"),
	FIELD(zs_pool, free_work, "pool"),
	FIELD(zs_pool, deferred, "pool"),
	FIELD(zs_pool, wq, "pool"),
};

static const struct sim_field class_fields[] = {
	FIELD(size_class, lock, "class"),
	FIELD(size_class, objs_capacity, "class"),
	FIELD(size_class, objs_inuse, "class"),
	FIELD(size_class, objs_freed, "class"),
	FIELD(size_class, groups, "class"),
};

static const struct sim_field group_fields[] = {
	{ offsetof(struct class_groups, zspages),
	  sizeof(((struct class_groups *)0)->zspages), "class->zspages" },
	{ offsetof(struct class_groups, list),
	  sizeof(((struct class_groups *)0)->list), "fullness list" },
};

static const struct sim_field zspage_fields[] = {
	FIELD(zspage, list, "zspage"),
	FIELD(zspage, first_zpdesc, "zspage"),
	FIELD(zspage, lock, "zspage"),
};

static const struct sim_field zpdesc_fields[] = {
	FIELD(zpdesc, flags, "zpdesc"),
	FIELD(zpdesc, first_obj_offset, "zpdesc"),
	FIELD(zpdesc, next, "zpdesc"),
	FIELD(zpdesc, class, "zpdesc"),
	FIELD(zpdesc, zspage, "zpdesc"),
};

static const char *cache_field(const struct kmem_cache *cache, const void *addr)
{
	return sim_is_in(addr, &cache->lock, sizeof(cache->lock))
		       ? "slab cache->lock"
		       : "slab cache";
}

static const char *in_pool(const struct zs_pool *pool, const void *addr)
{
	if (sim_is_in(addr, &pool->handle_cache, sizeof(pool->handle_cache)))
		return cache_field(&pool->handle_cache, addr);
	if (sim_is_in(addr, &pool->zspage_cache, sizeof(pool->zspage_cache)))
		return cache_field(&pool->zspage_cache, addr);
	if (sim_is_in(addr, &pool->zone, sizeof(pool->zone)))
		return sim_zone_field(&pool->zone, addr);
	return sim_field_at(pool_fields, NR(pool_fields),
			    (uintptr_t)addr - (uintptr_t)pool, "pool");
}

static const char *in_page(const struct zs_pool *pool, const struct page *page,
			   const void *addr)
{
	u32 mark = page->flags & PG_SLAB_MASK;
	size_t at = (uintptr_t)addr & (((size_t)1 << pool->page_shift) - 1);

	if (mark == pool->handle_cache.mark)
		return "handle word";
	if (mark == pool->zspage_cache.mark)
		return sim_field_at(zspage_fields, NR(zspage_fields),
				    at % pool->zspage_cache.size,
				    "zspage->inuse");
	return "object";
}

static const char *in_section(const struct zs_pool *pool, const void *addr)
{
	const struct zone *zone = &pool->zone;
	size_t at = (uintptr_t)addr & (UZS_SECTION_SIZE - 1);
	const struct page *page;
	size_t in_table = at - (size_t)zone->desc_offset;

	if (at >> zone->page_shift >= zone->first)
		return in_page(pool, virt_to_page(zone, addr), addr);
	if (at < UZS_SECTION_HEADER)
		return "zone";
	page = (const void *)((const char *)addr -
			      in_table % sizeof(struct page));
	if (page->flags & PG_slab)
		return "slab's descriptor";
	return sim_field_at(zpdesc_fields, NR(zpdesc_fields),
			    in_table % sizeof(struct page), "zpdesc");
}

/* Classes and their groups lie behind the pool in rows. */
static const char *in_class(const struct zs_pool *pool, const void *addr)
{
	for (unsigned int i = 0; i < pool->nr_classes; i++) {
		const struct size_class *class = pool->size_class[i];

		if (sim_is_in(addr, class, sizeof(*class)))
			return sim_field_at(class_fields, NR(class_fields),
					    (uintptr_t)addr - (uintptr_t) class,
					    "class");
		if (sim_is_in(addr, class->groups, sizeof(*class->groups)))
			return sim_field_at(group_fields, NR(group_fields),
					    (uintptr_t)addr -
						    (uintptr_t) class->groups,
					    "class->groups");
	}
	return NULL;
}

static bool is_of_cpus(const struct uzs_percpu *p, const void *addr)
{
	return sim_is_in(addr, p->base, (size_t)p->stride * p->slots);
}

const char *sim_field_of(struct zs_pool *pool, const void *addr)
{
	const char *name;

	if (sim_is_in(addr, pool, sizeof(*pool)))
		return in_pool(pool, addr);
	if (sim_in_zone(&pool->zone, addr))
		return in_section(pool, addr);
	name = in_class(pool, addr);
	if (name)
		return name;
	if (is_of_cpus(&pool->zone.slots, addr))
		return "zone CPU list";
	if (is_of_cpus(&pool->handle_cache.magazines, addr) ||
	    is_of_cpus(&pool->zspage_cache.magazines, addr))
		return "slab cache CPU list";
	return NULL;
}
