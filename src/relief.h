/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* relief.h - what zs_malloc does when it finds no memory. */
#ifndef UZS_RELIEF_H
#define UZS_RELIEF_H

#include "types.h"

/* Frees what it can and calls retry, until that says true or nothing is left to
 * free. Never calls it while the pool is above its limit. @freed_late,
 * @give_backs: the pool's counters before the try that failed. Locks: none.
 * Return: what retry said last. */
bool uzs_retry_for_memory(struct zs_pool *pool, unsigned long freed_late,
			  unsigned long give_backs, bool (*retry)(void *arg),
			  void *arg);
/* Frees what is queued, compacts and trims, once. Waits for threads that do the
 * same. */
void uzs_relieve_pool(struct zs_pool *pool);

#endif
