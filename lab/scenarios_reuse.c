/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios_reuse.c - scenarios of objects that are kept for the next
 * allocation. In the lab a CPU keeps one handle staged, and two on the stack of
 * a class. What a setup frees is kept by CPU 0. Functions "on CPU 0" stand for
 * threads that were moved there: they use its slot, and it may be busy.
 */
#include "scenarios.h"

#include "kernel/reuse.h"

#define HALF 2040
#define SMALL 100
#define REUSE LAB_DEFER(ZS_DEFER_REUSE)

static void alloc_halves(struct lab_world *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		lab_alloc(w, i, HALF);
}

/* Allocates and writes an object. If two CPUs get the same one, one of them
 * finds it changed. */
static void alloc_and_write(struct lab_world *w, unsigned int slot)
{
	lab_alloc(w, slot, HALF);
	w->object[slot].size = HALF;
	lab_write(w, slot, (u8)(0x40 + slot));
}

static void malloc_10(struct lab_world *w)
{
	lab_alloc(w, 10, HALF);
}

static void malloc_11_on_cpu_0(struct lab_world *w)
{
	uzs_lab_set_cpu(0);
	lab_alloc(w, 11, HALF);
}

static void later_3(struct lab_world *w)
{
	lab_free_later(w, 3);
}

static void later_3_on_cpu_0(struct lab_world *w)
{
	uzs_lab_set_cpu(0);
	lab_free_later(w, 3);
}

static void flush(struct lab_world *w)
{
	zs_free_deferred_flush(w->pool);
}

void lab_call_check(struct lab_world *w)
{
	if (zs_pool_check(w->pool, NULL))
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "the consistency check finds something while "
			      "objects are kept");
}

/* ---- keeping and taking ----------------------------------------------------- */

/* The stack of CPU 0 has object 0; staged: 1. */
static void one_on_stack(struct lab_world *w)
{
	alloc_halves(w, 4);
	lab_free_later(w, 0);
	lab_free_later(w, 1);
}

/* The stack of CPU 0 has objects 0 and 1, and is full; staged: 2. */
static void full_stack(struct lab_world *w)
{
	alloc_halves(w, 4);
	for (unsigned int i = 0; i < 3; i++)
		lab_free_later(w, i);
}

static void keep_2_and_take(struct lab_world *w)
{
	lab_free_later(w, 2);
	lab_alloc(w, 10, HALF);
}

const struct lab_scenario lab_scenario_keep_take = {
	.name = "keep-take",
	.summary = "threads on one CPU keep objects and take them",
	.setup = one_on_stack,
	.cpu = { keep_2_and_take, malloc_11_on_cpu_0, later_3_on_cpu_0 },
	.after = lab_flush_and_look,
	.defers = REUSE,
	.flags = LAB_QUICK,
};

const struct lab_scenario lab_scenario_evict_take = {
	.name = "evict-take",
	.summary = "the oldest is freed for one more, and the newest is taken",
	.setup = full_stack,
	.cpu = { later_3, malloc_11_on_cpu_0, malloc_10 },
	.after = lab_flush_and_look,
	.defers = REUSE,
	.flags = LAB_QUICK,
};

/* ---- flushes ---------------------------------------------------------------- */

/* Without object 0, which lab_later_then_flush frees. */
static void two_but_0(struct lab_world *w)
{
	alloc_halves(w, 4);
	lab_free_later(w, 1);
	lab_free_later(w, 2);
}

/* Takes a kept handle, keeps it again, and takes again: most likely the same
 * one. */
static void take_and_keep_on_cpu_0(struct lab_world *w)
{
	uzs_lab_set_cpu(0);
	lab_alloc(w, 10, HALF);
	lab_free_later(w, 10);
	lab_alloc(w, 11, HALF);
}

const struct lab_scenario lab_scenario_flush_take = {
	.name = "flush-take",
	.summary = "a flush frees what others on its CPU take and keep",
	.setup = two_but_0,
	.cpu = { lab_later_then_flush, take_and_keep_on_cpu_0, later_3 },
	.after = lab_flush_and_look,
	.defers = REUSE,
	.flags = LAB_QUICK,
};

/* The stack of CPU 0 has objects 1 and 2, and is full; staged: 4. */
static void full_but_0(struct lab_world *w)
{
	alloc_halves(w, 5);
	lab_free_later(w, 1);
	lab_free_later(w, 2);
	lab_free_later(w, 4);
}

const struct lab_scenario lab_scenario_flush_evict = {
	.name = "flush-evict",
	.summary = "a flush finds that others on its CPU free the oldest",
	.setup = full_but_0,
	.cpu = { lab_later_then_flush, later_3_on_cpu_0, malloc_10 },
	.after = lab_flush_and_look,
	.defers = REUSE,
	.flags = LAB_QUICK,
};

/* ---- age -------------------------------------------------------------------- */

/* The aging work ran once. Objects 0 and 1 on the stack are freed next time, if
 * they are not taken before. */
static void looked_at_once(struct lab_world *w)
{
	alloc_halves(w, 4);
	lab_free_later(w, 0);
	lab_free_later(w, 1);
	zs_drain(w->pool);
}

/* The clock stands still, but zs_drain does not wait until work is due. */
static void time_goes_by(struct lab_world *w)
{
	zs_drain(w->pool);
}

const struct lab_scenario lab_scenario_age_take = {
	.name = "age-take",
	.summary = "what is old is freed while others on its CPU keep and take",
	.setup = looked_at_once,
	.cpu = { keep_2_and_take, time_goes_by, later_3_on_cpu_0 },
	.after = lab_flush_and_look,
	.defers = REUSE,
	.flags = LAB_QUICK,
};

static void destroy(struct lab_world *w)
{
	zs_destroy_pool(w->pool);
}

const struct lab_scenario lab_scenario_age_destroy = {
	.name = "age-destroy",
	.summary =
		"a pool that keeps objects is destroyed, and the work queued",
	.setup = looked_at_once,
	.cpu = { later_3, time_goes_by, malloc_11_on_cpu_0 },
	.after = destroy,
	.defers = REUSE,
	.flags = LAB_QUICK | LAB_DESTROYS,
};

/* ---- what is kept moves ----------------------------------------------------------- */

/* Two zspages with one object each: compaction can empty one of them. One of
 * the objects, 2, is staged. */
static void kept_can_move(struct lab_world *w)
{
	alloc_halves(w, 4);
	lab_alloc(w, 4, SMALL);
	lab_free(w, 1);
	lab_free(w, 3);
	lab_free_later(w, 2);
}

/* Keeps object 4, so that the staged handle comes onto the stack, and takes
 * from the stack. */
static void keep_4_and_take(struct lab_world *w)
{
	lab_free_later(w, 4);
	alloc_and_write(w, 10);
}

static void read_0(struct lab_world *w)
{
	lab_read(w, 0);
}

const struct lab_scenario lab_scenario_kept_compact = {
	.name = "kept-compact",
	.summary = "an object is kept and taken while compaction moves it",
	.setup = kept_can_move,
	.cpu = { keep_4_and_take, lab_compact, read_0 },
	.after = lab_flush_and_look,
	.defers = REUSE,
	.flags = LAB_QUICK,
};

static void kept_in_sparse(struct lab_world *w)
{
	alloc_halves(w, 2);
	lab_alloc(w, 4, SMALL);
	lab_make_sparse(w, 0);
	lab_free_later(w, 0);
}

static void later_1_on_cpu_0(struct lab_world *w)
{
	uzs_lab_set_cpu(0);
	lab_free_later(w, 1);
}

const struct lab_scenario lab_scenario_kept_migrate = {
	.name = "kept-migrate",
	.summary = "an object is kept and taken while its page moves",
	.setup = kept_in_sparse,
	.cpu = { keep_4_and_take, lab_migrate_pages, later_1_on_cpu_0 },
	.after = lab_flush_and_look,
	.defers = REUSE,
	.flags = LAB_QUICK,
};

const struct lab_scenario lab_scenario_kept_trim = {
	.name = "kept-trim",
	.summary = "the same, and the page's section is given back",
	.setup = kept_in_sparse,
	.cpu = { keep_4_and_take, lab_trim, later_1_on_cpu_0 },
	.after = lab_flush_and_look,
	.defers = REUSE,
};

/* ---- others that look at all slots --------------------------------------------------- */

static void enable_buffers(struct lab_world *w)
{
	if (zs_pool_enable_deferred_free(w->pool, NULL, NULL))
		uzs_lab_found(LAB_FOUND_INVARIANT, "no per-CPU buffers");
}

/* Nothing may be kept any more. */
static void look_at_buffers(struct lab_world *w)
{
	unsigned long kept = uzs_reuse_nr_kept(w->pool);

	lab_free_later(w, 2);
	if (uzs_reuse_nr_kept(w->pool) != kept)
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "per-CPU buffers are wanted, and a handle is "
			      "kept");
	lab_flush_and_look(w);
}

const struct lab_scenario lab_scenario_enable_take = {
	.name = "enable-take",
	.summary = "keeping gives way to per-CPU buffers while objects are "
		   "taken",
	.setup = one_on_stack,
	.cpu = { enable_buffers, malloc_11_on_cpu_0, flush },
	.after = look_at_buffers,
	.defers = REUSE,
	.flags = LAB_QUICK,
};

const struct lab_scenario lab_scenario_keep_check = {
	.name = "keep-check",
	.summary = "the consistency check while objects are kept and taken",
	.setup = one_on_stack,
	.cpu = { keep_2_and_take, lab_call_check, later_3_on_cpu_0 },
	.after = lab_flush_and_look,
	.defers = REUSE,
};
