/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* suite_random.c - conformance: random operations against the model. */
#include "model.h"
#include "suite.h"

static const struct m_op ops[] = {
	{ m_op_malloc, { 46, 22, 34 } },  { m_op_free, { 18, 42, 36 } },
	{ m_op_write, { 7, 6, 4 } },	  { m_op_read, { 8, 8, 6 } },
	{ m_op_compact, { 3, 6, 5 } },	  { m_op_pin, { 8, 8, 8 } },
	{ m_op_move_pages, { 6, 4, 4 } }, { m_op_drain, { 3, 3, 2 } },
	{ m_op_read_all, { 1, 1, 1 } },
};

static void run(uint64_t seed, int steps, unsigned int max_live,
		unsigned int every)
{
	struct m_run run = {
		.subject = suite.s,
		.page_size = suite.page_size,
		.chain_size = suite.chain_size,
		.seed = seed,
		.steps = (unsigned int)uzs_test_scale(steps),
		.max_live = max_live,
		.every = every,
		.ops = ops,
		.nr_ops = ARRAY_SIZE(ops),
	};

	m_run(&run, NULL);
}

/* A run as a failure printed it, if it was on this subject. */
static bool repeated(void)
{
	struct m_run run = { .ops = ops, .nr_ops = ARRAY_SIZE(ops) };
	char name[64];

	if (!m_repeat(&run, name))
		return false;
	run.subject = suite.s;
	if (!strcmp(name, suite.s->name) && run.page_size == suite.page_size &&
	    run.chain_size == suite.chain_size)
		m_run(&run, NULL);
	return true;
}

static void test_random(void **state)
{
	if (repeated())
		return;
	for (uint64_t seed = 1; seed <= 3; seed++)
		run(seed, 2000, 600, 1);
}

static void test_random_many_objects(void **state)
{
	if (repeated())
		return;
	run(1, 20000, 6000 * 4096 / suite.page_size, 997);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_random),
	cmocka_unit_test(test_random_many_objects),
};

const struct suite_part suite_random = { "random", tests, ARRAY_SIZE(tests) };
