/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* suite_threads.c - conformance: many threads on one pool, each with objects of
 * its own, objects that all read, objects that one allocates and another
 * frees; while others compact and move pages. All data is verified.
 *
 * Threads only count what they find wrong; the main thread asserts.
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>

#include "suite.h"
#include "test_failures.h"

#define THREADS 6
#define MAX_OWN 300
#define NR_SHARED 64
#define NR_MAILBOXES 16

struct object {
	unsigned long handle;
	unsigned int size;
	uint64_t key;
};

struct stress {
	struct subject_pool *pool;
	unsigned int max_size; /* of an object */
	struct object shared[NR_SHARED]; /* read by all, changed by none */
	/* Objects on their way to another thread, or NULL; atomic. */
	struct object *mailbox[NR_MAILBOXES];
	struct failures failures;
	/* atomic */
	unsigned int finished;
	unsigned long compacted, moved;
};

struct worker {
	struct stress *s;
	pthread_t thread;
	struct rng rng;
	struct object own[MAX_OWN];
	unsigned int nr, loops;
	unsigned char *copy; /* suite.span bytes */
};

/* ---- what a thread does --------------------------------------------------- */

static void write_object(struct worker *w, struct object *o)
{
	o->key = rng_next(&w->rng);
	pattern_fill(w->copy, o->size, o->key);
	suite.s->write(w->s->pool, o->handle, w->copy, o->size);
}

static bool new_object(struct worker *w, struct object *o)
{
	/* Few classes, so that compaction has work, and all of them. */
	if (rng_below(&w->rng, 4))
		o->size = w->s->max_size / 8 * rng_range(&w->rng, 1, 4);
	else
		o->size = rng_range(&w->rng, 1, w->s->max_size);
	o->handle = suite.s->malloc(w->s->pool, o->size);
	CHECK(w->s, o->handle && !zs_is_err(o->handle));
	if (!o->handle || zs_is_err(o->handle))
		return false;
	write_object(w, o);
	return true;
}

static void check_object(struct worker *w, const struct object *o)
{
	struct subject_pool *pool = w->s->pool;
	struct subject_segment at[2];
	const void *data;
	unsigned int nr;

	switch (rng_below(&w->rng, suite.expected.segments ? 3 : 2)) {
	case 0:
		data = suite.s->read_begin(pool, o->handle, o->size, w->copy);
		CHECK(w->s, data && pattern_ok(data, o->size, o->key));
		suite.s->read_end(pool, o->handle, o->size, data);
		return;
	case 1:
		suite.s->read(pool, o->handle, w->copy, o->size);
		CHECK(w->s, pattern_ok(w->copy, o->size, o->key));
		return;
	default:
		nr = suite.s->read_sg_begin(pool, o->handle, at, o->size);
		CHECK(w->s, segments_hold(at, nr, o->size, o->key));
		if (nr)
			suite.s->read_sg_end(pool, o->handle);
	}
}

static void end_object(struct worker *w, const struct object *o)
{
	check_object(w, o);
	/* Both ways to free at once, where there are two. */
	if (suite.s->free_deferred && rng_below(&w->rng, 4))
		suite.s->free_deferred(w->s->pool, o->handle);
	else
		suite.s->free(w->s->pool, o->handle);
}

static void do_malloc(struct worker *w)
{
	if (w->nr < MAX_OWN && new_object(w, &w->own[w->nr]))
		w->nr++;
}

static void do_free(struct worker *w)
{
	unsigned int i;

	if (!w->nr)
		return;
	i = rng_below(&w->rng, w->nr);
	end_object(w, &w->own[i]);
	w->own[i] = w->own[--w->nr];
}

/* Makes holes. */
static void do_thin_out(struct worker *w)
{
	while (w->nr > MAX_OWN / 6)
		do_free(w);
}

static void do_fill_up(struct worker *w)
{
	for (unsigned int i = 0; i < 40; i++)
		do_malloc(w);
}

static void do_read(struct worker *w)
{
	if (w->nr)
		check_object(w, &w->own[rng_below(&w->rng, w->nr)]);
	check_object(w, &w->s->shared[rng_below(&w->rng, NR_SHARED)]);
}

static void do_write(struct worker *w)
{
	struct object *o;

	if (!w->nr)
		return;
	o = &w->own[rng_below(&w->rng, w->nr)];
	check_object(w, o);
	write_object(w, o);
	check_object(w, o);
}

/* Leaves an object for somebody else, and frees what somebody left. */
static void do_post(struct worker *w)
{
	struct object *o = malloc(sizeof(*o));

	if (!o || !new_object(w, o)) {
		free(o);
		return;
	}
	o = __atomic_exchange_n(
		&w->s->mailbox[rng_below(&w->rng, NR_MAILBOXES)], o,
		__ATOMIC_ACQ_REL);
	if (o)
		end_object(w, o);
	free(o);
}

static void do_compact(struct worker *w)
{
	unsigned long freed = suite.s->compact(w->s->pool);

	CHECK(w->s, freed < LONG_MAX);
	__atomic_fetch_add(&w->s->compacted, freed, __ATOMIC_RELAXED);
}

static void do_shrink(struct worker *w)
{
	unsigned long freed;

	CHECK(w->s, suite.s->shrink_count(w->s->pool) < LONG_MAX);
	freed = suite.s->shrink_scan(w->s->pool, 1);
	CHECK(w->s, freed == ~0UL || (freed && freed < LONG_MAX));
	if (freed != ~0UL)
		__atomic_fetch_add(&w->s->compacted, freed, __ATOMIC_RELAXED);
}

static void do_move_pages(struct worker *w)
{
	if (suite.s->move_pages)
		__atomic_fetch_add(&w->s->moved,
				   suite.s->move_pages(w->s->pool, 20),
				   __ATOMIC_RELAXED);
}

static void do_trim(struct worker *w)
{
	if (suite.s->trim)
		CHECK(w->s, suite.s->trim(w->s->pool) < LONG_MAX);
}

static void do_drain(struct worker *w)
{
	if (suite.s->flush)
		suite.s->flush(w->s->pool);
	suite.s->drain(w->s->pool);
}

/* Figures are never negative, whatever runs. */
static void do_look(struct worker *w)
{
	struct subject_pool *pool = w->s->pool;
	unsigned int size = rng_range(&w->rng, 1, (unsigned int)suite.max_size);

	CHECK(w->s, suite.s->total_pages(pool) < LONG_MAX);
	CHECK(w->s, suite.s->pages_compacted(pool) < LONG_MAX);
	CHECK(w->s, suite.s->lookup_class_index(pool, size) <
			    suite.s->class_count(pool));
	CHECK(w->s, suite.s->huge_class_size(pool) > suite.page_size / 2);
}

static const struct {
	void (*fn)(struct worker *w);
	unsigned int weight;
} calls[] = {
	{ do_malloc, 200 },   { do_free, 100 },	 { do_thin_out, 2 },
	{ do_fill_up, 4 },    { do_read, 120 },	 { do_write, 60 },
	{ do_post, 80 },      { do_compact, 8 }, { do_shrink, 4 },
	{ do_move_pages, 8 }, { do_drain, 6 },	 { do_look, 20 },
	{ do_trim, 2 },
};

static void any_call(struct worker *w)
{
	unsigned int sum = 0, at;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		sum += calls[i].weight;
	at = rng_below(&w->rng, sum);
	for (size_t i = 0;; i++) {
		if (at < calls[i].weight) {
			calls[i].fn(w);
			return;
		}
		at -= calls[i].weight;
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned int i = 0; i < w->loops; i++)
		any_call(w);
	while (w->nr)
		do_free(w);
	return NULL;
}

/* ---- runs ----------------------------------------------------------------- */

static void start_stress(struct stress *s, unsigned int max_size, bool worker)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	struct worker w = { .s = s };

	/* The test runner's handlers are for its own thread. */
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
	memset(s, 0, sizeof(*s));
	s->pool = suite_pool(worker);
	s->max_size = max_size;
	w.copy = malloc(suite.span);
	assert_non_null(w.copy);
	rng_seed(&w.rng, 1);
	/* Among others that go, so that those that stay are scattered. */
	for (unsigned int i = 0; i < NR_SHARED; i++) {
		assert_true(new_object(&w, &s->shared[i]));
		for (unsigned int n = 0; n < 3; n++)
			do_malloc(&w);
	}
	while (w.nr)
		do_free(&w);
	free(w.copy);
}

static void run_threads(struct stress *s, int loops)
{
	static struct worker w[THREADS];

	for (unsigned int i = 0; i < THREADS; i++) {
		memset(&w[i], 0, sizeof(w[i]));
		w[i].s = s;
		w[i].loops = (unsigned int)uzs_test_scale(loops);
		rng_seed(&w[i].rng, 100 + i);
		w[i].copy = malloc(suite.span);
		assert_non_null(w[i].copy);
		assert_int_equal(
			pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
		free(w[i].copy);
	}
}

static void end_stress(struct stress *s)
{
	unsigned long live = NR_SHARED, inuse = 0;

	assert_no_failures(&s->failures);
	suite_settle(s->pool);
	suite_sound(s->pool);
	for (unsigned int i = 0; i < NR_MAILBOXES; i++)
		live += s->mailbox[i] != NULL;
	for (unsigned int i = 0; i < suite.s->class_count(s->pool); i++) {
		struct subject_class class = suite_class(s->pool, i);

		if (class.index == i)
			inuse += class.objs_inuse;
	}
	assert_int_equal(inuse, live);
	assert_int_equal(suite.s->pages_compacted(s->pool), s->compacted);
	for (unsigned int i = 0; i < NR_MAILBOXES; i++) {
		struct object *o = s->mailbox[i];

		if (!o)
			continue;
		assert_true(suite_holds(s->pool, o->handle, o->size, o->key));
		suite_free(s->pool, o->handle);
		free(o);
	}
	for (unsigned int i = 0; i < NR_SHARED; i++) {
		struct object *o = &s->shared[i];

		assert_true(suite_holds(s->pool, o->handle, o->size, o->key));
		suite_free(s->pool, o->handle);
	}
	suite_end(s->pool);
}

static void test_everything(void **state)
{
	static struct stress s;
	unsigned int most = suite.span < 8192 ? (unsigned int)suite.span : 8192;

	for (int worker = 0; worker < 2; worker++) {
		start_stress(&s, most, worker);
		run_threads(&s, 6000);
		/* In some hundred calls hardly a zspage of large pages becomes free. */
		if (uzs_test_scale(6000) >= 3000)
			assert_true(s.compacted > 0);
		if (suite.s->move_pages)
			assert_true(s.moved > 0);
		end_stress(&s);
	}
}

/* Few classes of many small objects: all threads meet at few locks. */
static void test_few_classes(void **state)
{
	static struct stress s;

	start_stress(&s, 160, true);
	run_threads(&s, 10000);
	end_stress(&s);
}

/* Of two that compact at once, one is told 0; what both were told is what
 * is gone. */
struct compactor {
	struct subject_pool *pool;
	pthread_t thread;
	unsigned long freed;
};

static void *compact_often(void *arg)
{
	struct compactor *c = arg;

	for (int i = 0; i < 20; i++)
		c->freed += suite.s->compact(c->pool);
	return NULL;
}

static void test_two_compact(void **state)
{
	enum { N = 4000 };
	struct subject_pool *pool = suite_pool(false);
	size_t size = suite.page_size / 5;
	static unsigned long handles[N];
	struct compactor c[2] = { { .pool = pool }, { .pool = pool } };
	unsigned long pages, freed;

	for (int i = 0; i < N; i++) {
		handles[i] = suite_malloc(pool, size);
		suite.s->write(pool, handles[i], &i, sizeof(i));
	}
	for (int i = 0; i < N; i++)
		if (i % 3)
			suite_free(pool, handles[i]);
	suite_settle(pool);
	pages = suite_zspage_pages(pool);
	for (int t = 0; t < 2; t++)
		assert_int_equal(pthread_create(&c[t].thread, NULL,
						compact_often, &c[t]),
				 0);
	for (int t = 0; t < 2; t++)
		assert_int_equal(pthread_join(c[t].thread, NULL), 0);
	freed = c[0].freed + c[1].freed + suite.s->compact(pool);
	assert_int_equal(suite.s->pages_compacted(pool), freed);
	suite_pages(pool, pages - freed, 0);
	assert_int_equal(suite.s->shrink_count(pool), 0);
	for (int i = 0; i < N; i += 3) {
		int is;

		suite.s->read(pool, handles[i], &is, sizeof(is));
		assert_int_equal(is, i);
		suite_free(pool, handles[i]);
	}
	suite_end(pool);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_everything),
	cmocka_unit_test(test_few_classes),
	cmocka_unit_test(test_two_compact),
};

const struct suite_part suite_threads = { "threads", tests, ARRAY_SIZE(tests) };
