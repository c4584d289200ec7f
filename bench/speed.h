/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* speed.h - runs of speed.c and what came of them. */
#ifndef UZS_BENCH_SPEED_H
#define UZS_BENCH_SPEED_H

#include <stdbool.h>
#include <stdint.h>

#include "modes.h"

struct result {
	uint64_t ops; /* compact: objects moved; of a subject: pages freed */
	uint64_t bytes;
	uint64_t wall_ns;
	uint64_t busy_ns; /* sum over threads */
	uint64_t cpu_ns; /* of the process: a pool's worker, too */
	uint64_t faults;
	uint64_t checksum;
	uint64_t pages_freed; /* compact only */
	uint64_t hold_ns_max;
};

/* Runs all of opt->ops once, in fresh processes. results: one for each, in
 * shared memory. */
void speed_run(const struct options *opt, struct result *results);

/* The timed loop; NULL for compact, which is no job of the team. */
void (*speed_job(enum bench_op op))(void *arg, unsigned int thread);

/* amount / operations. */
double speed_per_op(const struct result *result, uint64_t amount);

/* Prints opt->reps runs as CSV or JSON. first, last: of all that is printed. */
void speed_print_rows(const struct options *opt,
		      const struct target_identity *identity,
		      const struct result *results, bool first, bool last);

#endif
