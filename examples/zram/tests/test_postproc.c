/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* Post-processing beside clients: a block changes, or a second job starts,
 * while the block is written to the backing file. Also: which blocks count as
 * idle, and the memory limit. */
#include "util.h"

#include <pthread.h>
#include <time.h>

#include "control.h"

#define BLOCK 4096

/* Called before each write to the backing file. */
static void (*in_the_midst)(struct uzram *dev);
static struct uzram *device;
static int write_error; /* errno of each write, or 0 */
static int sync_error; /* of each wait for the disk */

ssize_t __real_pwrite(int fd, const void *buf, size_t count, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t count, off_t offset);

ssize_t __wrap_pwrite(int fd, const void *buf, size_t count, off_t offset)
{
	if (in_the_midst)
		in_the_midst(device);
	if (write_error) {
		errno = write_error;
		return -1;
	}
	return __real_pwrite(fd, buf, count, offset);
}

int __wrap_fdatasync(int fd);

int __wrap_fdatasync(int fd)
{
	(void)fd;
	errno = sync_error;
	return sync_error ? -1 : 0;
}

static struct uzram_job everything(void)
{
	return (struct uzram_job){ UZRAM_ALL, ULONG_MAX, 0, NULL };
}

/* ---- a client meanwhile ------------------------------------------------- */

static void read_it(struct uzram *dev)
{
	assert_block(dev, 3, MIXED, 1);
}

static void read_part(struct uzram *dev)
{
	unsigned char buf[5];

	assert_int_equal(uzram_read(dev, buf, 5, 3 * BLOCK + 7), 0);
}

static void write_it(struct uzram *dev)
{
	put(dev, 3, MIXED, 2);
}

static void write_part(struct uzram *dev)
{
	assert_int_equal(uzram_write(dev, "part", 4, 3 * BLOCK + 100), 0);
}

static void trim_it(struct uzram *dev)
{
	uzram_trim(dev, BLOCK, 3 * BLOCK);
}

static void zero_it(struct uzram *dev)
{
	assert_int_equal(uzram_zero(dev, BLOCK, 3 * BLOCK, false), 0);
}

static void nothing(struct uzram *dev)
{
	(void)dev;
}

/* Checks what is in the block after that: it must be only in memory. */
static void assert_meanwhile(void (*meanwhile)(struct uzram *),
			     enum zs_defer_mode defer)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	struct uzram_job job = everything();
	unsigned char expected[BLOCK], back[BLOCK];
	struct uzram_done done;
	uint64_t seed = meanwhile == write_it ? 2 : 1;
	bool moved = meanwhile == nothing;
	char path[512];

	config.defer = defer;
	test_backing_file(&config, path, sizeof(path), 8 * BLOCK);
	device = test_device(&config);
	put(device, 3, MIXED, 1);
	in_the_midst = meanwhile;
	assert_int_equal(uzram_writeback(device, &job, &done), 0);
	in_the_midst = NULL;
	assert_int_equal(done.blocks, moved);
	assert_int_equal(done.skipped, !moved);
	assert_int_equal(!!(word_of(device, 3) & SLOT_WB), moved);
	assert_figures(device);

	contents_fill(expected, BLOCK, MIXED, &seed);
	if (meanwhile == write_part)
		memcpy(expected + 100, "part", 4);
	if (meanwhile == trim_it || meanwhile == zero_it)
		memset(expected, 0, BLOCK);
	assert_int_equal(uzram_read(device, back, BLOCK, 3 * BLOCK), 0);
	assert_memory_equal(back, expected, BLOCK);
	uzram_destroy(device);
	unlink(path);
}

static void test_clients(void **state)
{
	assert_meanwhile(nothing, ZS_DEFER_NONE);
	assert_meanwhile(read_it, ZS_DEFER_NONE);
	assert_meanwhile(read_part, ZS_DEFER_NONE);
	assert_meanwhile(write_it, ZS_DEFER_NONE);
	assert_meanwhile(write_part, ZS_DEFER_NONE);
	assert_meanwhile(trim_it, ZS_DEFER_NONE);
	assert_meanwhile(trim_it, ZS_DEFER_ARRAY);
	assert_meanwhile(zero_it, ZS_DEFER_NONE);
}

/* ---- a second job meanwhile --------------------------------------------- */

static _Atomic unsigned int writes;
static _Atomic bool first_done;
static pthread_t second_thread;
static struct uzram_done second_done;

static void *second_job(void *arg)
{
	struct uzram_job job = everything();

	return (void *)(intptr_t)uzram_writeback(arg, &job, &second_done);
}

/* The first job has selected the block. The block changes, and a second job
 * starts. If that one selects the block again before the first has ended, it
 * waits here, with its mark on the block. */
static void start_second(struct uzram *dev)
{
	if (writes++) {
		for (int ms = 0; ms < 2000 && !first_done; ms++)
			usleep(1000);
		return;
	}
	put(dev, 3, MIXED, 2);
	assert_int_equal(pthread_create(&second_thread, NULL, second_job, dev),
			 0);
	usleep(300000);
}

static void test_two_jobs(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	struct uzram_job job = everything();
	struct uzram_done done;
	void *result;
	char path[512];

	test_backing_file(&config, path, sizeof(path), 8 * BLOCK);
	device = test_device(&config);
	put(device, 3, MIXED, 1);
	in_the_midst = start_second;
	assert_int_equal(uzram_writeback(device, &job, &done), 0);
	first_done = true;
	assert_int_equal(pthread_join(second_thread, &result), 0);
	in_the_midst = NULL;
	assert_null(result);
	assert_int_equal(done.blocks, 0);
	assert_int_equal(done.skipped, 1);
	assert_int_equal(second_done.blocks, 1);
	assert_block(device, 3, MIXED, 2);
	assert_figures(device);
	uzram_destroy(device);
	unlink(path);
}

/* ---- a file that is full ------------------------------------------------ */

static const char *writeback_fails(struct uzram *dev)
{
	static char why[256];
	char line[] = "writeback";
	FILE *null = fopen("/dev/null", "w");

	assert_non_null(null);
	assert_int_equal(command_run(dev, line, NULL, null, why, sizeof(why)),
			 -1);
	fclose(null);
	return why;
}

/* The backing file is full, or its file system is: these errors differ, because
 * different people can help. */
static void test_full(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	struct uzram *dev;
	const char *why;
	char path[512];

	test_backing_file(&config, path, sizeof(path), 3 * BLOCK);
	dev = test_device(&config);
	for (size_t i = 0; i < 5; i++)
		put(dev, i, MIXED, i);
	write_error = ENOSPC;
	why = writeback_fails(dev);
	assert_non_null(strstr(why, "after 0 blocks"));
	assert_non_null(strstr(why, "file system"));
	write_error = EDQUOT;
	assert_non_null(strstr(writeback_fails(dev), strerror(EDQUOT)));
	write_error = 0;
	why = writeback_fails(dev);
	assert_non_null(strstr(why, "after 3 blocks"));
	assert_non_null(strstr(why, "the backing file is full"));
	for (size_t i = 0; i < 5; i++)
		assert_block(dev, i, MIXED, i);
	assert_figures(dev);
	uzram_destroy(dev);
	unlink(path);
}

/* The disk fails when the file is full, or when the job has been stopped: that is
 * what is said, and nothing is in the file. */
static _Atomic bool stop;

static void stop_it(struct uzram *dev)
{
	(void)dev;
	stop = true;
}

static void test_disk_fails_at_end(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	struct uzram_job job = { UZRAM_ALL, ULONG_MAX, 0, &stop };
	struct uzram_done done;
	const char *why;
	char path[512];

	test_backing_file(&config, path, sizeof(path), 3 * BLOCK);
	device = test_device(&config);
	for (size_t i = 0; i < 5; i++)
		put(device, i, MIXED, i);
	sync_error = EIO;
	why = writeback_fails(device);
	assert_non_null(strstr(why, "after 0 blocks"));
	assert_non_null(strstr(why, strerror(EIO)));
	assert_int_equal(device->backing.nr_used, 0);
	in_the_midst = stop_it;
	assert_int_equal(uzram_writeback(device, &job, &done), -EIO);
	assert_int_equal(done.blocks, 0);
	assert_int_equal(device->backing.nr_used, 0);
	sync_error = 0;
	stop = false;
	assert_int_equal(uzram_writeback(device, &job, &done), -ECANCELED);
	in_the_midst = NULL;
	assert_int_equal(done.blocks, 1);
	for (size_t i = 0; i < 5; i++)
		assert_block(device, i, MIXED, i);
	assert_figures(device);
	uzram_destroy(device);
	unlink(path);
}

static unsigned int midst_calls;

static void change_two(struct uzram *dev)
{
	if (++midst_calls != 3)
		return;
	put(dev, 0, MIXED, 10);
	put(dev, 1, MIXED, 11);
}

/* All blocks of the file are in use, but two of them by blocks that a client has
 * changed meanwhile: these are given to others. */
static void test_not_full_yet(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	struct uzram_job job = everything();
	struct uzram_done done;
	char path[512];

	test_backing_file(&config, path, sizeof(path), 3 * BLOCK);
	device = test_device(&config);
	for (size_t i = 0; i < 5; i++)
		put(device, i, MIXED, i);
	in_the_midst = change_two;
	assert_int_equal(uzram_writeback(device, &job, &done), 0);
	in_the_midst = NULL;
	assert_int_equal(done.blocks, 3);
	assert_int_equal(done.skipped, 2);
	assert_false(done.full);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(!!(word_of(device, i) & SLOT_WB), i >= 2);
		assert_block(device, i, MIXED, i < 2 ? 10 + i : i);
	}
	assert_figures(device);
	uzram_destroy(device);
	unlink(path);
}

/* A job that is longer than what is written between two waits for the disk does
 * as many blocks as it was asked for, whether or not clients take some away. */
static void test_long_job(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	struct uzram_job job = { UZRAM_ALL, 300, 0, NULL };
	struct uzram_done done;
	char path[512];

	config.size = 600 * BLOCK;
	test_backing_file(&config, path, sizeof(path), 600 * BLOCK);
	device = test_device(&config);
	for (size_t i = 0; i < 600; i++)
		put(device, i, MIXED, i ? i : 1);
	put(device, 3, MIXED, 1);
	in_the_midst = read_it;
	assert_int_equal(uzram_writeback(device, &job, &done), 0);
	in_the_midst = NULL;
	assert_int_equal(done.blocks, 300);
	assert_int_equal(done.skipped, 1);
	assert_int_equal(word_of(device, 3) & SLOT_WB, 0);
	assert_figures(device);
	job.max = ULONG_MAX;
	assert_int_equal(uzram_writeback(device, &job, &done), 0);
	assert_int_equal(done.blocks, 300);
	for (size_t i = 4; i < 600; i++)
		assert_block(device, i, MIXED, i);
	assert_block(device, 3, MIXED, 1);
	assert_figures(device);
	uzram_destroy(device);
	unlink(path);
}

/* ---- idle, limit -------------------------------------------------------- */

static void test_idle_seconds(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	struct uzram *dev = test_device(&config);
	struct timespec now;

	put(dev, 0, MIXED, 1);
	put(dev, 1, MIXED, 2);
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	/* one was used after the job read the clock, the other long ago */
	dev->table.slots[0].used = (uint32_t)now.tv_sec + 60;
	dev->table.slots[1].used = 0;
	assert_int_equal(uzram_mark_idle(dev, 1), 1);
	assert_int_equal(word_of(dev, 0) & SLOT_IDLE, 0);
	assert_true(word_of(dev, 1) & SLOT_IDLE);
	assert_int_equal(uzram_mark_idle(dev, ULONG_MAX), 0);
	assert_int_equal(uzram_mark_idle(dev, 0), 2);
	uzram_destroy(dev);
}

/* If there is no room for one block, the next one must still be tried. */
static void test_recompress_at_limit(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", "zstd");
	struct uzram_job job = everything();
	struct uzram_done done;
	struct uzram *dev;

	/* so that a slightly smaller size makes a difference */
	config.profile = ZS_PROFILE_KERNEL;
	config.all_classes = true;
	dev = test_device(&config);
	for (size_t i = 0; i < 40; i++)
		put(dev, i, MIXED, i);
	put(dev, 40, NOISE, 40); /* no memory is needed to find that it does not
				  * compress */
	uzram_set_limit(dev, BLOCK);
	assert_int_equal(uzram_recompress(dev, &job, &done), 0);
	assert_int_equal(done.blocks, 0);
	assert_int_equal(done.no_room, 40);
	assert_int_equal(done.skipped, 41);
	assert_true(word_of(dev, 40) & SLOT_INCOMPRESSIBLE);
	assert_figures(dev);
	/* they must be tried again */
	uzram_set_limit(dev, 0);
	assert_int_equal(uzram_recompress(dev, &job, &done), 0);
	assert_int_equal(done.blocks, 40);
	assert_int_equal(done.no_room, 0);
	assert_true(done.bytes_after < done.bytes_before);
	for (size_t i = 0; i < 40; i++)
		assert_block(dev, i, MIXED, i);
	assert_block(dev, 40, NOISE, 40);
	assert_figures(dev);
	uzram_destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_two_jobs),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_disk_fails_at_end),
		cmocka_unit_test(test_not_full_yet),
		cmocka_unit_test(test_long_job),
		cmocka_unit_test(test_idle_seconds),
		cmocka_unit_test(test_recompress_at_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
