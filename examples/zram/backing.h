/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* backing.h - the backing file: which of its blocks are in use, their checksums,
 * and reading and writing them.
 *
 * Kernel origin: alloc_block_bdev, free_block_bdev and the backing_dev
 * attribute of drivers/block/zram/zram_drv.c.
 * Locks: its own for the bitmap, inside a slot's lock.
 * Guarantee: what is read is what was written, or it is an error: also if others
 * cut the file off, or change it, or the disk lost a part.
 * Known limit: the file's contents do not outlive the device.
 */
#ifndef UZRAM_BACKING_H
#define UZRAM_BACKING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BACKING_NONE ((size_t)-1)

struct backing {
	int fd; /* -1: there is no backing file */
	size_t block; /* bytes */
	size_t nr; /* blocks */
	pthread_mutex_t lock;
	uint64_t *used; /* guard: lock. A bit for each block */
	uint32_t *sums; /* guard: of who has the block. Of what was written */
	size_t nr_used; /* guard: lock */
	size_t next; /* guard: lock. Where to look first */
};

/* @create_bytes: makes the file that long if it is shorter; 0: leaves it.
 * Return: a descriptor, which holds a lock on the file, also over a fork; or a
 * negative errno, and `why` says what failed. */
int backing_open(const char *path, size_t block, uint64_t create_bytes,
		 const char **why);
/* Closes a descriptor of backing_open and gives up the lock; -1 is ignored. */
void backing_close_file(int fd);
/* @fd: from backing_open, closed by backing_close; -1: no file. */
void backing_init(struct backing *backing, int fd);
/* Makes the bitmap and the checksums, if there is a file. Return: 0 or a negative errno. */
int backing_start(struct backing *backing, size_t block);
void backing_close(struct backing *backing);

/* Return: a block's number, or BACKING_NONE when all are in use. */
size_t backing_alloc(struct backing *backing);
void backing_free(struct backing *backing, size_t nr);

/* Reads a whole block. Return: 0 or a negative errno; -EIO if the file ends early,
 * or has other bytes than were written. */
int backing_read(struct backing *backing, size_t nr, void *buf);
/* Writes a whole block. Return: 0 or a negative errno. */
int backing_write(struct backing *backing, size_t nr, const void *buf);
/* Waits until what was written is on the disk. Return: 0 or a negative errno: then
 * none of what was written since the last time may be there. */
int backing_sync(struct backing *backing);

#endif
