/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_harden_threads.c - hardened pools and threads: a correct program gets
 * no report, whatever runs at the same time. When two threads free one handle,
 * one of them gets a report.
 */
#include <pthread.h>

#include "test_harden.h"
#include "test_process.h"

#include "compat/os.h"
#include "types.h"

static struct told told;
static enum zs_defer_mode test_defer;

/* ---- a correct program --------------------------------------------------- */

#define WORKERS 3
#define SLOTS 64
#define SIZE_OF(n) (40u + (n) % 7u * 500u)

struct work {
	struct zs_pool *pool;
	unsigned int nr;
	int ops;
	bool stop; /* atomic; for the others */
	unsigned int failed;
};

/* Allocates, writes, reads and frees what is its own. */
static void *use(void *arg)
{
	struct work *w = arg;
	unsigned long handles[SLOTS] = { 0 };
	uint64_t keys[SLOTS] = { 0 };
	struct rng rng;

	rng_seed(&rng, w->nr);
	for (int op = 0; op < w->ops; op++) {
		unsigned int n = rng_below(&rng, SLOTS);
		unsigned int size = SIZE_OF(n);

		if (!handles[n]) {
			handles[n] = zs_malloc(w->pool, size, GFP_KERNEL,
					       NUMA_NO_NODE);
			keys[n] = (uint64_t)op;
			w->failed += !object_fill(w->pool, handles[n], size,
						  keys[n]);
			continue;
		}
		w->failed += !object_ok(w->pool, handles[n], size, keys[n]);
		if (rng_below(&rng, 2))
			continue;
		if (rng_below(&rng, 2))
			zs_free(w->pool, handles[n]);
		else
			zs_free_deferred(w->pool, handles[n]);
		handles[n] = 0;
	}
	for (unsigned int n = 0; n < SLOTS; n++)
		zs_free(w->pool, handles[n]);
	return NULL;
}

/* Objects that nobody frees are there to be read by all. */
static int read_it(unsigned long handle, void *arg)
{
	struct work *w = arg;
	unsigned char copy[1];
	void *mem = zs_obj_read_begin(w->pool, handle, 1, copy);

	w->failed += !mem;
	zs_obj_read_end(w->pool, handle, 1, mem);
	return 0;
}

static void *move(void *arg)
{
	struct work *w = arg;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		zs_compact(w->pool);
		zs_trim(w->pool);
		w->failed += zs_pool_check(w->pool, stderr) != 0;
	}
	return NULL;
}

static void test_correct_program_is_told_nothing(void **state)
{
	struct zs_pool *pool = make_hardened(test_scope, test_defer, 0, &told);
	struct work w[WORKERS], mover = { .pool = pool };
	pthread_t threads[WORKERS], moving;

	told_reset(&told);
	moving = start(move, &mover);
	for (unsigned int i = 0; i < WORKERS; i++) {
		w[i] = (struct work){ .pool = pool,
				      .nr = i,
				      .ops = uzs_test_scale(4000) };
		threads[i] = start(use, &w[i]);
	}
	for (unsigned int i = 0; i < WORKERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(w[i].failed, 0);
	}
	__atomic_store_n(&mover.stop, true, __ATOMIC_RELAXED);
	pthread_join(moving, NULL);
	assert_int_equal(mover.failed, 0);
	assert_int_equal(zs_destroy_pool(pool), 0);
	assert_int_equal(told.nr, 0);
}

/* ---- allocated and walked at once ---------------------------------------- */

static void *fill(void *arg)
{
	struct work *w = arg;

	for (int op = 0; op < w->ops; op++)
		w->failed += zs_is_err(zs_malloc(w->pool, SIZE_OF(op),
						 GFP_KERNEL, NUMA_NO_NODE));
	__atomic_store_n(&w->stop, true, __ATOMIC_RELAXED);
	return NULL;
}

/* A walk may show an object before its zs_malloc returns: it can be read. */
static void test_walk_beside_malloc_is_told_nothing(void **state)
{
	struct zs_pool *pool = make_hardened(test_scope, test_defer, 0, &told);
	struct work w = { .pool = pool, .ops = uzs_test_scale(3000) };
	struct work reader = { .pool = pool };
	pthread_t filling;

	told_reset(&told);
	filling = start(fill, &w);
	while (!__atomic_load_n(&w.stop, __ATOMIC_RELAXED))
		zs_for_each_live(pool, read_it, &reader);
	pthread_join(filling, NULL);
	assert_int_equal(w.failed + reader.failed, 0);
	zs_destroy_pool(pool);
	assert_int_equal(told.nr, 0);
}

/* ---- two free one -------------------------------------------------------- */

#define ROUND 64

struct doubles {
	struct zs_pool *pool;
	pthread_barrier_t barrier;
	unsigned long handles[ROUND];
	int rounds;
};

static void free_all(struct doubles *d)
{
	for (int i = 0; i < ROUND; i++)
		if (i % 2)
			zs_free_deferred(d->pool, d->handles[i]);
		else
			zs_free(d->pool, d->handles[i]);
}

static void *free_too(void *arg)
{
	struct doubles *d = arg;

	for (int r = 0; r < d->rounds; r++) {
		pthread_barrier_wait(&d->barrier);
		free_all(d);
		pthread_barrier_wait(&d->barrier);
	}
	return NULL;
}

/* Round after round: the test allocates, another thread does other(), the test
 * does own() at the same time, and then looks with after(). */
static void run_rounds(void *(*other)(void *), void (*own)(struct doubles *d),
		       void (*after)(struct doubles *d, int round))
{
	struct doubles d = { .rounds = uzs_test_scale(100) };
	pthread_t thread;

	d.pool =
		make_hardened(test_scope, test_defer, ZS_POOL_NO_WORKER, &told);
	told_reset(&told);
	assert_int_equal(pthread_barrier_init(&d.barrier, NULL, 2), 0);
	thread = start(other, &d);
	for (int r = 0; r < d.rounds; r++) {
		for (int i = 0; i < ROUND; i++)
			d.handles[i] = must_malloc(d.pool, SIZE_OF(i));
		pthread_barrier_wait(&d.barrier);
		own(&d);
		pthread_barrier_wait(&d.barrier);
		after(&d, r);
		assert_int_equal(info_of(d.pool).objs_inuse, 0);
	}
	join(thread);
	pthread_barrier_destroy(&d.barrier);
	assert_sound(d.pool);
	assert_int_equal(zs_destroy_pool(d.pool), 0);
}

static void each_was_told(struct doubles *d, int round)
{
	zs_free_deferred_flush(d->pool);
	assert_int_equal(told.nr, (round + 1) * ROUND);
}

static void test_one_of_two_frees_is_told(void **state)
{
	run_rounds(free_too, free_all, each_was_told);
}

/* One reads, the other frees meanwhile: either the read finds it freed, or the
 * free finds it read. */
static void *read_all(void *arg)
{
	struct doubles *d = arg;
	unsigned char copy[4096];

	for (int r = 0; r < d->rounds; r++) {
		pthread_barrier_wait(&d->barrier);
		for (int i = 0; i < ROUND; i++) {
			void *mem = zs_obj_read_begin(d->pool, d->handles[i],
						      SIZE_OF(i), copy);

			zs_obj_read_end(d->pool, d->handles[i], SIZE_OF(i),
					mem);
			zs_obj_write(d->pool, d->handles[i], copy, SIZE_OF(i));
		}
		pthread_barrier_wait(&d->barrier);
	}
	return NULL;
}

static void free_at_once(struct doubles *d)
{
	for (int i = 0; i < ROUND; i++)
		zs_free(d->pool, d->handles[i]);
}

/* Those that were read at that moment. */
static void free_the_rest(struct doubles *d, int round)
{
	for (int i = 0; i < ROUND; i++)
		if (uzs_peek_word((const void *)d->handles[i]))
			zs_free(d->pool, d->handles[i]);
}

static void test_free_beside_a_read_is_told(void **state)
{
	run_rounds(read_all, free_at_once, free_the_rest);
}

/* ---- fork ---------------------------------------------------------------- */

/* In a child nobody ends the reads of the parent's other threads: that is told
 * of neither when the object is freed nor at the end, but one's own mistakes
 * are. */
static void use_in_child(struct zs_pool *pool, unsigned long handle)
{
	unsigned char copy[100];
	unsigned long own;

	told_reset(&told);
	zs_free(pool, handle);
	own = zs_malloc(pool, 100, GFP_KERNEL, NUMA_NO_NODE);
	zs_obj_write(pool, own, copy, sizeof(copy));
	zs_free_deferred(pool, own);
	zs_free_deferred_flush(pool);
	if (told.nr)
		_exit(1);
	zs_free(pool, own);
	if (told.nr != 1)
		_exit(2);
	zs_destroy_pool(pool);
	_exit(told.nr == 1 ? 0 : 3);
}

static struct zs_pool *forked_pool;

static void prepare(void)
{
	if (forked_pool)
		zs_fork_prepare(forked_pool);
}

static void parent(void)
{
	if (forked_pool)
		zs_fork_parent(forked_pool);
}

static void child(void)
{
	if (forked_pool)
		zs_fork_child(forked_pool);
}

static void test_child_is_not_told_of_parents_reads(void **state)
{
	/* Without a thread that starts just when this one forks: some
	 * sanitizers' locks do not survive that. */
	struct zs_pool *pool =
		make_hardened(test_scope, test_defer, ZS_POOL_NO_WORKER, &told);
	unsigned long handle = must_malloc(pool, 100);
	unsigned long kept = must_malloc(pool, 100);
	unsigned char copy[100];
	char output[4096];
	void *mem, *other;
	int status;

	told_reset(&told);
	/* To the child these are of other threads. */
	mem = zs_obj_read_begin(pool, handle, 100, copy);
	other = zs_obj_read_begin(pool, kept, 100, copy);
	forked_pool = pool;
	status = run_in_child(use_in_child, pool, handle, output,
			      sizeof(output));
	forked_pool = NULL;
	assert_string_equal(output, "");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	zs_obj_read_end(pool, handle, 100, mem);
	zs_obj_read_end(pool, kept, 100, other);
	assert_int_equal(zs_destroy_pool(pool), 2);
	assert_int_equal(told.nr, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_correct_program_is_told_nothing),
		cmocka_unit_test(test_walk_beside_malloc_is_told_nothing),
		cmocka_unit_test(test_one_of_two_frees_is_told),
		cmocka_unit_test(test_free_beside_a_read_is_told),
		cmocka_unit_test(test_child_is_not_told_of_parents_reads),
	};
	int failed = 0;

	assert_int_equal(pthread_atfork(prepare, parent, child), 0);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	for (test_scope = ZS_SCOPE_HELD; test_scope <= VARIANT_LAST_SCOPE;
	     test_scope++)
		for (test_defer = ZS_DEFER_NONE;
		     test_defer <= VARIANT_LAST_DEFER; test_defer++)
			failed += cmocka_run_group_tests_name(
				variant_scope_name(test_scope), tests, NULL,
				NULL);
	return failed;
}
