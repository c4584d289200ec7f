/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_fork_holds.c - src/fork.c: what zs_fork_prepare holds up, and what a child
 * finds of it: queued work, objects that are kept for reuse, reads that had
 * begun.
 */
#include "fork_util.h"

#include <sched.h>
#include <time.h>

struct knocker {
	struct zs_pool *pool;
	unsigned long handle;
	void (*call)(struct knocker *k);
	bool entered; /* atomic */
	bool left; /* atomic */
};

static void knock_malloc(struct knocker *k)
{
	k->handle = zs_malloc(k->pool, 100, GFP_KERNEL, NUMA_NO_NODE);
}

static void knock_free(struct knocker *k)
{
	zs_free(k->pool, k->handle);
}

static void knock_free_deferred(struct knocker *k)
{
	zs_free_deferred(k->pool, k->handle);
}

static void knock_read(struct knocker *k)
{
	void *mem = zs_obj_read_begin(k->pool, k->handle, 1, NULL);

	zs_obj_read_end(k->pool, k->handle, 1, mem);
}

static void knock_write(struct knocker *k)
{
	zs_obj_write(k->pool, k->handle, k, 8);
}

static void knock_check(struct knocker *k)
{
	zs_pool_check(k->pool, stderr);
}

static void knock_print(struct knocker *k)
{
	FILE *null = fopen("/dev/null", "w");

	zs_print_classes(k->pool, null);
	fclose(null);
}

static int count_calls(unsigned long handle, void *arg)
{
	return 0;
}

static void knock_walk(struct knocker *k)
{
	zs_for_each_live(k->pool, count_calls, NULL);
}

static void knock_prepare(struct knocker *k)
{
	zs_fork_prepare(k->pool);
	zs_fork_parent(k->pool);
}

static void *knock(void *arg)
{
	struct knocker *k = arg;

	__atomic_store_n(&k->entered, true, __ATOMIC_SEQ_CST);
	k->call(k);
	__atomic_store_n(&k->left, true, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Between prepare and parent nobody gets in; then everybody does. */
static void check_keeps_out(enum zs_defer_mode mode)
{
	static void (*const calls[])(struct knocker *) = {
		knock_malloc, knock_free,  knock_free_deferred,
		knock_read,   knock_write, knock_check,
		knock_print,  knock_walk,  knock_prepare
	};
	struct knocker k[ARRAY_SIZE(calls)];
	pthread_t threads[ARRAY_SIZE(calls)];
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.defer = mode;
	pool = zs_create_pool_with("closed", &o);
	assert_non_null(pool);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		k[i] = (struct knocker){ .pool = pool,
					 .handle = must_malloc(pool, 100),
					 .call = calls[i] };
	zs_fork_prepare(pool);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, knock, &k[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		while (!__atomic_load_n(&k[i].entered, __ATOMIC_SEQ_CST))
			sched_yield();
	sleep_ms(50);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (__atomic_load_n(&k[i].left, __ATOMIC_SEQ_CST))
			fail_msg("call %zu got in", i);
	zs_fork_parent(pool);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	zs_free_deferred_flush(pool);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), ARRAY_SIZE(calls) - 1);
}

static void test_prepare_keeps_changes_out(void **state)
{
	check_keeps_out(ZS_DEFER_DEFAULT);
	check_keeps_out(ZS_DEFER_REUSE);
}

/* Work that was queued when the fork came is done in both. */
static void test_queued_work_is_done_in_both(void **state)
{
	for (int mode = ZS_DEFER_ARRAY; mode <= (int)VARIANT_LAST_DEFER;
	     mode++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		struct zs_pool *pool;
		struct page *page;
		unsigned long held;
		pid_t pid;

		o.flags = ZS_POOL_NO_WORKER;
		o.defer = (enum zs_defer_mode)mode;
		pool = zs_create_pool_with("queued", &o);
		for (int i = 0; i < 100; i++)
			assert_true(
				zs_free_deferred(pool, must_malloc(pool, 500)));
		held = must_malloc(pool, 4096);
		page = zpdesc_page(obj_to_zpdesc(pool, handle_to_obj(held)));
		lock_page(page);
		zs_free(pool, held);
		unlock_page(page);
		pid = prepared_fork(pool);
		zs_free_deferred_flush(pool);
		/* At least what frees the zspage that was held up. */
		if (pid == 0) {
			CHILD_CHECK(zs_drain(pool) >= 1);
			CHILD_CHECK(info_in_child(pool).objs_inuse == 0);
			CHILD_CHECK(info_in_child(pool).pages == 0);
			CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
			CHILD_CHECK(zs_destroy_pool(pool) == 0);
			child_exit(0);
		}
		assert_child_well(pid);
		assert_true(zs_drain(pool) >= 1);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* Return: is all of what was kept taken again, and room for data? */
static bool take_kept(struct zs_pool *pool, const unsigned long *handles,
		      unsigned int n)
{
	bool ok = true;

	for (unsigned int i = n; i-- > 0;)
		ok &= zs_malloc(pool, 500, GFP_KERNEL, NUMA_NO_NODE) ==
			      handles[i] &&
		      object_fill(pool, handles[i], 500, i);
	for (unsigned int i = 0; i < n; i++)
		ok &= object_ok(pool, handles[i], 500, i);
	return ok;
}

/* What was kept for reuse when the fork came is there for both, and for each
 * alone. */
static void test_kept_objects_are_in_both(void **state)
{
	for (int scope = ZS_SCOPE_HELD; scope <= (int)VARIANT_LAST_SCOPE;
	     scope++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		unsigned long handles[15];
		struct zs_pool *pool;
		pid_t pid;

		o.flags = ZS_POOL_NO_WORKER;
		o.lock_scope = (enum zs_lock_scope)scope;
		o.defer = ZS_DEFER_REUSE;
		pool = zs_create_pool_with("kept", &o);
		assert_non_null(pool);
		pool->reuse.slots.slots = 1; /* whichever CPU it runs on */
		for (int i = 0; i < 15; i++)
			handles[i] = must_malloc(pool, 500);
		for (int i = 0; i < 15; i++)
			assert_true(zs_free_deferred(pool, handles[i]));
		/* Those that are staged are of another class. */
		for (int i = 0; i < 8; i++)
			assert_true(
				zs_free_deferred(pool, must_malloc(pool, 100)));
		pid = prepared_fork(pool);
		if (pid == 0) {
			CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
			CHILD_CHECK(take_kept(pool, handles, 15));
			for (int i = 0; i < 12; i++)
				CHILD_CHECK(zs_free_deferred(pool, handles[i]));
			zs_free_deferred_flush(pool);
			CHILD_CHECK(info_in_child(pool).objs_inuse == 3);
			CHILD_CHECK(info_in_child(pool).deferred_reused == 15);
			CHILD_CHECK(info_in_child(pool).deferred_drained == 20);
			CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
			CHILD_CHECK(zs_destroy_pool(pool) == 3);
			child_exit(0);
		}
		assert_child_well(pid);
		assert_int_equal(info_of(pool).deferred_reused, 0);
		assert_true(take_kept(pool, handles, 15));
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 15);
	}
}

/* A look that was due at the fork comes in the child, too, once the pool is
 * used there: what it keeps gets old. */
static void test_kept_objects_get_old_in_the_child(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	const struct timespec nap = { 0, 10000000 };
	struct zs_pool *pool;
	unsigned long one;
	pid_t pid;

	if (CHILD_POOL_FLAGS & ZS_POOL_NO_WORKER)
		return;
	o.defer = ZS_DEFER_REUSE;
	pool = zs_create_pool_with("old", &o);
	assert_non_null(pool);
	pool->reuse.slots.slots = 1; /* whichever CPU it runs on */
	one = must_malloc(pool, 500);
	for (int i = 0; i < 10; i++)
		assert_true(zs_free_deferred(pool, must_malloc(pool, 300)));
	pid = prepared_fork(pool);
	if (pid == 0) {
		CHILD_CHECK(zs_free_deferred(pool, one));
		while (info_in_child(pool).objs_inuse)
			nanosleep(&nap, NULL); /* or the alarm comes */
		CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
		CHILD_CHECK(zs_destroy_pool(pool) == 0);
		child_exit(0);
	}
	assert_child_well(pid);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

/* ---- reads across a fork -------------------------------------------------------- */

#define NR_PINNED 40

struct pinner {
	struct zs_pool *pool;
	unsigned long handle[NR_PINNED];
	void *mem[NR_PINNED];
	bool pinned, end; /* atomic */
};

static void *pin_and_wait(void *arg)
{
	struct pinner *p = arg;

	for (int i = 0; i < NR_PINNED; i++)
		p->mem[i] = zs_obj_read_begin(p->pool, p->handle[i], 8, NULL);
	__atomic_store_n(&p->pinned, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&p->end, __ATOMIC_ACQUIRE))
		sleep_ms(1);
	for (int i = 0; i < NR_PINNED; i++)
		zs_obj_read_end(p->pool, p->handle[i], 8, p->mem[i]);
	return NULL;
}

/* Reads of other threads do not hold a fork up, and pin for ever in the
 * child: not compacted, nor migrated, but freed and destroyed. */
static void test_reads_of_others_pin_in_the_child(void **state)
{
	static struct pinner p;
	unsigned long fill[400], obj[NR_PINNED];
	struct zs_pool *pool = make_pool(0, 0, 0);
	pthread_t thread;
	pid_t pid;

	/* A zspage for each pinned object, nearly empty in the end. */
	p = (struct pinner){ .pool = pool };
	for (int i = 0; i < 400; i++) {
		fill[i] = must_malloc(pool, 504);
		assert_true(object_fill(pool, fill[i], 504, (unsigned)i));
	}
	for (int i = 0; i < 400; i++) {
		if (i % 10 == 0)
			p.handle[i / 10] = fill[i];
		else if (i % 10 != 5)
			zs_free(pool, fill[i]);
	}
	assert_int_equal(pthread_create(&thread, NULL, pin_and_wait, &p), 0);
	while (!__atomic_load_n(&p.pinned, __ATOMIC_ACQUIRE))
		sched_yield();
	for (int i = 0; i < NR_PINNED; i++)
		obj[i] = handle_to_obj(p.handle[i]);
	pid = prepared_fork(pool);
	if (pid == 0) {
		zs_compact(pool);
		zs_trim(pool);
		CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
		for (int i = 0; i < NR_PINNED; i++) {
			CHILD_CHECK(handle_to_obj(p.handle[i]) == obj[i]);
			CHILD_CHECK(object_ok(pool, p.handle[i], 504,
					      (unsigned)i * 10));
			/* What the thread was given is still that. */
			CHILD_CHECK(pattern_ok(p.mem[i], 8, (unsigned)i * 10));
		}
		/* Still of use: its zspages' other places, too. */
		for (int i = 0; i < 300; i++)
			CHILD_CHECK(!zs_is_err(zs_malloc(pool, 504, GFP_KERNEL,
							 NUMA_NO_NODE)));
		for (int i = 0; i < NR_PINNED; i++)
			zs_free(pool, p.handle[i]);
		for (int i = 5; i < 400; i += 10)
			zs_free(pool, fill[i]);
		CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
		CHILD_CHECK(zs_destroy_pool(pool) == 300);
		child_exit(0);
	}
	assert_child_well(pid);
	__atomic_store_n(&p.end, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* In the parent the pins went with the reads. */
	assert_true(zs_compact(pool) > 0);
	assert_int_equal(zs_shrink_count(pool), 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 80);
}

/* The forking thread's own reads are ended in both. */
static void test_own_reads_are_ended_in_both(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);
	unsigned long handles[100], count;
	void *mem[100];
	pid_t pid;

	for (int i = 0; i < 100; i++) {
		handles[i] = must_malloc(pool, 1000);
		assert_true(object_fill(pool, handles[i], 1000, (unsigned)i));
	}
	for (int i = 0; i < 100; i++)
		if (i % 4)
			zs_free(pool, handles[i]);
	for (int i = 0; i < 100; i += 4) {
		mem[i] = zs_obj_read_begin(pool, handles[i], 8, NULL);
		assert_non_null(mem[i]);
	}
	pid = prepared_fork(pool);
	for (int i = 0; i < 100; i += 4)
		zs_obj_read_end(pool, handles[i], 8, mem[i]);
	count = zs_shrink_count(pool);
	if (pid == 0) {
		CHILD_CHECK(count > 0);
		CHILD_CHECK(zs_compact(pool) == count);
		for (int i = 0; i < 100; i += 4)
			CHILD_CHECK(
				object_ok(pool, handles[i], 1000, (unsigned)i));
		CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
		CHILD_CHECK(zs_destroy_pool(pool) == 25);
		child_exit(0);
	}
	assert_child_well(pid);
	assert_int_equal(zs_compact(pool), count);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prepare_keeps_changes_out),
		cmocka_unit_test(test_queued_work_is_done_in_both),
		cmocka_unit_test(test_kept_objects_are_in_both),
		cmocka_unit_test(test_kept_objects_get_old_in_the_child),
		cmocka_unit_test(test_reads_of_others_pin_in_the_child),
		cmocka_unit_test(test_own_reads_are_ended_in_both),
	};

	return cmocka_run_group_tests_name("fork_holds", tests, NULL, NULL);
}
