/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lab_random.c - random search (PCT): it keeps what it promises, finds
 * bugs of the depth that it was told and no deeper ones, and a seed says all.
 */
#include "lab_test.h"

#include "pct.h"

static void search(const struct lab_scenario *s, unsigned int cpus,
		   const struct lab_explore_options *o, struct lab_result *r)
{
	const struct lab_config c = { .scenario = s,
				      .scope = ZS_SCOPE_HELD,
				      .defer = ZS_DEFER_NONE,
				      .cpus = cpus };

	lab_explore(&c, o, r);
}

/* Of 64 seeds, those whose runs find it. */
static unsigned int count_found(const struct lab_scenario *s, unsigned int cpus,
				unsigned int depth, u64 runs)
{
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r;
	unsigned int found = 0;

	o.random = true;
	o.depth = depth;
	o.runs = runs;
	for (o.seed = 0; o.seed < 64; o.seed++) {
		search(s, cpus, &o, &r);
		found += r.finding == LAB_FOUND_INVARIANT;
		if (r.finding == LAB_FOUND_NOTHING)
			assert_int_equal(r.runs, runs);
	}
	return found;
}

/* ---- depth 2: a change between two looks ------------------------------------- */

static void two_looks(struct lab_world *w)
{
	unsigned long first;

	for (int i = 0; i < 10; i++)
		uzs_lab_yield();
	uzs_lab_point(LAB_LOAD, LAB_LOOKS, &w->word[0], "word", UZS_HERE);
	first = w->word[0];
	uzs_lab_point(LAB_LOAD, LAB_LOOKS, &w->word[0], "word", UZS_HERE);
	if (w->word[0] != first)
		uzs_lab_found(LAB_FOUND_INVARIANT, "it has changed");
}

static void one_change(struct lab_world *w)
{
	uzs_lab_point(LAB_RMW, LAB_CHANGES, &w->word[0], "word", UZS_HERE);
	w->word[0] = 1;
}

/* The guarantee is one run in n * k^(d - 1), of n = 2 CPUs and k = 16 steps;
 * of 64 seeds with 320 runs each hardly one may fail (e^-10). */
static void test_bug_of_depth_2_is_found_as_promised(void **state)
{
	const struct lab_scenario s = { .name = "random",
					.setup = no_setup,
					.cpu = { two_looks, one_change,
						 NULL } };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r, again;

	assert_true(count_found(&s, 2, 2, 320) >= 63);
	/* Depth 1: no change of priorities, so never. */
	assert_int_equal(count_found(&s, 2, 1, 50), 0);
	/* A seed says all. */
	o.random = true;
	o.depth = 2;
	o.seed = 5;
	search(&s, 2, &o, &r);
	search(&s, 2, &o, &again);
	assert_int_equal(r.finding, LAB_FOUND_INVARIANT);
	assert_int_equal(r.found_at, again.found_at);
	assert_int_equal(r.schedule.nr, again.schedule.nr);
}

/* ---- depth 3: and one look between two changes ----------------------------------- */

static void looks_twice(struct lab_world *w)
{
	unsigned long seen[2];

	for (int i = 0; i < 2; i++) {
		uzs_lab_point(LAB_LOAD, LAB_LOOKS, &w->word[0], "word",
			      UZS_HERE);
		seen[i] = w->word[0];
	}
	if (seen[0] == 0 && seen[1] == 1)
		uzs_lab_found(LAB_FOUND_INVARIANT, "it has changed once");
}

static void two_changes(struct lab_world *w)
{
	for (int i = 0; i < 2; i++) {
		uzs_lab_point(LAB_RMW, LAB_CHANGES, &w->word[0], "word",
			      UZS_HERE);
		w->word[0]++;
	}
}

/* n = 2, k = 6: one run in 72. With one change it cannot be had. */
static void test_bug_of_depth_3_is_found_as_promised(void **state)
{
	const struct lab_scenario s = { .name = "random",
					.setup = no_setup,
					.cpu = { looks_twice, two_changes,
						 NULL } };

	assert_true(count_found(&s, 2, 3, 720) >= 63);
	assert_int_equal(count_found(&s, 2, 2, 100), 0);
}

/* ---- a change where nobody runs on ------------------------------------------------ */

/* Wrong only if CPU 0 sleeps, and CPU 2 comes after it was woken and before it
 * goes on: CPU 0 has to lose its priority at a step before which it did not
 * run. */
static void sleeps_once(struct lab_world *w)
{
	u32 *word = (u32 *)&w->word[0];

	uzs_lab_wait_on(word, 0, 0, UZS_LAB_PLACE("word"));
	if (w->word[1])
		uzs_lab_found(LAB_FOUND_INVARIANT, "somebody came between");
}

static void wakes_once(struct lab_world *w)
{
	u32 *word = (u32 *)&w->word[0];

	uzs_lab_point(LAB_RMW, LAB_CHANGES, word, "word", UZS_HERE);
	*word = 1;
	uzs_lab_wake_on(word, true, UZS_LAB_PLACE("word"));
}

static void comes_between(struct lab_world *w)
{
	const struct uzs_lab_fiber *sleeper = uzs_lab_fiber(0);

	uzs_lab_point(LAB_RMW, LAB_CHANGES, &w->word[1], "word", UZS_HERE);
	w->word[1] = sleeper->step.op == LAB_WOKEN && sleeper->woken;
}

/* Depth 2, n = 3, k = 8: one run in 24. */
static void test_priority_changes_when_woken(void **state)
{
	const struct lab_scenario s = { .name = "woken",
					.setup = no_setup,
					.cpu = { sleeps_once, wakes_once,
						 comes_between } };

	assert_true(count_found(&s, 3, 2, 300) >= 63);
}

/* Whoever would do the step steps back, whether it ran before or not; at other
 * steps nobody does. */
static void test_who_would_step_steps_back(void **state)
{
	unsigned int back = 0;

	lab_pct_begin(3, 2, 3);
	for (int run = 0; run < 200; run++) {
		u8 first, other;

		lab_pct_draw(2); /* a change at step 0 or 1 */
		first = lab_pct_choose(0, 7);
		assert_in_range(first, 0, 2);
		other = lab_pct_choose(1, 7);
		back += other != first;
		/* from here on nothing changes */
		for (u32 step = 2; step < 10; step++)
			assert_int_equal(lab_pct_choose(step, 7), other);
		/* and who cannot run is not chosen */
		assert_true(lab_pct_choose(10, (u8)(7 & ~(1u << other))) !=
			    other);
	}
	assert_in_range(back, 60, 140);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bug_of_depth_2_is_found_as_promised),
		cmocka_unit_test(test_bug_of_depth_3_is_found_as_promised),
		cmocka_unit_test(test_priority_changes_when_woken),
		cmocka_unit_test(test_who_would_step_steps_back),
	};

	return cmocka_run_group_tests(tests, open_lab, NULL);
}
