/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zone_owner.c - see zone_owner.h. */
#include "zone_owner.h"

#include <sched.h>

struct zone_owner owner = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void owner_expects(bool what, const char *text)
{
	if (what)
		return;
	/* The first one is enough to read. */
	if (!__atomic_fetch_add(&owner.bad, 1, __ATOMIC_RELAXED))
		fprintf(stderr, "zone owner: %s\n", text);
}

void owner_reset(void)
{
	memset(owner.table, 0, sizeof(owner.table));
	owner.isolated = owner.moved = owner.put_back = owner.bad = 0;
	owner.nr_steps = 0;
	owner.meanwhile = NULL;
}

static long step_of(const struct section *section)
{
	for (unsigned int i = 0; i < owner.nr_steps; i++)
		if (owner.steps[i].section == section)
			return (long)owner.steps[i].step;
	return -1;
}

static bool owner_isolate(struct zone *zone, struct page *page)
{
	struct owned *o = &owner.table[page->private];

	owner_expects(PageLocked(page), "isolated without its lock");
	owner_expects((page_flags(page) & PG_movable) != 0,
		      "isolated, but not movable");
	owner_expects(o->page == page, "isolated somebody else's page");
	if (o->refuse)
		return false;
	__atomic_fetch_add(&owner.isolated, 1, __ATOMIC_RELAXED);
	return true;
}

static int owner_migrate(struct zone *zone, struct page *dst, struct page *src)
{
	struct owned *o = &owner.table[src->private];

	owner_expects(PageLocked(src) && PageLocked(dst),
		      "moved without page locks");
	owner_expects((page_flags(src) & PG_isolated) != 0,
		      "moved, but not isolated");
	owner_expects(!(page_flags(dst) &
			(PG_movable | PG_buddy | PG_slab | PG_isolated)),
		      "moved to a page in use");
	owner_expects(uzs_section_of(dst)->type == MIGRATE_MOVABLE &&
			      uzs_section_of(src)->type == MIGRATE_ISOLATE,
		      "moved between sections of wrong types");
	owner_expects(step_of(uzs_section_of(dst)) >=
			      step_of(uzs_section_of(src)),
		      "moved to a sparser section");
	owner_expects(uzs_section_of(src) != uzs_section_of(dst),
		      "moved within a section");
	owner_expects(!zone->limit ||
			      zone_stat_of(zone).bytes_resident <= zone->limit,
		      "above the limit");
	if (owner.meanwhile)
		owner.meanwhile(zone);
	if (o->busy)
		return -EAGAIN;
	pthread_mutex_lock(&owner.lock);
	memcpy(page_address(zone, dst), page_address(zone, src),
	       zone_page_bytes(zone));
	dst->private = src->private;
	o->page = dst;
	page_set(dst, PG_movable);
	page_clear(src, PG_movable);
	pthread_mutex_unlock(&owner.lock);
	__atomic_fetch_add(&owner.moved, 1, __ATOMIC_RELAXED);
	return 0;
}

static void owner_putback(struct zone *zone, struct page *page)
{
	owner_expects(PageLocked(page), "put back without its lock");
	owner_expects((page_flags(page) & PG_movable) != 0,
		      "put back, but not movable");
	__atomic_fetch_add(&owner.put_back, 1, __ATOMIC_RELAXED);
}

const struct movable_operations owner_ops = {
	.isolate_page = owner_isolate,
	.migrate_page = owner_migrate,
	.putback_page = owner_putback,
};

void own_page(struct zone *zone, unsigned int entry, struct page *page,
	      bool movable)
{
	struct owned *o = &owner.table[entry];

	o->key = (u64)entry * 131 + 7;
	o->refuse = o->busy = false;
	mark_page(zone, page, o->key);
	page->private = entry;
	pthread_mutex_lock(&owner.lock);
	o->page = page;
	if (movable)
		page_set(page, PG_movable);
	pthread_mutex_unlock(&owner.lock);
}

/* Z3: locks the page to free it, and never waits for that. */
bool disown_page(struct zone *zone, unsigned int entry)
{
	struct owned *o = &owner.table[entry];
	struct page *page;
	bool ok;

	for (;;) {
		pthread_mutex_lock(&owner.lock);
		page = o->page;
		if (trylock_page(page))
			break;
		pthread_mutex_unlock(&owner.lock);
		sched_yield();
	}
	o->page = NULL;
	ok = page_marked(zone, page, o->key);
	page_clear(page, PG_movable);
	unlock_page(page);
	pthread_mutex_unlock(&owner.lock);
	__free_page(zone, page);
	return ok;
}

bool owned_ok(const struct zone *zone, unsigned int entry)
{
	const struct owned *o = &owner.table[entry];

	return o->page->private == entry && page_marked(zone, o->page, o->key);
}

unsigned long owner_compact(struct zone *zone)
{
	unsigned long migrated = zone->pages_migrated;
	unsigned long owner_moved = owner.moved, moved;
	struct section *section;

	mutex_lock(&zone->trim_lock);
	/* As compaction begins: what per-CPU lists hold counts as free. */
	uzs_zone_drain_pcp(zone);
	owner.nr_steps = 0;
	list_for_each_entry(section, &zone->sections, list) {
		unsigned long used = zone_capacity(zone) - section->nr_free;

		if (owner.nr_steps == MAX_SECTIONS)
			break;
		owner.steps[owner.nr_steps].section = section;
		owner.steps[owner.nr_steps++].step =
			used * 31 / zone_capacity(zone);
	}
	moved = uzs_zone_compact(zone);
	list_for_each_entry(section, &zone->sections, list)
		if (section->type == MIGRATE_ISOLATE)
			owner.bad++;
	mutex_unlock(&zone->trim_lock);
	assert_int_equal(owner.bad, 0);
	assert_int_equal(owner.moved - owner_moved, moved);
	assert_int_equal(zone->pages_migrated - migrated, moved);
	return moved;
}

unsigned int sparse_zone(struct zone *zone, unsigned int sections,
			 unsigned int keep_1_in, struct rng *rng)
{
	unsigned int n = sections * zone_capacity(zone), entries = 0;
	static struct page *pages[MAX_PAGES];

	assert_true(n <= MAX_PAGES);
	owner_reset();
	zone_take(zone, MIGRATE_MOVABLE, n, pages);
	for (unsigned int i = 0; i < n; i++) {
		if (rng_below(rng, keep_1_in))
			__free_page(zone, pages[i]);
		else
			own_page(zone, entries++, pages[i], true);
	}
	return entries;
}

void check_owned(struct zone *zone, unsigned int entries)
{
	for (unsigned int e = 0; e < entries; e++)
		if (owner.table[e].page)
			assert_true(owned_ok(zone, e));
}

void disown_all(struct zone *zone, unsigned int entries)
{
	for (unsigned int e = 0; e < entries; e++)
		if (owner.table[e].page)
			assert_true(disown_page(zone, e));
}
