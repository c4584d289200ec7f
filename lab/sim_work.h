/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_work.h - one cell of a simulation, and its result. On some virtual CPUs,
 * callers fill a pool, and then all at the same time free everything, or read or
 * replace their objects again and again.
 *
 * Freeing is the work of bench/uzs-free: see docs/lock-scopes.md.
 */
#ifndef UZS_LAB_SIM_WORK_H
#define UZS_LAB_SIM_WORK_H

#include "scopes.h"
#include "sim_kernel.h"
#include "sim_sched.h"
#include "uzsmalloc.h"

#define SIM_MAX_CALLERS SIM_MAX_CPUS
#define SIM_MAX_SPANS 6000u
#define SIM_RESERVE_KIB 256u /* the library's default */

enum sim_work {
	SIM_RELEASE, /* frees compressed pages */
	SIM_FREE, /* frees objects of one size */
	SIM_READ, /* looks at each object in its place */
	SIM_REPLACE, /* puts an object of another size in each one's place */
	SIM_HOT /* one CPU frees the same few objects, which all caches have */
};

struct sim_cell {
	enum sim_work work;
	enum zs_lock_scope scope; /* or LAB_SCOPE_USER, or LAB_SCOPE_KERNEL on */
	enum zs_defer_mode defer;
	unsigned int cpus;
	unsigned int callers; /* processes, threads */
	unsigned int objects; /* of each caller */
	unsigned int rounds; /* how often each is read or replaced; else 1 */
	unsigned int warm_up; /* rounds before that, not measured */
	const u32 *sizes; /* bytes; each equally likely */
	u32 nr_sizes;
	unsigned int workers; /* they free, not the callers; 0: none */
	bool own_class; /* SIM_FREE: each caller has its own class */
	bool shared; /* SIM_READ: all callers read the first one's */
	bool random_order; /* of the calls; else in the order of storing */
	bool apart; /* the callers fill one after the other, not at once */
	unsigned int reserve_kib; /* of per-CPU buffers' pages */
	bool bus_slots; /* see sim_lines_bus_slots() */
	bool parts; /* where the time goes is wanted */
	bool record; /* spans, from the middle of the run on */
	u64 seed;
	u64 work_ps; /* of a plain load or store */
};

struct sim_result {
	bool ok;
	char text[512]; /* if not ok: why */
	u64 call_ps; /* until the last caller has made its last call */
	u64 back_ps; /* until a flush returns: all is free */
	struct sim_run run;
	u64 ops; /* calls of all callers */
	u64 queued, sync_busy, sync_full; /* deferred calls, by outcome */
	u64 callers_ps; /* of all callers together, until each one's last call */
	unsigned int nr_parts;
	struct sim_part parts[SIM_MAX_PARTS];
	unsigned int nr_spans;
	struct sim_span spans[SIM_MAX_SPANS];
};

static inline const char *sim_scope_name(enum zs_lock_scope scope)
{
	if (sim_is_kernel(scope))
		return sim_kernel_name(scope);
	return scope == LAB_SCOPE_USER ? variant_profile_name(ZS_PROFILE_USER)
				       : variant_scope_name(scope);
}

/* Does the work free objects, and nothing else? */
static inline bool sim_work_frees(enum sim_work work)
{
	return work == SIM_RELEASE || work == SIM_FREE;
}

/* Simulates the cell in its own process. `result` is memory that both processes
 * share (sim_result_new). Return: 0, or an exit status after a line on
 * stderr. */
int sim_measure(const struct sim_costs *costs, const struct sim_cell *cell,
		struct sim_result *result);
struct sim_result *sim_result_new(void);

/* Finds the price of a plain load or store, in ps, at which zs_free takes as
 * long as the table says for a hot cache. Return: as sim_measure. */
int sim_work_price(const struct sim_costs *costs, u64 *ps);

#endif
