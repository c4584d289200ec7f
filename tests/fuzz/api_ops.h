/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* api_ops.h - the operations of fuzz_api: api_objects.c, api_pool.c,
 * api_misuse.c.
 *
 * Each takes its arguments from the actor's input, and compares what comes of it
 * with the model.
 */
#ifndef UZS_FUZZ_API_OPS_H
#define UZS_FUZZ_API_OPS_H

#include "api_model.h"

/* Who calls: the main thread, or one of two. */
struct actor {
	struct model *m;
	struct fuzz_input in;
	unsigned int low, nr; /* its slots */
	bool alone;
	const char *name;
};

static inline bool idle(const struct slot *slot, enum slot_kind kind)
{
	return slot->kind == kind && !slot->nr_pins;
}

/* api_objects.c */
struct slot *own_slot(struct actor *a);
/* What a number of the input means as a size. */
size_t size_of(const struct model *m, unsigned int x);
size_t some_size(struct actor *a);
/* Is lack of memory no surprise? */
bool may_lack(struct actor *a, gfp_t gfp);
void alloc_one(struct actor *a, struct slot *slot, size_t size, gfp_t gfp);
void store_one(struct actor *a, struct slot *slot, size_t size);
void free_one(struct model *m, struct slot *slot);

/* api_misuse.c: the pool's callback. */
void told(const struct zs_misuse *misuse, void *arg);

void op_alloc(struct actor *a);
void op_alloc_many(struct actor *a);
void op_ref_alloc(struct actor *a);
void op_ref_store(struct actor *a);
void op_ref_store_many(struct actor *a);
void op_ref_move(struct actor *a);
void op_free(struct actor *a);
void op_free_every(struct actor *a);
void op_free_many(struct actor *a);
void op_free_later(struct actor *a);
void op_push(struct actor *a);
void op_enable(struct actor *a);
void op_read(struct actor *a);
void op_read_shared(struct actor *a);
void op_pin(struct actor *a);
void op_unpin(struct actor *a);
void op_unpin_all(struct actor *a);
void op_write(struct actor *a);
void op_give_back(struct actor *a);
void op_limit(struct actor *a);
void op_overhead(struct actor *a);
void op_fail(struct actor *a);
void op_fork_locks(struct actor *a);
void op_look(struct actor *a);
void op_refused(struct actor *a);
void op_misuse(struct actor *a);

#endif
