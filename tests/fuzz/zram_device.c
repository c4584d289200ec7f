/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zram_device.c - see zram_device.h. */
#define _GNU_SOURCE
#include "zram_device.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "test_random.h"

void device_path(char *path, size_t bytes)
{
	snprintf(path, bytes, "%s/backing", fuzz_directory());
}

void device_make(struct device *d, unsigned int how)
{
	static const enum zs_defer_mode defers[] = {
		ZS_DEFER_NONE, ZS_DEFER_ARRAY, ZS_DEFER_PERCPU, ZS_DEFER_REUSE
	};
	struct uzram_config config = {
		/* the last block is shorter */
		.size = DEVICE_BYTES - 1000,
		.block = DEVICE_BLOCK,
		.backing_fd = -1,
		.profile = how & 1 && sizeof(long) == 8 ? ZS_PROFILE_USER
							: ZS_PROFILE_KERNEL,
		.defer = defers[how / 2 % 4],
	};
	char path[128], message[256] = "";
	const char *why;

	memset(d, 0, sizeof(*d));
	fuzz_check(codec_parse(how & 8 ? "lzo" : "lz4", &config.algo) == 0);
	if (how & 16)
		fuzz_check(codec_parse("zstd:1", &config.recomp_algo) == 0);
	if (how & 32) {
		device_path(path, sizeof(path));
		unlink(path);
		config.backing_fd = backing_open(
			path, DEVICE_BLOCK,
			(uint64_t)(how & 64 ? 8 : DEVICE_BLOCKS) * DEVICE_BLOCK,
			&why);
		if (config.backing_fd < 0)
			fuzz_fail("%s %s", path, why);
	}
	if (uzram_create(&config, &d->dev, message, sizeof(message)))
		fuzz_fail("no device: %s", message);
}

void device_destroy(struct device *d)
{
	uzram_destroy(d->dev);
	d->dev = NULL;
}

/* As far as the device goes. */
static size_t cut(const struct device *d, size_t at, size_t len)
{
	size_t size = (size_t)d->dev->config.size;

	fuzz_check(at < size);
	return len > size - at ? size - at : len;
}

static void found(struct device *d, size_t at, size_t len)
{
	for (size_t i = at / DEVICE_BLOCK; i * DEVICE_BLOCK < at + len; i++) {
		/* A part of a block that is lost: so is the rest. */
		if (i * DEVICE_BLOCK >= at &&
		    ((i + 1) * DEVICE_BLOCK <= at + len ||
		     at + len == d->dev->config.size))
			d->lost[i] = false;
	}
}

/* The request failed: up to some block all is new, from there on as before. */
static void failed(struct device *d, const unsigned char *wanted, size_t at,
		   size_t len, int err)
{
	bool still_new = true, any_lost = false;

	for (size_t i = at / DEVICE_BLOCK; i * DEVICE_BLOCK < at + len; i++)
		any_lost |= d->lost[i];
	fuzz_say("  failed: %s\n", strerror(-err));
	fuzz_check((err == -ENOSPC && d->limited) || d->failing || any_lost);
	for (size_t done = 0; done < len;) {
		size_t n = DEVICE_BLOCK - (at + done) % DEVICE_BLOCK;
		size_t block = (at + done) / DEVICE_BLOCK;
		unsigned char now[DEVICE_BLOCK];

		n = n < len - done ? n : len - done;
		if (uzram_read(d->dev, now, n, at + done)) {
			fuzz_check(d->failing || d->lost[block]);
			/* Which of both it has is not to be known. */
			d->lost[block] = true;
		} else if (still_new && !memcmp(now, wanted + done, n)) {
			memcpy(d->bytes + at + done, now, n);
		} else {
			still_new = false;
			fuzz_check(d->lost[block] ||
				   !memcmp(now, d->bytes + at + done, n));
		}
		done += n;
	}
}

static void fill(struct device *d, unsigned char *buf, size_t len,
		 unsigned int kind)
{
	uint64_t key = d->seed++;

	pattern_fill(buf, len, key);
	for (size_t i = 0; i < len; i++)
		if (kind % 4 == 0)
			buf[i] = (unsigned char)key;
		else if (kind % 4 == 1)
			buf[i] = (unsigned char)(key + i / 100);
		else if (kind % 4 == 2 && i % 256 > 110)
			buf[i] = 7;
}

void device_write(struct device *d, size_t at, size_t len, unsigned int kind)
{
	unsigned char *buf;
	int err;

	len = cut(d, at, len);
	buf = malloc(len);
	fuzz_check(buf);
	fill(d, buf, len, kind);
	err = uzram_write(d->dev, buf, len, at);
	if (err) {
		failed(d, buf, at, len, err);
	} else {
		found(d, at, len);
		memcpy(d->bytes + at, buf, len);
	}
	free(buf);
}

void device_zero(struct device *d, size_t at, size_t len, bool may_trim)
{
	unsigned char *zeroes;
	int err;

	len = cut(d, at, len);
	zeroes = calloc(1, len);
	fuzz_check(zeroes);
	err = uzram_zero(d->dev, len, at, may_trim);
	if (err) {
		failed(d, zeroes, at, len, err);
	} else {
		found(d, at, len);
		memset(d->bytes + at, 0, len);
	}
	free(zeroes);
}

void device_trim(struct device *d, size_t at, size_t len)
{
	len = cut(d, at, len);
	uzram_trim(d->dev, len, at);
	for (size_t i = 0; i < DEVICE_BLOCKS; i++) {
		size_t begin = i * DEVICE_BLOCK, end = begin + DEVICE_BLOCK;

		if (end > d->dev->config.size)
			end = (size_t)d->dev->config.size;
		if (begin < at || end > at + len)
			continue;
		memset(d->bytes + begin, 0, end - begin);
		d->lost[i] = false;
	}
}

void device_read(struct device *d, size_t at, size_t len)
{
	unsigned char buf[DEVICE_BLOCK];

	len = cut(d, at, len);
	for (size_t done = 0; done < len;) {
		size_t n = DEVICE_BLOCK - (at + done) % DEVICE_BLOCK;
		size_t block = (at + done) / DEVICE_BLOCK;
		int err;

		n = n < len - done ? n : len - done;
		err = uzram_read(d->dev, buf, n, at + done);
		if (err)
			fuzz_check(d->lost[block] || d->failing);
		else if (!d->lost[block] &&
			 memcmp(buf, d->bytes + at + done, n) != 0)
			fuzz_fail("block %zu has other bytes", block);
		done += n;
	}
}

void device_check(struct device *d)
{
	unsigned long stored = 0, same = 0, huge = 0, in_file = 0;
	struct uzram *dev = d->dev;
	size_t bytes = 0;

	device_read(d, 0, DEVICE_BYTES);
	for (size_t i = 0; i < dev->table.nr; i++) {
		uint32_t word = slot_word(&dev->table.slots[i]);

		fuzz_check(
			!(word & (SLOT_LOCKED | SLOT_WAITERS | SLOT_PP_SLOT)));
		stored += slot_filled(word);
		same += !!(word & SLOT_SAME);
		huge += !!(word & SLOT_HUGE);
		in_file += !!(word & SLOT_WB);
		bytes += slot_size(word);
	}
	fuzz_check(count_of(&dev->counters.stored) == stored);
	fuzz_check(count_of(&dev->counters.same) == same);
	fuzz_check(count_of(&dev->counters.huge) == huge);
	fuzz_check(count_of(&dev->counters.bd_count) == in_file);
	fuzz_check(count_of(&dev->counters.compr_bytes) == bytes);
	if (dev->backing.fd >= 0)
		fuzz_check(dev->backing.nr_used == in_file);
	zs_free_deferred_flush(dev->pool);
	fuzz_check(zs_pool_check(dev->pool, fuzz_out) == 0);
}
