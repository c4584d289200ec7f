/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cell.c - fills a pool and times how threads free it again; see cell.h.
 *
 * Callers: uzs-free.c.   Calls: work.c, target.c, harness.c.
 * Guarantees: C1 the timed loop has nothing in it but the calls and the
 * handles in the order of their freeing. C2 each handle is freed once: counted
 * by the pool afterwards.
 */
#include "cell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "target.h"
#include "work.h"

/* Handles that a thread frees. */
struct plan {
	uintptr_t *handles;
	size_t nr;
	size_t done, goal; /* of the next job */
	uint64_t cpu_ns;
} __attribute__((aligned(CACHE_LINE_BYTES)));

/* Handles that stay, sorted once all are there. */
struct keep {
	uintptr_t *handles;
	size_t nr, room;
};

struct run {
	const struct cell *cell;
	struct cell_result *result;
	struct work work;
	struct plan plans[HARNESS_MAX_THREADS];
	struct keep keep;
};

/* The sizes of CELL_FREE: what was asked for; with classes of their own for
 * the threads, of the next smaller class for each. */
static void set_sizes(struct run *run)
{
	uint32_t bytes = run->work.opt->sizes.max;
	struct zs_pool *pool = run->work.target.pool;
	struct zs_class_info info = ZS_CLASS_INFO_INIT;
	unsigned int index;
	size_t i;

	index = zs_lookup_class_index(pool, bytes + sizeof(unsigned long));
	zs_class_info(pool, index, &info);
	for (unsigned int t = 0; t < run->work.opt->threads; t++) {
		const struct share *share = &run->work.shares[t];
		unsigned int last = info.index;

		for (i = share->begin; i < share->end; i++)
			run->work.slots[i].bytes = bytes;
		if (!run->cell->own_class)
			continue;
		/* classes that are merged have the larger one's index */
		while (index && info.index == last)
			zs_class_info(pool, --index, &info);
		if (info.index == last && t + 1 < run->work.opt->threads)
			die("--size %u: too few smaller classes for %u threads",
			    (unsigned int)run->work.opt->sizes.max,
			    run->work.opt->threads);
		bytes = info.size - (unsigned int)sizeof(unsigned long);
	}
}

static int count_zspage(const struct zs_zspage_info *info, void *arg)
{
	struct keep *keep = arg;

	(void)info;
	keep->room++;
	return 0;
}

static int keep_first(const struct zs_zspage_info *info, void *arg)
{
	struct keep *keep = arg;
	unsigned int i = 0;

	while (i < info->objs && !info->handles[i])
		i++;
	if (i < info->objs)
		keep->handles[keep->nr++] = info->handles[i];
	return 0;
}

static int compare_handles(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return (x > y) - (x < y);
}

static void walk_zspages(struct run *run,
			 int (*fn)(const struct zs_zspage_info *info,
				   void *arg))
{
	struct zs_pool *pool = run->work.target.pool;
	struct zs_class_info info = ZS_CLASS_INFO_INIT;

	for (unsigned int i = 0; i < zs_class_count(pool); i++) {
		zs_class_info(pool, i, &info);
		/* a merged class shows up under its own index */
		if (info.index == i &&
		    zs_for_each_zspage(pool, i, fn, &run->keep))
			die("cannot look at the zspages of class %u", i);
	}
}

static void choose_kept(struct run *run)
{
	struct keep *keep = &run->keep;

	if (!run->cell->keep_zspages)
		return;
	walk_zspages(run, count_zspage);
	keep->handles = harness_alloc(keep->room * sizeof(*keep->handles));
	walk_zspages(run, keep_first);
	qsort(keep->handles, keep->nr, sizeof(*keep->handles), compare_handles);
}

static bool is_kept(const struct keep *keep, uintptr_t handle)
{
	return keep->nr && bsearch(&handle, keep->handles, keep->nr,
				   sizeof(handle), compare_handles);
}

static void make_plans(struct run *run)
{
	struct work *work = &run->work;

	if (run->cell->random_order)
		work_shuffle(work);
	for (unsigned int t = 0; t < work->opt->threads; t++) {
		const struct share *share = &work->shares[t];
		struct plan *plan = &run->plans[t];

		plan->handles = harness_alloc((share->end - share->begin) *
					      sizeof(*plan->handles));
		for (size_t i = share->begin; i < share->end; i++) {
			const struct slot *slot = &work->slots[work->order[i]];

			if (is_kept(&run->keep, slot->handle))
				continue;
			plan->handles[plan->nr++] = slot->handle;
			run->result->bytes += slot->bytes;
		}
		run->result->ops += plan->nr;
	}
	if (!run->result->ops)
		die("nothing to free: each zspage has one object");
}

static void job_release(void *arg, unsigned int thread)
{
	struct run *run = arg;
	const struct target target = run->work.target;
	struct plan *plan = &run->plans[thread];
	const uintptr_t *end = plan->handles + plan->goal;
	uint64_t cpu = thread_cpu_ns();

	for (const uintptr_t *h = plan->handles + plan->done; h < end; h++)
		target_free(&target, *h);
	plan->cpu_ns += thread_cpu_ns() - cpu;
	plan->done = plan->goal;
}

/* Handles that all threads together queue at once: half of what the array has
 * room for would wake the worker, and the buffers have room for more. */
static size_t below_half(const struct cell *cell)
{
	return ((size_t)64 << 20) / cell->opt.page_size - 1;
}

/* Sets the goals of the next round. Return: is there anything left? */
static bool next_round(struct run *run, size_t step)
{
	bool more = false;

	for (unsigned int t = 0; t < run->work.opt->threads; t++) {
		struct plan *plan = &run->plans[t];

		plan->goal = plan->nr - plan->done > step ? plan->done + step
							  : plan->nr;
		more |= plan->goal > plan->done;
	}
	return more;
}

static void time_rounds(struct run *run)
{
	struct cell_result *result = run->result;
	unsigned int threads = run->work.opt->threads;
	size_t step = SIZE_MAX;
	uint64_t begin, cpu;

	if (run->cell->work == CELL_QUEUE)
		step = below_half(run->cell) / threads;
	locks_reset();
	cpu = cpu_ns();
	begin = now_ns();
	while (next_round(run, step)) {
		struct team_time time =
			team_run(run->work.team, job_release, run);

		result->call_ns += time.wall_ns;
		result->call_mean_ns += time.busy_ns / threads;
		target_finish_frees(&run->work.target);
	}
	result->back_ns = now_ns() - begin;
	result->cpu_ns = cpu_ns() - cpu;
	locks_read(&result->locks);
	if (run->work.opt->retained_bytes != SIZE_MAX) {
		zs_drain(run->work.target.pool);
		result->os_ns = now_ns() - begin;
	}
	for (unsigned int t = 0; t < threads; t++)
		result->caller_cpu_ns += run->plans[t].cpu_ns;
}

static void check_outcome(struct run *run)
{
	struct cell_result *result = run->result;
	struct zs_pool_info info;

	target_info(&run->work.target, &info);
	if (info.objs_inuse != run->keep.nr)
		die("%lu objects are live, not %zu", info.objs_inuse,
		    run->keep.nr);
	result->queued = info.deferred_queued;
	result->sync_busy = info.deferred_sync_busy;
	result->sync_full = info.deferred_sync_full;
	result->scheduled = info.deferred_scheduled;
	if (run->work.target.defer &&
	    result->queued + result->sync_busy + result->sync_full !=
		    result->ops)
		die("%" PRIu64 " handles were queued, %" PRIu64
		    " freed at once, of %" PRIu64,
		    result->queued, result->sync_busy + result->sync_full,
		    result->ops);
	if (run->work.opt->verify &&
	    zs_pool_check(run->work.target.pool, stderr))
		die("the pool violates its invariants");
}

static void measure(void *arg)
{
	struct run *run = arg;
	const struct cell *cell = run->cell;

	work_open(&run->work, &cell->opt, 0);
	target_open(&run->work.target, &cell->opt);
	/* without deferral it is zs_free that is measured */
	run->work.target.defer = cell->opt.defer != ZS_DEFER_NONE;
	if (cell->work == CELL_FREE)
		set_sizes(run);
	team_run(run->work.team, job_fill, &run->work);
	if (cell->opt.verify)
		work_verify(&run->work, "filling");
	choose_kept(run);
	make_plans(run);
	time_rounds(run);
	check_outcome(run);
	zs_destroy_pool(run->work.target.pool);
}

void cell_measure(const struct cell *cell, struct cell_result *result)
{
	/* only the child writes to it, and that is a copy */
	static struct run run;

	memset(result, 0, sizeof(*result));
	run.cell = cell;
	run.result = result;
	run_in_child(measure, &run);
}
