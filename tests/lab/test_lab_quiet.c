/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lab_quiet.c - the checks between steps: that they see what has healed by
 * the end, change nothing, and with --every-step see all there is; and that
 * states with equal fingerprints are equal memory.
 */
#include "test_system.h"
#include "lab_test.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/geometry.h"
#include "tools/variants.h"

static void explore(const struct lab_scenario *s,
		    const struct lab_explore_options *o, struct lab_result *r)
{
	const struct lab_config c = {
		.scenario = s,
		.scope = ZS_SCOPE_HELD,
		.defer = ZS_DEFER_NONE,
		.cpus = 2,
	};

	lab_explore(&c, o, r);
}

/* ---- a count that is wrong for a while ---------------------------------------- */

static void one_object(struct lab_world *w)
{
	lab_alloc(w, 0, 2040);
}

static struct size_class *class_of_it(struct lab_world *w)
{
	return w->pool
		->size_class[uzs_class_index(w->pool, 2040 + ZS_HANDLE_SIZE)];
}

static void wrong_for_a_step(struct lab_world *w)
{
	struct size_class *class = class_of_it(w);

	class->objs_inuse++;
	uzs_lab_yield();
	class->objs_inuse--;
}

static void wrong_in_a_lock(struct lab_world *w)
{
	struct size_class *class = class_of_it(w);

	spin_lock(&class->lock);
	class->objs_inuse++;
	uzs_lab_yield();
	class->objs_inuse--;
	spin_unlock(&class->lock);
}

static void reads(struct lab_world *w)
{
	lab_read(w, 0);
}

static void test_sees_what_heals(void **state)
{
	const struct lab_scenario s = { .name = "heals",
					.setup = one_object,
					.cpu = { reads, wrong_for_a_step,
						 NULL } };
	const struct lab_config c = { .scenario = &s,
				      .scope = ZS_SCOPE_HELD,
				      .defer = ZS_DEFER_NONE,
				      .cpus = 2 };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r, again;

	o.between = false;
	explore(&s, &o, &r);
	assert_int_equal(r.finding, LAB_FOUND_NOTHING);
	assert_true(r.complete);
	assert_int_equal(r.looks, 0);

	o.between = true;
	explore(&s, &o, &r);
	assert_int_equal(r.finding, LAB_FOUND_INVARIANT);
	assert_false(r.unconfirmed);
	assert_non_null(strstr(r.text, "between two steps: "));
	assert_non_null(strstr(r.text, "I4: "));
	lab_replay(&c, &r.schedule, &o, &again, NULL);
	assert_int_equal(again.finding, LAB_FOUND_INVARIANT);
	assert_string_equal(again.text, r.text);
	o.between = false;
	lab_replay(&c, &r.schedule, &o, &again, NULL);
	assert_int_equal(again.finding, LAB_FOUND_NOTHING);
}

/* The check could not have class->lock then. */
static void test_no_check_inside_a_lock(void **state)
{
	const struct lab_scenario s = { .name = "locked",
					.setup = one_object,
					.cpu = { reads, wrong_in_a_lock,
						 NULL } };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r;

	explore(&s, &o, &r);
	assert_int_equal(r.finding, LAB_FOUND_NOTHING);
	assert_true(r.complete);
	assert_true(r.looks > 0);
}

/* Slabs and free pages, too: their locks are theirs alone. */
static void wrong_slab(struct lab_world *w)
{
	struct kmem_cache *cache = &w->pool->handle_cache;

	spin_lock(&cache->lock);
	cache->nr_empty++;
	spin_unlock(&cache->lock);
	uzs_lab_yield();
	spin_lock(&cache->lock);
	cache->nr_empty--;
	spin_unlock(&cache->lock);
}

static void test_sees_slabs(void **state)
{
	const struct lab_scenario s = { .name = "slab",
					.setup = one_object,
					.cpu = { reads, wrong_slab, NULL } };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r;

	explore(&s, &o, &r);
	assert_int_equal(r.finding, LAB_FOUND_INVARIANT);
	assert_non_null(strstr(r.text, "I9: "));
}

/* ---- looking changes nothing ------------------------------------------------------ */

static void test_changes_nothing(void **state)
{
	static const char *const names[] = { "free-free",    "free-compact",
					     "free-migrate", "async-malloc",
					     "trim-malloc",  "rcu-free" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
		const struct lab_scenario *s = lab_find_scenario(names[i]);
		struct lab_result with, without;

		o.preemptions = 1;
		explore(s, &o, &with);
		o.between = false;
		explore(s, &o, &without);
		assert_true(with.complete && without.complete);
		assert_true(with.looks > 10);
		assert_int_equal(with.runs, without.runs);
		assert_int_equal(with.pruned, without.pruned);
		assert_int_equal(with.states, without.states);
		assert_int_equal(with.steps, without.steps);
		assert_int_equal(with.conflicts, without.conflicts);
	}
}

/* ---- all quiet points of random programs ----------------------------------------------- */

#define NR_OPS 3
#define NR_PROGRAMS 60
#define MAX_SIGHTS 20000

static u64 sights[MAX_SIGHTS];
static unsigned int nr_sights;
static u32 program[2][NR_OPS], seed;

static u32 draw(u32 n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 16) % n;
}

static void note_sight(struct lab_world *w)
{
	u64 sight = 0;

	for (int i = 0; i < 8; i++)
		sight = sight * 1000003u + w->word[i];
	for (unsigned int i = 0; i < nr_sights; i++)
		if (sights[i] == sight)
			return;
	assert_true(nr_sights < MAX_SIGHTS);
	sights[nr_sights++] = sight;
}

/* Shared words and locks, words of one's own, and plain accesses right after
 * an unlock: words 4 and 5 are written to with and without the other's step in
 * between. */
static void run_program(struct lab_world *w, unsigned int cpu)
{
	for (int i = 0; i < NR_OPS; i++) {
		u32 op = program[cpu][i] / 2, n = program[cpu][i] % 2;
		unsigned long *word = &w->word[n], *own = &w->word[4 + cpu];

		switch (op) {
		case 0:
			uzs_lab_point(LAB_RMW, LAB_CHANGES, word, "word",
				      UZS_HERE);
			*word = *word * 3 + cpu + 1;
			break;
		case 1:
			uzs_lab_point(LAB_ADD, LAB_ADDS, word, "word",
				      UZS_HERE);
			*word += 100;
			break;
		case 2:
			uzs_lab_point(LAB_RMW, LAB_CHANGES, own, "own",
				      UZS_HERE);
			*own = *own * 2 + 1;
			break;
		default:
			spin_lock(&w->lock[n]);
			w->word[2 + n] = w->word[2 + n] * 5 + cpu;
			spin_unlock(&w->lock[n]);
			w->word[6 + n] = w->word[6 + n] * 7 + cpu + 1;
		}
	}
}

static void program_0(struct lab_world *w)
{
	run_program(w, 0);
}

static void program_1(struct lab_world *w)
{
	run_program(w, 1);
}

static void init_spinlocks(struct lab_world *w)
{
	spin_lock_init(&w->lock[0]);
	spin_lock_init(&w->lock[1]);
}

static int compare(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static unsigned int see(unsigned int preemptions, bool every_step, bool reduce)
{
	const struct lab_scenario s = { .name = "program",
					.setup = init_spinlocks,
					.cpu = { program_0, program_1, NULL },
					.quiet = note_sight };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r;

	o.preemptions = preemptions;
	o.at_once = true;
	o.every_step = every_step;
	o.reduce = reduce;
	o.verify = reduce;
	nr_sights = 0;
	explore(&s, &o, &r);
	assert_int_equal(r.finding, LAB_FOUND_NOTHING);
	assert_true(r.complete);
	qsort(sights, nr_sights, sizeof(sights[0]), compare);
	return nr_sights;
}

/* With every step a place to preempt at, reduction hides nothing that can be
 * seen between steps; without, some of it is not seen. */
static void test_every_step_sees_all(void **state)
{
	static u64 all[MAX_SIGHTS];
	unsigned int nr_all, fewer = 0;

	for (u32 number = 0; number < NR_PROGRAMS; number++) {
		seed = number;
		for (int i = 0; i < 2 * NR_OPS; i++)
			program[i % 2][i / 2] = draw(8);
		for (unsigned int p = 0; p <= 2; p++) {
			nr_all = see(p, true, false);
			memcpy(all, sights, nr_all * sizeof(all[0]));
			if (see(p, true, true) != nr_all ||
			    memcmp(all, sights, nr_all * sizeof(all[0])))
				fail_msg("program %u, %u preemptions: %u "
					 "sights, not %u",
					 number, p, nr_sights, nr_all);
			fewer += see(p, false, true) < nr_all;
			/* and none that the others do not */
			for (unsigned int i = 0; i < nr_sights; i++)
				assert_non_null(bsearch(&sights[i], all, nr_all,
							sizeof(all[0]),
							compare));
		}
	}
	assert_true(fewer > 0);
}

/* ---- equal fingerprints, equal memory -------------------------------------------------- */

static void plain_change(struct lab_world *w, unsigned long by)
{
	uzs_lab_point(LAB_RMW, LAB_CHANGES, &w->word[2 + by], "own", UZS_HERE);
	w->word[0] = w->word[0] * 3 + by; /* no step */
	uzs_lab_point(LAB_RMW, LAB_CHANGES, &w->word[1], "word", UZS_HERE);
}

static void plain_0(struct lab_world *w)
{
	plain_change(w, 1);
}

static void plain_1(struct lab_world *w)
{
	plain_change(w, 2);
}

static void test_equal_fingerprints_are_equal_memory(void **state)
{
	const struct lab_scenario racy = { .name = "racy",
					   .setup = no_setup,
					   .cpu = { plain_0, plain_1, NULL } };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r;

	explore(&racy, &o, &r);
	assert_int_equal(r.finding, LAB_FOUND_NOTHING);
	o.verify = true;
	explore(&racy, &o, &r);
	assert_int_equal(r.finding, LAB_FOUND_RACE);
	assert_non_null(strstr(r.text, "other memory"));
	/* Lists that begin in a local variable: with ASan's fake stacks such a
	 * variable lies elsewhere each time. */
	if (UNDER_ASAN)
		return;
	explore(lab_find_scenario("free-migrate"), &o, &r);
	assert_int_equal(r.finding, LAB_FOUND_NOTHING);
	assert_true(r.complete);
}

/* ---- the scenarios, with a preemption before any step ----------------------------------- */

static void test_scenarios_are_sound_at_every_step(void **state)
{
	const char *scale = getenv("UZS_TEST_SCALE");
	bool all = !scale || atoi(scale) >= 100;
	u64 looks = 0;

	for (size_t i = 0; lab_scenarios[i]; i++) {
		const struct lab_scenario *s = lab_scenarios[i];

		for (int defer = ZS_DEFER_NONE; defer <= VARIANT_NR_DEFERS;
		     defer++) {
			const struct lab_config c = {
				.scenario = s,
				.scope = ZS_SCOPE_CLASS_IDX,
				.defer = (enum zs_defer_mode)defer,
				.cpus = 2,
			};
			struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
			struct lab_result r;

			if (!lab_config_fits(&c) ||
			    (!all && !(s->flags & LAB_QUICK)))
				continue;
			o.preemptions = 1;
			o.every_step = true;
			lab_explore(&c, &o, &r);
			if (r.finding != LAB_FOUND_NOTHING || !r.complete)
				fail_msg("%s: %s", s->name, r.text);
			looks += r.looks;
		}
	}
	assert_true(looks > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sees_what_heals),
		cmocka_unit_test(test_no_check_inside_a_lock),
		cmocka_unit_test(test_sees_slabs),
		cmocka_unit_test(test_changes_nothing),
		cmocka_unit_test(test_every_step_sees_all),
		cmocka_unit_test(test_equal_fingerprints_are_equal_memory),
		cmocka_unit_test(test_scenarios_are_sound_at_every_step),
	};

	return cmocka_run_group_tests(tests, open_lab, NULL);
}
