/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* defer_array.h - the array of deferred free. */
#ifndef UZS_DEFER_ARRAY_H
#define UZS_DEFER_ARRAY_H

#include "types.h"

/* False: there is no room, another thread has the array's lock, or no
 * memory. */
bool uzs_array_queue(struct zs_pool *pool, unsigned long handle);
/* Frees some of the handles in the array, up to queueing number `until`. Locks:
 * needs drain_lock. Return: was there anything? */
bool uzs_array_drain(struct zs_pool *pool, u64 until);
/* The queueing number of the latest handle queued. */
u64 uzs_array_queued(struct deferred *d);
void uzs_array_init(struct zs_pool *pool);
/* Maps the array now. Otherwise it is mapped when first needed. False without
 * memory. */
bool uzs_array_make(struct zs_pool *pool);
void uzs_array_destroy(struct zs_pool *pool);
/* Bytes that the array would take, in a pool of which only the geometry is
 * known; and bytes that it has. */
size_t uzs_array_need(const struct zs_pool *pool);
size_t uzs_array_bytes(const struct zs_pool *pool);

#endif
