/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* buddy.c - owns the free pages of a zone: lists of blocks by order and type.
 * Splits and merges blocks.
 *
 * Kernel origin: mm/page_alloc.c (__rmqueue, __free_one_page, expand); differs:
 * counts warm pages, and takes only these when the limit is reached.
 * Locks: needs zone->lock. Sleeps: no.
 */
#include "buddy.h"

unsigned int uzs_os_order(const struct zone *zone)
{
	size_t pages = zone->os_page >> zone->page_shift;

	return pages > 1 ? ilog2(pages) : 0;
}

size_t uzs_cold_bytes(const struct zone *zone)
{
	return (size_t)1 << (zone->page_shift + uzs_os_order(zone));
}

unsigned int uzs_count_warm(const struct zone *zone,
			    const struct section *section, unsigned int index,
			    unsigned int order)
{
	unsigned int warm = 0;

	for (unsigned int i = 0; i < 1u << order; i++)
		warm += (page_flags(
				 uzs_section_page(zone, section, index + i)) &
			 PG_warm) != 0;
	return warm;
}

/* Puts a block into its list, without merging. Blocks with warm pages stand at
 * the head. */
static void add_block(struct zone *zone, struct section *section,
		      unsigned int index, unsigned int order, unsigned int warm)
{
	struct page *page = uzs_section_page(zone, section, index);
	struct list_head *list = uzs_free_list(zone, order, section->type);

	page->aux = order;
	page->private = warm;
	page_set(page, PG_buddy);
	if (warm)
		list_add(&page->lru, list);
	else
		list_add_tail(&page->lru, list);
}

void uzs_del_block(struct page *page)
{
	list_del(&page->lru);
	page_clear(page, PG_buddy);
}

void uzs_account_block(struct zone *zone, struct section *section,
		       unsigned int pages, unsigned int warm, bool enters)
{
	long n = enters ? (long)pages : -(long)pages;
	long w = enters ? (long)warm : -(long)warm;

	section->nr_free += (u32)n;
	WRITE_ONCE(zone->nr_free, zone->nr_free + (unsigned long)n);
	WRITE_ONCE(zone->nr_warm, zone->nr_warm + (unsigned long)w);
}

void uzs_free_block(struct zone *zone, struct section *section,
		    unsigned int index, unsigned int order, unsigned int warm)
{
	assert_spin_locked(&zone->lock);
	uzs_account_block(zone, section, 1u << order, warm, true);
	while (order < zone->max_order) {
		unsigned int other = index ^ (1u << order);
		struct page *buddy;

		if (other < zone->first)
			break;
		buddy = uzs_section_page(zone, section, other);
		if (!(page_flags(buddy) & PG_buddy) || buddy->aux != order)
			break;
		uzs_del_block(buddy);
		warm += (unsigned int)buddy->private;
		index &= ~(1u << order);
		order++;
	}
	add_block(zone, section, index, order, warm);
}

struct uzs_block uzs_take_block(struct zone *zone, struct page *page)
{
	struct uzs_block b = {
		.section = uzs_section_of(page),
		.index = uzs_page_index(zone, page),
		.order = page->aux,
		.warm = (unsigned int)page->private,
	};

	uzs_del_block(page);
	return b;
}

void uzs_halve_block(struct zone *zone, struct uzs_block *b, bool want_warm)
{
	unsigned int half = 1u << --b->order, upper;

	/* The pages must be counted only if warm and cold ones are mixed. */
	if (b->warm == 0 || b->warm == 2 * half)
		upper = b->warm / 2;
	else
		upper = uzs_count_warm(zone, b->section, b->index + half,
				       b->order);
	if (want_warm && upper == b->warm) {
		add_block(zone, b->section, b->index, b->order, 0);
		b->index += half;
	} else {
		add_block(zone, b->section, b->index + half, b->order, upper);
		b->warm -= upper;
	}
}

/* Marks all pages of a block as warm. Locks: zone->lock. */
static void warm_block(struct zone *zone, struct uzs_block *b)
{
	unsigned int pages = 1u << b->order;

	for (unsigned int i = 0; i < pages; i++)
		page_set(uzs_section_page(zone, b->section, b->index + i),
			 PG_warm);
	WRITE_ONCE(zone->nr_warm, zone->nr_warm + pages - b->warm);
	b->warm = pages;
	uzs_note_free(zone);
}

struct page *uzs_split_block(struct zone *zone, struct page *page,
			     bool want_warm)
{
	struct uzs_block b = uzs_take_block(zone, page);
	unsigned int at_once = uzs_os_order(zone);

	while (b.order > 0) {
		if (b.order == at_once)
			warm_block(zone, &b);
		uzs_halve_block(zone, &b, want_warm);
	}
	uzs_account_block(zone, b.section, 1, b.warm, false);
	return uzs_section_page(zone, b.section, b.index);
}

void uzs_page_out(struct zone *zone, struct page *page)
{
	if (!(page_flags(page) & PG_warm))
		page_set(page, PG_warm);
	WRITE_ONCE(zone->nr_out, zone->nr_out + 1);
}

/* Takes one page of a type. Return: NULL: none is free, or only cold ones and
 * the limit is reached. Locks: zone->lock. */
static struct page *rmqueue(struct zone *zone, unsigned int type)
{
	bool cold_fits = uzs_fits_limit(zone, uzs_cold_bytes(zone));

	for (unsigned int order = 0; order <= zone->max_order; order++) {
		struct list_head *list = uzs_free_list(zone, order, type);
		struct page *page;

		if (list_empty(list))
			continue;
		/* Blocks with warm pages stand first. */
		page = list_first_entry(list, struct page, lru);
		if (!cold_fits && !page->private)
			continue;
		page = uzs_split_block(zone, page, !cold_fits);
		uzs_page_out(zone, page);
		return page;
	}
	return NULL;
}

unsigned int uzs_rmqueue_bulk(struct zone *zone, unsigned int type,
			      unsigned int n, struct list_head *list)
{
	unsigned int got = 0;

	while (got < n) {
		struct page *page = rmqueue(zone, type);

		if (!page)
			break;
		list_add_tail(&page->lru, list);
		got++;
	}
	return got;
}

void uzs_free_one_locked(struct zone *zone, struct page *page)
{
	struct section *section = uzs_section_of(page);

	WRITE_ONCE(zone->nr_out, zone->nr_out - 1);
	uzs_free_block(zone, section, uzs_page_index(zone, page), 0, 1);
}
