/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lockdep_life.c - compat's checked body: each rule of lockdep.h on what
 * may not happen under a lock (N4 to N6) is broken on purpose. Also: locks
 * without an order, what happens without a handler, and fork. Only in builds
 * with UZS_CHECKED.
 */
#undef UZS_LOCKS_OF_OTHERS
#define UZS_LOCKS_OF_OTHERS 0 /* the locks of these tests have an order */
#include "test_reports.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/lock.h"
#include "compat/os.h"
#include "compat/zone.h"

/* ---- N4: sleeping and allocating ----------------------------------------- */

static void test_sleep_under_a_spin_lock_is_reported(void **state)
{
	struct page page = { 0 };
	struct mutex mutex;
	spinlock_t spin;
	rwlock_t rw;
	pinlock_t pin;
	int taken, here;

	spin_lock_init(&spin);
	rwlock_init(&rw);
	mutex_init(&mutex);
	pinlock_init(&pin);
	might_sleep();
	AT(taken, spin_lock(&spin));
	AT(here, might_sleep());
	expect_report(UZS_REPORT_SLEEP, here, taken);
	AT(here, mutex_lock(&mutex));
	expect_report(UZS_REPORT_SLEEP, here, taken);
	mutex_unlock(&mutex);
	AT(here, lock_page(&page));
	expect_report(UZS_REPORT_SLEEP, here, taken);
	unlock_page(&page);
	/* Trying does not. */
	assert_true(mutex_trylock(&mutex));
	assert_true(trylock_page(&page));
	expect_no_report();
	spin_unlock(&spin);
	/* Under these one may. */
	might_sleep();
	expect_no_report();
	unlock_page(&page);
	mutex_unlock(&mutex);

	AT(taken, read_lock(&rw));
	AT(here, might_sleep());
	expect_report(UZS_REPORT_SLEEP, here, taken);
	read_unlock(&rw);
	AT(taken, write_lock(&rw));
	AT(here, might_sleep());
	expect_report(UZS_REPORT_SLEEP, here, taken);
	write_unlock(&rw);
	AT(taken, assert_true(pin_write_trylock(&pin)));
	AT(here, might_sleep());
	expect_report(UZS_REPORT_SLEEP, here, taken);
	pin_write_unlock(&pin);
}

/* A zone as a pool has it, without a pool. */
static struct zone *make_zone(void **mem)
{
	const struct zone_options o = { .page_shift = 12 };
	struct zone *zone = aligned_alloc(128, ALIGN(sizeof(*zone), 128ul));

	assert_non_null(zone);
	*mem = calloc(1, uzs_zone_bytes());
	assert_non_null(*mem);
	uzs_zone_init(zone, *mem, &o);
	return zone;
}

static void drop_zone(struct zone *zone, void *mem)
{
	assert_int_equal(uzs_zone_destroy(zone), 0);
	free(mem);
	free(zone);
}

static void test_allocation_under_a_spin_lock_is_reported(void **state)
{
	void *mem;
	struct zone *zone = make_zone(&mem);
	struct page *page;
	struct mutex mutex;
	spinlock_t spin;
	int taken;

	mutex_init(&mutex);
	lock_set_rank(&mutex.spin, 5);
	mutex_lock(&mutex);
	page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
	assert_non_null(page);
	__free_page(zone, page);
	mutex_unlock(&mutex);
	expect_no_report();

	/* Without a rank it is nobody's rule but that of sleeping. */
	spin_lock_init(&spin);
	AT(taken, spin_lock(&spin));
	page = alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE);
	assert_non_null(page);
	__free_page(zone, page);
	expect_no_report();
	page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
	assert_int_equal(seen.nr, 1);
	assert_int_equal(seen.report[0].kind, UZS_REPORT_SLEEP);
	assert_int_equal(seen.report[0].other.line, taken);
	seen.nr = 0;
	__free_page(zone, page);
	spin_unlock(&spin);

	lock_set_rank(&spin, 5);
	AT(taken, spin_lock(&spin));
	page = alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE);
	assert_int_equal(seen.nr, 1);
	assert_int_equal(seen.report[0].kind, UZS_REPORT_ALLOC);
	assert_string_equal(seen.report[0].here.file, "src/compat/zone.c");
	assert_place(&seen.report[0], &seen.report[0].other, __FILE__, taken);
	seen.nr = 0;
	__free_page(zone, page); /* giving back is allowed */
	spin_unlock(&spin);
	expect_no_report();
	drop_zone(zone, mem);
}

/* ---- N5: what goes away -------------------------------------------------- */

static int ends_holding;

static void *end_with_lock(void *arg)
{
	AT(ends_holding, spin_lock(arg));
	return NULL;
}

static void test_thread_that_ends_with_a_lock_is_reported(void **state)
{
	spinlock_t *spin = calloc(1, sizeof(*spin));
	struct seen_report *r;

	assert_non_null(spin);
	spin_lock_init(spin);
	in_thread(end_with_lock, spin);
	r = expect_report(UZS_REPORT_GONE, ends_holding, ends_holding);
	assert_says(r, "a thread ends");
	free(spin);
}

static void test_unmapped_lock_is_reported(void **state)
{
	size_t size = uzs_os_page_size();
	char *mem = uzs_os_map(size, size);
	spinlock_t *spin, other;
	int taken, again;

	assert_non_null(mem);
	spin = (spinlock_t *)(mem + size - sizeof(*spin));
	spin_lock_init(spin);
	spin_lock_init(&other);
	spin_lock(&other);
	AT(taken, spin_lock(spin));
	assert_true(uzs_os_unmap(mem, size));
	assert_int_equal(seen.nr, 1);
	assert_int_equal(seen.report[0].kind, UZS_REPORT_GONE);
	assert_string_equal(seen.report[0].here.file, "src/compat/os.c");
	assert_place(&seen.report[0], &seen.report[0].other, __FILE__, taken);
	seen.nr = 0;
	uzs_lockdep_forget(spin);
	/* The neighbour's is not meant. */
	spin_unlock(&other);
	expect_no_report();

	AT(taken, spin_lock(&other));
	AT(again, spin_lock_init(&other));
	expect_report(UZS_REPORT_GONE, again, taken);
	assert_false(uzs_holds(&other));
}

/* ---- N6: pages that are freed -------------------------------------------- */

static void test_forbidden_page_free_is_reported(void **state)
{
	void *mem;
	struct zone *zone = make_zone(&mem);
	struct page *page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
	struct seen_report *r;
	spinlock_t spin;
	int taken, here, forbidden;
	char text[256];

	assert_non_null(page);
	spin_lock_init(&spin);
	lock_set_rank(&spin, 7);
	AT(forbidden, uzs_forbid_page_free(7));
	AT(taken, spin_lock(&spin));
	AT(here, __free_page(zone, page));
	r = expect_report(UZS_REPORT_PAGE_FREE, here, taken);
	snprintf(text, sizeof(text), "ruled out at %s:%d", __FILE__, forbidden);
	assert_says(r, text);
	spin_unlock(&spin);

	/* Neither without that lock, nor when it is allowed again. */
	page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
	__free_page(zone, page);
	uzs_forbid_page_free(6);
	page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
	spin_lock(&spin);
	__free_page(zone, page);
	spin_unlock(&spin);
	uzs_forbid_page_free(0);
	page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
	spin_lock(&spin);
	__free_page(zone, page);
	spin_unlock(&spin);
	expect_no_report();
	drop_zone(zone, mem);
}

/* ---- locks out of order -------------------------------------------------- */

static void test_parked_locks_have_no_order(void **state)
{
	spinlock_t outer, inner;
	struct mutex mutex;
	int taken, here;

	spin_lock_init(&outer);
	lock_set_rank(&outer, 10);
	spin_lock_init(&inner);
	lock_set_rank(&inner, 20);
	mutex_init(&mutex);
	AT(taken, spin_lock(&inner));
	uzs_park_locks();
	spin_lock(&outer);
	spin_unlock(&outer);
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
	expect_no_report();
	/* It is held all the same. */
	assert_true(uzs_holds(&inner));
	AT(here, spin_lock(&inner));
	expect_report(UZS_REPORT_RECURSION, here, taken);
	spin_unlock(&inner);
	spin_unlock(&inner);
	/* What is taken anew has its place in the order. */
	AT(taken, spin_lock(&inner));
	AT(here, spin_lock(&outer));
	expect_report(UZS_REPORT_RANK, here, taken);
	spin_unlock(&outer);
	spin_unlock(&inner);
}

/* ---- without a handler --------------------------------------------------- */

static int abort_lines[2];

static void break_order(void)
{
	spinlock_t a, b;

	spin_lock_init(&a);
	lock_set_rank(&a, 2);
	spin_lock_init(&b);
	lock_set_rank(&b, 1);
	AT(abort_lines[0], spin_lock(&a));
	AT(abort_lines[1], spin_lock(&b));
	spin_unlock(&b);
	spin_unlock(&a);
}

/* The process ends, and says why, with both places. */
static void test_without_handler_it_aborts(void **state)
{
	char text[4096] = "", place[256];
	int status, fd[2];
	ssize_t n;
	pid_t pid;

	/* for the lines; reports are collected */
	uzs_set_report_handler(see_report, NULL);
	break_order();
	expect_report(UZS_REPORT_RANK, abort_lines[1], abort_lines[0]);

	uzs_set_report_handler(NULL, NULL);
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(fd[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		break_order();
		_exit(0);
	}
	close(fd[1]);
	for (size_t at = 0; at < sizeof(text) - 1; at += (size_t)n) {
		n = read(fd[0], text + at, sizeof(text) - 1 - at);
		if (n <= 0)
			break;
	}
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	for (int i = 0; i < 2; i++) {
		snprintf(place, sizeof(place), "%s:%d\n", __FILE__,
			 abort_lines[i]);
		assert_non_null(strstr(text, place));
	}
}

/* ---- fork ---------------------------------------------------------------- */

static spinlock_t fork_outer, fork_inner;

static void take_for_fork(void)
{
	spin_lock(&fork_outer);
	spin_lock(&fork_inner);
}

static void give_after_fork(void)
{
	spin_unlock(&fork_inner);
	spin_unlock(&fork_outer);
}

/* Handlers that take locks were set before lockdep's own, so they run while it
 * has its own lock; and what they take is new to it. */
static void test_fork_handlers_may_take_locks(void **state)
{
	int status;
	pid_t pid;

	spin_lock_init(&fork_outer);
	spin_lock_init(&fork_inner);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		bool ok = uzs_count_held(NULL) == 0;

		take_for_fork();
		ok = ok && uzs_count_held(NULL) == 2;
		give_after_fork();
		_exit(ok && !seen.nr ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	take_for_fork();
	give_after_fork();
	expect_no_report();
}

int main(void)
{
#define RULE(test) \
	cmocka_unit_test_setup_teardown(test, collect_reports, end_reports)
	const struct CMUnitTest tests[] = {
		RULE(test_fork_handlers_may_take_locks), /* the first */
		RULE(test_sleep_under_a_spin_lock_is_reported),
		RULE(test_allocation_under_a_spin_lock_is_reported),
		RULE(test_thread_that_ends_with_a_lock_is_reported),
		RULE(test_unmapped_lock_is_reported),
		RULE(test_forbidden_page_free_is_reported),
		RULE(test_parked_locks_have_no_order),
		RULE(test_without_handler_it_aborts),
	};

	alarm(60); /* nothing here takes long, but a deadlock */
	if (pthread_atfork(take_for_fork, give_after_fork, give_after_fork))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
