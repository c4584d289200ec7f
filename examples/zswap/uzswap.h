/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzswap.h - memory of a process that is swapped, compressed, by the process
 * itself: of its regions at most a given number of bytes is resident, the rest
 * is in a swap space (swap.h) and comes back when touched. By userfaultfd.
 *
 * A region is used like any memory, by any threads, also in system calls
 * (unless only faults of user mode are permitted: uzswap_create says so). Not
 * allowed with a region: munmap, mremap, madvise, mlock, mprotect; use in a
 * child after fork (the child has no such memory: SIGSEGV); buffers whose pages
 * the kernel pins: for O_DIRECT, io_uring's fixed buffers, vmsplice. The kernel
 * would go on with pages that no longer belong to the region.
 *
 * Regions are not locked in memory, and neither are the pager's own tables:
 * mlockall of the program does not reach what is made later (MCL_FUTURE), and
 * is taken back, page by page, for what was there before (MCL_CURRENT).
 *
 * The pager has threads, but no descriptor below 3: a program may close its
 * standard streams.
 *
 * A page that cannot be read back from the swap file stays there. A thread that
 * touches it gets SIGBUS, a system call EFAULT (or the length done before).
 * This lasts about 20 ms; the next touch after that tries again. Before Linux
 * 6.6 a system call does not return, and gets a SIGBUS for each try, about 50 a
 * second, until the page can be read. Each such failure takes a handler's time
 * for 20 ms.
 */
#ifndef UZSWAP_H
#define UZSWAP_H

#include "swap.h"

struct uzswap;

struct uzswap_options {
	size_t resident_bytes; /* the limit, 1 MiB at least */
	size_t max_bytes; /* of all regions; 0: 64 GiB (32-bit: 1 GiB) */
	unsigned int handlers; /* threads that serve faults; 0: 1 */
	struct zswap_options zswap; /* its page size is the system's */
	const char *path; /* the swap file, as in struct swap_options */
	const struct swap_io *io; /* same */
};

/* Pages. The first three are of now, the others since creation. */
struct uzswap_stats {
	uint64_t resident_pages; /* in regions and in limbo: within the limit */
	uint64_t limbo_pages; /* of these, taken away but not yet stored */
	uint64_t out_pages; /* stored */
	uint64_t resident_peak; /* beyond the limit only if storing failed */
	uint64_t new_faults; /* first touches */
	uint64_t soft_faults; /* came back from limbo */
	uint64_t hard_faults; /* came back from the swap space */
	uint64_t read_ahead; /* brought before they were touched; not faults */
	uint64_t taken; /* taken away */
	uint64_t kept_referenced; /* the hand passed them by: they came back
				   * from limbo */
	uint64_t store_errors; /* could not be stored: kept resident */
	uint64_t load_errors; /* could not be read back: SIGBUS, EFAULT */
	uint64_t waits; /* faults that waited for room */
	int last_error; /* negative errno of the last error of both kinds */
};

/* @message: on failure, one line with the reason; else a line on what does not
 * work here, or "". Return: NULL with errno. */
struct uzswap *uzswap_create(const struct uzswap_options *options,
			     char *message, size_t message_bytes);
/* Frees all that is not freed. No thread may be using a region. */
void uzswap_destroy(struct uzswap *u);

/* Return: zeroed memory, page aligned; NULL with errno. */
void *uzswap_alloc(struct uzswap *u, size_t bytes);
/* @p: returned by uzswap_alloc; NULL is ignored. No thread may be using it. */
void uzswap_free(struct uzswap *u, void *p);
/* Takes a whole region away now, as if it had not been used for long.
 * Return: 0, or a negative errno: some pages could not be stored. */
int uzswap_pageout(struct uzswap *u, void *p);

struct swap *uzswap_swap(struct uzswap *u);
void uzswap_stats(struct uzswap *u, struct uzswap_stats *stats);

#endif
