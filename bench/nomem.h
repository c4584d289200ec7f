/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* nomem.h - the scenarios of uzs-nomem. */
#ifndef UZS_BENCH_NOMEM_H
#define UZS_BENCH_NOMEM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zs_pool;

#define MAX_WORKERS 64u

struct cell {
	const struct scenario *scenario;
	unsigned int profile, defer, scope;
	unsigned int workers;
	size_t limit; /* bytes */
	struct zs_pool *pool;
	bool stop; /* atomic */
	bool last; /* worker 0 says so before a barrier */
	pthread_barrier_t together; /* of the workers */
	/* results; each worker's own are added up */
	uint64_t calls, wrong, rounds; /* atomic */
	uint64_t worst_ns; /* of zs_malloc, or what the scenario times; atomic */
	uint64_t total_ns; /* of the same, over `rounds`; atomic */
};

struct scenario {
	const char *name;
	const char *summary;
	void (*worker)(struct cell *cell, unsigned int number);
	unsigned int workers;
	unsigned int live_percent; /* of the limit, all workers together */
	bool pins; /* some objects are pinned all the time */
	void (*beside)(struct cell *cell); /* another thread, or NULL */
};

extern const struct scenario scenarios[];
extern const unsigned int nr_scenarios;

#endif
