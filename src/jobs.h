/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* jobs.h - the worker's jobs for the pool itself, and how to ask for them. */
#ifndef UZS_JOBS_H
#define UZS_JOBS_H

#include "types.h"

/* Delay of closing gaps: what is freed together is looked at together. */
#define GAPS_DELAY_NS (10 * 1000000u)

/* Queues a job. No locks held. free: frees the zspages that wait in group 0.
 * give_back: gives memory back, if more is free than is retained. */
void uzs_kick_free(struct zs_pool *pool);
void uzs_kick_give_back(struct zs_pool *pool);
/* Frees the zspages that became empty while one of their pages was locked.
 * Return: zspages freed. */
unsigned long uzs_free_empty_zspages(struct zs_pool *pool);
void uzs_jobs_init(struct zs_pool *pool);

/* The pool keeps itself dense: objects of a class were freed, and now and then
 * it is looked whether compaction would free more than the bound allows: at once
 * after many frees, and by the worker a little after any. Locks: class->lock, or
 * none. */
void uzs_look_for_gaps(struct zs_pool *pool);
void uzs_look_later(struct zs_pool *pool);
/* The same for what the OS holds of memory that was given back: profile->split. */
void uzs_look_at_held_later(struct zs_pool *pool);
/* Do gaps take more than so many quarters of the bound? Locks: none. */
bool uzs_has_gaps(const struct zs_pool *pool, unsigned int quarters);
static inline void uzs_note_freed(struct zs_pool *pool,
				  const struct size_class *class,
				  unsigned long n)
{
	unsigned long freed;

	if (likely(!READ_ONCE(pool->max_overhead)))
		return;
	freed = READ_ONCE(class->objs_freed);
	if ((freed ^ (freed - n)) / class->look_every)
		uzs_look_for_gaps(pool);
	if (unlikely(!READ_ONCE(pool->look_due)))
		uzs_look_later(pool);
}

#endif
