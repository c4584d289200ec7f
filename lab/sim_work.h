/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_work.h - one cell of a simulation: a pool filled by some callers, who
 * then free all of it at once, on so many virtual CPUs, and what that took.
 *
 * The work is that of bench/uzs-free: see docs/lock-scopes.md.
 */
#ifndef UZS_LAB_SIM_WORK_H
#define UZS_LAB_SIM_WORK_H

#include "sim_sched.h"
#include "uzsmalloc.h"

#define SIM_MAX_CALLERS SIM_MAX_CPUS
#define SIM_MAX_SPANS 6000u
#define SIM_RESERVE_KIB 256u /* the library's own */

enum sim_work {
	SIM_RELEASE, /* compressed pages */
	SIM_FREE, /* objects of one size */
	SIM_HOT /* the same few objects, which all caches have: one CPU */
};

struct sim_cell {
	enum sim_work work;
	enum zs_lock_scope scope;
	enum zs_defer_mode defer;
	unsigned int cpus;
	unsigned int callers; /* processes, threads */
	unsigned int objects; /* of each */
	const u32 *sizes; /* bytes; each as likely as any other */
	u32 nr_sizes;
	bool own_class; /* SIM_FREE: a class for each caller */
	bool random_order; /* of freeing; else as they were stored */
	bool apart; /* filled one caller after the other, not all at once */
	unsigned int reserve_kib; /* of pages for per-CPU buffers */
	bool record; /* spans, from the middle on */
	u64 seed;
	u64 work_ps; /* of a plain load or store */
};

struct sim_result {
	bool ok;
	char text[512]; /* not ok: why */
	u64 call_ps; /* until the last caller has made its last call */
	u64 back_ps; /* until a flush says that all is free */
	struct sim_run run;
	u64 ops;
	u64 queued, sync_busy, sync_full; /* deferred calls, by outcome */
	unsigned int nr_spans;
	struct sim_span spans[SIM_MAX_SPANS];
};

/* Simulates the cell in a process of its own. `result` is memory that both
 * share (sim_result_new). Return: 0, or an exit status after a line on
 * stderr. */
int sim_measure(const struct sim_costs *costs, const struct sim_cell *cell,
		struct sim_result *result);
struct sim_result *sim_result_new(void);

/* The price of a plain load or store that makes zs_free take as long as the
 * table says when all is at hand, in ps. Return: as sim_measure. */
int sim_work_price(const struct sim_costs *costs, u64 *ps);

#endif
