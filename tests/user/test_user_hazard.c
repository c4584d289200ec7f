/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_hazard.c - user/hazard.h, and its quick way in uzsmalloc.h: what a
 * thread has named is seen by others until it is dropped, by whomever; threads
 * have rows of their own; and who names an address before it looks is seen by
 * who tells before it looks.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* for test_system.h */
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/fault.h"
#include "compat/lock.h"
#include "user/hazard.h"
#include "test_system.h"
#include "test_util.h"

static zs_ref refs[16];
static struct uzs_hazard_table table;
static struct zs_pool_head_ head;
static char row_mem[1 << 16] __aligned(64);

static bool make_table(void)
{
	assert_true(uzs_hazards_bytes() <= sizeof(row_mem));
	memset(row_mem, 0, sizeof(row_mem));
	memset(&table, 0, sizeof(table));
	head = (struct zs_pool_head_){ .rows = (struct zs_row_ *)row_mem };
	/* Any words: what they name is not read. */
	for (unsigned int i = 0; i < ARRAY_SIZE(refs); i++)
		refs[i].word = 100 + i;
	return uzs_hazards_init(&table, row_mem);
}

/* For each test, so that the first thread that takes a row has it where the
 * quick way looks. */
static int setup(void **state)
{
	return make_table() ? 0 : -1;
}

static void *try_read(const zs_ref *ref)
{
	return zs_read_try_(&head, uzs_thread_id(), UZS_LOG_ROWS, ref);
}

static bool try_end(const zs_ref *ref)
{
	return zs_read_try_end_(&head, uzs_thread_id(), UZS_LOG_ROWS, ref);
}

/* Return: has the thread a row now? It had one, or has taken one. */
static bool take_row(void)
{
	return uzs_hazard_try_all(&table, &refs[0]) &&
	       uzs_hazard_drop(&table, &refs[0]);
}

static unsigned int nr_named(void)
{
	const void *const *places[1];

	return uzs_hazards_list(&table, places, 1);
}

static void *in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	return result;
}

/* ---- names --------------------------------------------------------------- */

static void test_named_until_dropped(void **state)
{
	const void *const *places[4] = { NULL };

	/* A thread without a row is told so by the quick way. */
	assert_null(try_read(&refs[0]));
	assert_false(try_end(&refs[0]));
	assert_non_null(uzs_hazard_try_all(&table, &refs[0]));
	assert_true(uzs_hazard_drop(&table, &refs[0]));
	assert_int_equal(nr_named(), 0);
	assert_non_null(try_read(&refs[0]));
	assert_true(uzs_hazards_has(&table, &refs[0]));
	assert_false(uzs_hazards_has(&table, &refs[1]));
	assert_int_equal(uzs_hazards_list(&table, places, 4), 1);
	assert_ptr_equal(*places[0], &refs[0]);
	assert_null(places[1]);
	assert_false(try_end(&refs[1]));
	assert_true(try_end(&refs[0]));
	assert_null(*places[0]);
	assert_false(uzs_hazards_has(&table, &refs[0]));
	assert_false(try_end(&refs[0]));
	assert_false(uzs_hazard_drop(&table, &refs[0]));
}

static void test_places_are_counted(void **state)
{
	const void *const *places[2];

	assert_true(take_row());
	for (unsigned int i = 0; i < UZS_HAZARDS; i++) {
		/* The first place only is for the quick way. */
		assert_int_equal(try_read(&refs[15]) != NULL, i == 0);
		assert_int_equal(try_end(&refs[15]), i == 0);
		assert_non_null(uzs_hazard_try_all(&table, &refs[i]));
	}
	assert_null(try_read(&refs[15]));
	assert_null(uzs_hazard_try_all(&table, &refs[15]));
	assert_false(uzs_hazards_has(&table, &refs[15]));
	/* More than there is room for are counted. */
	assert_int_equal(uzs_hazards_list(&table, places, 2), UZS_HAZARDS);
	/* The same one twice. */
	assert_true(uzs_hazard_drop(&table, &refs[2]));
	assert_non_null(uzs_hazard_try_all(&table, &refs[1]));
	assert_true(uzs_hazard_drop(&table, &refs[1]));
	assert_true(uzs_hazards_has(&table, &refs[1]));
	assert_true(uzs_hazard_drop(&table, &refs[1]));
	assert_false(uzs_hazards_has(&table, &refs[1]));
	assert_true(uzs_hazard_drop(&table, &refs[0]));
	assert_true(uzs_hazard_drop(&table, &refs[3]));
	assert_int_equal(nr_named(), 0);
}

static void test_a_place_is_withdrawn(void **state)
{
	const void **first = uzs_hazard_try_all(&table, &refs[1]);
	const void **second = uzs_hazard_try_all(&table, &refs[1]);

	assert_non_null(first);
	assert_non_null(second);
	assert_ptr_not_equal(first, second);
	assert_ptr_equal(*second, &refs[1]);
	smp_store_release(second, NULL);
	assert_true(uzs_hazards_has(&table, &refs[1]));
	assert_int_equal(nr_named(), 1);
	smp_store_release(first, NULL);
	assert_false(uzs_hazards_has(&table, &refs[1]));
}

/* ---- the quick way ------------------------------------------------------- */

static void test_address_of_data(void **state)
{
	const u64 low = ((u64)1 << 45) - 1, all = ~(u64)0;
	const u64 words[] = { 1,
			      low,
			      all,
			      0x123456789abc,
			      all << 45 | 1,
			      (u64)5 << 45 | 0x0fedcba98765 };

	assert_true(take_row());
	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
		refs[1].word = words[i];
		/* Above are pins, moving, and the class. */
		assert_int_equal((uintptr_t)try_read(&refs[1]),
				 ((words[i] & low) << 3) + 8);
		assert_true(try_end(&refs[1]));
		assert_true(refs[1].word == words[i]);
	}
}

static void test_word_that_names_nothing(void **state)
{
	assert_true(take_row());
	refs[1].word = 0;
	assert_null(try_read(&refs[1]));
	assert_int_equal(nr_named(), 0);
	assert_false(try_end(&refs[1]));
	/* The place is to be had again. */
	assert_non_null(try_read(&refs[2]));
	assert_true(try_end(&refs[2]));
}

static void test_slow_reads_touch_no_row(void **state)
{
	static char before[sizeof(row_mem)];

	assert_true(take_row());
	memcpy(before, row_mem, sizeof(row_mem));
	head.slow_reads = 1;
	assert_null(try_read(&refs[1]));
	assert_false(try_end(&refs[1]));
	assert_memory_equal(row_mem, before, sizeof(row_mem));
	head.slow_reads = 0;
	/* What was named before stays so until the other way drops it. */
	assert_non_null(try_read(&refs[1]));
	memcpy(before, row_mem, sizeof(row_mem));
	head.slow_reads = 2;
	assert_null(try_read(&refs[1]));
	assert_false(try_end(&refs[1]));
	assert_memory_equal(row_mem, before, sizeof(row_mem));
	assert_true(uzs_hazards_has(&table, &refs[1]));
	assert_true(uzs_hazard_drop(&table, &refs[1]));
	assert_int_equal(nr_named(), 0);
}

static void test_pool_without_rows(void **state)
{
	head = (struct zs_pool_head_){ .rows = NULL, .slow_reads = 1 };
	assert_null(try_read(&refs[0]));
	assert_false(try_end(&refs[0]));
}

/* ---- others -------------------------------------------------------------- */

static void *name_it(void *ref)
{
	/* It may have the row, and the places, of one that has ended. */
	return uzs_hazard_try_all(&table, ref) ? ref : NULL;
}

static bool end_other(const zs_ref *ref)
{
	bool ended;

	WRITE_ONCE(head.slow_reads, 1);
	uzs_hazards_share(&table);
	spin_lock(&table.lock);
	ended = uzs_hazard_end_other(&table, ref);
	spin_unlock(&table.lock);
	return ended;
}

static void *end_it(void *ref)
{
	return end_other(ref) ? ref : NULL;
}

static void test_another_thread_ends_a_use(void **state)
{
	assert_false(uzs_hazards_are_shared(&table));
	/* The first row, so that the quick way does. */
	assert_true(take_row());
	assert_non_null(in_thread(name_it, &refs[0]));
	assert_true(uzs_hazards_has(&table, &refs[0]));
	assert_non_null(try_read(&refs[0]));
	assert_non_null(uzs_hazard_try_all(&table, &refs[1]));
	/* Two uses are open; nobody's place is written. */
	assert_non_null(in_thread(end_it, &refs[0]));
	assert_int_equal(nr_named(), 3);
	assert_true(uzs_hazards_are_shared(&table));
	assert_false(uzs_hazards_share(&table));
	assert_true(uzs_hazards_has(&table, &refs[0]));
	/* The quick way does not count. */
	assert_false(try_end(&refs[0]));
	assert_true(uzs_hazard_drop(&table, &refs[0]));
	assert_false(uzs_hazards_has(&table, &refs[0]));
	assert_null(in_thread(end_it, &refs[0]));
	/* Ended by another thread: the own place is no use any more. */
	assert_non_null(in_thread(end_it, &refs[1]));
	assert_false(try_end(&refs[1]));
	assert_false(uzs_hazard_drop(&table, &refs[1]));
	assert_false(uzs_hazards_has(&table, &refs[1]));
	assert_null(in_thread(end_it, &refs[1]));
}

/* ---- whose row it is ----------------------------------------------------- */

static pthread_mutex_t hold = PTHREAD_MUTEX_INITIALIZER;

static void *tell_number(void *number)
{
	*(uintptr_t *)number = uzs_thread_id();
	return number;
}

static void test_thread_numbers(void **state)
{
	uintptr_t mine = uzs_thread_id(), other = mine;

	assert_true(mine != 0);
	assert_ptr_equal(in_thread(tell_number, &other), &other);
	assert_true(other != 0 && other != mine);
	assert_true(uzs_thread_id() == mine);
}

static void *drop_of_another(void *ref)
{
	return name_it(&refs[2]) && !uzs_hazard_drop(&table, ref) ? ref : NULL;
}

static void test_rows_are_of_one_thread(void **state)
{
	uintptr_t me = uzs_thread_id(), other = me;

	/* A number that is looked for first where the thread's own is. */
	do
		other++;
	while (zs_row_(&head, other, UZS_LOG_ROWS) !=
	       zs_row_(&head, me, UZS_LOG_ROWS));
	assert_true(take_row());
	assert_null(zs_read_try_(&head, other, UZS_LOG_ROWS, &refs[1]));
	assert_int_equal(nr_named(), 0);
	assert_non_null(try_read(&refs[1]));
	assert_false(zs_read_try_end_(&head, other, UZS_LOG_ROWS, &refs[1]));
	assert_non_null(in_thread(drop_of_another, &refs[1]));
	assert_true(uzs_hazards_has(&table, &refs[1]));
	assert_true(try_end(&refs[1]));
}

struct crowd {
	u32 arrived, named; /* atomic */
};

static void *name_and_wait(void *arg)
{
	struct crowd *c = arg;
	const zs_ref mine = { 1 };
	bool named = uzs_hazard_try_all(&table, &mine);

	__atomic_fetch_add(&c->named, named, __ATOMIC_RELAXED);
	__atomic_fetch_add(&c->arrived, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&hold);
	pthread_mutex_unlock(&hold);
	/* What was named is this thread's own until it says so. */
	if (named != uzs_hazards_has(&table, &mine) ||
	    named != uzs_hazard_drop(&table, &mine))
		return NULL;
	/* Without a row there is no quick way; with one, it may be at home. */
	if (try_read(&mine) && (!named || !try_end(&mine)))
		return NULL;
	return c;
}

static void test_more_threads_than_rows(void **state)
{
	enum { NR = 400 };
	static pthread_t threads[NR];
	struct crowd c = { 0 };
	unsigned int started = 0;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_mutex_lock(&hold);
	while (started < NR &&
	       !pthread_create(&threads[started], &attr, name_and_wait, &c))
		started++;
	while (READ_ONCE(c.arrived) < started)
		cond_resched();
	assert_int_equal(nr_named(), READ_ONCE(c.named));
	pthread_mutex_unlock(&hold);
	pthread_attr_destroy(&attr);
	for (unsigned int i = 0; i < started; i++) {
		void *result;

		pthread_join(threads[i], &result);
		assert_ptr_equal(result, &c);
	}
	assert_int_equal(nr_named(), 0);
	print_message("%u of %u threads had a row\n", c.named, started);
	/* Most rows are found: 4 places are looked at. */
	assert_true(c.named <= UZS_ROWS);
	assert_true(started < NR || c.named >= UZS_ROWS * 3 / 4);
}

/* ---- fork ---------------------------------------------------------------- */

static void *wait_named(void *ready)
{
	if (!uzs_hazard_try_all(&table, &refs[5]))
		return NULL;
	pthread_barrier_wait(ready);
	pthread_mutex_lock(&hold);
	pthread_mutex_unlock(&hold);
	uzs_hazard_drop(&table, &refs[5]);
	return NULL;
}

static int child(uintptr_t parent)
{
	if (uzs_thread_id() != parent)
		return 5;
	uzs_hazards_fork_child(&table);
	/* Rows of threads that are not here are free. */
	for (unsigned int i = 0; i < UZS_ROWS; i++)
		if (table.rows[i].owner &&
		    table.rows[i].owner != uzs_thread_id())
			return 4;
	/* What this thread has named, and what another one has. */
	if (!try_end(&refs[3]) || !uzs_hazard_drop(&table, &refs[4]) ||
	    !uzs_hazards_has(&table, &refs[5]) || !end_other(&refs[5]) ||
	    uzs_hazards_has(&table, &refs[5]))
		return 1;
	if (!uzs_hazards_settle())
		return 2;
	/* TSan allows no thread here. */
	if (!UNDER_TSAN && !in_thread(name_it, &refs[6]))
		return 3;
	return 0;
}

static void test_fork(void **state)
{
	static pthread_barrier_t ready;
	uintptr_t parent = uzs_thread_id();
	pthread_t thread;
	int status;
	pid_t pid;

	assert_true(take_row());
	pthread_barrier_init(&ready, NULL, 2);
	pthread_mutex_lock(&hold);
	assert_int_equal(pthread_create(&thread, NULL, wait_named, &ready), 0);
	pthread_barrier_wait(&ready);
	assert_non_null(try_read(&refs[3]));
	assert_non_null(uzs_hazard_try_all(&table, &refs[4]));
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(child(parent));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(uzs_hazards_has(&table, &refs[5]));
	pthread_mutex_unlock(&hold);
	pthread_join(thread, NULL);
	assert_true(try_end(&refs[3]));
	assert_true(uzs_hazard_drop(&table, &refs[4]));
	assert_int_equal(nr_named(), 0);
}

/* ---- the order ----------------------------------------------------------- */

struct pair {
	u32 round, ack; /* atomic */
	unsigned long used; /* rounds in which the thread went on */
	unsigned int rounds;
	const void **place; /* where the thread names; NULL: not quickly */
	bool lost; /* a name was gone before its end */
};

static void wait_for(const u32 *word, u32 value)
{
	while (smp_load_acquire(word) != value)
		cond_resched();
}

static u32 wait_for_ack(const struct pair *p)
{
	u32 ack;

	while (!(ack = smp_load_acquire(&p->ack)))
		cond_resched();
	return ack;
}

/* In each round: names a ref, then looks whether the other side is busy. */
static void *use_refs(void *arg)
{
	struct pair *p = arg;

	if (take_row() && try_read(&refs[0]) && try_end(&refs[0]))
		p->place = zs_row_(&head, uzs_thread_id(), UZS_LOG_ROWS)->names;
	smp_store_release(&p->ack, 1);
	wait_for(&p->ack, 0);
	for (u32 round = 1; round <= p->rounds; round++) {
		const zs_ref *ref = &refs[round % ARRAY_SIZE(refs)];
		bool used;

		while (READ_ONCE(p->round) != round)
			if (round % 64 == 0)
				cond_resched();
		used = try_read(ref);
		p->used += used;
		/* 2: it goes on with the ref until the round ends. */
		smp_store_release(&p->ack, used ? 2 : 1);
		wait_for(&p->ack, 0);
		/* The other side may be in the next round, and busy. */
		if (used && !try_end(ref) && !uzs_hazard_drop(&table, ref))
			p->lost = true;
	}
	return p;
}

/* Without the barrier both sides' stores may come after both sides' loads, and
 * each goes on. */
static void test_who_goes_on_is_seen(void **state)
{
	static struct pair p; /* the thread has it, also if this fails */
	pthread_t thread;
	struct rng rng;
	void *result;

	rng_seed(&rng, 3);
	p.rounds = (unsigned)uzs_test_scale(20000);
	assert_int_equal(pthread_create(&thread, NULL, use_refs, &p), 0);
	wait_for_ack(&p);
	assert_non_null(p.place);
	smp_store_release(&p.ack, 0);
	for (u32 round = 1; round <= p.rounds; round++) {
		const zs_ref *ref = &refs[round % ARRAY_SIZE(refs)];
		bool seen, goes_on;

		WRITE_ONCE(p.round, round);
		/* Not always at the same time. */
		for (u32 i = rng_below(&rng, UNDER_TSAN ? 6000 : 600); i > 0; i--)
			barrier();
		WRITE_ONCE(head.slow_reads, 1);
		assert_true(uzs_hazards_settle());
		/* A look at all places would come too late to fail. */
		seen = smp_load_acquire(p.place) == ref;
		goes_on = wait_for_ack(&p) == 2;
		assert_true(seen || !goes_on);
		/* If it does not, what it has named is withdrawn. */
		assert_int_equal(uzs_hazards_has(&table, ref), goes_on);
		WRITE_ONCE(head.slow_reads, 0);
		smp_store_release(&p.ack, 0);
	}
	pthread_join(thread, &result);
	assert_ptr_equal(result, &p);
	assert_false(p.lost);
	assert_int_equal(nr_named(), 0);
	print_message("%lu of %u rounds went on\n", p.used, p.rounds);
}

static void test_no_barrier_is_told(void **state)
{
	uzs_fault_set(UZS_FAULT_BARRIER, 1);
	assert_false(uzs_hazards_settle());
	assert_true(uzs_hazards_settle());
	/* What was handed over is seen without: sharing does not need it. */
	assert_non_null(uzs_hazard_try_all(&table, &refs[1]));
	uzs_fault_set(UZS_FAULT_BARRIER, 1);
	assert_non_null(in_thread(end_it, &refs[1]));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_BARRIER), 1);
	uzs_fault_set(UZS_FAULT_BARRIER, 0);
	assert_false(uzs_hazards_has(&table, &refs[1]));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_named_until_dropped),
		TEST(test_places_are_counted),
		TEST(test_a_place_is_withdrawn),
		TEST(test_address_of_data),
		TEST(test_word_that_names_nothing),
		TEST(test_slow_reads_touch_no_row),
		TEST(test_pool_without_rows),
		TEST(test_another_thread_ends_a_use),
		TEST(test_thread_numbers),
		TEST(test_rows_are_of_one_thread),
		TEST(test_more_threads_than_rows),
		TEST(test_fork),
		TEST(test_who_goes_on_is_seen),
		TEST(test_no_barrier_is_told),
	};

	if (!make_table()) {
		print_message("this system has no membarrier\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
