/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zone_give_back.c - gives free memory of a zone back to the OS: whole sections,
 * and runs of free pages. Owns no state.
 *
 * Kernel origin: none; the kernel gives its memory to nobody.
 * Locks: needs or takes trim_lock; takes gate, and drops it between batches if
 * another thread waits for it; takes zone->lock for a batch of blocks at a
 * time.
 * Sleeps: yes.
 * Known limits: each run of free pages costs a system call (about half a
 * microsecond, and it interrupts all threads), also a run of one page. To make
 * runs longer, a user calls uzs_zone_compact first.
 */
#include "buddy.h"
#include "os.h"

/* The size of a batch: how many blocks, and how many sections, are taken out of
 * the lists at once. Limits how long zone->lock is held, and how much memory
 * cannot be allocated meanwhile. */
#define GIVE_BACK_BLOCKS 64
#define GIVE_BACK_SECTIONS 4
/* The same in bytes. Limits how long others wait for gate. */
#define GIVE_BACK_BYTES (GIVE_BACK_SECTIONS * UZS_SECTION_SIZE)

/* Takes an empty section out of the lists. It counts as resident until it is
 * unmapped. Return: how many of its pages are warm. Locks: zone->lock. */
static unsigned long detach_section(struct zone *zone, struct section *section)
{
	unsigned int index = zone->first;
	unsigned long warm = zone->nr_warm;

	while (index < zone->nr_pages) {
		struct page *page = uzs_section_page(zone, section, index);
		unsigned int order = page->aux;

		VM_BUG_ON(!(page_flags(page) & PG_buddy));
		uzs_account_block(zone, section, 1u << order,
				  (unsigned int)page->private, false);
		uzs_del_block(page);
		index += 1u << order;
	}
	list_del(&section->list);
	list_del(&section->walk);
	warm -= zone->nr_warm;
	WRITE_ONCE(zone->nr_out, zone->nr_out + warm);
	return warm;
}

/* Clears PG_warm of the pages [index, end). Return: how many had it. */
static unsigned int clear_warm(const struct zone *zone,
			       const struct section *section,
			       unsigned int index, unsigned int end)
{
	unsigned int cleared = 0;

	for (; index < end; index++) {
		struct page *page = uzs_section_page(zone, section, index);

		if (!(page_flags(page) & PG_warm))
			continue;
		page_clear(page, PG_warm);
		cleared++;
	}
	return cleared;
}

/* For an empty section that the OS did not unmap, as it lacks memory for that
 * or has reached its limit of mappings: gives the memory of its pages back.
 * Return: how many pages became cold. Locks: none, as it is out of the lists.
 */
static unsigned int discard_section(const struct zone *zone,
				    const struct section *section)
{
	unsigned int index = ALIGN(zone->first, 1u << uzs_os_order(zone));

	if (!uzs_os_discard(
		    (char *)section + ((size_t)index << zone->page_shift),
		    (size_t)(zone->nr_pages - index) << zone->page_shift))
		return 0;
	return clear_warm(zone, section, index, zone->nr_pages);
}

/* Undoes detach_section. Locks: zone->lock. */
static void attach_section(struct zone *zone, struct section *section)
{
	uzs_poison((char *)section + ((size_t)zone->first << zone->page_shift),
		   (size_t)uzs_section_capacity(zone) << zone->page_shift);
	list_add(&section->list, &zone->sections);
	list_add(&section->walk, &zone->walk);
	for (unsigned int p = zone->first; p < zone->nr_pages; p++)
		uzs_free_block(zone, section, p, 0,
			       uzs_count_warm(zone, section, p, 0));
}

/* Unmaps empty sections as long as at least `target` bytes stay free.
 * Locks: needs trim_lock and gate. */
static size_t unmap_empty(struct zone *zone, size_t target)
{
	struct section *batch[GIVE_BACK_SECTIONS], *section, *next;
	unsigned long warm[GIVE_BACK_SECTIONS];
	unsigned int capacity = uzs_section_capacity(zone), n, kept;
	size_t given = 0;

	do {
		n = 0;
		kept = 0;
		spin_lock(&zone->lock);
		list_for_each_entry_safe(section, next, &zone->sections, list) {
			size_t free_after;

			if (section->nr_free != capacity || section->walkers)
				continue;
			if (unlikely(zone->keep) &&
			    uzs_zone_keeps(zone, section))
				continue;
			/* What would stay free. Cold pages count, as a section
			 * that stays saves system calls too. */
			free_after = (zone->nr_free - capacity)
				     << zone->page_shift;
			if (target && free_after < target)
				break;
			warm[n] = detach_section(zone, section);
			batch[n++] = section;
			if (n == GIVE_BACK_SECTIONS)
				break;
		}
		spin_unlock(&zone->lock);
		for (unsigned int i = 0; i < n; i++) {
			unsigned int cold;
			bool gone;

			section = batch[i];
			gone = uzs_os_unmap(section, UZS_SECTION_SIZE);
			cold = gone ? 0 : discard_section(zone, section);
			spin_lock(&zone->lock);
			WRITE_ONCE(zone->nr_out, zone->nr_out - warm[i]);
			if (gone) {
				WRITE_ONCE(zone->nr_sections,
					   zone->nr_sections - 1);
				given += (warm[i] << zone->page_shift) +
					 zone->head_resident;
			} else {
				attach_section(zone, section);
				given += (size_t)cold << zone->page_shift;
				kept++;
			}
			spin_unlock(&zone->lock);
		}
		uzs_zone_give_way(zone);
	} while (n == GIVE_BACK_SECTIONS && !kept);
	__atomic_fetch_add(&zone->bytes_given_back, given, __ATOMIC_RELAXED);
	return given;
}

/* Gives the warm pages of a block back to the OS. The block is out of the lists
 * and consists of whole pages of the OS. Return: how many pages became cold.
 * Locks: none, as no other thread can reach the block. */
static unsigned int discard_block(const struct zone *zone,
				  const struct uzs_block *b)
{
	unsigned int order = uzs_os_order(zone), step = 1u << order;
	unsigned int index = b->index, end = index + (1u << b->order);
	unsigned int cold = 0;

	while (index < end) {
		char *start = (char *)b->section +
			      ((size_t)index << zone->page_shift);
		unsigned int stop = index;

		while (stop < end &&
		       uzs_count_warm(zone, b->section, stop, order))
			stop += step;
		if (stop == index) {
			index += step;
			continue;
		}
		if (uzs_os_discard(start, (size_t)(stop - index)
						  << zone->page_shift))
			cold += clear_warm(zone, b->section, index, stop);
		index = stop;
	}
	return cold;
}

/* Takes warm blocks of one order, of all types, out of the lists, until the
 * batch is full or at most `target` bytes are warm and free. The last block is
 * split so that not more is taken than that needs. They still count as
 * resident.
 * Return: how many blocks are now in `batch`. Locks: zone->lock. */
static unsigned int take_warm(struct zone *zone, unsigned int order,
			      size_t target, struct uzs_block *batch,
			      unsigned int n, size_t *bytes)
{
	for (unsigned int t = 0; t < MIGRATE_TYPES; t++) {
		struct list_head *list = uzs_free_list(zone, order, t);

		while (n < GIVE_BACK_BLOCKS && *bytes < GIVE_BACK_BYTES &&
		       !list_empty(list) &&
		       uzs_free_bytes_locked(zone) > target) {
			struct page *page =
				list_first_entry(list, struct page, lru);
			size_t excess = (uzs_free_bytes_locked(zone) - target +
					 ((size_t)1 << zone->page_shift) - 1) >>
					zone->page_shift;
			struct uzs_block *b = &batch[n];

			/* Blocks with warm pages stand first. */
			if (!page->private)
				break;
			*b = uzs_take_block(zone, page);
			while (b->order > uzs_os_order(zone) &&
			       b->warm > excess)
				uzs_halve_block(zone, b, true);
			uzs_account_block(zone, b->section, 1u << b->order,
					  b->warm, false);
			WRITE_ONCE(zone->nr_out, zone->nr_out + b->warm);
			*bytes += (size_t)b->warm << zone->page_shift;
			n++;
		}
	}
	return n;
}

/* Also ends when as many pages were given back as were warm at the start, as
 * other threads may free pages as fast as this gives them back. */
size_t uzs_discard_free(struct zone *zone, size_t target, bool once)
{
	struct uzs_block batch[GIVE_BACK_BLOCKS];
	int least = (int)uzs_os_order(zone);
	unsigned long most = READ_ONCE(zone->nr_warm), cold_pages = 0;
	unsigned int n, cold;
	size_t given, bytes;

	do {
		n = 0;
		bytes = 0;
		spin_lock(&zone->lock);
		for (int order = (int)zone->max_order; order >= least; order--)
			n = take_warm(zone, (unsigned int)order, target, batch,
				      n, &bytes);
		spin_unlock(&zone->lock);

		cold = 0;
		for (unsigned int i = 0; i < n; i++) {
			struct uzs_block *b = &batch[i];
			unsigned int done = discard_block(zone, b);

			spin_lock(&zone->lock);
			WRITE_ONCE(zone->nr_out, zone->nr_out - b->warm);
			uzs_free_block(zone, b->section, b->index, b->order,
				       b->warm - done);
			spin_unlock(&zone->lock);
			cold += done;
		}
		cold_pages += cold;
		if (once)
			break;
		uzs_zone_give_way(zone);
		/* cold is 0: the OS refuses. */
	} while (n && cold && cold_pages < most);
	given = (size_t)cold_pages << zone->page_shift;
	__atomic_fetch_add(&zone->bytes_given_back, given, __ATOMIC_RELAXED);
	return given;
}

size_t uzs_zone_give_back(struct zone *zone, size_t target, bool locked)
{
	size_t given;

	if (!locked)
		mutex_lock(&zone->trim_lock);
	mutex_lock(&zone->gate);
	if (uzs_count_free(zone) > target >> zone->page_shift)
		uzs_zone_drain_pcp(zone);
	given = unmap_empty(zone, target);
	given += uzs_discard_free(zone, target, false);
	spin_lock(&zone->lock);
	uzs_lower_limit(zone);
	spin_unlock(&zone->lock);
	mutex_unlock(&zone->gate);
	if (!locked)
		mutex_unlock(&zone->trim_lock);
	return given;
}
