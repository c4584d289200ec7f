/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zone.c - owns the free pages of a zone: buddy lists, per-CPU lists, the
 * sections behind them.
 *
 * Kernel origin: mm/page_alloc.c (__rmqueue, __free_one_page, free_pcppages_
 * bulk, rmqueue_bulk); differs: see zone.h.
 * Callers: slab.c, zone_compact.c, zsmalloc's files. Calls: os, lock, percpu,
 * shrinker.
 * Locks: takes slot locks and zone->lock; trim_lock in reclaim. Sleeps: only
 * in allocation with GFP_KERNEL, reclaim and drain.
 * Known limits: a run of single free pages costs a system call for each when
 * given back (about half a microsecond); zone compaction, which makes runs
 * long again, is run by zs_trim only.
 */
#include "zone.h"

#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "os.h"

/* Pages and blocks that reclaim works on between two takings of the lock:
 * bounds both how long it holds zone->lock and what allocation misses. */
#define RECLAIM_BLOCKS 64
#define RECLAIM_SECTIONS 16

#if UINTPTR_MAX > UINT32_MAX
_Static_assert(sizeof(struct page) == 32, "descriptor size is the overhead");
#endif
_Static_assert(sizeof(struct section) <= UZS_SECTION_HEADER, "header");

size_t uzs_zone_bytes(void)
{
	return uzs_percpu_bytes(sizeof(struct zone_slot));
}

/* Index of the first page behind a head that describes all pages behind it. */
static unsigned int first_page(unsigned int page_shift, unsigned int nr)
{
	unsigned int first = 1;

	while (UZS_SECTION_HEADER + (nr - first) * sizeof(struct page) >
	       (size_t)first << page_shift)
		first++;
	return first;
}

/* Order of a block that fills a page of the OS: 0 unless that is larger than
 * ours. */
static unsigned int os_order(const struct zone *zone)
{
	size_t pages = zone->os_page >> zone->page_shift;

	return pages > 1 ? ilog2(pages) : 0;
}

/* Bytes that the OS fills when a cold page is touched. */
static size_t cold_bytes(const struct zone *zone)
{
	return (size_t)1 << (zone->page_shift + os_order(zone));
}

static size_t head_bytes(unsigned int page_shift)
{
	unsigned int nr = 1u << (UZS_SECTION_SHIFT - page_shift);

	return ALIGN(UZS_SECTION_HEADER + (nr - first_page(page_shift, nr)) *
						  sizeof(struct page),
		     uzs_os_page_size());
}

size_t uzs_zone_min_bytes(const struct zone_options *options)
{
	return head_bytes(options->page_shift) +
	       max((size_t)1 << options->page_shift, uzs_os_page_size());
}

void uzs_zone_init(struct zone *zone, void *mem,
		   const struct zone_options *options)
{
	unsigned int shift = options->page_shift;

	memset(zone, 0, sizeof(*zone));
	zone->page_shift = shift;
	zone->nr_pages = 1u << (UZS_SECTION_SHIFT - shift);
	zone->first = first_page(shift, zone->nr_pages);
	zone->max_order = UZS_SECTION_SHIFT - shift;
	zone->desc_offset = (ptrdiff_t)UZS_SECTION_HEADER -
			    (ptrdiff_t)(zone->first * sizeof(struct page));
	zone->os_page = uzs_os_page_size();
	zone->head_resident = head_bytes(shift);
	zone->pcp_batch = max(UZS_PCP_BATCH_BYTES >> shift, 4u);
	zone->limit = options->limit;
	zone->retained = options->retained;
	zone->movable = options->movable;
	spin_lock_init(&zone->lock);
	INIT_LIST_HEAD(&zone->sections);
	for (unsigned int o = 0; o < UZS_NR_ORDERS; o++)
		for (int t = 0; t < MIGRATE_TYPES; t++)
			INIT_LIST_HEAD(&zone->free_area[o].free_list[t]);
	pthread_mutex_init(&zone->trim_lock, NULL);
	uzs_shrinker_list_init(&zone->shrinkers);
	uzs_percpu_init(&zone->slots, mem, sizeof(struct zone_slot));
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		spin_lock_init(&slot->lock);
		for (int t = 0; t < MIGRATE_PCPTYPES; t++)
			INIT_LIST_HEAD(&slot->list[t]);
	}
}

/* ---- buddy lists ------------------------------------------------------ */

static size_t resident_locked(const struct zone *zone)
{
	return zone->nr_sections * zone->head_resident +
	       ((zone->nr_out + zone->nr_warm) << zone->page_shift);
}

/* Are `bytes` more within the limit? */
static bool fits_limit(const struct zone *zone, size_t bytes)
{
	return !zone->limit ||
	       resident_locked(zone) + zone->charged + bytes <= zone->limit;
}

bool uzs_zone_charge(struct zone *zone, size_t bytes)
{
	bool fits;

	spin_lock(&zone->lock);
	fits = fits_limit(zone, bytes);
	if (fits)
		zone->charged += bytes;
	spin_unlock(&zone->lock);
	return fits;
}

void uzs_zone_uncharge(struct zone *zone, size_t bytes)
{
	spin_lock(&zone->lock);
	zone->charged -= bytes;
	spin_unlock(&zone->lock);
}

static struct list_head *free_list(struct zone *zone, unsigned int order,
				   unsigned int type)
{
	return &zone->free_area[order].free_list[type];
}

static unsigned int count_warm(const struct zone *zone,
			       const struct section *section,
			       unsigned int index, unsigned int order)
{
	unsigned int warm = 0;

	for (unsigned int i = 0; i < 1u << order; i++)
		warm += (page_flags(
				 uzs_section_page(zone, section, index + i)) &
			 PG_warm) != 0;
	return warm;
}

/* Puts a block into its list; warm ones are found first. No merging. */
static void add_block(struct zone *zone, struct section *section,
		      unsigned int index, unsigned int order, unsigned int warm)
{
	struct page *page = uzs_section_page(zone, section, index);
	struct list_head *list = free_list(zone, order, section->type);

	page->aux = order;
	page->private = warm;
	page_set(page, PG_buddy);
	if (warm)
		list_add(&page->lru, list);
	else
		list_add_tail(&page->lru, list);
}

static void del_block(struct page *page)
{
	list_del(&page->lru);
	page_clear(page, PG_buddy);
}

/* Counters of a block that enters (sign 1) or leaves the buddy lists. */
static void account_block(struct zone *zone, struct section *section,
			  unsigned int pages, unsigned int warm, bool enters)
{
	long n = enters ? (long)pages : -(long)pages;
	long w = enters ? (long)warm : -(long)warm;

	section->nr_free += (u32)n;
	WRITE_ONCE(zone->nr_free, zone->nr_free + (unsigned long)n);
	WRITE_ONCE(zone->nr_warm, zone->nr_warm + (unsigned long)w);
}

/* Adds a free block, merging it with its buddies. Locks: zone->lock. */
static void free_block(struct zone *zone, struct section *section,
		       unsigned int index, unsigned int order,
		       unsigned int warm)
{
	assert_spin_locked(&zone->lock);
	account_block(zone, section, 1u << order, warm, true);
	while (order < zone->max_order) {
		unsigned int other = index ^ (1u << order);
		struct page *buddy;

		if (other < zone->first)
			break;
		buddy = uzs_section_page(zone, section, other);
		if (!(page_flags(buddy) & PG_buddy) || buddy->aux != order)
			break;
		del_block(buddy);
		warm += (unsigned int)buddy->private;
		index &= ~(1u << order);
		order++;
	}
	add_block(zone, section, index, order, warm);
}

/* A free block that is out of its list. */
struct block {
	struct section *section;
	unsigned int index;
	unsigned int order;
	unsigned int warm; /* pages */
};

static struct block take_block(struct zone *zone, struct page *page)
{
	struct block b = {
		.section = uzs_section_of(page),
		.index = uzs_page_index(zone, page),
		.order = page->aux,
		.warm = (unsigned int)page->private,
	};

	del_block(page);
	return b;
}

/* Halves a block and puts one half back: the upper one, but with `want_warm`
 * keeps the first half that has warm pages. Locks: zone->lock. */
static void halve_block(struct zone *zone, struct block *b, bool want_warm)
{
	unsigned int half = 1u << --b->order, upper;

	/* Counting is needed only where warm and cold are mixed. */
	if (b->warm == 0 || b->warm == 2 * half)
		upper = b->warm / 2;
	else
		upper = count_warm(zone, b->section, b->index + half, b->order);
	if (want_warm && upper == b->warm) {
		add_block(zone, b->section, b->index, b->order, 0);
		b->index += half;
	} else {
		add_block(zone, b->section, b->index + half, b->order, upper);
		b->warm -= upper;
	}
}

/* Marks all of a block as warm. Locks: zone->lock. */
static void warm_block(struct zone *zone, struct block *b)
{
	unsigned int pages = 1u << b->order;

	for (unsigned int i = 0; i < pages; i++)
		page_set(uzs_section_page(zone, b->section, b->index + i),
			 PG_warm);
	WRITE_ONCE(zone->nr_warm, zone->nr_warm + pages - b->warm);
	b->warm = pages;
}

/* Takes one page of a free block, the rest stays free. The first one, but
 * with `want_warm` the first warm one if there is one. Locks: zone->lock. */
static struct page *split_block(struct zone *zone, struct page *page,
				bool want_warm)
{
	struct block b = take_block(zone, page);
	unsigned int at_once = os_order(zone);

	while (b.order > 0) {
		if (b.order == at_once)
			warm_block(zone, &b);
		halve_block(zone, &b, want_warm);
	}
	account_block(zone, b.section, 1, b.warm, false);
	return uzs_section_page(zone, b.section, b.index);
}

/* Marks a page as handed out (or on its way to a per-CPU list). */
static void page_out(struct zone *zone, struct page *page)
{
	if (!(page_flags(page) & PG_warm))
		page_set(page, PG_warm);
	WRITE_ONCE(zone->nr_out, zone->nr_out + 1);
}

/* One page of a type, or NULL: nothing free, or cold only and the limit is
 * reached. Locks: zone->lock. */
static struct page *rmqueue(struct zone *zone, unsigned int type)
{
	bool cold_fits = fits_limit(zone, cold_bytes(zone));

	for (unsigned int order = 0; order <= zone->max_order; order++) {
		struct list_head *list = free_list(zone, order, type);
		struct page *page;

		if (list_empty(list))
			continue;
		/* Blocks with warm pages stand first. */
		page = list_first_entry(list, struct page, lru);
		if (!cold_fits && !page->private)
			continue;
		page = split_block(zone, page, !cold_fits);
		page_out(zone, page);
		return page;
	}
	return NULL;
}

/* Up to n pages onto `list`. Locks: takes zone->lock. */
static unsigned int rmqueue_bulk(struct zone *zone, unsigned int type,
				 unsigned int n, struct list_head *list)
{
	unsigned int got = 0;

	spin_lock(&zone->lock);
	while (got < n) {
		struct page *page = rmqueue(zone, type);

		if (!page)
			break;
		list_add_tail(&page->lru, list);
		got++;
	}
	spin_unlock(&zone->lock);
	return got;
}

static void free_one_locked(struct zone *zone, struct page *page)
{
	struct section *section = uzs_section_of(page);

	WRITE_ONCE(zone->nr_out, zone->nr_out - 1);
	free_block(zone, section, uzs_page_index(zone, page), 0, 1);
}

/* Notes whether somebody should give memory back. Hysteresis of a quarter:
 * the worker must not be woken for every page. Locks: zone->lock. */
static void note_reclaim(struct zone *zone)
{
	size_t warm = zone->nr_warm << zone->page_shift;

	if (warm > zone->retained &&
	    warm - zone->retained > max(zone->retained / 4, (size_t)1 << 20))
		WRITE_ONCE(zone->reclaim_wanted, true);
}

/* ---- sections --------------------------------------------------------- */

/* Is a section more, with a page in use, within the limit? Locks: zone->lock. */
static bool section_fits(const struct zone *zone)
{
	return fits_limit(zone, zone->head_resident + cold_bytes(zone));
}

static bool add_section(struct zone *zone, unsigned int type)
{
	struct section *section;
	unsigned int index, end;
	bool fits;

	spin_lock(&zone->lock);
	fits = section_fits(zone);
	spin_unlock(&zone->lock);
	if (!fits)
		return false;
	section = uzs_os_map(UZS_SECTION_SIZE, UZS_SECTION_SIZE);
	if (!section)
		return false;
	index = zone->first;
	end = zone->nr_pages;
	uzs_poison((char *)section + ((size_t)index << zone->page_shift),
		   (size_t)(end - index) << zone->page_shift);

	spin_lock(&zone->lock);
	/* Others may have used up the limit since. */
	if (unlikely(!section_fits(zone))) {
		spin_unlock(&zone->lock);
		uzs_os_unmap(section, UZS_SECTION_SIZE);
		return false;
	}
	WRITE_ONCE(zone->nr_sections, zone->nr_sections + 1);
	section->zone = zone;
	section->type = type;
	list_add(&section->list, &zone->sections);
	/* The largest aligned blocks from the first page to the end. */
	while (index < end) {
		unsigned int order = (unsigned int)__builtin_ctz(index);

		while (index + (1u << order) > end)
			order--;
		free_block(zone, section, index, order, 0);
		index += 1u << order;
	}
	spin_unlock(&zone->lock);
	return true;
}

static unsigned int section_capacity(const struct zone *zone)
{
	return zone->nr_pages - zone->first;
}

/* Takes a wholly free section out of the lists; it counts as resident until
 * it is unmapped. Return: its warm pages. Locks: zone->lock. */
static unsigned long detach_section(struct zone *zone, struct section *section)
{
	unsigned int index = zone->first;
	unsigned long warm = zone->nr_warm;

	while (index < zone->nr_pages) {
		struct page *page = uzs_section_page(zone, section, index);
		unsigned int order = page->aux;

		VM_BUG_ON(!(page_flags(page) & PG_buddy));
		account_block(zone, section, 1u << order,
			      (unsigned int)page->private, false);
		del_block(page);
		index += 1u << order;
	}
	list_del(&section->list);
	warm -= zone->nr_warm;
	WRITE_ONCE(zone->nr_out, zone->nr_out + warm);
	return warm;
}

/* ---- allocation ------------------------------------------------------- */

/* Takes a batch, or `n` pages if that is more, into a per-CPU list, behind
 * what is there. Locks: the slot's lock. */
static void refill_slot(struct zone *zone, struct zone_slot *slot,
			enum migratetype type, unsigned int n)
{
	u32 got = rmqueue_bulk(zone, type, max(zone->pcp_batch, n),
			       &slot->list[type]);

	WRITE_ONCE(slot->count[type], slot->count[type] + got);
}

/* Fills `list` with n pages without asking the OS. */
static unsigned int take_from_zone(struct zone *zone, enum migratetype type,
				   unsigned int n, struct list_head *list)
{
	struct zone_slot *slot = uzs_this_cpu(&zone->slots);
	struct list_head *pcp = &slot->list[type];
	unsigned int got = 0;

	local_lock(&slot->lock);
	if (slot->count[type] < n)
		refill_slot(zone, slot, type, n);
	while (got < n && !list_empty(pcp)) {
		struct page *page = list_first_entry(pcp, struct page, lru);

		list_move_tail(&page->lru, list);
		got++;
	}
	WRITE_ONCE(slot->count[type], slot->count[type] - got);
	local_unlock(&slot->lock);
	return got;
}

/* As take_from_zone, also with what other CPUs hold and what the other type
 * has free. */
static unsigned int take_harder(struct zone *zone, enum migratetype type,
				unsigned int n, struct list_head *list)
{
	enum migratetype other = type == MIGRATE_MOVABLE ? MIGRATE_UNMOVABLE
							 : MIGRATE_MOVABLE;
	unsigned int got;

	uzs_zone_drain_pcp(zone);
	got = rmqueue_bulk(zone, type, n, list);
	if (got < n)
		got += rmqueue_bulk(zone, other, n - got, list);
	return got;
}

/* At the limit, what is warm or empty but cannot be had makes room for what
 * is cold. Return: did that change anything? Not if somebody else is at it:
 * the caller may be inside a walk that holds trim_lock. */
static bool make_room(struct zone *zone)
{
	size_t given;

	if (pthread_mutex_trylock(&zone->trim_lock))
		return false;
	given = uzs_zone_reclaim(zone, 0, true);
	pthread_mutex_unlock(&zone->trim_lock);
	return given > 0;
}

bool uzs_alloc_pages_bulk(struct zone *zone, gfp_t gfp, enum migratetype type,
			  unsigned int n, struct page **pages)
{
	LIST_HEAD(list);
	struct page *page, *next;
	unsigned int got = 0, want = n;
	bool may_grow = gfp == GFP_KERNEL, shrunk = false;

	for (unsigned int i = 0; i < n; i++)
		if (uzs_should_fail(UZS_FAULT_PAGE))
			return false;

	got = take_from_zone(zone, type, n, &list);
	while (unlikely(got < n)) {
		unsigned int more;

		if (may_grow && add_section(zone, type)) {
			got += take_from_zone(zone, type, n - got, &list);
			continue;
		}
		more = take_harder(zone, type, n - got, &list);
		got += more;
		if (more)
			continue;
		if (zone->limit && gfp == GFP_KERNEL && make_room(zone))
			continue;
		if (gfp != GFP_KERNEL || shrunk ||
		    !uzs_shrink_all(&zone->shrinkers, n - got))
			break;
		shrunk = true;
	}
	if (got < n) {
		list_for_each_entry_safe(page, next, &list, lru)
			__free_page(zone, page);
		return false;
	}
	list_for_each_entry(page, &list, lru) {
		uzs_unpoison(page_address(zone, page),
			     (size_t)1 << zone->page_shift);
		pages[--want] = page;
	}
	return true;
}

void uzs_free_pages_bulk(struct zone *zone, unsigned int n, struct page **pages)
{
	struct zone_slot *slot = uzs_this_cpu(&zone->slots);
	unsigned int high = 2 * zone->pcp_batch;

	local_lock(&slot->lock);
	for (unsigned int i = 0; i < n; i++) {
		struct page *page = pages[i];
		unsigned int type = READ_ONCE(uzs_section_of(page)->type);

		VM_BUG_ON(page_flags(page) & (PG_movable | PG_buddy | PG_slab));
		uzs_poison(page_address(zone, page),
			   (size_t)1 << zone->page_shift);
		if (unlikely(type == MIGRATE_ISOLATE)) {
			/* Its section is being emptied: never to be handed
			 * out from here. */
			spin_lock(&zone->lock);
			free_one_locked(zone, page);
			spin_unlock(&zone->lock);
			continue;
		}
		list_add(&page->lru, &slot->list[type]);
		WRITE_ONCE(slot->count[type], slot->count[type] + 1);
		if (slot->count[type] < high)
			continue;
		/* The coldest in cache go back, from the tail. */
		spin_lock(&zone->lock);
		for (unsigned int b = zone->pcp_batch; b > 0; b--) {
			page = list_entry(slot->list[type].prev, struct page,
					  lru);
			list_del(&page->lru);
			free_one_locked(zone, page);
		}
		note_reclaim(zone);
		spin_unlock(&zone->lock);
		WRITE_ONCE(slot->count[type],
			   slot->count[type] - zone->pcp_batch);
	}
	local_unlock(&slot->lock);
}

void uzs_zone_drain_pcp(struct zone *zone)
{
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		local_lock(&slot->lock);
		spin_lock(&zone->lock);
		for (int t = 0; t < MIGRATE_PCPTYPES; t++) {
			while (!list_empty(&slot->list[t])) {
				struct page *page = list_first_entry(
					&slot->list[t], struct page, lru);

				list_del(&page->lru);
				free_one_locked(zone, page);
			}
			WRITE_ONCE(slot->count[t], 0);
		}
		spin_unlock(&zone->lock);
		local_unlock(&slot->lock);
	}
}

/* ---- giving back ------------------------------------------------------ */

static size_t free_bytes_locked(const struct zone *zone)
{
	return zone->nr_warm << zone->page_shift;
}

/* Unmaps wholly free sections while more than `target` bytes stay free.
 * Locks: trim_lock. */
static size_t unmap_empty(struct zone *zone, size_t target)
{
	struct section *batch[RECLAIM_SECTIONS], *section, *next;
	unsigned long warm[RECLAIM_SECTIONS];
	unsigned int capacity = section_capacity(zone), n, kept;
	size_t given = 0;

	do {
		n = 0;
		kept = 0;
		spin_lock(&zone->lock);
		list_for_each_entry_safe(section, next, &zone->sections, list) {
			size_t free_after;

			if (section->nr_free != capacity)
				continue;
			/* What would stay, cold pages included: a retained
			 * section saves its system calls too. */
			free_after = (zone->nr_free - capacity)
				     << zone->page_shift;
			if (target && free_after < target)
				break;
			warm[n] = detach_section(zone, section);
			batch[n++] = section;
			if (n == RECLAIM_SECTIONS)
				break;
		}
		spin_unlock(&zone->lock);
		for (unsigned int i = 0; i < n; i++) {
			bool gone;

			section = batch[i];
			gone = uzs_os_unmap(section, UZS_SECTION_SIZE);
			spin_lock(&zone->lock);
			WRITE_ONCE(zone->nr_out, zone->nr_out - warm[i]);
			if (gone) {
				WRITE_ONCE(zone->nr_sections,
					   zone->nr_sections - 1);
				given += (warm[i] << zone->page_shift) +
					 zone->head_resident;
			} else {
				/* The OS would need memory to unmap. Nothing
				 * is lost: the section goes back into use. */
				list_add(&section->list, &zone->sections);
				for (unsigned int p = zone->first;
				     p < zone->nr_pages; p++)
					free_block(zone, section, p, 0,
						   count_warm(zone, section, p,
							      0));
				kept++;
			}
			spin_unlock(&zone->lock);
		}
	} while (n == RECLAIM_SECTIONS && !kept);
	__atomic_fetch_add(&zone->bytes_given_back, given, __ATOMIC_RELAXED);
	return given;
}

/* Clears the warm marks of pages [index, end). Return: how many there were. */
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

/* Discards what is warm in a block that is out of the lists and consists of
 * whole pages of the OS. Return: pages that became cold. Locks: none, as
 * nobody else reaches the block. */
static unsigned int discard_block(const struct zone *zone,
				  const struct block *b)
{
	unsigned int order = os_order(zone), step = 1u << order;
	unsigned int index = b->index, end = index + (1u << b->order);
	unsigned int cold = 0;

	while (index < end) {
		char *start = (char *)b->section +
			      ((size_t)index << zone->page_shift);
		unsigned int stop = index;

		while (stop < end && count_warm(zone, b->section, stop, order))
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

/* Takes out warm blocks of an order and all types, as many as there is room
 * for and as bring the warm pages down to `target`; of the last one only as
 * much as that takes. They count as resident. Return: how many there are now
 * in `batch`. Locks: zone->lock. */
static unsigned int take_warm(struct zone *zone, unsigned int order,
			      size_t target, struct block *batch,
			      unsigned int n)
{
	for (unsigned int t = 0; t < MIGRATE_TYPES; t++) {
		struct list_head *list = free_list(zone, order, t);

		while (n < RECLAIM_BLOCKS && !list_empty(list) &&
		       free_bytes_locked(zone) > target) {
			struct page *page =
				list_first_entry(list, struct page, lru);
			size_t excess = (free_bytes_locked(zone) - target +
					 ((size_t)1 << zone->page_shift) - 1) >>
					zone->page_shift;
			struct block *b = &batch[n];

			/* Blocks with warm pages stand first. */
			if (!page->private)
				break;
			*b = take_block(zone, page);
			while (b->order > os_order(zone) && b->warm > excess)
				halve_block(zone, b, true);
			account_block(zone, b->section, 1u << b->order, b->warm,
				      false);
			WRITE_ONCE(zone->nr_out, zone->nr_out + b->warm);
			n++;
		}
	}
	return n;
}

/* Discards warm free blocks, largest first, until at most `target` bytes are
 * warm and free. Locks: trim_lock. */
static size_t discard_free(struct zone *zone, size_t target)
{
	struct block batch[RECLAIM_BLOCKS];
	int least = (int)os_order(zone);
	unsigned int n, cold;
	size_t given = 0;

	do {
		n = 0;
		spin_lock(&zone->lock);
		for (int order = (int)zone->max_order; order >= least; order--)
			n = take_warm(zone, (unsigned int)order, target, batch,
				      n);
		spin_unlock(&zone->lock);

		cold = 0;
		for (unsigned int i = 0; i < n; i++) {
			struct block *b = &batch[i];
			unsigned int done = discard_block(zone, b);

			spin_lock(&zone->lock);
			WRITE_ONCE(zone->nr_out, zone->nr_out - b->warm);
			free_block(zone, b->section, b->index, b->order,
				   b->warm - done);
			spin_unlock(&zone->lock);
			cold += done;
		}
		given += (size_t)cold << zone->page_shift;
		/* No progress: the OS refuses. */
	} while (n && cold);
	__atomic_fetch_add(&zone->bytes_given_back, given, __ATOMIC_RELAXED);
	return given;
}

size_t uzs_zone_reclaim(struct zone *zone, size_t target, bool locked)
{
	size_t given;

	if (!locked)
		pthread_mutex_lock(&zone->trim_lock);
	WRITE_ONCE(zone->reclaim_wanted, false);
	if (!target)
		uzs_zone_drain_pcp(zone);
	given = unmap_empty(zone, target);
	given += discard_free(zone, target);
	if (!locked)
		pthread_mutex_unlock(&zone->trim_lock);
	return given;
}

unsigned long uzs_zone_destroy(struct zone *zone)
{
	struct section *section, *next;
	unsigned long used;

	uzs_zone_drain_pcp(zone);
	used = zone->nr_out;
	list_for_each_entry_safe(section, next, &zone->sections, list) {
		/* If even that fails, at least the memory goes back. */
		if (!uzs_os_unmap(section, UZS_SECTION_SIZE))
			uzs_os_discard(section, UZS_SECTION_SIZE);
	}
	pthread_mutex_destroy(&zone->trim_lock);
	return used;
}

/* ---- for walks ----------------------------------------------------------- */

struct section *uzs_zone_next_section(struct zone *zone,
				      struct section *section)
{
	struct list_head *next;

	spin_lock(&zone->lock);
	next = section ? section->list.next : zone->sections.next;
	spin_unlock(&zone->lock);
	/* New ones enter at the head. */
	return next == &zone->sections ? NULL
				       : list_entry(next, struct section, list);
}

/* ---- for zone compaction ---------------------------------------------- */

/* Up to n free pages at the section's cursor and behind it. Return: false if
 * there are more, but the limit is in the way. */
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
		bool cold_fits = fits_limit(zone, cold_bytes(zone));

		/* Others may take and free pages here meanwhile; a block is
		 * always seen by its head, or behind the cursor. */
		if (!(page_flags(page) & PG_buddy)) {
			section->cursor++;
			continue;
		}
		fits = cold_fits || page->private;
		if (!fits)
			break;
		page = split_block(zone, page, !cold_fits);
		page_out(zone, page);
		uzs_unpoison(page_address(zone, page),
			     (size_t)1 << zone->page_shift);
		pages[(*got)++] = page;
	}
	spin_unlock(&zone->lock);
	return fits;
}

unsigned int uzs_zone_take_free(struct section *section, unsigned int n,
				struct page **pages)
{
	unsigned int got;

	/* What was moved away is free, but warm: that makes room. */
	if (!take_at_cursor(section, n, pages, &got) && !got &&
	    discard_free(section->zone, 0))
		take_at_cursor(section, n, pages, &got);
	return got;
}

void uzs_zone_set_type(struct section *section, enum migratetype type)
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
			list_move(&page->lru, free_list(zone, page->aux, type));
		else
			list_move_tail(&page->lru,
				       free_list(zone, page->aux, type));
		i += 1u << page->aux;
	}
	spin_unlock(&zone->lock);
}

/* ---- statistics, check, fork ------------------------------------------ */

static unsigned long pcp_pages(struct zone *zone)
{
	unsigned long n = 0;

	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		for (int t = 0; t < MIGRATE_PCPTYPES; t++)
			n += READ_ONCE(slot->count[t]);
	}
	return n;
}

void uzs_zone_stat(struct zone *zone, struct zone_stat *stat)
{
	unsigned long pcp, out;

	spin_lock(&zone->lock);
	out = zone->nr_out;
	stat->bytes_mapped = zone->nr_sections * UZS_SECTION_SIZE;
	stat->bytes_resident = resident_locked(zone);
	stat->bytes_free = free_bytes_locked(zone);
	spin_unlock(&zone->lock);
	pcp = min(pcp_pages(zone), out);
	stat->pages_used = out - pcp;
	stat->bytes_free += pcp << zone->page_shift;
}

struct zone_report {
	void (*report)(void *arg, const char *text);
	void *arg;
	unsigned long bad;
};

static void expect_equal(struct zone_report *r, const char *what,
			 unsigned long counted, unsigned long recorded)
{
	char text[128];

	if (counted == recorded)
		return;
	snprintf(text, sizeof(text), "zone: %s: %lu counted, %lu recorded",
		 what, counted, recorded);
	r->bad++;
	r->report(r->arg, text);
}

unsigned long uzs_zone_check(struct zone *zone,
			     void (*report)(void *arg, const char *text),
			     void *arg)
{
	struct zone_report r = { report, arg, 0 };
	unsigned long nr_free = 0, nr_warm = 0, listed = 0, sections = 0;
	unsigned long pcp = 0, mixed = 0;
	struct section *section;
	struct page *page;

	uzs_zone_fork_prepare(zone); /* every lock, whatever for */
	list_for_each_entry(section, &zone->sections, list) {
		unsigned long section_free = 0;

		sections++;
		for (unsigned int i = zone->first; i < zone->nr_pages;) {
			unsigned int warm;

			page = uzs_section_page(zone, section, i);
			if (!(page_flags(page) & PG_buddy)) {
				i++;
				continue;
			}
			warm = count_warm(zone, section, i, page->aux);
			mixed += warm != page->private ||
				 (i & ((1u << page->aux) - 1)) != 0;
			section_free += 1u << page->aux;
			nr_warm += warm;
			i += 1u << page->aux;
		}
		expect_equal(&r, "free pages of a section", section_free,
			     section->nr_free);
		nr_free += section_free;
	}
	for (unsigned int o = 0; o < UZS_NR_ORDERS; o++)
		for (int t = 0; t < MIGRATE_TYPES; t++)
			list_for_each_entry(
				page, free_list(zone, o, (unsigned)t), lru) {
				listed += 1u << o;
				mixed += page->aux != o ||
					 uzs_section_of(page)->type != (u32)t;
			}
	expect_equal(&r, "sections", sections, zone->nr_sections);
	expect_equal(&r, "free pages", nr_free, zone->nr_free);
	expect_equal(&r, "pages in free lists", listed, zone->nr_free);
	expect_equal(&r, "warm free pages", nr_warm, zone->nr_warm);
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		for (int t = 0; t < MIGRATE_PCPTYPES; t++)
			list_for_each_entry(page, &slot->list[t], lru)
				pcp++;
	}
	expect_equal(&r, "pages in per-CPU lists", pcp, pcp_pages(zone));
	expect_equal(&r, "pages handed out",
		     sections * section_capacity(zone) - nr_free, zone->nr_out);
	expect_equal(&r, "misfiled free blocks", mixed, 0);
	uzs_zone_fork_parent(zone);
	return r.bad;
}

void uzs_zone_fork_prepare(struct zone *zone)
{
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		local_lock(&slot->lock);
	}
	spin_lock(&zone->lock);
}

void uzs_zone_fork_parent(struct zone *zone)
{
	spin_unlock(&zone->lock);
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		local_unlock(&slot->lock);
	}
}

void uzs_zone_fork_child(struct zone *zone)
{
	spin_lock_init(&zone->lock);
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		spin_lock_init(&slot->lock);
	}
}
