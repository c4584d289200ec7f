/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_threads.c - what the header's table allows to run at once: each pair of
 * calls, then all together, with all data verified; limits and the end of pools.
 * Meant for TSan above all.
 *
 * Threads only count what they find wrong; the main thread asserts.
 */
#include "stress.h"

#include <errno.h>

static const enum zs_defer_mode modes[] = { ZS_DEFER_DEFAULT, ZS_DEFER_PERCPU,
					    ZS_DEFER_REUSE };

/* Each call with each, itself included. */
static void test_each_call_runs_beside_each(void **state)
{
	static struct worker w[2];
	static struct stress s;
	unsigned int round = 0;

	for (size_t a = 0; a < nr_pair_ops; a++) {
		for (size_t b = a; b < nr_pair_ops; b++, round++) {
			struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

			o.flags = round % 2 ? ZS_POOL_NO_WORKER : 0;
			o.retained_bytes = 1;
			o.lock_scope = nth_scope(round);
			o.defer = modes[round / 2 % ARRAY_SIZE(modes)];
			stress_init(&s, &o);
			start_worker(&w[0], &s, 2 * round, &stress_ops[a],
				     2 * (unsigned)uzs_test_scale(
						 (int)stress_ops[a].loops),
				     2);
			start_worker(&w[1], &s, 2 * round + 1, &stress_ops[b],
				     2 * (unsigned)uzs_test_scale(
						 (int)stress_ops[b].loops),
				     2);
			join_worker(&w[0]);
			join_worker(&w[1]);
			if (s.failures.n)
				print_error("%s with %s:\n", stress_ops[a].name,
					    stress_ops[b].name);
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

static void test_all_calls_run_at_once(void **state)
{
	for (unsigned int n = 0; n < VARIANT_NR_SCOPES; n++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

		o.lock_scope = nth_scope(n);
		o.defer = modes[n % ARRAY_SIZE(modes)];
		o.retained_bytes = 1;
		run_everything(&o, variant_scope_name(o.lock_scope));
	}
}

static void test_all_calls_run_at_once_in_large_pages(void **state)
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

static void test_pages_move_while_zspages_are_freed(void **state)
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
	size_t limit = info_of(l->pool).memory_limit_bytes;
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
static void test_limit_holds_for_all_threads(void **state)
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
static void test_join_is_enough_before_destroy(void **state)
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

static void test_pools_of_threads_do_not_meet(void **state)
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
		cmocka_unit_test(test_each_call_runs_beside_each),
		cmocka_unit_test(test_all_calls_run_at_once),
		cmocka_unit_test(test_all_calls_run_at_once_in_large_pages),
		cmocka_unit_test(test_pages_move_while_zspages_are_freed),
		cmocka_unit_test(test_limit_holds_for_all_threads),
		cmocka_unit_test(test_join_is_enough_before_destroy),
		cmocka_unit_test(test_pools_of_threads_do_not_meet),
	};

	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
