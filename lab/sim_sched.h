/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_sched.h - the lab's scheduler that keeps virtual time. Each fiber has a
 * clock, and the fiber with the earliest clock does its step next. Locks are
 * granted in the order of the clocks.
 *
 * There may be fewer CPUs than fibers. Then a fiber waits for a CPU, as threads
 * do. Times are picoseconds (see sim_line.h).
 */
#ifndef UZS_LAB_SIM_SCHED_H
#define UZS_LAB_SIM_SCHED_H

#include "body/lab.h"
#include "sim_line.h"
#include "sim_parts.h"

/* A fiber of that name is no caller; the library's worker has it, too. */
#define SIM_WORKER_NAME "worker"
#define SIM_MAX_LOCKS 24 /* names of locks */

/* Where a fiber's time went. */
struct sim_time {
	u64 work_ps; /* the code itself, and what cost tables add */
	u64 lock_ps; /* waiting for a lock that another fiber had */
	u64 queue_ps; /* waiting for a CPU */
	u64 os_ps; /* sleeping, waking, changing threads: their costs */
};

/* All locks of one name together. */
struct sim_lock_stat {
	char name[28];
	u64 taken, waited; /* times */
	u64 wait_ps;
};

/* For a timeline: from begin to end, a fiber waited for a lock or had it. */
struct sim_span {
	u64 begin_ps, end_ps;
	u16 lock; /* index in sim_run.lock */
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

/* Runs the fibers that were spawned on `cpus` CPUs until all are done. The
 * clocks start at 0. `work_ps`: cost of a plain load or store. Sets `run` to
 * what was spent. Return: false if there was a finding (a deadlock). */
bool sim_run(const struct sim_costs *costs, unsigned int cpus, u64 work_ps,
	     struct sim_run *run);

/* ---- for sim_mem.c --------------------------------------------------------------- */

/* A plain access was made; pc: behind it, in the code (SIM_PC: of the caller). */
#define SIM_PC ((uintptr_t)__builtin_return_address(0))
void sim_plain(const volatile void *addr, bool write, uintptr_t pc);
/* Bytes were read or written in one go: each of their lines. What the copy itself
 * takes is not in it. Also for the fibers, which look at what they have read. */
void sim_bulk(const volatile void *addr, size_t size, bool write, uintptr_t pc);
/* A prefetch; `alone`: for writing. sim_force.h declares it, too. */
void sim_plain_prefetch(const volatile void *addr, int alone);
/* An object has been freed. */
void sim_freed(void);

/* ---- for the fibers ------------------------------------------------------------- */

u64 sim_now(void); /* clock of the running fiber */
/* It is now in that call of the allocator's. */
void sim_call(enum sim_call call);
/* Spends time on work of the fiber's own. */
void sim_spend(u64 ps);
/* Changes a counter that all fibers share: a step. */
void sim_shared_count(unsigned long *counter);
/* Sets the fiber's clock to that time, if it is earlier. */
void sim_wait_until(u64 ps);

/* ---- the timeline ----------------------------------------------------------------- */

/* Records from now on, until there is no room. */
void sim_record(struct sim_span *spans, unsigned int room);
unsigned int sim_recorded(void);

#endif
