/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lab_front.c - what lab/body/lab.h has for code that is not ours (a
 * kernel's file, kernel/): variables that are restored, waiting for a page's
 * lock without taking it, locks whose order the caller answers for, asking if a
 * spin lock is wanted, and places of calls.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "lab_test.h"

#include <string.h>

#include "compat/zone.h"

#define HALF 2040

static const struct lab_config two = { .scope = ZS_SCOPE_CLASS_IDX,
				       .defer = ZS_DEFER_NONE,
				       .cpus = 2 };

static void expect(const struct lab_scenario *s, enum uzs_lab_finding finding,
		   const char *text)
{
	struct lab_result r;

	explore_two(s, 2, true, &r);
	if (r.finding != finding || !strstr(r.text, text))
		fail_msg("found '%s' (%s), not '%s' (%s)",
			 uzs_lab_finding_name(r.finding), r.text,
			 uzs_lab_finding_name(finding), text);
	if (finding == LAB_FOUND_NOTHING)
		assert_true(r.complete && r.runs > 1);
}

/* ---- variables --------------------------------------------------------------- */

static unsigned long kept[3] = { 1, 2, 3 };
static unsigned long not_kept;

static int open_lab_and_keep(void **state)
{
	if (open_lab(state))
		return -1;
	return uzs_lab_keep(kept, sizeof(kept)) ? 0 : -1;
}

static void set_kept(struct lab_world *w)
{
	(void)w;
	kept[1] = 20;
}

static void add_to_kept(struct lab_world *w)
{
	(void)w;
	kept[0]++;
	not_kept++;
	uzs_lab_yield();
	kept[2] = kept[0];
}

static void check_kept(struct lab_world *w)
{
	(void)w;
	if (kept[0] != 3 || kept[1] != 20 || kept[2] < 2)
		uzs_lab_found(LAB_FOUND_INVARIANT, "%lu %lu %lu", kept[0],
			      kept[1], kept[2]);
}

static void test_kept_words_survive_runs(void **state)
{
	const struct lab_scenario s = { .name = "kept",
					.setup = set_kept,
					.cpu = { add_to_kept, add_to_kept },
					.check = check_kept };

	(void)state;
	expect(&s, LAB_FOUND_NOTHING, "");
	assert_true(not_kept > 2); /* there was more than one run */
	uzs_lab_clear();
	assert_int_equal(kept[0], 1);
	assert_int_equal(kept[1], 2);
	assert_int_equal(kept[2], 3);
}

/* ---- waiting for a page's lock -------------------------------------------------- */

static void one_object(struct lab_world *w)
{
	lab_alloc(w, 0, HALF);
}

static void lock_and_try(struct lab_world *w)
{
	struct page *page = lab_page(w, 0);

	lock_page(page);
	unlock_page(page);
	if (!trylock_page(page))
		uzs_lab_found(LAB_FOUND_INVARIANT, "somebody took the lock");
	else
		unlock_page(page);
}

static void wait_on_page(struct lab_world *w)
{
	uzs_lab_wait_on_page(lab_page(w, 0), UZS_HERE);
}

static void lock_and_unlock(struct lab_world *w)
{
	lock_page(lab_page(w, 0));
	unlock_page(lab_page(w, 0));
}

static void lock_and_wait(struct lab_world *w)
{
	lock_page(lab_page(w, 0));
	wait_on_page(w);
}

static void test_wait_on_page_takes_no_lock(void **state)
{
	const struct lab_scenario waits = { .name = "waits",
					    .setup = one_object,
					    .cpu = { lock_and_try,
						     wait_on_page } };
	const struct lab_scenario takes = { .name = "takes",
					    .setup = one_object,
					    .cpu = { lock_and_try,
						     lock_and_unlock } };
	const struct lab_scenario never = { .name = "never",
					    .setup = one_object,
					    .cpu = { lock_and_wait,
						     wait_on_page } };

	(void)state;
	expect(&waits, LAB_FOUND_NOTHING, "");
	expect(&takes, LAB_FOUND_INVARIANT, "somebody took the lock");
	expect(&never, LAB_FOUND_DEADLOCK, "waits: wait_on_page_locked");
}

/* ---- two locks of one class ------------------------------------------------------- */

/* One place, so one class. */
static void init_both(struct lab_world *w)
{
	for (int i = 0; i < 2; i++)
		spin_lock_init(&w->lock[i]);
}

static void nested(struct lab_world *w)
{
	spin_lock(&w->lock[0]);
	uzs_lab_spin_lock_nested(&w->lock[1], UZS_HERE);
	spin_unlock(&w->lock[1]);
	spin_unlock(&w->lock[0]);
}

static void not_nested(struct lab_world *w)
{
	spin_lock(&w->lock[0]);
	spin_lock(&w->lock[1]);
	spin_unlock(&w->lock[1]);
	spin_unlock(&w->lock[0]);
}

static void inner(struct lab_world *w)
{
	spin_lock(&w->lock[1]);
	spin_unlock(&w->lock[1]);
}

static void test_nested_locks_of_a_class_have_an_order(void **state)
{
	const struct lab_scenario good = { .name = "good",
					   .setup = init_both,
					   .cpu = { nested, inner } };
	const struct lab_scenario bad = { .name = "bad",
					  .setup = init_both,
					  .cpu = { not_nested, inner } };

	(void)state;
	expect(&good, LAB_FOUND_NOTHING, "");
	expect(&bad, LAB_FOUND_ORDER, "");
}

/* ---- is it wanted? ---------------------------------------------------------------- */

static unsigned int wanted, not_wanted; /* of all runs */

static void lock_and_ask(struct lab_world *w)
{
	spin_lock(&w->lock[1]);
	if (spin_is_contended(&w->lock[1]))
		wanted++;
	else
		not_wanted++;
	spin_unlock(&w->lock[1]);
}

static void test_lock_knows_if_it_is_wanted(void **state)
{
	const struct lab_scenario s = { .name = "contended",
					.setup = init_both,
					.cpu = { lock_and_ask, inner } };

	(void)state;
	expect(&s, LAB_FOUND_NOTHING, "");
	assert_true(wanted > 0);
	assert_true(not_wanted > 0);
}

/* ---- places --------------------------------------------------------------------------- */

static int line_of_call;

static void read_from_here(struct lab_world *w)
{
	const struct uzs_place *before;

	line_of_call = __LINE__ + 1;
	before = uzs_lab_from(UZS_HERE);
	lab_read(w, 0);
	uzs_lab_from(before);
	lab_read(w, 0);
}

static void test_call_is_shown_before_its_step(void **state)
{
	const struct lab_scenario s = { .name = "places",
					.setup = one_object,
					.cpu = { read_from_here, inner } };
	const struct lab_schedule none = { .nr = 0 };
	struct lab_trace trace = { 0 };
	struct lab_config c = two;
	struct lab_result r;
	char *text = NULL, expected[64];
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	c.scenario = &s;
	replay_steps(&c, &none, 500, &r, &trace);
	assert_int_equal(r.finding, LAB_FOUND_NOTHING);
	lab_print_table(&trace, true, out);
	lab_free_trace(&trace);
	fclose(out);
	/* The call first, then the step's own place; without one, only that. */
	snprintf(expected, sizeof(expected),
		 "test_lab_front.c:%d (access.c:", line_of_call);
	assert_non_null(strstr(text, expected));
	assert_non_null(strstr(text, " src/kernel/access.c:"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_words_survive_runs),
		cmocka_unit_test(test_wait_on_page_takes_no_lock),
		cmocka_unit_test(test_nested_locks_of_a_class_have_an_order),
		cmocka_unit_test(test_lock_knows_if_it_is_wanted),
		cmocka_unit_test(test_call_is_shown_before_its_step),
	};

	return cmocka_run_group_tests(tests, open_lab_and_keep, NULL);
}
