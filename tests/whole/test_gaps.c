/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_gaps.c - max_overhead_percent: a pool that was half emptied gets dense by
 * itself, with a worker and without, and not if it has no bound.
 */
#include "test_util.h"

#include <errno.h>
#include <time.h>

#include "compat/workqueue.h"
#include "types.h"

#define NR_OBJS 160000u

static struct zs_pool *make(enum zs_profile profile, unsigned int flags,
			    unsigned int percent)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.profile = profile;
	/* Settling moves, too. */
	o.flags = flags | ZS_POOL_NO_HUGE_PAGES;
	o.max_overhead_percent = percent;
	pool = zs_create_pool_with("gaps", &o);
	assert_non_null(pool);
	return pool;
}

/* Stores objects, and frees all but every fourth. */
static void make_gaps(struct zs_pool *pool, unsigned long *handles)
{
	for (unsigned int i = 0; i < NR_OBJS; i++) {
		handles[i] = must_malloc(pool, 300);
		assert_true(object_fill(pool, handles[i], 300, i));
	}
	for (unsigned int i = 0; i < NR_OBJS; i++)
		if (i % 4)
			zs_free(pool, handles[i]);
}

static void assert_kept(struct zs_pool *pool, const unsigned long *handles)
{
	for (unsigned int i = 0; i < NR_OBJS; i += 4)
		assert_true(object_ok(pool, handles[i], 300, i));
	assert_sound(pool);
}

/* Gaps in percent of what the objects take. */
static unsigned long gaps_of(struct zs_pool *pool)
{
	struct zs_pool_info i = info_of(pool);

	return i.freeable_pages * 100 / (i.pages - i.freeable_pages + 1);
}

/* A compaction is counted when it ends: a little after the gaps are gone. */
static bool wait_until_dense(struct zs_pool *pool, unsigned long percent)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; i < 5000; i++) {
		if (gaps_of(pool) <= percent && info_of(pool).compactions > 0)
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}

#define for_each_profile(p)                                                    \
	for (enum zs_profile p = ZS_PROFILE_KERNEL;                            \
	     p <= (sizeof(void *) == 8 ? ZS_PROFILE_USER : ZS_PROFILE_KERNEL); \
	     p++)

static void test_worker_compacts(void **state)
{
	static unsigned long handles[NR_OBJS];

	for_each_profile(p)
	{
		struct zs_pool *pool = make(p, 0, 10);

		make_gaps(pool, handles);
		assert_true(wait_until_dense(pool, 12));
		assert_kept(pool, handles);
		zs_destroy_pool(pool);
	}
}

static void test_drain_compacts_without_worker(void **state)
{
	static unsigned long handles[NR_OBJS];

	for_each_profile(p)
	{
		struct zs_pool *pool = make(p, ZS_POOL_NO_WORKER, 10);

		make_gaps(pool, handles);
		assert_true(gaps_of(pool) > 50);
		assert_true(work_pending(&pool->gaps_work));
		zs_drain(pool);
		assert_true(gaps_of(pool) <= 12);
		assert_kept(pool, handles);
		zs_destroy_pool(pool);
	}
}

/* No bound: nothing happens, until there is one. */
static void test_bound_can_be_set_later(void **state)
{
	static unsigned long handles[NR_OBJS];

	for_each_profile(p)
	{
		struct zs_pool *pool =
			make(p, ZS_POOL_NO_WORKER, ZS_MAX_OVERHEAD);

		make_gaps(pool, handles);
		assert_false(work_pending(&pool->gaps_work));
		assert_int_equal(zs_set_max_overhead(pool, ZS_MAX_OVERHEAD + 1),
				 -EINVAL);
		assert_int_equal(zs_set_max_overhead(pool, ZS_MAX_OVERHEAD), 0);
		assert_false(work_pending(&pool->gaps_work));
		assert_int_equal(zs_set_max_overhead(pool, 10), 0);
		assert_true(work_pending(&pool->gaps_work));
		zs_drain(pool);
		assert_true(gaps_of(pool) <= 12);
		assert_int_equal(zs_set_max_overhead(pool, 0), 0);
		assert_kept(pool, handles);
		zs_destroy_pool(pool);
	}
}

/* Calls do it in small steps, each of them bounded. */
static void test_calls_compact_without_worker(void **state)
{
	static unsigned long handles[NR_OBJS];

	for_each_profile(p)
	{
		struct zs_pool *pool = make(p, ZS_POOL_NO_WORKER, 10);
		struct zs_pool_info before, after;
		unsigned long more[1000];
		unsigned int calls = 0;

		make_gaps(pool, handles);
		assert_true(gaps_of(pool) > 50);
		/* Those who must not sleep do not. */
		before = info_of(pool);
		zs_free(pool, zs_malloc(pool, 2000, GFP_NOWAIT, NUMA_NO_NODE));
		assert_int_equal(info_of(pool).objs_moved, before.objs_moved);
		do {
			assert_true(calls < ARRAY_SIZE(more));
			before = info_of(pool);
			more[calls++] = must_malloc(pool, 2000);
			after = info_of(pool);
			assert_true(after.bytes_moved - before.bytes_moved <=
				    (128u << 10));
		} while (after.bytes_moved > before.bytes_moved);
		assert_true(gaps_of(pool) <= 6);
		assert_true(calls > 20);
		after = info_of(pool);
		assert_true(after.own_steps + 3 >= calls);
		assert_int_equal(after.own_bytes_moved, after.bytes_moved);
		assert_true(after.own_us > 0);
		/* Then they have nothing to do. */
		for (unsigned int i = 0; i < 10; i++)
			zs_free(pool, must_malloc(pool, 2000));
		assert_int_equal(info_of(pool).bytes_moved, after.bytes_moved);
		for (unsigned int i = 0; i < calls; i++)
			zs_free(pool, more[i]);
		assert_kept(pool, handles);
		zs_destroy_pool(pool);
	}
}

/* Without any option; and a pool at rest does nothing. */
static void test_user_profile_does_so_by_default(void **state)
{
	static unsigned long handles[NR_OBJS];
	const struct timespec second = { .tv_sec = 1 };
	struct zs_pool_info i, later;
	struct zs_pool *pool;

	if (sizeof(void *) < 8)
		skip();
	pool = make(ZS_PROFILE_USER, 0, 0);
	make_gaps(pool, handles);
	assert_true(wait_until_dense(pool, 5));
	nanosleep(&second, NULL);
	i = info_of(pool);
	assert_true(i.own_steps > 1);
	assert_int_equal(i.own_bytes_moved, i.bytes_moved);
	nanosleep(&second, NULL);
	later = info_of(pool);
	assert_int_equal(later.own_steps, i.own_steps);
	assert_int_equal(later.bytes_moved, i.bytes_moved);
	assert_kept(pool, handles);
	zs_destroy_pool(pool);

	/* The kernel's profile does not, nor a pool that has no bound. */
	for_each_profile(p)
	{
		pool = make(p, ZS_POOL_NO_WORKER,
			    p == ZS_PROFILE_USER ? ZS_MAX_OVERHEAD : 0);
		make_gaps(pool, handles);
		assert_false(work_pending(&pool->gaps_work));
		zs_drain(pool);
		assert_true(gaps_of(pool) > 50);
		assert_int_equal(info_of(pool).own_steps, 0);
		zs_destroy_pool(pool);
	}
}

/* Few frees of each class, of large objects: seen a little later. */
static void test_few_large_gaps_are_seen(void **state)
{
	enum { NR = 3000 };
	static unsigned long handles[NR];
	static unsigned char buffer[65536];
	struct zs_pool *pool;

	if (sizeof(void *) < 8)
		skip();
	pool = make(ZS_PROFILE_USER, 0, 0);
	for (unsigned int i = 0; i < NR; i++) {
		handles[i] = must_malloc(pool, 8000 + i * 7 % 24000);
		assert_int_equal(zs_obj_write(pool, handles[i], buffer,
					      8000 + i * 7 % 24000),
				 0);
	}
	for (unsigned int i = 0; i < NR; i++)
		if (i % 2)
			zs_free(pool, handles[i]);
	assert_true(wait_until_dense(pool, 5));
	assert_sound(pool);
	zs_destroy_pool(pool);
}

/* Small gaps are left. */
static void test_little_is_left(void **state)
{
	for_each_profile(p)
	{
		struct zs_pool *pool = make(p, ZS_POOL_NO_WORKER, 1);
		unsigned long handles[600];

		for (unsigned int i = 0; i < 600; i++)
			handles[i] = must_malloc(pool, 300);
		for (unsigned int i = 0; i < 600; i++)
			if (i % 4)
				zs_free(pool, handles[i]);
		assert_false(work_pending(&pool->gaps_work));
		zs_destroy_pool(pool);
	}
}

static void test_option_has_a_range(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

	o.max_overhead_percent = ZS_MAX_OVERHEAD + 1;
	errno = 0;
	assert_null(zs_create_pool_with("range", &o));
	assert_int_equal(errno, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worker_compacts),
		cmocka_unit_test(test_drain_compacts_without_worker),
		cmocka_unit_test(test_calls_compact_without_worker),
		cmocka_unit_test(test_user_profile_does_so_by_default),
		cmocka_unit_test(test_few_large_gaps_are_seen),
		cmocka_unit_test(test_bound_can_be_set_later),
		cmocka_unit_test(test_little_is_left),
		cmocka_unit_test(test_option_has_a_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
