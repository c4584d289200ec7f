/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lab_rewrites.c - lab/watch.c tells races with a store that leaves the
 * word as it was from the others, in whatever order the two come. The plain
 * accesses are told by hand, as the compiler's calls would. */
#include "lab_test.h"

#include <string.h>

/* Relaxed: others may run here, and nothing is ordered. */
static void step(struct lab_world *w)
{
	uzs_lab_access(LAB_RMW, &w->word[1], __ATOMIC_RELAXED,
		       UZS_LAB_PLACE("word"));
}

static void load(struct lab_world *w)
{
	uzs_lab_plain(&w->word[0], sizeof(w->word[0]), false);
}

static void store(struct lab_world *w, u64 value)
{
	uzs_lab_plain(&w->word[0], sizeof(w->word[0]), true);
	w->word[0] = value;
}

static void set_7(struct lab_world *w)
{
	w->word[0] = 7;
}

static void loads(struct lab_world *w)
{
	step(w);
	load(w);
	step(w);
}

static void rewrites(struct lab_world *w)
{
	step(w);
	store(w, 7);
	step(w);
}

static void changes(struct lab_world *w)
{
	step(w);
	store(w, 8);
	step(w);
}

/* A change that is undone before the next step is one all the same. */
static void changes_back(struct lab_world *w)
{
	step(w);
	store(w, 8);
	store(w, 7);
	step(w);
}

typedef void cpu_fn(struct lab_world *w);

static void explore(cpu_fn *first, cpu_fn *second, bool pass,
		    struct lab_result *r)
{
	const struct lab_scenario s = {
		.name = "plain",
		.setup = set_7,
		.cpu = { first, second, NULL },
	};

	uzs_lab_rewrites_pass = pass;
	explore_two(&s, 2, false, r);
	uzs_lab_rewrites_pass = false;
}

/* Both ways round: the search begins with the first one. */
static void check(cpu_fn *one, cpu_fn *other, bool pass, bool race)
{
	struct lab_result r;

	for (int turn = 0; turn < 2; turn++) {
		explore(turn ? other : one, turn ? one : other, pass, &r);
		assert_int_equal(r.finding,
				 race ? LAB_FOUND_RACE : LAB_FOUND_NOTHING);
		if (!race)
			assert_true(r.complete && r.runs > 2);
	}
}

static void test_rewrite(void **state)
{
	check(loads, rewrites, true, false);
	assert_true(lab_rewrites.nr > 0);
	assert_non_null(strstr(lab_rewrites.text[0], "plain"));
	check(rewrites, rewrites, true, false);
	assert_true(lab_rewrites.nr > 0);
}

static void test_change(void **state)
{
	check(loads, changes, true, true);
	check(loads, changes_back, true, true);
	/* One of them is lost. */
	check(rewrites, changes, true, true);
	check(changes, changes, true, true);
}

static void test_none(void **state)
{
	check(loads, loads, true, false);
	assert_int_equal(lab_rewrites.nr, 0);
}

/* Code of our own has no such stores. */
static void test_not_asked_for(void **state)
{
	check(loads, rewrites, false, true);
	check(rewrites, rewrites, false, true);
	assert_int_equal(lab_rewrites.nr, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_not_asked_for),
	};

	return cmocka_run_group_tests(tests, open_lab, NULL);
}
