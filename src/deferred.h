/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* deferred.h - handles, or a caller's values, that are freed later. */
#ifndef UZS_DEFERRED_H
#define UZS_DEFERRED_H

#include "types.h"

int uzs_deferred_init(struct zs_pool *pool, enum zs_defer_mode mode);
/* Frees everything, until nothing is queued. */
void uzs_deferred_drain_all(struct zs_pool *pool);
void uzs_deferred_destroy(struct zs_pool *pool);
/* Are there handles that wait to be freed? The caller's own values do not
 * count. */
bool uzs_deferred_has_queued(struct zs_pool *pool);
/* For want of memory: frees them. Return: were there any? Needs drain_lock. */
bool uzs_deferred_drain_for_memory(struct zs_pool *pool);
/* Memory that a mode takes for itself from the beginning, in a pool of which
 * only the geometry is known. */
size_t uzs_deferred_need(const struct zs_pool *pool, enum zs_defer_mode mode);
/* Memory of its own. */
size_t uzs_deferred_bytes(struct zs_pool *pool);
/* How often so far: a handle was freed at once as somebody else was at the queue,
 * or as there was no room; a handle or value was queued; was freed later. Kept
 * for reuse counts as queued. */
unsigned long uzs_deferred_nr_busy(struct zs_pool *pool);
unsigned long uzs_deferred_nr_full(struct zs_pool *pool);
unsigned long uzs_deferred_nr_queued(struct zs_pool *pool);
unsigned long uzs_deferred_nr_drained(struct zs_pool *pool);
/* hand takes hand_lock, first of all locks but drain_lock, which no fork needs;
 * prepare takes the rest. */
void uzs_deferred_fork_hand(struct zs_pool *pool);
void uzs_deferred_fork_prepare(struct zs_pool *pool);
void uzs_deferred_fork_parent(struct zs_pool *pool);
void uzs_deferred_fork_child(struct zs_pool *pool);

#endif
