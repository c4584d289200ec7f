/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios_settle.c - scenarios of the user profile in which zspages settle: the
 * worker's job, called by a CPU, moves full ones into a new section. In the lab it
 * is as all others, but has memory everywhere.
 */
#include "scenarios_ref.h"

#include "profile.h"

/* Two in a zspage of three pages; a section has five of these. */
#define LONG 6128
#define NR_LONG 10
/* Three in a zspage of two pages; a section has seven of these, and a page
 * behind them. */
#define SHORT 2712
#define NR_SHORT 21

static void settle(struct lab_world *w)
{
	w->pool->profile->settle(w->pool);
}

/* It runs beside calls that do not keep it from that. */
static void check_settled(struct lab_world *w)
{
	if (w->pool->user->runs.nr_huge != 1)
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "%lu sections were filled, not one",
			      w->pool->user->runs.nr_huge);
}

/* Five full zspages. */
static void full(struct lab_world *w)
{
	for (unsigned int i = 0; i < NR_LONG; i++)
		store_bytes(w, i, LONG);
}

/* ---- what CPUs do ------------------------------------------------------------ */

static void read_0(struct lab_world *w)
{
	read_in_place(w, 0);
}

static void load_9(struct lab_world *w)
{
	load(w, 9);
}

static void write_0(struct lab_world *w)
{
	write_in_place(w, 0);
	load(w, 0);
}

static void write_9(struct lab_world *w)
{
	write_in_place(w, 9);
	load(w, 9);
}

static void free_0(struct lab_world *w)
{
	free_ref(w, 0);
}

static void free_8(struct lab_world *w)
{
	free_ref(w, 8);
}

static void free_9(struct lab_world *w)
{
	free_ref(w, 9);
}

/* All of a zspage. */
static void free_8_and_9(struct lab_world *w)
{
	free_ref(w, 8);
	free_ref(w, 9);
}

static void free_0_and_1(struct lab_world *w)
{
	free_ref(w, 0);
	free_ref(w, 1);
}

static void store_10(struct lab_world *w)
{
	store_bytes(w, 10, LONG);
	load(w, 10);
}

static void store_11(struct lab_world *w)
{
	store_bytes(w, 11, LONG);
	load(w, 11);
}

static void store_over_0(struct lab_world *w)
{
	store_bytes(w, 0, LONG);
	load(w, 0);
}

/* By one of another class. */
static void store_short_over_9(struct lab_world *w)
{
	store_bytes(w, 9, SHORT);
	load(w, 9);
}

static void move_0_and_write(struct lab_world *w)
{
	move_ref(w, 12, 0);
	write_in_place(w, 12);
	load(w, 12);
}

static void move_9(struct lab_world *w)
{
	move_ref(w, 13, 9);
}

/* ---- scenarios ---------------------------------------------------------------- */

const struct lab_scenario lab_scenario_settle_read = {
	.name = "settle-read",
	.summary =
		"objects are read, in place and copied, while zspages settle",
	.setup = full,
	.cpu = { read_0, settle, load_9 },
	.check = check_settled,
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_settle_write = {
	.name = "settle-write",
	.summary = "objects are written in place while zspages settle",
	.setup = full,
	.cpu = { write_0, settle, write_9 },
	.check = check_settled,
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

const struct lab_scenario lab_scenario_settle_free = {
	.name = "settle-free",
	.summary = "objects are freed while zspages settle",
	.setup = full,
	.cpu = { free_0, settle, free_9 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_settle_empty = {
	.name = "settle-empty",
	.summary = "zspages are emptied while they settle",
	.setup = full,
	.cpu = { free_8_and_9, settle, free_0_and_1 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_settle_store = {
	.name = "settle-store",
	.summary = "objects are stored while zspages settle",
	.setup = full,
	.cpu = { store_10, settle, store_11 },
	.check = check_settled,
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_settle_over = {
	.name = "settle-over",
	.summary = "objects are overwritten and replaced while zspages settle",
	.setup = full,
	.cpu = { store_over_0, settle, store_short_over_9 },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

const struct lab_scenario lab_scenario_settle_move = {
	.name = "settle-move",
	.summary = "records move while zspages settle",
	.setup = full,
	.cpu = { move_0_and_write, settle, move_9 },
	.check = check_settled,
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

/* A gap in each of two more zspages. */
static void full_and_gaps(struct lab_world *w)
{
	full(w);
	for (unsigned int i = 10; i < 14; i++)
		store_bytes(w, i, LONG);
	free_ref(w, 10);
	free_ref(w, 12);
	w->pool->profile->free_kept(w->pool);
}

const struct lab_scenario lab_scenario_settle_compact = {
	.name = "settle-compact",
	.summary = "compaction and settling move objects of one class",
	.setup = full_and_gaps,
	.cpu = { lab_compact, settle, free_9 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_settle_trim = {
	.name = "settle-trim",
	.summary = "zs_trim gives back beside settling",
	.setup = full_and_gaps,
	.cpu = { lab_trim, settle, free_9 },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

const struct lab_scenario lab_scenario_settle_check = {
	.name = "settle-check",
	.summary = "the consistency check while zspages settle",
	.setup = full,
	.cpu = { lab_call_check, settle, NULL },
	.check = check_settled,
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

/* There is room for one section of huge pages, or for what is stored. */
static void full_at_limit(struct lab_world *w)
{
	struct zone *zone = &w->pool->zone;

	full(w);
	zone->limit = zone->limit_wanted =
		zone->charged + UZS_SECTION_SIZE + w->pool->page_size;
}

const struct lab_scenario lab_scenario_settle_limit = {
	.name = "settle-limit",
	.summary = "at the limit a store meets settling, which takes room",
	.setup = full_at_limit,
	.cpu = { store_10, settle, lab_compact },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

/* ---- fork --------------------------------------------------------------------- */

static void fork_in_parent(struct lab_world *w)
{
	struct settle *s = &w->pool->user->settle;

	zs_fork_prepare(w->pool);
	if (s->src || s->dst)
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "a fork meets the middle of settling");
	uzs_lab_yield();
	zs_fork_parent(w->pool);
}

const struct lab_scenario lab_scenario_settle_fork = {
	.name = "settle-fork",
	.summary = "the parent's side of a fork beside settling",
	.setup = full,
	.cpu = { fork_in_parent, settle, free_0 },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

static void destroy_child(struct lab_world *w)
{
	zs_destroy_pool(w->pool);
}

static void fork_in_child(struct lab_world *w)
{
	zs_fork_prepare(w->pool);
	end_all_others();
	zs_fork_child(w->pool);
	if (w->pool->user->settle.src || w->pool->user->settle.dst)
		uzs_lab_found(LAB_FOUND_LEAK,
			      "in the child nobody moves zspages, but one is "
			      "chosen");
	store_10(w);
	free_0(w);
	settle(w);
	load_9(w);
	if (zs_pool_check(w->pool, NULL))
		uzs_lab_found(LAB_FOUND_INVARIANT, "in the child of a fork");
}

const struct lab_scenario lab_scenario_settle_fork_child = {
	.name = "settle-fork-child",
	.summary = "the child of a fork that met settling",
	.setup = full,
	.cpu = { fork_in_child, settle, free_8 },
	.after = destroy_child,
	.defers = ONLY_REFS,
	.flags = LAB_DESTROYS | LAB_USER,
};

/* ---- what has settled ----------------------------------------------------------- */

/* Seven zspages have. One is free now, one has one object, at its end. */
static void settled(struct lab_world *w)
{
	for (unsigned int i = 0; i < NR_SHORT; i++)
		store_bytes(w, i, SHORT);
	settle(w);
	w->word[0] = w->pool->user->runs.nr_huge;
	for (unsigned int i = 0; i < 5; i++)
		free_ref(w, i);
	w->pool->profile->free_kept(w->pool);
}

static void write_5(struct lab_world *w)
{
	write_in_place(w, 5);
	load(w, 5);
}

static void store_short_22(struct lab_world *w)
{
	store_bytes(w, 22, SHORT);
	load(w, 22);
}

static void check_split(struct lab_world *w)
{
	if (w->word[0] != 1)
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "%lu sections were filled, not one", w->word[0]);
	if (w->pool->user->runs.nr_huge)
		uzs_lab_found(
			LAB_FOUND_INVARIANT,
			"a section of which pieces were given back counts "
			"as huge");
}

const struct lab_scenario lab_scenario_settled_trim = {
	.name = "settled-trim",
	.summary = "a section of huge pages is given back in pieces",
	.setup = settled,
	.cpu = { write_5, lab_trim, store_short_22 },
	.check = check_split,
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

/* The last object of a zspage is freed, and its place used again. */
static void free_5_and_store(struct lab_world *w)
{
	free_ref(w, 5);
	store_short_22(w);
}

const struct lab_scenario lab_scenario_settled_free = {
	.name = "settled-free",
	.summary = "the same while objects come and go",
	.setup = settled,
	.cpu = { free_5_and_store, lab_trim, settle },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};
