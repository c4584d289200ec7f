/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_line.h - the simulated machine's memory: which CPU has which cache line,
 * and what it costs to get one. Times are picoseconds, as sums of nanoseconds
 * with a fraction must not depend on their order.
 *
 * A line is in no CPU's cache, in those of some CPUs that only read it, or in
 * that of the one CPU that wrote to it or had it first. It moves from one CPU
 * to the next by itself, one move at a time: who wants it while it moves,
 * waits. A CPU's cache and the shared one are bounded; what leaves a CPU's
 * goes to the shared one.
 *
 *   load      waits for its line
 *   store     starts to fetch it and goes on; an atomic access later waits
 *             for it, on machines where it does (`drain`)
 *   atomic    waits for its line, to have it alone
 *   prefetch  starts to fetch it, to have it alone or not
 */
#ifndef UZS_LAB_SIM_LINE_H
#define UZS_LAB_SIM_LINE_H

#include "sim_cost.h"

#define SIM_MAX_CPUS 128u
#define SIM_LINE_SHIFT 6

/* Why a CPU stood still, and what it has fetched. */
struct sim_line_stat {
	u64 memory_ps; /* for memory, the shared cache, translations */
	u64 moves_ps; /* for lines that other CPUs had written to */
	u64 atomic_ps; /* atomic accesses themselves */
	u64 misses; /* lines from memory */
	u64 moves; /* lines from other CPUs */
};

/* A machine with nothing in its caches; `base` to `base + bytes` is memory
 * that it has. False: no memory for the tables. */
bool sim_lines_init(const struct sim_costs *costs, unsigned int cpus,
		    const void *base, size_t bytes);
/* Nothing in any cache, no figures. */
void sim_lines_clear(void);
void sim_lines_destroy(void);
/* Other addresses are a CPU's own business (its stack), and always at hand. */
bool sim_is_memory(const volatile void *addr);

/* Each returns the time at which the CPU goes on, which was at `now`. addr is
 * memory. */
u64 sim_load(unsigned int cpu, const volatile void *addr, u64 now);
u64 sim_store(unsigned int cpu, const volatile void *addr, u64 now);
u64 sim_atomic(unsigned int cpu, const volatile void *addr, u64 now);
/* Gives back a lock. *seen: when others can have it. */
u64 sim_unlock(unsigned int cpu, const volatile void *addr, u64 *seen, u64 now);
u64 sim_prefetch(unsigned int cpu, const volatile void *addr, bool alone,
		 u64 now);

/* That CPU looks at the lock again and again (SIM_NO_CPU: nobody does): who
 * has it loses the line each time it has written to it. */
#define SIM_NO_CPU 0xffu
void sim_set_spinner(const void *lock, unsigned int cpu);

/* Time at which the lock there was last given back. */
u64 sim_free_at(const void *lock);
void sim_set_free_at(const void *lock, u64 now);

const struct sim_line_stat *sim_line_stat(unsigned int cpu);

#endif
