/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* shrinker.h - whom to ask for memory when there is none.
 *
 * Kernel origin: linux/shrinker.h, mm/shrinker.c. Restored:
 *   S1 callbacks of one shrinker may run in several threads at once
 *   S2 callbacks run without a lock of the list: they may sleep, take any
 *      lock, and call uzs_shrink_all and uzs_shrinker_register
 *   S3 after uzs_shrinker_unregister returned, no callback of that shrinker
 *      runs any more
 * Simpler: a list for each zone instead of one for the machine; no
 * priorities, batches, NUMA nodes or memory cgroups; each is asked once.
 */
#ifndef UZS_COMPAT_SHRINKER_H
#define UZS_COMPAT_SHRINKER_H

#include "base.h"
#include "list.h"
#include "lock.h"

#define SHRINK_STOP (~0UL) /* from scan: nothing can be freed now */
#define SHRINK_EMPTY (~0UL - 1) /* from count: there is nothing at all */

struct shrinker {
	/* How many objects could be freed; 0 or SHRINK_EMPTY: none. */
	unsigned long (*count_objects)(struct shrinker *s);
	/* Tries to free about nr objects; how many it freed, or SHRINK_STOP. */
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

/* Adds s, whose callbacks and private_data are set; the rest is filled in. */
void uzs_shrinker_register(struct shrinker_list *l, struct shrinker *s);

/* Takes s off and waits until its callbacks have returned (S3). Not from
 * within one of them. */
void uzs_shrinker_unregister(struct shrinker_list *l, struct shrinker *s);

/* Asks the shrinkers that have something, in order of registration, until nr
 * objects are freed or all were asked once.
 * Context: any thread; holds no lock while it asks (S2).
 * Return: objects freed; may be more than nr. */
unsigned long uzs_shrink_all(struct shrinker_list *l, unsigned long nr);

#endif
