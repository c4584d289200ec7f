/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_workers.h - freeing later by any number of workers: callers put the objects
 * that they would free into a queue of their own, and workers free them. What a
 * deferral would be at best: queues have no limit and no lock. Only for
 * sim_work.c.
 */
#ifndef UZS_LAB_SIM_WORKERS_H
#define UZS_LAB_SIM_WORKERS_H

#include "sim_work.h"

/* The machine is open. */
void sim_workers_init(const struct sim_cell *cell);
/* Caller `t` gives its i-th object away. */
void sim_workers_queue(unsigned int t, unsigned int i);
/* What worker `arg` does until all objects are free. */
void sim_worker(void *arg);

#endif
