/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* reuse.h - freed objects that are kept for the next allocation. */
#ifndef UZS_REUSE_H
#define UZS_REUSE_H

#include "types.h"

/* Memory that it takes, in a pool of which only the geometry is known. */
size_t uzs_reuse_bytes(const struct zs_pool *pool);
/* Makes the pool keep what it is given; 0 or -ENOMEM. */
int uzs_reuse_init(struct zs_pool *pool);
void uzs_reuse_destroy(struct zs_pool *pool);
/* Keeps a handle whose object the user has done with. BUSY: he must free it,
 * as the CPU's slot is; MISUSED: nothing, that was told. */
enum reuse_kept { REUSE_IS_KEPT, REUSE_BUSY, REUSE_MISUSED };
enum reuse_kept uzs_reuse_keep(struct zs_pool *pool, unsigned long handle);
/* A handle of that class which was kept, or 0. */
unsigned long uzs_reuse_take(struct zs_pool *pool,
			     const struct size_class *class);
/* Frees all that was kept before the call. Return: did it find any? Misuse that
 * it meets is noted, not told. */
bool uzs_reuse_flush(struct zs_pool *pool);
/* Objects of that class that a CPU keeps at most, but for those staged. */
unsigned int uzs_reuse_room(const struct zs_pool *pool,
			    const struct size_class *class);
/* Handles kept, and taken, so far; relaxed. */
unsigned long uzs_reuse_nr_kept(struct zs_pool *pool);
unsigned long uzs_reuse_nr_taken(struct zs_pool *pool);
/* Every slot, in order; below drain_lock. */
void uzs_reuse_lock(struct zs_pool *pool);
void uzs_reuse_unlock(struct zs_pool *pool);
void uzs_reuse_fork_child(struct zs_pool *pool);

#endif
