/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* times.h - how long calls took: counted by how long, so that quantiles of
 * millions of calls need some KiB. No locks: each thread has its own.
 *
 * Callers: wait.c, tests/soak.
 * Known limits: a quantile is at most 1/32 too long.
 */
#ifndef UZS_BENCH_TIMES_H
#define UZS_BENCH_TIMES_H

#include <stdbool.h>
#include <stdint.h>

/* Times are counted in steps of 1/32 of their power of two. */
#define TIMES_STEP_SHIFT 5
#define TIMES_STEPS (1u << TIMES_STEP_SHIFT)
#define TIMES_BUCKETS ((64u - TIMES_STEP_SHIFT + 1) * TIMES_STEPS)

struct times {
	uint64_t buckets[TIMES_BUCKETS];
	uint64_t nr, sum_ns, max_ns;
	/* Those in which the scheduler took the CPU away are counted apart. */
	uint64_t preempted, preempted_max_ns;
};

void times_note(struct times *times, uint64_t ns, bool preempted);
void times_add(struct times *sum, const struct times *own);
/* The time that so many of the calls did not exceed: part is 0.5 for the
 * median. */
uint64_t times_quantile_ns(const struct times *times, double part);

/* How often this thread had to stop. A system call: for slow calls, and now and
 * then. */
struct times_stops {
	uint64_t preempted; /* the scheduler took the CPU away */
	uint64_t waited; /* it slept, for a lock, say */
};
struct times_stops times_stops(void);

#endif
