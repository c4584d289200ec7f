/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* deferred.h - handles, or values of the caller, that are freed later. */
#ifndef UZS_DEFERRED_H
#define UZS_DEFERRED_H

#include "types.h"

int uzs_deferred_init(struct zs_pool *pool, enum zs_defer_mode mode);
/* Drains until nothing is queued. */
void uzs_deferred_flush_all(struct zs_pool *pool);
void uzs_deferred_destroy(struct zs_pool *pool);
/* Are any handles waiting to be freed? Values of the caller do not count. */
bool uzs_deferred_has_queued(struct zs_pool *pool);
/* Frees the waiting handles, because there is no memory. Locks: needs
 * drain_lock. Return: were there any? */
bool uzs_deferred_flush_for_memory(struct zs_pool *pool);
/* Bytes that a mode takes for itself from the beginning, in a pool of which
 * only the geometry is known. */
size_t uzs_deferred_need(const struct zs_pool *pool, enum zs_defer_mode mode);
/* Bytes that deferral has for itself. */
size_t uzs_deferred_bytes(struct zs_pool *pool);
/* The same, with what it takes later, when it is needed. */
size_t uzs_deferred_most_bytes(struct zs_pool *pool);
/* Counts so far. busy: handles freed at once because another thread had the
 * queue's lock; full: because there was no room. queued: handles or values
 * queued, which includes those kept for reuse. drained: freed later. */
unsigned long uzs_deferred_nr_busy(struct zs_pool *pool);
unsigned long uzs_deferred_nr_full(struct zs_pool *pool);
unsigned long uzs_deferred_nr_queued(struct zs_pool *pool);
unsigned long uzs_deferred_nr_drained(struct zs_pool *pool);
/* fork_hand takes hand_lock. It comes before all other locks but drain_lock,
 * which a fork does not need. fork_prepare takes the rest. */
void uzs_deferred_fork_hand(struct zs_pool *pool);
void uzs_deferred_fork_prepare(struct zs_pool *pool);
void uzs_deferred_fork_parent(struct zs_pool *pool);
void uzs_deferred_fork_child(struct zs_pool *pool);

#endif
