/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios_limit.c - scenarios of a pool at its memory limit. There is room
 * for one more page if a thread makes it. The allocation must succeed, in
 * whatever order the other threads, which work on it, go on.
 */
#include "scenarios.h"

#include "types.h"

#define HALF 2040
#define QUARTER 1016
#define PAGE_OBJECT 31
#define QUEUES (LAB_DEFER(ZS_DEFER_ARRAY) | LAB_DEFER(ZS_DEFER_PERCPU))

/* An object that needs a page. In the user profile the first of four, whose page is of
 * another section than those of objects 0 to 3. */
static unsigned long malloc_page(struct lab_world *w)
{
	size_t size = w->pool->user ? QUARTER : w->pool->page_size;

	return zs_malloc(w->pool, size, GFP_KERNEL, NUMA_NO_NODE);
}

/* The limit is what the zone has. */
static void set_limit(struct zone *zone)
{
	struct zone_stat stat;

	uzs_zone_stat(zone, &stat);
	zone->limit = zone->limit_wanted = stat.bytes_resident + zone->charged;
}

/* Objects 0 to 3 fill two pages. No page is left, and no other section can be
 * mapped. */
static void at_the_limit(struct lab_world *w)
{
	struct zone *zone = &w->pool->zone;
	unsigned long handle = 0;
	unsigned int first = 4;

	for (unsigned int i = 0; i < 4; i++)
		lab_alloc(w, i, HALF);
	/* So that there is a section for them. */
	if (w->pool->user)
		w->object[first++].handle = malloc_page(w);
	set_limit(zone);
	for (unsigned int i = first; i < PAGE_OBJECT; i++) {
		handle = malloc_page(w);
		if (zs_is_err(handle))
			break;
		w->object[i].handle = handle;
	}
	if (!zs_is_err(handle))
		uzs_lab_found(LAB_FOUND_INVARIANT, "no limit is reached");
	/* Memory that goes back to the OS can be mapped again. */
	set_limit(zone);
}

/* Must succeed: there is room for one page. */
static void malloc_a_page(struct lab_world *w)
{
	unsigned long handle;

	if (w->object[PAGE_OBJECT].handle)
		return;
	handle = malloc_page(w);
	if (zs_is_err(handle))
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "-ENOMEM, and memory could be had");
	w->object[PAGE_OBJECT].handle = handle;
}

static int malloc_a_page_once(unsigned long handle, void *arg)
{
	(void)handle;
	malloc_a_page(arg);
	return 1;
}

static void malloc_a_page_in_walk(struct lab_world *w)
{
	zs_for_each_live(w->pool, malloc_a_page_once, w);
}

static void malloc_and_look(struct lab_world *w)
{
	malloc_a_page(w);
	lab_flush_and_look(w);
}

static void flush(struct lab_world *w)
{
	zs_free_deferred_flush(w->pool);
}

static void later_2(struct lab_world *w)
{
	lab_free_later(w, 2);
}

static void later_3(struct lab_world *w)
{
	lab_free_later(w, 3);
}

static void later_2_on_cpu_0(struct lab_world *w)
{
	uzs_lab_set_cpu(0);
	lab_free_later(w, 2);
}

/* ---- what is queued or kept ------------------------------------------------- */

/* A page full of objects waits to be freed. */
static void one_page_later(struct lab_world *w)
{
	at_the_limit(w);
	lab_free_later(w, 0);
	lab_free_later(w, 1);
}

const struct lab_scenario lab_scenario_limit_flush = {
	.name = "limit-flush",
	.summary = "at the limit a malloc meets somebody who drains the queue",
	.setup = one_page_later,
	.cpu = { malloc_a_page, flush, later_2 },
	.after = malloc_and_look,
	.defers = QUEUES,
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
};

const struct lab_scenario lab_scenario_relieve_keep = {
	.name = "relieve-keep",
	.summary = "at the limit a malloc frees what others on its CPU keep",
	.setup = one_page_later,
	.cpu = { malloc_a_page, later_2_on_cpu_0, later_3 },
	.after = malloc_and_look,
	.defers = LAB_DEFER(ZS_DEFER_REUSE),
	.flags = LAB_QUICK,
};

const struct lab_scenario lab_scenario_relieve_check = {
	.name = "relieve-check",
	.summary = "the same in a walk over live handles, beside the check",
	.setup = one_page_later,
	.cpu = { malloc_a_page_in_walk, lab_call_check, later_2_on_cpu_0 },
	.after = malloc_and_look,
	.defers = LAB_DEFER(ZS_DEFER_REUSE),
};

/* ---- what lies in gaps, or goes back to the OS --------------------------------- */

/* Two half empty pages: compaction frees one. */
static void one_page_in_gaps(struct lab_world *w)
{
	at_the_limit(w);
	lab_free(w, 1);
	lab_free(w, 3);
}

const struct lab_scenario lab_scenario_limit_compact = {
	.name = "limit-compact",
	.summary = "at the limit a malloc meets somebody who compacts",
	.setup = one_page_in_gaps,
	.cpu = { malloc_a_page, lab_compact, lab_shrink },
	.after = malloc_a_page,
	.defers = LAB_DEFER(ZS_DEFER_NONE),
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
};

static void one_page_free(struct lab_world *w)
{
	at_the_limit(w);
	lab_free(w, 0);
	lab_free(w, 1);
}

const struct lab_scenario lab_scenario_limit_trim = {
	.name = "limit-trim",
	.summary = "at the limit a malloc meets somebody who gives memory back",
	.setup = one_page_free,
	.cpu = { malloc_a_page, lab_trim, lab_drain },
	.after = malloc_a_page,
	.defers = LAB_DEFER(ZS_DEFER_NONE),
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
};

/* The same, but the next source zspage is being read. */
static void one_page_in_gaps_pinned(struct lab_world *w)
{
	at_the_limit(w);
	lab_free(w, 3);
	lab_free(w, 1);
	zs_obj_read_begin(w->pool, w->object[2].handle, 1,
			  w->buffer[LAB_MAX_CPUS]);
}

static void read_end_2(struct lab_world *w)
{
	zs_obj_read_end(w->pool, w->object[2].handle, 1,
			w->buffer[LAB_MAX_CPUS]);
}

const struct lab_scenario lab_scenario_limit_pinned = {
	.name = "limit-pinned",
	.summary = "the same, and one of the two halves is being read",
	.setup = one_page_in_gaps_pinned,
	.cpu = { malloc_a_page, lab_compact, read_end_2 },
	.after = malloc_a_page,
	.defers = LAB_DEFER(ZS_DEFER_NONE),
	.flags = LAB_ALL_PROFILES,
};
