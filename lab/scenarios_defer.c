/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios_defer.c - scenarios of deferred free. The lab's array has room for
 * four handles, the reserve of per-CPU buffers for two pages.
 */
#include "scenarios.h"

#include "deferred.h"
#include "kernel/reuse.h"

#define HALF 2040
/* Deferrals that have something to flush. */
#define QUEUED                                                    \
	(LAB_DEFER(ZS_DEFER_ARRAY) | LAB_DEFER(ZS_DEFER_PERCPU) | \
	 LAB_DEFER(ZS_DEFER_REUSE))

static void four_halves(struct lab_world *w)
{
	for (unsigned int i = 0; i < 4; i++)
		lab_alloc(w, i, HALF);
}

static void later_1(struct lab_world *w)
{
	lab_free_later(w, 1);
}

static void later_2(struct lab_world *w)
{
	lab_free_later(w, 2);
}

static void later_3(struct lab_world *w)
{
	lab_free_later(w, 3);
}

static void later_0_and_1(struct lab_world *w)
{
	lab_free_later(w, 0);
	lab_free_later(w, 1);
}

static void later_1_and_2(struct lab_world *w)
{
	lab_free_later(w, 1);
	lab_free_later(w, 2);
}

static void flush(struct lab_world *w)
{
	zs_free_deferred_flush(w->pool);
}

unsigned long lab_deferred_done(struct lab_world *w)
{
	return uzs_deferred_nr_drained(w->pool) + uzs_reuse_nr_taken(w->pool);
}

void lab_flush_and_look(struct lab_world *w)
{
	unsigned long done;

	zs_free_deferred_flush(w->pool);
	done = lab_deferred_done(w);
	if (uzs_deferred_nr_queued(w->pool) != done)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "%lu handles were queued, %lu are freed after a "
			      "flush",
			      uzs_deferred_nr_queued(w->pool), done);
}

void lab_later_then_flush(struct lab_world *w)
{
	unsigned long queued, done;

	lab_free_later(w, 0);
	queued = uzs_deferred_nr_queued(w->pool);
	zs_free_deferred_flush(w->pool);
	done = lab_deferred_done(w);
	if (done < queued)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "%lu handles were queued before a flush, %lu are "
			      "freed after it",
			      queued, done);
}

const struct lab_scenario lab_scenario_push_flush = {
	.name = "push-flush",
	.summary = "handles are queued while others flush; the worker drains",
	.setup = four_halves,
	.cpu = { lab_later_then_flush, later_1_and_2, later_3 },
	.after = lab_flush_and_look,
	.defers = QUEUED,
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
};

static void destroy(struct lab_world *w)
{
	zs_destroy_pool(w->pool);
}

const struct lab_scenario lab_scenario_push_drain_destroy = {
	.name = "push-drain-destroy",
	.summary =
		"the pool is destroyed after pushes, while the worker drains",
	.setup = four_halves,
	.cpu = { later_0_and_1, later_2, flush },
	.after = destroy,
	.defers = QUEUED,
	.flags = LAB_QUICK | LAB_DESTROYS | LAB_ALL_PROFILES,
};

/* When the run begins, the array has room for one more handle. */
static void nearly_full(struct lab_world *w)
{
	for (unsigned int i = 0; i < 6; i++)
		lab_alloc(w, i, HALF);
	for (unsigned int i = 3; i < 6; i++)
		lab_free_later(w, i);
}

static void drain(struct lab_world *w)
{
	zs_drain(w->pool);
}

const struct lab_scenario lab_scenario_array_full = {
	.name = "array-full",
	.summary = "the array is full, or is it drained just now",
	.setup = nearly_full,
	.cpu = { later_0_and_1, later_2, drain },
	.after = lab_flush_and_look,
	.defers = LAB_DEFER(ZS_DEFER_ARRAY),
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
};

/* ---- per-CPU buffers that change, on CPUs that change --------------------------- */

/* A buffer is full with two values. */
static enum zs_push_result push_of_two(void *buf, unsigned int count,
				       unsigned long value)
{
	((unsigned long *)buf)[count] = value;
	return count == 1 ? ZS_PUSH_FULL_QUEUED : ZS_PUSH_OK;
}

static void drain_values(void *private_data, void *buf, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		zs_free(private_data, ((unsigned long *)buf)[i]);
}

static const struct zs_deferred_ops of_two = { push_of_two, drain_values };

static void buffers_of_two(struct lab_world *w)
{
	for (unsigned int i = 0; i < 6; i++)
		lab_alloc(w, i, HALF);
	if (zs_pool_enable_deferred_free(w->pool, &of_two, w->pool))
		uzs_lab_found(LAB_FOUND_INVARIANT, "no per-CPU buffers");
}

static void push_or_free(struct lab_world *w, unsigned int slot)
{
	w->object[slot].freed = true;
	if (!zs_defer_push(w->pool, w->object[slot].handle))
		zs_free(w->pool, w->object[slot].handle);
}

static void push_two(struct lab_world *w)
{
	push_or_free(w, 0);
	push_or_free(w, 1);
}

static void push_on_another_cpu(struct lab_world *w)
{
	push_or_free(w, 2);
	uzs_lab_set_cpu(0);
	push_or_free(w, 3);
}

static void push_one_and_flush(struct lab_world *w)
{
	push_or_free(w, 4);
	zs_free_deferred_flush(w->pool);
}

const struct lab_scenario lab_scenario_cpu_change = {
	.name = "cpu-change",
	.summary = "a buffer is swapped and drained while a thread changes CPU",
	.setup = buffers_of_two,
	.cpu = { push_two, push_on_another_cpu, push_one_and_flush },
	.after = lab_flush_and_look,
	.defers = LAB_DEFER(ZS_DEFER_NONE),
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
};

/* ---- flushes ------------------------------------------------------------------------ */

static void two_queued(struct lab_world *w)
{
	four_halves(w);
	lab_free_later(w, 2);
}

const struct lab_scenario lab_scenario_flush_flush = {
	.name = "flush-flush",
	.summary = "two flushes, and a handle that is queued",
	.setup = two_queued,
	.cpu = { flush, lab_later_then_flush, flush },
	.after = lab_flush_and_look,
	.defers = QUEUED,
	.flags = LAB_ALL_PROFILES,
};

static void compact(struct lab_world *w)
{
	zs_compact(w->pool);
}

const struct lab_scenario lab_scenario_flush_compact = {
	.name = "flush-compact",
	.summary = "a flush frees what compaction wants to move",
	.setup = two_queued,
	.cpu = { lab_later_then_flush, compact, later_1 },
	.after = lab_flush_and_look,
	.defers = QUEUED,
	.flags = LAB_ALL_PROFILES,
};

/* ---- waking the worker ---------------------------------------------------------- */

/* An array that is half full or more must be scheduled without a flush. */
static void check_scheduled(struct lab_world *w)
{
	struct deferred *d = &w->pool->deferred;
	unsigned long left = uzs_deferred_nr_queued(w->pool) -
			     uzs_deferred_nr_drained(w->pool);

	if (left >= d->capacity / 2 && !work_pending(&d->work))
		uzs_lab_found(LAB_FOUND_LOST_WAKEUP,
			      "%lu handles are queued, and the worker sleeps",
			      left);
	zs_free_deferred_flush(w->pool); /* handles that may be left */
}

const struct lab_scenario lab_scenario_push_schedule = {
	.name = "push-schedule",
	.summary = "pushes that make the array half full wake the worker",
	.setup = four_halves,
	.cpu = { later_0_and_1, later_2, NULL },
	.check = check_scheduled,
	.defers = LAB_DEFER(ZS_DEFER_ARRAY),
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
};

static void count_run(struct work_struct *work)
{
	struct lab_world *w = container_of(work, struct lab_world, work);

	uzs_lab_yield();
	WRITE_ONCE(w->word[0], w->word[0] + 1);
}

static void own_work(struct lab_world *w)
{
	lab_alloc(w, 0, HALF);
	INIT_WORK(&w->work, count_run);
}

static void queue_and_flush(struct lab_world *w)
{
	unsigned long before = READ_ONCE(w->word[0]);

	if (!queue_work(&w->pool->wq, &w->work))
		before = 0; /* that queueing was waited for, too */
	flush_work(&w->pool->wq, &w->work);
	if (READ_ONCE(w->word[0]) <= before)
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "flush_work returns before the work has run");
}

static void drain_queue(struct lab_world *w)
{
	zs_drain(w->pool);
}

const struct lab_scenario lab_scenario_work_flush = {
	.name = "work-flush",
	.summary = "work is queued and flushed from two CPUs",
	.setup = own_work,
	.cpu = { queue_and_flush, queue_and_flush, drain_queue },
	.defers = LAB_DEFER(ZS_DEFER_NONE),
	.flags = LAB_QUICK | LAB_ALL_PROFILES,
};
