/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* The slot table's word and lock, the codecs, the
 * backing file's bitmap: each tested alone. */
#include "util.h"

#include <pthread.h>

#define THREADS 4
#define TURNS 20000

static void test_word(void **state)
{
	struct slot slot = { 0 };

	assert_true(slot_trylock(&slot));
	assert_false(slot_trylock(&slot));
	slot_set(&slot, 1234 | SLOT_RECOMP);
	slot_set(&slot, SLOT_IDLE);
	assert_int_equal(slot_size(slot_word(&slot)), 1234);
	assert_true(slot_in_pool(slot_word(&slot)));
	slot_clear(&slot, SLOT_IDLE);
	assert_int_equal(slot_word(&slot), 1234 | SLOT_RECOMP | SLOT_LOCKED);

	/* the largest block size fits, and all but the lock is taken */
	slot_take_all(&slot);
	slot_set(&slot, UZRAM_BLOCK_MAX | SLOT_HUGE | SLOT_IDLE | SLOT_PP_SLOT |
				SLOT_INCOMPRESSIBLE);
	assert_int_equal(slot_size(slot_word(&slot)), UZRAM_BLOCK_MAX);
	assert_int_equal(slot_take_all(&slot) & ~SLOT_LOCKED,
			 UZRAM_BLOCK_MAX | SLOT_HUGE | SLOT_IDLE |
				 SLOT_PP_SLOT | SLOT_INCOMPRESSIBLE);
	assert_int_equal(slot_word(&slot), SLOT_LOCKED);
	slot_unlock(&slot);
	assert_int_equal(slot_word(&slot), 0);

	assert_true(slot_filled(SLOT_SAME));
	assert_true(slot_filled(SLOT_WB));
	assert_false(slot_in_pool(SLOT_WB));
	assert_false(slot_filled(SLOT_LOCKED | SLOT_WAITERS));
}

struct contest {
	struct slot slot;
	unsigned long inside; /* guard: slot lock */
	_Atomic unsigned long missed;
};

static void *contender(void *arg)
{
	struct contest *contest = arg;

	for (int i = 0; i < TURNS; i++) {
		if (i % 4 == 0 && !slot_trylock(&contest->slot)) {
			contest->missed++;
			continue;
		}
		if (i % 4 != 0)
			slot_lock(&contest->slot);
		contest->inside++;
		/* flags of the holder and bits of waiters do not change each
		 * other */
		slot_set(&contest->slot, SLOT_IDLE);
		if (i % 64 == 0)
			usleep(1); /* so that other threads go to sleep */
		slot_clear(&contest->slot, SLOT_IDLE);
		slot_unlock(&contest->slot);
	}
	return NULL;
}

static void test_lock(void **state)
{
	struct contest contest = { 0 };
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, contender,
						&contest),
				 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(contest.inside + contest.missed, THREADS * TURNS);
	assert_int_equal(slot_word(&contest.slot), 0);
}

static void test_codecs(void **state)
{
	static const char *const names[] = { "lz4",	"lz4:8", "lz4hc",
					     "lz4hc:3", "lzo",	 "zstd",
					     "zstd:1",	"zstd:9" };
	static const char *const wrong[] = { "",	"lz",	  "lz4x",
					     "lz4hc:0", "lzo:2",  "zstd:20",
					     "zstd:",	"zstd:3x" };
	static unsigned char in[UZRAM_BLOCK_MAX], out[2 * UZRAM_BLOCK_MAX],
		back[UZRAM_BLOCK_MAX];
	uint64_t seed = 7;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct codec_choice choice;

		assert_int_equal(codec_parse(wrong[i], &choice), -EINVAL);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t block = 4096; block <= UZRAM_BLOCK_MAX;
		     block *= 4) {
			struct codec_choice choice;
			size_t n;
			void *mem;

			assert_int_equal(codec_parse(names[i], &choice), 0);
			mem = choice.codec->create(choice.level, block);
			assert_non_null(mem);
			assert_true(choice.codec->room(block, block) <=
				    sizeof(out));
			contents_fill(in, block, MIXED, &seed);
			n = choice.codec->compress(mem, choice.level, in, block,
						   out, block - 1);
			assert_in_range(n, block / 4, block * 3 / 4);
			memset(back, 0, block);
			assert_true(choice.codec->decompress(mem, out, n, back,
							     block));
			assert_memory_equal(in, back, block);
			/* truncated data must give an error */
			assert_false(choice.codec->decompress(mem, out, n / 2,
							      back, block));
			/* no room must give an error */
			assert_int_equal(
				choice.codec->compress(mem, choice.level, in,
						       block, out, n - 1),
				0);
			contents_fill(in, block, NOISE, &seed);
			assert_int_equal(
				choice.codec->compress(mem, choice.level, in,
						       block, out, block - 1),
				0);
			choice.codec->destroy(mem);
		}
}

static void test_backing(void **state)
{
	char path[512];
	struct backing backing;
	const char *why;
	unsigned char block[4096], back[4096];
	uint64_t seed = 3;
	int fd;

	test_file(path, sizeof(path));
	assert_int_equal(backing_open(path, 4096, 0, &why), -EINVAL);
	/* 131 blocks and a part of one */
	fd = backing_open(path, 4096, 131 * 4096 + 5, &why);
	assert_true(fd >= 0);
	backing_init(&backing, fd);
	assert_int_equal(backing_start(&backing, 4096), 0);
	assert_int_equal(backing.nr, 131);
	assert_int_equal(backing_open(path, 4096, 0, &why), -EWOULDBLOCK);

	for (size_t i = 0; i < 131; i++)
		assert_int_equal(backing_alloc(&backing), i);
	assert_int_equal(backing_alloc(&backing), BACKING_NONE);
	backing_free(&backing, 130);
	backing_free(&backing, 64);
	assert_true(backing_alloc(&backing) % 66 == 64);
	assert_true(backing_alloc(&backing) % 66 == 64);
	assert_int_equal(backing_alloc(&backing), BACKING_NONE);

	contents_fill(block, sizeof(block), NOISE, &seed);
	assert_int_equal(backing_write(&backing, 130, block), 0);
	assert_int_equal(backing_read(&backing, 130, back), 0);
	assert_memory_equal(back, block, sizeof(back));
	/* its place is a part of its checksum */
	assert_int_equal(backing_write(&backing, 7, block), 0);
	assert_int_not_equal(backing.sums[7], backing.sums[130]);
	assert_int_equal(truncate(path, 130 * 4096 + 100), 0);
	assert_int_equal(backing_read(&backing, 130, back), -EIO);
	/* made long again by somebody else: a hole */
	assert_int_equal(truncate(path, 131 * 4096), 0);
	assert_int_equal(backing_read(&backing, 130, back), -EIO);
	assert_int_equal(backing_read(&backing, 7, back), 0);
	backing_close(&backing);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_word),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_codecs),
		cmocka_unit_test(test_backing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
