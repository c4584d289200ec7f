/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* The backing file fails, at each of its calls in turn, in each way that
 * io_fault.h knows; the process is killed there; the file is cut off or changed
 * by somebody else. What a client reads is what it wrote, or an error. */
#include "util.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io_fault.h"

#define BLOCK 4096
#define BLOCKS 14u
#define FILE_BYTES ((uint64_t)10 * BLOCK) /* too small for all */

static char path[512];

static int make_path(void **state)
{
	(void)state;
	setenv("TMPDIR", io_fault_dir(), 1);
	test_file(path, sizeof(path));
	return 0;
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

/* ---- a device with all that can happen to a block ------------------------ */

/* What the client knows of its device. */
struct client {
	struct uzram *dev; /* NULL: it could not be made */
	unsigned char bytes[BLOCKS * BLOCK]; /* what was written */
	unsigned int failed; /* requests */
};

static struct client client;

static void open_device(void)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	char why[512];
	const char *text;

	memset(&client, 0, sizeof(client));
	config.size = BLOCKS * BLOCK;
	config.backing_fd = backing_open(path, BLOCK, FILE_BYTES, &text);
	if (config.backing_fd < 0)
		return;
	if (uzram_create(&config, &client.dev, why, sizeof(why)))
		client.dev = NULL;
}

static void write_bytes(const void *data, size_t len, uint64_t at)
{
	if (uzram_write(client.dev, data, len, at))
		client.failed++;
	else
		memcpy(client.bytes + at, data, len);
}

static void write_one(unsigned int i, enum contents kind, uint64_t seed)
{
	unsigned char block[BLOCK];

	contents_fill(block, BLOCK, kind, &seed);
	write_bytes(block, BLOCK, (uint64_t)i * BLOCK);
}

/* Reads each block, whole and in part. @may_fail: some may not be read. */
static void read_all(bool may_fail)
{
	static const size_t parts[][2] = { { 0, BLOCK }, { 100, 900 } };
	unsigned char back[BLOCK];

	for (size_t i = 0; i < BLOCKS; i++)
		for (size_t p = 0; p < 2; p++) {
			size_t at = i * BLOCK + parts[p][0], len = parts[p][1];
			int err = uzram_read(client.dev, back, len, at);

			if (err)
				client.failed++;
			if (err && may_fail)
				continue;
			assert_int_equal(err, 0);
			assert_memory_equal(back, client.bytes + at, len);
		}
}

static int write_back(void)
{
	struct uzram_job job = { UZRAM_ALL, ULONG_MAX, 0, NULL };
	struct uzram_done done;

	return uzram_writeback(client.dev, &job, &done);
}

/* Blocks in memory and in the file, overwritten, trimmed, changed in part. */
static void live(void)
{
	open_device();
	if (!client.dev)
		return;
	for (unsigned int i = 0; i < 8; i++)
		write_one(i, 1 + i % 3, i);
	write_back();
	read_all(true);
	write_one(1, NOISE, 50);
	write_bytes("a part", 6, 2 * BLOCK + 1000); /* reads the file */
	if (uzram_zero(client.dev, 300, 3 * BLOCK + 50, false))
		client.failed++;
	else
		memset(client.bytes + 3 * BLOCK + 50, 0, 300);
	if (uzram_zero(client.dev, BLOCK, 4 * BLOCK, true))
		client.failed++;
	else
		memset(client.bytes + 4 * BLOCK, 0, BLOCK);
	for (unsigned int i = 8; i < BLOCKS; i++)
		write_one(i, MIXED, 80 + i);
	write_back();
	read_all(true);
}

static void close_device(void)
{
	uzram_destroy(client.dev);
	client.dev = NULL;
}

/* With UZS_TEST_SCALE, as under sanitizers, one call in three, and others for each
 * way in which it goes wrong. */
static unsigned int stride(void)
{
	return scaled(100) < 100 ? 3 : 1;
}

static unsigned int first_call(unsigned int way)
{
	return 1 + way % stride();
}

/* How many calls a device makes to whom nothing happens. */
static unsigned int calls_of_a_life(void)
{
	unsigned int calls;

	io_fault_set(NULL);
	live();
	calls = io_fault_calls();
	assert_non_null(client.dev);
	assert_int_equal(client.failed, 0);
	assert_int_equal(client.dev->backing.nr_used, 10);
	assert_figures(client.dev);
	close_device();
	return calls;
}

/* ---- one call, or all from one on ---------------------------------------- */

static const struct io_fault faults[] = {
	{ .kind = IO_ERROR, .error = EIO },
	{ .kind = IO_ERROR, .error = ENOSPC },
	{ .kind = IO_HALF_ERROR, .error = EIO },
	{ .kind = IO_HALF_ERROR, .error = ENOSPC },
	{ .kind = IO_SHORT },
	{ .kind = IO_NOTHING },
	{ .kind = IO_SIGNAL },
};

/* The file is well again: everything is there. */
static void must_be_whole(void)
{
	io_fault_set(NULL);
	if (!client.dev)
		return;
	read_all(false);
	assert_figures(client.dev);
	write_back();
	read_all(false);
	assert_figures(client.dev);
	close_device();
}

static void test_each_call_fails(void **state)
{
	unsigned int calls = calls_of_a_life(), failed = 0;

	(void)state;
	print_message("%u calls on the file\n", calls);
	assert_true(calls > 30);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		for (unsigned int n = first_call((unsigned int)i); n <= calls;
		     n += stride())
			for (int rest = 0; rest < 2; rest++) {
				struct io_fault fault = faults[i];

				/* It would be made again for ever. */
				if (rest && fault.kind == IO_SIGNAL)
					continue;
				assert_int_equal(truncate(path, 0), 0);
				fault.first = n;
				fault.last = rest ? UINT_MAX : n;
				io_fault_set(&fault);
				live();
				failed += client.failed;
				must_be_whole();
			}
	assert_true(failed > 0);
}

/* The disk fails when it is waited for, after all was written: nothing has left
 * memory, and the room in the file is free again. */
static void test_disk_fails(void **state)
{
	struct io_fault fault = {
		.kind = IO_ERROR, .error = EIO, .first = 6, .last = 6
	};
	int err;

	(void)state;
	io_fault_set(NULL);
	open_device();
	for (unsigned int i = 0; i < 5; i++)
		write_one(i, MIXED, i);
	io_fault_set(&fault);
	err = write_back();
	assert_int_equal(io_fault_calls(), 6);
	io_fault_set(NULL);
	assert_int_equal(err, -EIO);
	assert_int_equal(client.dev->backing.nr_used, 0);
	assert_figures(client.dev);
	assert_int_equal(truncate(path, 0), 0);
	read_all(false);
	must_be_whole();
}

/* ---- kill -9 ------------------------------------------------------------- */

/* At each call, before, in the midst and after it. The next server finds its
 * file free, and nothing of the last one in its device. */
static void test_killed_at_each_call(void **state)
{
	unsigned int calls = calls_of_a_life();

	(void)state;
	for (int kind = IO_KILL_BEFORE; kind <= IO_KILL_AFTER; kind++)
		for (unsigned int n = first_call((unsigned int)kind);
		     n <= calls; n += stride()) {
			struct io_fault fault = {
				.kind = (enum io_fault_kind)kind,
				.first = n,
				.last = n
			};
			int status;
			pid_t child;

			/* The first call makes the file long. */
			assert_int_equal(truncate(path, 0), 0);
			child = fork();
			if (!child) {
				io_fault_set(&fault);
				live();
				_exit(1);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
			assert_true(WIFSIGNALED(status));
			assert_int_equal(WTERMSIG(status), SIGKILL);
			io_fault_set(NULL);
			open_device();
			assert_non_null(client.dev);
			read_all(false); /* zeroes */
			close_device();
			live();
			assert_int_equal(client.failed, 0);
			must_be_whole();
		}
}

/* ---- a file that others change ------------------------------------------- */

/* It is cut off, and grows again with what is written later: what was there is a
 * hole, which reads as zeroes. */
static void test_cut_off_at_each_call(void **state)
{
	static const long lengths[] = { 0, 3 * BLOCK + 1000 };
	unsigned int calls = calls_of_a_life(), failed = 0;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (unsigned int n = first_call((unsigned int)i); n <= calls;
		     n += stride()) {
			struct io_fault fault = { .kind = IO_CUT,
						  .cut = lengths[i],
						  .first = n,
						  .last = n };

			assert_int_equal(truncate(path, 0), 0);
			io_fault_set(&fault);
			live();
			io_fault_set(NULL);
			if (!client.dev)
				continue;
			read_all(true);
			write_back();
			read_all(true);
			failed += client.failed;
			assert_figures(client.dev);
			/* A block that cannot be read can be written. */
			for (unsigned int b = 0; b < BLOCKS; b++)
				write_one(b, MIXED, 900 + b);
			read_all(false);
			assert_figures(client.dev);
			close_device();
		}
	assert_true(failed > calls / stride());
}

/* One bit of each block, or two blocks that changed places. */
static void test_changed(void **state)
{
	unsigned char one[BLOCK], other[BLOCK];
	int fd;

	(void)state;
	io_fault_set(NULL);
	live();
	fd = client.dev->backing.fd;
	for (unsigned int i = 0; i < 10; i++) {
		off_t at = (off_t)i * BLOCK;

		assert_int_equal(pread(fd, one, BLOCK, at), BLOCK);
		one[i * 409] ^= (unsigned char)(1u << i % 8);
		assert_int_equal(pwrite(fd, one, BLOCK, at), BLOCK);
	}
	client.failed = 0;
	read_all(true);
	assert_int_equal(client.failed, 2 * 10);
	for (unsigned int i = 0; i < 10; i++) {
		off_t at = (off_t)i * BLOCK;

		assert_int_equal(pread(fd, one, BLOCK, at), BLOCK);
		one[i * 409] ^= (unsigned char)(1u << i % 8);
		assert_int_equal(pwrite(fd, one, BLOCK, at), BLOCK);
	}
	read_all(false);
	assert_int_equal(pread(fd, one, BLOCK, 0), BLOCK);
	assert_int_equal(pread(fd, other, BLOCK, BLOCK), BLOCK);
	assert_int_equal(pwrite(fd, one, BLOCK, BLOCK), BLOCK);
	assert_int_equal(pwrite(fd, other, BLOCK, 0), BLOCK);
	client.failed = 0;
	read_all(true);
	assert_int_equal(client.failed, 2 * 2);
	close_device();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_call_fails, make_path,
						remove_path),
		cmocka_unit_test_setup_teardown(test_disk_fails, make_path,
						remove_path),
		cmocka_unit_test_setup_teardown(test_killed_at_each_call,
						make_path, remove_path),
		cmocka_unit_test_setup_teardown(test_cut_off_at_each_call,
						make_path, remove_path),
		cmocka_unit_test_setup_teardown(test_changed, make_path,
						remove_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
