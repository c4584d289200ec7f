/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_cpu.c - owns which task has which CPU, and the order of the tasks that
 * can go on.
 *
 * Guarantees:
 *  U1 the first task is the one with the earliest clock. Among equal ones it is
 *     the one that asked first, then the one with the lower number.
 *  U2 a CPU that several tasks want goes to the one that had least CPU time so
 *     far.
 * Known limits: a task that waits belongs to no CPU. Moving to another one
 * costs only the cache misses there.
 */
#include "sim_task.h"

#include <string.h>

static struct {
	struct sim_task *heap[SIM_MAX_TASKS];
	unsigned int in_heap;
	unsigned int no_cpu; /* tasks that wait for a CPU */
	struct sim_task *on_cpu[SIM_MAX_CPUS];
	unsigned int cpus;
	u64 slice_ps, switch_ps;
} c;

void sim_cpus_init(const struct sim_costs *costs, unsigned int cpus)
{
	memset(&c, 0, sizeof(c));
	c.cpus = cpus;
	c.slice_ps = sim_cost_ps(costs, SIM_slice);
	c.switch_ps = sim_cost_ps(costs, SIM_context_switch);
}

/* ---- who is first --------------------------------------------------------------- */

static bool before(const struct sim_task *a, const struct sim_task *b)
{
	if (a->clock != b->clock)
		return a->clock < b->clock;
	if (a->arrived != b->arrived)
		return a->arrived < b->arrived;
	return a < b;
}

void sim_push(struct sim_task *t)
{
	unsigned int i = c.in_heap++;

	t->where = IN_HEAP;
	while (i && before(t, c.heap[(i - 1) / 2])) {
		c.heap[i] = c.heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	c.heap[i] = t;
}

struct sim_task *sim_first(void)
{
	return c.in_heap ? c.heap[0] : NULL;
}

struct sim_task *sim_pop(void)
{
	struct sim_task *top = c.heap[0], *last = c.heap[--c.in_heap];
	unsigned int i = 0, child;

	while ((child = 2 * i + 1) < c.in_heap) {
		if (child + 1 < c.in_heap &&
		    before(c.heap[child + 1], c.heap[child]))
			child++;
		if (!before(c.heap[child], last))
			break;
		c.heap[i] = c.heap[child];
		i = child;
	}
	c.heap[i] = last;
	return top;
}

bool sim_is_first(const struct sim_task *t)
{
	return !c.in_heap || !before(c.heap[0], t);
}

/* ---- who has a CPU ---------------------------------------------------------------- */

static void get_cpu_at(struct sim_task *t, unsigned int cpu, u64 at)
{
	t->has_cpu = true;
	t->fiber->cpu = cpu;
	c.on_cpu[cpu] = t;
	if (at > t->clock) {
		t->time.queue_ps += at - t->clock;
		t->clock = at;
	}
	t->slice_end = t->clock + c.slice_ps;
}

/* A free CPU: the task's last one if it is free, else the first. */
static int idle_cpu(const struct sim_task *t)
{
	unsigned int last = t->fiber->cpu;

	if (last < c.cpus && !c.on_cpu[last])
		return (int)last;
	for (unsigned int i = 0; i < c.cpus; i++)
		if (!c.on_cpu[i])
			return (int)i;
	return -1;
}

static void wait_for_cpu(struct sim_task *t)
{
	t->where = NO_CPU;
	c.no_cpu++;
}

void sim_make_ready(struct sim_task *t)
{
	int cpu;

	if (!t->has_cpu) {
		cpu = idle_cpu(t);
		if (cpu < 0) {
			wait_for_cpu(t);
			return;
		}
		get_cpu_at(t, (unsigned int)cpu, t->clock);
	}
	sim_push(t);
}

/* The task that waits for a CPU and had least CPU time so far: U2. */
static struct sim_task *next_for_cpu(void)
{
	struct sim_task *best = NULL;

	for (unsigned int i = 0; c.no_cpu && i < sim_nr_tasks(); i++) {
		struct sim_task *t = sim_task(i);

		if (t->where == NO_CPU && (!best || t->spent < best->spent))
			best = t;
	}
	return best;
}

void sim_leave_cpu(struct sim_task *t, u64 at)
{
	unsigned int cpu = t->fiber->cpu;
	struct sim_task *next;

	if (!t->has_cpu)
		return;
	t->has_cpu = false;
	c.on_cpu[cpu] = NULL;
	next = next_for_cpu();
	if (!next)
		return;
	c.no_cpu--;
	get_cpu_at(next, cpu, at);
	next->clock += c.switch_ps;
	next->time.os_ps += c.switch_ps;
	sim_push(next);
}

void sim_preempt(struct sim_task *t)
{
	sim_leave_cpu(t, t->clock);
	wait_for_cpu(t);
}

unsigned int sim_without_cpu(void)
{
	return c.no_cpu;
}
