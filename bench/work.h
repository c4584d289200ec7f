/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* work.h - the working set: objects in slots, and what is done to them.
 *
 * Slots are divided into one share for each thread; a thread works on its own
 * share of the one pool (or heap). All that a timed loop needs (which slot
 * when, which size next, which bytes) is worked out before.
 */
#ifndef UZS_BENCH_WORK_H
#define UZS_BENCH_WORK_H

#include <stddef.h>
#include <stdint.h>

#include "harness.h"
#include "options.h"
#include "slot.h"
#include "target.h"

struct share {
	size_t begin, end; /* slots, and the part of order[] that names them */
	size_t freed; /* the first so many of order[begin..] have no object */
	size_t plan_begin, plan_end; /* part of victims[], new_bytes[] */
	size_t goal; /* argument of the free job: what freed is to become */
	uint64_t sum; /* of what was read: the same for every allocator */
	unsigned char *buf; /* for reads */
} __attribute__((aligned(CACHE_LINE_BYTES)));

struct work {
	const struct options *opt;
	struct target target;
	struct team *team;
	size_t nr; /* slots */
	struct slot *slots;
	uint32_t *order; /* slot numbers, shuffled within each share */
	uint32_t *victims; /* replacements: slot, and size of what comes */
	uint32_t *new_bytes;
	size_t plan_room; /* entries in these two */
	const unsigned char *payload;
	uint32_t salt; /* varies the bytes that a slot's object holds */
	bool leave_deferred; /* jobs do not wait until what they freed is free */
	uint64_t rng;
	struct share shares[HARNESS_MAX_THREADS];
};

/* Makes the working set for opt, with a target, a team and no objects.
 * plan_rounds: room for that many replacements per slot. */
void work_open(struct work *work, const struct options *opt,
	       unsigned int plan_rounds);

/* How many slots opt asks for; 0 if more than can be numbered. */
size_t work_slots(const struct options *opt);

/* Not timed; by the calling thread alone. */
void work_shuffle(struct work *work); /* all slots must be of one kind: all
				       * with or all without object */
size_t work_plan(struct work *work, unsigned int rounds); /* replacements:
				       * so many for each object that lives */
void work_free_goal(struct work *work, unsigned int percent);
uint64_t work_live(const struct work *work, uint64_t *objects); /* bytes */
uint64_t work_planned_bytes(const struct work *work);
uint64_t work_goal_bytes(const struct work *work, uint64_t *objects);
uint64_t work_take_sum(struct work *work); /* and starts anew */

/* Puts an object of that many bytes in the place of a slot's. The slot must be
 * of the calling thread's share. */
void work_replace(struct work *work, uint32_t number, uint32_t bytes);

/* Jobs, for team_run() with the work as arg. */
void job_alloc(void *arg, unsigned int thread); /* where there is no object */
void job_fill(void *arg, unsigned int thread); /* same, and write it */
void job_write(void *arg, unsigned int thread); /* all live, in order[] */
void job_read(void *arg, unsigned int thread);
void job_peek(void *arg, unsigned int thread);
void job_peek_one(void *arg, unsigned int thread);
void job_free(void *arg, unsigned int thread); /* in order[], to goal */
void job_free_many(void *arg, unsigned int thread); /* the same */
void job_replace(void *arg, unsigned int thread); /* as planned */

/* Reads every object back and dies if one is not what was written last; asks
 * a pool to check itself. after: for the message. */
void work_verify(struct work *work, const char *after);

#endif
