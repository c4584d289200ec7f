/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_swap.c - zswap with its swap file. The file fails, is full, writes
 * short, is changed, is left behind. When a call reports success, the page is
 * there afterwards. When it reports failure, the page is where it was. */
#include "util.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "swap.h"

#define SLOTS 1500
/* Holds about 250 of the pages: most go through the file. */
#define SMALL_POOL ((size_t)512 * 1024)

static const char *self;

static struct swap *try_open(const char *path, size_t budget,
			     const struct swap_io *io)
{
	struct swap_options options = {
		.zswap = { .budget_bytes = budget,
			   .max_pool_percent = 100,
			   .profile = test_profile() },
		.nr_slots = SLOTS,
		.path = path,
		.io = io,
	};

	return swap_open(&options);
}

static struct swap *open_swap(const char *path, size_t budget,
			      const struct swap_io *io)
{
	struct swap *swap = try_open(path, budget, io);

	assert_non_null(swap);
	return swap;
}

/* ---- a file that misbehaves ---------------------------------------------- */

/* In percent of the calls. The worker calls these, too. */
static atomic_uint bad_writes, bad_reads, short_ones;
static atomic_uint io_random;

static unsigned int draw(void)
{
	uint32_t state = atomic_fetch_add(&io_random, 0x9e3779b9u);

	state ^= state >> 15;
	return next_random(&state) % 100;
}

static ssize_t bad_pread(int fd, void *buf, size_t bytes, off_t at)
{
	if (draw() < bad_reads) {
		/* Half of the page has other bytes by now. */
		memset(buf, 0xee, bytes / 2);
		errno = EIO;
		return -1;
	}
	if (draw() < short_ones) {
		errno = EINTR;
		return draw() % 2 ? -1 : pread(fd, buf, bytes / 3 + 1, at);
	}
	return pread(fd, buf, bytes, at);
}

static ssize_t bad_pwrite(int fd, const void *buf, size_t bytes, off_t at)
{
	if (draw() < bad_writes) {
		/* Some of it may be written nevertheless. */
		if (draw() % 2 && pwrite(fd, buf, bytes / 2, at) < 0)
			return -1;
		errno = draw() % 2 ? EIO : ENOSPC;
		return -1;
	}
	if (draw() < short_ones) {
		errno = EINTR;
		return draw() % 2 ? -1 : pwrite(fd, buf, bytes / 3 + 1, at);
	}
	return pwrite(fd, buf, bytes, at);
}

static const struct swap_io bad_io = { bad_pread, bad_pwrite };

static void check_all(struct swap *swap, uint32_t *version)
{
	unsigned char page[PAGE];

	for (uint64_t slot = 0; slot < SLOTS; slot++) {
		assert_int_equal(swap_in(swap, slot, page),
				 version[slot] ? 0 : -ENOENT);
		if (version[slot])
			assert_page(page, slot, version[slot]);
		version[slot] = 0;
	}
}

static void test_model(void **state)
{
	uint32_t version[SLOTS] = { 0 }, random = 5;
	struct swap *swap = open_swap("/tmp", SMALL_POOL, &bad_io);
	unsigned long failed_out = 0, failed_in = 0;
	struct zswap_stats zstats;
	struct swap_stats stats;
	unsigned char page[PAGE];

	(void)state;
	bad_writes = bad_reads = 5;
	short_ones = 20;
	for (uint32_t step = 1; step <= scaled(40000); step++) {
		uint64_t slot = next_random(&random) % SLOTS;
		unsigned int what = next_random(&random) % 10;
		int err;

		if (what < 5) {
			make_page(page, slot, step);
			err = swap_out(swap, slot, page);
			assert_true(!err || err == -EIO || err == -ENOSPC);
			version[slot] = err ? 0 : step;
			failed_out += err != 0;
		} else if (what < 9) {
			err = swap_in(swap, slot, page);
			if (!version[slot]) {
				assert_int_equal(err, -ENOENT);
			} else if (err) {
				assert_int_equal(err, -EIO);
				failed_in++; /* the page is still there */
			} else {
				assert_page(page, slot, version[slot]);
				version[slot] = 0;
			}
		} else {
			swap_free(swap, slot);
			version[slot] = 0;
			/* The worker does so, too, but at times of its own. */
			zswap_writeback(swap_zswap(swap), 3);
		}
	}
	assert_true(failed_out > 0);
	assert_true(failed_in > 0);
	zswap_stats(swap_zswap(swap), &zstats);
	assert_true(zstats.written_back_pages > 0);
	assert_true(zstats.reject_reclaim_fail > 0);
	assert_true(zstats.pool_limit_hit > 0);
	swap_stats(swap, &stats);
	assert_true(stats.file_writes > zstats.written_back_pages);
	assert_true(stats.slots_in_file > 0);
	assert_true(stats.write_errors >= failed_out);
	assert_int_equal(stats.read_errors, failed_in);
	assert_int_equal(stats.checksum_errors, 0);

	bad_writes = bad_reads = 0;
	check_all(swap, version);
	zswap_flush(swap_zswap(swap));
	assert_int_equal(zswap_check(swap_zswap(swap)), 0);
	swap_stats(swap, &stats);
	assert_int_equal(stats.slots_in_file, 0);
	swap_close(swap);
}

/* All writes fail: pages in zswap stay there, other stores fail. */
static void test_dead_file(void **state)
{
	uint32_t version[SLOTS] = { 0 };
	struct swap *swap = open_swap("/tmp", SMALL_POOL, &bad_io);
	struct zswap_stats zstats;
	struct swap_stats stats;
	unsigned char page[PAGE];
	unsigned int refused = 0;

	(void)state;
	bad_writes = 100;
	short_ones = bad_reads = 0;
	for (uint64_t slot = 0; slot < SLOTS; slot++) {
		make_page(page, slot, 3);
		if (swap_out(swap, slot, page))
			refused++;
		else
			version[slot] = 3;
	}
	zswap_flush(swap_zswap(swap));
	zswap_stats(swap_zswap(swap), &zstats);
	swap_stats(swap, &stats);
	assert_int_equal(zstats.stored_pages, SLOTS - refused);
	assert_int_equal(zstats.written_back_pages, 0);
	assert_true(zstats.reject_reclaim_fail > 0);
	assert_true(refused > 0 && refused < SLOTS);
	assert_int_equal(stats.slots_in_file, 0);
	assert_true(stats.last_error == -EIO || stats.last_error == -ENOSPC);
	bad_writes = 0;
	check_all(swap, version);
	swap_close(swap);
}

/* A file that really cannot grow. */
static void test_full_file(void **state)
{
	const struct rlimit small = { 100 * PAGE, RLIM_INFINITY };
	uint32_t version[SLOTS] = { 0 };
	struct swap *swap = open_swap("/tmp", SMALL_POOL, NULL);
	struct rlimit before;
	struct swap_stats stats;
	unsigned char page[PAGE];
	unsigned int refused = 0;
	void (*old)(int) = signal(SIGXFSZ, SIG_IGN);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (uint64_t slot = 0; slot < SLOTS; slot++) {
		make_page(page, slot, 3);
		if (swap_out(swap, slot, page))
			refused++;
		else
			version[slot] = 3;
	}
	zswap_flush(swap_zswap(swap));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, old);
	swap_stats(swap, &stats);
	assert_true(refused > 0 && refused < SLOTS);
	assert_true(stats.slots_in_file > 0 && stats.slots_in_file < 100);
	assert_int_equal(stats.last_error, -EFBIG);
	check_all(swap, version);
	swap_close(swap);
}

/* ---- files with a name --------------------------------------------------- */

static char path[64];

static int make_directory(void **state)
{
	(void)state;
	strcpy(path, "/tmp/zswap-test.XXXXXX");
	if (!mkdtemp(path))
		return -1;
	strcat(path, "/swap");
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	*strrchr(path, '/') = '\0';
	return rmdir(path);
}

/* Stores until some pages are in the file, in several ways. */
static void fill(struct swap *swap)
{
	unsigned char page[PAGE];

	for (uint64_t slot = 0; slot < SLOTS; slot++) {
		make_page(page, slot, 3);
		assert_int_equal(swap_out(swap, slot, page), 0);
	}
}

/* The child of test_kill: fills a swap file, reports that, sleeps. */
static int be_killed(const char *file)
{
	struct swap *swap = open_swap(file, SMALL_POOL, NULL);

	fill(swap);
	if (write(STDOUT_FILENO, "x", 1) != 1)
		return 1;
	alarm(60);
	pause();
	return 1;
}

static void test_kill(void **state)
{
	uint32_t version[SLOTS];
	struct swap_stats stats;
	unsigned char page[PAGE];
	struct swap *swap;
	struct stat st;
	int fd[2], status;
	pid_t child;
	char c;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	child = fork();
	if (!child) {
		dup2(fd[1], STDOUT_FILENO);
		close(fd[0]);
		execl(self, self, "--be-killed", path, (char *)NULL);
		_exit(127);
	}
	close(fd[1]);
	assert_int_equal(read(fd[0], &c, 1), 1);
	close(fd[0]);

	/* The file is in use: opening it again must fail. */
	assert_null(try_open(path, SMALL_POOL, NULL));
	assert_int_equal(errno, EBUSY);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 100 * (off_t)PAGE);

	/* Pages do not outlive their process: none of them is found, not even
	 * in part, and the space is free again. */
	swap = open_swap(path, SMALL_POOL, NULL);
	swap_stats(swap, &stats);
	assert_true(stats.was_in_use);
	assert_int_equal(stats.slots_in_file, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < (off_t)PAGE);
	for (uint64_t slot = 0; slot < SLOTS; slot++) {
		assert_int_equal(swap_in(swap, slot, page), -ENOENT);
		version[slot] = 3;
	}
	fill(swap);
	check_all(swap, version);
	swap_close(swap);

	swap = open_swap(path, SMALL_POOL, NULL);
	swap_stats(swap, &stats);
	assert_false(stats.was_in_use);
	swap_close(swap);
}

/* A child of this process that does nothing until it is killed. It has returned
 * from fork. */
static pid_t idle_child(void)
{
	int fd[2];
	pid_t child;
	char c;

	assert_int_equal(pipe(fd), 0);
	child = fork();
	if (!child) {
		alarm(60);
		close(fd[0]);
		close(fd[1]);
		for (;;)
			pause();
	}
	assert_true(child > 0);
	close(fd[1]);
	assert_int_equal(read(fd[0], &c, 1), 0);
	close(fd[0]);
	return child;
}

static void end_child(pid_t child)
{
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* A child that lives on keeps neither the file nor its lock. */
static void test_fork(void **state)
{
	struct swap *swap = open_swap(path, SMALL_POOL, NULL);
	struct swap_stats stats;
	pid_t user, child = idle_child();
	char link[64], target[64];
	ssize_t bytes;
	int fd[2];

	(void)state;
	assert_null(try_open(path, SMALL_POOL, NULL));
	assert_int_equal(errno, EBUSY);
	for (int i = 0; i < 64; i++) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)child, i);
		bytes = readlink(link, target, sizeof(target) - 1);
		target[bytes > 0 ? bytes : 0] = '\0';
		assert_string_not_equal(target, path);
	}
	swap_close(swap);
	swap = open_swap(path, SMALL_POOL, NULL);
	swap_close(swap);
	end_child(child);

	/* Its parent may be killed, too. */
	assert_int_equal(pipe(fd), 0);
	user = fork();
	if (!user) {
		swap = try_open(path, SMALL_POOL, NULL);
		child = idle_child();
		if (!swap || write(fd[1], &child, sizeof(child)) < 0)
			_exit(1);
		alarm(60);
		pause();
		_exit(1);
	}
	close(fd[1]);
	assert_int_equal(read(fd[0], &child, sizeof(child)), sizeof(child));
	close(fd[0]);
	end_child(user);
	swap = open_swap(path, SMALL_POOL, NULL);
	swap_stats(swap, &stats);
	assert_true(stats.was_in_use);
	swap_close(swap);
	assert_int_equal(kill(child, SIGKILL), 0);
}

/* A child that was not made by fork, for example posix_spawn's before it
 * executes. */
static void test_other_child(void **state)
{
	struct swap *swap = open_swap(path, SMALL_POOL, NULL);
	int fd[2];
	pid_t child;
	char c;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (!child) {
		close(fd[1]);
		syscall(SYS_exit, (int)read(fd[0], &c, 1));
	}
	assert_true(child > 0);
	close(fd[0]);
	swap_close(swap);
	swap = open_swap(path, SMALL_POOL, NULL);
	swap_close(swap);
	close(fd[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* The file is changed or truncated from outside: errors, not wrong pages; the
 * other pages are still good. */
static void test_damage(void **state)
{
	struct swap *swap = open_swap(path, SMALL_POOL, NULL);
	unsigned int damaged = 0, cut = 0;
	struct swap_stats stats;
	unsigned char page[PAGE];
	int fd;

	(void)state;
	fill(swap);
	zswap_flush(swap_zswap(swap)); /* the worker writes nothing after
					* this */
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	/* Changes a byte in each page up to slot 99; cuts off all from slot
	 * 1400. */
	for (uint64_t slot = 0; slot < 100; slot++)
		assert_int_equal(pwrite(fd, "\xa5", 1,
					(off_t)((slot + 1) * PAGE + 100)),
				 1);
	assert_int_equal(ftruncate(fd, 1401 * (off_t)PAGE), 0);
	close(fd);
	for (uint64_t slot = 0; slot < SLOTS; slot++) {
		int err = swap_in(swap, slot, page);

		if (err == -EBADMSG) {
			assert_true(slot < 100);
			damaged++;
			/* The page stays there until it is freed, whatever it
			 * contains. */
			assert_int_equal(swap_in(swap, slot, page), -EBADMSG);
			swap_free(swap, slot);
			assert_int_equal(swap_in(swap, slot, page), -ENOENT);
		} else if (err == -EIO) {
			assert_true(slot >= 1400);
			cut++;
		} else {
			assert_int_equal(err, 0);
			assert_page(page, slot, 3);
		}
	}
	swap_stats(swap, &stats);
	assert_true(damaged + cut > 0);
	assert_int_equal(stats.checksum_errors, 2 * damaged);
	assert_int_equal(stats.read_errors, cut);
	swap_close(swap);
}

/* Exchanges, in the file, each page up to slot 99 with its neighbour. */
static void exchange(int fd)
{
	unsigned char both[2 * PAGE];

	for (uint64_t slot = 0; slot < 100; slot += 2) {
		off_t at = (off_t)((slot + 1) * PAGE);

		assert_int_equal(pread(fd, both, 2 * PAGE, at), 2 * PAGE);
		assert_int_equal(pwrite(fd, both + PAGE, PAGE, at), PAGE);
		assert_int_equal(pwrite(fd, both, PAGE, at + (off_t)PAGE),
				 PAGE);
	}
}

/* Pages that are whole, but another's: errors, until they are back. */
static void test_exchanged(void **state)
{
	struct swap *swap = open_swap(path, SMALL_POOL, NULL);
	unsigned int wrong = 0;
	unsigned char page[PAGE];
	bool there[100];
	int fd = open(path, O_RDWR);

	(void)state;
	assert_true(fd >= 0);
	fill(swap);
	zswap_flush(swap_zswap(swap));
	exchange(fd);
	for (uint64_t slot = 0; slot < 100; slot++) {
		int err = swap_in(swap, slot, page);

		there[slot] = err != 0;
		wrong += there[slot];
		if (err)
			assert_int_equal(err, -EBADMSG);
		else
			assert_page(page, slot, 3);
	}
	assert_true(wrong > 10);
	exchange(fd);
	close(fd);
	for (uint64_t slot = 0; slot < 100; slot++) {
		assert_int_equal(swap_in(swap, slot, page),
				 there[slot] ? 0 : -ENOENT);
		if (there[slot])
			assert_page(page, slot, 3);
	}
	swap_close(swap);
}

static void test_files(void **state)
{
	const char text[] = "a letter that must not be lost";
	char read_back[sizeof(text)];
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	assert_null(try_open(path, MIB, NULL));
	assert_int_equal(errno, EEXIST);
	assert_int_equal(pread(fd, read_back, sizeof(text), 0), sizeof(text));
	assert_string_equal(read_back, text);
	close(fd);
	assert_null(try_open("/dev/null", MIB, NULL));
	assert_int_equal(errno, EINVAL);
	assert_null(try_open("/nowhere/at/all", MIB, NULL));
	assert_int_equal(errno, ENOENT);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_dead_file),
		cmocka_unit_test(test_full_file),
		cmocka_unit_test_setup_teardown(test_kill, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(test_fork, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(
			test_other_child, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_damage, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(test_exchanged, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(test_files, make_directory,
						remove_directory),
	};

	self = argv[0];
	if (argc == 3 && !strcmp(argv[1], "--be-killed"))
		return be_killed(argv[2]);
	return cmocka_run_group_tests_name("swap", tests, NULL, NULL);
}
