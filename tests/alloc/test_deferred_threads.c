/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_deferred_threads.c - scope.c and deferred.c under many threads: no
 * handle is lost or freed twice, objects may move at any time, and a flush
 * returns only when all is freed. Written for TSan.
 *
 * Threads only count what they find wrong; the main thread asserts.
 */
#include "test_defer.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_THREADS 4

static void count_failure(unsigned long *failures, bool ok)
{
	if (!ok)
		__atomic_fetch_add(failures, 1, __ATOMIC_RELAXED);
}

static bool stopped(const bool *stop)
{
	return __atomic_load_n(stop, __ATOMIC_RELAXED);
}

static void stop_all(bool *stop)
{
	__atomic_store_n(stop, true, __ATOMIC_RELAXED);
}

/* ---- no handle is lost --------------------------------------------------- */

#define MAX_LIVE 3000
#define TAG_BYTES 48u

/* What everybody works on. */
struct stress {
	struct zs_pool *pool;
	unsigned int frees; /* of each thread */
	unsigned long failures; /* atomic */
	bool stop; /* atomic */
};

struct worker {
	struct stress *s;
	pthread_t thread;
	struct rng rng;
	unsigned int n;
	struct {
		unsigned long handle;
		unsigned int size;
		uint64_t key;
	} live[MAX_LIVE];
	/* what it did */
	unsigned long frees, queued, not_queued;
};

static unsigned int tag_bytes(unsigned int size)
{
	return min(size, TAG_BYTES);
}

static void allocate(struct worker *w)
{
	unsigned int page_size = w->s->pool->page_size, size;
	unsigned char tag[TAG_BYTES];
	unsigned long handle;
	uint64_t key;

	/* Of few classes, so that there is something to move; some of any. */
	size = rng_below(&w->rng, 8) ? page_size / 16 * rng_range(&w->rng, 1, 5)
				     : rng_range(&w->rng, 1, page_size);
	handle = zs_malloc(w->s->pool, size, GFP_KERNEL, NUMA_NO_NODE);
	count_failure(&w->s->failures, !zs_is_err(handle));
	if (zs_is_err(handle))
		return;
	key = rng_next(&w->rng);
	pattern_fill(tag, tag_bytes(size), key);
	count_failure(&w->s->failures,
		      !zs_obj_write(w->s->pool, handle, tag, tag_bytes(size)));
	w->live[w->n].handle = handle;
	w->live[w->n].size = size;
	w->live[w->n++].key = key;
}

static void free_one(struct worker *w)
{
	unsigned int i = rng_below(&w->rng, w->n);
	unsigned long handle = w->live[i].handle;

	count_failure(&w->s->failures,
		      object_ok(w->s->pool, handle, tag_bytes(w->live[i].size),
				w->live[i].key));
	w->live[i] = w->live[--w->n];
	w->frees++;
	if (!rng_below(&w->rng, 8))
		zs_free(w->s->pool, handle);
	else if (zs_free_deferred(w->s->pool, handle))
		w->queued++;
	else
		w->not_queued++;
}

static void *allocate_and_free(void *arg)
{
	struct worker *w = arg;

	/* Fills up and empties, again and again. */
	while (w->frees < w->s->frees) {
		unsigned int most = rng_range(&w->rng, MAX_LIVE / 2, MAX_LIVE);

		while (w->n < most)
			allocate(w);
		while (w->n > most / 6)
			free_one(w);
		/* Holes: there is something to move. */
		zs_compact(w->s->pool);
	}
	while (w->n)
		free_one(w);
	return NULL;
}

/* Moves what can be moved, and looks. */
static void *disturb(void *arg)
{
	struct worker *w = arg;
	struct zs_pool *pool = w->s->pool;

	while (!stopped(&w->s->stop)) {
		zs_compact(pool);
		zs_trim(pool);
		if (!rng_below(&w->rng, 4))
			zs_free_deferred_flush(pool);
		if (!rng_below(&w->rng, 4))
			zs_drain(pool);
		if (!rng_below(&w->rng, 8))
			count_failure(&w->s->failures,
				      zs_pool_check(pool, stderr) == 0);
		sched_yield();
	}
	return NULL;
}

static void start_worker(struct worker *w, struct stress *s, unsigned int seed,
			 void *(*func)(void *))
{
	memset(w, 0, sizeof(*w));
	w->s = s;
	rng_seed(&w->rng, seed);
	assert_int_equal(pthread_create(&w->thread, NULL, func, w), 0);
}

/* A queue so small that it is often half full, and often full. */
static unsigned int shrink_queue(struct zs_pool *pool)
{
	unsigned int capacity = pool->deferred.capacity;

	pool->deferred.capacity = 128;
	return capacity;
}

static void check_none_lost(enum zs_defer_mode mode, bool small)
{
	static struct worker workers[2], disturber;
	unsigned long queued = 0, not_queued = 0, frees = 0;
	struct stress s = { .frees = (unsigned)uzs_test_scale(60000) };
	unsigned int capacity;
	struct zs_pool_info i;

	s.pool = make_deferring(mode, 0);
	capacity = small ? shrink_queue(s.pool) : s.pool->deferred.capacity;
	for (unsigned int n = 0; n < ARRAY_SIZE(workers); n++)
		start_worker(&workers[n], &s, n, allocate_and_free);
	start_worker(&disturber, &s, 99, disturb);
	for (unsigned int n = 0; n < ARRAY_SIZE(workers); n++) {
		assert_int_equal(pthread_join(workers[n].thread, NULL), 0);
		queued += workers[n].queued;
		not_queued += workers[n].not_queued;
		frees += workers[n].frees;
	}
	stop_all(&s.stop);
	assert_int_equal(pthread_join(disturber.thread, NULL), 0);
	zs_free_deferred_flush(s.pool);
	zs_drain(s.pool);
	i = info_of(s.pool);
	assert_int_equal(s.failures, 0);
	assert_true(frees >= 2 * s.frees);
	assert_true(i.objs_moved > 0);
	print_message(
		"             %lu queued, %lu busy, %lu full; work scheduled %lu times; %lu objects and %lu pages moved, %lu zspages freed late\n",
		i.deferred_queued, i.deferred_sync_busy, i.deferred_sync_full,
		i.deferred_scheduled, i.objs_moved, i.pages_migrated,
		i.zspages_async_freed);
	assert_int_equal(i.deferred_queued, queued);
	assert_int_equal(i.deferred_drained + i.deferred_reused, queued);
	/* With reuse none either, as long as the pool is full of gaps. */
	if (mode != ZS_DEFER_REUSE)
		assert_int_equal(i.deferred_reused, 0);
	if (mode != ZS_DEFER_NONE) {
		assert_true(queued > 0);
		assert_int_equal(i.deferred_sync_busy + i.deferred_sync_full,
				 not_queued);
	}
	assert_nothing_left(s.pool);
	s.pool->deferred.capacity = capacity;
	assert_int_equal(zs_destroy_pool(s.pool), 0);
}

static void test_none_lost(void **state)
{
	check_none_lost(ZS_DEFER_NONE, false);
	check_none_lost(ZS_DEFER_ARRAY, false);
	check_none_lost(ZS_DEFER_ARRAY, true);
	check_none_lost(ZS_DEFER_PERCPU, false);
	check_none_lost(ZS_DEFER_REUSE, false);
}

/* ---- no value is lost ---------------------------------------------------- */

/* Numbered values, each of which is to be seen once: by the callback, or by
 * who could not store it. */
struct values {
	struct zs_pool *pool;
	unsigned int each; /* of a thread */
	unsigned int next; /* atomic: the next thread's number */
	bool stop; /* atomic */
	unsigned char *seen; /* atomic */
};

static unsigned int push_room;
static bool push_tells;

static enum zs_push_result push(void *buf, unsigned int count,
				unsigned long value)
{
	if (count >= push_room)
		return ZS_PUSH_FULL;
	((unsigned long *)buf)[count] = value;
	return push_tells && count + 1 == push_room ? ZS_PUSH_FULL_QUEUED
						    : ZS_PUSH_OK;
}

static void see(struct values *v, unsigned long value)
{
	__atomic_fetch_add(&v->seen[value], 1, __ATOMIC_RELAXED);
}

static void drain(void *private_data, void *buf, unsigned int count)
{
	while (count--)
		see(private_data, ((unsigned long *)buf)[count]);
}

static void *push_values(void *arg)
{
	struct values *v = arg;
	unsigned long value =
		__atomic_fetch_add(&v->next, 1, __ATOMIC_RELAXED) * v->each;

	for (unsigned int i = 0; i < v->each; i++, value++)
		if (!zs_defer_push(v->pool, value))
			see(v, value);
	return NULL;
}

static void *flush_values(void *arg)
{
	struct values *v = arg;

	while (!stopped(&v->stop)) {
		zs_free_deferred_flush(v->pool);
		zs_drain(v->pool);
		sched_yield();
	}
	return NULL;
}

static void check_values(unsigned int room, bool tells)
{
	static const struct zs_deferred_ops ops = { push, drain };
	struct values v = { .each = (unsigned)uzs_test_scale(50000) };
	pthread_t threads[MAX_THREADS], flusher;
	struct zs_pool_info i;

	push_room = room;
	push_tells = tells;
	v.seen = calloc(MAX_THREADS, v.each);
	assert_non_null(v.seen);
	v.pool = make_deferring(ZS_DEFER_NONE, 0);
	assert_int_equal(zs_pool_enable_deferred_free(v.pool, &ops, &v), 0);
	for (int n = 0; n < MAX_THREADS; n++)
		assert_int_equal(
			pthread_create(&threads[n], NULL, push_values, &v), 0);
	assert_int_equal(pthread_create(&flusher, NULL, flush_values, &v), 0);
	for (int n = 0; n < MAX_THREADS; n++)
		assert_int_equal(pthread_join(threads[n], NULL), 0);
	stop_all(&v.stop);
	assert_int_equal(pthread_join(flusher, NULL), 0);
	zs_free_deferred_flush(v.pool);
	for (unsigned int n = 0; n < MAX_THREADS * v.each; n++)
		if (v.seen[n] != 1)
			fail_msg("value %u seen %u times", n, v.seen[n]);
	i = info_of(v.pool);
	assert_int_equal(i.deferred_queued, i.deferred_drained);
	assert_int_equal(i.deferred_queued + i.deferred_sync_busy +
				 i.deferred_sync_full,
			 MAX_THREADS * v.each);
	zs_destroy_pool(v.pool);
	free(v.seen);
}

static void test_values_are_drained_once(void **state)
{
	check_values(3, true);
	check_values(3, false);
	check_values(100, true);
	check_values(100, false);
}

/* ---- flush --------------------------------------------------------------- */

/* A class that only this thread uses. */
struct owner {
	struct zs_pool *pool;
	pthread_t thread;
	size_t size;
	unsigned int loops;
	unsigned long failures;
};

static void *queue_and_flush(void *arg)
{
	struct owner *o = arg;
	struct size_class *class = class_for(o->pool, o->size);

	for (unsigned int i = 0; i < o->loops; i++) {
		unsigned int n = i % 7 ? 3 : 100;

		while (n--) {
			unsigned long handle = zs_malloc(
				o->pool, o->size, GFP_KERNEL, NUMA_NO_NODE);

			o->failures += zs_is_err(handle);
			zs_free_deferred(o->pool, handle);
		}
		zs_free_deferred_flush(o->pool);
		/* Whatever others queue and flush. */
		o->failures += inuse(class) != 0;
	}
	return NULL;
}

static void test_flush_keeps_its_word(void **state)
{
	for_each_keeping_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, 0);
		unsigned int capacity = shrink_queue(pool);
		struct owner owners[MAX_THREADS];

		for (unsigned int n = 0; n < MAX_THREADS; n++) {
			owners[n] = (struct owner){
				.pool = pool,
				.size = pool->page_size / 16 * (n + 1),
				.loops = (unsigned)uzs_test_scale(1000),
			};
			assert_int_equal(pthread_create(&owners[n].thread, NULL,
							queue_and_flush,
							&owners[n]),
					 0);
		}
		for (unsigned int n = 0; n < MAX_THREADS; n++) {
			assert_int_equal(pthread_join(owners[n].thread, NULL),
					 0);
			assert_int_equal(owners[n].failures, 0);
		}
		assert_empty(pool);
		pool->deferred.capacity = capacity;
		zs_destroy_pool(pool);
	}
}

/* Queues without a pause. */
struct queuer {
	struct zs_pool *pool;
	pthread_t thread;
	bool stop; /* atomic */
	struct gate began;
	unsigned long queued, failures;
};

static void *queue_until_stopped(void *arg)
{
	struct queuer *q = arg;

	while (!stopped(&q->stop)) {
		unsigned long handle =
			zs_malloc(q->pool, TINY, GFP_KERNEL, NUMA_NO_NODE);

		q->failures += zs_is_err(handle);
		q->queued += zs_free_deferred(q->pool, handle);
		if (!gate_at(&q->began))
			gate_raise(&q->began);
	}
	return NULL;
}

static void start_queuers(struct queuer *q, unsigned int n,
			  struct zs_pool *pool)
{
	for (unsigned int i = 0; i < n; i++) {
		q[i] = (struct queuer){ .pool = pool };
		assert_int_equal(pthread_create(&q[i].thread, NULL,
						queue_until_stopped, &q[i]),
				 0);
	}
	for (unsigned int i = 0; i < n; i++)
		gate_await(&q[i].began, 1);
}

static unsigned long stop_queuers(struct queuer *q, unsigned int n)
{
	unsigned long queued = 0;

	for (unsigned int i = 0; i < n; i++)
		stop_all(&q[i].stop);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(pthread_join(q[i].thread, NULL), 0);
		assert_int_equal(q[i].failures, 0);
		queued += q[i].queued;
	}
	return queued;
}

/* A flush ends, though others never stop queueing. */
static void test_flush_ends_while_others_queue(void **state)
{
	for_each_keeping_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, 0);
		struct size_class *class = class_for(pool, 1000);
		struct queuer q[2];
		unsigned long queued, mine = 0;

		start_queuers(q, 2, pool);
		for (int i = uzs_test_scale(200); i > 0; i--) {
			mine += zs_free_deferred(pool, must_malloc(pool, 1000));
			zs_free_deferred_flush(pool);
			assert_int_equal(inuse(class), 0);
		}
		queued = stop_queuers(q, 2);
		zs_free_deferred_flush(pool);
		assert_int_equal(info_of(pool).deferred_queued, queued + mine);
		assert_int_equal(info_of(pool).deferred_drained +
					 info_of(pool).deferred_reused,
				 queued + mine);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* ---- enabling ------------------------------------------------------------ */

static void help_enable(struct helper *h)
{
	struct gate *go = (struct gate *)h->handles;

	gate_await(go, 1);
	h->result = (unsigned long)-zs_pool_enable_deferred_free(h->pool, NULL,
								 NULL);
}

/* What may be called meanwhile. */
static void help_look(struct helper *h)
{
	struct gate *go = (struct gate *)h->handles;
	struct zs_pool_info i = ZS_POOL_INFO_INIT;

	gate_await(go, 1);
	h->result = 0;
	for (unsigned int n = 0; n < 20; n++) {
		zs_free_deferred_flush(h->pool);
		zs_drain(h->pool);
		zs_pool_info(h->pool, &i);
		h->result += i.bytes_resident > i.bytes_mapped;
	}
}

/* Of two who want buffers at once one gets them, for both; others may look on
 * and flush. The test holds the lock at which they meet. */
static void test_one_of_two_gets_the_buffers(void **state)
{
	for (int round = uzs_test_scale(20); round > 0; round--) {
		struct zs_pool *pool = make_deferring(ZS_DEFER_DEFAULT, 0);
		struct helper h[2], look;
		struct gate go = { 0 };

		queue_many(pool, 100, round % 2 * 50);
		mutex_lock(&pool->deferred.drain_lock);
		for (int i = 0; i < 2; i++) {
			h[i] = (struct helper){ .handles = (void *)&go };
			helper_start(&h[i], pool, help_enable);
		}
		look = (struct helper){ .handles = (void *)&go };
		helper_start(&look, pool, help_look);
		gate_raise(&go);
		/* Time enough for both to have seen that there are none. */
		for (int i = 0; i < 100; i++)
			sched_yield();
		mutex_unlock(&pool->deferred.drain_lock);
		helper_join(&h[0]);
		helper_join(&h[1]);
		helper_join(&look);
		assert_int_equal(look.result, 0);
		assert_int_equal(min(h[0].result, h[1].result), 0);
		assert_int_equal(max(h[0].result, h[1].result), EBUSY);
		queue_many(pool, 100, 50);
		zs_free_deferred_flush(pool);
		assert_counts(pool, 50 + round % 2 * 50, 0, 0,
			      50 + round % 2 * 50, 0);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* ---- fork ---------------------------------------------------------------- */

/* The child frees its copy of what was queued at that moment. */
static int flush_in_child(struct zs_pool *pool)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;

	alarm(120); /* does not outlive a test that hangs */
	zs_fork_child(pool);
	if (zs_pool_check(pool, stderr))
		return 1;
	zs_free_deferred_flush(pool);
	zs_pool_info(pool, &i);
	if (i.deferred_queued != i.deferred_drained + i.deferred_reused)
		return 2;
	if (zs_pool_check(pool, stderr))
		return 3;
	/* What each thread had just allocated. */
	return zs_destroy_pool(pool) <= 2 ? 0 : 4;
}

static void test_child_has_what_others_queued(void **state)
{
	for_each_keeping_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		struct queuer q[2];
		unsigned long queued;

		start_queuers(q, 2, pool);
		for (int i = uzs_test_scale(10); i > 0; i--) {
			int status;
			pid_t pid;

			zs_fork_prepare(pool);
			pid = fork();
			if (!pid)
				_exit(flush_in_child(pool));
			zs_fork_parent(pool);
			assert_true(pid > 0);
			zs_free_deferred_flush(pool);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), 0);
		}
		queued = stop_queuers(q, 2);
		zs_free_deferred_flush(pool);
		assert_int_equal(info_of(pool).deferred_drained +
					 info_of(pool).deferred_reused,
				 queued);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_lost),
		cmocka_unit_test(test_values_are_drained_once),
		cmocka_unit_test(test_flush_keeps_its_word),
		cmocka_unit_test(test_flush_ends_while_others_queue),
		cmocka_unit_test(test_one_of_two_gets_the_buffers),
		cmocka_unit_test(test_child_has_what_others_queued),
	};

	return run_in_every_variant(tests);
}
