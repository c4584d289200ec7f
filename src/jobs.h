/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* jobs.h - the worker's jobs for the pool itself, and how to ask for them. */
#ifndef UZS_JOBS_H
#define UZS_JOBS_H

#include "types.h"

/* Queues a job. No locks held. free: frees the zspages that wait in group 0.
 * give_back: gives memory back, if more is free than is retained. */
void uzs_kick_free(struct zs_pool *pool);
void uzs_kick_give_back(struct zs_pool *pool);
/* Frees the zspages that became empty while one of their pages was locked.
 * Return: zspages freed. */
unsigned long uzs_free_empty_zspages(struct zs_pool *pool);
void uzs_jobs_init(struct zs_pool *pool);

#endif
