/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_reuse.c - reuse.c: what is kept is taken again, how much is kept and
 * for how long, and how all of it is given up.
 *
 * usage: test_reuse [PATTERN]: the tests whose names match, * and ?.
 */
#include "test_system.h"

#include "test_reuse.h"

#include <time.h>

#include "compat/fault.h"
#include "compat/os.h"

/* ---- keeping and taking -------------------------------------------------- */

/* Not before STAGED more were freed; then whole, handle and all. */
static void test_kept_object_is_taken_again_whole(void **state)
{
	for (unsigned int s = 0; s < NR_SIZES; s++) {
		struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
		size_t size = room_of(class_for(pool, nth_size(s)));
		unsigned long *h = malloc_many(pool, size, STAGED + 1);
		unsigned long new[2];

		for (unsigned int i = 0; i < STAGED; i++) {
			assert_true(zs_free_deferred(pool, h[i]));
			assert_kept(pool, i + 1);
		}
		new[0] = must_malloc_new(pool, size, h, STAGED + 1);
		assert_true(zs_free_deferred(pool, h[STAGED]));
		assert_kept(pool, STAGED + 1);
		must_take(pool, size, h[0]);
		assert_kept(pool, STAGED);
		new[1] = must_malloc_new(pool, size, h, STAGED + 1);
		/* It is like any other. */
		assert_true(object_fill(pool, h[0], size, 0));
		assert_true(object_fill(pool, new[0], size, 1));
		assert_true(object_fill(pool, new[1], size, 2));
		assert_true(object_ok(pool, h[0], size, 0));
		assert_true(object_ok(pool, new[0], size, 1));
		assert_true(object_ok(pool, new[1], size, 2));
		assert_counts(pool, STAGED + 1, 0, 0, 0, 0);
		assert_int_equal(info_of(pool).objs_inuse, STAGED + 3);
		zs_free(pool, h[0]);
		zs_free(pool, new[0]);
		zs_free(pool, new[1]);
		assert_int_equal(info_of(pool).objs_inuse, STAGED);
		zs_free_deferred_flush(pool);
		assert_counts(pool, STAGED + 1, 0, 0, STAGED, 0);
		assert_nothing_left(pool);
		free(h);
		zs_destroy_pool(pool);
	}
}

/* The last that was kept is the first, as it is the likeliest in the cache;
 * each is given out once. */
static void test_last_kept_is_first_taken(void **state)
{
	for (unsigned int s = 0; s < NR_SIZES; s++) {
		struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
		size_t size = nth_size(s);
		unsigned int n = most_kept(pool, class_for(pool, size));
		unsigned long *h = malloc_many(pool, size, n);

		keep(pool, h, n);
		unstage(pool);
		for (unsigned int i = n; i-- > 0;) {
			must_take(pool, size, h[i]);
			assert_true(object_fill(pool, h[i], size, i));
		}
		must_malloc_new(pool, size, h, n);
		for (unsigned int i = 0; i < n; i++)
			assert_true(object_ok(pool, h[i], size, i));
		assert_kept(pool, STAGED);
		assert_int_equal(zs_destroy_pool(pool), n + 1);
		free(h);
	}
}

/* By requests of the class, and only by those. */
static void test_taken_by_its_class_only(void **state)
{
	for (unsigned int s = 0; s < NR_SIZES; s++) {
		struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
		const struct size_class *class = class_for(pool, nth_size(s));
		size_t least = nth_size(s), most = room_of(class);
		unsigned long *h = malloc_many(pool, most, 3);

		while (class_for(pool, least - 1) == class)
			least--;
		keep(pool, h, 3);
		unstage(pool);
		must_malloc_new(pool, least - 1, h, 3);
		if (!class->huge)
			must_malloc_new(pool, most + 1, h, 3);
		assert_kept(pool, STAGED + 3);
		must_take(pool, least, h[2]);
		must_take(pool, most, h[1]);
		must_take(pool, (least + most) / 2, h[0]);
		for (unsigned int i = 0; i < 3; i++)
			assert_true(object_fill(pool, h[i], most, i));
		for (unsigned int i = 0; i < 3; i++)
			assert_true(object_ok(pool, h[i], most, i));
		assert_kept(pool, STAGED);
		zs_destroy_pool(pool);
		free(h);
	}
}

/* Nobody waits for a slot that another has: what is freed is freed at once,
 * what is wanted is allocated. */
static void test_busy_slot_is_not_waited_for(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	unsigned long *h = malloc_many(pool, 1000, 4), new;

	keep(pool, h, 3);
	unstage(pool);
	lock_queue(pool);
	assert_false(zs_free_deferred(pool, h[3]));
	new = must_malloc(pool, 1000);
	unlock_queue(pool);
	assert_false(is_in(new, h, 3));
	assert_kept(pool, STAGED + 3);
	assert_counts(pool, STAGED + 3, 1, 0, 0, 0);
	assert_int_equal(inuse(class_for(pool, 1000)), 4);
	must_take(pool, 1000, h[2]);
	assert_kept(pool, STAGED + 2);
	assert_int_equal(zs_destroy_pool(pool), 2);
	free(h);
}

/* What is no handle is neither kept nor freed; an object that is freed at
 * once is not kept. */
static void test_no_handle_is_kept(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	unsigned long *h = malloc_many(pool, 1000, 6);

	assert_false(zs_free_deferred(pool, 0));
	assert_false(zs_free_deferred(pool, (unsigned long)-ENOMEM));
	assert_false(zs_defer_push(pool, h[0]));
	assert_kept(pool, 0);
	assert_int_equal(info_of(pool).objs_inuse, 6);
	for (unsigned int i = 0; i < 6; i++)
		if (i % 2)
			zs_free(pool, h[i]);
		else
			keep(pool, &h[i], 1);
	unstage(pool);
	assert_kept(pool, STAGED + 3);
	assert_int_equal(inuse(class_for(pool, 1000)), 3);
	must_take(pool, 1000, h[4]);
	zs_free(pool, h[4]);
	must_take(pool, 1000, h[2]);
	must_take(pool, 1000, h[0]);
	assert_kept(pool, STAGED);
	zs_free(pool, h[0]);
	zs_free(pool, h[2]);
	assert_int_equal(inuse(class_for(pool, 1000)), 0);
	assert_int_equal(zs_destroy_pool(pool), 0);
	free(h);
}

/* A CPU takes what it kept, and a flush finds what all keep. */
static void test_each_cpu_takes_its_own(void **state)
{
	struct zs_pool *pool =
		make_deferring(ZS_DEFER_REUSE, ZS_POOL_NO_WORKER);
	cpu_set_t all;

	assert_int_equal(
		pthread_getaffinity_np(pthread_self(), sizeof(all), &all), 0);
	if (CPU_COUNT(&all) > 1 && pool->reuse.slots.slots > 1) {
		unsigned long *h = malloc_many(pool, 1000, 6);

		for (unsigned int cpu = 0; cpu < 2; cpu++) {
			assert_true(pin_to_nth_cpu(&all, cpu));
			keep(pool, h + 3 * cpu, 3);
			unstage(pool);
		}
		assert_kept(pool, 2 * (STAGED + 3));
		assert_true(pin_to_nth_cpu(&all, 0));
		must_take(pool, 1000, h[2]);
		assert_true(pin_to_nth_cpu(&all, 1));
		must_take(pool, 1000, h[5]);
		must_take(pool, 1000, h[4]);
		must_take(pool, 1000, h[3]);
		must_malloc_new(pool, 1000, h, 6);
		assert_true(pin_to_nth_cpu(&all, 0));
		must_take(pool, 1000, h[1]);
		free(h);
	}
	assert_int_equal(
		pthread_setaffinity_np(pthread_self(), sizeof(all), &all), 0);
	zs_free_deferred_flush(pool);
	assert_kept(pool, 0);
	zs_destroy_pool(pool);
}

/* ---- room ---------------------------------------------------------------- */

/* One too many: the older half is freed, and the rest can be taken. */
static void test_one_too_many_frees_the_older_half(void **state)
{
	for (unsigned int s = 0; s < NR_SIZES; s++) {
		struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
		size_t size = nth_size(s);
		unsigned int most = most_kept(pool, class_for(pool, size));
		unsigned int n = most + STAGED, half = (most + 1) / 2;
		unsigned long *h = malloc_many(pool, size, n + 1);
		struct live live;

		assert_int_equal(most, s < 2	? 15
				       : s == 2 ? 7
				       : s == 3 ? 5
						: 4);
		keep(pool, h, n);
		assert_kept(pool, n);
		assert_int_equal(stack_of(pool, size)->nr, most);
		assert_counts(pool, n, 0, 0, 0, 0);
		keep(pool, h + n, 1);
		assert_kept(pool, n + 1 - half);
		assert_counts(pool, n + 1, 0, 0, half, 0);
		live = live_of(pool, h, n + 1);
		for (unsigned int i = 0; i < n + 1; i++)
			assert_int_equal(live.seen[i], i >= half);
		for (unsigned int i = most + 1; i-- > half;)
			must_take(pool, size, h[i]);
		must_malloc_new(pool, size, h, n + 1);
		assert_kept(pool, STAGED);
		zs_destroy_pool(pool);
		free(h);
	}
}

/* Each class has its own room; however much is freed, no more stays. */
static void test_each_class_has_its_own_room(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	unsigned long most = STAGED;

	for (unsigned int s = 0; s < NR_SIZES; s++) {
		unsigned int room =
			most_kept(pool, class_for(pool, nth_size(s)));
		unsigned long *h = malloc_many(pool, nth_size(s), 300);

		for (unsigned int i = 0; i < 300; i++) {
			keep(pool, h + i, 1);
			assert_true(stack_of(pool, nth_size(s))->nr <= room);
		}
		free(h);
		most += room;
		assert_true(info_of(pool).objs_inuse <= most);
	}
	assert_true(info_of(pool).objs_inuse >= most / 2);
	assert_kept(pool, info_of(pool).objs_inuse);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ---- age ----------------------------------------------------------------- */

/* Of 14 that were kept five are needed between two looks: the others go, these
 * stay as long as they are needed, and not much longer. */
static void test_what_is_needed_stays_kept(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	unsigned long *h = malloc_many(pool, 100, 14);
	struct live live;

	assert_false(look_due(pool));
	keep(pool, h, 14);
	look(pool); /* they were not there before: nothing is known of them */
	assert_kept(pool, 14);
	for (unsigned int round = 0; round < 5; round++) {
		for (unsigned int i = 14; i-- > 9;)
			must_take(pool, 100, h[i]);
		/* Some are staged when the look comes. */
		keep(pool, h + 9, 5);
		assert_kept(pool, round ? 5 : 14);
		look(pool);
		assert_kept(pool, 5);
		live = live_of(pool, h, 14);
		for (unsigned int i = 0; i < 14; i++)
			assert_int_equal(live.seen[i], i >= 9);
	}
	assert_true(look_due(pool));
	look(pool);
	assert_kept(pool, 0);
	assert_counts(pool, 14 + 25, 0, 0, 14, 0);
	assert_int_equal(info_of(pool).deferred_reused, 25);
	/* Nothing is kept: no more looks. */
	assert_false(look_due(pool));
	assert_nothing_left(pool);
	free(h);
	zs_destroy_pool(pool);
}

/* Whatever was kept, of many classes, is gone after the second look. */
static void test_idle_objects_go_after_two_looks(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);

	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int s = 0; s < NR_SIZES; s++) {
			unsigned long *h = malloc_many(pool, nth_size(s), 4);

			keep(pool, h, 4);
			free(h);
		}
		assert_kept(pool, 4 * NR_SIZES);
		look(pool);
		assert_kept(pool, 4 * NR_SIZES);
		look(pool);
		assert_kept(pool, 0);
		assert_false(look_due(pool));
		assert_nothing_left(pool);
	}
	zs_destroy_pool(pool);
}

static unsigned long taken(struct zs_pool *pool)
{
	return info_of(pool).deferred_reused;
}

/* A pool that compaction could make smaller by an eighth, and by 4 MiB, gives
 * nothing out again until it is dense, and keeps all the same. That is noticed
 * by looks, and where much is freed. */
static void test_sparse_pool_gives_nothing_out_again(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	size_t size = test_page_size / 5;
	unsigned int n = (40u << 20) / (unsigned int)size;
	unsigned long *h = malloc_many(pool, size, n);
	unsigned long again[2 * STAGED], before;

	/* as dense as can be */
	keep(pool, h, 2 * STAGED);
	look(pool);
	for (unsigned int i = 0; i < STAGED; i++)
		again[i] = must_malloc(pool, size);
	assert_int_equal(taken(pool), STAGED);
	keep(pool, again, STAGED);
	for (unsigned int i = 2 * STAGED; i < n; i += 2)
		zs_free(pool, h[i]);
	assert_true(zs_shrink_count(pool) * test_page_size > 5u << 20);
	assert_false(pool->reuse.sparse);
	look(pool);
	for (unsigned int i = 0; i < 2 * STAGED; i++)
		again[i] = must_malloc(pool, size);
	assert_int_equal(taken(pool), STAGED);
	keep(pool, again, 2 * STAGED);
	assert_true(zs_compact(pool) > 0);
	look(pool);
	for (unsigned int i = 0; i < 2 * STAGED; i++)
		again[i] = must_malloc(pool, size);
	keep(pool, again, 2 * STAGED);
	before = taken(pool);
	for (unsigned int i = 0; i < STAGED; i++)
		again[i] = must_malloc(pool, size);
	assert_int_equal(taken(pool), before + STAGED);
	keep(pool, again, STAGED);
	assert_sound(pool);

	/* Without a look, by frees that overflow stacks. */
	for (unsigned int i = 2 * STAGED + 1; i < n; i += 2)
		if (i % 4 == 1)
			assert_true(zs_free_deferred(pool, h[i]));
	assert_true(pool->reuse.sparse);
	assert_sound(pool);
	zs_destroy_pool(pool);
	free(h);
}

/* Until nothing is kept. */
static void await_none(struct zs_pool *pool)
{
	const struct timespec nap = { 0, 2000000 };
	u64 began = uzs_clock_ns();
	struct zs_pool_info i;

	for (;;) {
		i = info_of(pool);
		if (i.deferred_queued == i.deferred_drained + i.deferred_reused)
			return;
		if (uzs_clock_ns() - began > (u64)60 * 1000000000)
			fail_msg("%lu objects are still in use", i.objs_inuse);
		nanosleep(&nap, NULL);
	}
}

/* The worker has a look each tenth of a second. (If it has one just now, an
 * object is freed at once.) */
static void test_worker_looks_by_itself(void **state)
{
	struct zs_pool *pool = make_reuse(0);

	for (unsigned int round = 0; round < 2; round++) {
		unsigned long *h = malloc_many(pool, 1000, 20);
		u64 began = uzs_clock_ns();

		for (unsigned int i = 0; i < 20; i++)
			zs_free_deferred(pool, h[i]);
		await_none(pool);
		assert_true(uzs_clock_ns() - began >= 200000000);
		assert_empty(pool);
		free(h);
	}
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* The thread that looks cannot be had: it is asked for again, but not at every
 * free. */
static void test_thread_is_asked_for_again(void **state)
{
	struct zs_pool *pool = make_reuse(0);
	unsigned int n = most_kept(pool, class_for(pool, 1000)) + STAGED;
	unsigned long *h = malloc_many(pool, 1000, n + 9);

	uzs_fault_set_from(UZS_FAULT_OS, 1);
	keep(pool, h, n);
	assert_true(look_due(pool));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 1);
	keep(pool, h + n, 1); /* one too many */
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 2);
	assert_true(uzs_workqueue_lacks_worker(&pool->wq));
	keep(pool, h + n + 1, 7);
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 2);
	uzs_fault_set(UZS_FAULT_OS, 0);
	keep(pool, h + n + 8, 1);
	assert_false(uzs_workqueue_lacks_worker(&pool->wq));
	await_none(pool);
	assert_empty(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
	free(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_object_is_taken_again_whole),
		cmocka_unit_test(test_last_kept_is_first_taken),
		cmocka_unit_test(test_taken_by_its_class_only),
		cmocka_unit_test(test_busy_slot_is_not_waited_for),
		cmocka_unit_test(test_no_handle_is_kept),
		cmocka_unit_test(test_each_cpu_takes_its_own),
		cmocka_unit_test(test_one_too_many_frees_the_older_half),
		cmocka_unit_test(test_each_class_has_its_own_room),
		cmocka_unit_test(test_what_is_needed_stays_kept),
		cmocka_unit_test(test_idle_objects_go_after_two_looks),
		cmocka_unit_test(test_sparse_pool_gives_nothing_out_again),
		cmocka_unit_test(test_worker_looks_by_itself),
		cmocka_unit_test(test_thread_is_asked_for_again),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return run_in_every_variant(tests);
}
