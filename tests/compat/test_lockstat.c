/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lockstat.c - compat's checked body: the statistics of locks are exact
 * to the nanosecond of a clock that the test sets. Only in builds with
 * UZS_CHECKED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/lock.h"
#include "compat/checked/lockstat.h"
#include "compat/zone.h"

static u64 now_ns; /* atomic */

static u64 test_clock(void)
{
	return __atomic_load_n(&now_ns, __ATOMIC_ACQUIRE);
}

static void pass(u64 ns)
{
	__atomic_fetch_add(&now_ns, ns, __ATOMIC_ACQ_REL);
}

static int start(void **state)
{
	uzs_lockstat_set_clock(test_clock);
	uzs_lockstat_reset();
	return 0;
}

static int stop(void **state)
{
	uzs_lockstat_set_clock(NULL);
	return 0;
}

static struct uzs_lockstat get(const char *name, bool reader)
{
	struct uzs_lockstat s;

	assert_true(uzs_lockstat_get(name, reader, &s));
	return s;
}

/* All of a histogram but one bucket is empty. */
static void assert_only_bucket(const u32 *buckets, unsigned int b, u32 n)
{
	for (unsigned int i = 0; i < UZS_LOCKSTAT_BUCKETS; i++)
		assert_int_equal(buckets[i], i == b ? n : 0);
}

/* ---- holding ------------------------------------------------------------- */

static void test_hold_is_counted_to_the_ns(void **state)
{
	struct uzs_lockstat s;
	spinlock_t spin_hold;

	spin_lock_init(&spin_hold);
	s = get("spin_hold", false);
	assert_int_equal(s.taken, 0);
	for (unsigned int ns = 1; ns <= 1000; ns *= 10) {
		spin_lock(&spin_hold);
		pass(ns);
		spin_unlock(&spin_hold);
		pass(77); /* not held */
	}
	s = get("spin_hold", false);
	assert_int_equal(s.taken, 4);
	assert_int_equal(s.contended, 0);
	assert_int_equal(s.tries_failed, 0);
	assert_int_equal(s.hold_ns, 1111);
	assert_int_equal(s.hold_ns_max, 1000);
	assert_int_equal(s.wait_ns, 0);
	for (unsigned int b = 0; b < UZS_LOCKSTAT_BUCKETS; b++) {
		/* 1; 8 to 15; 64 to 127; 512 to 1023 */
		assert_int_equal(s.hold[b],
				 b == 0 || b == 3 || b == 6 || b == 9);
		assert_int_equal(s.wait[b], 0);
	}
	/* Not the readers of a lock that has none. */
	assert_int_equal(get("spin_hold", true).taken, 0);
	assert_false(uzs_lockstat_get("no such lock", false, &s));
}

/* The edges of buckets, and what is longer than all of them. */
static void test_buckets_have_exact_edges(void **state)
{
	static const struct {
		u64 ns;
		unsigned int bucket;
	} times[] = {
		{ 0, 0 },
		{ 1, 0 },
		{ 2, 1 },
		{ 3, 1 },
		{ 4, 2 },
		{ 1023, 9 },
		{ 1024, 10 },
		{ (u64)1 << 39, 39 },
		{ (u64)1 << 40, 39 },
		{ (u64)1 << 62, 39 },
	};
	spinlock_t spin_bucket;

	spin_lock_init(&spin_bucket);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct uzs_lockstat s;

		uzs_lockstat_reset();
		spin_lock(&spin_bucket);
		pass(times[i].ns);
		spin_unlock(&spin_bucket);
		s = get("spin_bucket", false);
		assert_only_bucket(s.hold, times[i].bucket, 1);
		assert_true(s.hold_ns == times[i].ns);
		assert_true(s.hold_ns_max == times[i].ns);
	}
}

/* Of each kind of lock, readers apart from writers. */
static void test_each_kind_of_lock_is_counted(void **state)
{
	struct page page = { 0 };
	struct mutex mutex_kind;
	struct uzs_lockstat s;
	pinlock_t pin;
	rwlock_t rw_kind;

	mutex_init(&mutex_kind);
	rwlock_init(&rw_kind);
	pinlock_init(&pin);

	mutex_lock(&mutex_kind);
	pass(5);
	mutex_unlock(&mutex_kind);
	assert_int_equal(get("mutex_kind", false).hold_ns, 5);

	read_lock(&rw_kind);
	pass(10);
	read_unlock(&rw_kind);
	assert_true(read_trylock(&rw_kind));
	pass(20);
	read_unlock(&rw_kind);
	write_lock(&rw_kind);
	pass(40);
	write_unlock(&rw_kind);
	s = get("rw_kind", true);
	assert_int_equal(s.taken, 2);
	assert_int_equal(s.hold_ns, 30);
	s = get("rw_kind", false);
	assert_int_equal(s.taken, 1);
	assert_int_equal(s.hold_ns, 40);

	lock_page(&page);
	pass(7);
	unlock_page(&page);
	assert_int_equal(get("page lock", false).hold_ns, 7);

	pin_read_lock(&pin);
	pin_read_unlock(&pin);
	assert_true(pin_write_trylock(&pin));
	pass(3);
	pin_write_unlock(&pin);
	assert_int_equal(get("pinlock", true).taken, 1);
	assert_int_equal(get("pinlock", false).taken, 1);
	assert_int_equal(get("pinlock", false).hold_ns, 3);
}

/* Several locks held at once, given back in another order. */
static void test_overlapping_holds_are_told_apart(void **state)
{
	spinlock_t first_lock, second_lock;

	spin_lock_init(&first_lock);
	spin_lock_init(&second_lock);
	spin_lock(&first_lock);
	pass(1);
	spin_lock(&second_lock);
	pass(10);
	spin_unlock(&first_lock);
	pass(100);
	spin_unlock(&second_lock);
	assert_int_equal(get("first_lock", false).hold_ns, 11);
	assert_int_equal(get("second_lock", false).hold_ns, 110);
}

/* ---- trying -------------------------------------------------------------- */

static void test_tries_are_counted(void **state)
{
	struct page page = { 0 };
	spinlock_t spin_tried;
	struct uzs_lockstat s;
	rwlock_t rw_tried;

	spin_lock_init(&spin_tried);
	assert_true(spin_trylock(&spin_tried));
	for (int i = 0; i < 3; i++)
		assert_false(spin_trylock(&spin_tried));
	pass(9);
	spin_unlock(&spin_tried);
	s = get("spin_tried", false);
	assert_int_equal(s.taken, 1);
	assert_int_equal(s.tries_failed, 3);
	assert_int_equal(s.contended, 0); /* nobody waited */
	assert_int_equal(s.hold_ns, 9);

	rwlock_init(&rw_tried);
	write_lock(&rw_tried);
	assert_false(read_trylock(&rw_tried));
	assert_false(write_trylock(&rw_tried));
	write_unlock(&rw_tried);
	assert_int_equal(get("rw_tried", true).tries_failed, 1);
	assert_int_equal(get("rw_tried", false).tries_failed, 1);

	assert_true(trylock_page(&page));
	assert_false(trylock_page(&page));
	unlock_page(&page);
	assert_int_equal(get("page lock", false).tries_failed, 1);
}

/* ---- waiting ------------------------------------------------------------- */

static spinlock_t spin_waited;
static rwlock_t rw_waited;
static pinlock_t pin_waited;

static void *wait_spin(void *arg)
{
	spin_lock(&spin_waited);
	spin_unlock(&spin_waited);
	return NULL;
}

static void *wait_read(void *arg)
{
	read_lock(&rw_waited);
	read_unlock(&rw_waited);
	return NULL;
}

static void *wait_write(void *arg)
{
	write_lock(&rw_waited);
	write_unlock(&rw_waited);
	return NULL;
}

static void *wait_pin(void *arg)
{
	pin_read_lock(&pin_waited);
	pin_read_unlock(&pin_waited);
	return NULL;
}

static pthread_t begin(void *(*fn)(void *arg))
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, NULL), 0);
	return thread;
}

static void until(u32 *word, u32 bits)
{
	while (!(__atomic_load_n(word, __ATOMIC_ACQUIRE) & bits))
		sched_yield();
}

/* A waiter sleeps: it has looked at the clock. It waits until the lock is
 * given back, and no longer: then time stands still again. */
static void test_wait_is_counted(void **state)
{
	struct uzs_lockstat s;
	pthread_t thread;

	spin_lock_init(&spin_waited);
	spin_lock(&spin_waited);
	pass(50);
	thread = begin(wait_spin);
	until(&spin_waited.word, UZS_SPIN_WAITERS);
	pass(700);
	spin_unlock(&spin_waited);
	assert_int_equal(pthread_join(thread, NULL), 0);
	s = get("spin_waited", false);
	assert_int_equal(s.taken, 2);
	assert_int_equal(s.contended, 1);
	assert_int_equal(s.wait_ns, 700);
	assert_int_equal(s.wait_ns_max, 700);
	assert_only_bucket(s.wait, 9, 1);
	assert_int_equal(s.hold_ns, 750);

	rwlock_init(&rw_waited);
	write_lock(&rw_waited);
	thread = begin(wait_read);
	until(&rw_waited.word, UZS_RW_READERS_WAIT);
	pass(20);
	write_unlock(&rw_waited);
	assert_int_equal(pthread_join(thread, NULL), 0);
	read_lock(&rw_waited);
	thread = begin(wait_write);
	until(&rw_waited.word, UZS_RW_WRITERS_WAIT);
	pass(30);
	read_unlock(&rw_waited);
	assert_int_equal(pthread_join(thread, NULL), 0);
	s = get("rw_waited", true);
	assert_int_equal(s.taken, 2);
	assert_int_equal(s.contended, 1);
	assert_int_equal(s.wait_ns, 20);
	assert_int_equal(s.hold_ns, 30);
	s = get("rw_waited", false);
	assert_int_equal(s.taken, 2);
	assert_int_equal(s.contended, 1);
	assert_int_equal(s.wait_ns, 30);
	assert_int_equal(s.hold_ns, 20);

	pinlock_init(&pin_waited);
	assert_true(pin_write_trylock(&pin_waited));
	thread = begin(wait_pin);
	until(&pin_waited.word, UZS_PIN_WAITERS);
	pass(90);
	pin_write_unlock(&pin_waited);
	assert_int_equal(pthread_join(thread, NULL), 0);
	s = get("pinlock", true);
	assert_int_equal(s.contended, 1);
	assert_int_equal(s.wait_ns, 90);
}

/* ---- all classes --------------------------------------------------------- */

/* Two places that initialize make two classes, also of one name. */
static void test_each_place_is_a_class(void **state)
{
	struct uzs_lockstat s;
	spinlock_t twice;

	spin_lock_init(&twice);
	spin_lock(&twice);
	pass(1);
	spin_unlock(&twice);
	spin_lock_init(&twice);
	spin_lock(&twice);
	pass(2);
	spin_unlock(&twice);
	s = get("twice", false);
	assert_int_equal(s.taken, 2);
	assert_int_equal(s.hold_ns, 3);
	assert_int_equal(s.hold_ns_max, 2);
	uzs_lockstat_reset();
	s = get("twice", false);
	assert_int_equal(s.taken, 0);
	assert_int_equal(s.hold_ns, 0);
	assert_int_equal(s.hold_ns_max, 0);
	assert_only_bucket(s.hold, 0, 0);
}

/* Held over a reset: counts when it is given back. */
static void test_hold_over_a_reset_counts_after_it(void **state)
{
	struct uzs_lockstat s;
	spinlock_t over_reset;

	spin_lock_init(&over_reset);
	spin_lock(&over_reset);
	pass(4);
	uzs_lockstat_reset();
	pass(4);
	spin_unlock(&over_reset);
	s = get("over_reset", false);
	assert_int_equal(s.taken, 0);
	assert_int_equal(s.hold_ns, 8);
}

static void test_table_is_printed(void **state)
{
	spinlock_t never_taken, printed;
	char *text = NULL, *line, name[64];
	int init;
	size_t size;
	FILE *out;
	unsigned long long n[7];

	spin_lock_init(&never_taken);
	init = __LINE__ + 1;
	spin_lock_init(&printed);
	for (int i = 0; i < 2; i++) {
		spin_lock(&printed);
		assert_false(spin_trylock(&printed));
		pass(3000);
		spin_unlock(&printed);
	}
	out = open_memstream(&text, &size);
	assert_non_null(out);
	uzs_lockstat_print(out);
	assert_int_equal(fclose(out), 0);
	assert_null(strstr(text, "never_taken"));
	snprintf(name, sizeof(name), "printed (%s:%d)", __FILE__, init);
	line = strstr(text, name);
	if (!line)
		fail_msg("%s is not in\n%s", name, text);
	assert_int_equal(sscanf(line + strlen(name),
				"%llu %llu %llu %llu %llu %llu %llu", &n[0],
				&n[1], &n[2], &n[3], &n[4], &n[5], &n[6]),
			 7);
	assert_int_equal(n[0], 2);
	assert_int_equal(n[1], 0);
	assert_int_equal(n[2], 2);
	assert_int_equal(n[3], 0);
	assert_int_equal(n[4], 0);
	assert_int_equal(n[5], 6000);
	assert_int_equal(n[6], 3000);
	/* 2048 to 4095 ns, twice */
	assert_non_null(strstr(line, "\n  hold  2us:2\n"));
	free(text);
}

/* Any program: to a file, when it ends. */
static void test_table_is_written_when_a_program_ends(void **state)
{
	char path[] = "/tmp/uzs-lockstat-XXXXXX", text[4096] = "";
	int status, fd = mkstemp(path);
	pid_t pid;

	assert_true(fd >= 0);
	fflush(NULL); /* else what is buffered is written twice */
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		spinlock_t of_child;

		spin_lock_init(&of_child);
		spin_lock(&of_child);
		spin_unlock(&of_child);
		setenv("UZS_LOCKSTAT", path, 1);
		exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	unlink(path);
	assert_int_equal(strncmp(text, "lock ", 5), 0);
	assert_non_null(strstr(text, "\nof_child ("));
}

/* The real clock goes on. */
static void test_real_clock_goes_on(void **state)
{
	spinlock_t really;
	u64 before;

	uzs_lockstat_set_clock(NULL);
	spin_lock_init(&really);
	before = uzs_lockstat_now();
	spin_lock(&really);
	while (uzs_lockstat_now() < before + 1000)
		;
	spin_unlock(&really);
	assert_true(get("really", false).hold_ns > 0);
	assert_true(get("really", false).hold_ns <=
		    uzs_lockstat_now() - before);
}

int main(void)
{
#define STAT(test) cmocka_unit_test_setup_teardown(test, start, stop)
	const struct CMUnitTest tests[] = {
		STAT(test_hold_is_counted_to_the_ns),
		STAT(test_buckets_have_exact_edges),
		STAT(test_each_kind_of_lock_is_counted),
		STAT(test_overlapping_holds_are_told_apart),
		STAT(test_tries_are_counted),
		STAT(test_wait_is_counted),
		STAT(test_each_place_is_a_class),
		STAT(test_hold_over_a_reset_counts_after_it),
		STAT(test_table_is_printed),
		STAT(test_table_is_written_when_a_program_ends),
		STAT(test_real_clock_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
