/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* postproc.c - processes stored blocks later: marks them idle, writes them to
 * the backing file, compresses them again with another algorithm.
 *
 * Kernel origin: drivers/block/zram/zram_drv.c mark_idle, zram_writeback_slots,
 * recompress_slot. Differs: also compressing again is done without the slot's
 * lock; slots are taken in order of index, not the largest first.
 * Guarantee: a block is in memory until it is in the file, and on the disk. A
 * thread that reads or changes it meanwhile clears SLOT_PP_SLOT, and the block is
 * not moved.
 */
#define _GNU_SOURCE
#include "zram.h"

#include <errno.h>
#include <string.h>
#include <time.h>

unsigned long uzram_mark_idle(struct uzram *dev, unsigned long seconds)
{
	unsigned long marked = 0;
	struct timespec now;
	uint64_t time;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	time = (uint64_t)now.tv_sec;
	pthread_mutex_lock(&dev->post_lock);
	for (size_t i = slot_table_first(&dev->table, 0); i < dev->table.nr;
	     i = slot_table_after(&dev->table, i)) {
		struct slot *slot = &dev->table.slots[i];
		uint64_t used;

		if (!slot_in_pool(slot_word(slot)))
			continue;
		slot_lock(slot);
		/* may be later than `time`, because clients go on meanwhile */
		used = atomic_load(&slot->used);
		if (slot_in_pool(slot_word(slot)) &&
		    (!seconds || (used <= time && time - used >= seconds))) {
			slot_set(slot, SLOT_IDLE);
			marked++;
		}
		slot_unlock(slot);
	}
	pthread_mutex_unlock(&dev->post_lock);
	return marked;
}

static bool wanted(uint32_t word, const struct uzram_job *job)
{
	if (!slot_in_pool(word) || slot_size(word) < job->threshold)
		return false;
	switch (job->which) {
	case UZRAM_ALL:
		return true;
	case UZRAM_IDLE:
		return word & SLOT_IDLE;
	case UZRAM_HUGE:
		return word & SLOT_HUGE;
	case UZRAM_HUGE_IDLE:
		return (word & SLOT_HUGE) && (word & SLOT_IDLE);
	case UZRAM_INCOMPRESSIBLE:
		return word & SLOT_INCOMPRESSIBLE;
	}
	return false;
}

/* Selects a slot: reads its block and marks it.
 * Return: 1; 0 if the slot is not wanted, or not any more; a negative errno. */
static int select_slot(struct uzram *dev, struct slot *slot,
		       const struct uzram_job *job, uint32_t unwanted,
		       void *block, uint32_t *word)
{
	int err;

	*word = slot_word(slot);
	if (!wanted(*word, job) || *word & unwanted)
		return 0;
	slot_lock(slot);
	*word = slot_word(slot);
	if (!wanted(*word, job) || *word & unwanted) {
		slot_unlock(slot);
		return 0;
	}
	err = uzram_read_slot(dev, slot, block, dev->config.block, 0);
	if (!err)
		slot_set(slot, SLOT_PP_SLOT);
	slot_unlock(slot);
	return err ? err : 1;
}

/* Takes the lock again, and clears the mark. Return: is the slot still as it
 * was selected? The lock is held. */
static bool lock_selected(struct slot *slot)
{
	bool same;

	slot_lock(slot);
	same = slot_word(slot) & SLOT_PP_SLOT;
	slot_clear(slot, SLOT_PP_SLOT);
	return same;
}

static bool stopped(const struct uzram_job *job)
{
	return job->stop && atomic_load(job->stop);
}

/* ---- backing file ------------------------------------------------------- */

/* Blocks that were written, and are in memory still. So many that to wait for the
 * disk costs little for each, and so few that their marks are not in the way. */
#define BATCH 256

struct batch {
	unsigned int nr;
	struct {
		struct slot *slot;
		size_t to; /* block of the file */
		uint32_t word; /* when it was selected */
	} written[BATCH];
};

/* What was written is on the disk, and leaves memory. Return: 0 or a negative
 * errno: then it stays. */
static int end_batch(struct uzram *dev, struct batch *batch,
		     struct uzram_done *done)
{
	int err = batch->nr ? backing_sync(&dev->backing) : 0;

	for (unsigned int i = 0; i < batch->nr; i++) {
		struct slot *slot = batch->written[i].slot;
		size_t to = batch->written[i].to;

		if (!lock_selected(slot) || err) {
			slot_unlock(slot);
			done->skipped += !err;
			backing_free(&dev->backing, to);
			continue;
		}
		uzram_slot_free(dev, slot);
		uzram_slot_put(dev, slot,
			       &(struct uzram_object){ to, SLOT_WB });
		count_add(&dev->counters.bd_count, 1);
		count_add(&dev->counters.bd_writes, 1);
		slot_unlock(slot);
		done->blocks++;
		done->bytes_before += slot_size(batch->written[i].word);
	}
	batch->nr = 0;
	return err;
}

/* A free block of the file. If there seems to be none, the batch ends first: of
 * what clients have changed meanwhile, it gives the blocks back.
 * Return: 0 or a negative errno. */
static int alloc_block(struct uzram *dev, struct batch *batch,
		       struct uzram_done *done, size_t *to)
{
	int err;

	*to = backing_alloc(&dev->backing);
	if (*to == BACKING_NONE && batch->nr) {
		err = end_batch(dev, batch, done);
		if (err)
			return err;
		*to = backing_alloc(&dev->backing);
	}
	if (*to != BACKING_NONE)
		return 0;
	done->full = true;
	return -ENOSPC;
}

/* Writes a block and leaves its mark on it. Return: 0 or a negative errno. */
static int write_slot(struct uzram *dev, struct slot *slot,
		      const struct uzram_job *job, struct batch *batch,
		      struct uzram_done *done)
{
	unsigned char block[UZRAM_BLOCK_MAX];
	size_t to;
	uint32_t word;
	int err;

	/* checked first: if the file is full, the job ends before it reads a
	 * block */
	if (!wanted(slot_word(slot), job))
		return 0;
	err = alloc_block(dev, batch, done, &to);
	if (err)
		return err;
	err = select_slot(dev, slot, job, 0, block, &word);
	if (err <= 0)
		goto unused;
	err = backing_write(&dev->backing, to, block);
	if (err) {
		lock_selected(slot);
		slot_unlock(slot);
		goto unused;
	}
	batch->written[batch->nr].slot = slot;
	batch->written[batch->nr].to = to;
	batch->written[batch->nr++].word = word;
	return 0;
unused:
	backing_free(&dev->backing, to);
	return err;
}

int uzram_writeback(struct uzram *dev, const struct uzram_job *job,
		    struct uzram_done *done)
{
	struct batch batch = { 0 };
	int err = 0, sync_err;

	*done = (struct uzram_done){ 0 };
	if (dev->backing.fd < 0)
		return -ENODEV;
	pthread_mutex_lock(&dev->post_lock);
	for (size_t i = slot_table_first(&dev->table, 0);
	     !err && i < dev->table.nr && done->blocks < job->max;
	     i = slot_table_after(&dev->table, i)) {
		err = stopped(job) ? -ECANCELED
				   : write_slot(dev, &dev->table.slots[i], job,
						&batch, done);
		if (!err &&
		    (batch.nr == BATCH || done->blocks + batch.nr == job->max))
			err = end_batch(dev, &batch, done);
	}
	sync_err = end_batch(dev, &batch, done);
	pthread_mutex_unlock(&dev->post_lock);
	/* The disk's error says more: what was written last is not there. */
	return sync_err ? sync_err : err;
}

/* ---- second algorithm --------------------------------------------------- */

static int recompress_slot(struct uzram *dev, struct slot *slot,
			   const struct uzram_job *job, struct uzram_done *done)
{
	unsigned char block[UZRAM_BLOCK_MAX];
	struct uzram_object object;
	uint32_t word;
	bool better, same;
	int err = select_slot(dev, slot, job, SLOT_RECOMP | SLOT_INCOMPRESSIBLE,
			      block, &word);

	if (err <= 0)
		return err;
	err = uzram_make_object(dev, &dev->recomp_streams, false, block,
				&object);
	better = !err && object.handle &&
		 uzram_taken(dev, slot_size(object.word)) <
			 uzram_taken(dev, slot_size(word));
	same = lock_selected(slot);
	if (same && better) {
		object.word |= SLOT_RECOMP;
		uzram_slot_free(dev, slot);
		uzram_slot_put(dev, slot, &object);
		count_add(&dev->counters.recompressed, 1);
		done->blocks++;
		done->bytes_before += slot_size(word);
		done->bytes_after += slot_size(object.word);
	} else if (same && !err) {
		slot_set(slot, SLOT_INCOMPRESSIBLE);
		slot_clear(slot, SLOT_IDLE);
	}
	slot_unlock(slot);
	if (err == -ENOSPC) { /* another block may fit */
		done->skipped++;
		done->no_room++;
		return 0;
	}
	if (!err && !(same && better)) {
		uzram_object_free(dev, &object, false);
		done->skipped++;
	}
	return err;
}

int uzram_recompress(struct uzram *dev, const struct uzram_job *job,
		     struct uzram_done *done)
{
	int err = 0;

	*done = (struct uzram_done){ 0 };
	if (!dev->recomp_streams.streams)
		return -ENODEV;
	pthread_mutex_lock(&dev->post_lock);
	for (size_t i = slot_table_first(&dev->table, 0);
	     i < dev->table.nr && done->blocks < job->max;
	     i = slot_table_after(&dev->table, i)) {
		err = stopped(job) ? -ECANCELED
				   : recompress_slot(dev, &dev->table.slots[i],
						     job, done);
		if (err)
			break;
	}
	pthread_mutex_unlock(&dev->post_lock);
	return err;
}
