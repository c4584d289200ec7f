/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* suite_objects.c - conformance: allocating and freeing. */
#include <errno.h>

#include "suite.h"

/* An object has at least the room that was asked for, for every size there
 * is. Handed out from merged classes too. */
static void test_room_for_every_size(void **state)
{
	struct subject_pool *pool = suite_pool(false);
	unsigned int step = suite.page_size / 4096;

	/* Of sizes above a page, where there are any, some. */
	for (size_t size = 1; size <= suite.max_size;
	     size += size <= suite.page_size ? step : size / 32) {
		unsigned long handle = suite_malloc(pool, size);

		suite_fill(pool, handle, size, size);
		assert_true(suite_holds(pool, handle, size, size));
		suite_free(pool, handle);
	}
	suite_end(pool);
}

/* One of every size at a time: none writes into another one, whatever the
 * order of allocating and freeing. */
static void test_neighbours(void **state)
{
	struct subject_pool *pool = suite_pool(false);
	size_t step = suite.page_size / 512, n = suite.page_size / step;
	unsigned long *handles = calloc(n, sizeof(*handles));
	struct rng rng;

	assert_non_null(handles);
	rng_seed(&rng, 1);
	for (unsigned int round = 0; round < 3; round++) {
		for (size_t i = 0; i < n; i++) {
			size_t size = 1 + i * step;

			if (handles[i])
				continue;
			handles[i] = suite_malloc(pool, size);
			suite_fill(pool, handles[i], size, i);
		}
		for (size_t i = 0; i < n; i++) {
			assert_true(
				suite_holds(pool, handles[i], 1 + i * step, i));
			/* Even: bit 0 is the allocator's. */
			assert_int_equal(handles[i] & 1, 0);
		}
		for (size_t i = 0; i < n; i++) {
			if (round < 2 && rng_below(&rng, 2))
				continue;
			suite_free(pool, handles[i]);
			handles[i] = 0;
		}
		suite_settle(pool);
	}
	free(handles);
	suite_end(pool);
}

/* Handles of live objects differ. */
static int compare_handles(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a;
	unsigned long y = *(const unsigned long *)b;

	return (x > y) - (x < y);
}

static void test_handles_differ(void **state)
{
	enum { N = 3000 };
	struct subject_pool *pool = suite_pool(false);
	static unsigned long handles[N];

	for (int i = 0; i < N; i++)
		handles[i] = suite_malloc(pool, 40);
	qsort(handles, N, sizeof(*handles), compare_handles);
	for (int i = 1; i < N; i++)
		assert_true(handles[i - 1] < handles[i]);
	for (int i = 0; i < N; i++)
		suite_free(pool, handles[i]);
	suite_end(pool);
}

static void test_bad_sizes(void **state)
{
	struct subject_pool *pool = suite_pool(false);
	unsigned long error = (unsigned long)-suite.expected.too_large;
	unsigned long handle = suite_malloc(pool, 1), pages;
	const size_t sizes[] = { suite.max_size + 1, suite.max_size + 9,
				 2 * suite.max_size, SIZE_MAX / 2, SIZE_MAX };

	pages = suite.s->total_pages(pool);
	assert_int_equal(suite.s->malloc(pool, 0), (unsigned long)-EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(suite.s->malloc(pool, sizes[i]), error);
	/* Nothing is left allocated. */
	assert_int_equal(suite.s->total_pages(pool), pages);
	suite_sound(pool);
	suite_free(pool, handle);
	suite_end(pool);
}

static void test_largest(void **state)
{
	struct subject_pool *pool = suite_pool(false);
	size_t size = suite.max_size, pages = 1;
	unsigned long handles[5];

	if (suite.expected.one_piece)
		pages = (size + suite.page_size - 1) / suite.page_size;
	for (int i = 0; i < 5; i++) {
		handles[i] = suite_malloc(pool, size);
		suite_fill(pool, handles[i], size, (uint64_t)i);
	}
	assert_int_equal(suite.s->total_pages(pool), 5 * pages);
	for (int i = 0; i < 5; i++) {
		assert_true(suite_holds(pool, handles[i], size, (uint64_t)i));
		suite_free(pool, handles[i]);
	}
	suite_end(pool);
}

static void test_free_nothing(void **state)
{
	struct subject_pool *pool = suite_pool(false);
	unsigned long handle = suite_malloc(pool, 100);
	struct subject_class before = suite_class_for(pool, 100), after;

	suite_free(pool, 0);
	for (long e = 1; e <= 4095; e += 13)
		suite_free(pool, (unsigned long)-e);
	suite_settle(pool);
	after = suite_class_for(pool, 100);
	assert_memory_equal(before.zspages, after.zspages,
			    sizeof(before.zspages));
	assert_int_equal(after.objs_inuse, 1);
	suite_free(pool, handle);
	suite_end(pool);
}

/* Pages of which so many objects of a class have used something, if each zspage
 * is filled from its beginning. */
static unsigned long pages_used(const struct subject_class *class,
				unsigned long objs)
{
	unsigned long full = objs / class->objs_per_zspage;
	size_t all = (size_t) class->objs_per_zspage * class->size;
	size_t rest = objs % class->objs_per_zspage * class->size;

	return full * ((all + suite.page_size - 1) / suite.page_size) +
	       (rest + suite.page_size - 1) / suite.page_size;
}

/* Only this class has zspages: so many, with these objects in them. `fresh`: no
 * memory was used before. */
static void expect_zspages(struct subject_pool *pool,
			   const struct subject_class *class,
			   unsigned long zspages, unsigned long objs,
			   bool fresh)
{
	unsigned long total = suite.s->total_pages(pool);

	assert_int_equal(suite_class(pool, class->index).objs_capacity,
			 zspages * class->objs_per_zspage);
	if (!suite.expected.counts_used) {
		assert_int_equal(total, zspages * class->pages_per_zspage);
		return;
	}
	assert_true(total <= zspages * class->pages_per_zspage);
	/* (Alone in a zspage, an object has no more than it needs.) */
	if (class->objs_per_zspage == 1)
		assert_true(total >= objs);
	else if (fresh)
		assert_int_equal(total, pages_used(class, objs));
	else
		assert_true(total >= pages_used(class, objs));
}

/* An empty zspage goes at once: no pages are kept. */
static void test_empty_goes(void **state)
{
	struct subject_pool *pool = suite_pool(false);

	for (size_t size = 1; size <= suite.max_size;
	     size += size <= suite.page_size ? 97 : size / 8) {
		struct subject_class class = suite_class_for(pool, size);
		unsigned long handle = suite_malloc(pool, size);

		expect_zspages(pool, &class, 1, 1, false);
		suite_free(pool, handle);
		suite_settle(pool);
		assert_int_equal(suite.s->total_pages(pool), 0);
	}
	suite_end(pool);
}

/* A full zspage is full: no page more than needed, one with the next. */
static void test_fills_up(void **state)
{
	unsigned long *handles;

	for (size_t size = 8; size <= suite.max_size; size += size / 2 + 1) {
		struct subject_pool *pool = suite_pool(false);
		struct subject_class class = suite_class_for(pool, size);
		unsigned int objs = class.objs_per_zspage;

		handles = calloc(objs + 1, sizeof(*handles));
		assert_non_null(handles);
		for (unsigned int i = 0; i <= objs; i++) {
			expect_zspages(pool, &class, i ? 1 : 0, i, true);
			handles[i] = suite_malloc(pool, size);
		}
		expect_zspages(pool, &class, 2, objs + 1, true);
		/* The place that is free is used again. */
		suite_free(pool, handles[0]);
		suite_settle(pool);
		if (objs > 1) {
			handles[0] = suite_malloc(pool, size);
			expect_zspages(pool, &class, 2, objs + 1, true);
			suite_free(pool, handles[0]);
		}
		for (unsigned int i = 1; i <= objs; i++)
			suite_free(pool, handles[i]);
		suite_settle(pool);
		assert_int_equal(suite.s->total_pages(pool), 0);
		free(handles);
		suite_end(pool);
	}
}

/* Several pools do not know each other. */
static void test_pools(void **state)
{
	struct subject_pool *pools[4];
	unsigned long handles[4][50];

	for (int p = 0; p < 4; p++)
		pools[p] = suite_pool(p % 2);
	for (int i = 0; i < 50; i++)
		for (int p = 0; p < 4; p++) {
			handles[p][i] = suite_malloc(pools[p], 300);
			suite_fill(pools[p], handles[p][i], 300,
				   (uint64_t)(100 * p + i));
		}
	for (int i = 0; i < 50; i++)
		suite_free(pools[0], handles[0][i]);
	suite_end(pools[0]);
	for (int p = 1; p < 4; p++) {
		for (int i = 0; i < 50; i++) {
			assert_true(suite_holds(pools[p], handles[p][i], 300,
						(uint64_t)(100 * p + i)));
			suite_free(pools[p], handles[p][i]);
		}
		suite_end(pools[p]);
	}
}

static void test_destroy_live(void **state)
{
	struct subject_pool *pool;

	if (!suite.expected.destroys_live)
		skip_for(SUBJECT_LEAKS_LIVE);
	pool = suite_pool(true);
	for (int i = 0; i < 100; i++)
		suite_malloc(pool, 1 + (size_t)i * suite.page_size / 100);
	/* It tells that something lived. */
	assert_true(suite.s->destroy(pool) > 0);
	pool = suite_pool(false);
	suite_end(pool);
}

/* The pool goes while a zspage waits for the work that frees it: nobody has it
 * done but the pool itself. */
static void test_destroy_with_work(void **state)
{
	if (!suite.s->hold_page)
		skip_for(LACKS_HOLD_PAGE);
	for (int worker = 0; worker < 2; worker++) {
		struct subject_pool *pool = suite_pool(worker);
		unsigned long handle = suite_malloc(pool, 24);
		void *page = suite.s->hold_page(pool, handle);

		suite.s->free(pool, handle);
		suite.s->release_page(pool, page);
		/* (The worker may be quick.) */
		if (!worker)
			assert_true(suite.s->total_pages(pool) > 0);
		assert_int_equal(suite.s->destroy(pool), 0);
	}
}

/* More than its queue holds, some of it queued when the pool goes. */
static void test_deferred(void **state)
{
	enum { N = 40000 };
	struct subject_pool *pool;
	static unsigned long handles[N];

	if (!suite.s->free_deferred)
		skip_for(LACKS_DEFERRED);
	for (int worker = 0; worker < 2; worker++) {
		pool = suite_pool(worker);
		for (int i = 0; i < N; i++)
			handles[i] = suite_malloc(pool, 24 + (size_t)i % 80);
		for (int i = 0; i < N; i++)
			suite.s->free_deferred(pool, handles[i]);
		suite.s->flush(pool);
		suite.s->drain(pool);
		suite_empty(pool);
		suite_sound(pool);
		handles[0] = suite_malloc(pool, 24);
		suite.s->free_deferred(pool, handles[0]);
		assert_int_equal(suite.s->destroy(pool), 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_room_for_every_size),
	cmocka_unit_test(test_neighbours),
	cmocka_unit_test(test_handles_differ),
	cmocka_unit_test(test_bad_sizes),
	cmocka_unit_test(test_largest),
	cmocka_unit_test(test_free_nothing),
	cmocka_unit_test(test_empty_goes),
	cmocka_unit_test(test_fills_up),
	cmocka_unit_test(test_pools),
	cmocka_unit_test(test_destroy_live),
	cmocka_unit_test(test_destroy_with_work),
	cmocka_unit_test(test_deferred),
};

const struct suite_part suite_objects = { "objects", tests, ARRAY_SIZE(tests) };
