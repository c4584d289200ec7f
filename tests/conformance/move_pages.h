/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* move_pages.h - drives the page migration of a zone page by page, as the
 * zone's compaction does for sparse sections; for subjects whose pages come
 * from compat.
 */
#ifndef UZS_MOVE_PAGES_H
#define UZS_MOVE_PAGES_H

#include "compat/zone.h"

/* Moves each movable page to a fresh one, by section and address, until
 * `most` are moved. Pages that are busy stay. Return: pages moved. */
static inline unsigned long subject_move_pages(struct zone *zone,
					       unsigned long most)
{
	const struct movable_operations *ops = zone->movable;
	struct section *section = NULL;
	unsigned long moved = 0;
	struct page *dst;

	if (!ops)
		return 0;
	mutex_lock(&zone->trim_lock);
	while ((section = uzs_zone_next_section(zone, section)))
		for (unsigned int i = zone->first; i < zone->nr_pages; i++) {
			struct page *src = uzs_section_page(zone, section, i);
			int rc;

			if (moved == most)
				goto out;
			if (!(page_flags(src) & PG_movable) ||
			    !trylock_page(src))
				continue;
			if (!(page_flags(src) & PG_movable) ||
			    !ops->isolate_page(zone, src)) {
				unlock_page(src);
				continue;
			}
			dst = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
			if (!dst) {
				ops->putback_page(zone, src);
				unlock_page(src);
				goto out;
			}
			page_set(src, PG_isolated);
			lock_page(dst);
			rc = ops->migrate_page(zone, dst, src);
			if (rc)
				ops->putback_page(zone, src);
			page_clear(src, PG_isolated);
			unlock_page(dst);
			unlock_page(src);
			__free_page(zone, rc ? dst : src);
			moved += !rc;
		}
out:
	if (section)
		uzs_zone_end_walk(zone, section);
	mutex_unlock(&zone->trim_lock);
	return moved;
}

#endif
