/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* buddy.h - the buddy lists of a zone, for the files of the zone alone.
 *
 * A free block is 1 << order pages; its first descriptor has PG_buddy, the
 * order, and how many of its pages are warm. All calls need zone->lock unless
 * they say that they take it.
 */
#ifndef UZS_COMPAT_BUDDY_H
#define UZS_COMPAT_BUDDY_H

#include "zone.h"

/* A free block that is out of its list. */
struct uzs_block {
	struct section *section;
	unsigned int index;
	unsigned int order;
	unsigned int warm; /* pages */
};

/* Order of a block that fills a page of the OS: 0 unless that is larger than
 * ours. */
unsigned int uzs_os_order(const struct zone *zone);
/* Bytes that the OS fills when a cold page is touched. */
size_t uzs_cold_bytes(const struct zone *zone);

static inline size_t uzs_resident_locked(const struct zone *zone)
{
	return zone->nr_sections * zone->head_resident +
	       ((zone->nr_out + zone->nr_warm) << zone->page_shift);
}

/* Free, and resident. */
static inline size_t uzs_free_bytes_locked(const struct zone *zone)
{
	return zone->nr_warm << zone->page_shift;
}

/* Are `bytes` more within the limit? */
static inline bool uzs_fits_limit(const struct zone *zone, size_t bytes)
{
	return !zone->limit ||
	       uzs_resident_locked(zone) + zone->charged + bytes <= zone->limit;
}

/* Pages of a section that can be handed out. */
static inline unsigned int uzs_section_capacity(const struct zone *zone)
{
	return zone->nr_pages - zone->first;
}

static inline struct list_head *
uzs_free_list(struct zone *zone, unsigned int order, unsigned int type)
{
	return &zone->free_area[order].free_list[type];
}

/* Warm pages of a block, by their marks. */
unsigned int uzs_count_warm(const struct zone *zone,
			    const struct section *section, unsigned int index,
			    unsigned int order);
/* Counts a block that enters or leaves the lists. */
void uzs_account_block(struct zone *zone, struct section *section,
		       unsigned int pages, unsigned int warm, bool enters);
/* Adds a free block, merged with its buddies, and counts it. */
void uzs_free_block(struct zone *zone, struct section *section,
		    unsigned int index, unsigned int order, unsigned int warm);
/* Takes a block out of its list; not counted. */
void uzs_del_block(struct page *page);
struct uzs_block uzs_take_block(struct zone *zone, struct page *page);
/* Halves a block that is out of its list and puts one half back: the upper
 * one, but with `want_warm` it keeps the first half that has warm pages. */
void uzs_halve_block(struct zone *zone, struct uzs_block *b, bool want_warm);
/* Takes one page of a free block, the rest stays free. The first one, but
 * with `want_warm` the first warm one if there is one. */
struct page *uzs_split_block(struct zone *zone, struct page *page,
			     bool want_warm);
/* Marks a page as handed out (or on its way to a per-CPU list). */
void uzs_page_out(struct zone *zone, struct page *page);
/* Up to n pages of a type onto `list`; needs zone->lock. Fewer: no more are
 * free, or those are cold and the limit is reached. */
unsigned int uzs_rmqueue_bulk(struct zone *zone, unsigned int type,
			      unsigned int n, struct list_head *list);
/* Puts back a page that was handed out. */
void uzs_free_one_locked(struct zone *zone, struct page *page);

/* zone_reclaim.c: discards warm free blocks, largest first, until at most
 * `target` bytes are warm and free; with `once` one batch of them (16 MiB at
 * most). Needs trim_lock and gate, which it drops between batches for others;
 * takes zone->lock. Return: bytes. */
size_t uzs_discard_free(struct zone *zone, size_t target, bool once);
/* zone.c: pages in the per-CPU lists; takes no lock. */
unsigned long uzs_pcp_pages(struct zone *zone);
/* zone.c: notes whether a reclaim is wanted, after pages became free and warm.
 * Needs zone->lock. */
void uzs_note_free(struct zone *zone);
/* zone.c: forgets that a reclaim is wanted. Return: pages that are free and
 * warm, those of per-CPU lists included; Z6 holds for what is freed since.
 * Takes slot locks and zone->lock. */
unsigned long uzs_count_free(struct zone *zone);

#endif
