/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_limit.c - memory limits of pools of the user profile. With the least
 * that is accepted, and a little more, a pool holds one object of any size,
 * named by a ref or a handle, whatever it held before and whichever CPU freed
 * it. In every geometry and deferral, on machines with few CPUs and with many.
 */
#include "fake_cpus.h"
#include "test_least.h"

#include "user_util.h"

#include "compat/os.h"
#include "types.h"

static const char *what; /* for messages */

#define MOST_LIMIT ((size_t)512 << 20)

static void no_room(struct zs_pool *pool, size_t size, const char *when)
{
	struct zs_pool_info i = info_of(pool);

	fail_msg("%s, %u CPUs, page %u, chain size %u, limit %zu, %s: no room "
		 "for one object of %zu",
		 what, fake_cpus, i.page_size, i.chain_size,
		 i.memory_limit_bytes, when, size);
}

static void within_limit(struct zs_pool *pool)
{
	struct zs_pool_info i = info_of(pool);

	assert_true(i.bytes_resident <= i.memory_limit_bytes);
	assert_true(i.bytes_resident <= i.bytes_mapped);
}

/* Only the ends of it are written and read, for time. */
static void hold_one(struct zs_pool *pool, struct rng *rng, size_t size,
		     const char *when)
{
	unsigned long handle;
	zs_ref ref = ZS_REF_INIT;
	char *mem;

	fake_move(rng);
	if (rng_below(rng, 2)) {
		if (zs_ref_alloc(pool, &ref, size))
			no_room(pool, size, when);
		mem = zs_ref_begin(pool, &ref);
		assert_non_null(mem);
		mem[0] = 1;
		mem[size - 1] = 2;
		zs_ref_end(pool, &ref);
		within_limit(pool);
		fake_move(rng);
		zs_ref_free(pool, &ref);
		return;
	}
	handle = zs_malloc(pool, size, GFP_KERNEL, NUMA_NO_NODE);
	if (zs_is_err(handle))
		no_room(pool, size, when);
	assert_int_equal(zs_obj_write(pool, handle, "x", 1), 0);
	within_limit(pool);
	fake_move(rng);
	if (rng_below(rng, 4))
		zs_free(pool, handle);
	else
		zs_free_deferred(pool, handle);
}

static void hold_any(struct zs_pool *pool, struct rng *rng, const char *when)
{
	for (size_t size = 1; size < ZS_USER_MAX_SIZE; size += 1 + size / 3)
		hold_one(pool, rng, size, when);
	hold_one(pool, rng, ZS_USER_MAX_SIZE, when);
	for (unsigned int i = 0; i < 20; i++)
		hold_one(pool, rng, log_uniform(rng, ZS_USER_MAX_SIZE), when);
	hold_one(pool, rng, ZS_USER_MAX_SIZE, when);
}

#define MOST 40000u

/* Holds as many objects as there is room for, and frees them in any order. */
static void fill_and_empty(struct zs_pool *pool, struct rng *rng, size_t size)
{
	static zs_ref refs[MOST], *list[MOST];
	unsigned int n = 0;

	for (; n < MOST; n++) {
		fake_move(rng);
		list[n] = &refs[n];
		if (zs_ref_alloc(pool, &refs[n], size))
			break;
	}
	assert_true(n > 0);
	within_limit(pool);
	if (rng_below(rng, 2)) {
		assert_int_equal(zs_ref_free_many(pool, list, n), n);
		return;
	}
	for (unsigned int i = n; i > 0; i--) {
		unsigned int at = rng_below(rng, i);

		fake_move(rng);
		zs_ref_free(pool, list[at]);
		list[at] = list[i - 1];
	}
}

static void assert_works(const struct zs_pool_options *o, struct rng *rng)
{
	struct zs_pool *pool = create_if_accepted(o);

	assert_non_null(pool);
	hold_any(pool, rng, "at first");
	fill_and_empty(pool, rng, 1 + rng_below(rng, 200));
	hold_any(pool, rng, "after many small objects");
	fill_and_empty(pool, rng, log_uniform(rng, 60000));
	hold_any(pool, rng, "after many large objects");
	assert_sound(pool);
	zs_free_deferred_flush(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
	/* Each as the very first. */
	for (unsigned int i = 0; i < 3; i++) {
		pool = create_if_accepted(o);
		hold_one(pool, rng,
			 i ? log_uniform(rng, ZS_USER_MAX_SIZE)
			   : ZS_USER_MAX_SIZE,
			 "as the first");
		zs_free_deferred_flush(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

static void test_accepted_limit_holds_an_object(void **state)
{
	static const enum zs_defer_mode modes[] = { ZS_DEFER_DEFAULT,
						    ZS_DEFER_ARRAY,
						    ZS_DEFER_PERCPU };
	/* In scaled runs, which are those with slow instruments, the ends. */
	const unsigned int step = uzs_test_scale(100) < 100 ? 16 : 4;
	struct rng rng;

	rng_seed(&rng, fake_cpus);
	for (unsigned int page = 4096; page <= 65536; page *= step)
		for (unsigned int chain = 4; chain <= 16; chain += 12)
			for (unsigned int hard = 0; hard < 2; hard++) {
				struct zs_pool_options o = USER_OPTIONS_INIT;
				unsigned int n =
					(chain / 12 + page / 4096 + hard) % 3;

				o.page_size = page;
				o.chain_size = chain;
				o.defer = modes[n];
				what = hard ? "hardened"
					    : variant_defer_name(modes[n]);
				o.flags = ZS_POOL_NO_WORKER;
				o.flags |= hard ? ZS_POOL_HARDENED : 0;
				o.memory_limit = least_accepted(o, MOST_LIMIT);
				assert_works(&o, &rng);
				/* A little more is no worse. */
				o.memory_limit += page;
				if (step == 4)
					assert_works(&o, &rng);
				o.memory_limit += 3 * 4096 + 1;
				assert_works(&o, &rng);
			}
}

/* Room that is made is used: after every second of many objects was freed, at
 * the limit, larger ones fit. */
static void test_room_at_the_limit_is_used(void **state)
{
	enum { NR = 60000 };
	static zs_ref refs[NR], large[1000];

	for (size_t g = 0; g < ARRAY_SIZE(user_geometries); g++) {
		struct zs_pool_options o = USER_OPTIONS_INIT;
		struct zs_pool *pool;
		unsigned int n = 0, more = 0;
		size_t size;
		int err;

		o.page_size = user_geometries[g].page_size;
		o.chain_size = user_geometries[g].chain_size;
		size = 700;
		o.flags = ZS_POOL_NO_WORKER;
		o.memory_limit = 12 << 20;
		pool = make_user_with(&o);
		memset(refs, 0, sizeof(refs));
		memset(large, 0, sizeof(large));
		while (n < NR && !(err = ref_fill(pool, &refs[n], size, n))) {
			n++;
			if (n % 64 == 0)
				within_limit(pool);
		}
		assert_int_equal(err, -ENOMEM);
		/* Nearly all of the limit is objects. */
		assert_true((double)n * (double)size >
			    0.8 * (double)(o.memory_limit - pool->meta_bytes));
		for (unsigned int i = 0; i < n; i++)
			if (i % 2)
				zs_ref_free(pool, &refs[i]);
		while (more < ARRAY_SIZE(large) &&
		       !(err = ref_fill(pool, &large[more], 20000, more))) {
			more++;
			within_limit(pool);
		}
		assert_int_equal(err, -ENOMEM);
		/* A half was freed: most of it is used again. */
		if (more * 20000.0 < 0.7 * n / 2.0 * (double)size)
			fail_msg("%u objects of %zu, then %u of 20000 (%u, %u)",
				 n, size, more, o.page_size, o.chain_size);
		for (unsigned int i = 0; i < n; i += 2)
			assert_true(ref_ok(pool, &refs[i], size, i));
		for (unsigned int i = 0; i < more; i++)
			assert_true(ref_ok(pool, &large[i], 20000, i));
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), (n + 1) / 2 + more);
	}
}

/* Two zspages, no memory for more: the fuller one lacks memory in its last
 * places, and fits into the places of the other one, which all have some. So it
 * is emptied as a whole. */
static void emptied_as_a_whole(struct zs_pool *pool, size_t size)
{
	static zs_ref refs[2 * USER_MAP_OBJS], ballast[8];
	struct zs_class_info c;
	unsigned int n, fuller;
	unsigned long pages;

	memset(refs, 0, sizeof(refs));
	memset(ballast, 0, sizeof(ballast));
	c = class_info_for(pool, size);
	n = c.objs_per_zspage;
	assert_in_range(n, 10, USER_MAP_OBJS);
	fuller = n * 6 / 10;
	for (unsigned int i = 0; i < ARRAY_SIZE(ballast); i++)
		assert_int_equal(
			ref_fill(pool, &ballast[i], ZS_USER_MAX_SIZE, i), 0);
	for (unsigned int i = 0; i < n + fuller; i++)
		assert_int_equal(ref_fill(pool, &refs[i], size, i), 0);
	for (unsigned int i = n / 5; i < n; i++)
		zs_ref_free(pool, &refs[i]);
	zs_free_deferred_flush(pool);
	zs_trim(pool);
	pages = info_of(pool).pages;
	assert_int_equal(info_of(pool).freeable_pages, c.pages_per_zspage);
	assert_int_equal(
		zs_set_memory_limit(pool, info_of(pool).bytes_resident), 0);
	assert_int_equal(zs_compact(pool), c.pages_per_zspage);
	assert_int_equal(info_of(pool).freeable_pages, 0);
	assert_true(info_of(pool).pages < pages);
	for (unsigned int i = 0; i < n + fuller; i++)
		if (refs[i].word)
			assert_true(ref_ok(pool, &refs[i], size, i));
	assert_sound(pool);
	for (unsigned int i = 0; i < n + fuller; i++)
		zs_ref_free(pool, &refs[i]);
	for (unsigned int i = 0; i < ARRAY_SIZE(ballast); i++)
		zs_ref_free(pool, &ballast[i]);
}

static void test_fuller_zspage_is_emptied_for_want_of_memory(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	static const size_t sizes[] = { 1100, 1500, 2100, 3300, 5000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);

		use_all_classes(pool);
		emptied_as_a_whole(pool, sizes[i]);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* What has room in the old object, of another class, is stored without memory. */
static void test_smaller_needs_no_memory(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	static zs_ref refs[MOST];

	for (unsigned int hard = 0; hard < 2; hard++) {
		struct zs_pool_options o = USER_OPTIONS_INIT;
		struct zs_pool *pool;
		unsigned int n = 0;

		o.memory_limit = 6 << 20;
		o.flags = ZS_POOL_NO_WORKER | (hard ? ZS_POOL_HARDENED : 0);
		memset(refs, 0, sizeof(refs));
		pool = zs_create_pool_with("smaller", &o);
		assert_non_null(pool);
		while (n < MOST && ref_fill(pool, &refs[n], 1000, n) == 0)
			n++;
		assert_in_range(n, 100, MOST - 1);
		for (unsigned int i = 0; i < n; i++) {
			size_t room = zs_ref_room(pool, &refs[i]);

			assert_int_equal(ref_fill(pool, &refs[i], 2000, i),
					 -ENOMEM);
			assert_true(ref_ok(pool, &refs[i], 1000, i));
			assert_int_equal(ref_fill(pool, &refs[i], room, i + 1),
					 0);
			assert_true(ref_ok(pool, &refs[i], room, i + 1));
			assert_int_equal(ref_fill(pool, &refs[i], 900, i + 2),
					 0);
			assert_true(ref_ok(pool, &refs[i], 900, i + 2));
		}
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), n);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted_limit_holds_an_object),
		cmocka_unit_test(test_room_at_the_limit_is_used),
		cmocka_unit_test(
			test_fuller_zspage_is_emptied_for_want_of_memory),
		cmocka_unit_test(test_smaller_needs_no_memory),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return fake_run(tests, ARRAY_SIZE(tests));
}
