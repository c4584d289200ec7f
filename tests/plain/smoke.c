/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* smoke.c - a little of everything with the public header and the C library
 * alone, for where the tests' libraries are missing: threads, every scope
 * and deferral, the worker, compaction beside them, a limit, fork. Ends with 0,
 * or says what is wrong.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/variants.h"

#define THREADS 4
#define SLOTS 500
#define STEPS 20000 /* of a thread */
#define MOST 4096

static struct zs_pool *pool; /* const while threads run */
static bool stop; /* atomic */
static int steps = STEPS; /* const while threads run */

/* In the middle of threads: nothing but ending makes sense. */
#define CHECK(expr)                                                        \
	do {                                                               \
		if (!(expr)) {                                             \
			fprintf(stderr,                                    \
				"smoke: line %d: not so: %s (errno %d)\n", \
				__LINE__, #expr, errno);                   \
			_exit(1);                                          \
		}                                                          \
	} while (0)

struct object {
	unsigned long handle; /* 0: none */
	size_t size;
	unsigned char fill;
};

static size_t next(uint32_t *state, size_t below)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 8) % below;
}

static void make(struct object *o, uint32_t *random)
{
	static __thread unsigned char buf[MOST];

	o->size = 1 + next(random, MOST);
	o->fill = (unsigned char)next(random, 256);
	o->handle = zs_malloc(pool, o->size, GFP_KERNEL, NUMA_NO_NODE);
	CHECK(!zs_is_err(o->handle));
	memset(buf, o->fill, o->size);
	CHECK(!zs_obj_write(pool, o->handle, buf, o->size));
}

static void verify(const struct object *o)
{
	static __thread unsigned char copy[MOST];
	unsigned char *data;

	data = zs_obj_read_begin(pool, o->handle, o->size, copy);
	CHECK(data);
	for (size_t i = 0; i < o->size; i++)
		CHECK(data[i] == o->fill);
	zs_obj_read_end(pool, o->handle, o->size, data);
}

static void drop(struct object *o, bool later)
{
	if (later)
		zs_free_deferred(pool, o->handle);
	else
		zs_free(pool, o->handle);
	o->handle = 0;
}

static void *work(void *arg)
{
	uint32_t random = (uint32_t)(uintptr_t)arg;
	struct object *objects = calloc(SLOTS, sizeof(*objects));

	CHECK(objects);
	for (int i = 0; i < steps; i++) {
		struct object *o = &objects[next(&random, SLOTS)];

		if (!o->handle) {
			make(o, &random);
			continue;
		}
		verify(o);
		if (next(&random, 2))
			drop(o, next(&random, 2));
	}
	for (int i = 0; i < SLOTS; i++)
		if (objects[i].handle) {
			verify(&objects[i]);
			drop(&objects[i], true);
		}
	free(objects);
	return NULL;
}

static void *give_back(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		zs_compact(pool);
		zs_trim(pool);
	}
	return arg;
}

static void create(enum zs_lock_scope scope, enum zs_defer_mode defer)
{
	struct zs_pool_options options = ZS_POOL_OPTIONS_INIT;

	options.lock_scope = scope;
	options.defer = defer;
	pool = zs_create_pool_with("smoke", &options);
	CHECK(pool);
}

/* All at once, then nothing is left. */
static void threads(enum zs_lock_scope scope, enum zs_defer_mode defer)
{
	pthread_t workers[THREADS], compactor;

	create(scope, defer);
	stop = false;
	CHECK(!pthread_create(&compactor, NULL, give_back, NULL));
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&workers[i], NULL, work,
				      (void *)(i + 1)));
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_join(workers[i], NULL));
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	CHECK(!pthread_join(compactor, NULL));
	zs_free_deferred_flush(pool);
	zs_drain(pool);
	CHECK(!zs_pool_check(pool, NULL));
	CHECK(zs_get_total_pages(pool) == 0);
	CHECK(zs_destroy_pool(pool) == 0);
}

static void compaction(void)
{
	static struct object objects[4 * SLOTS];
	uint32_t random = 7;
	unsigned long before;

	create(ZS_SCOPE_DEFAULT, ZS_DEFER_DEFAULT);
	for (int i = 0; i < 4 * SLOTS; i++)
		make(&objects[i], &random);
	for (int i = 0; i < 4 * SLOTS; i++)
		if (next(&random, 2))
			drop(&objects[i], false);
	before = zs_get_total_pages(pool);
	CHECK(zs_compact(pool) > 0);
	CHECK(zs_get_total_pages(pool) < before);
	for (int i = 0; i < 4 * SLOTS; i++)
		if (objects[i].handle) {
			verify(&objects[i]);
			drop(&objects[i], false);
		}
	CHECK(!zs_pool_check(pool, NULL));
	CHECK(zs_destroy_pool(pool) == 0);
}

static void limit(void)
{
	struct zs_pool_options options = ZS_POOL_OPTIONS_INIT;
	unsigned long handle, n = 0;

	options.memory_limit = 8u << 20;
	pool = zs_create_pool_with("smoke", &options);
	CHECK(pool);
	do {
		handle = zs_malloc(pool, 3000, GFP_KERNEL, NUMA_NO_NODE);
	} while (!zs_is_err(handle) && ++n < 10000);
	CHECK(zs_is_err(handle) && zs_err(handle) == -ENOMEM);
	CHECK(n > 1000);
	CHECK(zs_destroy_pool(pool) == n);
}

/* Parent and child go on with the same objects, each with its own memory and
 * its own worker. */
static void forking(void)
{
	static struct object objects[SLOTS];
	uint32_t random = 9;
	int status;
	pid_t pid;

	create(ZS_SCOPE_DEFAULT, ZS_DEFER_PERCPU);
	for (int i = 0; i < SLOTS; i++)
		make(&objects[i], &random);
	for (int i = 0; i < SLOTS; i += 3)
		drop(&objects[i], true); /* the worker may be at it */
	zs_fork_prepare(pool);
	pid = fork();
	if (pid)
		zs_fork_parent(pool);
	else
		zs_fork_child(pool);
	CHECK(pid >= 0);
	for (int i = 0; i < SLOTS; i++)
		if (objects[i].handle) {
			verify(&objects[i]);
			drop(&objects[i], i % 2);
			if (!pid)
				make(&objects[i], &random);
		}
	zs_free_deferred_flush(pool);
	CHECK(!zs_pool_check(pool, NULL));
	if (!pid)
		_exit(zs_destroy_pool(pool) > 0 ? 0 : 1);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(zs_destroy_pool(pool) == 0);
}

int main(void)
{
	const char *percent = getenv("UZS_TEST_SCALE"); /* of the work */

	if (percent && atoi(percent) > 0 && atoi(percent) < 100)
		steps = STEPS * atoi(percent) / 100;
	for (int scope = ZS_SCOPE_HELD; scope <= VARIANT_NR_SCOPES; scope++)
		for (int defer = ZS_DEFER_NONE; defer <= VARIANT_NR_DEFERS;
		     defer++)
			threads((enum zs_lock_scope)scope,
				(enum zs_defer_mode)defer);
	compaction();
	limit();
	forking();
	puts("smoke: all is well");
	return fflush(stdout) ? 1 : 0;
}
