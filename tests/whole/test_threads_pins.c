/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_threads_pins.c - threads that read in place: one begins what another ends,
 * all calls go on meanwhile, and how long a reader waits for a compaction.
 *
 * Threads only count what they find wrong; the main thread asserts.
 */
#include "stress.h"

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

static void test_read_may_end_in_another_thread(void **state)
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

static void test_all_calls_run_beside_pins(void **state)
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

static void test_reader_waits_less_than_a_compaction(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_may_end_in_another_thread),
		cmocka_unit_test(test_all_calls_run_beside_pins),
		cmocka_unit_test(test_reader_waits_less_than_a_compaction),
	};

	return cmocka_run_group_tests_name("threads_pins", tests, NULL, NULL);
}
