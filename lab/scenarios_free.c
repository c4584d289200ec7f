/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios_free.c - scenarios in which objects are allocated and freed, and
 * nothing moves.
 */
#include "scenarios.h"

#include "compat/rcu.h"
#include "internal.h"

/* Two objects to a zspage of one page. */
#define HALF 2040
/* Four objects to a zspage of three pages. */
#define CHAIN 3064

static void free_0(struct lab_world *w)
{
	lab_free(w, 0);
}

static void free_1(struct lab_world *w)
{
	lab_free(w, 1);
}

static void malloc_10(struct lab_world *w)
{
	lab_alloc(w, 10, HALF);
}

static void malloc_11(struct lab_world *w)
{
	lab_alloc(w, 11, HALF);
}

/* ---- free-free: both objects of one zspage -------------------------------- */

static void two_halves(struct lab_world *w)
{
	lab_alloc(w, 0, HALF);
	lab_alloc(w, 1, HALF);
}

const struct lab_scenario lab_scenario_free_free = {
	.name = "free-free",
	.summary = "two frees empty one zspage; a malloc may take it",
	.setup = two_halves,
	.cpu = { free_0, free_1, malloc_10 },
	.flags = LAB_QUICK,
};

static void three_of_chain(struct lab_world *w)
{
	for (unsigned int i = 0; i < 3; i++)
		lab_alloc(w, i, CHAIN);
}

static void free_0_and_2(struct lab_world *w)
{
	lab_free(w, 0);
	lab_free(w, 2);
}

static void malloc_chain(struct lab_world *w)
{
	lab_alloc(w, 10, CHAIN);
}

const struct lab_scenario lab_scenario_free_free_chain = {
	.name = "free-free-chain",
	.summary = "three frees empty a zspage of three pages",
	.setup = three_of_chain,
	.cpu = { free_0_and_2, free_1, malloc_chain },
};

/* ---- free-malloc: the last object of a zspage ------------------------------- */

static void one_half(struct lab_world *w)
{
	lab_alloc(w, 0, HALF);
}

const struct lab_scenario lab_scenario_free_malloc = {
	.name = "free-malloc",
	.summary = "a free empties the zspage that a malloc wants",
	.setup = one_half,
	.cpu = { free_0, malloc_10, malloc_11 },
	.flags = LAB_QUICK,
};

static void nothing_but_slabs(struct lab_world *w)
{
	lab_alloc(w, 0, 100);
}

const struct lab_scenario lab_scenario_malloc_malloc = {
	.name = "malloc-malloc",
	.summary = "two mallocs each make a zspage of a class without any",
	.setup = nothing_but_slabs,
	.cpu = { malloc_10, malloc_11, free_0 },
};

/* ---- looking on ------------------------------------------------------------------ */

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
};

const struct lab_scenario lab_scenario_malloc_check = {
	.name = "malloc-check",
	.summary = "the consistency check while a malloc makes a zspage",
	.setup = nothing_but_slabs,
	.cpu = { malloc_10, check_pool, NULL },
};

/* Objects in use and places for objects grow at once, but are read one after
 * the other. */
static void count_freeable(struct lab_world *w)
{
	unsigned long pages = zs_shrink_count(w->pool);

	if (pages > 2)
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "compaction could free %lu pages, it says",
			      pages);
}

const struct lab_scenario lab_scenario_malloc_count = {
	.name = "malloc-count",
	.summary = "the shrinker counts while a malloc makes a zspage",
	.setup = two_halves,
	.cpu = { malloc_10, count_freeable, malloc_11 },
};

static int read_if_known(unsigned long handle, void *arg)
{
	struct lab_world *w = arg;

	/* Object 1 is never freed, so it must be seen. */
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
};

/* ---- a lookup under RCU, as a cache has it --------------------------------------- */

static void publish(struct lab_world *w)
{
	lab_alloc(w, 0, HALF);
	lab_alloc(w, 1, HALF);
	w->word[0] = w->object[0].handle;
}

static void look_up_and_read(struct lab_world *w)
{
	unsigned long handle;

	rcu_read_lock();
	handle = rcu_dereference(w->word[0]);
	if (handle)
		lab_read(w, 0);
	rcu_read_unlock();
}

static void unpublish_and_free(struct lab_world *w)
{
	rcu_assign_pointer(w->word[0], 0ul);
	synchronize_rcu();
	lab_free(w, 0);
}

const struct lab_scenario lab_scenario_rcu_free = {
	.name = "rcu-free",
	.summary = "a reader under RCU, and a free after a grace period",
	.setup = publish,
	.cpu = { look_up_and_read, unpublish_and_free, look_up_and_read },
};
