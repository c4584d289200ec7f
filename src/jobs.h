/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* jobs.h - what the worker does for the pool itself, and who asks for it. */
#ifndef UZS_JOBS_H
#define UZS_JOBS_H

#include "types.h"

/* Queues what is due; no locks held. free: zspages wait in group 0. reclaim:
 * more memory is free than is retained, if that is so. */
void uzs_kick_free(struct zs_pool *pool);
void uzs_kick_reclaim(struct zs_pool *pool);
/* Frees the zspages that were emptied while one of their pages was locked.
 * Return: zspages. */
unsigned long uzs_free_empty_zspages(struct zs_pool *pool);
void uzs_jobs_init(struct zs_pool *pool);

#endif
