/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cell.h - one cell of uzs-free's tables: one kind of work in one variant of
 * freeing. */
#ifndef UZS_BENCH_CELL_H
#define UZS_BENCH_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "locks.h"
#include "options.h"

enum cell_work { CELL_FREE, CELL_QUEUE, CELL_RELEASE };

struct cell {
	/* of the pool and of the objects; bytes is of all threads' objects,
	 * and a cell of CELL_FREE has one size */
	struct options opt;
	enum cell_work work;
	bool own_class; /* CELL_FREE: of each thread; false: one for all */
	bool keep_zspages; /* CELL_FREE: one object of each zspage stays */
	bool random_order;
};

/* All times in ns, from the moment when all threads begin to free. */
struct cell_result {
	uint64_t ops, bytes; /* objects freed */
	uint64_t call_ns; /* until the last thread has made its last call */
	uint64_t call_mean_ns; /* the same, mean of the threads */
	uint64_t caller_cpu_ns; /* processor time of the calls, all threads */
	uint64_t back_ns; /* until the last object is free: flushed */
	uint64_t cpu_ns; /* processor time until then, the worker's too */
	uint64_t os_ns; /* until the OS has its memory back; 0: it gets none */
	/* handles; as in struct zs_pool_info */
	uint64_t queued, sync_busy, sync_full, scheduled;
	struct lock_rows locks; /* while the objects were freed */
};

/* Measures a cell in a process of its own. *result is shared memory. Dies
 * when something fails, also when an object is not freed. Callers: before any
 * thread was started. */
void cell_measure(const struct cell *cell, struct cell_result *result);

#endif
