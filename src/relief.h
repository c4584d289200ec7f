/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* relief.h - what zs_malloc does when it finds no memory. */
#ifndef UZS_RELIEF_H
#define UZS_RELIEF_H

#include "types.h"

/* State of one zs_malloc call that found no memory. */
struct relief {
	struct zs_pool *pool;
	unsigned long freed_late,
		give_backs; /* the pool's counters before the last
					* try */
	unsigned int step; /* next step of this round */
	unsigned int rounds; /* rounds so far */
	bool any; /* a step of this round freed something */
	bool slabs_tried, sections_tried; /* see relief.c, worth_one */
	bool rights; /* trim_lock and compact_lock are held */
	unsigned int last; /* extra tries at the end of this round */
};
/* freed_late, give_backs: the pool's counters before the try that failed. */
void uzs_relief_start(struct relief *r, struct zs_pool *pool,
		      unsigned long freed_late, unsigned long give_backs);
/* Return: was anything freed, so that another try makes sense? If not, there is
 * no memory. */
bool uzs_relief_next(struct relief *r);
void uzs_relief_end(struct relief *r);
/* Frees what is queued, compacts and trims, once. Waits for threads that do the
 * same. */
void uzs_relieve_pool(struct zs_pool *pool);

#endif
