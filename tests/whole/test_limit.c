/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_limit.c - zs_set_memory_limit: a limit that is changed holds from then
 * on, loses nothing, and is refused where an object could not be stored.
 */
#include "test_util.h"

#include <errno.h>
#include <pthread.h>

#include "compat/os.h"

#define MIB ((size_t)1 << 20)

static struct zs_pool *make(enum zs_profile profile, enum zs_defer_mode defer,
			    size_t limit)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.profile = profile;
	o.defer = defer;
	o.memory_limit = limit;
	pool = zs_create_pool_with("limit", &o);
	assert_non_null(pool);
	return pool;
}

/* Stores pages until there is no more room. Return: how many. */
static size_t fill(struct zs_pool *pool, unsigned long *handles, size_t from,
		   size_t most)
{
	size_t n = from;

	while (n < most) {
		unsigned long handle =
			zs_malloc(pool, 4096, GFP_KERNEL, NUMA_NO_NODE);

		if (zs_is_err(handle)) {
			assert_int_equal(zs_err(handle), -ENOMEM);
			break;
		}
		assert_true(object_fill(pool, handle, 4096, n));
		handles[n++] = handle;
	}
	return n;
}

#define MOST 20000u

/* Every deferral, in every profile that this machine has. */
#define for_each_kind(p, d)                                                    \
	for (enum zs_profile p = ZS_PROFILE_KERNEL;                            \
	     p <= (sizeof(void *) == 8 ? ZS_PROFILE_USER : ZS_PROFILE_KERNEL); \
	     p++)                                                              \
		for (enum zs_defer_mode d = ZS_DEFER_NONE;                     \
		     d <= VARIANT_LAST_DEFER; d++)

/* Up and down, with objects in the pool: these stay as they are. */
static void test_limit_holds_from_then_on(void **state)
{
	static unsigned long handles[MOST];

	for_each_kind(p, d)
	{
		struct zs_pool *pool = make(p, d, 16 * MIB);
		size_t n = fill(pool, handles, 0, MOST), more;

		assert_in_range(n, 3500, 4096);
		/* Higher: there is room again, as much as it says. */
		assert_int_equal(zs_set_memory_limit(pool, 32 * MIB), 0);
		assert_int_equal(info_of(pool).memory_limit_bytes, 32 * MIB);
		more = fill(pool, handles, n, MOST);
		assert_in_range(more, 7400, 8192);
		assert_true(info_of(pool).bytes_resident <= 32 * MIB);
		/* None. */
		assert_int_equal(zs_set_memory_limit(pool, 0), 0);
		assert_int_equal(info_of(pool).memory_limit_bytes, 0);
		assert_int_equal(fill(pool, handles, more, 10000), 10000);
		/* Lower than what there is: nothing more, and nothing lost. */
		assert_int_equal(zs_set_memory_limit(pool, 24 * MIB), 0);
		assert_int_equal(fill(pool, handles, 10000, 10001), 10000);
		for (size_t i = 0; i < 10000; i++)
			assert_true(object_ok(pool, handles[i], 4096, i));
		/* Half of them go, late; then there is room below it. */
		for (size_t i = 0; i < 5000; i++)
			zs_free_deferred(pool, handles[i]);
		n = fill(pool, handles, 10000, MOST) - 10000;
		/* (14 such objects have 15 pages, in the user profile.) */
		assert_in_range(n, 550, 1200);
		assert_true(info_of(pool).bytes_resident <= 24 * MIB);
		for (size_t i = 5000; i < 10000 + n; i++)
			assert_true(object_ok(pool, handles[i], 4096, i));
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 5000 + n);
	}
}

/* What lay free in the pool goes back at once if the limit is lower. */
static void test_free_memory_goes_back(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	static unsigned long handles[MOST];
	struct zs_pool *pool;
	size_t n;

	o.retained_bytes = SIZE_MAX;
	pool = zs_create_pool_with("retains", &o);
	assert_non_null(pool);
	n = fill(pool, handles, 0, 8000);
	for (size_t i = 100; i < n; i++)
		zs_free(pool, handles[i]);
	assert_true(info_of(pool).bytes_resident > 30 * MIB);
	assert_int_equal(zs_set_memory_limit(pool, 64 * MIB), 0);
	assert_true(info_of(pool).bytes_resident > 30 * MIB);
	assert_int_equal(zs_set_memory_limit(pool, 8 * MIB), 0);
	assert_true(info_of(pool).bytes_resident < 2 * MIB);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 100);
}

/* The least limit is that of creation, and holds one object of any size, also
 * in a pool that was larger. */
static void test_least_limit_is_that_of_creation(void **state)
{
	static unsigned long handles[MOST];
	size_t page = uzs_os_page_size();

	for_each_kind(p, d)
	{
		size_t no = 0, yes = 16 * MIB / page;
		struct zs_pool *pool = make(p, d, 0), *other;
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		size_t n = fill(pool, handles, 0, 6000);

		assert_int_equal(n, 6000);
		for (size_t i = 0; i < n; i++)
			zs_free_deferred(pool, handles[i]);
		zs_free_deferred_flush(pool);
		assert_int_equal(zs_set_memory_limit(pool, yes * page), 0);
		while (yes - no > 1) {
			size_t mid = (no + yes) / 2;
			int err = zs_set_memory_limit(pool, mid * page);

			if (err)
				assert_int_equal(err, -EINVAL);
			*(err ? &no : &yes) = mid;
		}
		assert_int_equal(info_of(pool).memory_limit_bytes, yes * page);
		for (size_t size = 1; size <= 4096; size += 13) {
			unsigned long handle = must_malloc(pool, size);

			assert_true(object_fill(pool, handle, size, size));
			zs_free(pool, handle);
		}
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);

		o.profile = p;
		o.defer = d;
		o.memory_limit = no * page;
		assert_null(zs_create_pool_with("less", &o));
		o.memory_limit = yes * page;
		other = zs_create_pool_with("least", &o);
		assert_non_null(other);
		zs_destroy_pool(other);
	}
}

struct churn {
	struct zs_pool *pool;
	unsigned int seed;
	unsigned long failed, done;
	bool stop; /* atomic */
};

/* Each object that could be stored is there until it is freed. */
static void *churn(void *arg)
{
	struct churn *c = arg;
	struct rng rng;
	unsigned long handles[1500] = { 0 };
	size_t lens[1500];

	rng_seed(&rng, c->seed);
	for (; !__atomic_load_n(&c->stop, __ATOMIC_RELAXED); c->done++) {
		unsigned int i = rng_below(&rng, 1500);

		if (handles[i]) {
			if (!object_ok(c->pool, handles[i], lens[i], i))
				c->failed++;
			zs_free_deferred(c->pool, handles[i]);
			handles[i] = 0;
			continue;
		}
		lens[i] = 1 + rng_below(&rng, 4096);
		handles[i] =
			zs_malloc(c->pool, lens[i], GFP_KERNEL, NUMA_NO_NODE);
		if (zs_is_err(handles[i]))
			handles[i] = 0;
		else if (!object_fill(c->pool, handles[i], lens[i], i))
			c->failed++;
	}
	return NULL;
}

/* While others allocate and free. */
static void test_limit_changes_beside_churn(void **state)
{
	for_each_kind(p, d)
	{
		struct zs_pool *pool = make(p, d, 0);
		struct churn c[2] = { { pool, 1, 0, 0, false },
				      { pool, 2, 0, 0, false } };
		struct rng rng;
		pthread_t threads[2];

		rng_seed(&rng, d);
		for (int t = 0; t < 2; t++)
			assert_int_equal(pthread_create(&threads[t], NULL,
							churn, &c[t]),
					 0);
		for (int i = uzs_test_scale(150); i > 0; i--) {
			size_t limit = (1 + rng_below(&rng, 5)) * MIB;
			int err = zs_set_memory_limit(pool, limit);

			assert_true(!err || err == -EINVAL);
			if (i % 8 == 0)
				assert_int_equal(zs_set_memory_limit(pool, 0),
						 0);
			zs_compact(pool);
		}
		for (int t = 0; t < 2; t++)
			__atomic_store_n(&c[t].stop, true, __ATOMIC_RELAXED);
		for (int t = 0; t < 2; t++) {
			assert_int_equal(pthread_join(threads[t], NULL), 0);
			assert_int_equal(c[t].failed, 0);
		}
		assert_sound(pool);
		zs_destroy_pool(pool);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_holds_from_then_on),
		cmocka_unit_test(test_free_memory_goes_back),
		cmocka_unit_test(test_least_limit_is_that_of_creation),
		cmocka_unit_test(test_limit_changes_beside_churn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
