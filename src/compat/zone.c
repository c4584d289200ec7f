/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zone.c - owns the sections of a zone and the per-CPU lists of free pages;
 * allocates and frees.
 *
 * Kernel origin: mm/page_alloc.c (rmqueue_pcplist, free_unref_page,
 * drain_pages); differs: see zone.h.
 * Locks: takes slot locks and zone->lock. Sleeps: only in allocation with
 * GFP_KERNEL and in drain.
 */
#include "zone.h"

#include <string.h>

#include "buddy.h"
#include "checked/hooks.h"
#include "fault.h"
#include "os.h"

#if UINTPTR_MAX > UINT32_MAX
_Static_assert(sizeof(struct page) == 32 + UZS_PAGE_OWNER_BYTES,
	       "descriptor size is the overhead");
#endif
_Static_assert(sizeof(struct section) <= UZS_SECTION_HEADER, "header");

size_t uzs_zone_bytes(void)
{
	return uzs_percpu_bytes(sizeof(struct zone_slot));
}

/* Index of the first page behind the header and the descriptors of all pages
 * that follow. */
static unsigned int first_page(unsigned int page_shift, unsigned int nr)
{
	unsigned int first = 1;

	while (UZS_SECTION_HEADER + (nr - first) * sizeof(struct page) >
	       (size_t)first << page_shift)
		first++;
	return first;
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

/* ---- more free than is to be retained --------------------------------- */

/* Z6. Free pages are in the free lists, which are counted, and in the per-CPU
 * lists. A per-CPU list may hold up to its ceiling without being counted. If
 * the counted pages and all ceilings are together more than is to be retained,
 * a give-back is wanted. That may be too early, but is never too late. A CPU
 * comes here only if its list is above its ceiling, and not while a give-back is
 * queued.
 */

static unsigned long retained_pages(const struct zone *zone)
{
	return uzs_zone_retained(zone) >> zone->page_shift;
}

/* An upper bound of the warm free pages. Locks: zone->lock. */
static unsigned long most_free(const struct zone *zone)
{
	return zone->nr_warm + zone->ceilings;
}

/* By how many pages a CPU's ceiling may be above its list: a part of what may
 * still become free. Locks: zone->lock. */
static u32 spare_pages(const struct zone *zone)
{
	unsigned long left = retained_pages(zone) -
			     min(retained_pages(zone), most_free(zone));

	return (u32)min(left / (2 * zone->slots.slots),
			(unsigned long)zone->pcp_batch);
}

/* Locks: the slot's and zone->lock. */
static void set_ceiling(struct zone *zone, struct zone_slot *slot, u32 pages)
{
	zone->ceilings += (unsigned long)pages - slot->ceiling;
	slot->ceiling = pages;
}

static u32 slot_pages(const struct zone_slot *slot)
{
	u32 pages = 0;

	for (int t = 0; t < MIGRATE_PCPTYPES; t++)
		pages += slot->count[t];
	return pages;
}

void uzs_note_free(struct zone *zone)
{
	uzs_lower_limit(zone);
	/* Also if one is queued: perhaps no thread could be created for it. */
	if (most_free(zone) > retained_pages(zone))
		WRITE_ONCE(zone->give_back, (u32)UZS_GIVE_BACK_WANTED);
}

/* Called when a slot may have got more pages. Locks: needs the slot's; takes
 * zone->lock, but seldom. */
static void note_slot(struct zone *zone, struct zone_slot *slot)
{
	u32 pages = slot_pages(slot);

	if (likely(pages <= slot->ceiling) ||
	    READ_ONCE(zone->give_back) != UZS_GIVE_BACK_NONE)
		return;
	spin_lock(&zone->lock);
	set_ceiling(zone, slot, pages);
	uzs_note_free(zone);
	set_ceiling(zone, slot, pages + spare_pages(zone));
	spin_unlock(&zone->lock);
}

unsigned long uzs_count_free(struct zone *zone)
{
	unsigned long pages;

	WRITE_ONCE(zone->give_back, (u32)UZS_GIVE_BACK_NONE);
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		/* An earlier holder may have skipped the check, as a give-back
		 * was still queued. */
		local_lock(&slot->lock);
		spin_lock(&zone->lock);
		set_ceiling(zone, slot, slot_pages(slot));
		spin_unlock(&zone->lock);
		local_unlock(&slot->lock);
	}
	spin_lock(&zone->lock);
	pages = most_free(zone);
	spin_unlock(&zone->lock);
	return pages;
}

/* ---- life ------------------------------------------------------------- */

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
	zone->pcp_batch =
		options->one_by_one ? 1 : max(UZS_PCP_BATCH_BYTES >> shift, 4u);
	zone->limit = zone->limit_wanted = options->limit;
	zone->retained = options->retained;
	zone->movable = options->movable;
	spin_lock_init(&zone->lock);
	lock_set_rank(&zone->lock, UZS_RANK_ALLOC);
	INIT_LIST_HEAD(&zone->sections);
	INIT_LIST_HEAD(&zone->walk);
	for (unsigned int o = 0; o < UZS_NR_ORDERS; o++)
		for (int t = 0; t < MIGRATE_TYPES; t++)
			INIT_LIST_HEAD(&zone->free_area[o].free_list[t]);
	mutex_init(&zone->trim_lock);
	lock_set_rank(&zone->trim_lock.spin, UZS_RANK_TRIM);
	mutex_init(&zone->gate);
	lock_set_rank(&zone->gate.spin, UZS_RANK_GATE);
	uzs_shrinker_list_init(&zone->shrinkers);
	uzs_percpu_init(&zone->slots, mem, sizeof(struct zone_slot));
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		local_lock_init(&slot->lock);
		lock_set_rank(&slot->lock, UZS_RANK_ALLOC);
		lock_set_order(&slot->lock, i + 1); /* uzs_zone_lock_all */
		for (int t = 0; t < MIGRATE_PCPTYPES; t++)
			INIT_LIST_HEAD(&slot->list[t]);
		set_ceiling(zone, slot, spare_pages(zone));
	}
}

bool uzs_zone_charge(struct zone *zone, size_t bytes)
{
	bool fits;

	spin_lock(&zone->lock);
	fits = uzs_fits_limit(zone, bytes);
	if (fits)
		zone->charged += bytes;
	spin_unlock(&zone->lock);
	return fits;
}

bool uzs_zone_set_limit(struct zone *zone, size_t bytes)
{
	bool above;

	spin_lock(&zone->lock);
	WRITE_ONCE(zone->limit_wanted, bytes);
	zone->limit = bytes ? SIZE_MAX : 0;
	WRITE_ONCE(zone->above_limit, false);
	uzs_lower_limit(zone);
	above = zone->above_limit;
	spin_unlock(&zone->lock);
	return above;
}

void uzs_zone_uncharge(struct zone *zone, size_t bytes)
{
	spin_lock(&zone->lock);
	zone->charged -= bytes;
	uzs_lower_limit(zone);
	spin_unlock(&zone->lock);
}

void *uzs_zone_map(struct zone *zone, size_t bytes)
{
	void *mem;

	if (!uzs_zone_charge(zone, bytes))
		return NULL;
	mem = uzs_os_map(bytes, uzs_os_page_size());
	if (!mem)
		uzs_zone_uncharge(zone, bytes);
	return mem;
}

void uzs_zone_unmap(struct zone *zone, void *mem, size_t bytes)
{
	uzs_os_release(mem, bytes);
	uzs_zone_uncharge(zone, bytes);
}

/* ---- sections --------------------------------------------------------- */

/* Is there room in the limit for one more section with one allocated page?
 * Locks: zone->lock. */
static bool section_fits(struct zone *zone)
{
	return uzs_fits_limit(zone, zone->head_resident + uzs_cold_bytes(zone));
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
	if (unlikely(zone->keep) && !uzs_zone_keep_prepare(zone, section)) {
		uzs_os_unmap(section, UZS_SECTION_SIZE);
		return false;
	}
	index = zone->first;
	end = zone->nr_pages;
	uzs_poison((char *)section + ((size_t)index << zone->page_shift),
		   (size_t)(end - index) << zone->page_shift);

	spin_lock(&zone->lock);
	/* Others may have reached the limit meanwhile. */
	if (unlikely(!section_fits(zone))) {
		spin_unlock(&zone->lock);
		uzs_os_release(section, UZS_SECTION_SIZE);
		return false;
	}
	WRITE_ONCE(zone->nr_sections, zone->nr_sections + 1);
	section->zone = zone;
	section->type = type;
	/* uzs_zone_compact, if it runs now, has not set the cursor of this
	 * section. */
	section->cursor = zone->first;
	list_add(&section->list, &zone->sections);
	list_add(&section->walk, &zone->walk);
	/* Adds the largest aligned blocks from the first page to the end. */
	while (index < end) {
		unsigned int order = (unsigned int)__builtin_ctz(index);

		while (index + (1u << order) > end)
			order--;
		uzs_free_block(zone, section, index, order, 0);
		index += 1u << order;
	}
	spin_unlock(&zone->lock);
	return true;
}

/* ---- allocation ------------------------------------------------------- */

/* Adds a batch, or `n` pages if that is more, at the tail of a per-CPU list.
 * Locks: the slot's lock. */
static void refill_slot(struct zone *zone, struct zone_slot *slot,
			enum migratetype type, unsigned int n)
{
	u32 got;

	spin_lock(&zone->lock);
	got = uzs_rmqueue_bulk(zone, type, max(zone->pcp_batch, n),
			       &slot->list[type]);
	spin_unlock(&zone->lock);

	WRITE_ONCE(slot->count[type], slot->count[type] + got);
}

/* Takes n pages onto `list` without the OS. Takes all or none: pages held by a
 * thread that needs more could be used by another. */
static bool take_from_zone(struct zone *zone, enum migratetype type,
			   unsigned int n, struct list_head *list)
{
	struct zone_slot *slot = uzs_this_cpu(&zone->slots);
	bool enough;

	local_lock(&slot->lock);
	if (slot->count[type] < n)
		refill_slot(zone, slot, type, n);
	enough = slot->count[type] >= n;
	for (unsigned int i = 0; enough && i < n; i++)
		list_move_tail(slot->list[type].next, list);
	if (enough)
		WRITE_ONCE(slot->count[type], slot->count[type] - n);
	note_slot(zone, slot);
	local_unlock(&slot->lock);
	return enough;
}

/* Empties a per-CPU list. Locks: needs the slot's lock and zone->lock. */
static void drain_slot(struct zone *zone, struct zone_slot *slot)
{
	for (int t = 0; t < MIGRATE_PCPTYPES; t++) {
		while (!list_empty(&slot->list[t])) {
			struct page *page = list_first_entry(&slot->list[t],
							     struct page, lru);

			list_del(&page->lru);
			uzs_free_one_locked(zone, page);
		}
		WRITE_ONCE(slot->count[t], 0);
	}
	set_ceiling(zone, slot, 0);
}

/* Are n pages free, of either type, and within the limit? Asked first, as
 * taking pages and putting them back would make cold ones warm. If a page of
 * the OS is larger than the zone's, taking one page makes others warm, which
 * this does not calculate: it answers true, and the caller tries. Locks:
 * zone->lock. */
static bool has_pages(struct zone *zone, unsigned int n)
{
	size_t room = n;
	unsigned long warm = 0, cold = 0;

	if (uzs_os_order(zone))
		return true;
	for (unsigned int o = 0; o <= zone->max_order && warm < n; o++)
		for (unsigned int t = 0; t < MIGRATE_PCPTYPES; t++) {
			struct page *page;

			list_for_each_entry(page, uzs_free_list(zone, o, t),
					    lru) {
				warm += page->private;
				cold += (1ul << o) - page->private;
			}
		}
	while (room && !uzs_fits_limit(zone, room << zone->page_shift))
		room--;
	return warm + min(cold, (unsigned long)room) >= n;
}

/* As take_from_zone, but also takes pages of other CPUs' lists and of the other
 * type. Holds every lock, so that no page is just moving from one place to
 * another. */
static bool take_harder(struct zone *zone, enum migratetype type,
			unsigned int n, struct list_head *list)
{
	enum migratetype other = type == MIGRATE_MOVABLE ? MIGRATE_UNMOVABLE
							 : MIGRATE_MOVABLE;
	struct page *page, *next;
	LIST_HEAD(taken);
	unsigned int got = 0;

	uzs_zone_lock_all(zone);
	for (unsigned int i = 0; i < zone->slots.slots; i++)
		drain_slot(zone, uzs_per_cpu(&zone->slots, i));
	if (has_pages(zone, n)) {
		got = uzs_rmqueue_bulk(zone, type, n, &taken);
		if (got < n)
			got += uzs_rmqueue_bulk(zone, other, n - got, &taken);
	}
	if (got == n) {
		list_splice_init(&taken, list);
	} else {
		list_for_each_entry_safe(page, next, &taken, lru)
			uzs_free_one_locked(zone, page);
		uzs_note_free(zone);
	}
	uzs_zone_unlock_all(zone);
	return got == n;
}

/* At the limit, makes room for cold pages: gives back empty sections and warm
 * pages that cannot be used. Return: was any memory given back? False also if
 * another thread is doing this. */
static bool make_room(struct zone *zone)
{
	size_t given;

	if (!mutex_trylock(&zone->trim_lock))
		return false;
	given = uzs_zone_give_back(zone, 0, true);
	mutex_unlock(&zone->trim_lock);
	return given > 0;
}

bool uzs_alloc_pages_bulk(struct zone *zone, gfp_t gfp, enum migratetype type,
			  unsigned int n, struct page **pages)
{
	LIST_HEAD(list);
	struct page *page;
	unsigned int want = n;
	bool made_room = false, shrunk = false;

	might_alloc(gfp);
	for (unsigned int i = 0; i < n; i++)
		if (uzs_should_fail(UZS_FAULT_PAGE))
			return false;

	while (unlikely(!take_from_zone(zone, type, n, &list))) {
		if (gfp != GFP_NOWAIT && add_section(zone, type))
			continue;
		if (take_harder(zone, type, n, &list))
			break;
		/* Only once: memory that is not enough could be given back and
		 * taken again for ever. */
		if (READ_ONCE(zone->limit_wanted) && gfp == GFP_KERNEL &&
		    !made_room) {
			made_room = true;
			if (make_room(zone))
				continue;
		}
		if (gfp != GFP_KERNEL || shrunk ||
		    !uzs_shrink_all(&zone->shrinkers, n))
			return false;
		shrunk = true;
		made_room = false;
	}
	list_for_each_entry(page, &list, lru) {
		uzs_unpoison(page_address(zone, page),
			     (size_t)1 << zone->page_shift);
		pages[--want] = page;
	}
	return true;
}

#undef uzs_free_pages_bulk /* a macro in the checked body */
void uzs_free_pages_bulk(struct zone *zone, unsigned int n, struct page **pages)
{
	struct zone_slot *slot = uzs_this_cpu(&zone->slots);
	unsigned int high = 2 * zone->pcp_batch;

	for (unsigned int i = 0; i < n; i++)
		uzs_hook(page_freed, zone, pages[i]);
	local_lock(&slot->lock);
	for (unsigned int i = 0; i < n; i++) {
		struct page *page = pages[i];
		unsigned int type = READ_ONCE(uzs_section_of(page)->type);

		VM_BUG_ON(page_flags(page) & (PG_movable | PG_buddy | PG_slab));
		uzs_poison(page_address(zone, page),
			   (size_t)1 << zone->page_shift);
		if (unlikely(type == MIGRATE_ISOLATE)) {
			/* Its section is being emptied, so the page must not
			 * be allocated from here. */
			spin_lock(&zone->lock);
			uzs_free_one_locked(zone, page);
			uzs_note_free(zone);
			spin_unlock(&zone->lock);
			continue;
		}
		list_add(&page->lru, &slot->list[type]);
		WRITE_ONCE(slot->count[type], slot->count[type] + 1);
		if (slot->count[type] < high)
			continue;
		/* Pages from the tail go back: they were used least recently,
		 * so the CPU's cache has least of them. */
		spin_lock(&zone->lock);
		for (unsigned int b = zone->pcp_batch; b > 0; b--) {
			page = list_entry(slot->list[type].prev, struct page,
					  lru);
			list_del(&page->lru);
			uzs_free_one_locked(zone, page);
		}
		set_ceiling(zone, slot,
			    slot->ceiling -
				    min(slot->ceiling, zone->pcp_batch));
		uzs_note_free(zone);
		spin_unlock(&zone->lock);
		WRITE_ONCE(slot->count[type],
			   slot->count[type] - zone->pcp_batch);
	}
	note_slot(zone, slot);
	local_unlock(&slot->lock);
}

void uzs_zone_drain_pcp(struct zone *zone)
{
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		local_lock(&slot->lock);
		spin_lock(&zone->lock);
		drain_slot(zone, slot);
		spin_unlock(&zone->lock);
		local_unlock(&slot->lock);
	}
}

unsigned long uzs_zone_destroy(struct zone *zone)
{
	struct section *section, *next;
	unsigned long used;

	uzs_zone_drain_pcp(zone);
	used = zone->nr_out;
	list_for_each_entry_safe(section, next, &zone->sections, list)
		uzs_os_release(section, UZS_SECTION_SIZE);
	uzs_zone_keep_destroy(zone);
	return used;
}

/* ---- for walks ----------------------------------------------------------- */

struct section *uzs_zone_next_section(struct zone *zone,
				      struct section *section)
{
	struct list_head *pos;
	struct section *next = NULL;

	spin_lock(&zone->lock);
	/* New ones enter at the head. */
	pos = section ? section->walk.next : zone->walk.next;
	if (section)
		section->walkers--;
	if (pos != &zone->walk) {
		next = list_entry(pos, struct section, walk);
		next->walkers++;
	}
	spin_unlock(&zone->lock);
	return next;
}

void uzs_zone_end_walk(struct zone *zone, struct section *section)
{
	spin_lock(&zone->lock);
	section->walkers--;
	spin_unlock(&zone->lock);
}

/* ---- statistics, check, fork ------------------------------------------ */

unsigned long uzs_pcp_pages(struct zone *zone)
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
	stat->bytes_resident = uzs_resident_locked(zone);
	stat->bytes_free = uzs_free_bytes_locked(zone);
	spin_unlock(&zone->lock);
	pcp = min(uzs_pcp_pages(zone), out);
	stat->pages_used = out - pcp;
	stat->bytes_free += pcp << zone->page_shift;
}

void uzs_zone_lock_all(struct zone *zone)
{
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		local_lock(&slot->lock);
	}
	spin_lock(&zone->lock);
}

void uzs_zone_unlock_all(struct zone *zone)
{
	spin_unlock(&zone->lock);
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		local_unlock(&slot->lock);
	}
}

void uzs_zone_fork_child(struct zone *zone)
{
	/* The thread that would run it is not in the child. */
	if (zone->give_back == UZS_GIVE_BACK_QUEUED)
		zone->give_back = UZS_GIVE_BACK_WANTED;
	/* Nor is the thread that would end this walk. */
	if (zone->trimmed)
		zone->trimmed->walkers--;
	zone->trimmed = NULL;
	/* Who had these is not here. */
	mutex_renew(&zone->gate);
	zone->gate_wanted = 0;
	mutex_renew(&zone->trim_lock);
	spin_lock_renew(&zone->lock);
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		spin_lock_renew(&slot->lock);
	}
}
