/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_deferred_ops.c - deferred.c: per-CPU buffers with callbacks of the
 * caller's: every answer that push can give, and what drain is called with and
 * may do.
 */
#include "test_defer.h"

#define MAX_SEEN 4096

/* What push does. */
static struct {
	unsigned int room; /* values in a buffer */
	bool tells; /* that the buffer is full now */
	bool refuses; /* everything */
} pushing;

/* What drain is told to do, and has seen. */
struct drained {
	struct zs_pool *pool;
	bool frees; /* values are handles */
	void (*also)(struct drained *d);
	unsigned int calls;
	unsigned int inside; /* atomic */
	unsigned int most_inside;
	unsigned int n;
	unsigned long seen[MAX_SEEN];
};

static enum zs_push_result push(void *buf, unsigned int count,
				unsigned long value)
{
	if (pushing.refuses || count >= pushing.room)
		return ZS_PUSH_FULL;
	((unsigned long *)buf)[count] = value;
	return pushing.tells && count + 1 == pushing.room ? ZS_PUSH_FULL_QUEUED
							  : ZS_PUSH_OK;
}

static void drain(void *private_data, void *buf, unsigned int count)
{
	struct drained *d = private_data;
	unsigned int inside =
		__atomic_add_fetch(&d->inside, 1, __ATOMIC_RELAXED);

	d->most_inside = max(d->most_inside, inside);
	d->calls++;
	for (unsigned int i = 0; i < count; i++) {
		unsigned long value = ((unsigned long *)buf)[i];

		if (d->n < MAX_SEEN)
			d->seen[d->n++] = value;
		if (d->frees)
			zs_free(d->pool, value);
	}
	if (d->also)
		d->also(d);
	__atomic_sub_fetch(&d->inside, 1, __ATOMIC_RELAXED);
}

static const struct zs_deferred_ops own_ops = { push, drain };

/* A pool with these callbacks. */
static void make_own(struct drained *d, unsigned int flags, unsigned int room,
		     bool tells)
{
	memset(d, 0, sizeof(*d));
	d->pool = make_deferring(ZS_DEFER_NONE, flags);
	pushing.room = room;
	pushing.tells = tells;
	pushing.refuses = false;
	assert_int_equal(zs_pool_enable_deferred_free(d->pool, &own_ops, d), 0);
	one_cpu(d->pool);
}

/* Values from `from` to `to`, in order. */
static void assert_seen(const struct drained *d, unsigned long from,
			unsigned long to)
{
	assert_int_equal(d->n, to - from + 1);
	for (unsigned long i = from; i <= to; i++)
		assert_int_equal(d->seen[i - from], i);
	assert_true(d->most_inside <= 1);
}

/* What these tests' callbacks free is not the pool's. */
static void forget_idle(struct zs_pool *pool)
{
	WRITE_ONCE(pool->deferred.nr_idle_drains, 0);
}

static void test_last_that_fits_queues_the_buffer(void **state)
{
	static struct drained d;

	make_own(&d, ZS_POOL_NO_WORKER, 3, true);
	assert_true(zs_defer_push(d.pool, 1));
	assert_true(zs_defer_push(d.pool, 2));
	assert_false(work_due(d.pool));
	assert_true(zs_defer_push(d.pool, 3));
	assert_true(work_due(d.pool));
	assert_counts(d.pool, 3, 0, 0, 0, 1);
	for (unsigned long value = 4; value <= 8; value++)
		assert_true(zs_defer_push(d.pool, value));
	assert_counts(d.pool, 8, 0, 0, 0, 1);
	assert_int_equal(d.calls, 0);
	while (zs_drain(d.pool))
		;
	assert_seen(&d, 1, 6);
	assert_int_equal(d.calls, 2);
	assert_int_equal(info_of(d.pool).deferred_drained, 6);
	zs_free_deferred_flush(d.pool);
	assert_seen(&d, 1, 8);
	assert_int_equal(d.calls, 3);
	assert_int_equal(info_of(d.pool).deferred_drained, 8);
	zs_free_deferred_flush(d.pool);
	assert_int_equal(d.calls, 3);
	zs_destroy_pool(d.pool);
	assert_seen(&d, 1, 8);
}

/* Not stored: the buffer is swapped, and the value goes into the next. */
static void test_refused_value_goes_into_the_next(void **state)
{
	static struct drained d;

	make_own(&d, ZS_POOL_NO_WORKER, 3, false);
	for (unsigned long value = 1; value <= 3; value++)
		assert_true(zs_defer_push(d.pool, value));
	assert_false(work_due(d.pool));
	assert_int_equal(slot_of(d.pool, 0)->buf->count, 3);
	assert_true(zs_defer_push(d.pool, 4));
	assert_true(work_due(d.pool));
	assert_int_equal(slot_of(d.pool, 0)->buf->count, 1);
	assert_counts(d.pool, 4, 0, 0, 0, 1);
	while (zs_drain(d.pool))
		;
	assert_seen(&d, 1, 3);
	assert_counts(d.pool, 4, 0, 0, 3, 1);
	zs_free_deferred_flush(d.pool);
	assert_seen(&d, 1, 4);
	zs_destroy_pool(d.pool);
}

/* One that takes nothing, not even into an empty buffer, is not asked for
 * ever; what it took before is drained. */
static void test_who_takes_nothing_is_not_asked_forever(void **state)
{
	static struct drained d;

	make_own(&d, ZS_POOL_NO_WORKER, 3, false);
	pushing.refuses = true;
	for (unsigned int i = 1; i <= 100; i++) {
		assert_false(zs_defer_push(d.pool, i));
		assert_counts(d.pool, 0, 0, i, 0, 0);
	}
	assert_false(work_due(d.pool));
	assert_int_equal(length(&d.pool->deferred.queue), 0);
	zs_free_deferred_flush(d.pool);
	assert_int_equal(d.calls, 0);

	pushing.refuses = false;
	assert_true(zs_defer_push(d.pool, 1));
	assert_true(zs_defer_push(d.pool, 2));
	pushing.refuses = true;
	for (unsigned int i = 0; i < 100; i++)
		assert_false(zs_defer_push(d.pool, 3));
	assert_counts(d.pool, 2, 0, 200, 0, 1);
	assert_int_equal(length(&d.pool->deferred.queue), 1);
	zs_free_deferred_flush(d.pool);
	assert_seen(&d, 1, 2);
	assert_counts(d.pool, 2, 0, 200, 2, 1);
	zs_destroy_pool(d.pool);
}

/* No page is free. With either way to say that a buffer is full no value is
 * stored twice or lost, and the same number has room. */
static void check_own_exhausted(bool tells)
{
	static struct drained d;
	unsigned int all, half;

	make_own(&d, ZS_POOL_NO_WORKER, 5, tells);
	all = 5 * (reserve(d.pool) + 1);
	half = 5 * (reserve(d.pool) / 2);
	for (unsigned long value = 1; value <= all; value++)
		assert_true(zs_defer_push(d.pool, value));
	for (unsigned int i = 0; i < 7; i++)
		assert_false(zs_defer_push(d.pool, 12345));
	assert_counts(d.pool, all, 0, 7, 0, 1);
	run_once(d.pool);
	assert_seen(&d, 1, half);
	assert_true(zs_defer_push(d.pool, all + 1));
	run_once(d.pool);
	assert_seen(&d, 1, 2 * half);
	zs_free_deferred_flush(d.pool);
	assert_seen(&d, 1, all + 1);
	assert_int_equal(info_of(d.pool).deferred_queued, all + 1);
	assert_int_equal(info_of(d.pool).deferred_drained, all + 1);
	assert_int_equal(info_of(d.pool).deferred_sync_full, 7);
	zs_destroy_pool(d.pool);
}

static void test_values_without_a_page_are_refused(void **state)
{
	check_own_exhausted(true);
	check_own_exhausted(false);
}

/* Handles are freed at once, and not counted: only pushes are. */
static void test_handles_are_freed_at_once(void **state)
{
	static struct drained d;

	make_own(&d, ZS_POOL_NO_WORKER, 5, true);
	for (int i = 0; i < 10; i++) {
		assert_false(
			zs_free_deferred(d.pool, must_malloc(d.pool, 100)));
		assert_int_equal(info_of(d.pool).objs_inuse, 0);
	}
	assert_counts(d.pool, 0, 0, 0, 0, 0);
	assert_int_equal(d.calls, 0);
	assert_empty(d.pool);
	zs_destroy_pool(d.pool);
}

/* I11: a callback that frees nothing is reported, and how often. */
static void test_drain_that_frees_nothing_is_reported(void **state)
{
	static struct drained d;
	char *text;
	size_t size;
	FILE *out;

	make_own(&d, ZS_POOL_NO_WORKER, 2, true);
	d.frees = true;
	for (int i = 0; i < 10; i++)
		assert_true(zs_defer_push(d.pool, must_malloc(d.pool, 100)));
	zs_free_deferred_flush(d.pool);
	assert_int_equal(d.calls, 5);
	assert_empty(d.pool);

	d.frees = false;
	for (unsigned int i = 0; i < 6; i++)
		assert_true(zs_defer_push(d.pool, must_malloc(d.pool, 100)));
	zs_free_deferred_flush(d.pool);
	assert_int_equal(info_of(d.pool).objs_inuse, 6);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	assert_int_equal(zs_pool_check(d.pool, out), 1);
	fclose(out);
	assert_non_null(strstr(text, "I11"));
	assert_non_null(strstr(text, " 3 "));
	free(text);
	forget_idle(d.pool);
	assert_sound(d.pool);
	assert_int_equal(zs_destroy_pool(d.pool), 6);
}

/* What a callback may do: allocate, free, compact, trim, look; and store
 * values, which a flush that is under way does not wait for. */
static void do_everything(struct drained *d)
{
	unsigned long handle =
		zs_malloc(d->pool, 1000, GFP_KERNEL, NUMA_NO_NODE);

	zs_compact(d->pool);
	zs_trim(d->pool);
	zs_free_deferred(d->pool, handle);
	zs_defer_push(d->pool, d->seen[0]);
	zs_defer_push(d->pool, d->seen[0]);
}

static void test_drain_may_call_the_pool(void **state)
{
	static struct drained d;

	make_own(&d, ZS_POOL_NO_WORKER, 2, true);
	d.also = do_everything;
	for (int i = 0; i < 6; i++)
		assert_true(zs_defer_push(d.pool, 77));
	zs_free_deferred_flush(d.pool);
	/* Three buffers were there, and each callback has left another. */
	assert_int_equal(d.calls, 3);
	assert_counts(d.pool, 12, 0, 0, 6, 1);
	assert_sound(d.pool);
	d.also = NULL;
	zs_free_deferred_flush(d.pool);
	assert_int_equal(d.calls, 6);
	assert_counts(d.pool, 12, 0, 0, 12, 1);
	forget_idle(d.pool);
	assert_empty(d.pool);
	zs_destroy_pool(d.pool);
}

/* A callback that takes its time: nobody who stores a value waits for it, and
 * a flush that comes meanwhile does. */
static struct gate entered, leave;

static void wait_to_leave(struct drained *d)
{
	gate_raise(&entered);
	gate_await(&leave, 1);
}

static u64 nr_queued_bufs(struct zs_pool *pool)
{
	u64 nr;

	spin_lock(&pool->deferred.bufs_lock);
	nr = pool->deferred.queued_bufs;
	spin_unlock(&pool->deferred.bufs_lock);
	return nr;
}

static void test_only_a_flush_waits_for_drain(void **state)
{
	static struct drained d;
	struct helper first = { 0 }, second = { 0 };
	u64 before;

	make_own(&d, ZS_POOL_NO_WORKER, 4, true);
	entered.at = leave.at = 0;
	d.also = wait_to_leave;
	assert_true(zs_defer_push(d.pool, 1));
	helper_start(&first, d.pool, help_flush);
	gate_await(&entered, 1);
	for (unsigned long value = 2; value <= 11; value++)
		assert_true(zs_defer_push(d.pool, value));
	assert_counts(d.pool, 11, 0, 0, 0, 1);
	before = nr_queued_bufs(d.pool);
	helper_start(&second, d.pool, help_flush);
	/* It has queued what there is; then it waits, or calls drain, too. */
	while (nr_queued_bufs(d.pool) == before)
		sched_yield();
	await_sleep(&second);
	assert_int_equal(gate_at(&entered), 1);
	assert_false(gate_at(&first.done));
	assert_false(gate_at(&second.done));
	gate_raise(&leave);
	helper_join(&second);
	assert_seen(&d, 1, 11);
	helper_join(&first);
	assert_counts(d.pool, 11, 0, 0, 11, 1);
	forget_idle(d.pool);
	assert_empty(d.pool);
	zs_destroy_pool(d.pool);
}

/* One at a time, whoever drains: the worker, and whoever flushes. */
static void help_push_and_flush(struct helper *h)
{
	h->result = 0;
	for (unsigned long i = 1; i <= h->n; i++) {
		h->result += zs_defer_push(h->pool, i);
		if (i % 10 == 0)
			zs_free_deferred_flush(h->pool);
	}
}

static void test_one_drains_at_a_time(void **state)
{
	static struct drained d;
	struct helper h[3];
	unsigned long stored = 0, n = (unsigned)uzs_test_scale(3000);

	make_own(&d, 0, 2, true);
	for (int i = 0; i < 3; i++) {
		h[i] = (struct helper){ .n = (unsigned)n };
		helper_start(&h[i], d.pool, help_push_and_flush);
	}
	for (int i = 0; i < 3; i++) {
		helper_join(&h[i]);
		stored += h[i].result;
	}
	zs_free_deferred_flush(d.pool);
	zs_drain(d.pool);
	assert_int_equal(d.most_inside, 1);
	assert_int_equal(info_of(d.pool).deferred_queued, stored);
	assert_int_equal(info_of(d.pool).deferred_drained, stored);
	assert_int_equal(info_of(d.pool).deferred_sync_busy +
				 info_of(d.pool).deferred_sync_full,
			 3 * n - stored);
	zs_destroy_pool(d.pool);
}

/* Half-full buffers too are drained before the pool is gone. */
static void test_half_full_buffers_are_drained_at_the_end(void **state)
{
	static struct drained d;

	make_own(&d, 0, 4, true);
	for (unsigned long value = 1; value <= 6; value++)
		assert_true(zs_defer_push(d.pool, value));
	assert_int_equal(zs_destroy_pool(d.pool), 0);
	assert_seen(&d, 1, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_that_fits_queues_the_buffer),
		cmocka_unit_test(test_refused_value_goes_into_the_next),
		cmocka_unit_test(test_who_takes_nothing_is_not_asked_forever),
		cmocka_unit_test(test_values_without_a_page_are_refused),
		cmocka_unit_test(test_handles_are_freed_at_once),
		cmocka_unit_test(test_drain_that_frees_nothing_is_reported),
		cmocka_unit_test(test_drain_may_call_the_pool),
		cmocka_unit_test(test_only_a_flush_waits_for_drain),
		cmocka_unit_test(test_one_drains_at_a_time),
		cmocka_unit_test(test_half_full_buffers_are_drained_at_the_end),
	};

	return run_in_every_variant(tests);
}
