/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fork_util.h - what the tests of fork share: children that say what they find
 * wrong, and threads that keep a pool busy.
 */
#ifndef UZS_FORK_UTIL_H
#define UZS_FORK_UTIL_H

#include "test_system.h"
#include "test_util.h"

#include <pthread.h>

#include "kernel/obj.h"

#define CHILD_SECONDS 60

/* TSan knows no threads in a child of a process with threads: there, pools are
 * used without a worker. */
#if UNDER_TSAN
#define CHILD_POOL_FLAGS ZS_POOL_NO_WORKER
#else
#define CHILD_POOL_FLAGS 0
#endif

__attribute__((noreturn)) void child_exit(int status);

#define CHILD_CHECK(cond)                                                    \
	do {                                                                 \
		if (!(cond)) {                                               \
			fprintf(stderr, "%s:%d: in a child: %s\n", __FILE__, \
				__LINE__, #cond);                            \
			child_exit(1);                                       \
		}                                                            \
	} while (0)

#define NR_THREADS 3
#define NR_STABLE 300
#define MAX_OWN 150

struct busy {
	struct zs_pool *pool;
	/* Neither written nor freed, only moved, while threads run. */
	unsigned long stable[NR_STABLE];
	bool stop; /* atomic */
	struct hammer {
		struct busy *b;
		pthread_t thread;
		struct rng rng;
		unsigned long handle[MAX_OWN];
		unsigned int size[MAX_OWN];
		unsigned int nr;
		unsigned int wrong; /* read after the join */
		unsigned long calls; /* atomic */
		unsigned char data[4096];
	} hammer[NR_THREADS];
};

void sleep_ms(long ms);
/* Did a child of that status probably hang in a sanitizer? Twice at most. */
bool hung_in_runtime(int status);
void assert_child_well(pid_t pid);

/* A child's first steps. A crash must end it, not the test that it is a copy
 * of: those signals are the test runner's. */
void child_begin(void);

/* Uses a pool that is the child's own, all of it. */
void child_use_new_pool(unsigned int seed);

/* Makes a pool of the parent's usable. */
void child_take_pool(struct zs_pool *pool);
void busy_start(struct busy *b, const struct zs_pool_options *o,
		unsigned int threads);
bool stable_ok(struct busy *b);

/* The parent goes on as if nothing had been. */
void busy_stop(struct busy *b, unsigned int threads);

/* Lets the threads get somewhere else between two forks. */
void busy_go_on(struct busy *b, unsigned int threads);
struct zs_pool_info info_in_child(struct zs_pool *pool);

/* Everything that can be done with a pool, in a child that got it from a
 * parent whose threads were in the middle of something. */
void child_use_old_pool(struct busy *b, unsigned int seed);
pid_t prepared_fork(struct zs_pool *pool);

#endif
