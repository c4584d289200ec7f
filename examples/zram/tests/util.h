/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* util.h - shared by the unit tests: random numbers, contents of blocks, a
 * device, and the check that its figures agree with its slots. */
#ifndef UZRAM_TEST_UTIL_H
#define UZRAM_TEST_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zram.h"

/* UZS_TEST_SCALE: percent of the work to do. */
static inline int scaled(int n)
{
	const char *percent = getenv("UZS_TEST_SCALE");

	return percent && atoi(percent) > 0 ? n / 100 * atoi(percent) : n;
}

/* xorshift64*, which would stay at 0 */
static inline uint64_t random_next(uint64_t *state)
{
	if (!*state)
		*state = UINT64_C(0x9e3779b97f4a7c15);
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
	return random_next(state) % n;
}

enum contents { SAME, TEXT, NOISE, MIXED, NR_CONTENTS };

/* Fills with one value, or with bytes that compress well, not at all, or by
 * about half. */
static inline void contents_fill(unsigned char *buf, size_t len,
				 enum contents kind, uint64_t *state)
{
	uint64_t value = random_next(state);

	for (size_t i = 0; i < len; i++) {
		bool noise = kind == NOISE || (kind == MIXED && i % 256 < 110);

		if (noise)
			buf[i] = (unsigned char)(random_next(state) >> 32);
		else if (kind == SAME)
			buf[i] = (unsigned char)value;
		else
			buf[i] = (unsigned char)(value >> i % 7);
	}
}

/* The tests run with pools of both profiles: UZRAM_TEST_PROFILE=kernel is for the
 * other one, which is not the default on 64-bit machines. */
static inline enum zs_profile test_profile(void)
{
	const char *name = getenv("UZRAM_TEST_PROFILE");

	return name && !strcmp(name, "kernel") ? ZS_PROFILE_KERNEL
					       : ZS_PROFILE_DEFAULT;
}

static inline struct uzram_config
test_config(unsigned int block, const char *algo, const char *recomp)
{
	struct uzram_config config = { .block = block,
				       .size = (uint64_t)block * 64,
				       .backing_fd = -1,
				       .profile = test_profile(),
				       .defer = ZS_DEFER_NONE };

	assert_int_equal(codec_parse(algo, &config.algo), 0);
	if (recomp)
		assert_int_equal(codec_parse(recomp, &config.recomp_algo), 0);
	return config;
}

static inline struct uzram *test_device(const struct uzram_config *config)
{
	struct uzram *dev = NULL;
	char why[512] = "";

	if (uzram_create(config, &dev, why, sizeof(why)))
		fail_msg("%s", why);
	return dev;
}

/* An empty file, whose name the caller removes. */
static inline char *test_file(char *path, size_t bytes)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(path, bytes, "%s/uzram-test.XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return path;
}

static inline void test_backing_file(struct uzram_config *config, char *path,
				     size_t path_bytes, uint64_t bytes)
{
	const char *why;

	config->backing_fd = backing_open(test_file(path, path_bytes),
					  config->block, bytes, &why);
	assert_true(config->backing_fd >= 0);
}

static inline uint32_t word_of(struct uzram *dev, size_t index)
{
	return slot_word(&dev->table.slots[index]);
}

static inline enum uzram_extent extent_of(struct uzram *dev, size_t index)
{
	size_t end;

	return uzram_extent(dev, index, &end);
}

static inline void put(struct uzram *dev, size_t index, enum contents kind,
		       uint64_t seed)
{
	size_t len = dev->config.block;
	unsigned char block[UZRAM_BLOCK_MAX];

	contents_fill(block, len, kind, &seed);
	assert_int_equal(uzram_write(dev, block, len, index * len), 0);
}

static inline void assert_block(struct uzram *dev, size_t index,
				enum contents kind, uint64_t seed)
{
	unsigned char block[UZRAM_BLOCK_MAX], back[UZRAM_BLOCK_MAX];
	size_t len = dev->config.block;

	contents_fill(block, len, kind, &seed);
	assert_int_equal(uzram_read(dev, back, len, index * len), 0);
	assert_memory_equal(block, back, len);
}

/* Objects of the pool that a slot has. */
static inline unsigned long objects_of(const struct uzram *dev, uint32_t word)
{
	if (uzram_profile(&dev->config) == ZS_PROFILE_KERNEL ||
	    slot_size(word) < dev->page || slot_size(word) % dev->page == 0)
		return slot_in_pool(word);
	return 2;
}

/* Checks that every figure agrees with the slots, and that the pool holds their
 * objects. */
static inline void assert_figures(struct uzram *dev)
{
	unsigned long stored = 0, same = 0, huge = 0, wb = 0, pool = 0;
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	size_t bytes = 0, in_chunk = 0;

	for (size_t i = 0; i < dev->table.nr; i++) {
		uint32_t word = slot_word(&dev->table.slots[i]);

		/* no lock is left behind, nor a mark of post-processing */
		assert_int_equal(
			word & (SLOT_LOCKED | SLOT_WAITERS | SLOT_PP_SLOT), 0);
		stored += slot_filled(word);
		same += !!(word & SLOT_SAME);
		huge += !!(word & SLOT_HUGE);
		wb += !!(word & SLOT_WB);
		pool += objects_of(dev, word);
		bytes += slot_size(word);
		if (word & SLOT_HUGE)
			assert_int_equal(slot_size(word), dev->config.block);
		if (!slot_filled(word)) {
			assert_int_equal(word, 0);
			assert_int_equal(dev->table.slots[i].handle, 0);
		}
		in_chunk += slot_filled(word);
		if (i + 1 == dev->table.nr || (i + 1) % SLOT_CHUNK == 0) {
			assert_int_equal(slot_table_used(&dev->table, i),
					 in_chunk != 0);
			in_chunk = 0;
		}
	}
	assert_int_equal(count_of(&dev->counters.stored), stored);
	assert_int_equal(count_of(&dev->counters.same), same);
	assert_int_equal(count_of(&dev->counters.huge), huge);
	assert_int_equal(count_of(&dev->counters.bd_count), wb);
	assert_int_equal(count_of(&dev->counters.compr_bytes), bytes);
	if (dev->backing.fd >= 0)
		assert_int_equal(dev->backing.nr_used, wb);
	zs_free_deferred_flush(dev->pool);
	zs_pool_info(dev->pool, &info);
	assert_int_equal(info.objs_inuse, pool);
}

#endif
