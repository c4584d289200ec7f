/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_failing.c - regions when the swap file or userfaultfd fails: no page is
 * lost, and no thread waits for ever without need. */
#include "regions.h"

#include <limits.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The library's ioctl (linked with --wrap): UFFDIO_COPY fails copy_errors
 * times; UFFDIO_POISON is hidden as before Linux 6.6; a handler stops after it
 * has woken the thread that touched a page. */
static atomic_int copy_errors, uffd;
static atomic_bool hide_poison, has_poison, stop_after_wake;
static sem_t go_on;
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	const uint64_t poison = (uint64_t)1 << 8;
	struct uffdio_register *reg;
	va_list list;
	void *arg;
	int result;
	bool stop;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	if (request == UFFDIO_COPY && copy_errors) {
		copy_errors--;
		errno = ENOMEM;
		return -1;
	}
	stop = request == UFFDIO_WAKE &&
	       atomic_exchange(&stop_after_wake, false);
	result = __real_ioctl(fd, request, arg);
	if (!result && request == UFFDIO_REGISTER) {
		reg = arg;
		if (hide_poison)
			reg->ioctls &= ~poison;
		has_poison = (reg->ioctls & poison) != 0;
		uffd = fd;
	}
	if (stop)
		sem_wait(&go_on);
	return result;
}

/* ---- files --------------------------------------------------------------- */

static atomic_int write_error, read_error;

static ssize_t test_pread(int fd, void *buf, size_t bytes, off_t at)
{
	if (!read_error)
		return pread(fd, buf, bytes, at);
	errno = read_error;
	return -1;
}

static ssize_t test_pwrite(int fd, const void *buf, size_t bytes, off_t at)
{
	if (!write_error)
		return pwrite(fd, buf, bytes, at);
	errno = write_error;
	return -1;
}

static const struct swap_io test_io = { test_pread, test_pwrite };

/* Nothing can be stored: the program goes on beyond the limit, and nothing is
 * lost. Once storing works, the limit holds again. */
static void test_full(void **state)
{
	const size_t limit = MIB, nr = 3 * limit / PAGE;
	/* The pool is about one page, so all pages go to the file. */
	struct uzswap *u = create(limit, PAGE, 1, "/tmp", &test_io);
	char *p = uzswap_alloc(u, nr * PAGE);
	struct uzswap_stats stats;

	(void)state;
	assert_non_null(p);
	write_error = ENOSPC;
	for (size_t i = 0; i < nr; i++)
		make_page(p + i * PAGE, i, 3);
	uzswap_stats(u, &stats);
	assert_true(stats.resident_peak > limit / PAGE);
	assert_true(stats.store_errors > 0);
	assert_int_equal(stats.last_error, -ENOSPC);
	assert_int_equal(uzswap_pageout(u, p), -ENOSPC);
	for (size_t i = 0; i < nr; i++)
		assert_page(p + i * PAGE, i, 3);
	write_error = 0;
	assert_int_equal(uzswap_pageout(u, p), 0);
	assert_int_equal(resident_of(p, nr * PAGE), 0);
	for (size_t i = 0; i < nr; i++)
		assert_page(p + i * PAGE, i, 3);
	for (int tries = 0; tries < 1000; tries++) {
		uzswap_stats(u, &stats);
		if (stats.resident_pages <= limit / PAGE)
			break;
		usleep(1000);
	}
	assert_true(stats.resident_pages <= limit / PAGE);
	uzswap_destroy(u);
}

static sigjmp_buf at_sigbus;
static _Thread_local volatile bool catching;

static void on_sigbus(int sig)
{
	(void)sig;
	/* Otherwise the signal is for a system call, without poison. */
	if (catching)
		siglongjmp(at_sigbus, 1);
}

static struct sigaction catch_sigbus(void)
{
	struct sigaction action = { .sa_handler = on_sigbus }, old;

	assert_int_equal(sigaction(SIGBUS, &action, &old), 0);
	return old;
}

static bool readable(const char *p)
{
	volatile bool result = false;

	catching = true;
	if (!sigsetjmp(at_sigbus, 1)) {
		(void)*(const volatile char *)p;
		result = true;
	}
	catching = false;
	return result;
}

/* A page that could not be read is refused for a little longer. */
static void wait_until_readable(const char *p)
{
	for (int tries = 0; !readable(p); tries++) {
		assert_true(tries < 5000);
		usleep(1000);
	}
}

struct writer {
	pthread_t thread;
	int fd;
	const char *from;
	ssize_t result;
	int error;
	atomic_bool done;
};

static void *write_page(void *arg)
{
	struct writer *writer = arg;

	writer->result = write(writer->fd, writer->from, PAGE);
	writer->error = errno;
	writer->done = true;
	return NULL;
}

/* A system call touches p, which cannot be read back. Ends with read_error
 * 0. */
static void read_error_in_call(struct uzswap *u, char *p, uint32_t version)
{
	struct writer writer = { .from = p };
	struct uzswap_stats before, after;
	char copy[PAGE];
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	writer.fd = fd[1];
	uzswap_stats(u, &before);
	assert_int_equal(
		pthread_create(&writer.thread, NULL, write_page, &writer), 0);
	if (has_poison || user_mode_only) {
		pthread_join(writer.thread, NULL);
		assert_int_equal(writer.result, -1);
		assert_int_equal(writer.error, EFAULT);
		/* The same for a write to it. */
		memset(copy, 1, PAGE);
		assert_int_equal(write(fd[1], copy, PAGE), PAGE);
		assert_int_equal(read(fd[0], p, PAGE), -1);
		assert_int_equal(errno, EFAULT);
		read_error = 0;
	} else {
		/* The thread waits, and does not keep the handler busy. */
		do {
			usleep(300000);
			uzswap_stats(u, &after);
		} while (after.load_errors == before.load_errors);
		assert_false(writer.done);
		/* About 15; without a pause it is about 10000. */
		assert_in_range(after.load_errors - before.load_errors, 1, 500);
		read_error = 0;
		pthread_join(writer.thread, NULL);
		assert_int_equal(writer.result, PAGE);
		assert_int_equal(read(fd[0], copy, PAGE), PAGE);
		assert_page(copy, 2, version);
	}
	close(fd[0]);
	close(fd[1]);
}

/* A page that cannot be read back gives SIGBUS, or EFAULT, not zeroes. It is
 * still there when the file can be read again. */
static void read_errors(bool without_poison)
{
	struct uzswap *u = create(MIB, PAGE, 1, "/tmp", &test_io);
	struct sigaction old = catch_sigbus();
	struct uzswap_stats stats;
	char *p;

	hide_poison = without_poison;
	p = uzswap_alloc(u, 64 * PAGE);
	hide_poison = false;
	assert_non_null(p);
	for (size_t i = 0; i < 64; i++)
		make_page(p + i * PAGE, i, 1 + i % 2 * 8);
	assert_int_equal(uzswap_pageout(u, p), 0);
	read_error = EIO;
	assert_false(readable(p));
	assert_false(readable(p));
	assert_false(readable(p + PAGE));
	uzswap_stats(u, &stats);
	assert_true(stats.load_errors >= 2);
	assert_int_equal(stats.last_error, -EIO);
	assert_int_equal(stats.resident_pages, 0);
	read_error_in_call(u, p + 2 * PAGE, 1);
	for (size_t i = 0; i < 64; i++) {
		wait_until_readable(p + i * PAGE);
		assert_page(p + i * PAGE, i, 1 + i % 2 * 8);
	}
	uzswap_stats(u, &stats);
	assert_int_equal(stats.resident_pages, 64);
	assert_int_equal(stats.out_pages, 0);
	sigaction(SIGBUS, &old, NULL);
	uzswap_destroy(u);
}

static void test_read_error(void **state)
{
	(void)state;
	read_errors(false);
}

static void test_read_error_before_6_6(void **state)
{
	(void)state;
	read_errors(true);
}

/* A page was taken out of its slot, and cannot be put into the region. It goes
 * back; if that fails, too, both are tried until one succeeds. */
static void test_copy_error(void **state)
{
	struct uzswap *u = create(MIB, PAGE, 1, "/tmp", &test_io);
	char *p = uzswap_alloc(u, 64 * PAGE);
	struct sigaction old = catch_sigbus();
	struct uzswap_stats stats;

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < 64; i++)
		make_page(p + i * PAGE, i, 1);
	assert_int_equal(uzswap_pageout(u, p), 0);
	/* Not neighbours, so that no page is read ahead and gets the errors. */
	write_error = ENOSPC;
	copy_errors = 3;
	assert_true(readable(p + 40 * PAGE));
	write_error = 0;
	assert_int_equal(copy_errors, 0);
	assert_page(p + 40 * PAGE, 40, 1);
	uzswap_stats(u, &stats);
	assert_int_equal(stats.load_errors, 0);

	copy_errors = INT_MAX;
	assert_false(readable(p + 20 * PAGE));
	copy_errors = 0;
	wait_until_readable(p + 20 * PAGE);
	assert_page(p + 20 * PAGE, 20, 1);
	uzswap_stats(u, &stats);
	assert_true(stats.load_errors >= 1);
	assert_int_equal(stats.last_error, -ENOMEM);
	sigaction(SIGBUS, &old, NULL);
	uzswap_destroy(u);
}

/* ---- read ahead too late ------------------------------------------------- */

/* Touches @at, whose neighbour was touched last. The only handler wakes this
 * thread, and stops before it reads ahead. */
static void touch_and_stop(char *at)
{
	stop_after_wake = true;
	*(volatile char *)at = 1;
	assert_false(stop_after_wake);
}

/* Lets the handler go on, and returns when it has read ahead. */
static void let_it_read(char *other)
{
	sem_post(&go_on);
	*(volatile char *)other = 1;
}

/* A handler reads ahead later than it planned. Meanwhile the region was paged
 * out, or freed, or another one is in its place. */
static void test_late_read_ahead(void **state)
{
	const size_t nr = 64;
	struct uzswap *u = create(4 * MIB, 64 * MIB, 1, NULL, NULL);
	char *other = uzswap_alloc(u, PAGE * nr);
	char *p = uzswap_alloc(u, nr * PAGE), *next;
	struct uzswap_stats stats;

	(void)state;
	assert_non_null(p);
	assert_non_null(other);
	sem_init(&go_on, 0, 0);
	/* First pages that never existed, then pages that were away. */
	for (size_t round = 0; round < 2; round++) {
		*(volatile char *)p = 1;
		touch_and_stop(p + PAGE);
		assert_int_equal(uzswap_pageout(u, p), 0);
		let_it_read(other + 9 * round * PAGE);
		assert_int_equal(resident_of(p, nr * PAGE), 0);
		for (size_t i = 0; i < nr; i++)
			p[i * PAGE] = 1;
		assert_int_equal(uzswap_pageout(u, p), 0);
	}
	*(volatile char *)p = 1;
	touch_and_stop(p + PAGE);
	uzswap_free(u, p);
	p = uzswap_alloc(u, nr * PAGE); /* in the same slots as before */
	assert_non_null(p);
	let_it_read(other + 30 * PAGE);
	assert_int_equal(resident_of(p, nr * PAGE), 0);

	/* Read-ahead does not go on from one region into the next. */
	next = uzswap_alloc(u, nr * PAGE);
	assert_non_null(next);
	for (size_t i = 0; i < nr; i++)
		p[i * PAGE] = 1;
	*(volatile char *)&other[50 * PAGE] = 1;
	assert_int_equal(resident_of(next, nr * PAGE), 0);
	uzswap_stats(u, &stats);
	assert_true(stats.read_ahead > 0);
	sem_destroy(&go_on);
	uzswap_destroy(u);
}

/* Taking a page away failed half-way, and the write protection was left. A
 * thread that writes to the page must not fault for ever. */
static void test_left_protected(void **state)
{
	struct uzswap *u = create(MIB, 64 * MIB, 1, NULL, NULL);
	char *p = uzswap_alloc(u, 2 * PAGE);
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)p, PAGE },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	struct uzswap_stats stats;

	(void)state;
	assert_non_null(p);
	make_page(p, 0, 3);
	make_page(p + PAGE, 1, 3);
	assert_int_equal(__real_ioctl(uffd, UFFDIO_WRITEPROTECT, &wp), 0);
	alarm(60); /* without the fix the test does not end */
	((volatile char *)p)[0] ^= 1;
	alarm(0);
	((volatile char *)p)[0] ^= 1;
	assert_page(p, 0, 3);
	assert_page(p + PAGE, 1, 3);
	uzswap_stats(u, &stats);
	assert_int_equal(stats.resident_pages, 2);
	assert_int_equal(stats.load_errors, 0);
	assert_int_equal(uzswap_pageout(u, p), 0);
	assert_int_equal(resident_of(p, 2 * PAGE), 0);
	assert_page(p, 0, 3);
	assert_page(p + PAGE, 1, 3);
	uzswap_destroy(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_read_error),
		cmocka_unit_test(test_read_error_before_6_6),
		cmocka_unit_test(test_copy_error),
		cmocka_unit_test(test_late_read_ahead),
		cmocka_unit_test(test_left_protected),
	};

	look_for_userfaultfd();
	return cmocka_run_group_tests_name("failing", tests, NULL, NULL);
}
