/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zone_util.h - what the tests of compat/zone.h share: the OS, watched; zones
 * and what is in them; the CPU that a test runs on.
 */
#ifndef UZS_ZONE_UTIL_H
#define UZS_ZONE_UTIL_H

#include "test_system.h"
#include "test_util.h"

#include <pthread.h>

#include "compat/fault.h"
#include "compat/os.h"
#include "compat/zone.h"

/* Smaller pages than the OS's are as in test_zone_give_back.c's test of those. */
#define MIN_SHIFT ((unsigned int)__builtin_ctzl(uzs_os_page_size()))
#define MAX_SHIFT 16u
#define MAX_SECTIONS 64
#define MAX_PAGES 8192

/* ---- the OS, watched ----------------------------------------------------- */

/* On Linux munmap and madvise are zone_util.c's own: they can be made to fail,
 * and they look at the zone in the middle of what it does. */
#ifdef __linux__
#define WATCHED_OS 1
#endif

/* Every section that is mapped, found out without asking the zone. */
extern struct zone_os {
	pthread_mutex_t lock;
	char *sections[MAX_SECTIONS];
	unsigned int n;
	long unmaps, discards; /* calls */
	size_t unmapped_bytes;
	bool refuse_unmap, refuse_discard;
	size_t unit; /* what discards must be a multiple of; 0: any */
	unsigned long bad;
	/* The calls tell these; no lock of the zone but trim_lock is held. */
	void (*on_map)(void);
	void (*on_release)(void);
	struct zone *watched; /* for them */
	unsigned long looks; /* their calls */
} zone_os;

/* Nothing is refused, nobody told, nothing counted any more. */
void zone_os_reset(void);

#ifdef WATCHED_OS
/* Bytes of all sections that the OS has really filled. */
size_t zone_os_resident(void);
bool zone_page_resident(const struct zone *zone, const struct page *page);

/* Z4, in the middle of things: from now on, until the zone ends. */
void zone_os_watch(struct zone *zone);
#endif

/* ---- zones --------------------------------------------------------------- */

struct zone *new_zone(unsigned int shift, size_t limit, size_t retained,
		      const struct movable_operations *movable);
/* Pages that were still out must be `out`. */
void end_zone(struct zone *zone, unsigned long out);

/* For uzs_zone_check: on stderr. */
void zone_tell(void *arg, const char *text);
void assert_zone_sound(struct zone *zone);

static inline struct zone_stat zone_stat_of(struct zone *zone)
{
	struct zone_stat stat;

	uzs_zone_stat(zone, &stat);
	return stat;
}

static inline size_t zone_page_bytes(const struct zone *zone)
{
	return (size_t)1 << zone->page_shift;
}

/* Pages that a section has. */
static inline unsigned int zone_capacity(const struct zone *zone)
{
	return zone->nr_pages - zone->first;
}

unsigned long zone_pages_in_pcp(struct zone *zone);

/* Gives back, and holds the answer to what the figures say. */
size_t zone_give_back(struct zone *zone, size_t target);

/* ---- blocks -------------------------------------------------------------- */

static inline bool is_free_block(const struct page *page)
{
	return (page_flags(page) & PG_buddy) != 0;
}

/* The free blocks of a section, by index: order, or a mark for none. */
void zone_read_blocks(const struct zone *zone, const struct section *section,
		      unsigned char *orders);
/* What a buddy allocator makes of a set of free pages. */
void zone_expected_blocks(const struct zone *zone, const bool *free_pages,
			  unsigned char *orders);
/* Free pages are always merged as far as they can be. */
void assert_zone_merged(struct zone *zone);

/* ---- pages --------------------------------------------------------------- */

/* Takes `n` pages one by one. */
void zone_take(struct zone *zone, enum migratetype type, unsigned int n,
	       struct page **pages);
void zone_give(struct zone *zone, unsigned int n, struct page **pages);
void shuffle_pages(struct rng *rng, unsigned int n, struct page **pages);

/* Its own contents for each page, at both ends. */
void mark_page(const struct zone *zone, const struct page *page, u64 key);
bool page_marked(const struct zone *zone, const struct page *page, u64 key);

/* ---- CPUs, and what comes before and after a test ------------------------ */

/* Runs on one CPU from now on, so that its per-CPU lists are the ones used.
 * False where that cannot be had. */
bool pin_to_cpu(unsigned int nth);

int zone_start(void **state); /* on the first CPU */
int zone_finish(void **state);
int zone_start_threaded(void **state); /* on all of them */

#define single(test) \
	cmocka_unit_test_setup_teardown(test, zone_start, zone_finish)
#define threaded(test) cmocka_unit_test_setup(test, zone_start_threaded)

#endif
