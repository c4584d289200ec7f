/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lab_body.c - lab/body/lab.h: each kind of finding is found in a program
 * of a few lines that has it, and not in its sound sibling; locks, sleeping,
 * RCU and clocks do what they say; a restored arena is the arena.
 */
#include "lab_test.h"

#include <string.h>
#include <unistd.h>

#include "compat/os.h"
#include "compat/rcu.h"
#include "handle.h"

/* Explores with 2 preemptions; what is found has to be `finding`, and found
 * again by a replay of its schedule. */
static void expect(const struct lab_scenario *s, enum uzs_lab_finding finding,
		   const char *text)
{
	const struct lab_config c = { .scenario = s,
				      .scope = ZS_SCOPE_CLASS_IDX,
				      .defer = ZS_DEFER_NONE,
				      .cpus = 2 };
	struct lab_result r, again;

	explore_two(s, 2, true, &r);
	if (r.finding != finding)
		fail_msg("found '%s' (%s), not '%s'",
			 uzs_lab_finding_name(r.finding), r.text,
			 uzs_lab_finding_name(finding));
	if (finding == LAB_FOUND_NOTHING) {
		assert_true(r.complete);
		return;
	}
	if (!strstr(r.text, text))
		fail_msg("'%s' is not in '%s'", text, r.text);
	replay_steps(&c, &r.schedule, 500, &again, NULL);
	assert_int_equal(again.finding, finding);
	assert_string_equal(again.text, r.text);
}

/* ---- deadlock -------------------------------------------------------------- */

/* Never initialized, so lockdep knows no order of them. */
static void lock_01(struct lab_world *w)
{
	mutex_lock(&w->mutex[0]);
	mutex_lock(&w->mutex[1]);
	mutex_unlock(&w->mutex[1]);
	mutex_unlock(&w->mutex[0]);
}

static void lock_10(struct lab_world *w)
{
	mutex_lock(&w->mutex[1]);
	mutex_lock(&w->mutex[0]);
	mutex_unlock(&w->mutex[0]);
	mutex_unlock(&w->mutex[1]);
}

static void test_finds_deadlock(void **state)
{
	const struct lab_scenario bad = { .name = "bad",
					  .setup = no_setup,
					  .cpu = { lock_01, lock_10, NULL } };
	const struct lab_scenario good = { .name = "good",
					   .setup = no_setup,
					   .cpu = { lock_01, lock_01, NULL } };

	expect(&bad, LAB_FOUND_DEADLOCK, "CPU 0 waits: lock");
	expect(&good, LAB_FOUND_NOTHING, "");
}

static void init_locks(struct lab_world *w)
{
	mutex_init(&w->mutex[0]);
	mutex_init(&w->mutex[1]);
}

static void test_finds_lock_order(void **state)
{
	const struct lab_scenario bad = { .name = "bad",
					  .setup = init_locks,
					  .cpu = { lock_01, lock_10, NULL } };
	const struct lab_scenario good = { .name = "good",
					   .setup = init_locks,
					   .cpu = { lock_10, lock_10, NULL } };

	expect(&bad, LAB_FOUND_ORDER, "lock order inversion");
	uzs_lab_forget_lock_order();
	expect(&good, LAB_FOUND_NOTHING, "");
}

static void lock_and_leave(struct lab_world *w)
{
	mutex_lock(&w->mutex[0]);
}

static void test_finds_lock_kept(void **state)
{
	const struct lab_scenario bad = { .name = "bad",
					  .setup = init_locks,
					  .cpu = { lock_and_leave,
						   lock_and_leave, NULL } };

	expect(&bad, LAB_FOUND_LOCK_RULE, "ends and holds a lock");
}

/* ---- sleeping on a word ----------------------------------------------------- */

static void wait_for_word(struct lab_world *w)
{
	u32 *word = (u32 *)&w->word[0];

	while (!READ_ONCE(*word))
		uzs_wait_on(word, 0);
}

static void set_and_wake(struct lab_world *w)
{
	u32 *word = (u32 *)&w->word[0];

	WRITE_ONCE(*word, 1);
	uzs_wake_all(word);
}

static void wake_and_set(struct lab_world *w)
{
	u32 *word = (u32 *)&w->word[0];

	uzs_wake_all(word);
	WRITE_ONCE(*word, 1);
}

static void test_finds_lost_wakeup(void **state)
{
	const struct lab_scenario bad = { .name = "bad",
					  .setup = no_setup,
					  .cpu = { wait_for_word, wake_and_set,
						   NULL } };
	const struct lab_scenario good = { .name = "good",
					   .setup = no_setup,
					   .cpu = { wait_for_word, set_and_wake,
						    NULL } };

	expect(&bad, LAB_FOUND_LOST_WAKEUP, "CPU 0 waits: woken");
	expect(&good, LAB_FOUND_NOTHING, "");
}

/* Nobody wakes it: the clock does, and says so. */
static void wait_with_timeout(struct lab_world *w)
{
	u64 before = uzs_clock_ns();

	uzs_wait_on_for((u32 *)&w->word[0], 0, 1000);
	w->word[1] = (unsigned long)(uzs_clock_ns() - before);
}

static void yield_once(struct lab_world *w)
{
	uzs_lab_yield();
}

static void check_thousand(struct lab_world *w)
{
	if (w->word[1] != 1000)
		uzs_lab_found(LAB_FOUND_INVARIANT, "%lu ns", w->word[1]);
}

static void test_timeout_ends_a_wait(void **state)
{
	const struct lab_scenario good = { .name = "good",
					   .setup = no_setup,
					   .cpu = { wait_with_timeout,
						    yield_once, NULL },
					   .check = check_thousand };

	expect(&good, LAB_FOUND_NOTHING, "");
}

/* ---- memory ------------------------------------------------------------------- */

static void one_object(struct lab_world *w)
{
	lab_alloc(w, 0, 100);
	w->word[0] = w->object[0].handle;
}

static void free_object(struct lab_world *w)
{
	lab_free(w, 0);
}

static void look_at_handle(struct lab_world *w)
{
	unsigned long word = READ_ONCE(*(unsigned long *)w->word[0]);

	(void)word;
}

static void look_before(struct lab_world *w)
{
	uzs_lab_yield();
}

static void test_finds_use_of_freed_handle(void **state)
{
	const struct lab_scenario bad = { .name = "bad",
					  .setup = one_object,
					  .cpu = { free_object, look_at_handle,
						   NULL } };
	const struct lab_scenario good = { .name = "good",
					   .setup = one_object,
					   .cpu = { free_object, look_before,
						    NULL } };

	expect(&bad, LAB_FOUND_FREED_MEMORY, "which are free");
	expect(&good, LAB_FOUND_NOTHING, "");
}

/* A plain write to a page after it was freed: seen when the page is handed out
 * again, or at the end. */
static void page_of_object(struct lab_world *w)
{
	lab_alloc(w, 0, 2040);
	lab_alloc(w, 1, 100);
	w->word[0] =
		(unsigned long)page_address(&w->pool->zone, lab_page(w, 0));
}

static void write_to_page(struct lab_world *w)
{
	uzs_lab_yield();
	((u8 *)w->word[0])[1000] = 1;
}

static void free_and_alloc(struct lab_world *w)
{
	lab_free(w, 0);
	uzs_lab_yield();
	lab_alloc(w, 2, 4000);
	lab_alloc(w, 3, 4000);
	lab_alloc(w, 4, 4000);
}

static void test_finds_use_of_freed_page(void **state)
{
	const struct lab_scenario bad = { .name = "bad",
					  .setup = page_of_object,
					  .cpu = { free_and_alloc,
						   write_to_page, NULL } };
	const struct lab_scenario never_again = {
		.name = "never-again",
		.setup = page_of_object,
		.cpu = { free_object, write_to_page, NULL }
	};

	expect(&bad, LAB_FOUND_FREED_MEMORY, "was written to after");
	expect(&never_again, LAB_FOUND_FREED_MEMORY,
	       "byte 1000 of the page at");
}

static void use_nothing(struct lab_world *w)
{
	*(volatile u8 *)(w->word[7] + 8) = 1;
}

static void test_finds_crash(void **state)
{
	const struct lab_scenario bad = { .name = "bad",
					  .setup = no_setup,
					  .cpu = { yield_once, use_nothing,
						   NULL } };

	expect(&bad, LAB_FOUND_CRASH,
#ifdef __s390x__ /* tells the page only */
	       "segmentation fault at address "
#else
	       "segmentation fault at address 0x8"
#endif
	);
}

static void free_word(struct lab_world *w)
{
	kmem_cache_free(&w->pool->handle_cache, (void *)w->word[1]);
}

static void one_word(struct lab_world *w)
{
	w->word[1] = uzs_alloc_handle(w->pool, GFP_KERNEL);
}

static void leak_handle(struct lab_world *w)
{
	w->object[0].handle = 0;
}

static void test_finds_double_free_and_leak(void **state)
{
	const struct lab_scenario twice = { .name = "twice",
					    .setup = one_word,
					    .cpu = { free_word, free_word,
						     NULL } };
	const struct lab_scenario leak = { .name = "leak",
					   .setup = one_object,
					   .cpu = { leak_handle, yield_once,
						    NULL } };

	expect(&leak, LAB_FOUND_LEAK, "is live");
	expect(&twice, LAB_FOUND_DOUBLE_FREE, "are freed twice");
}

/* ---- data races, assertions, livelock --------------------------------------------- */

static void store_locked(struct lab_world *w)
{
	mutex_lock(&w->mutex[0]);
	WRITE_ONCE(w->word[0], w->word[0] + 1);
	mutex_unlock(&w->mutex[0]);
}

static void store_unlocked(struct lab_world *w)
{
	WRITE_ONCE(w->word[0], w->word[0] + 1);
}

static void test_finds_race(void **state)
{
	const struct lab_scenario bad = { .name = "bad",
					  .setup = init_locks,
					  .cpu = { store_locked, store_unlocked,
						   NULL } };
	const struct lab_scenario good = { .name = "good",
					   .setup = init_locks,
					   .cpu = { store_locked, store_locked,
						    NULL } };

	expect(&bad, LAB_FOUND_RACE, "two stores to &(w->word[0])");
	expect(&good, LAB_FOUND_NOTHING, "");
}

static void assert_word(struct lab_world *w)
{
	VM_BUG_ON(READ_ONCE(w->word[0]) == 1);
}

static void test_finds_assertion(void **state)
{
	const struct lab_scenario bad = { .name = "bad",
					  .setup = no_setup,
					  .cpu = { assert_word, store_unlocked,
						   NULL } };

	expect(&bad, LAB_FOUND_ASSERTION, "w->word[0]");
}

static void spin_for_word(struct lab_world *w)
{
	while (!READ_ONCE(w->word[0]))
		uzs_lab_yield();
}

static void test_finds_livelock(void **state)
{
	const struct lab_scenario bad = { .name = "bad",
					  .setup = no_setup,
					  .cpu = { spin_for_word, yield_once,
						   NULL } };

	expect(&bad, LAB_FOUND_LIVELOCK, "more than 500 steps");
}

static void loop_without_steps(struct lab_world *w)
{
	for (volatile unsigned long *word = &w->word[0]; !*word;)
		;
}

/* The watchdog's: no step, and no end. */
static void test_finds_loop_without_steps(void **state)
{
	const struct lab_config c = {
		.scenario =
			&(const struct lab_scenario){
				.name = "bad",
				.setup = no_setup,
				.cpu = { loop_without_steps, yield_once,
					 NULL } },
		.scope = ZS_SCOPE_HELD,
		.defer = ZS_DEFER_NONE,
		.cpus = 2,
	};
	const struct lab_schedule s = { .nr = 0 };
	struct lab_result r;

	replay_steps(&c, &s, 500, &r, NULL);
	assert_int_equal(r.finding, LAB_FOUND_LIVELOCK);
	assert_non_null(strstr(r.text, "no step for"));
}

/* ---- RCU ----------------------------------------------------------------------------- */

static void read_twice(struct lab_world *w)
{
	unsigned long first, second;

	rcu_read_lock();
	first = READ_ONCE(w->word[0]);
	uzs_lab_yield();
	second = READ_ONCE(w->word[1]);
	rcu_read_unlock();
	/* What a grace period has gone by for has not changed since `first`. */
	if (!first && second)
		uzs_lab_found(LAB_FOUND_INVARIANT, "a reader was not waited "
						   "for");
}

static void replace_with_grace(struct lab_world *w)
{
	WRITE_ONCE(w->word[0], 1ul);
	synchronize_rcu();
	WRITE_ONCE(w->word[1], 1ul);
}

static void replace_without_grace(struct lab_world *w)
{
	WRITE_ONCE(w->word[0], 1ul);
	WRITE_ONCE(w->word[1], 1ul);
}

static void test_rcu_waits_for_readers(void **state)
{
	const struct lab_scenario bad = {
		.name = "bad",
		.setup = no_setup,
		.cpu = { read_twice, replace_without_grace, NULL }
	};
	const struct lab_scenario good = {
		.name = "good",
		.setup = no_setup,
		.cpu = { read_twice, replace_with_grace, NULL }
	};

	expect(&bad, LAB_FOUND_INVARIANT, "was not waited for");
	expect(&good, LAB_FOUND_NOTHING, "");
}

/* ---- locks exclude, trylocks answer ------------------------------------------------------ */

static void enter(struct lab_world *w)
{
	if (!mutex_trylock(&w->mutex[0])) {
		/* The other one is inside, or was when we asked. */
		WRITE_ONCE(w->word[2], 1ul);
		return;
	}
	if (w->word[1]++)
		uzs_lab_found(LAB_FOUND_INVARIANT, "two are inside");
	uzs_lab_yield();
	w->word[1]--;
	mutex_unlock(&w->mutex[0]);
}

static bool failed_once, worked_twice;

static void note_tries(struct lab_world *w)
{
	if (w->word[2])
		failed_once = true;
	else
		worked_twice = true;
}

static void test_trylock_fails_in_some_order(void **state)
{
	const struct lab_scenario good = { .name = "good",
					   .setup = init_locks,
					   .cpu = { enter, enter, NULL },
					   .check = note_tries };

	failed_once = worked_twice = false;
	expect(&good, LAB_FOUND_NOTHING, "");
	assert_true(failed_once);
	assert_true(worked_twice);
}

/* ---- snapshot and restore ---------------------------------------------------------------- */

static void test_memory_is_restored_between_runs(void **state)
{
	const size_t size = 64 * 4096;
	u8 *mem, *copy;

	uzs_lab_clear();
	mem = uzs_os_map(size, 4096);
	copy = malloc(size);
	assert_non_null(mem);
	assert_non_null(copy);
	for (size_t i = 0; i < size; i++)
		mem[i] = (u8)(i * 7 >> 3);
	memcpy(copy, mem, size);
	uzs_lab_snapshot();
	assert_int_equal(uzs_lab_restore_bytes(), 0);
	for (unsigned int round = 0; round < 10; round++) {
		for (size_t i = round; i < size; i += 4096 * (round + 1))
			mem[i]++;
		assert_non_null(uzs_os_map(4096, 4096));
		uzs_lab_restore();
		assert_memory_equal(mem, copy, size);
	}
	/* Of 64 pages, and one for what is mapped; no more. Larger pages of the
	 * real OS may have others at both ends. */
	assert_in_range(uzs_lab_restore_bytes(), size,
			size + 6 * (size_t)sysconf(_SC_PAGESIZE));
	/* What is mapped after a restore is where it was each time. */
	mem = uzs_os_map(4096, 4096);
	uzs_lab_restore();
	assert_ptr_equal(uzs_os_map(4096, 4096), mem);
	free(copy);
	uzs_lab_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_deadlock),
		cmocka_unit_test(test_finds_lock_order),
		cmocka_unit_test(test_finds_lock_kept),
		cmocka_unit_test(test_finds_lost_wakeup),
		cmocka_unit_test(test_timeout_ends_a_wait),
		cmocka_unit_test(test_finds_use_of_freed_handle),
		cmocka_unit_test(test_finds_use_of_freed_page),
		cmocka_unit_test(test_finds_crash),
		cmocka_unit_test(test_finds_double_free_and_leak),
		cmocka_unit_test(test_finds_race),
		cmocka_unit_test(test_finds_assertion),
		cmocka_unit_test(test_finds_livelock),
		cmocka_unit_test(test_finds_loop_without_steps),
		cmocka_unit_test(test_rcu_waits_for_readers),
		cmocka_unit_test(test_trylock_fails_in_some_order),
		cmocka_unit_test(test_memory_is_restored_between_runs),
	};

	return cmocka_run_group_tests(tests, open_lab, NULL);
}
