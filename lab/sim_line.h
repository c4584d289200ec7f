/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_line.h - the simulated machine's memory: which CPU has which cache line,
 * and what it costs to get one. Times are whole picoseconds: a sum of fractions
 * would depend on its order.
 *
 * A line is in no CPU's cache, or in those of some CPUs that only read it, or
 * in that of the one CPU that wrote to it or had it first. It moves from CPU to
 * CPU, one move at a time. A CPU that wants it while it moves, waits. The CPUs'
 * caches and the shared one are bounded. A line that leaves a CPU's cache goes
 * to the shared one.
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

/* How long a CPU stood still for what, and what it fetched. */
struct sim_line_stat {
	u64 memory_ps; /* for memory, the shared cache, translations */
	u64 moves_ps; /* for lines that other CPUs had written to */
	u64 atomic_ps; /* atomic accesses themselves */
	u64 misses; /* lines from memory */
	u64 moves; /* lines from other CPUs */
};

/* What the last access waited for. moved: its line was another CPU's. An atomic
 * access may first have waited for stores before it: the last of these to that
 * address, whose line may have been another CPU's, too. */
struct sim_line_wait {
	u64 drain_ps, atomic_ps;
	const volatile void *drain_addr;
	bool moved, drain_moved;
};

/* Makes a machine with empty caches. `base` to `base + bytes` is its memory.
 * False: no memory for the tables. */
bool sim_lines_init(const struct sim_costs *costs, unsigned int cpus,
		    const void *base, size_t bytes);
/* Is memory's time given out in slots? Then no CPU waits for a line that another
 * one, whose clock is ahead, fetches later. To be called after sim_lines_init. */
void sim_lines_bus_slots(bool slots);
/* Empties all caches and sets the figures to 0. */
void sim_lines_clear(void);
/* Time begins at 0 again: nothing is under way any more. What is in which cache
 * stays. Sets the figures to 0. */
void sim_lines_settle(void);
void sim_lines_destroy(void);
/* Is the address in the machine's memory? Other addresses are a CPU's own (its
 * stack), and always in its cache. */
bool sim_is_memory(const volatile void *addr);

/* The CPU makes the access at `now`. Each returns when it goes on. addr must be
 * in memory. */
u64 sim_load(unsigned int cpu, const volatile void *addr, u64 now);
u64 sim_store(unsigned int cpu, const volatile void *addr, u64 now);
u64 sim_atomic(unsigned int cpu, const volatile void *addr, u64 now);
/* Gives back a lock. *seen: when others can take it. */
u64 sim_unlock(unsigned int cpu, const volatile void *addr, u64 *seen, u64 now);
u64 sim_prefetch(unsigned int cpu, const volatile void *addr, bool alone,
		 u64 now);

/* That CPU reads the lock again and again (SIM_NO_CPU: none does). So the
 * holder loses the line each time it has written to it. */
#define SIM_NO_CPU 0xffu
void sim_set_spinner(const void *lock, unsigned int cpu);

/* When the lock at that address was last given back. */
u64 sim_free_at(const void *lock);
void sim_set_free_at(const void *lock, u64 now);

const struct sim_line_stat *sim_line_stat(unsigned int cpu);
const struct sim_line_wait *sim_line_last(void);

#endif
