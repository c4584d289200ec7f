/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* relief.h - what zs_malloc does for want of memory. */
#ifndef UZS_RELIEF_H
#define UZS_RELIEF_H

#include "types.h"

/* What one zs_malloc that found no memory does about it. */
struct relief {
	struct zs_pool *pool;
	unsigned long relieved, trims; /* the pool's, before the last try */
	unsigned int step; /* the next one of a round */
	unsigned int rounds; /* so far */
	bool any; /* something was done in this round */
	bool slabs_tried, sections_tried; /* see relief.c, worth_one */
	bool rights; /* to give back and to compact are held */
	unsigned int last; /* tries at the end of this round */
};
/* relieved, trims: the pool's, before the try that failed. */
void uzs_relief_start(struct relief *r, struct zs_pool *pool,
		      unsigned long relieved, unsigned long trims);
/* Return: was anything freed, so that it is worth while to try again? If not
 * there is no memory. */
bool uzs_relief_next(struct relief *r);
void uzs_relief_end(struct relief *r);

#endif
