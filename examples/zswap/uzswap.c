/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzswap.c - regions and the states of their pages.
 *
 * Callers: users. Calls: fault.c, reclaim.c, swap.c.
 * Locks: by function.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os.h"
#include "pager.h"

/* ---- pages --------------------------------------------------------------- */

/* Locks: needs the lock, like all functions of this section. */
void page_list_add(struct uzswap *u, struct page_list *list, uint32_t slot)
{
	struct page *page = &u->pages[slot];

	page->prev = list->newest;
	page->next = NO_PAGE;
	if (list->newest == NO_PAGE)
		list->oldest = slot;
	else
		u->pages[list->newest].next = slot;
	list->newest = slot;
	list->count++;
}

void page_list_del(struct uzswap *u, struct page_list *list, uint32_t slot)
{
	struct page *page = &u->pages[slot];

	if (page->prev == NO_PAGE)
		list->oldest = page->next;
	else
		u->pages[page->prev].next = page->next;
	if (page->next == NO_PAGE)
		list->newest = page->prev;
	else
		u->pages[page->next].prev = page->prev;
	list->count--;
}

void page_settle(struct uzswap *u, uint32_t slot, enum page_state state)
{
	u->pages[slot].state = (uint8_t)state;
	if (state == PAGE_RESIDENT)
		page_list_add(u, &u->active, slot);
	else if (state == PAGE_LIMBO)
		page_list_add(u, &u->limbo, slot);
	if (u->busy_waiters)
		pthread_cond_broadcast(&u->changed);
}

enum page_state page_wait(struct uzswap *u, uint32_t slot)
{
	u->busy_waiters++;
	while (u->pages[slot].state == PAGE_BUSY)
		pthread_cond_wait(&u->changed, &u->lock);
	u->busy_waiters--;
	return u->pages[slot].state;
}

struct region *region_of_slot(struct uzswap *u, uint64_t slot)
{
	struct region *region = u->regions;

	while (region && slot - region->slot >= region->nr_pages)
		region = region->next;
	return region;
}

struct region *region_of_address(struct uzswap *u, uintptr_t address)
{
	struct region *region = u->regions;

	while (region &&
	       (!region->base || address - (uintptr_t)region->base >=
					 region->nr_pages * u->page_size))
		region = region->next;
	return region;
}

char *frame_of(struct uzswap *u, uint32_t frame)
{
	return u->frames + frame * u->page_size;
}

/* ---- regions ------------------------------------------------------------- */

/* Inserts the region into the first gap that is large enough. Return: false if
 * there is none. Locks: needs the lock. */
static bool insert_region(struct uzswap *u, struct region *region)
{
	struct region **link = &u->regions;
	uint64_t slot = 0;

	while (*link && (*link)->slot - slot < region->nr_pages) {
		slot = (*link)->slot + (*link)->nr_pages;
		link = &(*link)->next;
	}
	if (u->nr_slots - slot < region->nr_pages)
		return false;
	region->slot = slot;
	region->next = *link;
	region->epoch = ++u->epochs;
	*link = region;
	return true;
}

static void remove_region(struct uzswap *u, struct region *region)
{
	struct region **link = &u->regions;

	while (*link != region)
		link = &(*link)->next;
	*link = region->next;
}

void *uzswap_alloc(struct uzswap *u, size_t bytes)
{
	struct region *region;
	int err = ENOMEM;

	if (!bytes || bytes > SIZE_MAX - u->page_size) {
		errno = EINVAL;
		return NULL;
	}
	region = calloc(1, sizeof(*region));
	if (!region)
		return NULL;
	region->nr_pages = (bytes + u->page_size - 1) / u->page_size;
	bytes = region->nr_pages * u->page_size;
	region->base = os_map(bytes);
	if (!region->base) {
		free(region);
		return NULL;
	}
	/* Pages come and go one by one, so no huge pages. A child would find
	 * zeroes in place of pages that are away, so it gets no region at
	 * all. */
	madvise(region->base, bytes, MADV_NOHUGEPAGE);
	madvise(region->base, bytes, MADV_DONTFORK);

	pthread_mutex_lock(&u->lock);
	if (!insert_region(u, region))
		goto fail;
	err = -fault_register(u, region->base, bytes);
	if (err) {
		remove_region(u, region);
		goto fail;
	}
	pthread_mutex_unlock(&u->lock);
	return region->base;
fail:
	pthread_mutex_unlock(&u->lock);
	munmap(region->base, bytes);
	free(region);
	errno = err;
	return NULL;
}

/* Takes a page off its list, and out of memory. Return: is it out? Then the
 * caller frees its slot. Locks: needs the lock, which it may drop. */
static bool forget_page(struct uzswap *u, uint32_t slot)
{
	struct page *page = &u->pages[slot];
	enum page_state state = page_wait(u, slot);

	page->state = PAGE_EMPTY;
	page->referenced = 0;
	switch (state) {
	case PAGE_RESIDENT:
		page_list_del(u, &u->active, slot);
		u->used--;
		break;
	case PAGE_LIMBO:
		page_list_del(u, &u->limbo, slot);
		u->free_frames[u->nr_free_frames++] = page->frame;
		u->used--;
		break;
	case PAGE_OUT:
		u->out--;
		return true;
	default:
		break;
	}
	return false;
}

/* Locks: takes the lock for 64 pages at a time, so that others can go on. The
 * region keeps its place until its slots are free. */
static void free_region(struct uzswap *u, struct region *region)
{
	uint64_t first = 0;
	char *base;

	pthread_mutex_lock(&u->lock);
	region->dying = true;
	pthread_mutex_unlock(&u->lock);
	while (first < region->nr_pages) {
		uint64_t out = 0, n = region->nr_pages - first;

		n = n < 64 ? n : 64;
		pthread_mutex_lock(&u->lock);
		for (uint64_t i = 0; i < n; i++)
			if (forget_page(u,
					(uint32_t)(region->slot + first + i)))
				out |= (uint64_t)1 << i;
		if (u->room_waiters)
			pthread_cond_broadcast(&u->room);
		pthread_mutex_unlock(&u->lock);
		for (uint64_t i = 0; i < n; i++)
			if (out >> i & 1)
				swap_free(u->swap, region->slot + first + i);
		first += n;
	}
	/* After munmap the addresses may belong to another region. */
	pthread_mutex_lock(&u->lock);
	base = region->base;
	region->base = NULL;
	pthread_mutex_unlock(&u->lock);
	munmap(base, region->nr_pages * u->page_size);
	pthread_mutex_lock(&u->lock);
	remove_region(u, region);
	pthread_mutex_unlock(&u->lock);
	free(region);
}

static struct region *find_region(struct uzswap *u, void *p)
{
	struct region *region;

	pthread_mutex_lock(&u->lock);
	region = region_of_address(u, (uintptr_t)p);
	pthread_mutex_unlock(&u->lock);
	return region;
}

void uzswap_free(struct uzswap *u, void *p)
{
	struct region *region = p ? find_region(u, p) : NULL;

	if (region)
		free_region(u, region);
}

int uzswap_pageout(struct uzswap *u, void *p)
{
	struct region *region = find_region(u, p);

	if (!region)
		return -EINVAL;
	return reclaim_range(u, region->slot, region->nr_pages);
}

struct swap *uzswap_swap(struct uzswap *u)
{
	return u->swap;
}

void uzswap_stats(struct uzswap *u, struct uzswap_stats *stats)
{
	pthread_mutex_lock(&u->lock);
	*stats = u->stats;
	stats->resident_pages = u->used;
	stats->limbo_pages = u->limbo.count;
	stats->out_pages = u->out;
	pthread_mutex_unlock(&u->lock);
}

/* ---- life ---------------------------------------------------------------- */

static int open_swap(struct uzswap *u, const struct uzswap_options *options)
{
	struct swap_options swap = {
		.zswap = options->zswap,
		.nr_slots = u->nr_slots,
		.path = options->path,
		.io = options->io,
	};

	swap.zswap.page_size = (unsigned int)u->page_size;
	u->swap = swap_open(&swap);
	return u->swap ? 0 : -errno;
}

/* Return: 0, or a negative errno with a line in @message. */
static int set_up(struct uzswap *u, const struct uzswap_options *options,
		  char *message, size_t bytes)
{
	int err;

	u->uffd = fault_open(message, bytes);
	if (u->uffd < 0)
		return -EPERM;
	err = open_swap(u, options);
	if (err) {
		snprintf(message, bytes,
			 "the swap space cannot be opened%s%s: %s",
			 options->path ? ", file " : "",
			 options->path ? options->path : "",
			 err == -EBUSY	  ? "it is in use"
			 : err == -EEXIST ? "it is not a swap file"
					  : strerror(-err));
		return err;
	}
	u->pages = os_map(u->nr_slots * sizeof(*u->pages));
	u->frames = os_map(u->limbo_max * u->page_size);
	u->free_frames = calloc(u->limbo_max, sizeof(*u->free_frames));
	err = -ENOMEM;
	if (u->pages && u->frames && u->free_frames) {
		for (uint32_t i = 0; i < u->limbo_max; i++)
			u->free_frames[u->nr_free_frames++] = i;
		err = fault_start(u);
		if (!err)
			err = reclaim_start(u);
	}
	if (err)
		snprintf(message, bytes, "the pager cannot be started: %s",
			 strerror(-err));
	return err;
}

struct uzswap *uzswap_create(const struct uzswap_options *options,
			     char *message, size_t message_bytes)
{
	const size_t most = (size_t)(sizeof(void *) > 4 ? UINT64_C(1) << 36
							: UINT64_C(1) << 30);
	struct uzswap *u;
	int err;

	*message = '\0';
	if (options->resident_bytes < (size_t)1 << 20) {
		snprintf(message, message_bytes,
			 "the resident limit must be 1 MiB at least");
		errno = EINVAL;
		return NULL;
	}
	if ((uint64_t)options->max_bytes >> 40) {
		snprintf(message, message_bytes,
			 "regions can have 1 TiB together");
		errno = EINVAL;
		return NULL;
	}
	u = calloc(1, sizeof(*u));
	if (!u) {
		snprintf(message, message_bytes, "no memory");
		return NULL;
	}
	u->page_size = (size_t)sysconf(_SC_PAGESIZE);
	u->nr_slots =
		(options->max_bytes ? options->max_bytes : most) / u->page_size;
	u->nr_handlers = options->handlers ? options->handlers : 1;
	u->limit = options->resident_bytes / u->page_size;
	u->limbo_max = u->limit / 4 > 2 * BATCH ? u->limit / 4 : 2 * BATCH;
	u->slack = u->limit / 32 < 128 ? u->limit / 32 : 128;
	u->active = u->limbo =
		(struct page_list){ .oldest = NO_PAGE, .newest = NO_PAGE };
	u->stop_fd = u->uffd = -1;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->changed, NULL);
	pthread_cond_init(&u->room, NULL);
	pthread_cond_init(&u->work, NULL);
	err = set_up(u, options, message, message_bytes);
	if (err) {
		uzswap_destroy(u);
		errno = -err;
		return NULL;
	}
	return u;
}

void uzswap_destroy(struct uzswap *u)
{
	if (!u)
		return;
	while (u->regions)
		free_region(u, u->regions);
	reclaim_stop(u);
	fault_stop(u);
	if (u->uffd >= 0)
		close(u->uffd);
	swap_close(u->swap);
	if (u->pages)
		munmap(u->pages, u->nr_slots * sizeof(*u->pages));
	if (u->frames)
		munmap(u->frames, u->limbo_max * u->page_size);
	free(u->free_frames);
	pthread_mutex_destroy(&u->lock);
	pthread_cond_destroy(&u->changed);
	pthread_cond_destroy(&u->room);
	pthread_cond_destroy(&u->work);
	free(u);
}
