/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pager.h - what uzswap.c, fault.c and reclaim.c share.
 *
 * The states of a page, and their changes:
 *
 *            touched                 the hand took it
 *   EMPTY ------------> RESIDENT -----------------------> LIMBO
 *                        ^   ^          touched             | |
 *                        |   +------------------------------+ | the oldest
 *                        |            touched                 v
 *                        +---------------------------------- OUT
 *
 * While a thread moves a page without the lock it is BUSY, and others wait.
 *
 * AGING. The system does not tell a process which of its pages were used (write
 * protection shows writes only, and neither soft-dirty bits nor PAGEMAP_SCAN
 * know of reads). So this is a clock whose reference bit comes from faults. The
 * hand moves the oldest pages out of the region, uncompressed, into limbo,
 * which is a quarter of the resident memory. A page that is touched there comes
 * back for the price of a fault, without compression, and with its reference
 * bit set: the hand passes it by once. A page that is not touched until it is
 * the oldest in limbo is cold.
 *
 * READING AHEAD. A fault costs two switches of threads, more than to decompress
 * a page. A thread that touches pages one after the other gets the next ones
 * with each fault, twice as many each time, as long as there is room. Such a
 * plan is valid for one epoch of one region: after a region was paged out, or
 * freed and another one made in its place, no page may come in that was not
 * touched.
 */
#ifndef UZSWAP_PAGER_H
#define UZSWAP_PAGER_H

#include <pthread.h>
#include <stdatomic.h>

#include "uzswap.h"

#define NO_PAGE UINT32_MAX
#define BATCH 32u

enum page_state { PAGE_EMPTY, PAGE_RESIDENT, PAGE_LIMBO, PAGE_OUT, PAGE_BUSY };

/* A page is known by its slot in the swap space, which is the same as long as
 * its region lives. Guard of all fields: lock. */
struct page {
	uint32_t prev, next; /* in the list of its state, oldest first */
	uint32_t frame; /* in limbo, or on the way there: where */
	uint8_t state;
	uint8_t referenced;
};

struct page_list {
	uint32_t oldest, newest;
	unsigned long count;
};

struct region {
	struct region *next; /* by slot */
	char *base; /* NULL: being freed */
	uint64_t slot, nr_pages;
	bool dying; /* being freed: bring nothing more. guard: lock */
	unsigned long epoch; /* begins with alloc and with each pageout. No two
			      * regions have one in common. guard: lock */
};

/* Faults one after the other, upwards or downwards. */
struct stream {
	uint32_t last; /* slot of the last fault */
	uint32_t next; /* the first that was not read ahead */
	int direction;
	unsigned int window; /* pages read ahead; 0: one fault so far */
};
#define NR_STREAMS 8
#define MAX_WINDOW 32u

struct uzswap {
	/* const */
	struct swap *swap;
	size_t page_size;
	uint64_t nr_slots;
	unsigned long limit; /* pages */
	unsigned long limbo_max; /* pages of those */
	unsigned long slack; /* pages that shall be free */
	char *frames; /* limbo_max of them */
	int uffd;
	int stop_fd; /* readable: handlers end */
	unsigned int nr_handlers;
	struct handler *handlers;
	pthread_t reclaimer;
	bool reclaimer_started;

	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t changed; /* a page is not BUSY any more */
	pthread_cond_t room; /* there may be room, or it is known that not */
	pthread_cond_t work; /* for the reclaimer */
	struct page *pages;
	struct region *regions;
	unsigned long epochs; /* the last one that began */
	struct page_list active, limbo;
	uint32_t *free_frames;
	unsigned long nr_free_frames;
	unsigned long used; /* pages that are in memory */
	unsigned long out; /* pages that are not */
	unsigned int room_waiters, busy_waiters;
	struct stream streams[NR_STREAMS];
	unsigned int next_stream; /* to be forgotten next */
	bool stuck; /* nothing could be stored just now */
	bool stop;
	bool can_poison; /* pages of regions: Linux 6.6 */
	struct uzswap_stats stats;
};

/* ---- uzswap.c ---- */
void page_list_add(struct uzswap *u, struct page_list *list, uint32_t slot);
void page_list_del(struct uzswap *u, struct page_list *list, uint32_t slot);
/* Sets the state of a page that was BUSY. */
void page_settle(struct uzswap *u, uint32_t slot, enum page_state state);
/* Waits while the page is BUSY. Return: its state. */
enum page_state page_wait(struct uzswap *u, uint32_t slot);
struct region *region_of_slot(struct uzswap *u, uint64_t slot);
struct region *region_of_address(struct uzswap *u, uintptr_t address);
char *frame_of(struct uzswap *u, uint32_t frame);

/* ---- fault.c ---- */
/* Opens a userfaultfd with write protection. Return: it, or -1 with a line in
 * @message. A line and no error: what does not work. */
int fault_open(char *message, size_t bytes);
/* Return: 0 or a negative errno. */
int fault_register(struct uzswap *u, void *base, size_t bytes);
int fault_protect(struct uzswap *u, void *base, size_t bytes, bool protect);
/* Starts the handlers. */
int fault_start(struct uzswap *u);
void fault_stop(struct uzswap *u);

/* ---- reclaim.c ---- */
int reclaim_start(struct uzswap *u);
void reclaim_stop(struct uzswap *u);
/* Takes what is RESIDENT in a region's nr_slots slots away, then empties limbo.
 * Return: 0 or the first error. */
int reclaim_range(struct uzswap *u, uint64_t slot, uint64_t nr_slots);

#endif
