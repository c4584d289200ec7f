/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_uzswap.c - regions: what was written is read, whatever was taken away
 * meanwhile, with one thread or many. */
#include "regions.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* As many pages are resident as fit, and the counters add up. */
static void check_stats(struct uzswap *u, size_t limit, uint64_t touched)
{
	struct uzswap_stats stats;

	uzswap_stats(u, &stats);
	assert_true(stats.resident_peak <= limit / PAGE);
	assert_int_equal(stats.resident_pages + stats.out_pages, touched);
	assert_true(stats.limbo_pages <= stats.resident_pages);
	assert_int_equal(stats.load_errors, 0);
	assert_int_equal(stats.store_errors, 0);
	assert_in_range(stats.new_faults, 1, touched);
}

static void test_write_and_read(void **state)
{
	const size_t limit = 4 * MIB, nr = 4 * limit / PAGE;
	struct uzswap *u = create(limit, 256 * MIB, 1, NULL, NULL);
	struct uzswap_stats stats;
	char *p = uzswap_alloc(u, nr * PAGE);
	uint32_t random = 1;

	(void)state;
	assert_non_null(p);
	/* Random pages do not compress, and there is no file, so there are
	 * none. */
	for (size_t i = 0; i < nr; i++)
		make_page(p + i * PAGE, i, i % 2 ? 3 : 8);
	check_stats(u, limit, nr);
	assert_true(resident_of(p, nr * PAGE) <= limit / PAGE);
	for (size_t i = 0; i < nr; i++)
		assert_page(p + i * PAGE, i, i % 2 ? 3 : 8);
	/* A byte at a random page: first a write, or first a read. */
	for (unsigned int i = 0; i < scaled(20000); i++) {
		size_t page = next_random(&random) % nr;
		char *byte = p + page * PAGE + next_random(&random) % PAGE;
		char old = *(volatile char *)byte;

		*(volatile char *)byte = (char)(old ^ 1);
		if (i % 2)
			p[next_random(&random) % nr * PAGE] ^= 0;
		*(volatile char *)byte = old;
	}
	for (size_t i = 0; i < nr; i++)
		assert_page(p + i * PAGE, i, i % 2 ? 3 : 8);
	check_stats(u, limit, nr);
	uzswap_stats(u, &stats);
	assert_true(stats.soft_faults > 0);
	assert_true(stats.hard_faults + stats.read_ahead > nr);
	assert_true(stats.taken > nr);

	/* All pages are taken away, and come back. */
	assert_int_equal(uzswap_pageout(u, p), 0);
	assert_int_equal(resident_of(p, nr * PAGE), 0);
	uzswap_stats(u, &stats);
	assert_int_equal(stats.resident_pages, 0);
	for (size_t i = 0; i < nr; i++)
		assert_page(p + i * PAGE, i, i % 2 ? 3 : 8);
	uzswap_free(u, p);
	uzswap_stats(u, &stats);
	assert_int_equal(stats.resident_pages + stats.out_pages, 0);
	zswap_flush(swap_zswap(uzswap_swap(u)));
	assert_int_equal(zswap_check(swap_zswap(uzswap_swap(u))), 0);
	uzswap_destroy(u);
}

/* Pages that are used again and again stay resident, read or written, while
 * others pass. */
static void test_aging(void **state)
{
	const size_t limit = 8 * MIB, nr = 3 * limit / PAGE;
	const size_t hot = limit / PAGE / 3;
	struct uzswap *u = create(limit, 256 * MIB, 1, NULL, NULL);
	struct uzswap_stats before, after;
	char *p = uzswap_alloc(u, nr * PAGE);
	size_t hot_faults = 0;

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < nr; i++)
		make_page(p + i * PAGE, i, 3);
	for (int round = 0; round < 3; round++) {
		for (size_t i = hot; i < nr; i++) {
			(void)*(volatile char *)&p[i * PAGE];
			/* Hot pages are only read. */
			for (size_t j = 0; j < 4; j++) {
				size_t page = (4 * i + j) % hot;

				uzswap_stats(u, &before);
				(void)*(volatile char *)&p[page * PAGE];
				uzswap_stats(u, &after);
				hot_faults += round &&
					      after.hard_faults !=
						      before.hard_faults;
			}
		}
	}
	uzswap_stats(u, &after);
	/* Of about 33000 touches; without aging it is some thousands. */
	assert_true(hot_faults < 300);
	assert_true(after.soft_faults > 0);
	assert_true(after.kept_referenced > 0);
	uzswap_destroy(u);
}

/* A region is taken away and freed: the next one must find all of its
 * memory. */
static void test_freed_region(void **state)
{
	const size_t nr = 300; /* fewer than a per-CPU buffer holds */
	struct uzswap_options options = {
		.resident_bytes = MIB,
		.max_bytes = 16 * MIB,
		.zswap = { .budget_bytes = 16 * MIB,
			   .max_pool_percent = 100,
			   .profile = test_profile() },
	};
	struct zswap_stats stats;
	char message[200];

	(void)state;
	if (not_permitted)
		skip();
	for (int run = 0; run <= ZS_DEFER_REUSE + 1; run++) {
		struct uzswap *u;

		/* The first one is to know what a region needs. */
		options.zswap.defer =
			(enum zs_defer_mode)(run ? run - 1 : ZS_DEFER_DEFAULT);
		u = uzswap_create(&options, message, sizeof(message));
		assert_non_null(u);
		for (int round = 0; round < (run ? 4 : 1); round++) {
			char *p = uzswap_alloc(u, nr * PAGE);

			assert_non_null(p);
			for (size_t i = 0; i < nr; i++)
				make_page_of(p + i * PAGE, TEXT, i, 20);
			assert_int_equal(uzswap_pageout(u, p), 0);
			zswap_stats(swap_zswap(uzswap_swap(u)), &stats);
			assert_int_equal(stats.stored_pages, nr);
			uzswap_free(u, p);
		}
		uzswap_destroy(u);
		/* From then on there is room for one and a half. */
		if (!run)
			options.zswap.budget_bytes =
				stats.pool_total_size * 3 / 2;
	}
}

/* ---- threads ------------------------------------------------------------- */

struct toucher {
	pthread_t thread;
	struct uzswap *u;
	char *p;
	size_t nr;
	unsigned int id, threads;
	unsigned int wrong;
};

/* Each thread has its own word in all pages. */
static void *touch(void *arg)
{
	struct toucher *t = arg;
	uint64_t *count = calloc(t->nr, sizeof(*count));
	uint32_t random = t->id;

	for (unsigned int i = 0; i < scaled(40000); i++) {
		size_t page = next_random(&random) % t->nr;
		volatile uint64_t *word =
			(uint64_t *)(t->p + page * PAGE) + t->id;

		t->wrong += *word != count[page];
		*word = ++count[page];
		if (t->id == 0 && i % 4096 == 0)
			uzswap_pageout(t->u, t->p);
		/* Other regions are made and freed beside this one. */
		if (t->id == 1 && i % 2048 == 0) {
			size_t bytes = (1 + next_random(&random) % 300) * PAGE;
			char *other = uzswap_alloc(t->u, bytes);

			for (size_t at = 0; other && at < bytes; at += PAGE) {
				t->wrong += other[at] != 0;
				other[at] = (char)(1 + at / PAGE % 100);
			}
			for (size_t at = 0; other && at < bytes; at += PAGE)
				t->wrong += other[at] !=
					    (char)(1 + at / PAGE % 100);
			uzswap_free(t->u, other);
			t->wrong += !other;
		}
	}
	for (size_t page = 0; page < t->nr; page++)
		t->wrong += ((uint64_t *)(t->p + page * PAGE))[t->id] !=
			    count[page];
	free(count);
	return NULL;
}

static void test_threads(void **state)
{
	const size_t limit = 2 * MIB, nr = 3 * limit / PAGE;
	struct uzswap *u = create(limit, 256 * MIB, 2, NULL, NULL);
	char *p = uzswap_alloc(u, nr * PAGE);
	struct toucher toucher[4];
	struct uzswap_stats stats;

	(void)state;
	assert_non_null(p);
	for (unsigned int i = 0; i < 4; i++) {
		toucher[i] = (struct toucher){
			.u = u, .p = p, .nr = nr, .id = i, .threads = 4
		};
		assert_int_equal(pthread_create(&toucher[i].thread, NULL, touch,
						&toucher[i]),
				 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(toucher[i].thread, NULL);
		assert_int_equal(toucher[i].wrong, 0);
	}
	uzswap_stats(u, &stats);
	assert_true(stats.resident_peak <= limit / PAGE);
	assert_int_equal(stats.load_errors + stats.store_errors, 0);
	uzswap_free(u, p);
	uzswap_stats(u, &stats);
	assert_int_equal(stats.resident_pages + stats.out_pages, 0);
	uzswap_destroy(u);
}

/* ---- system calls, fork -------------------------------------------------- */

static void test_system_calls(void **state)
{
	struct uzswap *u = create(MIB, 64 * MIB, 1, NULL, NULL);
	char *p = uzswap_alloc(u, 2 * PAGE);
	char copy[PAGE];
	int fd[2], status;
	pid_t child;

	(void)state;
	assert_non_null(p);
	make_page(p, 1, 3);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(uzswap_pageout(u, p), 0);
	/* The kernel touches a page that is away, for reading and for
	 * writing. */
	if (write(fd[1], p, PAGE) != PAGE) {
		assert_int_equal(errno, EFAULT);
		print_message("system calls cannot be served here\n");
	} else {
		assert_int_equal(uzswap_pageout(u, p), 0);
		assert_int_equal(read(fd[0], p + PAGE, PAGE), PAGE);
		memcpy(copy, p + PAGE, PAGE);
		assert_page(copy, 1, 3);
	}
	close(fd[0]);
	close(fd[1]);

	/* A child finds no data there, not wrong data. */
	child = fork();
	if (!child) {
		signal(SIGSEGV, SIG_DFL);
		_exit(*(volatile char *)p ? 1 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) > 2);
	assert_page(p, 1, 3);
	uzswap_destroy(u);
}

static void test_arguments(void **state)
{
	struct uzswap_options options = { .resident_bytes = 1000 };
	char message[200];
	struct uzswap *u;

	(void)state;
	assert_null(uzswap_create(&options, message, sizeof(message)));
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(message, "1 MiB"));
	u = create(MIB, MIB, 1, NULL, NULL);
	assert_null(uzswap_alloc(u, 0));
	assert_null(uzswap_alloc(u, SIZE_MAX));
	assert_null(uzswap_alloc(u, 257 * MIB)); /* max_bytes is 256 MiB */
	assert_int_equal(errno, ENOMEM);
	uzswap_free(u, NULL);
	uzswap_destroy(u);
	options.resident_bytes = MIB;
	options.zswap.budget_bytes = MIB;
	options.path = "/nowhere/at/all";
	assert_null(uzswap_create(&options, message, sizeof(message)));
	assert_non_null(strstr(message, "/nowhere/at/all"));
}

/* ---- a process that is different ------------------------------------------ */

/* All memory of the process is locked, except the regions. */
static void lock_all(int flags, bool before)
{
	const size_t limit = MIB, nr = 4 * limit / PAGE;
	struct uzswap_stats stats;
	struct uzswap *u;
	char *p;

	if (before && mlockall(flags)) {
		print_message("mlockall: %s\n", strerror(errno));
		skip();
	}
	u = create(limit, 64 * MIB, 1, NULL, NULL);
	p = uzswap_alloc(u, nr * PAGE);
	assert_non_null(p);
	assert_int_equal(resident_of(p, nr * PAGE), 0);
	if (!before) {
		for (size_t i = 0; i < limit / PAGE / 2; i++)
			make_page(p + i * PAGE, i, 3);
		if (mlockall(flags))
			skip();
	}
	for (size_t i = 0; i < nr; i++)
		make_page(p + i * PAGE, i, 3);
	for (size_t i = 0; i < nr; i++)
		assert_page(p + i * PAGE, i, 3);
	uzswap_stats(u, &stats);
	assert_int_equal(stats.store_errors, 0);
	assert_true(stats.resident_pages <= limit / PAGE);
	assert_int_equal(stats.resident_pages + stats.out_pages, nr);
	assert_true(resident_of(p, nr * PAGE) <= limit / PAGE);
	assert_int_equal(uzswap_pageout(u, p), 0);
	assert_int_equal(resident_of(p, nr * PAGE), 0);
	munlockall();
	uzswap_destroy(u);
}

static void test_locked_before(void **state)
{
	(void)state;
	lock_all(MCL_CURRENT | MCL_FUTURE, true);
}

static void test_locked_later(void **state)
{
	(void)state;
	lock_all(MCL_CURRENT, false);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

/* Standard streams are closed, in all combinations. No descriptor may take
 * their place, so that output does not get into the swap file. */
static int without_streams(unsigned int closed)
{
	struct uzswap_options options = {
		.resident_bytes = MIB,
		.max_bytes = 16 * MIB,
		.zswap = { .budget_bytes = MIB },
		.path = "/tmp",
	};
	char message[200];
	struct uzswap *u;
	int status = 0;

	for (int fd = 0; fd < 3; fd++)
		if (closed >> fd & 1)
			close(fd);
	u = uzswap_create(&options, message, sizeof(message));
	if (!u)
		return 1;
	for (int fd = 0; fd < 3; fd++)
		if (closed >> fd & 1 && is_open(fd))
			status = 2;
	uzswap_destroy(u);
	return status;
}

static void test_closed_streams(void **state)
{
	(void)state;
	if (not_permitted)
		skip();
	for (unsigned int closed = 1; closed < 8; closed++) {
		pid_t child = fork();
		int status;

		if (!child)
			_exit(without_streams(closed));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
}

/* ---- not permitted ------------------------------------------------------- */

#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

/* From now on there is no userfaultfd, also in programs that are executed. */
static int forbid_userfaultfd(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, USERFAULTFD_IOC_NEW, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void test_not_permitted(void **state)
{
	const struct uzswap_options options = {
		.resident_bytes = MIB,
		.zswap = { .budget_bytes = MIB },
	};
	char message[200];
	int status;
	pid_t child;

	(void)state;
	child = fork();
	if (!child) {
		if (forbid_userfaultfd())
			_exit(77);
		errno = 0;
		if (uzswap_create(&options, message, sizeof(message)))
			_exit(1);
		if (errno != EPERM)
			_exit(2);
		_exit(strcmp(message,
			     "userfaultfd is not permitted on this machine: Operation not permitted")
			      ? 3
			      : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_and_read),
		cmocka_unit_test(test_aging),
		cmocka_unit_test(test_freed_region),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_system_calls),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_locked_before),
		cmocka_unit_test(test_locked_later),
		cmocka_unit_test(test_closed_streams),
		cmocka_unit_test(test_not_permitted),
	};

	/* For the script: runs a program without userfaultfd. */
	if (argc > 2 && !strcmp(argv[1], "--without-userfaultfd")) {
		if (forbid_userfaultfd())
			return 77;
		execv(argv[2], argv + 2);
		return 127;
	}
	look_for_userfaultfd();
	return cmocka_run_group_tests_name("uzswap", tests, NULL, NULL);
}
