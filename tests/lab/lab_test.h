/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_test.h - what the tests of the lab share. */
#ifndef UZS_LAB_TEST_H
#define UZS_LAB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "explore.h"

static inline int open_lab(void **state)
{
	const struct uzs_lab_options options = {
		.arena_bytes = (size_t)8 << 20,
		.stack_bytes = (size_t)256 << 10,
		.cpus = 4,
		.track = true,
	};

	(void)state;
	return uzs_lab_init(&options) ? 0 : -1;
}

/* Explores a scenario of two CPUs with so many preemptions at most. */
static inline void explore_two(const struct lab_scenario *s,
			       unsigned int preemptions, bool reduce,
			       struct lab_result *r)
{
	const struct lab_config c = {
		.scenario = s,
		.scope = ZS_SCOPE_CLASS_IDX,
		.defer = ZS_DEFER_NONE,
		.cpus = 2,
	};
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;

	o.preemptions = preemptions;
	o.at_once = true;
	o.reduce = reduce;
	o.max_steps = 500;
	lab_explore(&c, &o, r);
}

/* Runs a schedule of at most so many steps. */
static inline void replay_steps(const struct lab_config *c,
				const struct lab_schedule *s,
				unsigned int max_steps, struct lab_result *r,
				struct lab_trace *trace)
{
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;

	o.max_steps = max_steps;
	lab_replay(c, s, &o, r, trace);
}

static inline void no_setup(struct lab_world *w)
{
	(void)w;
}

#endif
