/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zram.h - a compressed block device in memory: what the plugin and the
 * control socket call, and what the files of the device share.
 *
 *   plugin.c, control.c    NBD requests, commands
 *   stats.c, postproc.c    figures; idle, writeback, recompress
 *   device.c               made, reset, destroyed; limits
 *   zram.c                 reading, writing, freeing of blocks
 *   object.c               their objects in the pool
 *   slots.c streams.c backing.c
 *   chunks.c codec.c
 *
 * Lock order: post_lock, open_lock, slot lock, stream, compact_lock; slot lock, lock of the backing file's bitmap or of the chunks.
 * All calls may run at once, but uzram_destroy.
 */
#ifndef UZRAM_ZRAM_H
#define UZRAM_ZRAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uzsmalloc.h>

#include "backing.h"
#include "codec.h"
#include "slots.h"
#include "stats.h"
#include "streams.h"

#define UZRAM_BLOCK_MAX 65536

struct uzram_config {
	uint64_t size; /* bytes, at least 1 */
	unsigned int block; /* 4096, 16384, 32768 or 65536 */
	struct codec_choice algo;
	struct codec_choice recomp_algo; /* codec NULL: none */
	uint64_t mem_limit; /* bytes; 0: none */
	int backing_fd; /* of backing_open, or -1 */
	/* ZS_DEFER_NONE: trim requests free at once; ARRAY, PERCPU: they take
	 * the path of a freed swap slot; REUSE: they, and what overwrites,
	 * leave the object to the next write */
	enum zs_defer_mode defer;
	enum zs_profile profile; /* of the pool; DEFAULT: USER, on 32-bit
				  * machines KERNEL */
	enum zs_lock_scope scope; /* with ZS_PROFILE_KERNEL */
	unsigned int chain_size; /* pages, 4 to 16; 0: the profile's default */
	bool all_classes; /* with ZS_PROFILE_KERNEL: all that the kernel has,
			   * not those that suit the size */
};

struct uzram {
	struct uzram_config config; /* guard: const after create */
	struct zs_pool *pool; /* guard: const after create */
	unsigned int page; /* bytes in a page of the pool. const */
	size_t huge_size; /* bytes; stored raw from here. const */
	struct slot_table table;
	struct streams streams, recomp_streams;
	struct backing backing;
	struct uzram_counters counters;
	_Atomic unsigned long limit_pages; /* 0: none */
	/* held while compacting for the limit: the next thread finds the memory
	 * that this one freed */
	pthread_mutex_t compact_lock;
	/* held for a whole job, so that a thread that selected a block finds
	 * its own mark again, or none; and for a reset, during which no walk
	 * may run */
	pthread_mutex_t post_lock;
	pthread_mutex_t open_lock; /* held for the whole of a reset */
	unsigned int connections; /* guard: open_lock */
};

static inline uint64_t uzram_nr_blocks(const struct uzram_config *config)
{
	return config->size / config->block +
	       (config->size % config->block ? 1 : 0);
}

/* The profile that a pool gets. */
enum zs_profile uzram_profile(const struct uzram_config *config);
/* Bytes in a page of the pool. */
unsigned int uzram_page(const struct uzram_config *config);
/* The least memory limit, in bytes, with which any block can be written: it has
 * room for the block's own zspage beside that of the block that it replaces. */
uint64_t uzram_least_limit(const struct uzram_config *config);

/* The device closes the backing file, even if it cannot be made.
 * Return: 0 or a negative errno, with a line in `why`. */
int uzram_create(const struct uzram_config *config, struct uzram **dev,
		 char *why, size_t why_bytes);
void uzram_destroy(struct uzram *dev);

/* A client connects and disconnects: there is no reset in between. */
void uzram_open(struct uzram *dev);
void uzram_close(struct uzram *dev);

/* Requests. The range must lie in the device.
 * Return: 0 or a negative errno: -ENOSPC if the memory limit is reached,
 * -ENOMEM if the OS has no memory. Nothing that was stored before is lost then,
 * and blocks before the one that failed may be written. */
int uzram_read(struct uzram *dev, void *buf, size_t count, uint64_t offset);
int uzram_write(struct uzram *dev, const void *buf, size_t count,
		uint64_t offset);
/* Writes zeroes. Whole blocks are given back if may_trim, else stored as
 * same-filled. */
int uzram_zero(struct uzram *dev, uint64_t count, uint64_t offset,
	       bool may_trim);
/* Would zeroing take as long as writing? If a filled block is only zeroed in
 * part, it must be read and stored again. */
bool uzram_zero_is_slow(struct uzram *dev, uint64_t count, uint64_t offset);
/* Gives whole blocks back; they then read as zeroes or as before. */
void uzram_trim(struct uzram *dev, uint64_t count, uint64_t offset);

enum uzram_extent { UZRAM_DATA, UZRAM_ZERO, UZRAM_HOLE };
/* For clients that ask for extents: the kind of the blocks from `index` up to
 * `end` (exclusive). That is one block, or a whole range without data. */
enum uzram_extent uzram_extent(struct uzram *dev, size_t index, size_t *end);

/* Control. */
unsigned long uzram_compact(struct uzram *dev); /* pages freed */
/* Empties all blocks, sets the figures to zero and the limit to its configured
 * value. Waits for a running job.
 * Return: 0; -EBUSY while a client is connected; -EUCLEAN if objects were left
 * in the pool, which is an error of this program. */
int uzram_reset(struct uzram *dev);
/* @bytes: 0 for none; else at least uzram_least_limit, or all writes that need
 * memory fail. Rounded up to pages. */
void uzram_set_limit(struct uzram *dev, uint64_t bytes);
void uzram_reset_max_used(struct uzram *dev);

/* Post-processing. */
enum uzram_which {
	UZRAM_ALL,
	UZRAM_IDLE,
	UZRAM_HUGE,
	UZRAM_HUGE_IDLE,
	UZRAM_INCOMPRESSIBLE
};
struct uzram_job {
	enum uzram_which which;
	unsigned long max; /* blocks */
	size_t threshold; /* recompress: blocks of at least that many bytes */
	const _Atomic bool *stop; /* give up when it becomes true */
};
struct uzram_done {
	unsigned long blocks; /* changed */
	/* wanted, but not changed: it was used meanwhile, did not get smaller,
	 * or there was no memory */
	unsigned long skipped;
	unsigned long no_room; /* of these: the memory limit was reached */
	bool full; /* writeback: all blocks of the file are in use */
	size_t bytes_before, bytes_after; /* compressed */
};
/* Marks blocks that were not used in the last `seconds` (0: all). Waits for a
 * running job. Return: blocks. */
unsigned long uzram_mark_idle(struct uzram *dev, unsigned long seconds);
/* One job at a time: another one waits.
 * Return: 0; -ENODEV without backing file or recomp_algo; -ENOSPC if the file
 * is full, or (done->full is false) its file system; -ECANCELED; or another
 * error of the file. Blocks that could not be moved are in memory as before. */
int uzram_writeback(struct uzram *dev, const struct uzram_job *job,
		    struct uzram_done *done);
int uzram_recompress(struct uzram *dev, const struct uzram_job *job,
		     struct uzram_done *done);

/* ---- between zram.c, device.c, postproc.c and stats.c ------------------ */

/* What is put in a slot, or was taken out of one. */
struct uzram_object {
	unsigned long handle; /* 0 if nothing is in the pool */
	uint32_t word; /* size and flags */
};

/* Stores bytes in the pool, below the memory limit, in one object or two.
 * Return: as uzram_alloc; one handle, which stands for both. */
unsigned long uzram_store(struct uzram *dev, const void *data, size_t size);
/* What was stored so.
 * @copy: room for `size` bytes. Return: the bytes, in the copy or in their
 * place; NULL if the handle is not right. */
const void *uzram_load_begin(struct uzram *dev, unsigned long handle,
			     size_t size, void *copy);
void uzram_load_end(struct uzram *dev, unsigned long handle, size_t size,
		    const void *data);
/* @later: by zs_free_deferred, else by zs_free. */
void uzram_object_free(struct uzram *dev, const struct uzram_object *object,
		       bool later);
/* Bytes of the pool that so many bytes take. */
size_t uzram_taken(struct uzram *dev, size_t size);

/* Allocates an object, below the memory limit.
 * Return: a handle or an error value; -ENOSPC at the limit. Locks: takes
 * compact_lock. */
unsigned long uzram_alloc(struct uzram *dev, size_t size);
/* Compresses a block into a new object of the pool. Needs no slot.
 * @raw: store a block that does not compress as it is; without raw its handle
 * is 0. Return: 0 or a negative errno. */
int uzram_make_object(struct uzram *dev, struct streams *streams, bool raw,
		      const void *block, struct uzram_object *object);
/* Reads `len` bytes of a slot's block, from byte `at`. Locks: needs the
 * slot's. */
int uzram_read_slot(struct uzram *dev, struct slot *slot, void *buf, size_t len,
		    size_t at);
/* Frees the contents of a slot at once. Locks: needs the slot's. */
void uzram_slot_free(struct uzram *dev, struct slot *slot);
/* Fills a free slot. Locks: needs the slot's. */
void uzram_slot_put(struct uzram *dev, struct slot *slot,
		    const struct uzram_object *object);

static inline uint64_t uzram_pages_to_bytes(struct uzram *dev,
					    unsigned long pages)
{
	return (uint64_t)pages * dev->page;
}

#endif
