/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lab_explore.c - the search itself: it tries every order there is, within
 * the bound of preemptions no more and no fewer, with reduction as without;
 * schedules as text.
 */
#include "lab_test.h"

#include <stdlib.h>
#include <string.h>

/* ---- outcomes of programs ----------------------------------------------------- */

#define MAX_OUTCOMES 20000

static u64 outcomes[MAX_OUTCOMES];
static unsigned int nr_outcomes;

static void note_outcome(u64 outcome)
{
	for (unsigned int i = 0; i < nr_outcomes; i++)
		if (outcomes[i] == outcome)
			return;
	assert_true(nr_outcomes < MAX_OUTCOMES);
	outcomes[nr_outcomes++] = outcome;
}

static int compare(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* ---- all orders of K changes of one word by each of two CPUs ----------------------- */

#define K 5

static void change(struct lab_world *w, unsigned int bit)
{
	for (int i = 0; i < K; i++) {
		uzs_lab_point(LAB_RMW, LAB_CHANGES, &w->word[0], "word",
			      UZS_HERE);
		w->word[0] = w->word[0] * 2 + bit;
	}
}

static void change_0(struct lab_world *w)
{
	change(w, 0);
}

static void change_1(struct lab_world *w)
{
	change(w, 1);
}

static void note_word(struct lab_world *w)
{
	note_outcome(w->word[0]);
}

static const struct lab_scenario orders = {
	.name = "orders",
	.setup = no_setup,
	.cpu = { change_0, change_1, NULL },
	.check = note_word,
};

/* Orders of K zeroes and K ones with at most so many preemptions: changes from
 * one that has some left. */
static unsigned int count_orders(unsigned int preemptions)
{
	unsigned int n = 0;

	for (unsigned int order = 0; order < 1u << (2 * K); order++) {
		unsigned int left[2] = { K, K }, used = 0, last = 2;
		bool fits = true;

		for (int i = 2 * K; fits && i-- > 0;) {
			unsigned int who = order >> i & 1;

			used += last < 2 && who != last && left[last];
			fits = left[who]-- > 0;
			last = who;
		}
		n += fits && used <= preemptions;
	}
	return n;
}

static void test_all_orders_are_tried(void **state)
{
	struct lab_result r;

	for (unsigned int p = 0; p <= 2 * K; p++)
		for (int reduce = 0; reduce < 2; reduce++) {
			nr_outcomes = 0;
			explore_two(&orders, p, reduce, &r);
			assert_true(r.complete);
			assert_int_equal(nr_outcomes, count_orders(p));
		}
	assert_int_equal(count_orders(2 * K), 252); /* 10 over 5 */
}

/* ---- steps that do not meet need one order only ---------------------------------- */

static void change_own(struct lab_world *w, unsigned int n)
{
	for (int i = 0; i < 20; i++) {
		uzs_lab_point(LAB_RMW, LAB_CHANGES, &w->word[n], "word",
			      UZS_HERE);
		w->word[n]++;
	}
}

static void change_own_0(struct lab_world *w)
{
	change_own(w, 0);
}

static void change_own_1(struct lab_world *w)
{
	change_own(w, 1);
}

static void test_independent_steps_need_one_order(void **state)
{
	const struct lab_scenario s = { .name = "independent",
					.setup = no_setup,
					.cpu = { change_own_0, change_own_1,
						 NULL } };
	struct lab_result r;

	explore_two(&s, 100, true, &r);
	assert_true(r.complete);
	assert_in_range(r.runs, 1, 4);
}

/* ---- random programs: the search loses no outcome ------------------------------------ */

#define NR_OPS 4
#define NR_KINDS 6 /* of what a CPU can do, with one of two words or locks */
#define NR_PROGRAMS 150
#define NR_PROGRAMS_3 40 /* with three CPUs */

static u32 program[LAB_MAX_CPUS][NR_OPS]; /* what each CPU does */
static u64 saw[LAB_MAX_CPUS]; /* what each saw, when it is done */
static u32 seed;

static u32 draw(u32 n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 16) % n;
}

/* What is done a little too late: plain, after the unlock. */
static void do_late(struct lab_world *w, unsigned int cpu, u32 n)
{
	w->word[2 + n] += 1000 + cpu;
	w->word[6 + n] = w->word[6 + n] * 7 + cpu + 1;
}

/* Both locks, in the order that all take them in, and a step. (Not a plain
 * access that would race with others' late ones: behind a step whose order does
 * not matter, one of its orders may be left out.) */
static void do_nested(struct lab_world *w, unsigned int cpu, u32 n)
{
	spin_lock(&w->lock[0]);
	spin_lock(&w->lock[1]);
	uzs_lab_point(LAB_RMW, LAB_CHANGES, &w->word[n], "word", UZS_HERE);
	w->word[n] = w->word[n] * 5 + cpu + 1;
	spin_unlock(&w->lock[0]);
	uzs_lab_point(LAB_RMW, LAB_CHANGES, &w->word[n], "word", UZS_HERE);
	w->word[n] = w->word[n] * 7 + cpu + 1;
	spin_unlock(&w->lock[1]);
}

/* Does one thing. Return: what it saw (0: nothing). */
static u64 do_op(struct lab_world *w, unsigned int cpu, u32 op, u32 n)
{
	unsigned long *word = &w->word[n];
	u64 seen = 0;

	switch (op) {
	case 0:
		uzs_lab_point(LAB_LOAD, LAB_LOOKS, word, "word", UZS_HERE);
		return *word;
	case 1:
		uzs_lab_point(LAB_RMW, LAB_CHANGES, word, "word", UZS_HERE);
		*word = *word * 3 + cpu + 1;
		return 0;
	case 2:
		uzs_lab_point(LAB_ADD, LAB_ADDS, word, "word", UZS_HERE);
		*word += 100;
		return 0;
	case 3:
		spin_lock(&w->lock[n]);
		w->word[2 + n] = w->word[2 + n] * 5 + cpu;
		seen = w->word[2 + n];
		spin_unlock(&w->lock[n]);
		do_late(w, cpu, n);
		return seen;
	case 4:
		if (!spin_trylock(&w->lock[n]))
			return 7;
		uzs_lab_yield();
		spin_unlock(&w->lock[n]);
		return 0;
	default:
		do_nested(w, cpu, n);
		return 0;
	}
}

/* Each program reads, stores, adds and locks; what it sees goes into its
 * outcome. */
static void run_program(struct lab_world *w, unsigned int cpu)
{
	u64 seen = cpu;

	for (int i = 0; i < NR_OPS; i++)
		seen = seen * 31 +
		       do_op(w, cpu, program[cpu][i] / 2, program[cpu][i] % 2);
	saw[cpu] = seen;
}

static void program_0(struct lab_world *w)
{
	run_program(w, 0);
}

static void program_1(struct lab_world *w)
{
	run_program(w, 1);
}

static void program_2(struct lab_world *w)
{
	run_program(w, 2);
}

static void init_spinlocks(struct lab_world *w)
{
	spin_lock_init(&w->lock[0]);
	spin_lock_init(&w->lock[1]);
}

static void note_words(struct lab_world *w)
{
	u64 outcome = 0;

	for (int i = 0; i < 8; i++)
		outcome = outcome * 1000003u + w->word[i];
	for (unsigned int i = 0; i < LAB_MAX_CPUS; i++)
		outcome = outcome * 1000003u + saw[i];
	note_outcome(outcome);
}

static u64 runs_all, runs_default;

/* Explores the program; nr_outcomes are then its, in order. Return: runs. */
static u64 find_outcomes(unsigned int cpus, unsigned int preemptions,
			 bool reduce, bool every_step)
{
	const struct lab_scenario s = { .name = "program",
					.setup = init_spinlocks,
					.cpu = { program_0, program_1,
						 program_2 },
					.check = note_words };
	const struct lab_config c = { .scenario = &s,
				      .scope = ZS_SCOPE_CLASS_IDX,
				      .defer = ZS_DEFER_NONE,
				      .cpus = cpus };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r;

	o.preemptions = preemptions;
	o.at_once = true;
	o.reduce = reduce;
	o.every_step = every_step;
	o.between = false;
	o.max_steps = 500;
	nr_outcomes = 0;
	lab_explore(&c, &o, &r);
	assert_int_equal(r.finding, LAB_FOUND_NOTHING);
	assert_true(r.complete);
	qsort(outcomes, nr_outcomes, sizeof(outcomes[0]), compare);
	return r.runs;
}

/* The search has all outcomes of brute force, which may leave any step and
 * leaves out no state; and so has the search without reduction. */
static void compare_outcomes(const char *name, unsigned int number,
			     unsigned int cpus, unsigned int preemptions)
{
	static u64 all[MAX_OUTCOMES];
	unsigned int nr_all;

	runs_all += find_outcomes(cpus, preemptions, false, true);
	nr_all = nr_outcomes;
	memcpy(all, outcomes, nr_all * sizeof(all[0]));
	for (int reduce = 0; reduce < 2; reduce++) {
		u64 runs = find_outcomes(cpus, preemptions, reduce, false);

		if (nr_outcomes != nr_all ||
		    memcmp(all, outcomes, nr_all * sizeof(all[0])))
			fail_msg(
				"%s %u, %u CPUs, %u preemptions, %s reduction: "
				"%u outcomes of %u",
				name, number, cpus, preemptions,
				reduce ? "with" : "without", nr_outcomes,
				nr_all);
		if (reduce)
			runs_default += runs;
	}
}

static void compare_programs(unsigned int programs, unsigned int cpus,
			     unsigned int preemptions)
{
	runs_all = runs_default = 0;
	for (seed = 0; seed < programs;) {
		u32 this_seed = seed;

		for (unsigned int i = 0; i < cpus * NR_OPS; i++)
			program[i % cpus][i / cpus] = draw(2 * NR_KINDS);
		for (unsigned int p = 0; p <= preemptions; p++)
			compare_outcomes("program", this_seed, cpus, p);
		seed = this_seed + 1;
	}
	assert_true(runs_default < runs_all / 2);
}

static void test_reduction_loses_no_outcome(void **state)
{
	compare_programs(NR_PROGRAMS, 2, 3);
}

static void test_reduction_of_three_loses_no_outcome(void **state)
{
	compare_programs(NR_PROGRAMS_3, 3, 1);
}

/* Both CPUs do nothing but that, with the same lock, and with more
 * preemptions. */
static void test_reduction_after_unlock_loses_no_outcome(void **state)
{
	runs_all = runs_default = 0;
	for (int i = 0; i < 2 * NR_OPS; i++)
		program[i % 2][i / 2] = 6;
	for (unsigned int p = 0; p <= 4; p++)
		compare_outcomes("late", 0, 2, p);
	assert_true(runs_default < runs_all);
}

/* ---- schedules ------------------------------------------------------------------------- */

static void test_schedule_text_is_read_again(void **state)
{
	static const char *const good[] = {
		"free-free/held/none/2/-",
		"free-free/unlocked/percpu/3/0b.17c.4000a",
		"push-flush/class-idx/array/2/7a",
	};
	static const char *const bad[] = {
		"",
		"free-free",
		"free-free/held/none/2/",
		"x/held/none/2/-",
		"free-free/open/none/2/-",
		"free-free/held/some/2/-",
		"free-free/held/none/4/-",
		"free-free/held/none/2/17",
		"free-free/held/none/2/b",
		"free-free/held/none/2/17b.",
		"free-free/held/none/2/17b,3a",
		"free-free/held/none/2/17h",
		"push-flush/held/none/2/-",
		"free-free/held/none/22/-",
	};
	struct lab_schedule s;
	struct lab_config c;
	const char *error;
	char text[LAB_SCHEDULE_TEXT];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(lab_parse_schedule(good[i], &c, &s, &error));
		lab_print_schedule(&c, &s, text, sizeof(text));
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (lab_parse_schedule(bad[i], &c, &s, &error))
			fail_msg("'%s' is taken", bad[i]);
}

/* A schedule says all: the same run, step by step. */
static void test_replay_is_exact(void **state)
{
	struct lab_trace a = { 0 }, b = { 0 };
	struct lab_result r;
	struct lab_schedule s;
	struct lab_config c;
	const char *error;

	assert_true(lab_parse_schedule("free-migrate/class-idx/array/3/"
				       "5b.60c.100a.200b",
				       &c, &s, &error));
	replay_steps(&c, &s, 5000, &r, &a);
	assert_int_equal(r.finding, LAB_FOUND_NOTHING);
	/* Something else in between. */
	assert_true(lab_parse_schedule("read-compact/held/none/2/3b", &c, &s,
				       &error));
	replay_steps(&c, &s, 5000, &r, NULL);
	assert_true(lab_parse_schedule("free-migrate/class-idx/array/3/"
				       "5b.60c.100a.200b",
				       &c, &s, &error));
	replay_steps(&c, &s, 5000, &r, &b);
	assert_int_equal(a.nr, b.nr);
	assert_true(a.nr > 200);
	for (u32 i = 0; i < a.nr; i++) {
		assert_int_equal(a.step[i].fiber, b.step[i].fiber);
		assert_int_equal(a.step[i].step.op, b.step[i].step.op);
		assert_ptr_equal(a.step[i].step.obj, b.step[i].step.obj);
		assert_ptr_equal(a.step[i].step.place, b.step[i].step.place);
	}
	assert_int_equal(a.step[5].fiber, 1);
	lab_free_trace(&a);
	lab_free_trace(&b);
}

static void replay(const char *text, struct lab_result *r)
{
	struct lab_schedule s;
	struct lab_config c;
	const char *error;

	assert_true(lab_parse_schedule(text, &c, &s, &error));
	replay_steps(&c, &s, 5000, r, NULL);
}

static void test_unused_deviations_are_told(void **state)
{
	struct lab_result r;

	replay("free-free/held/none/2/-", &r);
	assert_int_equal(r.unused, 0);
	replay("free-free/held/none/2/5b", &r);
	assert_int_equal(r.unused, 0);
	/* The run is shorter; there is no such CPU; one after the other. */
	replay("free-free/held/none/2/5b.4000a", &r);
	assert_int_equal(r.unused, 1);
	assert_int_equal(r.first_unused.step, 4000);
	replay("free-free/held/none/2/2g.5b", &r);
	assert_int_equal(r.unused, 1);
	assert_int_equal(r.first_unused.step, 2);
	replay("free-free/held/none/2/5b.1b.4000a", &r);
	assert_int_equal(r.unused, 2);
	assert_int_equal(r.first_unused.step, 1);
}

/* ---- findings that a schedule does not hold ---------------------------------------- */

static unsigned int times; /* not in the arena: what one run leaves behind */

static void only_once(struct lab_world *w)
{
	uzs_lab_yield();
	if (!times++)
		uzs_lab_found(LAB_FOUND_INVARIANT, "the first time");
}

static void test_unconfirmed_finding_is_told(void **state)
{
	const struct lab_scenario s = { .name = "once",
					.setup = no_setup,
					.cpu = { only_once, only_once, NULL } };
	struct lab_result r;

	times = 0;
	explore_two(&s, 1, true, &r);
	assert_int_equal(r.finding, LAB_FOUND_INVARIANT);
	assert_string_equal(r.text, "the first time");
	assert_true(r.unconfirmed);
	assert_false(r.cut);
}

#define WAKES (LAB_MAX_DEVIATIONS + 6)

/* CPU 0 goes on right after every wakeup: a deviation each, and all of them are
 * needed. */
static void sleeps(struct lab_world *w)
{
	u32 *word = (u32 *)&w->word[0];
	unsigned int prompt = 0;

	for (u32 i = 0; i < WAKES; i++) {
		uzs_lab_wait_on(word, i, 0, UZS_LAB_PLACE("word"));
		prompt += *word == i + 1;
	}
	if (prompt == WAKES)
		uzs_lab_found(LAB_FOUND_INVARIANT, "always prompt");
}

static void wakes(struct lab_world *w)
{
	u32 *word = (u32 *)&w->word[0];

	for (u32 i = 0; i < WAKES; i++) {
		uzs_lab_point(LAB_RMW, LAB_CHANGES, word, "word", UZS_HERE);
		*word = i + 1;
		uzs_lab_wake_on(word, true, UZS_LAB_PLACE("word"));
	}
}

static void test_too_long_schedule_is_refused(void **state)
{
	const struct lab_scenario s = { .name = "long",
					.setup = no_setup,
					.cpu = { sleeps, wakes, NULL } };
	const struct lab_config c = { .scenario = &s,
				      .scope = ZS_SCOPE_HELD,
				      .defer = ZS_DEFER_NONE,
				      .cpus = 2 };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r;

	o.random = true;
	o.depth = 1;
	o.runs = 64;
	lab_explore(&c, &o, &r);
	assert_int_equal(r.finding, LAB_FOUND_INVARIANT);
	assert_true(r.cut);
	assert_true(r.unconfirmed);
	assert_int_equal(r.schedule.nr, LAB_MAX_DEVIATIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_orders_are_tried),
		cmocka_unit_test(test_independent_steps_need_one_order),
		cmocka_unit_test(test_reduction_loses_no_outcome),
		cmocka_unit_test(test_reduction_of_three_loses_no_outcome),
		cmocka_unit_test(test_reduction_after_unlock_loses_no_outcome),
		cmocka_unit_test(test_schedule_text_is_read_again),
		cmocka_unit_test(test_unused_deviations_are_told),
		cmocka_unit_test(test_unconfirmed_finding_is_told),
		cmocka_unit_test(test_too_long_schedule_is_refused),
		cmocka_unit_test(test_replay_is_exact),
	};

	return cmocka_run_group_tests(tests, open_lab, NULL);
}
