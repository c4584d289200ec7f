/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_least.c - the least memory limit: a limit that is accepted leaves room
 * for an object of any size, whatever the pool held before and whichever CPU
 * freed it. In every geometry and deferral, on machines with few CPUs and with
 * many.
 */
#include "fake_cpus.h"
#include "test_least.h"
#include "test_util.h"

#include <errno.h>

#include "compat/os.h"
#include "types.h"

/* ---- pools that just hold something ----------------------------------------- */

static const char *what; /* for messages */

#define MOST_LIMIT ((size_t)64 << 20)

/* Frees an object, in one of the two ways. */
static void give(struct zs_pool *pool, struct rng *rng, unsigned long handle)
{
	fake_move(rng);
	if (rng_below(rng, 4))
		zs_free_deferred(pool, handle);
	else
		zs_free(pool, handle);
}

static void hold_any(struct zs_pool *pool, struct rng *rng, const char *when)
{
	struct zs_pool_info i = info_of(pool);
	unsigned int step = i.page_size / 64 - 1;

	for (unsigned int size = 1; size <= i.page_size; size += step) {
		unsigned long handle;

		fake_move(rng);
		handle = zs_malloc(pool, size, GFP_KERNEL, NUMA_NO_NODE);
		if (zs_is_err(handle))
			fail_msg("%s, %u CPUs, chain size %u, limit %zu, %s: "
				 "no room for one object of %u of %u bytes",
				 what, fake_cpus, i.chain_size,
				 i.memory_limit_bytes, when, size, i.page_size);
		assert_true(object_fill(pool, handle, size, size));
		assert_true(object_ok(pool, handle, size, size));
		i = info_of(pool);
		assert_true(i.bytes_resident <= i.memory_limit_bytes);
		give(pool, rng, handle);
	}
}

#define MOST 65536u

/* Holds as many objects as there is room for, and frees them in any order. */
static void fill_and_empty(struct zs_pool *pool, struct rng *rng, size_t size)
{
	static unsigned long handles[MOST];
	unsigned int n = 0;

	while (n < MOST) {
		unsigned long handle;

		fake_move(rng);
		handle = zs_malloc(pool, size, GFP_KERNEL, NUMA_NO_NODE);
		if (zs_is_err(handle))
			break;
		handles[n++] = handle;
	}
	assert_true(n > 0);
	for (unsigned int i = n; i > 0; i--) {
		unsigned int at = rng_below(rng, i);

		give(pool, rng, handles[at]);
		handles[at] = handles[i - 1];
	}
}

static void assert_works(const struct zs_pool_options *o, struct rng *rng)
{
	struct zs_pool *pool = create_if_accepted(o);

	assert_non_null(pool);
	hold_any(pool, rng, "at first");
	fill_and_empty(pool, rng, 1);
	hold_any(pool, rng, "after many small objects");
	fill_and_empty(pool, rng, info_of(pool).page_size * 3 / 5);
	hold_any(pool, rng, "after many large objects");
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ---- tests -------------------------------------------------------------------- */

static void test_accepted_limit_holds_an_object(void **state)
{
	/* In scaled runs, which are those with slow instruments, the ends. */
	const unsigned int step = uzs_test_scale(100) < 100 ? 16 : 2;
	struct rng rng;

	rng_seed(&rng, fake_cpus);
	for (unsigned int page = 4096; page <= 65536; page *= step)
		for (unsigned int chain = 4; chain <= 16; chain += 12)
			for (enum zs_defer_mode mode = 0;
			     mode <= VARIANT_LAST_DEFER; mode++) {
				struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

				o.page_size = page;
				o.chain_size = chain;
				o.defer = mode;
				o.flags = ZS_POOL_NO_WORKER;
				what = variant_defer_name(mode);
				o.memory_limit = least_accepted(o, MOST_LIMIT);
				assert_works(&o, &rng);
				/* A little more is no worse. */
				o.memory_limit += page;
				assert_works(&o, &rng);
				o.memory_limit += 3 * 4096 + 1;
				assert_works(&o, &rng);
			}
}

/* By default the array is made only if there is room for it. */
static void test_default_makes_array_if_there_is_room(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct rng rng;
	size_t none, array;

	rng_seed(&rng, 2);
	o.flags = ZS_POOL_NO_WORKER;
	o.defer = ZS_DEFER_NONE;
	none = least_accepted(o, MOST_LIMIT);
	o.defer = ZS_DEFER_ARRAY;
	array = least_accepted(o, MOST_LIMIT);
	assert_int_equal(array - none, 32768 * sizeof(long));
	o.defer = ZS_DEFER_DEFAULT;
	assert_int_equal(least_accepted(o, MOST_LIMIT), none);
	what = "default";
	for (o.memory_limit = none; o.memory_limit <= array + 8192;
	     o.memory_limit += (array - none) / 8) {
		struct zs_pool *pool = create_if_accepted(&o);
		unsigned long handle = must_malloc(pool, 100);

		zs_trim(pool); /* it is not made of what must be freed first */
		assert_int_equal(zs_free_deferred(pool, handle),
				 o.memory_limit >= array);
		assert_int_equal(info_of(pool).objs_inuse,
				 o.memory_limit >= array);
		zs_destroy_pool(pool);
		assert_works(&o, &rng);
	}
}

/* A pool is not made one that can hold nothing. */
static void test_enable_leaves_room_for_an_object(void **state)
{
	for (enum zs_defer_mode mode = 0; mode <= VARIANT_LAST_DEFER; mode++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		struct zs_pool *pool;
		size_t least, bufs;
		struct rng rng;

		if (mode == ZS_DEFER_PERCPU)
			continue;
		rng_seed(&rng, 3);
		what = variant_defer_name(mode);
		o.flags = ZS_POOL_NO_WORKER;
		o.defer = ZS_DEFER_NONE;
		least = least_accepted(o, MOST_LIMIT);
		o.defer = ZS_DEFER_PERCPU;
		bufs = least_accepted(o, MOST_LIMIT) - least;
		o.defer = mode;
		least = least_accepted(o, MOST_LIMIT);

		o.memory_limit = least + bufs - 1;
		pool = create_if_accepted(&o);
		assert_int_equal(zs_pool_enable_deferred_free(pool, NULL, NULL),
				 -ENOMEM);
		hold_any(pool, &rng, "not enabled");
		assert_false(zs_defer_push(pool, must_malloc(pool, 1)));
		assert_int_equal(zs_destroy_pool(pool), 1);

		o.memory_limit++;
		pool = create_if_accepted(&o);
		assert_int_equal(zs_pool_enable_deferred_free(pool, NULL, NULL),
				 0);
		hold_any(pool, &rng, "enabled");
		fill_and_empty(pool, &rng, 1);
		hold_any(pool, &rng, "enabled and emptied");
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted_limit_holds_an_object),
		cmocka_unit_test(test_default_makes_array_if_there_is_room),
		cmocka_unit_test(test_enable_leaves_room_for_an_object),
	};

	return fake_run(tests, ARRAY_SIZE(tests));
}
