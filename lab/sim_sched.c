/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_sched.c - owns the clocks of the fibers, and which fiber waits for what;
 * chooses the fiber whose step is next. See sim_sched.h.
 *
 * Guarantees:
 *  V1 a step is granted to the fiber with the earliest clock of those whose
 *     step is possible (U1 in sim_cpu.c).
 *  V2 a spinlock, mutex or rwlock held for writing is not granted before the
 *     time at which others can see that it was given back. Readers, pins and
 *     page locks count as given back when the unlock begins: another fiber may
 *     get them earlier, by the cost of the unlock.
 *  V3 the same input gives the same times.
 */
#include "sim_task.h"

#include <string.h>

static struct {
	struct sim_task task[SIM_MAX_TASKS];
	unsigned int nr; /* tasks that are known */
	unsigned int parked; /* tasks that are parked */
	bool woke; /* the last step woke a task */
	u64 woke_at;
	u64 wake_delay_ps, spin_ps;
	struct sim_run *run;
} s;

struct sim_task *sim_task(unsigned int i)
{
	return &s.task[i];
}

unsigned int sim_nr_tasks(void)
{
	return s.nr;
}

/* ---- waiting ---------------------------------------------------------------------- */

bool sim_is_lock(enum uzs_lab_op op)
{
	switch (op) {
	case LAB_LOCK:
	case LAB_READ_LOCK:
	case LAB_WRITE_LOCK:
	case LAB_PIN:
	case LAB_LOCK_PAGE:
		return true;
	default:
		return false;
	}
}

static void park(struct sim_task *t)
{
	const struct uzs_lab_step *step = &t->fiber->step;

	t->where = PARKED;
	s.parked++;
	if (!sim_is_lock(step->op)) {
		sim_leave_cpu(t, t->clock);
		return;
	}
	/* Spins on its CPU first: see give_up_spinning(). To see that the lock
	 * is taken, the task needs its line, and takes it from the holder. */
	if (!t->waited && sim_is_memory(step->obj))
		sim_atomic(t->fiber->cpu, step->obj, t->clock);
	sim_set_spinner(step->obj, t->fiber->cpu);
	t->waited = true;
}

static void unpark(struct sim_task *t, u64 at)
{
	s.parked--;
	t->clock = max(t->clock, at);
	sim_make_ready(t);
}

/* `obj` changed at that time. Wakes the tasks that wait for it. If only one can
 * have it: the one that has waited longest. */
void sim_changed(const void *obj, bool all, u64 at)
{
	struct sim_task *first = NULL;

	if (s.parked)
		sim_set_spinner(obj, SIM_NO_CPU);
	for (unsigned int i = 0; s.parked && i < s.nr; i++) {
		struct sim_task *t = &s.task[i];

		if (t->where != PARKED || t->fiber->step.obj != obj ||
		    t->fiber->step.op == LAB_WOKEN)
			continue;
		if (all)
			unpark(t, at);
		else if (!first || t->arrived < first->arrived)
			first = t;
		else
			sim_set_spinner(obj, t->fiber->cpu);
	}
	if (first)
		unpark(first, at);
}

void sim_woke(u64 at)
{
	s.woke = true;
	s.woke_at = at;
}

/* Makes the tasks ready that the last step woke. */
static void admit_woken(void)
{
	u64 at = s.woke_at + s.wake_delay_ps;

	s.woke = false;
	for (unsigned int i = 0; s.parked && i < s.nr; i++) {
		struct sim_task *t = &s.task[i];

		if (t->where == PARKED && t->fiber->step.op == LAB_WOKEN &&
		    t->fiber->woken)
			unpark(t, at);
	}
}

/* Adds the fibers that were spawned since; their clocks start at that time. */
static void admit_new(u64 at)
{
	for (; s.nr < uzs_lab_nr_fibers(); s.nr++) {
		struct sim_task *t = &s.task[s.nr];

		*t = (struct sim_task){ .fiber = uzs_lab_fiber(s.nr) };
		t->fiber->user = t;
		t->clock = t->arrived = t->told = at;
		if (uzs_lab_can_run(t->fiber)) {
			sim_make_ready(t);
		} else {
			t->where = PARKED;
			s.parked++;
		}
	}
}

/* A fiber has ended: makes those ready that join it, and the one that begins
 * last. */
static void admit_after_end(u64 at)
{
	for (unsigned int i = 0; s.parked && i < s.nr; i++) {
		struct sim_task *t = &s.task[i];

		if (t->where == PARKED && t->fiber->step.op != LAB_WOKEN &&
		    uzs_lab_can_run(t->fiber)) {
			t->arrived = at;
			unpark(t, at);
		}
	}
}

/* The earliest end of a sleep with a timeout. */
static struct sim_task *next_timeout(void)
{
	struct sim_task *next = NULL;

	for (unsigned int i = 0; s.parked && i < s.nr; i++) {
		struct sim_task *t = &s.task[i];

		if (t->where == PARKED && t->fiber->step.op == LAB_WOKEN &&
		    t->fiber->due &&
		    (!next || t->fiber->due < next->fiber->due))
			next = t;
	}
	return next;
}

static void wake_late(struct sim_task *t)
{
	u64 due = t->fiber->due * 1000;

	t->fiber->due = 0;
	t->fiber->woken = true;
	unpark(t, due);
}

/* Puts tasks to sleep that have spun for long enough by then, if others want
 * their CPUs. At the end of its time slice a task must stop. */
static void give_up_spinning(u64 now)
{
	u64 until;

	for (unsigned int i = 0; sim_without_cpu() && i < s.nr; i++) {
		struct sim_task *t = &s.task[i];

		if (t->where != PARKED || !t->has_cpu)
			continue;
		until = min(t->clock + s.spin_ps, max(t->clock, t->slice_end));
		if (until <= now)
			sim_leave_cpu(t, until);
	}
}

/* ---- pick -------------------------------------------------------------------------- */

/* All tasks wait. */
static struct uzs_lab_fiber *stuck(void)
{
	struct sim_task *late = next_timeout();
	bool left = false;

	for (unsigned int i = 0; i < s.nr; i++) {
		const struct uzs_lab_fiber *f = s.task[i].fiber;

		left |= f->state != LAB_DONE && !f->daemon;
	}
	if (!left)
		return NULL;
	if (late) {
		wake_late(late);
		return late->fiber;
	}
	return uzs_lab_stuck();
}

/* Can the task do its step now, and is it the next? It must not be in the
 * heap. */
static bool is_next(struct sim_task *t)
{
	const struct uzs_lab_step *step = &t->fiber->step;
	u64 at;

	if (sim_is_lock(step->op)) {
		at = sim_free_at(step->obj); /* V2 */
		if (at > t->clock) {
			t->waited = true;
			t->clock = at;
		}
	}
	if (!sim_is_first(t)) {
		sim_push(t);
		return false;
	}
	if (uzs_lab_can_run(t->fiber))
		return true;
	park(t);
	return false;
}

static struct uzs_lab_fiber *pick(void *arg, struct uzs_lab_fiber *current)
{
	struct sim_task *t, *late;

	(void)arg;
	if (current) {
		t = sim_task_of(current);
		t->where = RUNNING;
		t->arrived = t->clock;
		t->waited = false;
		admit_new(t->clock);
		if (unlikely(s.woke))
			admit_woken();
		if (unlikely(sim_without_cpu() && t->clock >= t->slice_end))
			sim_preempt(t);
		else if (is_next(t))
			return current;
	} else if (uzs_lab_current) {
		t = sim_task_of(uzs_lab_current); /* this fiber has ended */
		t->where = GONE;
		s.run->end_ps = max(s.run->end_ps, t->clock);
		sim_leave_cpu(t, t->clock);
		admit_after_end(t->clock);
	} else {
		admit_new(0);
	}
	for (;;) {
		if (unlikely(sim_without_cpu() && s.parked))
			give_up_spinning(sim_first() ? sim_first()->clock
						     : UINT64_MAX);
		if (!sim_first())
			break;
		late = next_timeout();
		if (late && late->fiber->due * 1000 < sim_first()->clock)
			wake_late(late);
		t = sim_pop();
		t->where = RUNNING;
		if (is_next(t))
			return t->fiber;
	}
	return stuck();
}

/* ---- the run --------------------------------------------------------------------------- */

static u64 now(void *arg)
{
	(void)arg;
	return sim_now() / 1000 + 1;
}

static void sum_up(unsigned int cpus, struct sim_run *run)
{
	for (unsigned int i = 0; i < s.nr; i++) {
		const struct sim_time *time = &s.task[i].time;

		run->time.work_ps += time->work_ps;
		run->time.lock_ps += time->lock_ps;
		run->time.queue_ps += time->queue_ps;
		run->time.os_ps += time->os_ps;
	}
	for (unsigned int i = 0; i < cpus; i++) {
		const struct sim_line_stat *stat = sim_line_stat(i);

		run->line.memory_ps += stat->memory_ps;
		run->line.moves_ps += stat->moves_ps;
		run->line.atomic_ps += stat->atomic_ps;
		run->line.misses += stat->misses;
		run->line.moves += stat->moves;
	}
}

bool sim_run(const struct sim_costs *costs, unsigned int cpus, u64 work_ps,
	     struct sim_run *run)
{
	static const struct uzs_lab_scheduler scheduler = {
		.pick = pick,
		.granted = sim_granted,
		.note = sim_note,
		.now = now,
	};

	memset(run, 0, sizeof(*run));
	memset(&s, 0, sizeof(s));
	s.wake_delay_ps = sim_cost_ps(costs, SIM_wake_delay);
	s.spin_ps = sim_cost_ps(costs, SIM_spin);
	s.run = run;
	sim_cpus_init(costs, cpus);
	sim_prices_init(costs, work_ps, run);
	sim_trace_init(run);
	uzs_lab_clear_finding();
	uzs_lab_run(&scheduler);
	sum_up(cpus, run);
	return uzs_lab_finding() == LAB_FOUND_NOTHING;
}

u64 sim_now(void)
{
	return uzs_lab_current ? sim_task_of(uzs_lab_current)->clock : 0;
}

void sim_wait_until(u64 at)
{
	struct sim_task *t = sim_task_of(uzs_lab_current);

	t->clock = max(t->clock, at);
}
