/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* Which profile a device's pool has, and what the user profile is for. */
#include "util.h"

#define BLOCK 4096

/* A pool of the wanted profile. A block that compresses is stored compressed, also
 * where it is much larger than a page of the pool. */
static void run_profile(enum zs_profile profile, enum zs_profile expected)
{
	struct uzram_config config = test_config(UZRAM_BLOCK_MAX, "lz4", NULL);
	unsigned char block[UZRAM_BLOCK_MAX], back[UZRAM_BLOCK_MAX];
	const size_t len = sizeof(block), noise = 40000;
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	struct uzram *dev;
	uint64_t seed = 5;

	config.profile = profile;
	dev = test_device(&config);
	assert_int_equal(zs_profile(dev->pool), expected);
	zs_pool_info(dev->pool, &info);
	assert_int_equal(info.page_size, dev->page);
	contents_fill(block, noise, NOISE, &seed);
	contents_fill(block + noise, len - noise, TEXT, &seed);
	assert_int_equal(uzram_write(dev, block, len, 0), 0);
	assert_in_range(word_of(dev, 0), noise, noise + 1000);
	assert_int_equal(uzram_read(dev, back, len, 0), 0);
	assert_memory_equal(back, block, len);
	put(dev, 1, NOISE, 6);
	assert_int_equal(word_of(dev, 1), SLOT_HUGE | len);
	assert_block(dev, 1, NOISE, 6);
	assert_figures(dev);
	uzram_destroy(dev);
}

static void test_profiles(void **state)
{
	bool is_64 = sizeof(void *) == 8;

	run_profile(ZS_PROFILE_DEFAULT,
		    is_64 ? ZS_PROFILE_USER : ZS_PROFILE_KERNEL);
	run_profile(ZS_PROFILE_KERNEL, ZS_PROFILE_KERNEL);
	if (is_64)
		run_profile(ZS_PROFILE_USER, ZS_PROFILE_USER);
}

/* A full device of large blocks takes little more than their compressed bytes. */
static void test_large_blocks(void **state)
{
	struct uzram_config config = test_config(32768, "lz4", NULL);
	const size_t len = config.block, nr = 1500;
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	unsigned char block[UZRAM_BLOCK_MAX];
	uint64_t seed = 9, stored;
	struct uzram *dev;

	if (sizeof(void *) < 8)
		skip();
	config.profile = ZS_PROFILE_USER;
	config.size = nr * len;
	dev = test_device(&config);
	for (size_t i = 0; i < nr; i++) {
		size_t noise = random_below(&seed, len);

		contents_fill(block, noise, NOISE, &seed);
		contents_fill(block + noise, len - noise, TEXT, &seed);
		assert_int_equal(uzram_write(dev, block, len, i * len), 0);
	}
	stored = count_of(&dev->counters.compr_bytes);
	zs_pool_info(dev->pool, &info);
	assert_true(stored > nr * len / 3);
	assert_true((uint64_t)info.pages * dev->page < stored / 100 * 103);
	assert_figures(dev);
	uzram_destroy(dev);
}

/* Overwritten at random, a device of the user profile closes its gaps without a
 * call of anybody's. */
static void test_stays_dense(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	const size_t nr = 4000;
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	unsigned long before;
	struct uzram *dev;

	if (sizeof(void *) < 8)
		skip();
	config.profile = ZS_PROFILE_USER;
	config.size = nr * BLOCK;
	dev = test_device(&config);
	for (size_t i = 0; i < nr; i++)
		put(dev, i, MIXED, i);
	zs_pool_info(dev->pool, &info);
	before = info.pages;
	for (size_t i = 0; i < nr; i += 2)
		uzram_trim(dev, BLOCK, i * BLOCK);
	for (int i = 0; i < 100; i++) {
		zs_pool_info(dev->pool, &info);
		if (info.own_bytes_moved && info.pages < before / 4 * 3)
			break;
		usleep(50000);
	}
	assert_true(info.own_bytes_moved > 0);
	assert_true(info.pages < before / 4 * 3);
	for (size_t i = 1; i < nr; i += 2)
		assert_block(dev, i, MIXED, i);
	assert_figures(dev);
	uzram_destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_large_blocks),
		cmocka_unit_test(test_stays_dense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
