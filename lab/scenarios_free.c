/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios_free.c - scenarios in which objects are allocated and freed, and
 * nothing moves.
 */
#include "scenarios.h"

#include "compat/rcu.h"

/* Two objects in a zspage of one page. */
#define HALF 2040
/* Four objects in a zspage of three pages. */
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
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
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
	.flags = LAB_ALL_PROFILES,
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
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
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
	.flags = LAB_ALL_PROFILES,
};

/* ---- counting while others allocate ------------------------------------------- */

/* Objects in use and capacity change at the same time, but are read one after
 * the other. */
static void count_freeable(struct lab_world *w)
{
	unsigned long pages = lab_shrink_count(w);

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
	.flags = LAB_ALL_PROFILES,
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
	.flags = LAB_ALL_PROFILES,
};
