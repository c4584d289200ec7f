/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* defer_bufs.h - the per-CPU buffers of deferred free. */
#ifndef UZS_DEFER_BUFS_H
#define UZS_DEFER_BUFS_H

#include "types.h"

/* Stores a value in this CPU's buffer; the mode must be per-CPU. False: there
 * is no room, or the CPU's slot is busy. */
bool uzs_bufs_push(struct zs_pool *pool, unsigned long value);
/* Drains the first queued buffer, if it was queued before number `until`.
 * Locks: needs drain_lock. Return: was there one? */
bool uzs_bufs_drain(struct zs_pool *pool, u64 until);
/* Queues the buffers that CPUs are filling. Return: number of the last buffer
 * queued. */
u64 uzs_bufs_queue_all(struct deferred *d);
/* The number of the last buffer queued; queues none. */
u64 uzs_bufs_queued(struct deferred *d);
void uzs_bufs_init(struct deferred *d);
/* own_bytes: bytes that deferral takes already. Return: 0, or -ENOMEM, also
 * where the pool's limit leaves no room. */
int uzs_bufs_alloc(struct zs_pool *pool, size_t own_bytes);
void uzs_bufs_destroy(struct zs_pool *pool);
/* Bytes that the buffers would take, in a pool of which only the geometry is
 * known. */
size_t uzs_bufs_need(const struct zs_pool *pool);
/* How often a value found no room; values queued so far. Relaxed. */
unsigned long uzs_bufs_nr_full(struct deferred *d);
unsigned long uzs_bufs_nr_queued(struct deferred *d);
void uzs_bufs_lock(struct deferred *d);
void uzs_bufs_unlock(struct deferred *d);
void uzs_bufs_fork_child(struct deferred *d);
/* In the child of a fork: the thread that was in the caller's callback does not
 * exist here. Which values of its buffer it has freed is not known. */
void uzs_bufs_forget_call(struct zs_pool *pool);

#endif
