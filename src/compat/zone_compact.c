/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zone_compact.c - empties sparse sections of a zone by moving their pages to
 * dense ones. Owns no state.
 *
 * Kernel origin: mm/compaction.c, mm/migrate.c (migrate_pages for movable_ops
 * pages), mm/page_isolation.c; differs: works on whole sections, the sparsest
 * first; no retries and no modes: a busy page stays where it is.
 * Locks: needs trim_lock; takes gate, and drops it between two sections if
 * another thread waits for it; takes page locks; takes zone->lock for short
 * times. Sleeps: if the movable operations do.
 * Guarantees:
 *  E1 needs no memory beyond the zone's own free pages.
 *  E2 ends: each section is emptied at most once; pages move only to sections
 *     that are denser than their own.
 *  E3 a page that its owner has locked, or cannot move now, stays as it is.
 */
#include "buddy.h"
#include "os.h"

#define BUCKETS 32
#define BATCH 32

static unsigned long used_pages(const struct zone *zone,
				const struct section *section)
{
	return zone->nr_pages - zone->first - section->nr_free;
}

/* Sorts the zone's sections by how full they are, in BUCKETS steps, the
 * sparsest first. Sorts the list itself, as that needs no memory (E1). Locks:
 * needs trim_lock; takes zone->lock. */
static void sort_sections(struct zone *zone)
{
	struct list_head buckets[BUCKETS];
	struct section *section, *next;
	unsigned long capacity = zone->nr_pages - zone->first;

	for (int i = 0; i < BUCKETS; i++)
		INIT_LIST_HEAD(&buckets[i]);
	spin_lock(&zone->lock);
	list_for_each_entry_safe(section, next, &zone->sections, list) {
		unsigned long step = used_pages(zone, section) * (BUCKETS - 1);

		section->cursor = zone->first;
		list_move_tail(&section->list, &buckets[step / capacity]);
	}
	for (int i = BUCKETS - 1; i >= 0; i--)
		list_splice_init(&buckets[i], &zone->sections);
	spin_unlock(&zone->lock);
}

/* ---- a section as source and as target ------------------------------------ */

/* Takes up to n free pages, from the section's cursor on. Return: false if
 * there are more, but the limit does not allow them. */
static bool take_at_cursor(struct section *section, unsigned int n,
			   struct page **pages, unsigned int *got)
{
	struct zone *zone = section->zone;
	bool fits = true;

	*got = 0;
	spin_lock(&zone->lock);
	while (*got < n && section->nr_free &&
	       section->cursor < zone->nr_pages) {
		struct page *page =
			uzs_section_page(zone, section, section->cursor);
		bool cold_fits = uzs_fits_limit(zone, uzs_cold_bytes(zone));

		/* Others may allocate and free pages here between two calls. A
		 * block that then begins before the cursor is missed. */
		if (!(page_flags(page) & PG_buddy)) {
			section->cursor++;
			continue;
		}
		fits = cold_fits || page->private;
		if (!fits)
			break;
		page = uzs_split_block(zone, page, !cold_fits);
		uzs_page_out(zone, page);
		uzs_unpoison(page_address(zone, page),
			     (size_t)1 << zone->page_shift);
		pages[(*got)++] = page;
	}
	spin_unlock(&zone->lock);
	return fits;
}

/* Takes up to n free pages of a section out of the free lists. Return: how many.
 * Locks: needs trim_lock and gate; takes zone->lock. */
static unsigned int take_free(struct section *section, unsigned int n,
			      struct page **pages)
{
	unsigned int got;

	/* Pages whose contents were moved away are free, but warm. Giving them
	 * back makes room. */
	if (!take_at_cursor(section, n, pages, &got) && !got &&
	    uzs_discard_free(section->zone, 0, true))
		take_at_cursor(section, n, pages, &got);
	return got;
}

/* Sets the type of a section and of its free blocks. Locks: needs trim_lock and
 * gate; takes zone->lock. */
static void set_type(struct section *section, enum migratetype type)
{
	struct zone *zone = section->zone;

	spin_lock(&zone->lock);
	WRITE_ONCE(section->type, (u32)type);
	for (unsigned int i = zone->first; i < zone->nr_pages;) {
		struct page *page = uzs_section_page(zone, section, i);

		if (!(page_flags(page) & PG_buddy)) {
			i++;
			continue;
		}
		if (page->private)
			list_move(&page->lru,
				  uzs_free_list(zone, page->aux, type));
		else
			list_move_tail(&page->lru,
				       uzs_free_list(zone, page->aux, type));
		i += 1u << page->aux;
	}
	spin_unlock(&zone->lock);
}

/* ---- the two ends of the sorted list -------------------------------------- */

/* One call of uzs_zone_compact. `source` walks the sorted sections from the
 * sparsest on, `target` from the densest, until they meet. New sections enter
 * the list at its head, where neither comes again. */
struct compact_control {
	struct zone *zone;
	struct section *source; /* NULL before the first */
	struct section *target;
	unsigned long room; /* free pages behind source; an estimate, as others
			     * allocate and free meanwhile */
	struct page *pages[BATCH]; /* taken from target, not yet used */
	unsigned int nr_pages;
};

static void start(struct compact_control *cc)
{
	struct zone *zone = cc->zone;
	struct section *section;

	spin_lock(&zone->lock);
	list_for_each_entry(section, &zone->sections, list)
		if (section->type == MIGRATE_MOVABLE)
			cc->room += section->nr_free;
	cc->source = NULL;
	cc->target = list_entry(zone->sections.prev, struct section, list);
	spin_unlock(&zone->lock);
}

/* Goes to the next section before the target that has allocated pages. Return:
 * false if there is none, or its pages do not fit into the free pages of the
 * sections behind it. */
static bool next_source(struct compact_control *cc)
{
	struct zone *zone = cc->zone;
	struct list_head *pos;
	bool found = false;

	if (cc->source == cc->target)
		return false;
	spin_lock(&zone->lock);
	pos = cc->source ? cc->source->list.next : zone->sections.next;
	for (; pos != &cc->target->list; pos = pos->next) {
		struct section *section = list_entry(pos, struct section, list);

		if (section->type != MIGRATE_MOVABLE)
			continue;
		cc->room -= min(cc->room, (unsigned long)section->nr_free);
		if (!used_pages(zone, section))
			continue;
		cc->source = section;
		found = used_pages(zone, section) <= cc->room;
		break;
	}
	spin_unlock(&zone->lock);
	return found;
}

/* If cc->pages is empty, takes free pages from the densest section behind the
 * source that has any. Return: is there a page? */
static bool have_target(struct compact_control *cc)
{
	while (!cc->nr_pages && cc->target != cc->source) {
		if (cc->target->type == MIGRATE_MOVABLE)
			cc->nr_pages = take_free(cc->target, BATCH, cc->pages);
		if (cc->nr_pages)
			break;
		spin_lock(&cc->zone->lock);
		cc->target =
			list_entry(cc->target->list.prev, struct section, list);
		spin_unlock(&cc->zone->lock);
	}
	return cc->nr_pages > 0;
}

/* Moves one page, to which the caller has a reference if its owner counts them.
 * Return: did it move? */
static bool migrate_held(struct zone *zone, struct page *dst, struct page *src)
{
	int rc;

	if (!(page_flags(src) & PG_movable) || !trylock_page(src))
		return false;
	/* From here on the page is neither freed nor reused (Z3). */
	if (!(page_flags(src) & PG_movable) ||
	    !zone->movable->isolate_page(zone, src)) {
		unlock_page(src);
		return false;
	}
	page_set(src, PG_isolated);
	lock_page(dst);
	rc = zone->movable->migrate_page(zone, dst, src);
	if (rc)
		zone->movable->putback_page(zone, src);
	page_clear(src, PG_isolated);
	unlock_page(dst);
	unlock_page(src);
	return !rc;
}

/* Moves one page. Return: did it move? */
static bool migrate_one(struct zone *zone, struct page *dst, struct page *src)
{
	const struct movable_operations *ops = zone->movable;
	bool moved;

	if (!ops->get_page) {
		moved = migrate_held(zone, dst, src);
		if (moved)
			__free_page(zone, src);
		return moved;
	}
	if (!ops->get_page(zone, src))
		return false;
	moved = migrate_held(zone, dst, src);
	ops->put_page(zone, src);
	return moved;
}

/* Moves the pages of the source away. Return: how many were moved. */
static unsigned long empty_source(struct compact_control *cc)
{
	struct zone *zone = cc->zone;
	unsigned long moved = 0, busy = 0;

	set_type(cc->source, MIGRATE_ISOLATE);
	for (unsigned int i = zone->first; i < zone->nr_pages; i++) {
		struct page *page = uzs_section_page(zone, cc->source, i);

		if (!(page_flags(page) & PG_movable))
			continue;
		if (!have_target(cc))
			break;
		if (migrate_one(zone, cc->pages[cc->nr_pages - 1], page)) {
			cc->nr_pages--;
			moved++;
		} else {
			busy++;
		}
	}
	set_type(cc->source, MIGRATE_MOVABLE);
	cc->room -= min(cc->room, moved);
	WRITE_ONCE(zone->pages_migrated, zone->pages_migrated + moved);
	WRITE_ONCE(zone->migrations_busy, zone->migrations_busy + busy);
	return moved;
}

/* Frees the pages that were taken as targets and not used. */
static void put_targets(struct compact_control *cc)
{
	while (cc->nr_pages)
		__free_page(cc->zone, cc->pages[--cc->nr_pages]);
}

unsigned long uzs_zone_compact(struct zone *zone)
{
	struct compact_control cc = { .zone = zone };
	unsigned long moved = 0;

	if (!zone->movable || !READ_ONCE(zone->nr_sections))
		return 0;
	/* Free pages in per-CPU lists count as used: they cannot be targets,
	 * and their section does not count as empty. */
	uzs_zone_drain_pcp(zone);
	mutex_lock(&zone->gate);
	sort_sections(zone);
	start(&cc);
	while (next_source(&cc)) {
		moved += empty_source(&cc);
		if (uzs_zone_gate_is_wanted(zone)) {
			put_targets(&cc);
			uzs_zone_give_way(zone);
		}
	}
	put_targets(&cc);
	mutex_unlock(&zone->gate);
	return moved;
}
