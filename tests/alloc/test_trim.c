/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_trim.c - src/trim.c and the work of a pool: what is free beyond
 * retained_bytes goes back to the OS by itself, and all that can go with zs_trim.
 */
#include "test_system.h"
#include "retained_util.h"

#include <sched.h>

#include "kernel/obj.h"
#include "profile.h"

/* After a large free the worker gives back what is beyond retained_bytes,
 * soon and by itself; without one, zs_drain does it. */
static void test_surplus_is_given_back(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	static const size_t retained[] = { 1, MIB, 0, 12 * MIB };

	for (size_t r = 0; r < ARRAY_SIZE(retained); r++) {
		for (unsigned int no = 0; no < 2; no++) {
			struct zs_pool *pool = make_retaining(
				retained[r], no ? ZS_POOL_NO_WORKER : 0);
			size_t keep = info_of(pool).retained_bytes;
			struct zs_pool_info i;

			fill_and_free(pool, 40 * MIB);
			if (no) {
				i = info_of(pool);
				assert_true(i.bytes_free >= 39 * MIB);
				assert_int_equal(i.bytes_given_back, 0);
				assert_int_equal(zs_drain(pool), 1);
				assert_int_equal(zs_drain(pool), 0);
			} else {
				/* Nobody waits for the worker here but us. */
				for (int ms = 0;
				     info_of(pool).bytes_free > keep; ms++) {
					assert_true(ms < 20000);
					sleep_ms(1);
				}
				zs_drain(pool);
			}
			i = info_of(pool);
			assert_true(i.bytes_free <= keep);
			/* No more than it should. */
			assert_true(i.bytes_free + 4 * MIB >= keep);
			assert_true(i.bytes_given_back + keep >= 40 * MIB);
			/* And no less than what it says: the sections that
			 * are left can hold no more. */
			assert_true(i.bytes_resident <=
				    pool->meta_bytes + keep + MIB);
			assert_int_equal(i.pages, 0);
			assert_sound(pool);
			/* What is retained is used again. */
			fill_and_free(pool, MIB);
			zs_drain(pool);
			assert_sound(pool);
			assert_int_equal(zs_destroy_pool(pool), 0);
		}
	}
}

static void test_all_is_kept_if_wanted(void **state)
{
	struct zs_pool *pool = make_retaining(SIZE_MAX, 0);
	struct zs_pool_info i;

	fill_and_free(pool, 30 * MIB);
	zs_drain(pool);
	i = info_of(pool);
	assert_true(i.bytes_free >= 30 * MIB);
	assert_int_equal(i.bytes_given_back, 0);
	assert_int_equal(i.retained_bytes, SIZE_MAX);
	/* A trim does not ask for it. */
	assert_true(zs_trim(pool) >= 30 * MIB);
	assert_int_equal(info_of(pool).bytes_free, 0);
	zs_destroy_pool(pool);
}

/* Pages that compaction freed are given back like others. */
static void test_compacted_pages_are_given_back(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	struct zs_pool *pool = make_retaining(MIB, ZS_POOL_NO_WORKER);
	const unsigned int nr = 24000;
	unsigned long *handles = malloc(nr * sizeof(*handles));
	struct zs_pool_info i;
	unsigned long freed;

	for (unsigned int n = 0; n < nr; n++)
		handles[n] = must_malloc(pool, 1300);
	for (unsigned int n = 0; n < nr; n++)
		if (n % 4)
			zs_free(pool, handles[n]);
	zs_drain(pool);
	freed = zs_compact(pool);
	assert_true(freed * 4096 > 10 * MIB);
	assert_int_equal(zs_drain(pool), 1);
	i = info_of(pool);
	assert_true(i.bytes_free <= MIB);
	assert_true(i.bytes_given_back >= freed * 4096 - 6 * MIB);
	assert_int_equal(zs_destroy_pool(pool), nr / 4);
	free(handles);
}

/* An emptied pool, trimmed, is what it was in the beginning. */
static void test_trimmed_empty_pool_is_as_new(void **state)
{
	static const unsigned int pages[] = { 4096, 16384, 65536 };

	for (size_t p = 0; p < ARRAY_SIZE(pages); p++) {
		for (unsigned int no = 0; no < 2; no++) {
			struct zs_pool *pool = make_pool(
				pages[p], 0, no ? ZS_POOL_NO_WORKER : 0);
			unsigned long handles[2000];
			struct zs_pool_info i;
			size_t before, given;

			for (unsigned int n = 0; n < ARRAY_SIZE(handles); n++)
				handles[n] = must_malloc(pool,
							 1 + n * 37 % pages[p]);
			for (unsigned int n = 0; n < ARRAY_SIZE(handles); n++)
				zs_free(pool, handles[n]);
			zs_drain(pool);
			i = info_of(pool);
			assert_true(i.bytes_free > 0);
			before = i.bytes_resident;
			given = zs_trim(pool);
			i = info_of(pool);
			assert_int_equal(i.bytes_mapped,
					 pool->meta_bytes +
						 uzs_idle_rows_bytes(pool));
			assert_int_equal(i.bytes_resident, pool->meta_bytes);
			assert_int_equal(i.bytes_free, 0);
			assert_int_equal(i.slab_pages, 0);
			/* Exactly what it says was given back. */
			assert_int_equal(given, before - i.bytes_resident);
			assert_int_equal(zs_trim(pool), 0);
			assert_sound(pool);
			must_malloc(pool, 100);
			assert_int_equal(zs_destroy_pool(pool), 1);
		}
	}
}

/* Of a sparsely used pool, what a trim answers is what the figures show. */
static void test_trim_answers_what_the_figures_show(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	const unsigned int nr = 30000;
	unsigned long *handles = malloc(nr * sizeof(*handles));
	struct zs_pool_info before, after;
	size_t given;

	for (unsigned int n = 0; n < nr; n++) {
		handles[n] = must_malloc(pool, 900);
		assert_true(object_fill(pool, handles[n], 900, n));
	}
	for (unsigned int n = 0; n < nr; n++)
		if (n % 10)
			zs_free(pool, handles[n]);
	zs_compact(pool);
	before = info_of(pool);
	given = zs_trim(pool);
	after = info_of(pool);
	assert_true(given > 15 * MIB);
	assert_int_equal(after.bytes_given_back - before.bytes_given_back,
			 given);
	/* What the trim itself filled on the way, a batch of pages for each
	 * CPU that it ran on, is given back too. */
	assert_in_range(given - (before.bytes_resident - after.bytes_resident),
			0, 512 * 1024);
	assert_int_equal(after.bytes_free, 0);
	assert_true(after.pages_migrated > 0);
	assert_true(after.bytes_resident <
		    (after.pages + after.slab_pages) * 4096 + 300 * 1024);
	for (unsigned int n = 0; n < nr; n += 10)
		assert_true(object_ok(pool, handles[n], 900, n));
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), nr / 10);
	free(handles);
}

/* While somebody trims, another is told 0. */
static void test_second_trimmer_gets_0(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);

	fill_and_free(pool, MIB);
	WRITE_ONCE(pool->trim_in_progress, true);
	assert_int_equal(zs_trim(pool), 0);
	WRITE_ONCE(pool->trim_in_progress, false);
	assert_true(zs_trim(pool) >= MIB);
	zs_destroy_pool(pool);
}

struct slow_walk {
	struct zs_pool *pool;
	pthread_t thread;
	bool inside; /* atomic */
};

static int walk_slowly(unsigned long handle, void *arg)
{
	struct slow_walk *w = arg;

	WRITE_ONCE(w->inside, true);
	sleep_ms(20);
	return 0;
}

static void *walk(void *arg)
{
	struct slow_walk *w = arg;

	zs_for_each_live(w->pool, walk_slowly, w);
	return NULL;
}

/* But whoever else keeps sections from going away is waited for: the worker,
 * walks, checks. */
static void test_trim_waits_for_who_pins_sections(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	for (int round = 0; round < uzs_test_scale(20); round++) {
		struct slow_walk w = { .pool = make_retaining(1, 0) };
		struct zs_pool_info i;

		if (round % 4 == 0) {
			must_malloc(w.pool, 100);
			assert_int_equal(
				pthread_create(&w.thread, NULL, walk, &w), 0);
			while (!READ_ONCE(w.inside))
				sched_yield();
		}
		/* With the worker in the middle of it. */
		fill_and_free(w.pool, (size_t)(4 + round) * MIB);
		zs_trim(w.pool);
		i = info_of(w.pool);
		assert_int_equal(i.bytes_free, 0);
		assert_true(i.bytes_resident <=
			    w.pool->meta_bytes + 100 * 4096);
		if (round % 4 == 0)
			assert_int_equal(pthread_join(w.thread, NULL), 0);
		assert_sound(w.pool);
		assert_int_equal(zs_destroy_pool(w.pool), round % 4 == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_surplus_is_given_back),
		cmocka_unit_test(test_all_is_kept_if_wanted),
		cmocka_unit_test(test_compacted_pages_are_given_back),
		cmocka_unit_test(test_trimmed_empty_pool_is_as_new),
		cmocka_unit_test(test_trim_answers_what_the_figures_show),
		cmocka_unit_test(test_second_trimmer_gets_0),
		cmocka_unit_test(test_trim_waits_for_who_pins_sections),
	};

	return cmocka_run_group_tests_name("trim", tests, NULL, NULL);
}
