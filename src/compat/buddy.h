/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* buddy.h - the free lists of a zone, for the files of the zone only.
 *
 * A free block is 1 << order pages. The descriptor of its first page has
 * PG_buddy, the order, and the number of warm pages in it. All calls need
 * zone->lock unless they say that they take it.
 */
#ifndef UZS_COMPAT_BUDDY_H
#define UZS_COMPAT_BUDDY_H

#include "zone.h"

/* A free block that was taken out of its list. */
struct uzs_block {
	struct section *section;
	unsigned int index;
	unsigned int order;
	unsigned int warm; /* pages */
};

/* Order of the smallest block that is a whole page of the OS. 0 unless the OS's
 * page is larger than the zone's. */
unsigned int uzs_os_order(const struct zone *zone);
/* Bytes that the OS fills when a cold page is touched: its own page, or ours if
 * that is larger. */
size_t uzs_cold_bytes(const struct zone *zone);

static inline size_t uzs_resident_locked(const struct zone *zone)
{
	return zone->nr_sections * zone->head_resident +
	       ((zone->nr_out + zone->nr_warm) << zone->page_shift);
}

/* Bytes that are free and resident. */
static inline size_t uzs_free_bytes_locked(const struct zone *zone)
{
	return zone->nr_warm << zone->page_shift;
}

/* The limit was lowered below what the zone has: each byte that goes lowers what
 * holds. Locks: zone->lock. */
static inline void uzs_lower_limit(struct zone *zone)
{
	size_t now = uzs_resident_locked(zone) + zone->charged;

	if (likely(zone->limit == zone->limit_wanted))
		return;
	zone->limit = max(zone->limit_wanted, min(zone->limit, now));
	WRITE_ONCE(zone->above_limit, zone->limit > zone->limit_wanted);
}

/* Is there room for `bytes` more within the limit? Locks: zone->lock. */
static inline bool uzs_fits_limit(struct zone *zone, size_t bytes)
{
	if (!zone->limit)
		return true;
	uzs_lower_limit(zone);
	return uzs_resident_locked(zone) + zone->charged + bytes <= zone->limit;
}

/* How many pages of a section can be allocated. */
static inline unsigned int uzs_section_capacity(const struct zone *zone)
{
	return zone->nr_pages - zone->first;
}

static inline struct list_head *
uzs_free_list(struct zone *zone, unsigned int order, unsigned int type)
{
	return &zone->free_area[order].free_list[type];
}

/* Counts the pages of a block that have PG_warm. */
unsigned int uzs_count_warm(const struct zone *zone,
			    const struct section *section, unsigned int index,
			    unsigned int order);
/* Updates the counters for a block that enters or leaves the lists. */
void uzs_account_block(struct zone *zone, struct section *section,
		       unsigned int pages, unsigned int warm, bool enters);
/* Adds a free block, merges it with its buddies, and counts it. */
void uzs_free_block(struct zone *zone, struct section *section,
		    unsigned int index, unsigned int order, unsigned int warm);
/* Both take a block out of its list and do not change the counters. */
void uzs_del_block(struct page *page);
struct uzs_block uzs_take_block(struct zone *zone, struct page *page);
/* Halves a block that is out of its list and puts one half back into a list.
 * The caller keeps the lower half; with `want_warm` the first half that has
 * warm pages. */
void uzs_halve_block(struct zone *zone, struct uzs_block *b, bool want_warm);
/* Takes one page of a free block; the rest stays free. Takes the first page;
 * with `want_warm` the first warm page if there is one. */
struct page *uzs_split_block(struct zone *zone, struct page *page,
			     bool want_warm);
/* Marks a page as allocated (or as a page of a per-CPU list). */
void uzs_page_out(struct zone *zone, struct page *page);
/* Moves up to n pages of a type to `list`. Return: how many. Fewer than n: no
 * more are free, or they are cold and the limit is reached. */
unsigned int uzs_rmqueue_bulk(struct zone *zone, unsigned int type,
			      unsigned int n, struct list_head *list);
/* Frees a page that was allocated. */
void uzs_free_one_locked(struct zone *zone, struct page *page);

/* zone_give_back.c: gives warm free blocks back to the OS, the largest first,
 * until at most `target` bytes are warm and free. With `once`: one batch only
 * (16 MiB at most). Needs trim_lock and gate; drops gate between batches if
 * others want it; takes zone->lock. Return: bytes given back. */
size_t uzs_discard_free(struct zone *zone, size_t target, bool once);
/* zone.c: how many pages are in the per-CPU lists. Takes no lock. */
unsigned long uzs_pcp_pages(struct zone *zone);
/* zone.c: to be called when pages became free and warm: sets zone->give_back if a
 * give-back is wanted. Needs zone->lock. */
void uzs_note_free(struct zone *zone);
/* zone.c: clears zone->give_back; Z6 then holds for pages freed later. Takes slot
 * locks and zone->lock. Return: how many pages are free and warm, per-CPU lists
 * included. */
unsigned long uzs_count_free(struct zone *zone);

#endif
