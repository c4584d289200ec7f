/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* reuse_state.h - the state of freed objects that are kept for the next allocation;
 * reuse.c owns it. */
#ifndef UZS_REUSE_STATE_H
#define UZS_REUSE_STATE_H

#include "compat/lock.h"
#include "compat/percpu.h"
#include "compat/workqueue.h"

/* Handles whose words are on their way into the cache; most handles of a
 * class: with their counts they fill two cache lines. */
#ifndef REUSE_STAGED /* the lab's are small */
#define REUSE_STAGED 8u
#define REUSE_KEPT 15u
#endif

struct reuse_stack {
	u16 nr; /* handles in it */
	u16 low; /* least nr since the stack was looked at for its age */
	unsigned long handles[REUSE_KEPT]; /* oldest first */
} __aligned(64);

/* What a CPU keeps. guard of all: lock */
struct reuse_slot {
	struct mutex lock; /* only tried, but by those who look at all slots */
	unsigned int held; /* handles in staged and on the stacks */
	unsigned int pos; /* of the oldest in staged */
	unsigned int overflows; /* of stacks, so far */
	unsigned long staged[REUSE_STAGED]; /* handles, or 0 */
	/* so far; read relaxed */
	unsigned long nr_kept;
	unsigned long nr_taken;
	struct reuse_stack stacks[]; /* by class index */
};

struct reuse {
	/* constant after creation, but for age_work and what follows */
	void *mem; /* NULL: nothing is ever kept */
	size_t mem_bytes;
	struct uzs_percpu slots; /* struct reuse_slot */
	struct work_struct age_work;
	bool sparse; /* nothing is taken now; atomic, relaxed */
	/* counters; atomic */
	unsigned long nr_freed; /* kept, and freed all the same */
	unsigned long nr_busy; /* not kept, as the slot was another's */
};

#define for_each_reuse_slot(slot, r)                                       \
	for (unsigned int i_ = 0;                                          \
	     i_ < (r)->slots.slots &&                                      \
	     ((slot) = (struct reuse_slot *)uzs_per_cpu(&(r)->slots, i_)); \
	     i_++)

#endif
