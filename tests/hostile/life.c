/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* life.c - see life.h. Owns the pool in work, and each thread's objects. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "life.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test_random.h"
#include "test_system.h"
#include "test_util.h"
#include "tools/variants.h"
#include "uzsmalloc.h"

#define THREADS 2
/* Of a thread. In the first part of a life there are few; in the second more than
 * what was mapped for these has room for. */
#define OBJECTS 3000
#define EARLY 250
#define STEPS 1000
#define LATE_STEPS 5000
/* -ENOMEM in each part: then nothing new is to be seen, and each costs a search
 * for memory. */
#define LACKS 150
#define MOST_BYTES 16384

struct object {
	enum { NONE, HANDLE, REF } kind;
	unsigned long handle;
	zs_ref ref;
	size_t size;
	uint64_t key;
};

struct actor {
	unsigned int nr; /* of the objects are used */
	unsigned int lacks; /* in this part */
	struct object objects[OBJECTS];
	unsigned char data[MOST_BYTES];
	struct rng rng;
	pthread_t thread;
};

/* guard: const while actors run */
static struct zs_pool *pool;
static bool user; /* its profile */
static bool may_lack;
static char name[64];

static struct actor actors[THREADS];
static atomic_bool all_done;

/* Shared with children. */
static struct counts {
	atomic_uint lacked, made;
} * counts;

const char *life_name(void)
{
	return name;
}

unsigned int life_lacked(void)
{
	return counts->lacked;
}

unsigned int life_made(void)
{
	return counts->made;
}

__attribute__((constructor)) static void map_counts(void)
{
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(counts != MAP_FAILED);
}

/* ---- objects ------------------------------------------------------------- */

/* An object, or a pool, was not made. */
static void lack(int err)
{
	MUST(err == -ENOMEM);
	MUST(may_lack);
	counts->lacked++;
}

static void make(struct actor *a, struct object *o)
{
	int err = 0;

	o->size = rng_range(&a->rng, rng_below(&a->rng, 2) ? 1 : 3000,
			    user && !rng_below(&a->rng, 8) ? MOST_BYTES : 4096);
	o->key = rng_next(&a->rng);
	pattern_fill(a->data, o->size, o->key);
	if (user && rng_below(&a->rng, 2)) {
		err = zs_ref_store(pool, &o->ref, a->data, o->size);
		o->kind = REF;
	} else {
		o->handle = zs_malloc(pool, o->size, GFP_KERNEL, NUMA_NO_NODE);
		err = zs_err(o->handle);
		o->kind = HANDLE;
	}
	if (err) {
		o->kind = NONE;
		a->lacks++;
		lack(err);
		return;
	}
	if (o->kind == HANDLE)
		MUST(!zs_obj_write(pool, o->handle, a->data, o->size));
	counts->made++;
}

static void look(struct actor *a, struct object *o)
{
	if (o->kind == REF) {
		if (rng_below(&a->rng, 2)) {
			const void *mem = zs_ref_begin(pool, &o->ref);

			MUST(mem && pattern_ok(mem, o->size, o->key));
			zs_ref_end(pool, &o->ref);
		} else {
			MUST(!zs_ref_load(pool, &o->ref, a->data, o->size));
			MUST(pattern_ok(a->data, o->size, o->key));
		}
	} else {
		void *mem =
			zs_obj_read_begin(pool, o->handle, o->size, a->data);

		MUST(mem && pattern_ok(mem, o->size, o->key));
		zs_obj_read_end(pool, o->handle, o->size, mem);
	}
}

static void drop(struct actor *a, struct object *o)
{
	if (o->kind == REF)
		zs_ref_free(pool, &o->ref);
	else if (rng_below(&a->rng, 2))
		zs_free_deferred(pool, o->handle);
	else
		zs_free(pool, o->handle);
	o->kind = NONE;
}

static void *act(void *arg)
{
	struct actor *a = arg;
	int steps = a->nr == EARLY ? STEPS : LATE_STEPS;

	/* Where memory is to be lacking it must be used. */
	if (!may_lack)
		steps = uzs_test_scale(steps);
	a->lacks = 0;
	for (int i = 0; i < steps && a->lacks < LACKS; i++) {
		struct object *o = &a->objects[rng_below(&a->rng, a->nr)];

		if (o->kind == NONE) {
			make(a, o);
			continue;
		}
		look(a, o);
		if (rng_below(&a->rng, 2))
			drop(a, o);
	}
	return NULL;
}

static void look_at_all(void)
{
	for (size_t t = 0; t < THREADS; t++)
		for (size_t i = 0; i < OBJECTS; i++)
			if (actors[t].objects[i].kind != NONE)
				look(&actors[t], &actors[t].objects[i]);
}

/* All, or one in two. */
static void drop_some(unsigned int of)
{
	for (size_t t = 0; t < THREADS; t++)
		for (size_t i = 0; i < OBJECTS; i++)
			if (actors[t].objects[i].kind != NONE && i % of == 0)
				drop(&actors[t], &actors[t].objects[i]);
}

/* ---- threads ------------------------------------------------------------- */

static void *tidy(void *arg)
{
	while (!all_done) {
		zs_compact(pool);
		zs_trim(pool);
		zs_get_total_pages(pool);
		usleep(500);
	}
	return arg;
}

/* @nr: of each thread's objects. */
static void act_all(bool alone, unsigned int nr)
{
	pthread_t tidier;

	for (size_t t = 0; t < THREADS; t++)
		actors[t].nr = nr;
	if (alone) {
		for (size_t t = 0; t < THREADS; t++) {
			act(&actors[t]);
			zs_compact(pool);
			zs_trim(pool);
		}
		return;
	}
	all_done = false;
	MUST(!pthread_create(&tidier, NULL, tidy, NULL));
	for (size_t t = 0; t < THREADS; t++)
		MUST(!pthread_create(&actors[t].thread, NULL, act, &actors[t]));
	for (size_t t = 0; t < THREADS; t++)
		MUST(!pthread_join(actors[t].thread, NULL));
	all_done = true;
	MUST(!pthread_join(tidier, NULL));
}

/* ---- pools --------------------------------------------------------------- */

/* Return: false if the pool could not be made, for lack of memory. */
static bool begin(enum zs_profile profile, enum zs_defer_mode defer,
		  size_t limit)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

	snprintf(name, sizeof(name), "%s/%s", zs_profile_name(profile),
		 zs_defer_mode_name(defer));
	o.profile = profile;
	o.defer = defer;
	o.memory_limit = limit;
	user = profile == ZS_PROFILE_USER;
	memset(actors, 0, sizeof(actors));
	for (size_t t = 0; t < THREADS; t++)
		rng_seed(&actors[t].rng, 10 * t + (unsigned int)defer);
	pool = zs_create_pool_with("hostile", &o);
	if (!pool)
		lack(-errno);
	return pool;
}

/* Every object is gone: so is all else. */
static void end(void)
{
	look_at_all();
	drop_some(1);
	zs_free_deferred_flush(pool);
	zs_drain(pool);
	MUST(!zs_pool_check(pool, stderr));
	MUST(!zs_destroy_pool(pool));
	pool = NULL;
}

#define for_each_kind(p, d)                                                    \
	for (enum zs_profile p = ZS_PROFILE_KERNEL;                            \
	     p <= (sizeof(void *) == 8 ? ZS_PROFILE_USER : ZS_PROFILE_KERNEL); \
	     p++)                                                              \
		for (enum zs_defer_mode d = ZS_DEFER_NONE;                     \
		     d <= VARIANT_LAST_DEFER; d++)

static void live_once(enum zs_profile profile, enum zs_defer_mode defer,
		      const struct life *life)
{
	if (!begin(profile, defer, 0))
		return;
	act_all(life->alone, EARLY);
	if (life->between)
		life->between();
	act_all(life->alone, OBJECTS);
	end();
}

void life_of_all(const struct life *life)
{
	may_lack = life->may_lack;
	for_each_kind(profile, defer)
	{
		int status;
		pid_t child;

		if (life->few && defer != ZS_DEFER_ARRAY)
			continue;
		if (!life->between) {
			live_once(profile, defer, life);
			continue;
		}
		child = fork();
		MUST(child >= 0);
		if (!child) {
			live_once(profile, defer, life);
			_exit(0);
		}
		MUST(waitpid(child, &status, 0) == child);
		/* It has said what is wrong. */
		if (WIFEXITED(status) && WEXITSTATUS(status))
			_exit(WEXITSTATUS(status));
		MUST(WIFEXITED(status));
	}
}

/* ---- at the limit -------------------------------------------------------- */

/* What else a process takes meanwhile, if each of its few areas gets a huge page. */
#define OTHER_BYTES ((size_t)6 << 20)

/* @before: bytes of the process without the pool. What the pool says that it has
 * is what the process has. */
static void must_hold_less(size_t limit, size_t before)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	MUST(!zs_pool_info(pool, &info));
	MUST(info.bytes_resident <= limit);
	MUST(resident_bytes() <= before + info.bytes_resident + OTHER_BYTES);
}

void life_at_limit(size_t limit, unsigned int rounds)
{
	size_t most = limit / 512, n = 0;
	unsigned long *handles = calloc(most, sizeof(*handles));

	MUST(handles);
	may_lack = true;
	for_each_kind(profile, defer)
	{
		struct rng *rng = &actors[0].rng;
		size_t before = resident_bytes();
		unsigned int full = 0;

		if (!begin(profile, defer, limit))
			continue;
		memset(actors[0].data, 0xa5, sizeof(actors[0].data));
		for (unsigned int round = 0; round < rounds; round++) {
			for (n = 0; n < most; n++) {
				size_t size = rng_range(rng, 1000, 4096);

				if (handles[n])
					continue;
				handles[n] = zs_malloc(pool, size, GFP_KERNEL,
						       NUMA_NO_NODE);
				if (zs_is_err(handles[n])) {
					MUST(zs_err(handles[n]) == -ENOMEM);
					handles[n] = 0;
					full++;
					break;
				}
				MUST(!zs_obj_write(pool, handles[n],
						   actors[0].data, size));
			}
			must_hold_less(limit, before);
			for (size_t i = 0; i < most; i++)
				if (handles[i] && rng_below(rng, 3)) {
					zs_free_deferred(pool, handles[i]);
					handles[i] = 0;
				}
			must_hold_less(limit, before);
			zs_free_deferred_flush(pool);
			zs_trim(pool);
			must_hold_less(limit, before);
		}
		MUST(full);
		MUST(!zs_pool_check(pool, stderr));
		for (size_t i = 0; i < most; i++)
			if (handles[i]) {
				zs_free(pool, handles[i]);
				handles[i] = 0;
			}
		zs_free_deferred_flush(pool);
		MUST(!zs_destroy_pool(pool));
	}
	free(handles);
}

/* ---- at rest ------------------------------------------------------------- */

static unsigned int cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (unsigned int)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

unsigned int life_at_rest(void)
{
	unsigned int most = 0;

	for_each_kind(profile, defer)
	{
		unsigned int before;

		/* One with a queue, and one that keeps nothing back. */
		if (defer > ZS_DEFER_ARRAY || !begin(profile, defer, 0))
			continue;
		act_all(false, OBJECTS);
		drop_some(2);
		/* What is to be done is done in this time. */
		usleep(300000);
		before = cpu_ms();
		usleep(200000);
		before = cpu_ms() - before;
		if (before > most)
			most = before;
		end();
	}
	return most;
}
