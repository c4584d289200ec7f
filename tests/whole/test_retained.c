/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_retained.c - free memory beyond retained_bytes goes back to the OS:
 * however little it is, in whichever CPU's list it lies, and whichever call
 * freed it. On machines with few CPUs and with many. The pools have no worker,
 * so that nothing happens by itself: the test can look at any moment whether
 * the work is queued.
 */
#include "test_system.h"
#include "fake_cpus.h"
#include "test_util.h"

#include "compat/os.h"
#include "types.h"

#define MIB ((size_t)1 << 20)

static struct zs_pool *create(unsigned int page, size_t retained,
			      enum zs_defer_mode mode)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.page_size = page;
	o.retained_bytes = retained;
	o.defer = mode;
	o.flags = ZS_POOL_NO_WORKER;
	pool = zs_create_pool_with("retained", &o);
	assert_non_null(pool);
	return pool;
}

/* While too much is free, somebody is on his way to give it back. */
static void assert_bounded(struct zs_pool *pool)
{
	struct zs_pool_info i = info_of(pool);

	if (i.bytes_free > i.retained_bytes &&
	    !work_pending(&pool->give_back_work))
		fail_msg("%u CPUs, pages of %u: %zu bytes are free, more than "
			 "%zu, and will stay so",
			 fake_cpus, i.page_size, i.bytes_free,
			 i.retained_bytes);
}

/* A tenth of a second later, or as many as it takes until nothing that was
 * deferred becomes free any more. */
static void assert_gives_back(struct zs_pool *pool)
{
	for (int i = 0; i < 4; i++) {
		zs_drain(pool);
		assert_bounded(pool);
	}
	if (info_of(pool).bytes_free > info_of(pool).retained_bytes)
		fail_msg("%u CPUs, pages of %u: %zu bytes are free and were "
			 "not given back, of which %zu may be",
			 fake_cpus, pool->page_size, info_of(pool).bytes_free,
			 info_of(pool).retained_bytes);
	assert_sound(pool);
}

#define MOST 3000u

struct load {
	struct zs_pool *pool;
	struct rng rng;
	unsigned long handles[MOST];
	unsigned int n;
};

static void grow(struct load *l)
{
	unsigned int page = l->pool->page_size;
	size_t size = rng_below(&l->rng, 3) ? page
					    : rng_range(&l->rng, 1, page);

	fake_move(&l->rng);
	l->handles[l->n++] = must_malloc(l->pool, size);
}

static void shrink(struct load *l)
{
	unsigned int at = rng_below(&l->rng, l->n);

	fake_move(&l->rng);
	if (rng_below(&l->rng, 2))
		zs_free(l->pool, l->handles[at]);
	else
		zs_free_deferred(l->pool, l->handles[at]);
	l->handles[at] = l->handles[--l->n];
}

/* Any calls, in any order. */
static void work(struct load *l, unsigned int steps)
{
	/* Waves, so that a lot becomes free from time to time. */
	for (unsigned int i = 0; i < steps; i++) {
		bool up = i / 400 % 2 ? !rng_below(&l->rng, 4)
				      : rng_below(&l->rng, 4);

		if (l->n < MOST && (up || !l->n))
			grow(l);
		else
			shrink(l);
		assert_bounded(l->pool);
		switch (rng_below(&l->rng, 100)) {
		case 0:
			zs_compact(l->pool);
			break;
		case 1:
			zs_free_deferred_flush(l->pool);
			break;
		case 2:
			assert_gives_back(l->pool);
			break;
		case 3:
			if (!rng_below(&l->rng, 4))
				zs_trim(l->pool);
			break;
		case 4:
			assert_sound(l->pool);
			break;
		default:
			continue;
		}
		assert_bounded(l->pool);
	}
}

static void test_surplus_goes_whatever_is_called(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	static const size_t retained[] = {
		1, 4096, 65536, 300000, MIB, 4 * MIB, 16 * MIB,
	};
	static struct load l;

	for (unsigned int page = 4096; page <= 65536; page *= 4)
		for (size_t r = 0; r < ARRAY_SIZE(retained); r++) {
			rng_seed(&l.rng, page + r);
			l.n = 0;
			l.pool = create(page, retained[r],
					(enum zs_defer_mode)(r % 5));
			work(&l, (unsigned int)uzs_test_scale(1200));
			assert_gives_back(l.pool);
			while (l.n)
				shrink(&l);
			zs_free_deferred_flush(l.pool);
			assert_bounded(l.pool);
			assert_gives_back(l.pool);
			assert_int_equal(zs_destroy_pool(l.pool), 0);
		}
}

/* One allocation fills a CPU's list: that is free, too. */
static void test_surplus_of_one_object_goes(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	struct zs_pool *pool = create(4096, 1, ZS_DEFER_NONE);

	must_malloc(pool, 4096);
	assert_true(info_of(pool).bytes_free > 0);
	assert_bounded(pool);
	zs_drain(pool);
	assert_int_equal(info_of(pool).bytes_free, 0);
	assert_false(work_pending(&pool->give_back_work));
	assert_int_equal(zs_destroy_pool(pool), 1);
}

/* A pool that never has more free than it may does nothing. */
static void test_without_surplus_no_work_is_queued(void **state)
{
	struct zs_pool *pool = create(4096, 0, ZS_DEFER_NONE);
	unsigned long handles[64];
	struct rng rng;

	rng_seed(&rng, 1);
	for (unsigned int round = 0; round < 1000; round++) {
		fake_move(&rng);
		for (unsigned int i = 0; i < ARRAY_SIZE(handles); i++)
			handles[i] = must_malloc(pool, 4096);
		for (unsigned int i = 0; i < ARRAY_SIZE(handles); i++)
			zs_free(pool, handles[i]);
		if (info_of(pool).bytes_free < 2 * MIB)
			assert_false(work_pending(&pool->give_back_work));
		if (work_pending(&pool->give_back_work))
			zs_drain(pool);
	}
	/* What it may keep it keeps. */
	if (fake_cpus <= 2)
		assert_int_equal(info_of(pool).bytes_given_back, 0);
	zs_destroy_pool(pool);
}

static void test_all_is_kept_if_wanted(void **state)
{
	static struct load l;

	rng_seed(&l.rng, 7);
	l.pool = create(4096, SIZE_MAX, ZS_DEFER_NONE);
	while (l.n < MOST)
		grow(&l);
	while (l.n) {
		shrink(&l);
		assert_false(work_pending(&l.pool->give_back_work));
	}
	zs_drain(l.pool);
	assert_int_equal(info_of(l.pool).bytes_given_back, 0);
	assert_int_equal(zs_destroy_pool(l.pool), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_surplus_goes_whatever_is_called),
		cmocka_unit_test(test_surplus_of_one_object_goes),
		cmocka_unit_test(test_without_surplus_no_work_is_queued),
		cmocka_unit_test(test_all_is_kept_if_wanted),
	};

	return fake_run(tests, ARRAY_SIZE(tests));
}
