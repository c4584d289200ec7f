/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_scenarios.c - the scenarios of a kernel's file: those of lab/ that make
 * sense for it, and some of its own.
 */
#include "kernel/lab_scenarios.h"

#include "lab/scenarios.h"
#include "uzs-tree.h"

/* Two objects in a zspage of one page; four in one of three pages. */
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

static void free_both(struct lab_world *w)
{
	lab_free(w, 0);
	lab_free(w, 1);
}

static void read_1(struct lab_world *w)
{
	lab_read(w, 1);
}

static void write_1(struct lab_world *w)
{
	lab_write(w, 1, 0x77);
	lab_read(w, 1);
}

static void malloc_10(struct lab_world *w)
{
	lab_alloc(w, 10, CHAIN);
}

static void malloc_11(struct lab_world *w)
{
	lab_alloc(w, 11, HALF);
}

/* ---- page migration --------------------------------------------------------- */

/* Objects 0 to 2 in a zspage of three pages: 1 lies in the first two pages, 2
 * in the last two. The first and the second page move. */
static void chain(struct lab_world *w)
{
	for (unsigned int i = 0; i < 3; i++)
		lab_alloc(w, i, CHAIN);
	lab_make_sparse(w, 2);
	w->word[LAB_MOVES_TOO] = (unsigned long)lab_page(w, 0);
}

static const struct lab_scenario read_migrate_chain = {
	.name = "read-migrate-chain",
	.summary = "an object in two pages is read while the second one moves",
	.setup = chain,
	.cpu = { read_1, lab_migrate_pages, free_0 },
};

static const struct lab_scenario write_migrate_chain = {
	.name = "write-migrate-chain",
	.summary = "the same, written and read",
	.setup = chain,
	.cpu = { write_1, lab_migrate_pages, NULL },
};

static const struct lab_scenario malloc_migrate = {
	.name = "malloc-migrate",
	.summary = "a malloc takes an object of a zspage whose page moves",
	.setup = chain,
	.cpu = { malloc_10, lab_migrate_pages, free_1 },
};

static const struct lab_scenario migrate_migrate = {
	.name = "migrate-migrate",
	.summary = "two pages of a zspage move, and an object is freed",
	.setup = chain,
	.cpu = { lab_migrate_pages, lab_migrate_second, free_1 },
};

/* One object is left in the zspage: a free makes it empty while two pages
 * move. */
static void last_of_chain(struct lab_world *w)
{
	chain(w);
	lab_free(w, 0);
	lab_free(w, 2);
}

static const struct lab_scenario free_migrate_second = {
	.name = "free-migrate-second",
	.summary = "the last object is freed while the second page moves",
	.setup = last_of_chain,
	.cpu = { free_1, lab_migrate_pages, malloc_10 },
};

static const struct lab_scenario read_free_migrate = {
	.name = "read-free-migrate",
	.summary = "an object is read, its neighbour freed, its page moves",
	.setup = chain,
	.cpu = { read_1, free_0, lab_migrate_pages },
};

/* ---- looking on ---------------------------------------------------------------- */

static void two_halves(struct lab_world *w)
{
	lab_alloc(w, 0, HALF);
	lab_alloc(w, 1, HALF);
}

static void print_classes(struct lab_world *w)
{
	(void)w;
	lab_print_classes();
}

static const struct lab_scenario free_classes = {
	.name = "free-classes",
	.summary = "the file `classes' is read while objects are freed",
	.setup = two_halves,
	.cpu = { free_both, print_classes, malloc_11 },
};

/* ---- the end -------------------------------------------------------------------- */

static void destroy(struct lab_world *w)
{
	(void)w;
	lab_destroy();
}

static void sparse_halves(struct lab_world *w)
{
	two_halves(w);
	lab_make_sparse(w, 0);
}

static const struct lab_scenario free_destroy = {
	.name = "free-destroy",
	.summary = "the pool is destroyed after a page moved and objects went",
	.setup = sparse_halves,
	.cpu = { free_0, free_1, lab_migrate_pages },
	.after = destroy,
	.flags = LAB_DESTROYS,
};

static void one_half(struct lab_world *w)
{
	lab_alloc(w, 0, HALF);
	lab_make_sparse(w, 0);
}

static void free_and_destroy(struct lab_world *w)
{
	lab_free(w, 0);
	lab_destroy_pool();
}

static const struct lab_scenario migrate_destroy = {
	.name = "migrate-destroy",
	.summary = "the last object goes, and the pool, while a page moves",
	.setup = one_half,
	.cpu = { free_and_destroy, lab_migrate_pages, NULL },
	.after = destroy,
	.flags = LAB_DESTROYS,
};

static void isolated_and_free(struct lab_world *w)
{
	one_half(w);
	lab_isolate(w);
	lab_free(w, 0);
}

static void destroy_pool(struct lab_world *w)
{
	(void)w;
	lab_destroy_pool();
}

static const struct lab_scenario isolated_destroy = {
	.name = "isolated-destroy",
	.summary = "the pool goes while a page of it is isolated",
	.setup = isolated_and_free,
	.cpu = { destroy_pool, lab_migrate_isolated, NULL },
	.after = destroy,
	.flags = LAB_DESTROYS,
};

/* Without those of zs_trim: here it would only move pages, which others do. */
#define ENTRY(name) &lab_scenario_##name,
const struct lab_scenario *const lab_scenarios[] = {
	LAB_FREE_SCENARIOS(ENTRY) & lab_scenario_free_migrate,
	&lab_scenario_free_migrate_chain,
	&free_migrate_second,
	&lab_scenario_read_migrate,
	&read_migrate_chain,
	&lab_scenario_write_migrate,
	&write_migrate_chain,
	&malloc_migrate,
	&migrate_migrate,
	&read_free_migrate,
	&lab_scenario_free_compact,
	&lab_scenario_read_compact,
	&lab_scenario_compact_compact,
	&lab_scenario_compact_migrate,
	&lab_scenario_shrink_free,
	&lab_scenario_async_malloc,
	&lab_scenario_async_migrate,
	&free_classes,
	&free_destroy,
	&migrate_destroy,
	&isolated_destroy,
#if UZS_K_EVICTS
	LAB_RECLAIM_SCENARIOS(ENTRY)
#endif
		NULL
};
