/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_faults.c - the swap file fails, at each of its calls in turn, in each way
 * that io_fault.h knows; the process is killed there; the file is cut off by
 * somebody else. A page that was taken is the one that comes back, or there is
 * an error. (test_swap.c has random failures.) */
#include "util.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io_fault.h"
#include "swap.h"

#define SLOTS 32u

static char path[256];

static int make_path(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/zswap-faults.XXXXXX", io_fault_dir());
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

/* ---- pages in zswap and in the file -------------------------------------- */

static struct swap *swap; /* NULL: it could not be opened */
static uint32_t version[SLOTS]; /* of the page in a slot; 0: none */
static unsigned int failed; /* calls */

static void out(uint64_t slot, uint32_t v)
{
	unsigned char page[PAGE];

	make_page(page, slot, v);
	if (swap_out(swap, slot, page)) {
		failed++;
		v = 0; /* "the slot is empty" */
	}
	version[slot] = v;
}

/* Return: does the slot have its page, or none, as it should? */
static bool in(uint64_t slot, bool may_fail)
{
	unsigned char page[PAGE];
	int err = swap_in(swap, slot, page);

	if (!version[slot]) {
		assert_int_equal(err, -ENOENT);
		return true;
	}
	if (err) {
		/* Never "there is none". */
		assert_int_not_equal(err, -ENOENT);
		assert_true(may_fail);
		failed++;
		return false;
	}
	assert_page(page, slot, version[slot]);
	version[slot] = 0;
	return true;
}

/* The worker writes nothing: where a call is, is the same each time. */
static bool open_it(void)
{
	const struct swap_options options = {
		.zswap = { .budget_bytes = 4 * MIB,
			   .max_pool_percent = 100,
			   .profile = test_profile() },
		.nr_slots = SLOTS,
		.path = path,
	};

	memset(version, 0, sizeof(version));
	failed = 0;
	swap = swap_open(&options);
	return swap != NULL;
}

static void live(void)
{
	if (!open_it())
		return;
	for (uint64_t slot = 0; slot < 12; slot++)
		out(slot,
		    1 + (uint32_t)slot); /* the random ones: to the file */
	zswap_writeback(swap_zswap(swap), 5);
	for (uint64_t slot = 0; slot < 6; slot++)
		in(slot, true);
	for (uint64_t slot = 4; slot < 20; slot++)
		out(slot, 41 + (uint32_t)slot); /* over what is in the file */
	zswap_writeback(swap_zswap(swap), 8);
	swap_free(swap, 9);
	version[9] = 0;
	for (uint64_t slot = 9; slot < 14; slot++)
		in(slot, true);
}

/* What could not be read is there when it can be. */
static void all_there(bool may_fail)
{
	for (uint64_t slot = 0; slot < SLOTS; slot++)
		in(slot, may_fail);
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

static unsigned int calls_of_a_life(void)
{
	struct swap_stats stats;
	unsigned int calls;

	io_fault_set(NULL);
	live();
	calls = io_fault_calls();
	assert_non_null(swap);
	assert_int_equal(failed, 0);
	swap_stats(swap, &stats);
	assert_true(stats.slots_in_file > 4);
	all_there(false);
	assert_int_equal(zswap_check(swap_zswap(swap)), 0);
	swap_close(swap);
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

/* The next user: whatever was left there. */
static void open_again(void)
{
	io_fault_set(NULL);
	assert_true(open_it());
	all_there(false); /* none */
	out(3, 1);
	out(4, 2);
	assert_int_equal(failed, 0);
	all_there(false);
	swap_close(swap);
}

static void test_each_call_fails(void **state)
{
	unsigned int calls = calls_of_a_life(), total = 0;

	(void)state;
	print_message("%u calls on the file\n", calls);
	assert_true(calls > 20);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		for (unsigned int n = first_call((unsigned int)i); n <= calls;
		     n += stride())
			for (int rest = 0; rest < 2; rest++) {
				struct io_fault fault = faults[i];

				/* It would be made again for ever. */
				if (rest && fault.kind == IO_SIGNAL)
					continue;
				fault.first = n;
				fault.last = rest ? UINT_MAX : n;
				io_fault_set(&fault);
				live();
				total += failed;
				io_fault_set(NULL);
				if (swap) {
					all_there(false);
					assert_int_equal(
						zswap_check(swap_zswap(swap)),
						0);
					/* While it is closed it fails, too. */
					fault.first = 1;
					io_fault_set(&fault);
					swap_close(swap);
				}
				open_again();
			}
	assert_true(total > 0);
}

/* ---- kill -9 ------------------------------------------------------------- */

/* At each call, before, in the midst and after it. */
static void test_killed_at_each_call(void **state)
{
	unsigned int calls = calls_of_a_life() + 2; /* two when it is closed */

	(void)state;
	for (int kind = IO_KILL_BEFORE; kind <= IO_KILL_AFTER; kind++)
		for (unsigned int n = first_call((unsigned int)kind);
		     n <= calls; n += stride()) {
			struct io_fault fault = {
				.kind = (enum io_fault_kind)kind,
				.first = n,
				.last = n,
			};
			int status;
			pid_t child = fork();

			if (!child) {
				io_fault_set(&fault);
				live();
				swap_close(swap);
				_exit(1);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
			assert_true(WIFSIGNALED(status));
			assert_int_equal(WTERMSIG(status), SIGKILL);
			open_again();
		}
}

/* A header that was not written to its end is ours, if it tells so; what begins
 * otherwise is not. */
static void test_part_of_a_header(void **state)
{
	static const char *const others[] = { "U", "UZSWAP", "UZSWAP2\n" };
	char header[16];
	int fd;

	(void)state;
	assert_true(open_it());
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, header, 16, 0), 16);
	swap_close(swap);
	for (off_t bytes = 0; bytes <= 16; bytes++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, header, (size_t)bytes, 0), bytes);
		if (!bytes || bytes >= 8) {
			open_again();
			continue;
		}
		assert_false(open_it());
		assert_int_equal(errno, EEXIST);
	}
	for (size_t i = 0; i < 3; i++) {
		char text[32] = "", back[32] = "";

		strcpy(text, others[i]);
		/* Something else behind it. */
		strcat(text, "!");
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, text, strlen(text), 0),
				 strlen(text));
		assert_false(open_it());
		assert_int_equal(errno, EEXIST);
		assert_int_equal(pread(fd, back, sizeof(back), 0),
				 strlen(text));
		assert_string_equal(back, text);
	}
	close(fd);
}

/* ---- a file that is cut off ---------------------------------------------- */

/* And grows again with what is written later: there are holes. */
static void test_cut_off_at_each_call(void **state)
{
	static const long lengths[] = { 0, 5 * (long)PAGE + 1000 };
	unsigned int calls = calls_of_a_life(), total = 0;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (unsigned int n = first_call((unsigned int)i); n <= calls;
		     n += stride()) {
			struct io_fault fault = { .kind = IO_CUT,
						  .cut = lengths[i],
						  .first = n,
						  .last = n };

			io_fault_set(&fault);
			live();
			io_fault_set(NULL);
			if (!swap)
				continue;
			all_there(true);
			total += failed;
			/* A slot whose page is lost can be used again. */
			for (uint64_t slot = 0; slot < SLOTS; slot++)
				out(slot, 77 + (uint32_t)slot);
			all_there(false);
			assert_int_equal(zswap_check(swap_zswap(swap)), 0);
			swap_close(swap);
		}
	assert_true(total > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_call_fails, make_path,
						remove_path),
		cmocka_unit_test_setup_teardown(test_killed_at_each_call,
						make_path, remove_path),
		cmocka_unit_test_setup_teardown(test_part_of_a_header,
						make_path, remove_path),
		cmocka_unit_test_setup_teardown(test_cut_off_at_each_call,
						make_path, remove_path),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
