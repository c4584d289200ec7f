/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* reuse_state.h - the state of freed objects that are kept for the next allocation;
 * reuse.c owns it. */
#ifndef UZS_REUSE_STATE_H
#define UZS_REUSE_STATE_H

#include "compat/lock.h"
#include "compat/percpu.h"
#include "compat/workqueue.h"

/* Handles whose words are being prefetched. Handles of a class at most: with
 * their counts they fill two cache lines. */
#ifndef REUSE_STAGED /* the lab has smaller ones */
#define REUSE_STAGED 8u
#define REUSE_KEPT 15u
#endif

struct reuse_stack {
	u16 nr; /* handles in it */
	u16 low; /* least nr since the last aging */
	unsigned long handles[REUSE_KEPT]; /* oldest first */
} __aligned(64);

/* What a CPU keeps. guard of all: lock */
struct reuse_slot {
	struct mutex lock; /* only tried, except when all slots are looked at */
	unsigned int held; /* handles in staged and on the stacks */
	unsigned int pos; /* index of the oldest in staged */
	unsigned int overflows; /* how often stacks were full, so far */
	unsigned long staged[REUSE_STAGED]; /* handles, or 0 */
	/* so far; read relaxed */
	unsigned long nr_kept;
	unsigned long nr_taken;
	struct reuse_stack stacks[]; /* by class index */
};

struct reuse {
	/* constant after creation, except age_work and what follows it */
	void *mem; /* NULL: nothing is ever kept */
	size_t mem_bytes;
	struct uzs_percpu slots; /* struct reuse_slot */
	struct work_struct age_work;
	bool sparse; /* objects are not given out again now; atomic, relaxed */
	/* counters; atomic */
	unsigned long nr_freed; /* kept, but then freed */
	unsigned long nr_busy; /* not kept, because the slot was busy */
};

#define for_each_reuse_slot(slot, r)                                       \
	for (unsigned int i_ = 0;                                          \
	     i_ < (r)->slots.slots &&                                      \
	     ((slot) = (struct reuse_slot *)uzs_per_cpu(&(r)->slots, i_)); \
	     i_++)

#endif
