/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_deferred.c - deferred.c: what both kinds of queue have in common, and
 * what happens without one.
 *
 * Whole, as each test is short and runs on both kinds of queue.
 */
#include "test_system.h"
#include "test_defer.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/fault.h"

/* ---- one handle ---------------------------------------------------------- */

/* The lock is free, the queue has room: the object stays until a flush. */
static void test_object_stays_until_a_flush(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		unsigned long a = must_malloc(pool, TINY);
		unsigned long b = must_malloc(pool, 1000);

		assert_true(zs_free_deferred(pool, a));
		assert_counts(pool, 1, 0, 0, 0, 0);
		assert_int_equal(inuse(class_for(pool, TINY)), 1);
		assert_true(zs_free_deferred(pool, b));
		assert_counts(pool, 2, 0, 0, 0, 0);
		assert_false(work_due(pool));
		assert_int_equal(zs_drain(pool), 0);
		assert_int_equal(info_of(pool).objs_inuse, 2);
		assert_sound(pool);
		zs_free_deferred_flush(pool);
		assert_counts(pool, 2, 0, 0, 2, 0);
		assert_nothing_left(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* Without a queue: at once, and nothing to count. */
static void test_without_queue_frees_at_once(void **state)
{
	struct zs_pool *pool = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);

	for (int i = 0; i < 100; i++) {
		unsigned long handle = must_malloc(pool, 100);

		assert_false(zs_free_deferred(pool, handle));
		assert_int_equal(info_of(pool).objs_inuse, 0);
		assert_false(zs_defer_push(pool, handle));
	}
	zs_free_deferred_flush(pool);
	assert_counts(pool, 0, 0, 0, 0, 0);
	assert_empty(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* 0 and error values are no handles: neither queued nor counted. */
static void test_no_handle_is_not_counted(void **state)
{
	for (enum zs_defer_mode mode = ZS_DEFER_NONE;
	     mode <= VARIANT_LAST_QUEUE; mode++) {
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);

		must_malloc(pool, 100);
		assert_false(zs_free_deferred(pool, 0));
		for (long e = 1; e <= 4095; e++)
			assert_false(zs_free_deferred(pool, (unsigned long)-e));
		zs_free_deferred_flush(pool);
		assert_counts(pool, 0, 0, 0, 0, 0);
		assert_int_equal(info_of(pool).objs_inuse, 1);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 1);
	}
}

/* The queue's lock is another's: it is not waited for. */
static void test_busy_queue_is_not_waited_for(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		unsigned long handles[10];

		for (int i = 0; i < 10; i++)
			handles[i] = must_malloc(pool, 100);
		lock_queue(pool);
		for (unsigned int i = 0; i < 9; i++) {
			assert_false(zs_free_deferred(pool, handles[i]));
			assert_int_equal(inuse(class_for(pool, 100)), 9 - i);
		}
		unlock_queue(pool);
		assert_counts(pool, 0, 9, 0, 0, 0);
		assert_true(zs_free_deferred(pool, handles[9]));
		assert_counts(pool, 1, 9, 0, 0, 0);
		zs_free_deferred_flush(pool);
		assert_counts(pool, 1, 9, 0, 1, 0);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* Whoever queues in a thread of its own. */
static void help_defer(struct helper *h)
{
	h->result = 0;
	for (unsigned int i = 0; i < h->n; i++)
		h->result += zs_free_deferred(h->pool, h->handles[i]);
}

/* The same when it is another thread that must not wait. */
static void test_other_thread_does_not_wait_either(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		unsigned long *handles = malloc_many(pool, 100, 200);
		struct helper h = { .handles = handles, .n = 200 };

		lock_queue(pool);
		helper_start(&h, pool, help_defer);
		helper_join(&h);
		unlock_queue(pool);
		assert_int_equal(h.result, 0);
		assert_counts(pool, 0, 200, 0, 0, 0);
		assert_empty(pool);
		free(handles);
		zs_destroy_pool(pool);
	}
}

/* A queued object is one as any until it is freed: it may be moved. */
static void test_queued_objects_may_move(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_few(pool, 3);
		unsigned int n = 20 * class->objs_per_zspage, queued = 0;
		unsigned long *handles = malloc_many(pool, room_of(class), n);

		for (unsigned int i = 0; i < n; i++)
			assert_true(object_fill(pool, handles[i],
						room_of(class), i));
		/* One in four stays, one in four is queued, in each zspage. */
		for (unsigned int i = 0; i < n; i++) {
			if (i % 4 < 2)
				zs_free(pool, handles[i]);
			if (i % 4 == 2)
				queued += zs_free_deferred(pool, handles[i]);
			if (i % 4 != 3)
				handles[i] = 0;
		}
		assert_int_equal(queued, n / 4);
		assert_true(zs_compact(pool) > 0);
		zs_trim(pool);
		assert_true(info_of(pool).objs_moved > n / 8);
		assert_int_equal(inuse(class), n / 2);
		zs_free_deferred_flush(pool);
		assert_int_equal(inuse(class), n / 4);
		for (unsigned int i = 3; i < n; i += 4)
			assert_true(
				object_ok(pool, handles[i], room_of(class), i));
		assert_sound(pool);
		for (unsigned int i = 3; i < n; i += 4)
			zs_free(pool, handles[i]);
		assert_empty(pool);
		free(handles);
		zs_destroy_pool(pool);
	}
}

/* ---- flush --------------------------------------------------------------- */

static void test_flush_of_nothing_does_nothing(void **state)
{
	for (enum zs_defer_mode mode = ZS_DEFER_DEFAULT;
	     mode <= VARIANT_LAST_QUEUE; mode++) {
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		size_t mapped = info_of(pool).bytes_mapped;

		uzs_fault_set(UZS_FAULT_OS, 0);
		zs_free_deferred_flush(pool);
		must_malloc(pool, 100);
		zs_free_deferred_flush(pool);
		zs_free_deferred_flush(pool);
		assert_counts(pool, 0, 0, 0, 0, 0);
		assert_int_equal(info_of(pool).objs_inuse, 1);
		/* The object's memory and its handle's, not the queue's. */
		assert_int_equal(info_of(pool).bytes_mapped % UZS_SECTION_SIZE,
				 mapped % UZS_SECTION_SIZE);
		assert_int_equal(zs_destroy_pool(pool), 1);
	}
}

/* A flush is freeing, and stands still at the lock of a class. Whoever queues
 * does not wait for it, nor does whoever frees in another class; and it leaves
 * alone what has been queued since it began. */
static void test_queueing_does_not_wait_for_a_drain(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		struct size_class *stuck = class_for(pool, 1000);
		unsigned long *others = malloc_many(pool, TINY, 300);
		struct helper h = { 0 };
		unsigned int queued = 0;

		one_cpu(pool);
		queue_many(pool, 1000, 100);
		helper_start_stopped(&h, pool, help_flush, stuck);
		assert_int_equal(info_of(pool).deferred_drained, 0);
		for (unsigned int i = 0; i < 200; i++)
			queued += zs_free_deferred(pool, others[i]);
		assert_int_equal(queued, 200);
		for (unsigned int i = 200; i < 300; i++)
			zs_free(pool, others[i]);
		assert_int_equal(inuse(class_for(pool, TINY)), 200);
		assert_int_equal(inuse(stuck), 100);
		assert_false(gate_at(&h.done));
		spin_unlock(&stuck->lock);
		helper_join(&h);
		assert_int_equal(inuse(stuck), 0);
		assert_int_equal(inuse(class_for(pool, TINY)), 200);
		assert_counts(pool, 300, 0, 0, 100, 0);
		assert_sound(pool);
		zs_free_deferred_flush(pool);
		assert_counts(pool, 300, 0, 0, 300, 0);
		assert_empty(pool);
		free(others);
		zs_destroy_pool(pool);
	}
}

/* Flushes, and notes what is left of the class that only the test uses. */
static void help_flush_and_look(struct helper *h)
{
	struct gate *go = (struct gate *)h->handles;

	gate_raise(go);
	zs_free_deferred_flush(h->pool);
	h->result = inuse(class_for(h->pool, 1000));
}

/* Nothing is in the queue any more, but what a flush took out of it is not
 * freed yet: for that another flush has to wait, too. */
static void test_second_flush_waits_for_the_first(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		struct size_class *stuck = class_for(pool, 1000);

		for (int round = uzs_test_scale(10); round > 0; round--) {
			struct gate go = { 0 };
			struct helper first = { 0 };
			struct helper second = { .handles = (void *)&go };

			queue_many(pool, 1000, 20);
			helper_start_stopped(&first, pool, help_flush, stuck);
			helper_start(&second, pool, help_flush_and_look);
			gate_await(&go, 1);
			await_drain_lock(pool, &second);
			spin_unlock(&stuck->lock);
			helper_join(&second);
			assert_int_equal(second.result, 0);
			helper_join(&first);
		}
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* In class-idx freeing what was queued does not take pool->lock, either. */
static void test_class_idx_flushes_without_pool_lock(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		bool takes_it = !pool->scope->class_in_obj;
		struct helper h = { 0 };

		queue_many(pool, 1000, 100);
		queue_many(pool, TINY, 100);
		write_lock(&pool->lock);
		helper_start(&h, pool, help_flush);
		while (!gate_at(&h.done) && !rwlock_is_contended(&pool->lock))
			sched_yield();
		assert_int_equal(rwlock_is_contended(&pool->lock), takes_it);
		assert_int_equal(info_of(pool).objs_inuse, takes_it ? 200 : 0);
		write_unlock(&pool->lock);
		helper_join(&h);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* A zspage that is emptied by a drain while a page of it is locked. */
static void test_drain_leaves_locked_page_to_the_work(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_pages(pool, 3);
		unsigned int objs = class->objs_per_zspage;
		unsigned long *handles =
			malloc_many(pool, room_of(class), 2 * objs);
		struct page *page = page_at(zspage_of(pool, handles[0]), 1);

		lock_page(page);
		for (unsigned int i = 0; i < 2 * objs; i++)
			assert_true(zs_free_deferred(pool, handles[i]));
		zs_free_deferred_flush(pool);
		assert_int_equal(class->groups->zspages[ZS_INUSE_RATIO_0], 1);
		assert_int_equal(class->objs_capacity, objs);
		assert_int_equal(class->objs_inuse, 0);
		assert_int_equal(zs_get_total_pages(pool),
				 class->pages_per_zspage);
		assert_true(work_pending(&pool->free_work));
		assert_sound(pool);
		unlock_page(page);
		zs_drain(pool);
		assert_int_equal(info_of(pool).zspages_async_freed, 1);
		assert_empty(pool);
		free(handles);
		zs_destroy_pool(pool);
	}
}

/* ---- the work ------------------------------------------------------------ */

/* The caller drains. What has not reached the threshold waits. */
static void test_without_worker_the_caller_drains(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		unsigned int n = threshold(pool);

		one_cpu(pool);
		queue_many(pool, TINY, n - 1);
		assert_false(work_due(pool));
		assert_int_equal(zs_drain(pool), 0);
		assert_counts(pool, n - 1, 0, 0, 0, 0);
		queue_many(pool, TINY, 1);
		assert_true(work_due(pool));
		assert_counts(pool, n, 0, 0, 0, 1);
		assert_int_equal(info_of(pool).objs_inuse, n);
		/* The work does all of it. */
		assert_true(zs_drain(pool) >= 1);
		assert_counts(pool, n, 0, 0, n, 1);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* The same with a worker, which needs nobody's help. */
static void test_worker_drains_from_the_threshold(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, 0);
		unsigned int n = threshold(pool);

		one_cpu(pool);
		queue_many(pool, TINY, n - 1);
		zs_drain(pool);
		assert_counts(pool, n - 1, 0, 0, 0, 0);
		queue_many(pool, TINY, 1);
		while (inuse(class_for(pool, TINY)))
			sched_yield();
		assert_int_equal(zs_drain(pool), 0);
		assert_counts(pool, n, 0, 0, n, 1);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* A flush before the work: the work finds nothing, and the next time all is as
 * the first time. */
static void test_work_after_a_flush_finds_nothing(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		unsigned int n = threshold(pool);

		one_cpu(pool);
		for (unsigned int round = 1; round <= 3; round++) {
			queue_many(pool, TINY, n - 1);
			assert_false(work_due(pool));
			queue_many(pool, TINY, 1);
			assert_true(work_due(pool));
			zs_free_deferred_flush(pool);
			assert_counts(pool, round * n, 0, 0, round * n, round);
			assert_empty(pool);
			/* A give-back may be due as well. */
			assert_in_range(zs_drain(pool), 1, 2);
			assert_counts(pool, round * n, 0, 0, round * n, round);
		}
		zs_destroy_pool(pool);
	}
}

/* No thread to be had: the handles wait for whoever drains; none is lost. */
static void test_without_thread_no_handle_is_lost(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, 0);
		unsigned int n = threshold(pool);

		one_cpu(pool);
		queue_many(pool, TINY, n - 1);
		uzs_fault_set(UZS_FAULT_OS, 1);
		queue_many(pool, TINY, 1);
		assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 1);
		uzs_fault_set(UZS_FAULT_OS, 0);
		assert_true(work_due(pool));
		assert_counts(pool, n, 0, 0, 0, 1);
		queue_many(pool, TINY, 10);
		assert_true(zs_drain(pool) >= 1);
		zs_free_deferred_flush(pool);
		assert_counts(pool, n + 10, 0, 0, n + 10, 1);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* Not by queueing, as all is full: by what finds no room. */
static void test_worker_is_asked_for_when_full(void **state)
{
	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, 0);
		unsigned int n = 0;
		unsigned long handle;

		one_cpu(pool);
		for (;;) {
			handle = must_malloc(pool, TINY);
			uzs_fault_set_from(UZS_FAULT_OS, 1);
			if (!zs_free_deferred(pool, handle))
				break;
			uzs_fault_set(UZS_FAULT_OS, 0);
			n++;
		}
		uzs_fault_set(UZS_FAULT_OS, 0);
		assert_true(n > threshold(pool));
		assert_true(uzs_workqueue_lacks_worker(&pool->wq));
		assert_int_equal(info_of(pool).deferred_drained, 0);
		assert_false(zs_free_deferred(pool, must_malloc(pool, TINY)));
		assert_false(uzs_workqueue_lacks_worker(&pool->wq));
		flush_work(&pool->wq, &pool->deferred.work);
		assert_true(info_of(pool).deferred_drained > 0);
		zs_free_deferred_flush(pool);
		assert_int_equal(info_of(pool).deferred_drained, n);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* ---- the end ------------------------------------------------------------- */

/* Destroying a pool frees what is queued: it is not live. Below the threshold
 * and with the work under way. */
static void check_destroy(enum zs_defer_mode mode, unsigned int flags,
			  bool many)
{
	struct zs_pool *pool = make_deferring(mode, flags);

	one_cpu(pool);
	/* A worker that is at it already may be in the way. */
	for (unsigned int n = many ? threshold(pool) + 10 : 10; n; n--)
		zs_free_deferred(pool, must_malloc(pool, TINY));
	must_malloc(pool, 100);
	must_malloc(pool, 2000);
	assert_int_equal(zs_destroy_pool(pool), 2);
}

static void test_destroy_frees_what_is_queued(void **state)
{
	for_each_queue_mode(mode)
	{
		check_destroy(mode, 0, false);
		check_destroy(mode, 0, true);
		check_destroy(mode, ZS_POOL_NO_WORKER, false);
		check_destroy(mode, ZS_POOL_NO_WORKER, true);
	}
}

/* ---- memory -------------------------------------------------------------- */

/* The queue's memory is shown: none, an array, buffers. */
static void test_memory_of_the_queue_is_shown(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	struct zs_pool_info none, array, percpu;
	unsigned int bufs;
	struct zs_pool *pool;
	size_t page = test_page_size;

	pool = make_deferring(ZS_DEFER_NONE, 0);
	none = info_of(pool);
	zs_destroy_pool(pool);
	pool = make_deferring(ZS_DEFER_ARRAY, 0);
	array = info_of(pool);
	assert_int_equal(pool->deferred.capacity, ((size_t)128 << 20) / page);
	zs_destroy_pool(pool);
	pool = make_deferring(ZS_DEFER_PERCPU, 0);
	percpu = info_of(pool);
	bufs = (256u << 10) / test_page_size + pool->deferred.slots.slots;
	zs_destroy_pool(pool);

	assert_int_equal(array.bytes_mapped - none.bytes_mapped,
			 ((size_t)128 << 20) / page * sizeof(long));
	assert_int_equal(array.bytes_resident - none.bytes_resident,
			 array.bytes_mapped - none.bytes_mapped);
	assert_in_range(percpu.bytes_mapped - none.bytes_mapped, bufs * page,
			bufs * page + (64 << 10));
	assert_int_equal(percpu.bytes_resident - none.bytes_resident,
			 percpu.bytes_mapped - none.bytes_mapped);
	assert_int_equal(percpu.pages, 0);
	assert_int_equal(percpu.slab_pages, 0);
}

/* ---- fork ---------------------------------------------------------------- */

/* In the child: frees its copy of what is queued. Return: exit code. */
static int use_in_child(struct zs_pool *pool, unsigned int n, bool drain)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;

	alarm(120); /* does not outlive a test that hangs */
	zs_fork_child(pool);
	zs_pool_info(pool, &i);
	if (i.deferred_queued != n || i.deferred_drained || i.objs_inuse != n)
		return 1;
	if (zs_pool_check(pool, stderr))
		return 2;
	if (drain && !zs_drain(pool))
		return 3;
	/* The queue is as usable as before. */
	for (unsigned int k = 0; k < 10; k++)
		if (!zs_free_deferred(pool, zs_malloc(pool, TINY, GFP_KERNEL,
						      NUMA_NO_NODE)))
			return 4;
	zs_free_deferred_flush(pool);
	zs_pool_info(pool, &i);
	if (i.deferred_queued != n + 10 || i.deferred_drained != n + 10)
		return 5;
	if (i.objs_inuse || i.pages || zs_pool_check(pool, stderr))
		return 6;
	return zs_destroy_pool(pool) ? 7 : 0;
}

static void check_fork(enum zs_defer_mode mode, unsigned int flags,
		       bool scheduled)
{
	struct zs_pool *pool = make_deferring(mode, flags);
	unsigned int n;
	int status;
	pid_t pid;

	one_cpu(pool);
	n = scheduled ? threshold(pool) : 33;
	queue_many(pool, TINY, n);
	zs_fork_prepare(pool);
	pid = fork();
	if (!pid)
		_exit(use_in_child(pool, n, scheduled));
	zs_fork_parent(pool);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* What the child does with its copy is nothing to the parent. */
	assert_counts(pool, n, 0, 0, 0, scheduled);
	assert_int_equal(info_of(pool).objs_inuse, n);
	queue_many(pool, TINY, 5);
	zs_free_deferred_flush(pool);
	assert_counts(pool, n + 5, 0, 0, n + 5, scheduled);
	assert_empty(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

static void test_child_drains_what_was_queued(void **state)
{
	for_each_queue_mode(mode)
	{
		check_fork(mode, ZS_POOL_NO_WORKER, false);
		check_fork(mode, ZS_POOL_NO_WORKER, true);
		check_fork(mode, 0, false);
	}
}

static unsigned long full[16384];

/* A pool at its limit, without a worker: *n objects of a page in `full`. */
static struct zs_pool *make_full(enum zs_defer_mode mode, unsigned int *n)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;
	unsigned long handle = 0;

	o.page_size = test_page_size;
	o.lock_scope = test_scope;
	o.defer = mode;
	o.flags = ZS_POOL_NO_WORKER;
	o.memory_limit = 8 << 20;
	pool = zs_create_pool_with("relief", &o);
	assert_non_null(pool);
	one_cpu(pool);
	for (*n = 0; *n < 16384; ++*n) {
		handle = zs_malloc(pool, test_page_size, GFP_KERNEL,
				   NUMA_NO_NODE);
		if (zs_is_err(handle))
			break;
		full[*n] = handle;
	}
	assert_in_range(*n, 100, 16383);
	assert_int_equal((long)handle, -ENOMEM);
	return pool;
}

/* Queued handles hold memory that the limit counts: who asks for some has them
 * freed, unless he must not sleep. */
static void check_relief(enum zs_defer_mode mode)
{
	unsigned int n;
	struct zs_pool *pool = make_full(mode, &n);
	unsigned long handle;

	for (unsigned int i = 0; i < n; i++)
		assert_true(zs_free_deferred(pool, full[i]));
	assert_int_equal((long)zs_malloc(pool, 100, GFP_NOWAIT, NUMA_NO_NODE),
			 -ENOMEM);
	assert_int_equal(info_of(pool).objs_inuse, n);
	handle = zs_malloc(pool, 100, GFP_KERNEL, NUMA_NO_NODE);
	assert_false(zs_is_err(handle));
	assert_int_equal(info_of(pool).objs_inuse, 1);
	assert_int_equal(info_of(pool).deferred_drained, n);
	assert_true(info_of(pool).bytes_resident <= 8 << 20);
	zs_free(pool, handle);
	assert_empty(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

struct relief_walk {
	struct zs_pool *pool;
	unsigned long got;
};

static int allocate_in_walk(unsigned long handle, void *arg)
{
	struct relief_walk *w = arg;

	(void)handle;
	w->got = zs_malloc(w->pool, 100, GFP_KERNEL, NUMA_NO_NODE);
	return 1;
}

/* Also from within a walk. */
static void check_relief_in_walk(enum zs_defer_mode mode)
{
	unsigned int n;
	struct zs_pool *pool = make_full(mode, &n);
	struct relief_walk w = { .pool = pool };

	for (unsigned int i = 1; i < n; i++)
		assert_true(zs_free_deferred(pool, full[i]));
	assert_int_equal(zs_for_each_live(pool, allocate_in_walk, &w), 1);
	assert_false(zs_is_err(w.got));
	zs_free(pool, w.got);
	zs_free(pool, full[0]);
	assert_empty(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

static void help_allocate(struct helper *h)
{
	h->result = zs_malloc(h->pool, 100, GFP_KERNEL, NUMA_NO_NODE);
}

/* Who has the right to drain just now is waited for. */
static void check_relief_beside_drain(enum zs_defer_mode mode)
{
	unsigned int n;
	struct zs_pool *pool = make_full(mode, &n);
	struct helper h = { 0 };

	for (unsigned int i = 0; i < n; i++)
		assert_true(zs_free_deferred(pool, full[i]));
	mutex_lock(&pool->deferred.drain_lock);
	helper_start(&h, pool, help_allocate);
	await_drain_lock(pool, &h);
	assert_false(gate_at(&h.done));
	mutex_unlock(&pool->deferred.drain_lock);
	helper_join(&h);
	assert_false(zs_is_err(h.result));
	zs_free(pool, h.result);
	zs_free_deferred_flush(pool);
	assert_empty(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

static void test_malloc_gets_what_is_queued(void **state)
{
	for_each_queue_mode(mode)
	{
		check_relief(mode);
		check_relief_in_walk(mode);
		check_relief_beside_drain(mode);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_object_stays_until_a_flush),
		cmocka_unit_test(test_without_queue_frees_at_once),
		cmocka_unit_test(test_no_handle_is_not_counted),
		cmocka_unit_test(test_busy_queue_is_not_waited_for),
		cmocka_unit_test(test_other_thread_does_not_wait_either),
		cmocka_unit_test(test_queued_objects_may_move),
		cmocka_unit_test(test_flush_of_nothing_does_nothing),
		cmocka_unit_test(test_queueing_does_not_wait_for_a_drain),
		cmocka_unit_test(test_second_flush_waits_for_the_first),
		cmocka_unit_test(test_class_idx_flushes_without_pool_lock),
		cmocka_unit_test(test_drain_leaves_locked_page_to_the_work),
		cmocka_unit_test(test_without_worker_the_caller_drains),
		cmocka_unit_test(test_worker_drains_from_the_threshold),
		cmocka_unit_test(test_work_after_a_flush_finds_nothing),
		cmocka_unit_test(test_without_thread_no_handle_is_lost),
		cmocka_unit_test(test_worker_is_asked_for_when_full),
		cmocka_unit_test(test_destroy_frees_what_is_queued),
		cmocka_unit_test(test_memory_of_the_queue_is_shown),
		cmocka_unit_test(test_malloc_gets_what_is_queued),
		cmocka_unit_test(test_child_drains_what_was_queued),
	};

	return run_in_every_variant(tests);
}
