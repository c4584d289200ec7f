/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_sched.h - the lab's scheduler that keeps virtual time: each fiber has a
 * clock, and the one that is behind does its step next. Locks are granted in
 * the order of the clocks.
 *
 * CPUs are fewer than fibers, perhaps: who has none waits for one, as threads
 * do. Times are picoseconds (see sim_line.h).
 */
#ifndef UZS_LAB_SIM_SCHED_H
#define UZS_LAB_SIM_SCHED_H

#include "body/lab.h"
#include "sim_line.h"

#define SIM_MAX_LOCKS 24 /* names */

/* Where a fiber's time went. */
struct sim_time {
	u64 work_ps; /* the code's own, and what tables say beside */
	u64 lock_ps; /* waiting for a lock that somebody had */
	u64 queue_ps; /* waiting for a CPU */
	u64 os_ps; /* sleeping, waking, changing threads: the price */
};

/* Of all locks of one name. */
struct sim_lock_stat {
	char name[28];
	u64 taken, waited; /* times */
	u64 wait_ps;
};

/* For a timeline: from begin to end, somebody waited for or had a lock. */
struct sim_span {
	u64 begin_ps, end_ps;
	u16 lock; /* in sim_run.lock */
	u16 cpu;
	u16 fiber;
	bool wait;
};

struct sim_run {
	struct sim_time time; /* of all callers together */
	struct sim_line_stat line; /* of all CPUs together */
	struct sim_lock_stat lock[SIM_MAX_LOCKS];
	unsigned int nr_locks;
	u64 loads, stores; /* plain ones */
	u64 steps;
	u64 end_ps; /* clock of the fiber that ended last */
};

/* Runs the fibers that were spawned on `cpus` CPUs until all are done, the
 * clocks starting at 0. `work_ps`: cost of a plain load or store. `run` is set
 * to what was spent. Return: false if something was found (a deadlock). */
bool sim_run(const struct sim_costs *costs, unsigned int cpus, u64 work_ps,
	     struct sim_run *run);

/* ---- for sim_mem.c --------------------------------------------------------------- */

/* A plain access. */
void sim_plain(const volatile void *addr, bool write);
/* Fetched ahead, to have it alone or not; sim_force.h says the same. */
void sim_plain_prefetch(const volatile void *addr, int alone);
/* An object has been freed. */
void sim_freed(void);

/* ---- for the fibers ------------------------------------------------------------- */

u64 sim_now(void); /* of the fiber that runs */
/* Work of its own. */
void sim_spend(u64 ps);
/* Changes a counter that all share: a step. */
void sim_shared_count(unsigned long *counter);
/* Begins at the other's time, if that is later. */
void sim_wait_until(u64 ps);

/* ---- the timeline ----------------------------------------------------------------- */

/* From now on, until there is no room. */
void sim_record(struct sim_span *spans, unsigned int room);
unsigned int sim_recorded(void);

#endif
