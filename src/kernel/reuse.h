/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* reuse.h - freed objects that are kept for the next allocation. */
#ifndef UZS_REUSE_H
#define UZS_REUSE_H

#include "types.h"

/* Bytes that reuse takes, in a pool of which only the geometry is known. */
size_t uzs_reuse_bytes(const struct zs_pool *pool);
/* Turns reuse on. Return: 0 or -ENOMEM. */
int uzs_reuse_init(struct zs_pool *pool);
void uzs_reuse_destroy(struct zs_pool *pool);
/* Keeps a handle that the user has freed. BUSY: the CPU's slot is busy, so the
 * caller must free the handle. MISUSED: misuse was told; the caller does
 * nothing. */
enum reuse_kept { REUSE_IS_KEPT, REUSE_BUSY, REUSE_MISUSED };
enum reuse_kept uzs_reuse_keep(struct zs_pool *pool, unsigned long handle);
/* Takes a kept handle of that class. Return: the handle, or 0. */
unsigned long uzs_reuse_take(struct zs_pool *pool,
			     const struct size_class *class);
/* Frees all that was kept before the call. Return: did it find any? Misuse that
 * it finds is noted, not told. */
bool uzs_reuse_flush(struct zs_pool *pool);
/* Objects of that class that a CPU keeps at most, without the staged ones. */
unsigned int uzs_reuse_room(const struct zs_pool *pool,
			    const struct size_class *class);
/* Handles kept, and taken, so far; relaxed. */
unsigned long uzs_reuse_nr_kept(struct zs_pool *pool);
unsigned long uzs_reuse_nr_taken(struct zs_pool *pool);
/* Takes the locks of all slots, in order. They come below drain_lock. */
void uzs_reuse_lock(struct zs_pool *pool);
void uzs_reuse_unlock(struct zs_pool *pool);
void uzs_reuse_fork_child(struct zs_pool *pool);

#endif
