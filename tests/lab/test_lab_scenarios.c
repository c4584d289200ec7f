/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lab_scenarios.c - every scenario of the lab with every lock scope and
 * deferral it goes with, or (argument: user) in the user profile: 2 CPUs to 1
 * preemption, 3 CPUs to none, to the end and without a finding. Then with one
 * preemption more: so many orders, for time, or all where there are no more.
 * UZS_TEST_SCALE=1000 has all of these. (uzs lab explore has all rows so; --deep: one
 * preemption more.)
 *
 * The second is left out where instruments make it slow (UZS_TEST_SCALE below
 * 100), for a queue in the user profile and with `held`, which is that of
 * class-idx, and for `unlocked`, whose free differs from class-idx only in how it
 * finds the class.
 */
#include "lab_test.h"

#include "test_util.h"

#include <string.h>

static bool of_user; /* the user profile alone; else all others */

#define ORDERS 2000 /* of the second, at most */

static void explore_to(const struct lab_config *c, unsigned int preemptions,
		       u64 max_runs)
{
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r;
	char schedule[LAB_SCHEDULE_TEXT];

	o.preemptions = preemptions;
	o.max_runs = max_runs;
	lab_explore(c, &o, &r);
	lab_print_schedule(c, &r.schedule, schedule, sizeof(schedule));
	if (r.finding != LAB_FOUND_NOTHING)
		fail_msg("%s: %s\nuzs lab replay %s",
			 uzs_lab_finding_name(r.finding), r.text, schedule);
	if (!r.complete && !(max_runs && r.runs >= max_runs))
		fail_msg("%s: not explored to the end", schedule);
	/* Both CPUs began, and both orders were tried. */
	assert_true(r.runs >= c->cpus);
	/* In the user profile calls of two CPUs may touch nothing in common. */
	assert_true(r.conflicts > 0 || of_user);
}

static void explore(const struct lab_config *c)
{
	unsigned int preemptions = c->cpus == 2 ? 1 : 0;
	const int scale = uzs_test_scale(100);

	explore_to(c, preemptions, 0);
	if (scale >= 100 &&
	    (c->scope == ZS_SCOPE_CLASS_IDX ||
	     (c->scope != ZS_SCOPE_UNLOCKED && c->defer == ZS_DEFER_NONE)))
		explore_to(c, preemptions + 1, scale >= 1000 ? 0 : ORDERS);
}

static void test_scenario(void **state)
{
	const struct lab_scenario *s = *state;
	unsigned int rows = 0;

	for (unsigned int cpus = 2; cpus <= LAB_MAX_CPUS; cpus++)
		for (int scope = 1; scope <= LAB_NR_SCOPES; scope++)
			for (int defer = 1; defer <= VARIANT_NR_DEFERS;
			     defer++) {
				const struct lab_config c = {
					.scenario = s,
					.scope = (enum zs_lock_scope)scope,
					.defer = (enum zs_defer_mode)defer,
					.cpus = cpus,
				};

				if (!lab_config_fits(&c) ||
				    (c.scope == LAB_SCOPE_USER) != of_user)
					continue;
				explore(&c);
				rows++;
			}
	assert_true(rows >= (of_user ? 1 : 3));
}

#define MAX_SCENARIOS 128

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[MAX_SCENARIOS];
	size_t nr = 0;

	of_user = argc > 1 && !strcmp(argv[1], "user");
	for (size_t i = 0; lab_scenarios[i] && nr < MAX_SCENARIOS; i++) {
		unsigned int flags = lab_scenarios[i]->flags;

		if (of_user ? !(flags & (LAB_USER | LAB_ALL_PROFILES))
			    : flags & LAB_USER)
			continue;
		tests[nr++] = (struct CMUnitTest){
			.name = lab_scenarios[i]->name,
			.test_func = test_scenario,
			.initial_state = (void *)lab_scenarios[i],
		};
	}
	/* cmocka counts an array; the unused rest has no function. */
	return _cmocka_run_group_tests("lab scenarios", tests, nr, open_lab,
				       NULL);
}
