/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zram.c - blocks of the device: compressing into the pool, reading, freeing.
 *
 * Kernel origin: drivers/block/zram/zram_drv.c zram_read_page, zram_write_page,
 * zram_free_page and the deferred series' slot_free_extract, slot_free,
 * slot_free_notify.
 * Differs: a request smaller than a block holds the slot's lock from reading to
 * writing. So if two clients write the two halves of a block, both are stored.
 * At the memory limit the pool is compacted before the error.
 * Guarantees: A. a write that fails leaves the block as it was. B. no lock is
 * held while a whole block is compressed.
 */
#define _GNU_SOURCE
#include "zram.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* ---- helpers ------------------------------------------------------------ */

static uint32_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint32_t)now.tv_sec;
}

/* A client uses the block: it is not idle, and post-processing leaves it as it
 * is. */
static void slot_accessed(struct slot *slot)
{
	uint32_t now = now_seconds();

	if (slot_word(slot) & (SLOT_IDLE | SLOT_PP_SLOT))
		slot_clear(slot, SLOT_IDLE | SLOT_PP_SLOT);
	if (atomic_load_explicit(&slot->used, memory_order_relaxed) != now)
		atomic_store_explicit(&slot->used, now, memory_order_relaxed);
}

static bool same_filled(const void *block, size_t len, unsigned long *value)
{
	const unsigned char *bytes = block;
	size_t rest = len - sizeof(*value);

	/* the last word first: in most blocks it differs from the first */
	if (memcmp(bytes, bytes + rest, sizeof(*value)) != 0 ||
	    memcmp(bytes, bytes + sizeof(*value), rest) != 0)
		return false;
	memcpy(value, bytes, sizeof(*value));
	return true;
}

static void fill(unsigned char *buf, size_t len, size_t at, unsigned long value)
{
	unsigned char bytes[sizeof(value)];

	memcpy(bytes, &value, sizeof(value));
	if (value == bytes[0] * (~0UL / 0xff)) {
		memset(buf, bytes[0], len);
		return;
	}
	for (size_t i = 0; i < len; i++)
		buf[i] = bytes[(at + i) % sizeof(value)];
}

/* The part of one block that a range touches. */
struct part {
	size_t index; /* index of the block */
	size_t at, len; /* bytes from the block's start; bytes */
	bool whole; /* the whole block, as far as the device goes */
};

static bool next_part(const struct uzram *dev, uint64_t *offset, uint64_t *left,
		      struct part *part)
{
	unsigned int block = dev->config.block;

	if (!*left)
		return false;
	part->index = (size_t)(*offset / block);
	part->at = (size_t)(*offset % block);
	part->len = block - part->at;
	if (part->len > *left)
		part->len = (size_t)*left;
	*offset += part->len;
	*left -= part->len;
	part->whole = !part->at &&
		      (part->len == block || *offset == dev->config.size);
	return true;
}

/* As next_part, but skips blocks without data. */
static bool next_used_part(const struct uzram *dev, uint64_t *offset,
			   uint64_t *left, struct part *part)
{
	size_t index = (size_t)(*offset / dev->config.block);
	size_t used = *left ? slot_table_first(&dev->table, index) : index;
	uint64_t skip = 0;

	if (used != index)
		skip = (uint64_t)used * dev->config.block - *offset;
	if (skip > *left)
		skip = *left;
	*offset += skip;
	*left -= skip;
	return next_part(dev, offset, left, part);
}

/* ---- freeing ------------------------------------------------------------ */

/* All bookkeeping of a slot that becomes empty, except the free itself. Locks:
 * needs the slot's. Return: what is to be freed. */
static struct uzram_object slot_free_extract(struct uzram *dev,
					     struct slot *slot)
{
	struct uzram_counters *counters = &dev->counters;
	struct uzram_object old = { .handle = slot->handle };

	/* clears idle, incompressible and post-processing in one masked
	 * write */
	old.word = slot_take_all(slot);
	if (!slot_filled(old.word))
		return (struct uzram_object){ 0 };
	if (old.word & SLOT_HUGE)
		count_sub(&counters->huge, 1);
	if (old.word & SLOT_WB) {
		backing_free(&dev->backing, old.handle);
		count_sub(&counters->bd_count, 1);
		old.handle = 0;
	} else if (old.word & SLOT_SAME) {
		count_sub(&counters->same, 1);
		old.handle = 0;
	} else {
		count_sub(&counters->compr_bytes, slot_size(old.word));
	}
	count_sub(&counters->stored, 1);
	slot->handle = 0;
	return old;
}

void uzram_slot_free(struct uzram *dev, struct slot *slot)
{
	struct uzram_object old = slot_free_extract(dev, slot);

	uzram_object_free(dev, &old, false);
}

/* As slot_free_extract, for a slot that stays empty. */
static struct uzram_object slot_empty(struct uzram *dev, struct slot *slot)
{
	bool filled = slot_filled(slot_word(slot));
	struct uzram_object old = slot_free_extract(dev, slot);

	if (filled)
		slot_table_leave(&dev->table, slot);
	return old;
}

/* Frees what a client overwrote, zeroed or trimmed: at once, as in the kernel,
 * or keeps it for the next write. */
static void free_for_next(struct uzram *dev, struct uzram_object old)
{
	uzram_object_free(dev, &old, dev->config.defer == ZS_DEFER_REUSE);
}

static bool frees_as_swap_slot(const struct uzram *dev)
{
	return dev->config.defer == ZS_DEFER_ARRAY ||
	       dev->config.defer == ZS_DEFER_PERCPU;
}

/* Frees a swap slot. The caller, who notifies us, must not be delayed. */
static void slot_free_notify(struct uzram *dev, struct slot *slot)
{
	struct uzram_object old;

	count_add(&dev->counters.notify_free, 1);
	if (!slot_trylock(slot)) {
		count_add(&dev->counters.miss_free, 1);
		return;
	}
	old = slot_empty(dev, slot);
	slot_unlock(slot);
	uzram_object_free(dev, &old, true);
}

/* ---- storing ------------------------------------------------------------ */

int uzram_make_object(struct uzram *dev, struct streams *streams, bool raw,
		      const void *block, struct uzram_object *object)
{
	const struct codec *codec = streams->algo.codec;
	size_t len = dev->config.block, size;
	struct stream *stream = streams_get(streams);

	size = codec->compress(stream->state, streams->algo.level, block, len,
			       stream->out, dev->huge_size - 1);
	object->word = size ? (uint32_t)size : (uint32_t)len | SLOT_HUGE;
	if (!size) { /* raw: the stream is not needed any more */
		streams_put(stream);
		stream = NULL;
		size = len;
		object->handle = 0;
		if (!raw)
			return 0;
	}
	object->handle = uzram_store(dev, stream ? stream->out : block, size);
	if (stream)
		streams_put(stream);
	return zs_err(object->handle);
}

void uzram_slot_put(struct uzram *dev, struct slot *slot,
		    const struct uzram_object *object)
{
	struct uzram_counters *counters = &dev->counters;

	slot->handle = object->handle;
	slot_set(slot, object->word);
	count_add(&counters->stored, 1);
	if (object->word & SLOT_SAME)
		count_add(&counters->same, 1);
	if (object->word & SLOT_HUGE) {
		count_add(&counters->huge, 1);
		count_add(&counters->huge_since, 1);
	}
	count_add(&counters->compr_bytes, slot_size(object->word));
}

/* Makes a whole block for storing: same-filled, compressed or raw. */
static int make_block(struct uzram *dev, const void *block,
		      struct uzram_object *object)
{
	if (same_filled(block, dev->config.block, &object->handle)) {
		object->word = SLOT_SAME;
		return 0;
	}
	return uzram_make_object(dev, &dev->streams, true, block, object);
}

static void replace(struct uzram *dev, struct slot *slot,
		    const struct uzram_object *object)
{
	if (!slot_filled(slot_word(slot)))
		slot_table_enter(&dev->table, slot);
	free_for_next(dev, slot_free_extract(dev, slot));
	uzram_slot_put(dev, slot, object);
	slot_accessed(slot);
}

static int write_block(struct uzram *dev, struct slot *slot, const void *block)
{
	struct uzram_object object;
	int err = make_block(dev, block, &object);

	if (err)
		return err;
	slot_lock(slot);
	replace(dev, slot, &object);
	slot_unlock(slot);
	return 0;
}

/* data NULL: zeroes. */
static void change_part(unsigned char *block, const struct part *part,
			const void *data)
{
	if (data)
		memcpy(block + part->at, data, part->len);
	else
		memset(block + part->at, 0, part->len);
}

/* Writes a part of a block in a range without data. Locks the slot only when
 * there is something to store, so a write that fails takes no memory of the
 * table. Return: 0, a negative errno, or 1 if the block was filled
 * meanwhile. */
static int write_first_part(struct uzram *dev, const struct part *part,
			    const void *data, unsigned char *block)
{
	struct slot *slot = &dev->table.slots[part->index];
	struct uzram_object object;
	bool filled;
	int err;

	memset(block, 0, dev->config.block);
	change_part(block, part, data);
	err = make_block(dev, block, &object);
	if (err)
		return err;
	slot_lock(slot);
	filled = slot_filled(slot_word(slot));
	if (!filled)
		replace(dev, slot, &object);
	slot_unlock(slot);
	if (filled && !(object.word & SLOT_SAME))
		uzram_object_free(dev, &object, false);
	return filled;
}

/* Writes a part of a block; data NULL: zeroes. */
static int write_part(struct uzram *dev, const struct part *part,
		      const void *data)
{
	struct slot *slot = &dev->table.slots[part->index];
	unsigned char block[UZRAM_BLOCK_MAX];
	struct uzram_object object;
	int err;

	if (!slot_table_used(&dev->table, part->index)) {
		err = write_first_part(dev, part, data, block);
		if (err <= 0)
			return err;
	}
	slot_lock(slot);
	err = uzram_read_slot(dev, slot, block, dev->config.block, 0);
	if (err)
		goto out;
	change_part(block, part, data);
	err = make_block(dev, block, &object);
	if (!err)
		replace(dev, slot, &object);
out:
	slot_unlock(slot);
	return err;
}

/* ---- reading ------------------------------------------------------------ */

static int read_object(struct uzram *dev, struct slot *slot, uint32_t word,
		       unsigned char *buf, size_t len, size_t at)
{
	struct streams *streams = word & SLOT_RECOMP ? &dev->recomp_streams
						     : &dev->streams;
	struct stream *stream = streams_get(streams);
	bool part = len != dev->config.block, ok = true;
	size_t size = slot_size(word);
	const unsigned char *object;

	object = uzram_load_begin(dev, slot->handle, size, stream->copy);
	if (!object) {
		ok = false;
	} else if (word & SLOT_HUGE) {
		memcpy(buf, object + at, len);
	} else {
		ok = streams->algo.codec->decompress(stream->state, object,
						     size,
						     part ? stream->block : buf,
						     dev->config.block);
		if (ok && part)
			memcpy(buf, (unsigned char *)stream->block + at, len);
	}
	uzram_load_end(dev, slot->handle, size, object);
	streams_put(stream);
	return ok ? 0 : -EIO;
}

/* The file's checksums are of whole blocks. */
static int read_backing(struct uzram *dev, size_t nr, void *buf, size_t len,
			size_t at)
{
	unsigned char block[UZRAM_BLOCK_MAX];
	int err;

	count_add(&dev->counters.bd_reads, 1);
	if (len == dev->config.block)
		return backing_read(&dev->backing, nr, buf);
	err = backing_read(&dev->backing, nr, block);
	if (!err)
		memcpy(buf, block + at, len);
	return err;
}

int uzram_read_slot(struct uzram *dev, struct slot *slot, void *buf, size_t len,
		    size_t at)
{
	uint32_t word = slot_word(slot);

	if (slot_in_pool(word))
		return read_object(dev, slot, word, buf, len, at);
	if (word & SLOT_WB)
		return read_backing(dev, slot->handle, buf, len, at);
	/* same-filled; 0 for an empty slot */
	fill(buf, len, at, slot->handle);
	return 0;
}

/* ---- requests ----------------------------------------------------------- */

static int read_part(struct uzram *dev, const struct part *part, void *buf)
{
	struct slot *slot = &dev->table.slots[part->index];
	int err;

	if (!slot_table_used(&dev->table, part->index)) {
		memset(buf, 0, part->len);
		return 0;
	}
	slot_lock(slot);
	err = uzram_read_slot(dev, slot, buf, part->len, part->at);
	if (slot_filled(slot_word(slot)))
		slot_accessed(slot);
	slot_unlock(slot);
	return err;
}

int uzram_read(struct uzram *dev, void *buf, size_t count, uint64_t offset)
{
	uint64_t left = count;
	struct part part;
	int err = 0;

	count_add(&dev->counters.reads, 1);
	while (!err && next_part(dev, &offset, &left, &part)) {
		err = read_part(dev, &part, buf);
		buf = (char *)buf + part.len;
	}
	if (err)
		count_add(&dev->counters.failed_reads, 1);
	return err;
}

int uzram_write(struct uzram *dev, const void *buf, size_t count,
		uint64_t offset)
{
	uint64_t left = count;
	struct part part;
	int err = 0;

	count_add(&dev->counters.writes, 1);
	while (!err && next_part(dev, &offset, &left, &part)) {
		if (part.len == dev->config.block)
			err = write_block(dev, &dev->table.slots[part.index],
					  buf);
		else
			err = write_part(dev, &part, buf);
		buf = (const char *)buf + part.len;
	}
	if (err)
		count_add(&dev->counters.failed_writes, 1);
	return err;
}

/* Is there anything to free? Without the lock: a write at the same time counts
 * as before or after. */
static bool worth_freeing(struct uzram *dev, size_t index)
{
	return slot_table_used(&dev->table, index) &&
	       slot_word(&dev->table.slots[index]) & ~SLOT_WAITERS;
}

int uzram_zero(struct uzram *dev, uint64_t count, uint64_t offset,
	       bool may_trim)
{
	static const struct uzram_object zeroes = { 0, SLOT_SAME };
	struct part part;
	int err = 0;

	count_add(&dev->counters.writes, 1);
	while (!err && (may_trim ? next_used_part : next_part)(dev, &offset,
							       &count, &part)) {
		struct slot *slot = &dev->table.slots[part.index];

		/* zeroes change nothing in an empty block */
		if (may_trim && !worth_freeing(dev, part.index))
			continue;
		if (!part.whole) {
			err = write_part(dev, &part, NULL);
			continue;
		}
		slot_lock(slot);
		if (may_trim)
			free_for_next(dev, slot_empty(dev, slot));
		else
			replace(dev, slot, &zeroes);
		slot_unlock(slot);
	}
	if (err)
		count_add(&dev->counters.failed_writes, 1);
	return err;
}

static bool part_is_filled(struct uzram *dev, uint64_t count, uint64_t offset)
{
	struct part part;

	return next_part(dev, &offset, &count, &part) && !part.whole &&
	       slot_table_used(&dev->table, part.index) &&
	       slot_filled(slot_word(&dev->table.slots[part.index]));
}

bool uzram_zero_is_slow(struct uzram *dev, uint64_t count, uint64_t offset)
{
	uint64_t end = offset + count, tail = end % dev->config.block;

	/* all blocks between the first and the last are whole */
	return part_is_filled(dev, count, offset) ||
	       (tail < count && part_is_filled(dev, tail, end - tail));
}

void uzram_trim(struct uzram *dev, uint64_t count, uint64_t offset)
{
	struct part part;

	while (next_used_part(dev, &offset, &count, &part)) {
		struct slot *slot = &dev->table.slots[part.index];

		if (!part.whole || !worth_freeing(dev, part.index))
			continue;
		if (frees_as_swap_slot(dev)) {
			slot_free_notify(dev, slot);
			continue;
		}
		count_add(&dev->counters.notify_free, 1);
		slot_lock(slot);
		free_for_next(dev, slot_empty(dev, slot));
		slot_unlock(slot);
	}
}

enum uzram_extent uzram_extent(struct uzram *dev, size_t index, size_t *end)
{
	struct slot *slot = &dev->table.slots[index];
	enum uzram_extent extent = UZRAM_DATA;
	uint32_t word;

	*end = slot_table_first(&dev->table, index);
	if (*end != index)
		return UZRAM_HOLE;
	*end = index + 1;
	word = slot_word(slot);
	if (!slot_filled(word))
		return UZRAM_HOLE;
	if (!(word & SLOT_SAME))
		return UZRAM_DATA;
	slot_lock(slot);
	word = slot_word(slot);
	if (!slot_filled(word))
		extent = UZRAM_HOLE;
	else if (word & SLOT_SAME && !slot->handle)
		extent = UZRAM_ZERO;
	slot_unlock(slot);
	return extent;
}
