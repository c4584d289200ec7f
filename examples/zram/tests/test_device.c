/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* What the model does not test: how single blocks are stored, several threads
 * at once, a failing backing file, the control commands. */
#include "util.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "control.h"

#define BLOCK 4096
#define SLICES 4 /* threads that share each block */
#define SHARED 3 /* few blocks, so that the threads meet */
#define TURNS 5000

static void test_kinds(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	struct uzram *dev = test_device(&config);
	static const unsigned char zeroes[BLOCK];

	put(dev, 0, SAME, 1);
	put(dev, 1, TEXT, 2);
	put(dev, 2, NOISE, 3);
	assert_int_equal(word_of(dev, 0), SLOT_SAME);
	assert_in_range(word_of(dev, 1), 1, BLOCK / 4);
	assert_int_equal(word_of(dev, 2), SLOT_HUGE | BLOCK);
	assert_int_equal(word_of(dev, 3), 0);
	assert_int_equal(uzram_write(dev, zeroes, BLOCK, 4 * BLOCK), 0);
	assert_int_equal(extent_of(dev, 0), UZRAM_DATA);
	assert_int_equal(extent_of(dev, 3), UZRAM_HOLE);
	assert_int_equal(extent_of(dev, 4), UZRAM_ZERO);
	assert_int_equal(zs_get_total_pages(dev->pool) > 1, 1);
	/* zeroes that must stay are stored; zeroes that need not are a hole */
	assert_int_equal(uzram_zero(dev, BLOCK, 5 * BLOCK, false), 0);
	assert_int_equal(extent_of(dev, 5), UZRAM_ZERO);
	assert_int_equal(uzram_zero(dev, BLOCK, 5 * BLOCK, true), 0);
	assert_int_equal(extent_of(dev, 5), UZRAM_HOLE);
	assert_figures(dev);
	assert_int_equal(count_of(&dev->counters.huge_since), 1);
	put(dev, 2, TEXT, 4);
	assert_int_equal(count_of(&dev->counters.huge_since), 1);
	assert_figures(dev);
	uzram_destroy(dev);
}

/* The last block ends where the device ends. */
static void test_tail(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	const size_t last = 1000001 / BLOCK, len = 1000001 % BLOCK;
	unsigned char block[BLOCK];
	struct uzram *dev;

	config.size = 1000001;
	dev = test_device(&config);
	assert_int_equal(dev->table.nr, last + 1);
	memset(block, 7, sizeof(block));
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(uzram_write(dev, block, len, last * BLOCK), 0);
		put(dev, last - 1, MIXED, 1);
		assert_int_equal(count_of(&dev->counters.stored), 2);
		/* a range without the first or the last byte is not the whole
		 * block */
		uzram_trim(dev, len - 1, last * BLOCK);
		uzram_trim(dev, len - 1, last * BLOCK + 1);
		assert_int_equal(extent_of(dev, last), UZRAM_DATA);
		if (turn == 0)
			uzram_trim(dev, BLOCK + len, (last - 1) * BLOCK);
		else
			assert_int_equal(uzram_zero(dev, BLOCK + len,
						    (last - 1) * BLOCK,
						    turn == 1),
					 0);
		assert_int_equal(extent_of(dev, last),
				 turn == 2 ? UZRAM_ZERO : UZRAM_HOLE);
		assert_int_equal(count_of(&dev->counters.stored),
				 turn == 2 ? 2 : 0);
		assert_figures(dev);
	}
	uzram_destroy(dev);
}

/* Writing zeroes is fast unless it changes a part of a filled block. */
static void test_slow_zeroes(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	struct uzram *dev;

	config.size = 4 * BLOCK + 100;
	dev = test_device(&config);
	put(dev, 1, MIXED, 1);
	put(dev, 3, MIXED, 2);
	assert_false(uzram_zero_is_slow(dev, 3 * BLOCK, BLOCK));
	assert_false(uzram_zero_is_slow(dev, BLOCK + 5, BLOCK - 5));
	assert_false(uzram_zero_is_slow(dev, 100, 2 * BLOCK + 7));
	assert_false(uzram_zero_is_slow(dev, 0, BLOCK + 7));
	assert_true(uzram_zero_is_slow(dev, 1, BLOCK));
	assert_true(uzram_zero_is_slow(dev, BLOCK, BLOCK + 1));
	assert_true(uzram_zero_is_slow(dev, BLOCK + 1, 2 * BLOCK));
	assert_true(uzram_zero_is_slow(dev, 9, 3 * BLOCK + 9));
	assert_int_equal(uzram_write(dev, "last", 4, 4 * BLOCK), 0);
	assert_false(uzram_zero_is_slow(dev, 100, 4 * BLOCK));
	assert_true(uzram_zero_is_slow(dev, 99, 4 * BLOCK));
	assert_true(uzram_zero_is_slow(dev, 99, 4 * BLOCK + 1));
	uzram_destroy(dev);
}

/* A slot's lock is held: the notify path skips the slot and counts that, other
 * paths wait. */
static void test_notify_misses(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	struct uzram *dev;

	config.defer = ZS_DEFER_ARRAY;
	dev = test_device(&config);
	put(dev, 0, MIXED, 1);
	put(dev, 1, MIXED, 2);
	slot_lock(&dev->table.slots[0]);
	uzram_trim(dev, 2 * BLOCK, 0);
	slot_unlock(&dev->table.slots[0]);
	assert_int_equal(count_of(&dev->counters.notify_free), 2);
	assert_int_equal(count_of(&dev->counters.miss_free), 1);
	assert_block(dev, 0, MIXED, 1);
	assert_int_equal(extent_of(dev, 1), UZRAM_HOLE);
	uzram_trim(dev, BLOCK, 0);
	assert_int_equal(extent_of(dev, 0), UZRAM_HOLE);
	assert_figures(dev);
	uzram_destroy(dev);
}

/* A block that was read is not idle. A recompressed block is not recompressed
 * again. */
static void test_idle_and_access(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", "zstd");
	struct uzram_job job = { UZRAM_IDLE, ULONG_MAX, 0, NULL };
	struct uzram_done done;
	struct uzram *dev;
	size_t before;

	config.all_classes = true; /* so that a slightly smaller size makes a
				    * difference */
	dev = test_device(&config);
	put(dev, 0, MIXED, 1);
	put(dev, 1, MIXED, 2);
	put(dev, 2, NOISE, 3);
	assert_int_equal(uzram_mark_idle(dev, 0), 3);
	assert_block(dev, 0, MIXED, 1); /* is no longer idle */
	before = slot_size(word_of(dev, 1));
	assert_int_equal(uzram_recompress(dev, &job, &done), 0);
	assert_int_equal(done.blocks, 1);
	assert_int_equal(word_of(dev, 0) & SLOT_RECOMP, 0);
	assert_true(word_of(dev, 1) & SLOT_RECOMP);
	assert_true(slot_size(word_of(dev, 1)) < before);
	assert_true(word_of(dev, 2) & SLOT_INCOMPRESSIBLE);
	assert_true(word_of(dev, 2) & SLOT_HUGE);
	assert_block(dev, 1, MIXED, 2);
	assert_block(dev, 2, NOISE, 3);
	/* done once, so not again */
	uzram_mark_idle(dev, 0);
	job.which = UZRAM_ALL;
	assert_int_equal(uzram_recompress(dev, &job, &done), 0);
	assert_int_equal(done.blocks, 1);
	assert_figures(dev);
	uzram_destroy(dev);
}

/* The file cannot be written, or is truncated: each block is in memory or in
 * the file, and a block that cannot be read is an error. */
static void test_failing_file(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	struct uzram_job job = { UZRAM_ALL, ULONG_MAX, 0, NULL };
	struct rlimit before, small;
	struct uzram_done done;
	unsigned char buf[BLOCK];
	struct uzram *dev;
	char path[512];

	test_backing_file(&config, path, sizeof(path), 64 * BLOCK);
	dev = test_device(&config);
	for (size_t i = 0; i < 12; i++)
		put(dev, i, MIXED, i);

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 5 * BLOCK + 100; /* in the middle of the sixth block */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(uzram_writeback(dev, &job, &done), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(done.blocks, 5);
	assert_figures(dev);
	for (size_t i = 0; i < 12; i++)
		assert_block(dev, i, MIXED, i);

	assert_int_equal(uzram_writeback(dev, &job, &done), 0);
	assert_int_equal(done.blocks, 7);
	zs_free_deferred_flush(dev->pool); /* what it keeps for the next */
	assert_int_equal(zs_get_total_pages(dev->pool), 0);
	for (size_t i = 0; i < 12; i++)
		assert_block(dev, i, MIXED, i);
	assert_figures(dev);

	assert_int_equal(truncate(path, 11 * BLOCK + 7), 0);
	assert_int_equal(uzram_read(dev, buf, BLOCK, 11 * BLOCK), -EIO);
	assert_int_equal(uzram_write(dev, buf, 10, 11 * BLOCK), -EIO);
	assert_int_equal(count_of(&dev->counters.failed_reads), 1);
	assert_int_equal(count_of(&dev->counters.failed_writes), 1);
	put(dev, 11, TEXT, 5); /* a write of the whole block does not read the
				* file */
	assert_block(dev, 11, TEXT, 5);
	for (size_t i = 0; i < 11; i++)
		assert_block(dev, i, MIXED, i);
	assert_figures(dev);
	uzram_destroy(dev);
	unlink(path);
}

/* At the limit writes fail and nothing is lost. The limit can be raised, and
 * freed memory can be used again, also what waits in the queue. */
static void run_limit(enum zs_defer_mode defer)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	unsigned char block[BLOCK];
	struct uzram *dev;
	uint64_t seed;
	size_t n = 0;

	config.defer = defer;
	config.size = 1000 * BLOCK;
	config.mem_limit = 40 * BLOCK;
	dev = test_device(&config);
	for (;; n++) {
		int err;

		seed = n;
		contents_fill(block, BLOCK, MIXED, &seed);
		err = uzram_write(dev, block, BLOCK, n * BLOCK);
		if (err) {
			assert_int_equal(err, -ENOSPC);
			break;
		}
	}
	assert_in_range(n, 41, 200);
	/* an overwrite fails, too, and the old block stays */
	contents_fill(block, BLOCK, NOISE, &seed);
	assert_int_equal(uzram_write(dev, block, BLOCK, 0), -ENOSPC);
	assert_int_equal(uzram_write(dev, block, BLOCK / 2, 0), -ENOSPC);
	assert_int_equal(count_of(&dev->counters.failed_writes), 3);
	for (size_t i = 0; i < n; i++)
		assert_block(dev, i, MIXED, i);
	assert_in_range(count_of(&dev->counters.max_used_pages), 30, 40);
	/* every second block: memory is there only after compaction */
	for (size_t i = 0; i < n; i += 2)
		uzram_trim(dev, BLOCK, i * BLOCK);
	for (size_t i = 0; i < n / 2 - 5; i++)
		put(dev, 500 + i, MIXED, i);
	uzram_set_limit(dev, 0);
	put(dev, 0, NOISE, 1);
	uzram_reset_max_used(dev);
	assert_int_equal(count_of(&dev->counters.max_used_pages),
			 zs_get_total_pages(dev->pool));
	assert_figures(dev);
	uzram_destroy(dev);
}

static void test_limit(void **state)
{
	(void)state;
	run_limit(ZS_DEFER_ARRAY);
	run_limit(ZS_DEFER_PERCPU);
	run_limit(ZS_DEFER_REUSE);
}

/* One block at a time fits, whatever its size and whatever block was there
 * before. Objects that only wait to be freed must not make a write fail. */
static void run_least_limit(const struct uzram_config *config)
{
	struct uzram *dev = test_device(config);
	unsigned char block[UZRAM_BLOCK_MAX];
	size_t len = config->block;
	uint64_t seed = 6;

	uzram_set_limit(dev, uzram_least_limit(config));
	for (size_t i = 0; i < 200; i++) {
		size_t noise = random_below(&seed, len + 1);
		size_t index = i % 3;

		contents_fill(block, noise, NOISE, &seed);
		contents_fill(block + noise, len - noise, TEXT, &seed);
		if (i % 2)
			uzram_trim(dev, 3 * len, 0);
		else
			index = i ? (i - 1) % 3 : 0; /* index of a block that is
						      * stored */
		assert_int_equal(uzram_write(dev, block, len, index * len), 0);
	}
	assert_figures(dev);
	uzram_destroy(dev);
}

static void test_least_limit(void **state)
{
	static const unsigned int blocks[] = { 4096, 65536 };
	static const unsigned int chains[] = { 0, 4, 16 };

	for (int i = 0; i < 2 * 3 * 4 * 2; i++) {
		struct uzram_config config =
			test_config(blocks[i % 2], "lz4", NULL);

		config.chain_size = chains[i / 2 % 3];
		config.defer = (enum zs_defer_mode)(ZS_DEFER_NONE + i / 6 % 4);
		config.all_classes = i / 24;
		run_least_limit(&config);
	}
}

unsigned long __real_zs_malloc(struct zs_pool *pool, size_t size, gfp_t gfp,
			       int nid);
unsigned long __wrap_zs_malloc(struct zs_pool *pool, size_t size, gfp_t gfp,
			       int nid);

/* So many calls get memory, then none. */
static _Atomic int calls_left = INT_MAX;

unsigned long __wrap_zs_malloc(struct zs_pool *pool, size_t size, gfp_t gfp,
			       int nid)
{
	return calls_left-- <= 0 ? (unsigned long)-ENOMEM
				 : __real_zs_malloc(pool, size, gfp, nid);
}

/* No memory from the OS is not reported as the limit. Nothing is left of a block
 * of two objects of which the second cannot be had. */
static void run_no_memory(unsigned int block_bytes)
{
	struct uzram_config config = test_config(block_bytes, "lz4", NULL);
	unsigned char block[UZRAM_BLOCK_MAX];
	struct uzram *dev;
	uint64_t seed = 8;
	int objects;

	config.mem_limit = uzram_least_limit(&config);
	dev = test_device(&config);
	put(dev, 0, MIXED, 1);
	objects = (int)objects_of(dev, word_of(dev, 0));
	contents_fill(block, block_bytes, MIXED, &seed);
	for (int i = 0; i < 3 * objects; i++) {
		static const struct {
			bool part;
			int at;
		} writes[] = { { false, 0 }, { true, 0 }, { true, 1 } };
		size_t len = writes[i / objects].part ? 100 : block_bytes;
		/* A first part of a block is little, and one object. */
		calls_left = writes[i / objects].at ? 0 : i % objects;
		assert_int_equal(uzram_write(dev, block, len,
					     (uint64_t)writes[i / objects].at *
						     block_bytes),
				 -ENOMEM);
		calls_left = INT_MAX;
		assert_block(dev, 0, MIXED, 1);
		assert_figures(dev);
	}
	uzram_destroy(dev);
}

static void test_no_memory(void **state)
{
	run_no_memory(BLOCK);
	run_no_memory(32768);
}

/* ---- threads ------------------------------------------------------------ */

struct crowd {
	struct uzram *dev;
	_Atomic bool stop;
	_Atomic unsigned int wrong;
};

struct member {
	struct crowd *crowd;
	unsigned int nr;
};

/* Owns one slice of every shared block: no other thread's write may undo its
 * own. Also writes whole blocks that other threads trim. */
static void *member_thread(void *arg)
{
	struct member *me = arg;
	struct uzram *dev = me->crowd->dev;
	unsigned char mine[SHARED][BLOCK / SLICES] = { { 0 } }, block[BLOCK];
	uint64_t seed = me->nr + 100;

	for (int i = 0; i < scaled(TURNS); i++) {
		size_t n = random_below(&seed, SHARED);
		uint64_t at = n * BLOCK + me->nr * (BLOCK / SLICES);
		size_t other = SHARED + random_below(&seed, SHARED);
		enum contents kind =
			(enum contents)random_below(&seed, NR_CONTENTS);

		/* still there, whatever the other threads did to the block */
		if (uzram_read(dev, block, sizeof(mine[n]), at) ||
		    memcmp(block, mine[n], sizeof(mine[n])) != 0)
			me->crowd->wrong++;
		contents_fill(mine[n], sizeof(mine[n]), kind, &seed);
		if (uzram_write(dev, mine[n], sizeof(mine[n]), at) ||
		    uzram_read(dev, block, sizeof(mine[n]), at) ||
		    memcmp(block, mine[n], sizeof(mine[n])) != 0)
			me->crowd->wrong++;
		/* each block is filled with one value, except its first byte */
		memset(block, me->nr + 1, BLOCK);
		block[0] = (unsigned char)i;
		if (uzram_write(dev, block, BLOCK, other * BLOCK) ||
		    uzram_read(dev, block, BLOCK, other * BLOCK))
			me->crowd->wrong++;
		if (memcmp(block + 1, block + 2, BLOCK - 2) != 0 ||
		    block[1] > SLICES)
			me->crowd->wrong++;
		other = SHARED + random_below(&seed, SHARED);
		if (i % 3 == 0)
			uzram_trim(dev, 2 * BLOCK, other * BLOCK);
		else if (i % 7 == 0 &&
			 uzram_zero(dev, BLOCK, other * BLOCK, i % 2))
			me->crowd->wrong++;
		extent_of(dev, other);
	}
	for (size_t n = 0; n < SHARED; n++)
		if (uzram_read(dev, block, sizeof(mine[n]),
			       n * BLOCK + me->nr * (BLOCK / SLICES)) ||
		    memcmp(block, mine[n], sizeof(mine[n])) != 0)
			me->crowd->wrong++;
	return NULL;
}

static void *postprocessor(void *arg)
{
	struct crowd *crowd = arg;
	struct uzram_job job = { UZRAM_IDLE, ULONG_MAX, 0, &crowd->stop };
	struct uzram_done done;
	FILE *null = fopen("/dev/null", "w");

	while (!crowd->stop) {
		int err;

		uzram_mark_idle(crowd->dev, 0);
		err = uzram_recompress(crowd->dev, &job, &done);
		if (err && err != -ECANCELED)
			crowd->wrong++;
		uzram_mark_idle(crowd->dev, 0);
		err = uzram_writeback(crowd->dev, &job, &done);
		if (err && err != -ECANCELED && err != -ENOSPC)
			crowd->wrong++;
		uzram_compact(crowd->dev);
		if (null) {
			uzram_print_table(crowd->dev, null);
			uzram_print_mm_stat(crowd->dev, null);
		}
	}
	if (null)
		fclose(null);
	return NULL;
}

static void run_crowd(enum zs_defer_mode defer)
{
	struct uzram_config config = test_config(BLOCK, "lz4", "zstd");
	struct member members[SLICES];
	pthread_t threads[SLICES + 1];
	struct crowd crowd = { 0 };
	char path[512];

	config.size = (2 * SHARED + 2) * BLOCK;
	test_backing_file(&config, path, sizeof(path), 2 * SHARED * BLOCK);
	config.defer = defer;
	crowd.dev = test_device(&config);
	for (unsigned int i = 0; i < SLICES; i++) {
		members[i] = (struct member){ &crowd, i };
		assert_int_equal(pthread_create(&threads[i], NULL,
						member_thread, &members[i]),
				 0);
	}
	assert_int_equal(pthread_create(&threads[SLICES], NULL, postprocessor,
					&crowd),
			 0);
	for (int i = 0; i < SLICES; i++)
		pthread_join(threads[i], NULL);
	crowd.stop = true;
	pthread_join(threads[SLICES], NULL);
	assert_int_equal(crowd.wrong, 0);
	assert_figures(crowd.dev);
	assert_int_equal(zs_pool_check(crowd.dev->pool, stderr), 0);
	uzram_destroy(crowd.dev);
	unlink(path);
}

static void test_threads(void **state)
{
	run_crowd(ZS_DEFER_NONE);
	run_crowd(ZS_DEFER_PERCPU);
	run_crowd(ZS_DEFER_REUSE);
}

/* ---- commands ----------------------------------------------------------- */

static char why[256];

static char *command(struct uzram *dev, const char *text, int expected)
{
	static char printed[65536];
	char line[CONTROL_LINE];
	FILE *out = fmemopen(printed, sizeof(printed), "w");

	assert_non_null(out);
	*why = 0;
	snprintf(line, sizeof(line), "%s", text);
	assert_int_equal(command_run(dev, line, NULL, out, why, sizeof(why)),
			 expected);
	fclose(out);
	assert_int_equal(!!*why, expected != 0);
	return printed;
}

static const char *reason(struct uzram *dev, const char *text)
{
	command(dev, text, -1);
	return why;
}

static unsigned long figure_of(struct uzram *dev, const char *name)
{
	const char *at = strstr(command(dev, "stat json", 0), name);

	assert_non_null(at);
	return strtoul(strchr(at, ':') + 1, NULL, 10);
}

/* Includes what the worker freed at once when it looked at it. */
static unsigned long given_up(struct uzram *dev)
{
	return figure_of(dev, "\"deferred\"") +
	       figure_of(dev, "\"deferred_at_once\"");
}

/* A block that is overwritten, zeroed or trimmed is kept, counts as memory, and
 * goes to the next writes. */
static void test_reuse(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	unsigned long pending;
	struct uzram *dev;

	(void)state;
	/* the other profile always does so, and tells less of it */
	config.profile = ZS_PROFILE_KERNEL;
	config.defer = ZS_DEFER_REUSE;
	dev = test_device(&config);
	for (uint64_t seed = 1; seed <= 40; seed++)
		put(dev, seed % 4, MIXED, seed);
	assert_true(figure_of(dev, "\"deferred_reused\"") > 0);
	assert_int_equal(given_up(dev), 36);
	slot_lock(&dev->table.slots[3]);
	uzram_trim(dev, BLOCK, 0);
	slot_unlock(&dev->table.slots[3]);
	assert_int_equal(uzram_zero(dev, BLOCK, BLOCK, true), 0);
	assert_int_equal(uzram_zero(dev, BLOCK, 2 * BLOCK, false), 0);
	assert_int_equal(given_up(dev), 39);
	assert_int_equal(count_of(&dev->counters.miss_free), 0);
	assert_block(dev, 3, MIXED, 39);
	/* the worker may free some of them meanwhile */
	pending = figure_of(dev, "\"deferred_pending\"");
	zs_pool_info(dev->pool, &info);
	assert_in_range(info.objs_inuse, 1, 1 + pending);
	command(dev, "compact", 0);
	assert_int_equal(figure_of(dev, "\"deferred_pending\""), 0);
	assert_figures(dev);
	uzram_destroy(dev);
}

static void test_commands(void **state)
{
	static const char *const wrong[] = { "",
					     "stats",
					     "stat yaml",
					     "mm_stat 1",
					     "idle -1",
					     "idle 1 2",
					     "limit",
					     "limit 1X",
					     "writeback some",
					     "recompress max",
					     "writeback threshold=1",
					     "reset now",
					     "a b c d e f g h i" };
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	char text[64], least[64];
	struct uzram *dev;
	unsigned long v[9];

	config.mem_limit = 100 * BLOCK;
	dev = test_device(&config);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		command(dev, wrong[i], -1);
	put(dev, 0, SAME, 1);
	put(dev, 1, TEXT, 2);
	put(dev, 2, NOISE, 3);
	/* the kernel's columns, in its order */
	assert_int_equal(sscanf(command(dev, "mm_stat", 0),
				"%lu %lu %lu %lu %lu %lu %lu %lu %lu", &v[0],
				&v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7],
				&v[8]),
			 9);
	assert_int_equal(v[0], 3 * BLOCK);
	assert_int_equal(v[1], BLOCK + slot_size(word_of(dev, 1)));
	assert_int_equal(v[2], zs_get_total_pages(dev->pool) * BLOCK);
	assert_int_equal(v[3], 100 * BLOCK);
	assert_int_equal(v[4], v[2]);
	assert_int_equal(v[5], 1);
	assert_int_equal(v[7], 1);
	assert_int_equal(v[8], 1);
	uzram_trim(dev, BLOCK, BLOCK);
	assert_int_equal(sscanf(command(dev, "io_stat", 0), "%lu %lu %lu %lu",
				&v[0], &v[1], &v[2], &v[3]),
			 4);
	assert_int_equal(v[3], 1);
	command(dev, "bd_stat", 0);
	assert_non_null(strstr(command(dev, "stat", 0), "orig_data_size"));
	assert_non_null(
		strstr(command(dev, "stat json", 0), "\"huge_pages\": 1,"));
	command(dev, "limit 1M", 0);
	assert_int_equal(count_of(&dev->limit_pages), 256);
	/* a limit that is too small is refused, with the least one that works;
	 * also the largest number counts as a limit */
	snprintf(least, sizeof(least), " %llu bytes",
		 (unsigned long long)uzram_least_limit(&config));
	assert_non_null(strstr(reason(dev, "limit 10"), least));
	snprintf(text, sizeof(text), "limit %llu",
		 (unsigned long long)uzram_least_limit(&config) - 1);
	reason(dev, text);
	assert_int_equal(count_of(&dev->limit_pages), 256);
	snprintf(text, sizeof(text), "limit %llu",
		 (unsigned long long)uzram_least_limit(&config));
	command(dev, text, 0);
	assert_int_equal(count_of(&dev->limit_pages),
			 uzram_least_limit(&config) / dev->page);
	assert_null(
		strstr(command(dev, "limit 18446744073709551615", 0), "is 0 "));
	assert_true(count_of(&dev->limit_pages) > 1UL << 30);
	command(dev, "writeback", -1);
	command(dev, "recompress", -1);
	assert_non_null(strstr(command(dev, "classes", 0), "Total"));
	command(dev, "check", 0);
	command(dev, "compact", 0);
	command(dev, "reset-max", 0);
	command(dev, "idle 0", 0);
	command(dev, "reset", 0);
	assert_int_equal(count_of(&dev->counters.stored), 0);
	assert_int_equal(count_of(&dev->limit_pages), 100);
	assert_figures(dev);
	uzram_destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_slow_zeroes),
		cmocka_unit_test(test_notify_misses),
		cmocka_unit_test(test_idle_and_access),
		cmocka_unit_test(test_failing_file),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_least_limit),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
