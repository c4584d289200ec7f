/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lab_weak.c - memory order in the lab is that of the models: the outcomes
 * of random programs are those that axioms.c enumerates from the definitions,
 * with reduction as without; and what is special is named one by one. The
 * classic tests: test_lab_litmus.c.
 */
#include "litmus.h"

#include <stdlib.h>
#include <string.h>

#include "compat/os.h"

/* x86 has one order of all stores. Here z is stored, but not seen by the second
 * CPU; the third has seen x, and not y. So x was stored before y: reduction must
 * not take the two orders for one. Each CPU in each place, as the search tries
 * the first CPU first. */
static void test_stores_of_x86_have_one_order(void **state)
{
	static const unsigned int nr[] = { 2, 2, 3 };
	static const struct litmus_op op[3][3] = {
		{ W(X, 1), R(Z) },
		{ W(Y, 1), R(Z) },
		{ W(Z, 1), R(X), R(Y) },
	};
	static const unsigned int at[6][3] = { { 0, 1, 2 }, { 0, 2, 1 },
					       { 1, 0, 2 }, { 1, 2, 0 },
					       { 2, 0, 1 }, { 2, 1, 0 } };
	static struct litmus_outcomes all;

	for (unsigned int i = 0; i < 6; i++) {
		struct litmus p = { .name = "stores", .cpus = 3, .words = 3 };

		for (unsigned int c = 0; c < 3; c++) {
			p.nr[at[i][c]] = nr[c];
			memcpy(p.op[at[i][c]], op[c], sizeof(op[c]));
		}
		p.op[at[i][1]][0].order = __ATOMIC_SEQ_CST;
		litmus_check(&p, false);
		litmus_explore(&p, LAB_MEMORY_TSO, 1, 1, false);
		all = litmus_found;
		litmus_explore(&p, LAB_MEMORY_TSO, 1, 1, true);
		litmus_compare(&p, "tso within bounds", &all);
	}
}

static unsigned int times; /* 1; more: so many times as much */

/* ---- the barrier of all threads -------------------------------------------------------- */

static u64 saw[2];
static bool has_barrier, both_missed;

static void name_then_look(struct lab_world *w)
{
	WRITE_ONCE(w->word[0], 1);
	saw[0] = READ_ONCE(w->word[1]);
}

static void tell_then_look(struct lab_world *w)
{
	WRITE_ONCE(w->word[1], 1);
	if (has_barrier)
		assert_true(uzs_os_barrier());
	saw[1] = READ_ONCE(w->word[0]);
}

static void note_missed(struct lab_world *w)
{
	(void)w;
	both_missed |= !saw[0] && !saw[1];
}

/* One of two threads calls it, and the other needs no barrier of its own. */
static void test_barrier_of_all_threads(void **state)
{
	const struct lab_scenario s = { .name = "barrier",
					.setup = no_setup,
					.cpu = { name_then_look,
						 tell_then_look },
					.check = note_missed };
	struct lab_config c = { .scenario = &s,
				.scope = ZS_SCOPE_CLASS_IDX,
				.defer = ZS_DEFER_NONE,
				.cpus = 2 };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r;

	o.preemptions = 20;
	o.stale = 20;
	o.at_once = true;
	o.between = false;
	for (int m = LAB_MEMORY_TSO; m <= LAB_MEMORY_LKMM; m++)
		for (int with = 0; with < 2; with++) {
			c.memory = (enum lab_memory)m;
			has_barrier = with;
			both_missed = false;
			lab_explore(&c, &o, &r);
			assert_int_equal(r.finding, LAB_FOUND_NOTHING);
			assert_true(r.complete);
			assert_int_equal(both_missed, !with);
		}
}

/* ---- locks among sequentially consistent accesses -------------------------------------- */

static int lock_order;
static bool came_second, both_old;

static void init_lock(struct lab_world *w)
{
	spin_lock_init(&w->lock[0]);
}

static void tell_locked(struct lab_world *w)
{
	spin_lock(&w->lock[0]);
	__atomic_store_n(&w->word[0], 1, lock_order);
	w->word[2] = 1;
	spin_unlock(&w->lock[0]);
}

static void look_locked(struct lab_world *w)
{
	spin_lock(&w->lock[0]);
	came_second = w->word[2] == 1;
	saw[0] = __atomic_load_n(&w->word[1], lock_order);
	spin_unlock(&w->lock[0]);
}

static void tell_and_look(struct lab_world *w)
{
	__atomic_store_n(&w->word[1], 1, lock_order);
	saw[1] = __atomic_load_n(&w->word[0], lock_order);
}

static void note_both_old(struct lab_world *w)
{
	(void)w;
	both_old |= came_second && !saw[0] && !saw[1];
}

/* The order of a lock counts: the first CPU's store is before the second one's
 * load, as the lock says. So not both loads can be of old values. */
static void test_locks_are_in_the_order_of_sc(void **state)
{
	const struct lab_scenario s = { .name = "locked",
					.setup = init_lock,
					.cpu = { tell_locked, look_locked,
						 tell_and_look },
					.check = note_both_old };
	struct lab_config c = { .scenario = &s,
				.scope = ZS_SCOPE_CLASS_IDX,
				.defer = ZS_DEFER_NONE,
				.cpus = 3 };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r;

	o.preemptions = 3;
	o.stale = 3;
	o.at_once = true;
	o.between = false;
	for (int m = LAB_MEMORY_TSO; m <= LAB_MEMORY_C11; m++)
		for (int sc = 0; sc < 2; sc++) {
			c.memory = (enum lab_memory)m;
			lock_order = sc ? __ATOMIC_SEQ_CST : __ATOMIC_RELAXED;
			both_old = false;
			lab_explore(&c, &o, &r);
			assert_int_equal(r.finding, LAB_FOUND_NOTHING);
			assert_true(r.complete);
			assert_int_equal(both_old, !sc);
		}
}

/* ---- schedules ------------------------------------------------------------------------ */

static void publish(struct lab_world *w)
{
	WRITE_ONCE(w->word[0], 7);
	WRITE_ONCE(w->word[1], 1);
}

static void receive(struct lab_world *w)
{
	if (READ_ONCE(w->word[1]) && READ_ONCE(w->word[0]) != 7)
		uzs_lab_found(LAB_FOUND_INVARIANT, "the flag without its data");
}

static const struct lab_scenario flag = {
	.name = "free-free", /* so that its schedule can be read again */
	.setup = no_setup,
	.cpu = { publish, receive },
};

/* A finding is a schedule that says which access was stale; the table says whose
 * store it read. sc has no such finding. */
static void test_stale_read_is_told_and_replayed(void **state)
{
	struct lab_config c = { .scenario = &flag,
				.scope = ZS_SCOPE_CLASS_IDX,
				.defer = ZS_DEFER_NONE,
				.cpus = 2 };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	char text[LAB_SCHEDULE_TEXT];
	struct lab_trace trace = { 0 };
	struct lab_schedule s;
	struct lab_result r;
	const char *error;
	bool told = false;

	o.between = false;
	for (int m = LAB_MEMORY_SC; m <= LAB_MEMORY_TSO; m++) {
		c.memory = (enum lab_memory)m;
		lab_explore(&c, &o, &r);
		assert_int_equal(r.finding, LAB_FOUND_NOTHING);
		assert_true(r.complete);
	}
	c.memory = LAB_MEMORY_C11;
	o.stale = 0;
	lab_explore(&c, &o, &r);
	assert_int_equal(r.finding, LAB_FOUND_NOTHING);
	o.stale = 1;
	lab_explore(&c, &o, &r);
	assert_int_equal(r.finding, LAB_FOUND_INVARIANT);
	lab_print_schedule(&c, &r.schedule, text, sizeof(text));
	assert_non_null(strstr(text, "/2/c11/"));
	assert_non_null(strstr(text, "s1"));
	assert_true(lab_parse_schedule(text, &c, &s, &error));
	assert_int_equal(c.memory, LAB_MEMORY_C11);
	c.scenario = &flag;
	lab_replay(&c, &s, &o, &r, &trace);
	assert_int_equal(r.finding, LAB_FOUND_INVARIANT);
	assert_int_equal(r.unused, 0);
	for (u32 i = 0; i < trace.nr; i++)
		told |= strstr(trace.step[i].stale, "which was there at first; "
						    "does not see 0x7 of CPU "
						    "0, step ") != NULL;
	assert_true(told);
	lab_free_trace(&trace);
	/* A stale choice that is none is told, not passed over. */
	s.at[s.nr - 1].older = 5;
	lab_replay(&c, &s, &o, &r, NULL);
	assert_int_equal(r.finding, LAB_FOUND_NOTHING);
	assert_int_equal(r.unused, 1);
}

/* ---- what there is no room for --------------------------------------------------------- */

static unsigned int nr_looks, nr_stores;

static void look_and_store(struct lab_world *w)
{
	for (unsigned int i = 0; i < nr_looks; i++)
		(void)__atomic_load_n(&w->word[1], __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < nr_stores; i++)
		__atomic_store_n(&w->word[0], i + 1, __ATOMIC_SEQ_CST);
}

static void look_once(struct lab_world *w)
{
	(void)__atomic_load_n(&w->word[0], __ATOMIC_SEQ_CST);
}

/* A stale choice that is not offered is told, and the search not complete. */
static void test_choices_left_out_are_told(void **state)
{
	static const struct {
		enum lab_memory memory;
		unsigned int looks, stores;
		bool left_out;
	} cases[] = {
		{ LAB_MEMORY_C11, LAB_MAX_SC - 2, 1, false },
		{ LAB_MEMORY_C11, LAB_MAX_SC, 1, true },
		{ LAB_MEMORY_C11, 0, LAB_MAX_OLDER, false },
		{ LAB_MEMORY_C11, 0, LAB_MAX_OLDER + 1, true },
		{ LAB_MEMORY_TSO, LAB_MAX_SC, 1, false },
		{ LAB_MEMORY_TSO, 0, LAB_MAX_OLDER + 1, true },
		{ LAB_MEMORY_SC, LAB_MAX_SC, LAB_MAX_OLDER + 1, false },
	};
	static const struct lab_scenario s = { .name = "many",
					       .setup = no_setup,
					       .cpu = { look_and_store,
							look_once },
					       .flags = LAB_BARE };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;

	o.preemptions = 1;
	o.between = false;
	for (size_t i = 0; i < NR(cases); i++) {
		const struct lab_config c = { .scenario = &s,
					      .scope = ZS_SCOPE_CLASS_IDX,
					      .defer = ZS_DEFER_NONE,
					      .cpus = 2,
					      .memory = cases[i].memory };
		struct lab_result r;

		nr_looks = cases[i].looks;
		nr_stores = cases[i].stores;
		lab_explore(&c, &o, &r);
		assert_int_equal(r.finding, LAB_FOUND_NOTHING);
		assert_int_equal(r.left_out > 0, cases[i].left_out);
		assert_int_equal(r.complete, !cases[i].left_out);
	}
}

/* The longest one there is room for is whole. */
static void test_long_schedule_is_not_cut(void **state)
{
	struct lab_config c = { .scenario = lab_find_scenario("free-free"),
				.scope = ZS_SCOPE_CLASS_IDX,
				.defer = ZS_DEFER_NONE,
				.cpus = 2,
				.memory = LAB_MEMORY_C11 };
	struct lab_schedule s = { .nr = LAB_MAX_DEVIATIONS }, again;
	char text[LAB_SCHEDULE_TEXT];
	const char *error;

	for (unsigned int i = 0; i < s.nr; i++)
		s.at[i] =
			(struct lab_deviation){ UINT32_MAX, 0, LAB_MAX_OLDER };
	lab_print_schedule(&c, &s, text, sizeof(text));
	assert_true(strlen(text) > 512);
	assert_true(lab_parse_schedule(text, &c, &again, &error));
	assert_int_equal(again.nr, s.nr);
	assert_memory_equal(again.at, s.at, sizeof(s.at));
}

static void test_schedule_text(void **state)
{
	static const char *const good[] = {
		"free-free/held/none/2/c11/-",
		"free-free/held/none/2/tso/5b.17s1",
		"free-free/held/none/3/c11/0s15.3c",
	};
	static const char *const bad[] = {
		"free-free/held/none/2/c12/-",
		"free-free/held/none/2/c11/",
		"free-free/held/none/2/c11/5s",
		"free-free/held/none/2/c11/5s0",
		"free-free/held/none/2/c11/5s16",
		"free-free/held/none/2/c11/5s+1",
		"free-free/held/none/2/c11/c11/-",
	};
	char text[LAB_SCHEDULE_TEXT];
	struct lab_schedule s;
	struct lab_config c;
	const char *error;

	for (size_t i = 0; i < NR(good); i++) {
		assert_true(lab_parse_schedule(good[i], &c, &s, &error));
		lab_print_schedule(&c, &s, text, sizeof(text));
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < NR(bad); i++)
		if (lab_parse_schedule(bad[i], &c, &s, &error))
			fail_msg("'%s' is taken", bad[i]);
}

/* ---- random programs ------------------------------------------------------------------ */

static u32 seed;

static u32 draw(u32 n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 16) % n;
}

static int draw_order(enum litmus_kind kind)
{
	static const int both[] = { __ATOMIC_RELAXED, __ATOMIC_ACQUIRE,
				    __ATOMIC_RELEASE, __ATOMIC_ACQ_REL,
				    __ATOMIC_SEQ_CST };

	if (kind == LITMUS_FENCE)
		return both[1 + draw(4)];
	if (kind == LITMUS_LOAD || kind == LITMUS_STORE)
		return litmus_access_order(kind, draw(3));
	return both[draw(5)];
}

static void draw_program(struct litmus *p, unsigned int cpus, unsigned int ops)
{
	static const enum litmus_kind kinds[] = {
		LITMUS_LOAD,	 LITMUS_LOAD, LITMUS_STORE, LITMUS_STORE,
		LITMUS_EXCHANGE, LITMUS_ADD,  LITMUS_CAS,   LITMUS_FENCE
	};
	unsigned int accesses = 0;

	*p = (struct litmus){ .name = "random", .cpus = cpus, .words = 2 };
	for (unsigned int c = 0; c < cpus; c++) {
		p->nr[c] = ops;
		for (unsigned int i = 0; i < ops; i++) {
			struct litmus_op *op = &p->op[c][i];

			op->kind = kinds[draw(NR(kinds))];
			op->word = (u8)draw(2);
			op->value = (u8)(op->kind == LITMUS_ADD
						 ? 1
						 : 1 + accesses++ % 7);
			op->expected = (u8)draw(3);
			op->order = draw_order(op->kind);
		}
	}
}

static void check_random(unsigned int cpus, unsigned int ops,
			 unsigned int programs, unsigned int unreduced)
{
	struct litmus p;

	for (unsigned int n = 0; n < programs * times; n++) {
		seed = n + 1;
		draw_program(&p, cpus, ops);
		litmus_check(&p, n < unreduced);
	}
}

static void test_random_programs_have_their_outcomes(void **state)
{
	litmus_schedules[0] = litmus_schedules[1] = 0;
	check_random(2, 3, 200, 50);
	check_random(2, 4, 60, 10);
	check_random(3, 2, 80, 20);
	print_message("schedules: %llu without reduction, %llu with it\n",
		      (unsigned long long)litmus_schedules[0],
		      (unsigned long long)litmus_schedules[1]);
}

/* Within bounds, too, reduction loses nothing. */
static void test_reduction_loses_nothing_within_bounds(void **state)
{
	static struct litmus_outcomes all;
	struct litmus p;

	for (unsigned int n = 0; n < 60 * times; n++) {
		seed = n + 1;
		draw_program(&p, n % 2 ? 3 : 2, n % 2 ? 2 : 4);
		for (unsigned int bounds = 0; bounds < 6; bounds++)
			for (int m = LAB_MEMORY_TSO; m <= LAB_MEMORY_C11; m++) {
				litmus_explore(&p, (enum lab_memory)m,
					       bounds / 2, 1 + bounds % 2,
					       false);
				all = litmus_found;
				litmus_explore(&p, (enum lab_memory)m,
					       bounds / 2, 1 + bounds % 2,
					       true);
				litmus_compare(&p, "within bounds", &all);
			}
	}
}

/* With none, it is sc: as if each access were. */
static void test_without_stale_choices_it_is_sc(void **state)
{
	static struct litmus_outcomes sc;
	struct litmus p, strong;

	for (unsigned int n = 0; n < 100; n++) {
		seed = n + 1;
		draw_program(&p, 2, 4);
		strong = p;
		for (unsigned int c = 0; c < p.cpus; c++)
			for (unsigned int i = 0; i < p.nr[c]; i++)
				strong.op[c][i].order = __ATOMIC_SEQ_CST;
		litmus_tso(&strong, &sc);
		litmus_explore(&p, LAB_MEMORY_C11, 50, 0, true);
		litmus_compare(&p, "c11 with no stale choice", &sc);
		litmus_explore(&p, LAB_MEMORY_TSO, 50, 0, true);
		litmus_compare(&p, "tso with no stale choice", &sc);
	}
}

/* With an argument: more of everything, for a quarter of an hour. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stores_of_x86_have_one_order),
		cmocka_unit_test(test_barrier_of_all_threads),
		cmocka_unit_test(test_locks_are_in_the_order_of_sc),
		cmocka_unit_test(test_schedule_text),
		cmocka_unit_test(test_choices_left_out_are_told),
		cmocka_unit_test(test_long_schedule_is_not_cut),
		cmocka_unit_test(test_stale_read_is_told_and_replayed),
		cmocka_unit_test(test_random_programs_have_their_outcomes),
		cmocka_unit_test(test_reduction_loses_nothing_within_bounds),
		cmocka_unit_test(test_without_stale_choices_it_is_sc),
	};

	(void)argv;
	times = argc > 1 ? 20 : 1;
	return cmocka_run_group_tests(tests, open_lab, NULL);
}
