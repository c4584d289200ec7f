/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_deferred_array.c - deferred.c: the array of handles: when it is made,
 * half full, full, and how it is emptied.
 */
#include "test_defer.h"

#include <errno.h>

#include "compat/fault.h"
#include "compat/os.h"

static unsigned int capacity(const struct zs_pool *pool)
{
	return pool->deferred.capacity;
}

/* Handles in it. */
static u64 queued_now(struct zs_pool *pool)
{
	u64 n;

	spin_lock(&pool->deferred.lock);
	n = pool->deferred.head - pool->deferred.tail;
	spin_unlock(&pool->deferred.lock);
	return n;
}

/* ---- half full ----------------------------------------------------------- */

/* The work is scheduled once, by the handle that makes it half full; neither by
 * one before it nor by those that follow. */
static void test_half_full_schedules_once(void **state)
{
	struct zs_pool *pool =
		make_deferring(ZS_DEFER_ARRAY, ZS_POOL_NO_WORKER);
	unsigned int half = capacity(pool) / 2;

	assert_int_equal(2 * half * test_page_size, 128u << 20);
	for (unsigned int round = 0; round < 3; round++) {
		unsigned int before = 2 * half * round;

		for (unsigned int i = 1; i < half; i++) {
			queue_many(pool, TINY, 1);
			if (work_due(pool))
				fail_msg("scheduled by handle %u", i);
		}
		assert_counts(pool, before + half - 1, 0, 0, before, round);
		queue_many(pool, TINY, 1);
		assert_true(work_due(pool));
		assert_counts(pool, before + half, 0, 0, before, round + 1);
		queue_many(pool, TINY, half);
		assert_counts(pool, before + 2 * half, 0, 0, before, round + 1);
		assert_true(zs_drain(pool) >= 1);
		assert_counts(pool, before + 2 * half, 0, 0, before + 2 * half,
			      round + 1);
		assert_false(work_due(pool));
		assert_empty(pool);
	}
	zs_destroy_pool(pool);
}

static void help_drain(struct helper *h)
{
	h->result = zs_drain(h->pool);
}

/* While the work runs and has more than half before it, it is not scheduled
 * again; but when it has come below half, by the one that makes it half full
 * again. */
static void test_half_full_again_schedules_again(void **state)
{
	struct zs_pool *pool =
		make_deferring(ZS_DEFER_ARRAY, ZS_POOL_NO_WORKER);
	struct size_class *stuck = class_for(pool, 1000);
	unsigned int half = capacity(pool) / 2;
	struct helper h = { 0 };

	queue_many(pool, TINY, 100);
	queue_many(pool, 1000, 1);
	queue_many(pool, TINY, half + 99);
	assert_counts(pool, half + 200, 0, 0, 0, 1);
	helper_start_stopped(&h, pool, help_drain, stuck);
	assert_false(work_due(pool));
	/* It is at the second handful, and has more than half yet to do. */
	assert_in_range(queued_now(pool), half + 1, half + 99);
	queue_many(pool, TINY, 10);
	assert_false(work_due(pool));
	assert_counts(pool, half + 210, 0, 0, 64, 1);
	spin_unlock(&stuck->lock);
	helper_join(&h);
	assert_counts(pool, half + 210, 0, 0, half + 210, 1);

	queue_many(pool, 1000, 1);
	queue_many(pool, TINY, half - 1);
	assert_counts(pool, 2 * half + 210, 0, 0, half + 210, 2);
	helper_start_stopped(&h, pool, help_drain, stuck);
	assert_false(work_due(pool));
	while (queued_now(pool) < half - 1)
		queue_many(pool, TINY, 1);
	assert_false(work_due(pool));
	queue_many(pool, TINY, 1);
	assert_true(work_due(pool));
	assert_int_equal(info_of(pool).deferred_scheduled, 3);
	spin_unlock(&stuck->lock);
	helper_join(&h);
	zs_drain(pool);
	assert_int_equal(info_of(pool).deferred_scheduled, 3);
	assert_empty(pool);
	zs_destroy_pool(pool);
}

/* ---- full ---------------------------------------------------------------- */

static void test_full_array_frees_at_once(void **state)
{
	struct zs_pool *pool =
		make_deferring(ZS_DEFER_ARRAY, ZS_POOL_NO_WORKER);
	unsigned int all = capacity(pool);

	for (unsigned int round = 0; round < 2; round++) {
		unsigned int before = round * (all + 1);

		queue_many(pool, TINY, all);
		for (unsigned int i = 0; i < 20; i++) {
			unsigned long handle = must_malloc(pool, 1000);

			assert_false(zs_free_deferred(pool, handle));
			assert_int_equal(inuse(class_for(pool, 1000)), 0);
		}
		assert_counts(pool, before + all, round, 20 * (round + 1),
			      before, round + 1);
		/* It is said to be full only when that has been seen. */
		lock_queue(pool);
		assert_false(zs_free_deferred(pool, must_malloc(pool, 1000)));
		unlock_queue(pool);
		assert_counts(pool, before + all, round + 1, 20 * (round + 1),
			      before, round + 1);
		/* Room for one more. */
		zs_drain(pool);
		queue_many(pool, 1000, 1);
		zs_free_deferred_flush(pool);
		assert_counts(pool, before + all + 1, round + 1,
			      20 * (round + 1), before + all + 1, round + 1);
		assert_empty(pool);
	}
	zs_destroy_pool(pool);
}

/* Wherever in the array it begins: round and round, over its end. */
static void test_array_is_a_ring(void **state)
{
	struct zs_pool *pool =
		make_deferring(ZS_DEFER_ARRAY, ZS_POOL_NO_WORKER);
	unsigned int all = capacity(pool), sum = 0;

	for (unsigned int n = all / 3; sum < 3 * all; n += all / 9) {
		n = min(n, all);
		queue_many(pool, TINY, n);
		sum += n;
		zs_free_deferred_flush(pool);
		assert_int_equal(info_of(pool).deferred_queued, sum);
		assert_empty(pool);
	}
	zs_destroy_pool(pool);
}

/* ---- emptied ------------------------------------------------------------- */

/* Handles are taken out under the lock and freed with the lock dropped: a
 * handful at a time, of which nobody waits for more than the taking out. */
static void test_lock_is_dropped_while_freeing(void **state)
{
	struct zs_pool *pool =
		make_deferring(ZS_DEFER_ARRAY, ZS_POOL_NO_WORKER);
	struct size_class *stuck = class_for(pool, 1000);
	struct helper h = { 0 };

	queue_many(pool, 1000, 500);
	helper_start_stopped(&h, pool, help_flush, stuck);
	assert_true(spin_trylock(&pool->deferred.lock));
	spin_unlock(&pool->deferred.lock);
	assert_in_range(queued_now(pool), 1, 499);
	spin_unlock(&stuck->lock);
	helper_join(&h);
	assert_empty(pool);
	zs_destroy_pool(pool);
}

/* Those that came first go first, and a flush stops at the last that was there
 * when it began: not at a number of handles. */
static void test_first_come_first_freed(void **state)
{
	struct zs_pool *pool =
		make_deferring(ZS_DEFER_ARRAY, ZS_POOL_NO_WORKER);
	struct size_class *stuck = class_for(pool, 1000);
	struct helper h = { 0 };

	queue_many(pool, TINY, 300);
	queue_many(pool, 1000, 1);
	queue_many(pool, TINY, 3);
	helper_start_stopped(&h, pool, help_flush, stuck);
	assert_int_equal(inuse(class_for(pool, TINY)), 3);
	queue_many(pool, 2000, 70);
	spin_unlock(&stuck->lock);
	helper_join(&h);
	assert_int_equal(info_of(pool).objs_inuse, 70);
	assert_counts(pool, 374, 0, 0, 304, 0);
	zs_free_deferred_flush(pool);
	assert_empty(pool);
	zs_destroy_pool(pool);
}

/* ---- made when first used ------------------------------------------------ */

/* The default: no memory for it before the first handle. */
static void test_default_makes_no_array_before_use(void **state)
{
	struct zs_pool *pool =
		make_deferring(ZS_DEFER_DEFAULT, ZS_POOL_NO_WORKER);
	size_t bytes = ALIGN(capacity(pool) * sizeof(unsigned long),
			     uzs_os_page_size());
	unsigned long handle = must_malloc(pool, 100);
	size_t mapped;

	mapped = info_of(pool).bytes_mapped;
	assert_false(zs_free_deferred(pool, 0));
	assert_false(zs_free_deferred(pool, (unsigned long)-ENOMEM));
	assert_int_equal(info_of(pool).bytes_mapped, mapped);
	uzs_fault_set(UZS_FAULT_OS, 0);
	assert_true(zs_free_deferred(pool, handle));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 1);
	assert_int_equal(info_of(pool).bytes_mapped, mapped + bytes);
	queue_many(pool, 100, 100);
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 1);
	assert_counts(pool, 101, 0, 0, 0, 0);
	zs_free_deferred_flush(pool);
	/* It is kept. */
	assert_int_equal(info_of(pool).bytes_mapped, mapped + bytes);
	assert_counts(pool, 101, 0, 0, 101, 0);
	assert_empty(pool);
	zs_destroy_pool(pool);
}

/* No memory for it: freed at once, as if it were full; tried again with the
 * next handle. */
static void test_without_memory_frees_at_once(void **state)
{
	struct zs_pool *pool =
		make_deferring(ZS_DEFER_DEFAULT, ZS_POOL_NO_WORKER);
	unsigned long handles[4];
	size_t mapped;

	for (int i = 0; i < 4; i++)
		handles[i] = must_malloc(pool, 100);
	mapped = info_of(pool).bytes_mapped;
	for (unsigned int i = 0; i < 3; i++) {
		uzs_fault_set(UZS_FAULT_OS, 1);
		assert_false(zs_free_deferred(pool, handles[i]));
		uzs_fault_set(UZS_FAULT_OS, 0);
		assert_int_equal(info_of(pool).objs_inuse, 3 - i);
		assert_counts(pool, 0, 0, i + 1, 0, 0);
	}
	assert_int_equal(info_of(pool).bytes_mapped, mapped);
	zs_free_deferred_flush(pool);
	assert_true(zs_free_deferred(pool, handles[3]));
	assert_counts(pool, 1, 0, 3, 0, 0);
	zs_free_deferred_flush(pool);
	assert_counts(pool, 1, 0, 3, 1, 0);
	assert_empty(pool);
	zs_destroy_pool(pool);
}

/* Asked for, it is made with the pool, or the pool is not made. */
static void test_made_with_the_pool(void **state)
{
	struct zs_pool *pool = make_deferring_of(ZS_DEFER_ARRAY, 2);

	queue_many(pool, 100, 1);
	zs_free_deferred_flush(pool);
	assert_empty(pool);
	zs_destroy_pool(pool);
}

static void help_defer_one(struct helper *h)
{
	h->result = zs_free_deferred(h->pool, h->handles[0]);
}

/* Two who need it at once: there is one; both handles are in it or freed. */
static void test_two_first_uses_make_one_array(void **state)
{
	for (int round = uzs_test_scale(50); round > 0; round--) {
		struct zs_pool *pool =
			make_deferring(ZS_DEFER_DEFAULT, ZS_POOL_NO_WORKER);
		struct zs_pool_info i;
		struct helper h[2];
		unsigned long handles[2];

		for (int k = 0; k < 2; k++) {
			handles[k] = must_malloc(pool, 100);
			h[k] = (struct helper){ .handles = &handles[k] };
			helper_start(&h[k], pool, help_defer_one);
		}
		helper_join(&h[0]);
		helper_join(&h[1]);
		i = info_of(pool);
		assert_int_equal(i.deferred_queued, h[0].result + h[1].result);
		assert_int_equal(i.deferred_sync_busy, 2 - i.deferred_queued);
		assert_true(i.deferred_queued >= 1);
		assert_int_equal(i.objs_inuse, i.deferred_queued);
		zs_free_deferred_flush(pool);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* ---- the memory limit ---------------------------------------------------- */

/* The queue counts against it: where there is no room for one, frees are
 * synchronous, and the pool stays within its limit. */
static void test_array_counts_against_the_limit(void **state)
{
	static const enum zs_defer_mode modes[] = { ZS_DEFER_DEFAULT,
						    ZS_DEFER_ARRAY,
						    ZS_DEFER_PERCPU };
	size_t limit = (size_t)100 * test_page_size + (1 << 20);

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		static unsigned long handles[10000];
		struct zs_pool *pool;
		struct zs_pool_info i;
		unsigned int n = 0;
		bool queued;

		o.page_size = test_page_size;
		o.lock_scope = test_scope;
		o.defer = modes[m];
		o.flags = ZS_POOL_NO_WORKER;
		o.memory_limit = limit;
		pool = zs_create_pool_with("limit", &o);
		if (!pool) { /* not even room for the buffers */
			assert_int_equal(errno, ENOMEM);
			assert_int_equal(modes[m], ZS_DEFER_PERCPU);
			continue;
		}
		while (n < ARRAY_SIZE(handles)) {
			handles[n] = zs_malloc(pool, test_page_size, GFP_KERNEL,
					       NUMA_NO_NODE);
			if (zs_is_err(handles[n]))
				break;
			n++;
		}
		assert_int_equal(zs_err(handles[n]), -ENOMEM);
		i = info_of(pool);
		assert_true(i.bytes_resident <= limit);
		/* Full: an array that was not made with the pool has no room,
		 * unless it is smaller than a page. */
		queued = zs_free_deferred(pool, handles[--n]);
		if (test_page_size == 4096)
			assert_int_equal(queued, modes[m] != ZS_DEFER_DEFAULT);
		i = info_of(pool);
		assert_true(i.bytes_resident <= limit);
		assert_int_equal(i.deferred_sync_full, !queued);
		while (n)
			zs_free(pool, handles[--n]);
		zs_trim(pool);
		/* Now there is. */
		handles[0] = must_malloc(pool, test_page_size);
		assert_true(zs_free_deferred(pool, handles[0]));
		assert_true(info_of(pool).bytes_resident <= limit);
		zs_free_deferred_flush(pool);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_full_schedules_once),
		cmocka_unit_test(test_half_full_again_schedules_again),
		cmocka_unit_test(test_full_array_frees_at_once),
		cmocka_unit_test(test_array_is_a_ring),
		cmocka_unit_test(test_lock_is_dropped_while_freeing),
		cmocka_unit_test(test_first_come_first_freed),
		cmocka_unit_test(test_default_makes_no_array_before_use),
		cmocka_unit_test(test_without_memory_frees_at_once),
		cmocka_unit_test(test_made_with_the_pool),
		cmocka_unit_test(test_two_first_uses_make_one_array),
		cmocka_unit_test(test_array_counts_against_the_limit),
	};

	return run_in_every_variant(tests);
}
