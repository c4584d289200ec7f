/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_threads.c - what the header's table allows to run at once: each pair of
 * calls, then all together, with all data verified. Meant for TSan above all.
 *
 * Threads only count what they find wrong; the main thread asserts.
 */
#include "test_failures.h"
#include "test_util.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "compat/os.h"
#include "words.h"

/* ---- what threads work on ------------------------------------------------- */

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

struct op;

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

static unsigned int random_size(struct worker *w)
{
	/* Few classes, so that compaction has work, and all of them. */
	if (rng_below(&w->rng, 4))
		return w->s->max_size / 8 * rng_range(&w->rng, 1, 4);
	return rng_range(&w->rng, 1, w->s->max_size);
}

static bool own_alloc(struct worker *w)
{
	gfp_t gfp = rng_below(&w->rng, 4) ? GFP_KERNEL : GFP_NOWAIT;
	struct stress *s = w->s;
	struct object *o = &w->own[w->nr];

	o->size = random_size(w);
	o->handle = zs_malloc(s->pool, o->size, gfp, NUMA_NO_NODE);
	if (zs_is_err(o->handle)) {
		CHECK(s, zs_err(o->handle) == -ENOMEM && gfp == GFP_NOWAIT);
		return false;
	}
	CHECK(s, o->handle && !(o->handle & 1));
	o->key = rng_next(&w->rng);
	pattern_fill(w->copy, o->size, o->key);
	CHECK(s, zs_obj_write(s->pool, o->handle, w->copy, o->size) == 0);
	w->nr++;
	return true;
}

static void check_object(struct worker *w, const struct object *o)
{
	void *mem = zs_obj_read_begin(w->s->pool, o->handle, o->size, w->copy);

	CHECK(w->s, mem && pattern_ok(mem, o->size, o->key));
	zs_obj_read_end(w->s->pool, o->handle, o->size, mem);
}

static void own_free(struct worker *w)
{
	unsigned int i = rng_below(&w->rng, w->nr);

	check_object(w, &w->own[i]);
	zs_free(w->s->pool, w->own[i].handle);
	w->own[i] = w->own[--w->nr];
}

static void own_free_all(struct worker *w)
{
	while (w->nr)
		own_free(w);
}

/* One of the thread's own objects. */
static struct object *own_any(struct worker *w)
{
	while (!w->nr)
		own_alloc(w);
	return &w->own[rng_below(&w->rng, w->nr)];
}

/* ---- the calls -------------------------------------------------------------- */

static void do_malloc(struct worker *w)
{
	if (w->nr == MAX_OWN)
		while (w->nr > MAX_OWN / 4)
			own_free(w);
	own_alloc(w);
}

static void do_free(struct worker *w)
{
	if (!w->nr)
		while (w->nr < MAX_OWN / 4)
			own_alloc(w);
	own_free(w);
}

static void do_free_deferred(struct worker *w)
{
	unsigned int i;

	own_any(w);
	i = rng_below(&w->rng, w->nr);
	check_object(w, &w->own[i]);
	zs_free_deferred(w->s->pool, w->own[i].handle);
	w->own[i] = w->own[--w->nr];
}

static void do_flush(struct worker *w)
{
	zs_free_deferred_flush(w->s->pool);
}

/* A value is a handle where the pool has per-CPU buffers. */
static void do_defer_push(struct worker *w)
{
	unsigned int i;

	own_any(w);
	i = rng_below(&w->rng, w->nr);
	if (!zs_defer_push(w->s->pool, w->own[i].handle))
		zs_free(w->s->pool, w->own[i].handle);
	w->own[i] = w->own[--w->nr];
}

/* Of its own objects, and of those that others read as well. */
static void do_read(struct worker *w)
{
	check_object(w, own_any(w));
	check_object(w, &w->s->shared[rng_below(&w->rng, NR_SHARED)]);
}

static void do_read_sg(struct worker *w)
{
	const struct object *o = &w->s->shared[rng_below(&w->rng, NR_SHARED)];

	CHECK(w->s, object_ok(w->s->pool, o->handle, o->size, o->key));
	o = own_any(w);
	CHECK(w->s, object_ok(w->s->pool, o->handle, o->size, o->key));
}

static void do_write(struct worker *w)
{
	struct object *o = own_any(w);
	unsigned int len;

	check_object(w, o);
	o->key = rng_next(&w->rng);
	pattern_fill(w->copy, o->size, o->key);
	/* In two steps, so that what the first leaves is kept. */
	CHECK(w->s, !zs_obj_write(w->s->pool, o->handle, w->copy, o->size));
	len = rng_range(&w->rng, 1, o->size);
	CHECK(w->s, !zs_obj_write(w->s->pool, o->handle, w->copy, len));
	check_object(w, o);
}

/* Makes holes. */
static void thin_out(struct worker *w)
{
	if (w->nr > MAX_OWN / 2)
		while (w->nr > MAX_OWN / 6)
			own_free(w);
}

static void do_compact(struct worker *w)
{
	thin_out(w);
	CHECK(w->s, zs_compact(w->s->pool) < LONG_MAX);
}

static void do_trim(struct worker *w)
{
	CHECK(w->s, zs_trim(w->s->pool) < LONG_MAX);
}

static void do_drain(struct worker *w)
{
	CHECK(w->s, zs_drain(w->s->pool) < 100);
}

static void do_shrink(struct worker *w)
{
	unsigned long freed;

	thin_out(w);
	CHECK(w->s, zs_shrink_count(w->s->pool) < LONG_MAX);
	freed = zs_shrink_scan(w->s->pool, 1);
	CHECK(w->s, freed == ZS_SHRINK_STOP || (freed && freed < LONG_MAX));
}

/* Figures are never negative, whatever runs. */
static void do_info(struct worker *w)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;
	struct zs_pool_stats stats;
	struct stress *s = w->s;

	CHECK(s, zs_pool_info(s->pool, &i) == 0);
	CHECK(s, i.page_size == s->page_size);
	CHECK(s, i.pages < LONG_MAX && i.slab_pages < LONG_MAX);
	CHECK(s, i.objs_inuse >= NR_SHARED && i.objs_inuse < LONG_MAX);
	CHECK(s, i.objs_capacity < LONG_MAX && i.freeable_pages < LONG_MAX);
	CHECK(s, i.bytes_free < LONG_MAX && i.bytes_resident < LONG_MAX);
	CHECK(s, i.bytes_resident <= i.bytes_mapped);
	CHECK(s, zs_get_total_pages(s->pool) < LONG_MAX);
	zs_pool_stats(s->pool, &stats);
	CHECK(s, stats.pages_compacted >= i.pages_compacted);
}

static void do_class_info(struct worker *w)
{
	unsigned int n = rng_below(&w->rng, zs_class_count(w->s->pool));
	struct stress *s = w->s;

	for (unsigned int i = 0; i < 16 && n < zs_class_count(s->pool); i++) {
		struct zs_class_info c = ZS_CLASS_INFO_INIT;
		unsigned long zspages = 0;

		CHECK(s, zs_class_info(s->pool, n, &c) == 0);
		CHECK(s, c.index >= n);
		for (int g = 0; g < ZS_NR_FULLNESS_GROUPS; g++)
			zspages += c.zspages[g];
		/* All of one moment, but for zspages that compaction has in
		 * hand: it holds the class for that. */
		CHECK(s, c.objs_capacity == zspages * c.objs_per_zspage);
		CHECK(s, c.pages_used == zspages * c.pages_per_zspage);
		CHECK(s, c.objs_inuse <= c.objs_capacity);
		n = c.index + 1;
	}
}

static void do_geometry(struct worker *w)
{
	struct stress *s = w->s;
	unsigned int size = rng_range(&w->rng, 1, s->page_size);
	unsigned int count = zs_class_count(s->pool);

	CHECK(s, zs_lookup_class_index(s->pool, size) < count);
	CHECK(s, zs_huge_class_size(s->pool) > s->page_size / 2);
	CHECK(s, zs_pool_scope(s->pool) != ZS_SCOPE_DEFAULT);
}

static void do_print(struct worker *w)
{
	flockfile(w->s->null);
	CHECK(w->s, zs_print_classes(w->s->pool, w->s->null) == 0);
	funlockfile(w->s->null);
}

struct search {
	unsigned long handle;
	unsigned int seen;
	unsigned int calls;
};

static int find_live(unsigned long handle, void *arg)
{
	struct search *search = arg;

	search->calls++;
	search->seen += handle == search->handle;
	return 0;
}

/* An object that lives throughout is seen, once. */
static void do_for_each_live(struct worker *w)
{
	struct search search = { .handle = own_any(w)->handle };

	CHECK(w->s, zs_for_each_live(w->s->pool, find_live, &search) == 0);
	CHECK(w->s, search.seen == 1);
	CHECK(w->s, search.calls > NR_SHARED);
}

static int find_in_zspage(const struct zs_zspage_info *info, void *arg)
{
	struct search *search = arg;
	unsigned int live = 0;

	for (unsigned int i = 0; i < info->objs; i++) {
		live += info->handles[i] != 0;
		search->seen += info->handles[i] == search->handle;
	}
	search->calls++;
	return live == info->inuse ? 0 : 1;
}

static void do_for_each_zspage(struct worker *w)
{
	const struct object *o = own_any(w);
	struct search search = { .handle = o->handle };
	unsigned int index = zs_lookup_class_index(
		w->s->pool, o->size + (unsigned int)ZS_HANDLE_SIZE);

	CHECK(w->s, zs_for_each_zspage(w->s->pool, index, find_in_zspage,
				       &search) == 0);
	CHECK(w->s, search.seen == 1);
}

static void do_check(struct worker *w)
{
	CHECK(w->s, zs_pool_check(w->s->pool, stderr) == 0);
}

/* Enough at once for the worker to give some of it back. */
static void do_burst(struct worker *w)
{
	struct stress *s = w->s;
	unsigned int n, nr = (3u << 20) / s->page_size;
	unsigned long handles[(3u << 20) / 4096];

	for (n = 0; n < nr; n++) {
		handles[n] = zs_malloc(s->pool, s->page_size, GFP_KERNEL,
				       NUMA_NO_NODE);
		CHECK(s, !zs_is_err(handles[n]));
	}
	while (n)
		zs_free(s->pool, handles[--n]);
}

static const struct op {
	const char *name;
	void (*func)(struct worker *w);
	/* How often while the cheapest is called 100 times: at once with
	 * another, and when the dice are thrown. */
	unsigned int loops;
	unsigned int weight;
} ops[] = {
	{ "malloc", do_malloc, 100, 200 },
	{ "free", do_free, 100, 100 },
	{ "free_deferred", do_free_deferred, 100, 60 },
	{ "defer_push", do_defer_push, 100, 20 },
	{ "flush", do_flush, 60, 6 },
	{ "read", do_read, 100, 60 },
	{ "read_sg", do_read_sg, 100, 60 },
	{ "write", do_write, 60, 60 },
	{ "compact", do_compact, 40, 20 },
	{ "trim", do_trim, 20, 12 },
	{ "drain", do_drain, 100, 10 },
	{ "shrink", do_shrink, 40, 10 },
	{ "info", do_info, 100, 10 },
	{ "class_info", do_class_info, 60, 10 },
	{ "geometry", do_geometry, 100, 4 },
	{ "print", do_print, 10, 2 },
	{ "for_each_live", do_for_each_live, 20, 6 },
	{ "for_each_zspage", do_for_each_zspage, 40, 10 },
	{ "check", do_check, 10, 3 },
	{ "burst", do_burst, 2, 2 },
};
#define NR_OPS ARRAY_SIZE(ops)
#define NR_PAIR_OPS (NR_OPS - 1) /* a burst is malloc and free */

static const struct op *throw_dice(struct worker *w)
{
	unsigned int sum = 0, at;

	for (size_t i = 0; i < NR_OPS; i++)
		sum += ops[i].weight;
	at = rng_below(&w->rng, sum);
	for (size_t i = 0;; i++) {
		if (at < ops[i].weight)
			return &ops[i];
		at -= ops[i].weight;
	}
}

static unsigned int finished(struct stress *s)
{
	return __atomic_load_n(&s->finished, __ATOMIC_RELAXED);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct stress *s = w->s;
	bool done = false;

	/* Until the others have finished too, so that they are never alone;
	 * though not for ever: a call may cost the other much more. */
	for (unsigned int i = 0; i < 20 * w->loops; i++) {
		if (i == w->loops) {
			done = true;
			__atomic_fetch_add(&s->finished, 1, __ATOMIC_RELAXED);
		}
		if (done && finished(s) >= w->partners)
			break;
		(w->op ? w->op : throw_dice(w))->func(w);
		/* So that there is always something to move, give back, or
		 * count anew. */
		if (w->op && rng_below(&w->rng, 2)) {
			do_malloc(w);
			do_free(w);
		}
	}
	own_free_all(w);
	return NULL;
}

/* ---- pools under stress ------------------------------------------------------- */

static void stress_init(struct stress *s, const struct zs_pool_options *o)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	struct worker w = { .s = s };

	/* The test runner's handlers are for its own thread. */
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
	memset(s, 0, sizeof(*s));
	s->pool = zs_create_pool_with("stress", o);
	assert_non_null(s->pool);
	s->page_size = o->page_size ? o->page_size : 4096;
	s->max_size = min(s->page_size, 4096u);
	s->null = fopen("/dev/null", "w");
	assert_non_null(s->null);
	w.copy = malloc(s->page_size);
	rng_seed(&w.rng, 1);
	/* Among others that go, so that those that stay are scattered. */
	for (unsigned int i = 0; i < NR_SHARED; i++) {
		while (!own_alloc(&w))
			;
		s->shared[i] = w.own[--w.nr];
		for (unsigned int n = 0; n < 3; n++)
			own_alloc(&w);
	}
	own_free_all(&w);
	free(w.copy);
	assert_no_failures(&s->failures);
}

static void start_worker(struct worker *w, struct stress *s, unsigned int seed,
			 const struct op *op, unsigned int loops,
			 unsigned int partners)
{
	memset(w, 0, sizeof(*w));
	w->s = s;
	w->op = op;
	w->loops = loops;
	w->partners = partners;
	rng_seed(&w->rng, seed);
	w->copy = malloc(s->page_size);
	assert_non_null(w->copy);
	assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
}

static void join_worker(struct worker *w)
{
	assert_int_equal(pthread_join(w->thread, NULL), 0);
	free(w->copy);
}

/* Everything as it should be, everything freed, nothing left. */
static void stress_end(struct stress *s)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;

	assert_no_failures(&s->failures);
	assert_sound(s->pool);
	for (unsigned int n = 0; n < NR_SHARED; n++) {
		assert_true(object_ok(s->pool, s->shared[n].handle,
				      s->shared[n].size, s->shared[n].key));
		zs_free_deferred(s->pool, s->shared[n].handle);
	}
	zs_free_deferred_flush(s->pool);
	zs_drain(s->pool);
	assert_int_equal(zs_pool_info(s->pool, &i), 0);
	assert_int_equal(i.objs_inuse, 0);
	assert_int_equal(i.objs_capacity, 0);
	assert_int_equal(i.pages, 0);
	zs_trim(s->pool);
	assert_int_equal(zs_pool_info(s->pool, &i), 0);
	assert_int_equal(i.slab_pages, 0);
	assert_int_equal(i.bytes_free, 0);
	assert_sound(s->pool);
	assert_int_equal(zs_destroy_pool(s->pool), 0);
	fclose(s->null);
}

static enum zs_lock_scope nth_scope(unsigned int n)
{
	return (enum zs_lock_scope)(ZS_SCOPE_HELD + n % VARIANT_NR_SCOPES);
}

static const enum zs_defer_mode modes[] = { ZS_DEFER_DEFAULT, ZS_DEFER_PERCPU,
					    ZS_DEFER_REUSE };

/* Each call with each, itself included. */
static void test_pairs(void **state)
{
	static struct worker w[2];
	static struct stress s;
	unsigned int round = 0;

	for (size_t a = 0; a < NR_PAIR_OPS; a++) {
		for (size_t b = a; b < NR_PAIR_OPS; b++, round++) {
			struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

			o.flags = round % 2 ? ZS_POOL_NO_WORKER : 0;
			o.retained_bytes = 1;
			o.lock_scope = nth_scope(round);
			o.defer = modes[round / 2 % ARRAY_SIZE(modes)];
			stress_init(&s, &o);
			start_worker(
				&w[0], &s, 2 * round, &ops[a],
				2 * (unsigned)uzs_test_scale((int)ops[a].loops),
				2);
			start_worker(
				&w[1], &s, 2 * round + 1, &ops[b],
				2 * (unsigned)uzs_test_scale((int)ops[b].loops),
				2);
			join_worker(&w[0]);
			join_worker(&w[1]);
			if (s.failures.n)
				print_error("%s with %s:\n", ops[a].name,
					    ops[b].name);
			stress_end(&s);
		}
	}
}

static void print_counters(const char *title, const struct zs_pool_info *i)
{
	print_message(
		"             %s: %lu objects moved in %lu compactions, %lu pages migrated (%lu busy), %lu zspages freed late, %lu bytes given back\n",
		title, i->objs_moved, i->compactions, i->pages_migrated,
		i->migrations_busy, i->zspages_async_freed,
		i->bytes_given_back);
}

/* All calls at once. */
static void run_everything(const struct zs_pool_options *o, const char *title)
{
	static struct worker w[6];
	static struct stress s;
	struct zs_pool_info i = ZS_POOL_INFO_INIT;

	stress_init(&s, o);
	for (unsigned int n = 0; n < ARRAY_SIZE(w); n++)
		start_worker(&w[n], &s, 1000 + n, NULL,
			     (unsigned)uzs_test_scale(10000), ARRAY_SIZE(w));
	for (unsigned int n = 0; n < ARRAY_SIZE(w); n++)
		join_worker(&w[n]);
	assert_int_equal(zs_pool_info(s.pool, &i), 0);
	print_counters(title, &i);
	assert_true(i.compactions > 0);
	assert_true(i.objs_moved > 0);
	stress_end(&s);
}

static void test_everything(void **state)
{
	for (unsigned int n = 0; n < VARIANT_NR_SCOPES; n++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

		o.lock_scope = nth_scope(n);
		o.defer = modes[n % ARRAY_SIZE(modes)];
		o.retained_bytes = 1;
		run_everything(&o, variant_scope_name(o.lock_scope));
	}
}

static void test_everything_other_geometry(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

	o.page_size = 65536;
	o.chain_size = 16;
	run_everything(&o, "64 KiB pages");
	o.page_size = 16384;
	o.chain_size = 4;
	o.flags = ZS_POOL_NO_WORKER;
	run_everything(&o, "16 KiB pages, no worker");
}

/* ---- pages that move while their zspages are freed ---------------------------- */

struct mover {
	struct stress *s;
	unsigned int seed;
	unsigned int rounds;
};

/* On a busy machine it may take a while until a move and a free meet. */
static bool goes_on(const struct mover *m, unsigned int round)
{
	return round < m->rounds ||
	       (round < 200 * m->rounds &&
		!READ_ONCE(m->s->pool->zone.pages_migrated));
}

/* Fills sections, thins them out, and frees the rest while others move it. */
static void *thin_and_free(void *arg)
{
	struct mover *m = arg;
	struct zs_pool *pool = m->s->pool;
	unsigned long handles[2000];
	struct rng rng;

	rng_seed(&rng, m->seed);
	for (unsigned int r = 0; goes_on(m, r); r++) {
		unsigned int nr = ARRAY_SIZE(handles);

		for (unsigned int i = 0; i < nr; i++) {
			handles[i] = zs_malloc(pool, i % 2 ? 4000 : 3000,
					       GFP_KERNEL, NUMA_NO_NODE);
			CHECK(m->s, !zs_is_err(handles[i]));
			CHECK(m->s, !zs_obj_write(pool, handles[i], &handles[i],
						  sizeof(handles[i])));
		}
		while (nr) {
			unsigned int i = rng_below(&rng, nr);
			unsigned long copy;
			void *mem = zs_obj_read_begin(pool, handles[i],
						      sizeof(copy), &copy);

			CHECK(m->s, mem && !memcmp(mem, &handles[i],
						   sizeof(handles[i])));
			zs_obj_read_end(pool, handles[i], sizeof(copy), mem);
			zs_free(pool, handles[i]);
			handles[i] = handles[--nr];
		}
	}
	__atomic_fetch_add(&m->s->finished, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *keep_trimming(void *arg)
{
	struct mover *m = arg;

	while (finished(m->s) < 2) {
		zs_trim(m->s->pool);
		if (m->seed++ % 4 == 0)
			zs_compact(m->s->pool);
	}
	return NULL;
}

static void test_migration_against_free(void **state)
{
	for (unsigned int n = 0; n < VARIANT_NR_SCOPES; n++) {
		static struct stress s;
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		struct zs_pool_info i = ZS_POOL_INFO_INIT;
		struct mover m[3];
		pthread_t threads[3];

		o.lock_scope = nth_scope(n);
		stress_init(&s, &o);
		for (unsigned int t = 0; t < 3; t++) {
			m[t] = (struct mover){
				.s = &s,
				.seed = t,
				.rounds = (unsigned)uzs_test_scale(60)
			};
			assert_int_equal(pthread_create(&threads[t], NULL,
							t == 2 ? keep_trimming
							       : thin_and_free,
							&m[t]),
					 0);
		}
		for (unsigned int t = 0; t < 3; t++)
			assert_int_equal(pthread_join(threads[t], NULL), 0);
		assert_int_equal(zs_pool_info(s.pool, &i), 0);
		print_counters("trimmed", &i);
		assert_true(i.pages_migrated > 0);
		stress_end(&s);
	}
}

/* ---- pins ---------------------------------------------------------------------- */

#define RING 32

/* Reads that one thread begins and another ends. */
struct handoff {
	struct stress *s;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct pinned {
		const struct object *o; /* NULL: the end */
		void *mem; /* NULL: segments */
		void *copy;
		struct iovec iov[2];
		unsigned int n;
	} ring[RING];
	unsigned int head, tail;
	unsigned int reads;
};

static void handoff_push(struct handoff *h, const struct pinned *p)
{
	pthread_mutex_lock(&h->mutex);
	while (h->head - h->tail == RING)
		pthread_cond_wait(&h->changed, &h->mutex);
	h->ring[h->head++ % RING] = *p;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->mutex);
}

static struct pinned handoff_pop(struct handoff *h)
{
	struct pinned p;

	pthread_mutex_lock(&h->mutex);
	while (h->head == h->tail)
		pthread_cond_wait(&h->changed, &h->mutex);
	p = h->ring[h->tail++ % RING];
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->mutex);
	return p;
}

static void *begin_reads(void *arg)
{
	struct handoff *h = arg;
	struct pinned p = { 0 };
	struct rng rng;

	rng_seed(&rng, 77);
	for (unsigned int i = 0; i < h->reads; i++) {
		p = (struct pinned){ 0 };
		p.o = &h->s->shared[rng_below(&rng, NR_SHARED)];
		if (i % 2) {
			p.copy = malloc(p.o->size);
			p.mem = zs_obj_read_begin(h->s->pool, p.o->handle,
						  p.o->size, p.copy);
			CHECK(h->s, p.mem);
		} else {
			p.n = zs_obj_read_sg_begin(h->s->pool, p.o->handle,
						   p.iov, p.o->size);
			CHECK(h->s, p.n == 1 || p.n == 2);
		}
		handoff_push(h, &p);
	}
	p.o = NULL;
	handoff_push(h, &p);
	return NULL;
}

static void *end_reads(void *arg)
{
	struct handoff *h = arg;
	struct zs_pool *pool = h->s->pool;

	for (;;) {
		struct pinned p = handoff_pop(h);
		size_t at = 0;

		if (!p.o)
			return NULL;
		if (p.mem) {
			CHECK(h->s, pattern_ok(p.mem, p.o->size, p.o->key));
			zs_obj_read_end(pool, p.o->handle, p.o->size, p.mem);
			free(p.copy);
			continue;
		}
		for (unsigned int i = 0; i < p.n; i++) {
			CHECK(h->s,
			      pattern_differs(p.iov[i].iov_base, at,
					      p.iov[i].iov_len,
					      p.o->key) == p.iov[i].iov_len);
			at += p.iov[i].iov_len;
		}
		CHECK(h->s, at == p.o->size);
		zs_obj_read_sg_end(pool, p.o->handle);
	}
}

static void test_begin_here_end_there(void **state)
{
	static struct worker w[2];
	static struct stress s;
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct handoff h = { .s = &s,
			     .reads = (unsigned)uzs_test_scale(20000) };
	pthread_t beginner, ender;

	stress_init(&s, &o);
	pthread_mutex_init(&h.mutex, NULL);
	pthread_cond_init(&h.changed, NULL);
	assert_int_equal(pthread_create(&beginner, NULL, begin_reads, &h), 0);
	assert_int_equal(pthread_create(&ender, NULL, end_reads, &h), 0);
	for (unsigned int n = 0; n < ARRAY_SIZE(w); n++)
		start_worker(&w[n], &s, n, NULL, (unsigned)uzs_test_scale(3000),
			     ARRAY_SIZE(w));
	pthread_join(beginner, NULL);
	pthread_join(ender, NULL);
	for (unsigned int n = 0; n < ARRAY_SIZE(w); n++)
		join_worker(&w[n]);
	/* No pin is left, or these could not be emptied. */
	for (unsigned int n = 0; n < NR_SHARED; n++) {
		struct zpdesc *zpdesc = obj_to_zpdesc(
			s.pool, handle_to_obj(s.shared[n].handle));

		assert_int_equal(pin_readers(&zpdesc->zspage->lock), 0);
	}
	stress_end(&s);
	pthread_cond_destroy(&h.changed);
	pthread_mutex_destroy(&h.mutex);
}

/* What a thread may call that is itself between begin and end. */
static void *call_while_pinned(void *arg)
{
	struct worker *w = arg;
	struct stress *s = w->s;

	for (unsigned int i = 0; i < w->loops; i++) {
		const struct object *o =
			&s->shared[rng_below(&w->rng, NR_SHARED)];
		struct iovec iov[2], again[2];
		unsigned int n, calls = rng_range(&w->rng, 1, 4);

		n = zs_obj_read_sg_begin(s->pool, o->handle, iov, o->size);
		CHECK(s, n == 1 || n == 2);
		while (calls--) {
			const struct op *op = throw_dice(w);

			/* Waiting for the worker is not on the list. */
			if (op->func != do_drain)
				op->func(w);
		}
		/* Pinned twice, and it has not moved. */
		CHECK(s, zs_obj_read_sg_begin(s->pool, o->handle, again,
					      o->size) == n);
		for (unsigned int k = 0; k < n; k++)
			CHECK(s, iov[k].iov_base == again[k].iov_base &&
					 iov[k].iov_len == again[k].iov_len);
		zs_obj_read_sg_end(s->pool, o->handle);
		CHECK(s, object_ok(s->pool, o->handle, o->size, o->key));
		zs_obj_read_sg_end(s->pool, o->handle);
	}
	own_free_all(w);
	return NULL;
}

static void test_calls_while_pinned(void **state)
{
	static struct worker w[3];
	static struct stress s;
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

	o.retained_bytes = 1;
	stress_init(&s, &o);
	for (unsigned int n = 0; n < ARRAY_SIZE(w); n++) {
		w[n] = (struct worker){
			.s = &s,
			.loops = (unsigned)uzs_test_scale(1500),
			.copy = malloc(s.page_size),
		};
		rng_seed(&w[n].rng, n);
		assert_int_equal(pthread_create(&w[n].thread, NULL,
						call_while_pinned, &w[n]),
				 0);
	}
	for (unsigned int n = 0; n < ARRAY_SIZE(w); n++)
		join_worker(&w[n]);
	stress_end(&s);
}

/* ---- how long a reader waits --------------------------------------------------- */

#define BUCKETS 40 /* of powers of two, in ns */

struct latency {
	struct stress *s;
	unsigned long reads;
	unsigned long histogram[BUCKETS];
	u64 longest; /* ns */
	unsigned int rounds; /* of compaction, at least */
	unsigned int round; /* atomic */
	bool stop; /* atomic */
};

static void *time_reads(void *arg)
{
	struct latency *l = arg;
	struct stress *s = l->s;
	struct rng rng;

	rng_seed(&rng, 4);
	for (unsigned long i = 0;
	     i < l->reads || READ_ONCE(l->round) < l->rounds; i++) {
		const struct object *o = &s->shared[rng_below(&rng, NR_SHARED)];
		struct iovec iov[2];
		u64 begin = uzs_clock_ns(), took;

		CHECK(s, zs_obj_read_sg_begin(s->pool, o->handle, iov, 1) == 1);
		took = uzs_clock_ns() - begin;
		CHECK(s, *(unsigned char *)iov[0].iov_base ==
				 pattern_byte(o->key, 0));
		zs_obj_read_sg_end(s->pool, o->handle);
		l->longest = max(l->longest, took);
		l->histogram[min((int)ilog2((unsigned long)took | 1),
				 BUCKETS - 1)]++;
	}
	WRITE_ONCE(l->stop, true);
	return NULL;
}

/* Makes holes and fills them, until told to stop. */
static void *keep_compacting(void *arg)
{
	struct latency *l = arg;
	struct zs_pool *pool = l->s->pool;
	unsigned long handles[2048];

	while (!READ_ONCE(l->stop)) {
		for (unsigned int i = 0; i < ARRAY_SIZE(handles); i++) {
			handles[i] =
				zs_malloc(pool, 600, GFP_KERNEL, NUMA_NO_NODE);
			CHECK(l->s, !zs_is_err(handles[i]));
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(handles); i++)
			if (i % 3)
				zs_free(pool, handles[i]);
		CHECK(l->s, zs_compact(pool) > 0);
		for (unsigned int i = 0; i < ARRAY_SIZE(handles); i += 3)
			zs_free(pool, handles[i]);
		WRITE_ONCE(l->round, l->round + 1);
	}
	return NULL;
}

static void test_reader_latency(void **state)
{
	static struct stress s;
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool_info i = ZS_POOL_INFO_INIT;
	struct latency l = { .s = &s,
			     .reads = (unsigned)uzs_test_scale(300000),
			     .rounds = (unsigned)uzs_test_scale(100) };
	pthread_t reader, compactor;
	char text[1024] = "";
	size_t at = 0;

	stress_init(&s, &o);
	assert_int_equal(pthread_create(&compactor, NULL, keep_compacting, &l),
			 0);
	assert_int_equal(pthread_create(&reader, NULL, time_reads, &l), 0);
	pthread_join(reader, NULL);
	pthread_join(compactor, NULL);
	assert_int_equal(zs_pool_info(s.pool, &i), 0);
	for (int b = 0; b < BUCKETS; b++)
		if (l.histogram[b] && at < sizeof(text) - 40)
			at += (size_t)snprintf(text + at, sizeof(text) - at,
					       " <%llu:%lu", 2ull << b,
					       l.histogram[b]);
	print_message(
		"             reads by ns:%s; compaction held a class for %lu ns at most\n",
		text, i.compact_hold_ns_max);
	assert_true(i.objs_moved > 100 * l.rounds);
	/* Much more than the moving of one zspage and a time slice of each
	 * thread; less than a compaction of everything, over and over. */
	assert_true(l.longest < 10000000000u);
	stress_end(&s);
}

/* ---- limits, ends, other pools ---------------------------------------------------- */

struct limited {
	struct zs_pool *pool;
	unsigned int seed;
	unsigned int loops;
	unsigned int above; /* times that the limit was exceeded */
	unsigned int torn;
	unsigned int full; /* times that there was no memory */
};

static size_t resident(struct zs_pool *pool)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;

	zs_pool_info(pool, &i);
	return i.bytes_resident;
}

static void *fill_limited(void *arg)
{
	struct limited *l = arg;
	size_t limit = l->pool->memory_limit;
	unsigned long handles[4000];
	unsigned int nr = 0;
	struct rng rng;

	rng_seed(&rng, l->seed);
	for (unsigned int i = 0; i < l->loops; i++) {
		unsigned int size = 64 + rng_below(&rng, 8) * 500;
		unsigned long handle = (unsigned long)-ENOMEM;

		if (nr < ARRAY_SIZE(handles))
			handle = zs_malloc(l->pool, size, GFP_KERNEL,
					   NUMA_NO_NODE);
		l->above += resident(l->pool) > limit;
		if (!zs_is_err(handle)) {
			l->torn += zs_obj_write(l->pool, handle, &handle,
						sizeof(handle)) != 0;
			handles[nr++] = handle;
			continue;
		}
		l->full += nr < ARRAY_SIZE(handles);
		/* A part of them, at random. */
		for (unsigned int n = nr / 2; n; n--) {
			unsigned int victim = rng_below(&rng, nr);
			void *mem;

			handle = handles[victim];
			mem = zs_obj_read_begin(l->pool, handle, sizeof(handle),
						&size);
			l->torn += !mem ||
				   memcmp(mem, &handle, sizeof(handle)) != 0;
			zs_obj_read_end(l->pool, handle, sizeof(handle), mem);
			zs_free(l->pool, handle);
			handles[victim] = handles[--nr];
		}
	}
	while (nr)
		zs_free(l->pool, handles[--nr]);
	return NULL;
}

/* However many ask for memory at once: never above the limit. */
static void test_memory_limit(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct limited l[4];
	pthread_t threads[4];

	for (size_t limit = 500000; limit <= 12000000; limit *= 5) {
		struct zs_pool *pool;

		o.memory_limit = limit;
		pool = zs_create_pool_with("limited", &o);
		assert_non_null(pool);
		for (unsigned int i = 0; i < 4; i++) {
			l[i] = (struct limited){
				.pool = pool,
				.seed = i,
				.loops = (unsigned)uzs_test_scale(20000)
			};
			assert_int_equal(pthread_create(&threads[i], NULL,
							fill_limited, &l[i]),
					 0);
		}
		for (unsigned int i = 0; i < 4; i++) {
			assert_int_equal(pthread_join(threads[i], NULL), 0);
			assert_int_equal(l[i].above, 0);
			assert_int_equal(l[i].torn, 0);
			if (limit < 1000000)
				assert_true(l[i].full > 0);
		}
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

struct leaver {
	struct zs_pool *pool;
	unsigned int seed;
	unsigned int left; /* objects */
	bool failed;
};

/* Leaves objects behind, and the worker something to do. */
static void *leave_things(void *arg)
{
	struct leaver *l = arg;
	unsigned long handles[600];
	struct rng rng;

	rng_seed(&rng, l->seed);
	for (unsigned int i = 0; i < ARRAY_SIZE(handles); i++) {
		handles[i] = zs_malloc(l->pool, rng_range(&rng, 2000, 4096),
				       GFP_KERNEL, NUMA_NO_NODE);
		l->failed |= zs_is_err(handles[i]);
	}
	if (l->seed % 3 == 0)
		zs_compact(l->pool);
	for (unsigned int i = 0; i < ARRAY_SIZE(handles); i++) {
		switch (rng_below(&rng, 50)) {
		case 0:
			l->left++;
			break;
		case 1:
			zs_free_deferred(l->pool, handles[i]);
			break;
		default:
			zs_free(l->pool, handles[i]);
		}
	}
	if (l->seed % 4 == 0)
		zs_trim(l->pool);
	return NULL;
}

/* Nothing between the last call and the destruction but the join. */
static void test_destroy_after_join(void **state)
{
	for (int round = uzs_test_scale(100); round > 0; round--) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		struct leaver l[3];
		pthread_t threads[3];
		unsigned long left = 0;
		struct zs_pool *pool;

		o.retained_bytes = 1;
		o.lock_scope = nth_scope(round);
		o.defer = modes[(unsigned)round / 3 % ARRAY_SIZE(modes)];
		pool = zs_create_pool_with("short", &o);
		assert_non_null(pool);
		for (unsigned int i = 0; i < 3; i++) {
			l[i] = (struct leaver){
				.pool = pool, .seed = i + (unsigned)round * 3
			};
			assert_int_equal(pthread_create(&threads[i], NULL,
							leave_things, &l[i]),
					 0);
		}
		for (unsigned int i = 0; i < 3; i++) {
			assert_int_equal(pthread_join(threads[i], NULL), 0);
			assert_false(l[i].failed);
			left += l[i].left;
		}
		assert_int_equal(zs_destroy_pool(pool), left);
	}
}

/* Pools that know nothing of each other, each in a thread of its own. */
static void *use_own_pools(void *arg)
{
	struct leaver *l = arg;
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

	o.retained_bytes = 1;
	for (int round = uzs_test_scale(40); round > 0; round--) {
		o.page_size = 4096u << (l->seed + (unsigned)round) % 3;
		l->pool = zs_create_pool_with("own", &o);
		l->left = 0;
		if (!l->pool) {
			l->failed = true;
			break;
		}
		leave_things(l);
		l->failed |= zs_pool_check(l->pool, stderr) != 0;
		l->failed |= zs_destroy_pool(l->pool) != l->left;
	}
	return NULL;
}

static void test_own_pools(void **state)
{
	struct leaver l[4];
	pthread_t threads[4];

	for (unsigned int i = 0; i < 4; i++) {
		l[i] = (struct leaver){ .seed = i };
		assert_int_equal(pthread_create(&threads[i], NULL,
						use_own_pools, &l[i]),
				 0);
	}
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_false(l[i].failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_everything_other_geometry),
		cmocka_unit_test(test_migration_against_free),
		cmocka_unit_test(test_begin_here_end_there),
		cmocka_unit_test(test_calls_while_pinned),
		cmocka_unit_test(test_reader_latency),
		cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_destroy_after_join),
		cmocka_unit_test(test_own_pools),
	};

	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
