/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_hazard.c - user/hazard.h, and its quick way in uzsmalloc.h: what a
 * thread has named is seen by others until it is dropped, by whomever; threads
 * have rows of their own; what is noted is what is named; and a reader names, then
 * looks, a mover tells, then looks: one sees the other.
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
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/fault.h"
#include "compat/lock.h"
#include "user/hazard.h"
#include "test_system.h"
#include "test_util.h"

/* What lies at a pool's beginning, as far as hazards know it. */
struct table_mem {
	struct zs_row_ rows[UZS_ROWS];
	struct zs_pool_head_ head;
};

static zs_ref refs[16];
static struct uzs_hazard_table table;
static struct zs_pool_head_ *head;
static struct zs_pool *pool; /* begins with it */
static struct table_mem static_mem __aligned(64);
static char ended[1 << 16] __aligned(64);

static bool make_table(struct table_mem *mem)
{
	assert_true(uzs_hazards_bytes() <= sizeof(ended));
	memset(mem, 0, sizeof(*mem));
	memset(ended, 0x5a, sizeof(ended));
	head = &mem->head;
	pool = (struct zs_pool *)(void *)head;
	/* Any words: what they name is not read. */
	for (unsigned int i = 0; i < ARRAY_SIZE(refs); i++)
		refs[i].word = 100 + i;
	uzs_hazards_init(&table, pool, true, ended);
	return uzs_os_barrier_register();
}

/* Threads that wait for others wait for this. */
static pthread_mutex_t hold = PTHREAD_MUTEX_INITIALIZER;
static bool held;

static void hold_threads(void)
{
	pthread_mutex_lock(&hold);
	held = true;
}

static void let_threads_go(void)
{
	held = false;
	pthread_mutex_unlock(&hold);
}

/* For each test, so that the first thread that takes a row has it where the
 * quick way looks. */
static int setup(void **state)
{
	if (held) /* a test has failed */
		let_threads_go();
	return make_table(&static_mem) ? 0 : -1;
}

static void *try_read(const zs_ref *ref)
{
	uintptr_t me = uzs_thread_id();
	uint64_t word = zs_read_try_(pool, me, UZS_LOG_ROWS, me, ref);

	return word ? zs_data_(word) : NULL;
}

static bool try_end(const zs_ref *ref)
{
	return zs_read_try_end_(pool, uzs_thread_id(), UZS_LOG_ROWS, ref);
}

/* Return: has the thread a row now? It had one, or has taken one. */
static bool take_row(void)
{
	return uzs_hazard_try_all(&table, &refs[0]) &&
	       uzs_hazard_drop(&table, &refs[0]);
}

/* Where the thread's row is looked for first. */
static struct zs_row_ *home(void)
{
	return zs_home_row_(pool, uzs_thread_id(), UZS_LOG_ROWS);
}

/* A number that is looked for first where this thread's is. */
static uintptr_t neighbour(void)
{
	uintptr_t number = uzs_thread_id();

	do
		number++;
	while (zs_home_row_(pool, number, UZS_LOG_ROWS) != home());
	return number;
}

/* Return: places that name something. What is noted has to agree. */
static unsigned int nr_named(void)
{
	struct noted_reads noted;
	unsigned int n = 0;

	uzs_hazards_note(&table, &noted);
	for (unsigned int i = 0; i < UZS_ROWS; i++)
		for (unsigned int j = 0; j < UZS_HAZARDS; j++) {
			const struct zs_row_ *row = &table.rows[i];
			uintptr_t name = READ_ONCE(row->names[j]);

			if (!name ||
			    (j == 0 &&
			     name == uzs_hazard_idle(READ_ONCE(row->owner),
						     table.quick)))
				continue;
			n++;
			assert_true(uzs_hazard_is_noted(&noted, (void *)name));
		}
	if (!n)
		for (unsigned int i = 0; i < ARRAY_SIZE(noted.bits); i++)
			assert_int_equal(noted.bits[i], 0);
	return n;
}

/* Return: rows that have an owner. */
static unsigned int nr_rows(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < UZS_ROWS; i++)
		n += READ_ONCE(table.rows[i].owner) != 0;
	return n;
}

/* Nobody names anything; a look at what is there, too. */
static void assert_rows_are_empty(void)
{
	assert_int_equal(nr_named(), 0);
	for (unsigned int i = 0; i < UZS_ROWS; i++) {
		const struct zs_row_ *row = &table.rows[i];

		assert_true(smp_load_acquire(&row->names[0]) ==
			    READ_ONCE(row->owner));
		for (unsigned int j = 1; j < UZS_HAZARDS; j++)
			assert_true(READ_ONCE(row->names[j]) == 0);
	}
}

static void *in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	return result;
}

/* A thread that has a row until let_threads_go. */
struct holder {
	pthread_t thread;
	pthread_barrier_t ready;
	const zs_ref *ref; /* that it names; NULL: none */
	bool has_row;
};

static void *have_row(void *arg)
{
	struct holder *h = arg;

	h->has_row = h->ref ? uzs_hazard_try_all(&table, h->ref) != NULL
			    : take_row();
	pthread_barrier_wait(&h->ready);
	pthread_mutex_lock(&hold);
	pthread_mutex_unlock(&hold);
	/* The place is its own, whoever has ended the use. */
	return !h->ref || uzs_hazard_drop(&table, h->ref) ? h : NULL;
}

/* After hold_threads. */
static void start_holder(struct holder *h, const zs_ref *ref)
{
	h->ref = ref;
	pthread_barrier_init(&h->ready, NULL, 2);
	assert_int_equal(pthread_create(&h->thread, NULL, have_row, h), 0);
	pthread_barrier_wait(&h->ready);
	assert_true(h->has_row);
}

/* After let_threads_go. */
static void join_holder(struct holder *h)
{
	void *result;

	assert_int_equal(pthread_join(h->thread, &result), 0);
	assert_ptr_equal(result, h);
	pthread_barrier_destroy(&h->ready);
}

/* ---- names --------------------------------------------------------------- */

static void test_named_until_dropped(void **state)
{
	struct noted_reads noted;

	/* A thread without a row is told so by the quick way. */
	assert_null(try_read(&refs[0]));
	assert_false(try_end(&refs[0]));
	assert_int_equal(nr_rows(), 0);
	assert_ptr_equal(uzs_hazard_try_all(&table, &refs[0]),
			 &home()->names[0]);
	assert_true(uzs_hazard_drop(&table, &refs[0]));
	assert_rows_are_empty();
	assert_int_equal(nr_rows(), 1);
	assert_non_null(try_read(&refs[0]));
	assert_true(uzs_hazards_has(&table, &refs[0]));
	assert_false(uzs_hazards_has(&table, &refs[1]));
	uzs_hazards_note(&table, &noted);
	assert_int_equal(nr_named(), 1);
	assert_true(uzs_hazard_is_noted(&noted, &refs[0]));
	assert_true(home()->names[0] == (uintptr_t)&refs[0]);
	assert_false(try_end(&refs[1]));
	assert_true(try_end(&refs[0]));
	assert_true(home()->names[0] == uzs_thread_id());
	assert_false(uzs_hazards_has(&table, &refs[0]));
	assert_false(try_end(&refs[0]));
	assert_false(uzs_hazard_drop(&table, &refs[0]));
	assert_rows_are_empty();
}

static void test_places_are_counted(void **state)
{
	struct noted_reads noted;

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
	uzs_hazards_note(&table, &noted);
	assert_int_equal(nr_named(), UZS_HAZARDS);
	for (unsigned int i = 0; i < UZS_HAZARDS; i++)
		assert_true(uzs_hazard_is_noted(&noted, &refs[i]));
	/* The same one twice. */
	assert_true(uzs_hazard_drop(&table, &refs[2]));
	assert_non_null(uzs_hazard_try_all(&table, &refs[1]));
	assert_true(uzs_hazard_drop(&table, &refs[1]));
	assert_true(uzs_hazards_has(&table, &refs[1]));
	assert_true(uzs_hazard_drop(&table, &refs[1]));
	assert_false(uzs_hazards_has(&table, &refs[1]));
	assert_true(uzs_hazard_drop(&table, &refs[0]));
	assert_true(uzs_hazard_drop(&table, &refs[3]));
	assert_rows_are_empty();
}

static void test_a_place_is_withdrawn(void **state)
{
	uintptr_t *first = uzs_hazard_try_all(&table, &refs[1]);
	uintptr_t *second = uzs_hazard_try_all(&table, &refs[1]);

	assert_non_null(first);
	assert_non_null(second);
	assert_ptr_not_equal(first, second);
	assert_true(*second == (uintptr_t)&refs[1]);
	uzs_hazard_withdraw(&table, second);
	assert_true(*second == 0);
	assert_true(*first == (uintptr_t)&refs[1]);
	assert_true(uzs_hazards_has(&table, &refs[1]));
	assert_int_equal(nr_named(), 1);
	uzs_hazard_withdraw(&table, first);
	assert_true(*first == uzs_thread_id());
	assert_false(uzs_hazards_has(&table, &refs[1]));
	assert_rows_are_empty();
	/* Both are to be had again, the first by the quick way. */
	assert_non_null(try_read(&refs[2]));
	assert_ptr_equal(uzs_hazard_try_all(&table, &refs[2]), second);
}

/* They hold their owners' numbers. */
static void test_free_first_places_are_not_listed(void **state)
{
	static struct holder others[8];

	assert_true(take_row());
	hold_threads();
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++)
		start_holder(&others[i], NULL);
	assert_int_equal(nr_rows(), 1 + ARRAY_SIZE(others));
	assert_rows_are_empty();
	assert_non_null(try_read(&refs[1]));
	assert_int_equal(nr_named(), 1);
	assert_true(home()->names[0] == (uintptr_t)&refs[1]);
	/* Another place of a row of which the first is free. */
	assert_non_null(uzs_hazard_try_all(&table, &refs[2]));
	assert_true(try_end(&refs[1]));
	assert_int_equal(nr_named(), 1);
	assert_true(home()->names[1] == (uintptr_t)&refs[2]);
	assert_true(uzs_hazard_drop(&table, &refs[2]));
	let_threads_go();
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++)
		join_holder(&others[i]);
	/* Nor those of threads that have ended. */
	assert_int_equal(nr_rows(), 1 + ARRAY_SIZE(others));
	assert_rows_are_empty();
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
	assert_rows_are_empty();
	assert_false(try_end(&refs[1]));
	/* The place is to be had again. */
	assert_non_null(try_read(&refs[2]));
	assert_true(try_end(&refs[2]));
}

static void test_slow_reads_leave_rows_alone(void **state)
{
	static struct zs_row_ before[UZS_ROWS];

	assert_true(take_row());
	memcpy(before, table.rows, sizeof(before));
	head->slow_reads = 1;
	/* What it names meanwhile it takes back. */
	assert_null(try_read(&refs[1]));
	assert_false(try_end(&refs[1]));
	assert_memory_equal(table.rows, before, sizeof(before));
	head->slow_reads = 0;
	/* What was named before stays so until it is ended. */
	assert_non_null(try_read(&refs[1]));
	memcpy(before, table.rows, sizeof(before));
	head->slow_reads = 2;
	assert_null(try_read(&refs[1]));
	assert_null(try_read(&refs[2]));
	assert_false(try_end(&refs[2]));
	assert_memory_equal(table.rows, before, sizeof(before));
	assert_true(uzs_hazards_has(&table, &refs[1]));
	assert_true(try_end(&refs[1]));
	assert_rows_are_empty();
	assert_false(try_end(&refs[1]));
}

/* As in a pool of the kernel profile, where nobody is given a row. */
static void test_rows_of_nobody(void **state)
{
	static const struct zs_row_ zeroes[UZS_ROWS];

	for (u32 slow = 0; slow < 2; slow++) {
		head->slow_reads = slow;
		assert_null(try_read(&refs[0]));
		assert_false(try_end(&refs[0]));
		assert_memory_equal(table.rows, zeroes, sizeof(zeroes));
	}
}

static struct table_mem *guarded_mem;

static void begin_to_move(int number)
{
	mprotect(guarded_mem, sizeof(*guarded_mem), PROT_READ | PROT_WRITE);
	WRITE_ONCE(guarded_mem->head.slow_reads, 1);
}

/* When the reader has found its place free, before it looks whether there is a
 * mover: the store of the name is stopped. */
static void test_mover_begins_meanwhile(void **state)
{
	struct sigaction old,
		act = { .sa_handler = begin_to_move, .sa_flags = SA_RESETHAND };
	void *data;

	guarded_mem = mmap(NULL, sizeof(*guarded_mem), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(guarded_mem != MAP_FAILED);
	assert_true(make_table(guarded_mem));
	assert_true(take_row());
	assert_int_equal(mprotect(guarded_mem, sizeof(*guarded_mem), PROT_READ),
			 0);
	assert_int_equal(sigaction(SIGSEGV, &act, &old), 0);
	data = try_read(&refs[1]);
	assert_int_equal(sigaction(SIGSEGV, &old, NULL), 0);
	assert_int_equal(READ_ONCE(head->slow_reads), 1);
	assert_null(data);
	assert_rows_are_empty();
	WRITE_ONCE(head->slow_reads, 0);
	assert_non_null(try_read(&refs[1]));
	assert_true(try_end(&refs[1]));
	assert_int_equal(munmap(guarded_mem, sizeof(*guarded_mem)), 0);
}

/* ---- others -------------------------------------------------------------- */

static void *name_it(void *ref)
{
	/* It may have the row, and the places, of one that has ended. */
	return uzs_hazard_try_all(&table, ref) ? ref : NULL;
}

static bool end_any(const zs_ref *ref)
{
	bool was_open;

	WRITE_ONCE(head->slow_reads, 1);
	uzs_hazards_share(&table);
	spin_lock(&table.lock);
	was_open = uzs_hazard_end_any(&table, ref);
	spin_unlock(&table.lock);
	return was_open;
}

static void *end_it(void *ref)
{
	return end_any(ref) ? ref : NULL;
}

static void test_another_thread_ends_a_use(void **state)
{
	static struct holder other;

	assert_false(uzs_hazards_are_shared(&table));
	/* The first row, so that the quick way does. */
	assert_true(take_row());
	hold_threads();
	start_holder(&other, &refs[0]);
	assert_true(uzs_hazards_has(&table, &refs[0]));
	assert_non_null(try_read(&refs[0]));
	assert_non_null(uzs_hazard_try_all(&table, &refs[1]));
	/* Two uses are open; nobody's place is written. */
	assert_non_null(in_thread(end_it, &refs[0]));
	assert_int_equal(nr_named(), 3);
	assert_int_equal(table.nr_ended, 1);
	assert_true(uzs_hazards_are_shared(&table));
	assert_false(uzs_hazards_share(&table));
	assert_true(uzs_hazards_has(&table, &refs[0]));
	/* The quick way does not count. */
	assert_false(try_end(&refs[0]));
	assert_true(end_any(&refs[0]));
	assert_false(uzs_hazards_has(&table, &refs[0]));
	assert_null(in_thread(end_it, &refs[0]));
	assert_false(end_any(&refs[0]));
	/* Ended by another thread: the own place is no use any more. */
	assert_non_null(in_thread(end_it, &refs[1]));
	assert_false(try_end(&refs[1]));
	assert_false(end_any(&refs[1]));
	assert_false(uzs_hazards_has(&table, &refs[1]));
	assert_null(in_thread(end_it, &refs[1]));
	assert_int_equal(nr_named(), 2);
	/* But it is there, for who asks for no more. */
	assert_true(uzs_hazard_drop(&table, &refs[1]));
	assert_false(uzs_hazard_drop(&table, &refs[1]));
	let_threads_go();
	join_holder(&other);
	assert_rows_are_empty();
}

static void test_a_row_taken_late_has_no_quick_end(void **state)
{
	assert_false(end_any(&refs[1]));
	assert_ptr_equal(uzs_hazard_try_all(&table, &refs[1]),
			 &home()->names[0]);
	assert_true(home()->owner == uzs_thread_id());
	assert_true(home()->ender == 0);
	assert_false(try_end(&refs[1]));
	assert_true(end_any(&refs[1]));
	assert_rows_are_empty();
}

static void test_own_place_is_emptied_first(void **state)
{
	static struct holder other;
	uintptr_t *place;

	hold_threads();
	assert_true(take_row());
	start_holder(&other, &refs[1]);
	assert_non_null(try_read(&refs[2]));
	place = uzs_hazard_try_all(&table, &refs[1]);
	assert_ptr_equal(place, &home()->names[1]);
	assert_int_equal(nr_named(), 3);
	assert_true(end_any(&refs[1]));
	assert_true(*place == 0);
	assert_int_equal(table.nr_ended, 0);
	assert_int_equal(nr_named(), 2);
	assert_true(uzs_hazards_has(&table, &refs[1]));
	/* Now the other thread's use, which is counted. */
	assert_true(end_any(&refs[1]));
	assert_int_equal(table.nr_ended, 1);
	assert_int_equal(nr_named(), 2);
	assert_false(uzs_hazards_has(&table, &refs[1]));
	assert_false(end_any(&refs[1]));
	assert_int_equal(table.nr_ended, 1);
	/* The first place of the row. */
	assert_true(end_any(&refs[2]));
	assert_true(home()->names[0] == uzs_thread_id());
	assert_int_equal(table.nr_ended, 1);
	let_threads_go();
	join_holder(&other);
	assert_rows_are_empty();
}

/* ---- whose row it is ----------------------------------------------------- */

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
	uintptr_t other = neighbour();

	assert_true(take_row());
	assert_null(zs_read_try_(pool, other, UZS_LOG_ROWS, other, &refs[1]));
	assert_rows_are_empty();
	assert_non_null(try_read(&refs[1]));
	assert_false(zs_read_try_end_(pool, other, UZS_LOG_ROWS, &refs[1]));
	assert_non_null(in_thread(drop_of_another, &refs[1]));
	assert_true(uzs_hazards_has(&table, &refs[1]));
	assert_true(try_end(&refs[1]));
	assert_true(home()->owner == uzs_thread_id());
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
	hold_threads();
	while (started < NR &&
	       !pthread_create(&threads[started], &attr, name_and_wait, &c))
		started++;
	while (READ_ONCE(c.arrived) < started)
		cond_resched();
	assert_int_equal(nr_named(), READ_ONCE(c.named));
	let_threads_go();
	pthread_attr_destroy(&attr);
	for (unsigned int i = 0; i < started; i++) {
		void *result;

		pthread_join(threads[i], &result);
		assert_ptr_equal(result, &c);
	}
	assert_rows_are_empty();
	print_message("%u of %u threads had a row\n", c.named, started);
	/* Most rows are found: 4 places are looked at. */
	assert_true(c.named <= UZS_ROWS);
	assert_true(started < NR || c.named >= UZS_ROWS * 3 / 4);
}

/* ---- fork ---------------------------------------------------------------- */

static int child(uintptr_t parent)
{
	unsigned int nr_left = 0;

	if (uzs_thread_id() != parent)
		return 5;
	uzs_hazards_fork_child(&table);
	/* Rows of threads that are not here are free. One of them names. */
	for (unsigned int i = 0; i < UZS_ROWS; i++) {
		const struct zs_row_ *row = &table.rows[i];

		if (row->owner == parent)
			continue;
		if (row->owner ||
		    (row->names[0] && row->names[0] != (uintptr_t)&refs[5]))
			return 4;
		nr_left += row->names[0] != 0;
	}
	if (nr_left != 1 || nr_rows() != 1 || nr_named() != 3)
		return 6;
	/* What this thread has named, and what another one has. */
	if (!try_end(&refs[3]) || !uzs_hazard_drop(&table, &refs[4]) ||
	    uzs_hazard_drop(&table, &refs[5]) ||
	    !uzs_hazards_has(&table, &refs[5]) || !end_any(&refs[5]) ||
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
	static struct holder names, names_not;
	uintptr_t parent = uzs_thread_id();
	int status;
	pid_t pid;

	assert_true(take_row());
	hold_threads();
	start_holder(&names, &refs[5]);
	start_holder(&names_not, NULL);
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
	let_threads_go();
	join_holder(&names);
	join_holder(&names_not);
	assert_true(try_end(&refs[3]));
	assert_true(uzs_hazard_drop(&table, &refs[4]));
	assert_rows_are_empty();
}

/* As a thread of the parent's leaves it that is just reading. By hand, so that
 * this thread is the one that finds the row. */
static void test_inherited_row_has_names(void **state)
{
	uintptr_t other = neighbour();
	struct zs_row_ *row = home();
	uintptr_t *place;

	assert_true(take_row());
	row->owner = row->ender = other;
	row->names[0] = (uintptr_t)&refs[1];
	row->names[2] = (uintptr_t)&refs[2];
	uzs_hazards_fork_child(&table);
	assert_true(row->owner == 0);
	assert_true(row->ender == 0);
	assert_int_equal(nr_named(), 2);
	assert_true(uzs_hazards_has(&table, &refs[1]));
	assert_true(uzs_hazards_has(&table, &refs[2]));
	/* Nobody has it, whatever the number. */
	assert_null(zs_read_try_(pool, other, UZS_LOG_ROWS, other, &refs[3]));
	assert_false(zs_read_try_end_(pool, other, UZS_LOG_ROWS, &refs[1]));
	assert_null(try_read(&refs[3]));
	assert_false(try_end(&refs[1]));
	assert_false(uzs_hazard_drop(&table, &refs[1]));
	/* A new owner has the places that are left, and no quick way. */
	place = uzs_hazard_try_all(&table, &refs[3]);
	assert_ptr_equal(place, &row->names[1]);
	assert_true(row->owner == uzs_thread_id());
	assert_true(row->names[0] == (uintptr_t)&refs[1]);
	assert_null(try_read(&refs[4]));
	assert_int_equal(nr_named(), 3);
	uzs_hazard_withdraw(&table, place);
	assert_true(*place == 0);
	assert_null(try_read(&refs[4]));
	/* Once it has ended that use, it has. */
	assert_true(uzs_hazard_drop(&table, &refs[1]));
	assert_false(uzs_hazards_has(&table, &refs[1]));
	assert_non_null(try_read(&refs[4]));
	assert_int_equal(nr_named(), 2);
	assert_true(try_end(&refs[4]));
	assert_true(uzs_hazards_has(&table, &refs[2]));
	assert_true(uzs_hazard_drop(&table, &refs[2]));
	assert_rows_are_empty();
}

/* Where misuse is looked for: what programs have inline begins and ends nothing. */
static void test_no_quick_way_where_there_is_none(void **state)
{
	uintptr_t me = uzs_thread_id(), *place;

	uzs_hazards_init(&table, pool, false, ended);
	assert_true(take_row());
	assert_true(home()->ender == 0);
	assert_true(home()->names[0] == uzs_hazard_idle(me, false));
	assert_true(home()->names[0] != me);
	assert_null(try_read(&refs[1]));
	assert_int_equal(nr_named(), 0);
	/* The library's own way has the same place. */
	assert_true(zs_read_try_(pool, me, UZS_LOG_ROWS,
				 uzs_hazard_idle(me, false),
				 &refs[1]) == refs[1].word);
	assert_int_equal(nr_named(), 1);
	assert_true(uzs_hazards_has(&table, &refs[1]));
	assert_false(try_end(&refs[1]));
	assert_true(uzs_hazard_drop(&table, &refs[1]));
	place = uzs_hazard_try_all(&table, &refs[2]);
	assert_ptr_equal(place, &home()->names[0]);
	uzs_hazard_withdraw(&table, place);
	assert_true(home()->names[0] == uzs_hazard_idle(me, false));
	assert_int_equal(nr_named(), 0);
	/* In a child, a thread of the parent's that read nothing names nothing. */
	home()->owner = neighbour();
	home()->names[0] = uzs_hazard_idle(neighbour(), false);
	uzs_hazards_fork_child(&table);
	assert_true(home()->names[0] == 0);
}

/* Forked while another thread shared the reads, which had not come to the own row,
 * or had, and not said so. */
static void test_own_row_after_a_fork(void **state)
{
	assert_true(take_row());
	assert_true(home()->ender == uzs_thread_id());
	assert_non_null(try_read(&refs[1]));
	table.shared = true;
	uzs_hazards_fork_child(&table);
	assert_true(home()->ender == 0);
	assert_false(try_end(&refs[1]));
	table.shared = false;
	uzs_hazards_fork_child(&table);
	assert_true(home()->ender == uzs_thread_id());
	assert_true(home()->owner == uzs_thread_id());
	assert_true(try_end(&refs[1]));
	assert_rows_are_empty();
}

static void test_inherited_row_is_empty(void **state)
{
	struct zs_row_ *row = home();

	assert_true(take_row());
	row->owner = neighbour();
	row->names[0] = row->owner;
	row->names[3] = (uintptr_t)&refs[3];
	uzs_hazards_fork_child(&table);
	assert_true(row->owner == 0);
	assert_true(row->names[0] == 0);
	assert_int_equal(nr_named(), 1);
	assert_ptr_equal(uzs_hazard_try_all(&table, &refs[1]), &row->names[0]);
	assert_true(try_end(&refs[1]));
	/* The name that is left is no hindrance for the quick way. */
	assert_non_null(try_read(&refs[2]));
	assert_non_null(uzs_hazard_try_all(&table, &refs[4]));
	assert_non_null(uzs_hazard_try_all(&table, &refs[5]));
	assert_null(uzs_hazard_try_all(&table, &refs[6]));
	assert_true(uzs_hazards_has(&table, &refs[3]));
}

/* ---- the order ----------------------------------------------------------- */

/* In empty loops: more than the thread takes to name a ref. */
#define MOST_DELAY 100000u
#define DELAY_STEP 4u
#define JITTER 100u

struct pair {
	u32 round, ack; /* atomic */
	cpu_set_t cpus; /* where both may run */
	unsigned long used; /* rounds in which the thread went on */
	unsigned int rounds;
	uintptr_t *place; /* where the thread names; NULL: not quickly */
	bool lost; /* a name was gone before its end */
};

/* Lines that both sides write, so that each has to fetch them from the other. A
 * store that follows has to wait until these are done; a load has not. */
static struct {
	u32 round; /* atomic */
} __aligned(64) lines[32];

static void write_lines(u32 round)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++)
		WRITE_ONCE(lines[i].round, round);
}

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

	pin_to_nth_cpu(&p->cpus, 1);
	if (take_row() && try_read(&refs[0]) && try_end(&refs[0]))
		p->place = &home()->names[0];
	smp_store_release(&p->ack, 1);
	wait_for(&p->ack, 0);
	for (u32 round = 1; round <= p->rounds; round++) {
		const zs_ref *ref = &refs[round % ARRAY_SIZE(refs)];
		bool used;

		/* Seldom gives the CPU away, which takes long. */
		for (u32 i = 1; READ_ONCE(p->round) != round; i++)
			if (i % 4096 == 0)
				cond_resched();
		write_lines(round);
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
	u32 delay = 0;

	rng_seed(&rng, 3);
	p.rounds = (unsigned)uzs_test_scale(20000);
	pthread_getaffinity_np(pthread_self(), sizeof(p.cpus), &p.cpus);
	pin_to_nth_cpu(&p.cpus, 0);
	/* On one CPU nothing comes late, and each round is slow. */
	if (CPU_COUNT(&p.cpus) < 2)
		p.rounds = p.rounds / 50 + 1;
	assert_int_equal(pthread_create(&thread, NULL, use_refs, &p), 0);
	wait_for_ack(&p);
	assert_non_null(p.place);
	smp_store_release(&p.ack, 0);
	for (u32 round = 1; round <= p.rounds; round++) {
		const zs_ref *ref = &refs[round % ARRAY_SIZE(refs)];
		bool seen, goes_on;

		write_lines(round);
		WRITE_ONCE(p.round, round);
		for (u32 i = delay + rng_below(&rng, JITTER); i > 0; i--)
			barrier();
		WRITE_ONCE(head->slow_reads, 1);
		assert_true(uzs_hazards_settle());
		/* A look at all places would come too late to fail. */
		seen = smp_load_acquire(p.place) == (uintptr_t)ref;
		goes_on = wait_for_ack(&p) == 2;
		assert_true(seen || !goes_on);
		/* If it does not, what it has named is withdrawn. */
		assert_int_equal(uzs_hazards_has(&table, ref), goes_on);
		WRITE_ONCE(head->slow_reads, 0);
		smp_store_release(&p.ack, 0);
		/* So that both look at about the same time. */
		if (goes_on)
			delay -= delay ? DELAY_STEP : 0;
		else
			delay += delay < MOST_DELAY ? DELAY_STEP : 0;
	}
	pthread_setaffinity_np(pthread_self(), sizeof(p.cpus), &p.cpus);
	pthread_join(thread, &result);
	assert_ptr_equal(result, &p);
	assert_false(p.lost);
	assert_rows_are_empty();
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
		TEST(test_free_first_places_are_not_listed),
		TEST(test_address_of_data),
		TEST(test_word_that_names_nothing),
		TEST(test_slow_reads_leave_rows_alone),
		TEST(test_rows_of_nobody),
		TEST(test_mover_begins_meanwhile),
		TEST(test_another_thread_ends_a_use),
		TEST(test_a_row_taken_late_has_no_quick_end),
		TEST(test_no_quick_way_where_there_is_none),
		TEST(test_own_place_is_emptied_first),
		TEST(test_thread_numbers),
		TEST(test_rows_are_of_one_thread),
		TEST(test_more_threads_than_rows),
		TEST(test_fork),
		TEST(test_inherited_row_has_names),
		TEST(test_own_row_after_a_fork),
		TEST(test_inherited_row_is_empty),
		TEST(test_who_goes_on_is_seen),
		TEST(test_no_barrier_is_told),
	};

	if (!make_table(&static_mem)) {
		print_message("this system has no membarrier\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
