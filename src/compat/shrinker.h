/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* shrinker.h - callbacks that free memory when an allocation would fail.
 *
 * Kernel origin: linux/shrinker.h, mm/shrinker.c. Same guarantees:
 *   S1 callbacks of one shrinker may run in several threads at once
 *   S2 callbacks run without the list's lock: they may sleep, take any lock,
 *      and call uzs_shrink_all and uzs_shrinker_register
 *   S3 after uzs_shrinker_unregister has returned, no callback of that shrinker
 *      runs
 * Simpler: a list for each zone, not one for the machine; each shrinker is
 * asked once; no priorities, batches, NUMA nodes or memory cgroups.
 */
#ifndef UZS_COMPAT_SHRINKER_H
#define UZS_COMPAT_SHRINKER_H

#include "base.h"
#include "list.h"
#include "lock.h"

#define SHRINK_STOP (~0UL) /* scan_objects: nothing can be freed now */
#define SHRINK_EMPTY (~0UL - 1) /* count_objects: there are no objects */

struct shrinker {
	/* Return: how many objects could be freed. 0 or SHRINK_EMPTY: none. */
	unsigned long (*count_objects)(struct shrinker *s);
	/* Tries to free about nr objects. Return: how many were freed, or
	 * SHRINK_STOP. */
	unsigned long (*scan_objects)(struct shrinker *s, unsigned long nr);
	void *private_data; /* the caller's */
	struct list_head list; /* guard: shrinker_list->lock */
	u32 users; /* threads in its callbacks. guard: shrinker_list->lock to
		    * write; slept on */
	bool leaving; /* being unregistered. guard: shrinker_list->lock */
};

struct shrinker_list {
	spinlock_t lock;
	struct list_head head; /* guard: lock */
};

void uzs_shrinker_list_init(struct shrinker_list *l);

/* Adds s. The caller has set the callbacks and private_data; this sets the
 * rest. */
void uzs_shrinker_register(struct shrinker_list *l, struct shrinker *s);

/* Removes s and waits until its callbacks have returned (S3). Must not be
 * called from one of them. */
void uzs_shrinker_unregister(struct shrinker_list *l, struct shrinker *s);

/* Asks the shrinkers in the order of their registration, each once, until nr
 * objects are freed.
 * Context: any thread; holds no lock during a callback (S2).
 * Return: objects freed; may be more than nr. */
unsigned long uzs_shrink_all(struct shrinker_list *l, unsigned long nr);

#endif
