/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* swap.h - a swap space: slots of a page each, kept compressed in memory by
 * zswap, and in a swap file what zswap rejects or writes back.
 *
 * A slot's page is in zswap, or in the file, or the slot is free. A call that
 * fails leaves it where it was: swap_out with the caller, swap_in in its slot.
 * Calls may run at once, but not two on the same slot. Not for use in a child
 * after fork, which does not have the file.
 */
#ifndef ZSWAP_SWAP_H
#define ZSWAP_SWAP_H

#include <sys/types.h>

#include "zswap.h"

struct swap;

/* Reads and writes the file: pread, pwrite, or a test's functions. */
struct swap_io {
	ssize_t (*pread)(int fd, void *buf, size_t bytes, off_t at);
	ssize_t (*pwrite)(int fd, const void *buf, size_t bytes, off_t at);
};

struct swap_options {
	struct zswap_options zswap; /* its backing is set by swap_open */
	uint64_t nr_slots; /* number of slots */
	/* The swap file: NULL, none; a directory: one without a name in there;
	 * else a file that swap_open made before, or a new one. */
	const char *path;
	const struct swap_io *io; /* NULL: the system's */
};

struct swap_stats {
	uint64_t slots_in_file; /* now */
	uint64_t file_writes; /* pages, written back and rejected ones */
	uint64_t file_reads;
	uint64_t write_errors, read_errors;
	uint64_t checksum_errors; /* pages that came back changed */
	int last_error; /* negative errno; 0: there was none */
	bool was_in_use; /* the file's last user did not close it */
};

/* Return: NULL with errno; besides those of open and zswap_create:
 *        EBUSY   another process uses the file
 *        EEXIST  the file has something else in it, and is left alone */
struct swap *swap_open(const struct swap_options *options);
/* Drops all pages. A file with a name stays, empty. From then on others may
 * open it, even if a child of the process lives on. */
void swap_close(struct swap *swap);

/* Return: 0, or a negative errno: the slot is empty, and the page is still only
 * the caller's. */
int swap_out(struct swap *swap, uint64_t slot, const void *page);
/* Takes a page out of its slot. Return: 0; -ENOENT: the slot is free; else the
 * page stays in its slot (-EIO, -EBADMSG: the file returned other bytes). */
int swap_in(struct swap *swap, uint64_t slot, void *page);
/* Frees a slot, whatever it contains: zswap's invalidate path. */
void swap_free(struct swap *swap, uint64_t slot);
struct zswap *swap_zswap(struct swap *swap);
void swap_stats(struct swap *swap, struct swap_stats *stats);

#endif
