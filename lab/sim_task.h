/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_task.h - what the files of the scheduler share: a task is a fiber with a
 * clock. Only for sim_sched.c, sim_cpu.c, sim_price.c and sim_trace.c.
 */
#ifndef UZS_LAB_SIM_TASK_H
#define UZS_LAB_SIM_TASK_H

#include "sim_parts.h"
#include "sim_sched.h"

#define SIM_MAX_TASKS UZS_LAB_MAX_FIBERS

enum sim_where {
	IN_HEAP, /* has a CPU, and its step may be possible */
	RUNNING, /* the lab runs it */
	PARKED, /* its step is not possible until `obj` changes */
	NO_CPU, /* waits for a CPU */
	GONE
};

struct sim_task {
	struct uzs_lab_fiber *fiber;
	enum sim_where where;
	u64 clock;
	u64 arrived; /* time at which it came to its step */
	u64 slice_end;
	u64 spent; /* time spent on CPUs, for fairness */
	bool waited; /* for a lock, at this step */
	bool has_cpu;
	struct sim_time time;
	/* For sim_parts.c: how far the clock was told, and of the time how much
	 * of queue_ps and os_ps; the call that it is in. */
	u64 told, told_queue, told_os;
	enum sim_call call;
};

static inline struct sim_task *sim_task_of(const struct uzs_lab_fiber *fiber)
{
	return fiber->user;
}

/* ---- sim_cpu.c: who is ready, and who has which CPU ------------------------------ */

void sim_cpus_init(const struct sim_costs *costs, unsigned int cpus);

/* The task can go on at its clock, as soon as it has a CPU. */
void sim_make_ready(struct sim_task *t);
/* The task has a CPU and waits for its turn. */
void sim_push(struct sim_task *t);
/* The task whose turn it is; NULL if none is ready. */
struct sim_task *sim_first(void);
struct sim_task *sim_pop(void);
/* Does the task come before all tasks that are ready? */
bool sim_is_first(const struct sim_task *t);

/* Gives up its CPU at that time, to a task that waits for one. */
void sim_leave_cpu(struct sim_task *t, u64 at);
/* Its time slice is over, and other tasks wait for a CPU. */
void sim_preempt(struct sim_task *t);
/* Number of tasks that wait for a CPU. */
unsigned int sim_without_cpu(void);

/* ---- sim_sched.c: who waits for what --------------------------------------------- */

bool sim_is_lock(enum uzs_lab_op op);
struct sim_task *sim_task(unsigned int i);
unsigned int sim_nr_tasks(void);
/* `obj` was given back or changed at that time. Wakes all tasks that wait for
 * it, or only the one that has waited longest. */
void sim_changed(const void *obj, bool all, u64 at);
/* The step just done wakes a task, at that time. */
void sim_woke(u64 at);

/* ---- sim_price.c: what a step costs ------------------------------------------------ */

void sim_prices_init(const struct sim_costs *costs, u64 work_ps,
		     struct sim_run *run);
/* Callbacks of the lab's scheduler. */
void sim_granted(void *arg, struct uzs_lab_fiber *fiber);
void sim_note(void *arg, struct uzs_lab_fiber *fiber,
	      const struct uzs_lab_step *step);

/* ---- sim_trace.c: what became of each lock ------------------------------------------ */

void sim_trace_init(struct sim_run *run);
/* The lock of the step was taken. Return: did the task have to wait? */
bool sim_trace_taken(struct sim_task *t, const struct uzs_lab_step *step);
void sim_trace_held(const struct sim_task *t, const struct uzs_lab_step *step);
void sim_trace_given(const struct sim_task *t, const struct uzs_lab_step *step);

#endif
