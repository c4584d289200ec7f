/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* stress.h - threads that use one pool by calls of all kinds, and verify all
 * data. They only count what they find wrong; stress_end() asserts.
 */
#ifndef UZS_STRESS_H
#define UZS_STRESS_H

#include "test_failures.h"
#include "test_util.h"

#include <pthread.h>

#include "kernel/obj.h"

#define MAX_THREADS 8
#define MAX_OWN 400
#define NR_SHARED 64

struct object {
	unsigned long handle;
	unsigned int size;
	uint64_t key;
};

struct stress {
	struct zs_pool *pool;
	unsigned int page_size;
	unsigned int max_size; /* of an object */
	/* Read by all, changed by none. */
	struct object shared[NR_SHARED];
	FILE *null;
	struct failures failures;
	unsigned int finished; /* atomic */
};

struct worker;

struct op {
	const char *name;
	void (*func)(struct worker *w);
	/* How often while the cheapest is called 100 times: at once with
	 * another, and when the dice are thrown. */
	unsigned int loops;
	unsigned int weight;
};

struct worker {
	struct stress *s;
	pthread_t thread;
	struct rng rng;
	struct object own[MAX_OWN];
	unsigned int nr;
	const struct op *op; /* NULL: a random one each time */
	unsigned int loops;
	unsigned int partners; /* who must have finished before this one */
	unsigned char *copy; /* a page */
};

/* A burst is malloc and free; what is in pairs is all but that. */
extern const struct op stress_ops[];
extern const unsigned int nr_pair_ops;

void own_free_all(struct worker *w);
void do_drain(struct worker *w);
const struct op *throw_dice(struct worker *w);
unsigned int finished(struct stress *s);
void stress_init(struct stress *s, const struct zs_pool_options *o);
void start_worker(struct worker *w, struct stress *s, unsigned int seed,
		  const struct op *op, unsigned int loops,
		  unsigned int partners);
void join_worker(struct worker *w);

/* Everything as it should be, everything freed, nothing left. */
void stress_end(struct stress *s);
enum zs_lock_scope nth_scope(unsigned int n);

#endif
