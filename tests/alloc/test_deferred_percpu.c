/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_deferred_percpu.c - deferred.c: per-CPU buffers: swapped when full, the
 * pages for that and their end, the work's share; and how a pool gets them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setaffinity_np */
#endif
#include "test_defer.h"

#include <errno.h>

#include "compat/fault.h"

static struct zs_pool *make_percpu(unsigned int flags)
{
	struct zs_pool *pool = make_deferring(ZS_DEFER_PERCPU, flags);

	one_cpu(pool);
	return pool;
}

/* ---- handles ------------------------------------------------------------- */

/* A buffer that is full is swapped and the work scheduled, once until it has
 * begun. */
static void test_full_buffer_is_swapped(void **state)
{
	struct zs_pool *pool = make_percpu(ZS_POOL_NO_WORKER);
	unsigned int room = buf_room(pool);
	struct defer_slot *slot = slot_of(pool, 0);
	struct defer_buf *first = slot->buf;

	assert_int_equal(length(&pool->deferred.reserve), reserve(pool));
	for (unsigned int i = 1; i < room; i++) {
		queue_many(pool, TINY, 1);
		if (work_due(pool))
			fail_msg("scheduled by handle %u", i);
		assert_ptr_equal(slot->buf, first);
		assert_int_equal(first->count, i);
	}
	assert_counts(pool, room - 1, 0, 0, 0, 0);
	queue_many(pool, TINY, 1);
	assert_true(work_due(pool));
	assert_ptr_not_equal(slot->buf, first);
	assert_int_equal(slot->buf->count, 0);
	assert_int_equal(length(&pool->deferred.reserve), reserve(pool) - 1);
	assert_int_equal(length(&pool->deferred.queue), 1);
	queue_many(pool, TINY, room + 1);
	assert_int_equal(length(&pool->deferred.queue), 2);
	assert_counts(pool, 2 * room + 1, 0, 0, 0, 1);
	/* The work takes the full ones. */
	assert_true(zs_drain(pool) >= 1);
	assert_counts(pool, 2 * room + 1, 0, 0, 2 * room,
		      info_of(pool).deferred_scheduled);
	assert_int_equal(length(&pool->deferred.reserve), reserve(pool));
	assert_int_equal(inuse(class_for(pool, TINY)), 1);
	zs_free_deferred_flush(pool);
	assert_int_equal(info_of(pool).deferred_drained, 2 * room + 1);
	assert_empty(pool);
	/* The CPU has none after that, until it needs one. */
	queue_many(pool, TINY, 1);
	assert_non_null(slot->buf);
	zs_free_deferred_flush(pool);
	assert_empty(pool);
	zs_destroy_pool(pool);
}

/* No page is free: what comes is freed at once, until the work has given one
 * back. The work does half of the pages in one run, and schedules itself. */
static void test_without_page_frees_at_once(void **state)
{
	struct zs_pool *pool = make_percpu(ZS_POOL_NO_WORKER);
	unsigned int room = buf_room(pool), bufs = reserve(pool) + 1;
	unsigned int all = room * bufs, run = reserve(pool) / 2 * room;

	queue_many(pool, TINY, all);
	assert_int_equal(length(&pool->deferred.reserve), 0);
	assert_null(slot_of(pool, 0)->buf);
	for (unsigned int i = 0; i < 10; i++) {
		unsigned long handle = must_malloc(pool, 1000);

		assert_false(zs_free_deferred(pool, handle));
		assert_int_equal(inuse(class_for(pool, 1000)), 0);
	}
	assert_counts(pool, all, 0, 10, 0, 1);

	run_once(pool);
	assert_counts(pool, all, 0, 10, run, 2);
	assert_true(work_due(pool));
	assert_int_equal(length(&pool->deferred.reserve), reserve(pool) / 2);
	queue_many(pool, 1000, 1);
	run_once(pool);
	assert_counts(pool, all + 1, 0, 10, 2 * run, 3);
	assert_true(work_due(pool));
	run_once(pool);
	assert_counts(pool, all + 1, 0, 10, all, 3);
	assert_false(work_due(pool));
	assert_int_equal(info_of(pool).objs_inuse, 1);
	zs_free_deferred_flush(pool);
	assert_counts(pool, all + 1, 0, 10, all + 1, 3);
	assert_empty(pool);
	zs_destroy_pool(pool);
}

/* Pages come back, all of them: as much fits in the next time. */
static void test_pages_of_buffers_come_back(void **state)
{
	struct zs_pool *pool = make_percpu(ZS_POOL_NO_WORKER);
	unsigned int all = buf_room(pool) * (reserve(pool) + 1);

	for (int round = 0; round < 3; round++) {
		queue_many(pool, TINY, all);
		assert_false(zs_free_deferred(pool, must_malloc(pool, TINY)));
		if (round == 1)
			zs_free_deferred_flush(pool);
		while (zs_drain(pool))
			;
		assert_int_equal(length(&pool->deferred.reserve),
				 reserve(pool) + 1);
		assert_empty(pool);
	}
	zs_destroy_pool(pool);
}

/* While buffers are being drained others fill. */
static void test_buffers_fill_while_others_drain(void **state)
{
	struct zs_pool *pool = make_percpu(ZS_POOL_NO_WORKER);
	struct size_class *stuck = class_for(pool, 1000);
	unsigned int room = buf_room(pool);
	struct helper h = { 0 };

	queue_many(pool, 1000, 3);
	helper_start_stopped(&h, pool, help_flush, stuck);
	/* The one in hand is not to be had; all others are. */
	queue_many(pool, TINY, room * reserve(pool));
	assert_false(zs_free_deferred(pool, must_malloc(pool, TINY)));
	assert_counts(pool, room * reserve(pool) + 3, 0, 1, 0, 1);
	spin_unlock(&stuck->lock);
	helper_join(&h);
	assert_int_equal(info_of(pool).objs_inuse, room * reserve(pool));
	assert_int_equal(info_of(pool).deferred_drained, 3);
	zs_free_deferred_flush(pool);
	assert_empty(pool);
	zs_destroy_pool(pool);
}

/* A value that is stored while the slot is another's is not stored. */
static void test_push_to_a_busy_slot_fails(void **state)
{
	struct zs_pool *pool = make_percpu(ZS_POOL_NO_WORKER);
	unsigned long handle = must_malloc(pool, 100);

	lock_queue(pool);
	assert_false(zs_defer_push(pool, handle));
	unlock_queue(pool);
	assert_counts(pool, 0, 1, 0, 0, 0);
	assert_int_equal(info_of(pool).objs_inuse, 1);
	assert_true(zs_defer_push(pool, handle));
	assert_counts(pool, 1, 1, 0, 0, 0);
	zs_free_deferred_flush(pool);
	assert_empty(pool);
	zs_destroy_pool(pool);
}

/* Runs of one class, in any mixture, each handle once. */
static void test_runs_of_classes_are_freed_once(void **state)
{
	static const size_t sizes[] = { TINY, 100, 1000, 2000, 4000 };
	struct zs_pool *pool = make_percpu(ZS_POOL_NO_WORKER);
	struct rng rng;

	rng_seed(&rng, 6);
	for (int round = uzs_test_scale(20); round > 0; round--) {
		unsigned int n = rng_range(&rng, 1, buf_room(pool));

		for (unsigned int i = 0; i < n;) {
			unsigned int run = rng_range(&rng, 1, 150);
			size_t size = sizes[rng_below(&rng, ARRAY_SIZE(sizes))];

			run = min(run, n - i);
			queue_many(pool, size, run);
			i += run;
		}
		zs_free_deferred_flush(pool);
		assert_empty(pool);
	}
	assert_nothing_left(pool);
	zs_destroy_pool(pool);
}

#ifdef __linux__
/* Each CPU has a buffer of its own; a flush finds them all. */
static void test_each_cpu_has_a_buffer(void **state)
{
	struct zs_pool *pool =
		make_deferring(ZS_DEFER_PERCPU, ZS_POOL_NO_WORKER);
	unsigned int slots = pool->deferred.slots.slots, cpus = 0;
	cpu_set_t all, one;

	assert_int_equal(
		pthread_getaffinity_np(pthread_self(), sizeof(all), &all), 0);
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE && cpu < slots; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		assert_int_equal(pthread_setaffinity_np(pthread_self(),
							sizeof(one), &one),
				 0);
		queue_many(pool, 100, 10 + cpu);
		assert_int_equal(slot_of(pool, cpu)->buf->count, 10 + cpu);
		cpus++;
	}
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
	assert_true(cpus > 0);
	zs_free_deferred_flush(pool);
	for (unsigned int i = 0; i < slots; i++)
		assert_true(!slot_of(pool, i)->buf ||
			    !slot_of(pool, i)->buf->count);
	assert_empty(pool);
	zs_destroy_pool(pool);
}
#endif

/* ---- enabling ------------------------------------------------------------ */

static enum zs_push_result push_none(void *buf, unsigned int count,
				     unsigned long value)
{
	return ZS_PUSH_FULL;
}

static void drain_none(void *private_data, void *buf, unsigned int count)
{
}

static void test_enable_twice_or_without_memory_fails(void **state)
{
	static const struct zs_deferred_ops ops = { push_none, drain_none };
	static const struct zs_deferred_ops no_push = { NULL, drain_none },
					    no_drain = { push_none, NULL };

	for (enum zs_defer_mode mode = ZS_DEFER_DEFAULT;
	     mode <= VARIANT_LAST_QUEUE; mode++) {
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		bool queues = mode != ZS_DEFER_NONE;
		int busy = mode == ZS_DEFER_PERCPU ? -EBUSY : -ENOMEM;
		struct zs_pool_info i;

		queue_many(pool, 100, queues);
		assert_int_equal(zs_pool_enable_deferred_free(pool, &no_push,
							      NULL),
				 -EINVAL);
		assert_int_equal(zs_pool_enable_deferred_free(pool, &no_drain,
							      NULL),
				 -EINVAL);
		assert_int_equal(info_of(pool).objs_inuse, queues);
		i = info_of(pool);
		uzs_fault_set(UZS_FAULT_OS, 1);
		assert_int_equal(zs_pool_enable_deferred_free(pool, &ops, NULL),
				 busy);
		uzs_fault_set(UZS_FAULT_OS, 0);
		/* It is as before, and goes on with what it had. */
		assert_int_equal(pool->deferred.mode,
				 mode ? mode : ZS_DEFER_ARRAY);
		assert_int_equal(info_of(pool).bytes_mapped, i.bytes_mapped);
		assert_int_equal(zs_free_deferred(pool, must_malloc(pool, 100)),
				 queues);
		zs_free_deferred_flush(pool);
		assert_counts(pool, 2 * queues, 0, 0, 2 * queues, 0);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* What the array holds is freed first, also what the work has in hand, and
 * the counters go on. */
static void test_enable_frees_what_was_queued(void **state)
{
	struct zs_pool *pool = make_deferring(ZS_DEFER_ARRAY, 0);
	unsigned int n = threshold(pool);
	size_t mapped = info_of(pool).bytes_mapped;

	queue_many(pool, TINY, n);
	assert_int_equal(zs_pool_enable_deferred_free(pool, NULL, NULL), 0);
	assert_int_equal(info_of(pool).objs_inuse, 0);
	assert_counts(pool, n, 0, 0, n, 1);
	assert_true(info_of(pool).bytes_mapped >= mapped + (256 << 10));
	assert_int_equal(zs_pool_enable_deferred_free(pool, NULL, NULL),
			 -EBUSY);
	queue_many(pool, TINY, 10);
	zs_free_deferred_flush(pool);
	assert_counts(pool, n + 10, 0, 0, n + 10, 1);
	assert_empty(pool);
	zs_destroy_pool(pool);
}

/* Asked for with the pool: it has them, or is not made. */
static void test_made_with_the_pool(void **state)
{
	struct zs_pool *pool = make_deferring_of(ZS_DEFER_PERCPU, 2);

	assert_int_equal(zs_pool_enable_deferred_free(pool, NULL, NULL),
			 -EBUSY);
	zs_destroy_pool(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_buffer_is_swapped),
		cmocka_unit_test(test_without_page_frees_at_once),
		cmocka_unit_test(test_pages_of_buffers_come_back),
		cmocka_unit_test(test_buffers_fill_while_others_drain),
		cmocka_unit_test(test_push_to_a_busy_slot_fails),
		cmocka_unit_test(test_runs_of_classes_are_freed_once),
#ifdef __linux__
		cmocka_unit_test(test_each_cpu_has_a_buffer),
#endif
		cmocka_unit_test(test_enable_twice_or_without_memory_fails),
		cmocka_unit_test(test_enable_frees_what_was_queued),
		cmocka_unit_test(test_made_with_the_pool),
	};

	return run_in_every_variant(tests);
}
