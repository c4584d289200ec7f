/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios_move.c - scenarios in which objects or pages move. */
#include "scenarios.h"

#include "compat/zone.h"

#define HALF 2040
#define CHAIN 3064

static void free_0(struct lab_world *w)
{
	lab_free(w, 0);
}

static void free_1(struct lab_world *w)
{
	lab_free(w, 1);
}

static void read_0(struct lab_world *w)
{
	lab_read(w, 0);
}

static void read_1(struct lab_world *w)
{
	lab_read(w, 1);
}

static void write_0(struct lab_world *w)
{
	lab_write(w, 0, 0x77);
	lab_read(w, 0);
}

static void malloc_10(struct lab_world *w)
{
	lab_alloc(w, 10, HALF);
}

/* ---- page migration --------------------------------------------------------- */

static void sparse_halves(struct lab_world *w)
{
	lab_alloc(w, 0, HALF);
	lab_alloc(w, 1, HALF);
	lab_make_sparse(w, 0);
}

static void sparse_chain(struct lab_world *w)
{
	lab_alloc(w, 0, CHAIN);
	lab_make_sparse(w, 0);
}

static void sparse_half(struct lab_world *w)
{
	lab_alloc(w, 0, HALF);
	lab_make_sparse(w, 0);
}

const struct lab_scenario lab_scenario_free_migrate = {
	.name = "free-migrate",
	.summary = "the last object of a zspage is freed while its page moves",
	.setup = sparse_half,
	.cpu = { free_0, lab_migrate_pages, malloc_10 },
	.flags = LAB_QUICK,
};

const struct lab_scenario lab_scenario_free_migrate_chain = {
	.name = "free-migrate-chain",
	.summary = "the same, of a zspage of three pages",
	.setup = sparse_chain,
	.cpu = { free_0, lab_migrate_pages, NULL },
};

const struct lab_scenario lab_scenario_read_migrate = {
	.name = "read-migrate",
	.summary = "an object is read while its page moves",
	.setup = sparse_halves,
	.cpu = { read_0, lab_migrate_pages, free_1 },
	.flags = LAB_QUICK,
};

const struct lab_scenario lab_scenario_write_migrate = {
	.name = "write-migrate",
	.summary = "an object is written and read while its page moves",
	.setup = sparse_halves,
	.cpu = { write_0, lab_migrate_pages, free_1 },
	.flags = LAB_QUICK,
};

/* ---- compaction ---------------------------------------------------------------- */

/* Two zspages with room for two objects and one object each: one of them can be
 * emptied. */
static void two_of_four(struct lab_world *w)
{
	for (unsigned int i = 0; i < 4; i++)
		lab_alloc(w, i, HALF);
	lab_free(w, 2);
	lab_free(w, 3);
	lab_alloc(w, 2, HALF);
	lab_alloc(w, 3, HALF);
	lab_free(w, 1);
	lab_free(w, 3);
	w->object[1] = w->object[2];
	w->object[1].fill = 0;
	w->object[2].handle = 0;
	lab_write(w, 1, 2);
}

const struct lab_scenario lab_scenario_free_compact = {
	.name = "free-compact",
	.summary = "an object is freed while compaction wants to move it",
	.setup = two_of_four,
	.cpu = { free_0, lab_compact, free_1 },
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
};

const struct lab_scenario lab_scenario_read_compact = {
	.name = "read-compact",
	.summary = "an object is read while compaction wants to move it",
	.setup = two_of_four,
	.cpu = { read_0, lab_compact, read_1 },
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
};

const struct lab_scenario lab_scenario_compact_compact = {
	.name = "compact-compact",
	.summary = "two compactions, and a free",
	.setup = two_of_four,
	.cpu = { lab_compact, lab_compact, free_0 },
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
};

static void sparse_two_of_four(struct lab_world *w)
{
	two_of_four(w);
	lab_make_sparse(w, 0);
}

const struct lab_scenario lab_scenario_compact_migrate = {
	.name = "compact-migrate",
	.summary = "objects move while pages move",
	.setup = sparse_two_of_four,
	.cpu = { lab_compact, lab_migrate_pages, free_0 },
};

const struct lab_scenario lab_scenario_shrink_free = {
	.name = "shrink-free",
	.summary = "the shrinker while an object is freed",
	.setup = two_of_four,
	.cpu = { lab_shrink, free_0, lab_shrink },
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
};

/* ---- the async free work ---------------------------------------------------------- */

/* An empty zspage in group 0: it was emptied while one of its pages was locked,
 * as migration does, and the free work is queued. */
static void left_in_group_0(struct lab_world *w)
{
	struct page *page;

	lab_alloc(w, 0, HALF);
	page = lab_page(w, 0);
	lock_page(page);
	lab_free(w, 0);
	unlock_page(page);
}

const struct lab_scenario lab_scenario_async_malloc = {
	.name = "async-malloc",
	.summary = "the async work frees a zspage that a malloc wants",
	.setup = left_in_group_0,
	.cpu = { malloc_10, lab_drain, lab_drain },
	.flags = LAB_QUICK | LAB_NO_WORKER,
};

/* As left_in_group_0, with three pages that migration wants to move. */
static void sparse_in_group_0(struct lab_world *w)
{
	struct page *page;

	lab_alloc(w, 0, CHAIN);
	lab_make_sparse(w, 0);
	page = lab_page(w, 0);
	lock_page(page);
	lab_free(w, 0);
	unlock_page(page);
}

const struct lab_scenario lab_scenario_async_migrate = {
	.name = "async-migrate",
	.summary = "the async work frees a zspage whose pages move",
	.setup = sparse_in_group_0,
	.cpu = { lab_drain, lab_migrate_pages, NULL },
	.flags = LAB_QUICK | LAB_NO_WORKER,
};

/* ---- giving back all there is ------------------------------------------------------- */

const struct lab_scenario lab_scenario_free_trim = {
	.name = "free-trim",
	.summary = "all of zs_trim while an object is freed",
	.setup = sparse_halves,
	.cpu = { free_0, lab_trim, free_1 },
};

const struct lab_scenario lab_scenario_trim_malloc = {
	.name = "trim-malloc",
	.summary = "all of zs_trim while another malloc needs pages",
	.setup = sparse_half,
	.cpu = { malloc_10, lab_trim, lab_trim },
};
