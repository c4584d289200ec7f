/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* compact.h - moves objects together, so that zspages become empty. */
#ifndef UZS_COMPACT_H
#define UZS_COMPACT_H

#include "types.h"

void uzs_compact_init(struct zs_pool *pool, unsigned int max_overhead);
/* As zs_compact, but passes over zspages that are being read. Locks: needs
 * compact_lock. Return: pages freed. */
unsigned long uzs_compact_for_memory(struct zs_pool *pool);

/* Does what the pool has begun to do for max_overhead, without rests. Sleeps: yes. */
void uzs_finish_gaps(struct zs_pool *pool);

/* In a pool without a worker: closes a few gaps, if there are more than the bound
 * allows (max_overhead). Bounded work. Locks: takes compact_lock, if it is free.
 * Sleeps: yes. */
void uzs_close_gaps_here(struct zs_pool *pool);
static inline void uzs_close_gaps_in_call(struct zs_pool *pool)
{
	if (unlikely(READ_ONCE(pool->gaps_due)))
		uzs_close_gaps_here(pool);
}

#endif
