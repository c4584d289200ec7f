/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios_look.c - scenarios in which one CPU only looks: statistics, the
 * consistency check, a walk over live handles.
 */
#include "scenarios.h"

/* Two objects in a zspage of one page. */
#define HALF 2040

static void malloc_10(struct lab_world *w)
{
	lab_alloc(w, 10, HALF);
}

static void free_0_and_2(struct lab_world *w)
{
	lab_free(w, 0);
	lab_free(w, 2);
}

static void two_halves(struct lab_world *w)
{
	lab_alloc(w, 0, HALF);
	lab_alloc(w, 1, HALF);
}

static void nothing_but_slabs(struct lab_world *w)
{
	lab_alloc(w, 0, 100);
}

static void look_at_figures(struct lab_world *w)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	zs_pool_info(w->pool, &info);
	if (info.objs_inuse > info.objs_capacity)
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "%lu objects are in use of %lu", info.objs_inuse,
			      info.objs_capacity);
	if (info.pages > 16)
		uzs_lab_found(LAB_FOUND_INVARIANT, "%lu pages, of 2 at most",
			      info.pages);
}

const struct lab_scenario lab_scenario_free_stat = {
	.name = "free-stat",
	.summary = "statistics while objects are freed",
	.setup = two_halves,
	.cpu = { free_0_and_2, look_at_figures, NULL },
	.flags = LAB_ALL_PROFILES,
};

static void free_both(struct lab_world *w)
{
	lab_free(w, 0);
	lab_free(w, 1);
}

static void check_pool(struct lab_world *w)
{
	if (zs_pool_check(w->pool, NULL))
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "the consistency check finds something while a "
			      "free is on its way");
}

const struct lab_scenario lab_scenario_free_check = {
	.name = "free-check",
	.summary = "the consistency check while objects are freed",
	.setup = two_halves,
	.cpu = { free_both, check_pool, NULL },
	.flags = LAB_ALL_PROFILES,
};

const struct lab_scenario lab_scenario_malloc_check = {
	.name = "malloc-check",
	.summary = "the consistency check while a malloc makes a zspage",
	.setup = nothing_but_slabs,
	.cpu = { malloc_10, check_pool, NULL },
	.flags = LAB_ALL_PROFILES,
};

static int read_if_known(unsigned long handle, void *arg)
{
	struct lab_world *w = arg;

	/* Object 1 is never freed, so the walk must find it. */
	w->word[0] += handle == w->object[1].handle;
	return 0;
}

static void walk(struct lab_world *w)
{
	zs_for_each_live(w->pool, read_if_known, w);
	if (w->word[0] != 1)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "a live handle is seen %lu times", w->word[0]);
}

static void few_small(struct lab_world *w)
{
	lab_alloc(w, 0, HALF);
	lab_alloc(w, 1, HALF);
	lab_alloc(w, 2, HALF);
}

const struct lab_scenario lab_scenario_free_walk = {
	.name = "free-walk",
	.summary = "a walk over live handles while others come and go",
	.setup = few_small,
	.cpu = { free_0_and_2, walk, malloc_10 },
	.flags = LAB_ALL_PROFILES,
};
