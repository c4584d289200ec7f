/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_failure_late.c - a pool that has objects compacts, trims, is walked
 * over, frees, defers or starts its worker, while the Nth page, slab object or
 * piece of memory from the OS is refused. The call must do without, or leave
 * everything as it was.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "failure_util.h"

#include <errno.h>
#include <unistd.h>

/* ------------------------------------------------------------------------
 * What needs no memory
 */

/* Live objects with holes between: what compaction and migration work on. */
struct sparse {
	struct zs_pool *pool;
	unsigned long handles[MAX_LIVE];
	size_t sizes[MAX_LIVE];
	unsigned int n;
	size_t given; /* by zs_trim */
	unsigned long freed; /* by zs_compact */
};

static struct sparse sparse;

static void make_sparse(unsigned int page_size, enum zs_lock_scope scope,
			unsigned int flags, unsigned int objs,
			unsigned int keep_1_in, size_t size)
{
	struct rng rng;
	unsigned int kept = 0;

	rng_seed(&rng, page_size + keep_1_in);
	sparse.pool = pool_with(page_size, scope, flags);
	sparse.n = min(objs, (unsigned int)MAX_LIVE);
	for (unsigned int i = 0; i < sparse.n; i++) {
		sparse.sizes[i] = size ? size : rng_range(&rng, 1, page_size);
		sparse.handles[i] = must_malloc(sparse.pool, sparse.sizes[i]);
	}
	for (unsigned int i = 0; i < sparse.n; i++) {
		if (rng_below(&rng, keep_1_in)) {
			zs_free(sparse.pool, sparse.handles[i]);
			continue;
		}
		sparse.handles[kept] = sparse.handles[i];
		sparse.sizes[kept] = sparse.sizes[i];
		assert_true(object_fill(sparse.pool, sparse.handles[kept],
					sparse.sizes[kept], kept));
		kept++;
	}
	sparse.n = kept;
}

static void check_sparse(void)
{
	assert_sound(sparse.pool);
	assert_int_equal(info_of(sparse.pool).objs_inuse, sparse.n);
	for (unsigned int i = 0; i < sparse.n; i++)
		assert_true(object_ok(sparse.pool, sparse.handles[i],
				      sparse.sizes[i], i));
}

static void end_sparse(void)
{
	while (sparse.n)
		zs_free(sparse.pool, sparse.handles[--sparse.n]);
	assert_works(sparse.pool);
	assert_empty(sparse.pool);
	assert_int_equal(zs_destroy_pool(sparse.pool), 0);
}

static bool compact(void *arg)
{
	sparse.freed = zs_compact(sparse.pool);
	return true;
}

/* K1: not a single attempt. The zone is empty and the OS has nothing. */
static void test_compact_asks_for_no_memory(void **state)
{
	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++)
		for (int kind = 0; kind < UZS_NR_ALLOC_FAULTS; kind++) {
			struct tally tally = { 0 };
			unsigned long freeable;
			unsigned int n;

			make_sparse(page_sizes[p], nth_scope((unsigned int)p),
				    ZS_POOL_NO_WORKER, 800, 4, 0);
			n = hoard_pages(sparse.pool);
			freeable = info_of(sparse.pool).freeable_pages;
			assert_true(freeable > 0);
			assert_false(fail_nth((enum uzs_fault_kind)kind, 1,
					      compact, NULL, &tally));
			assert_true(sparse.freed >= freeable / 2);
			check_sparse();
			release_pages(sparse.pool, n);
			end_sparse();
		}
}

/* What stops compaction is somebody who reads: it gives up and loses
 * nothing. */
static void test_pinned_compact_gives_up_cleanly(void **state)
{
	make_sparse(4096, ZS_SCOPE_HELD, ZS_POOL_NO_WORKER, 1000, 3, 300);
	for (unsigned int i = 0; i < sparse.n; i++) {
		struct iovec iov[2];

		assert_true(zs_obj_read_sg_begin(sparse.pool, sparse.handles[i],
						 iov, 300) > 0);
	}
	assert_true(info_of(sparse.pool).freeable_pages > 0);
	assert_int_equal(zs_compact(sparse.pool), 0);
	assert_int_equal(zs_shrink_scan(sparse.pool, 1), ZS_SHRINK_STOP);
	/* Nor do pages move. */
	zs_trim(sparse.pool);
	assert_int_equal(info_of(sparse.pool).pages_migrated, 0);
	assert_int_equal(info_of(sparse.pool).objs_moved, 0);
	assert_sound(sparse.pool);
	for (unsigned int i = 0; i < sparse.n; i++)
		zs_obj_read_sg_end(sparse.pool, sparse.handles[i]);
	assert_true(zs_compact(sparse.pool) > 0);
	check_sparse();
	end_sparse();
}

static bool trim(void *arg)
{
	sparse.given = zs_trim(sparse.pool);
	return true;
}

/* Page migration takes what the zone has and asks nobody. */
static void test_trim_takes_what_the_zone_has(void **state)
{
	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++)
		for (int kind = 0; kind < UZS_NR_ALLOC_FAULTS; kind++) {
			struct tally tally = { 0 };
			unsigned int objs = min((6u << 22) / page_sizes[p],
						(unsigned int)MAX_LIVE);

			/* Sparse sections of whole pages. */
			make_sparse(page_sizes[p], nth_scope((unsigned int)p),
				    ZS_POOL_NO_WORKER, objs, 3, page_sizes[p]);
			if (kind == UZS_FAULT_PAGE) {
				/* Structures of zspages are moved, too, if
				 * there is a page for that. */
				bool hit = true;

				for (long nth = 1; hit; nth++) {
					hit = fail_nth(UZS_FAULT_PAGE, nth,
						       trim, NULL, &tally);
					check_sparse();
				}
			} else {
				assert_false(fail_nth((enum uzs_fault_kind)kind,
						      1, trim, NULL, &tally));
			}
			assert_true(info_of(sparse.pool).pages_migrated > 0);
			assert_true(info_of(sparse.pool).bytes_given_back > 0);
			assert_int_equal(tally.failures, 0);
			check_sparse();
			end_sparse();
		}
}

/* Structures of zspages in sparse slabs: without a page for them they stay
 * where they are. */
static void test_without_page_structures_stay(void **state)
{
	struct tally tally = { 0 };
	unsigned long slabs;
	bool hit = true;

	for (long nth = 1; hit; nth++) {
		make_sparse(4096, nth_scope((unsigned int)nth),
			    ZS_POOL_NO_WORKER, MAX_LIVE, 12, 4096);
		slabs = sparse.pool->zspage_cache.nr_slabs;
		assert_true(slabs > 20);
		hit = fail_nth(UZS_FAULT_PAGE, nth, trim, NULL, &tally);
		check_sparse();
		/* Without failure, or the next time. */
		zs_trim(sparse.pool);
		check_sparse();
		assert_true(sparse.pool->zspage_cache.nr_slabs < slabs / 4);
		end_sparse();
	}
	assert_true(tally.survived > 0);
}

/* ------------------------------------------------------------------------
 * Walks
 */

struct listing {
	struct zs_pool *pool;
	unsigned int index;
	unsigned int calls;
	int rc;
};

static int list_one(const struct zs_zspage_info *zspage, void *arg)
{
	struct listing *l = arg;

	l->calls++;
	assert_true(zspage->inuse <= zspage->objs);
	return 0;
}

static bool list_zspages(void *arg)
{
	struct listing *l = arg;

	l->calls = 0;
	l->rc = zs_for_each_zspage(l->pool, l->index, list_one, l);
	if (l->rc)
		assert_int_equal(l->rc, -ENOMEM);
	return l->rc == 0;
}

static int count_live(unsigned long handle, void *arg)
{
	assert_int_not_equal(handle, 0);
	++*(unsigned int *)arg;
	return 0;
}

static void test_walks_survive_failures(void **state)
{
	struct listing l;
	struct tally tally = { 0 };
	unsigned int live = 0;
	bool hit = true;

	make_sparse(4096, ZS_SCOPE_HELD, ZS_POOL_NO_WORKER, 2000, 3, 200);
	l.pool = sparse.pool;
	l.index =
		zs_lookup_class_index(sparse.pool, 200 + sizeof(unsigned long));
	for (long nth = 1; hit; nth++) {
		hit = fail_nth(UZS_FAULT_OS, nth, list_zspages, &l, &tally);
		/* All of them, or none. */
		if (hit)
			assert_int_equal(l.calls, 0);
		else
			assert_true(l.calls > 0);
		check_sparse();
	}
	assert_true(tally.failures > 0);

	/* What shows without a copy needs no memory. */
	for (int kind = 0; kind < UZS_NR_ALLOC_FAULTS; kind++)
		uzs_fault_set((enum uzs_fault_kind)kind, 1);
	assert_int_equal(zs_for_each_live(sparse.pool, count_live, &live), 0);
	assert_int_equal(live, sparse.n);
	assert_sound(sparse.pool);
	for (int kind = 0; kind < UZS_NR_ALLOC_FAULTS; kind++)
		assert_int_equal(uzs_fault_seen((enum uzs_fault_kind)kind), 0);
	no_faults();
	end_sparse();
}

/* ------------------------------------------------------------------------
 * Freeing and destroying: never for lack of anything
 */

static bool free_all(void *arg)
{
	while (sparse.n)
		zs_free(sparse.pool, sparse.handles[--sparse.n]);
	return true;
}

static void test_free_fails_nothing(void **state)
{
	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++)
		for (int kind = 0; kind < UZS_NR_ALLOC_FAULTS; kind++) {
			struct tally tally = { 0 };

			make_sparse(page_sizes[p], nth_scope((unsigned int)p),
				    ZS_POOL_NO_WORKER, 1000, 2, 0);
			assert_false(fail_nth((enum uzs_fault_kind)kind, 1,
					      free_all, NULL, &tally));
			assert_empty(sparse.pool);
			end_sparse();
		}
}

static unsigned long destroyed_live;

static bool destroy(void *arg)
{
	destroyed_live = zs_destroy_pool(sparse.pool);
	return true;
}

static void test_destroy_never_fails(void **state)
{
	size_t before;

	address_space();
	before = address_space();
	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++)
		for (int kind = 0; kind < UZS_NR_ALLOC_FAULTS; kind++) {
			struct tally tally = { 0 };

			make_sparse(page_sizes[p],
				    nth_scope((unsigned int)kind),
				    ZS_POOL_NO_WORKER, 1000, 2, 0);
			assert_false(fail_nth((enum uzs_fault_kind)kind, 1,
					      destroy, NULL, &tally));
			assert_int_equal(destroyed_live, sparse.n);
			sparse.n = 0;
		}
	assert_no_growth(before);
}

/* ------------------------------------------------------------------------
 * Deferred free: what cannot be put aside is freed at once
 */

static bool free_all_deferred(void *arg)
{
	while (sparse.n)
		zs_free_deferred(sparse.pool, sparse.handles[--sparse.n]);
	return true;
}

static void test_what_cannot_be_queued_is_freed(void **state)
{
	struct tally tally = { 0 };
	bool hit = true;

	/* The array is made by the first that needs it. */
	for (long nth = 1; hit; nth++) {
		make_sparse(4096, nth_scope((unsigned int)nth),
			    ZS_POOL_NO_WORKER, 1000, 2, 0);
		hit = fail_nth(UZS_FAULT_OS, nth, free_all_deferred, NULL,
			       &tally);
		assert_sound(sparse.pool);
		zs_free_deferred_flush(sparse.pool);
		assert_int_equal(info_of(sparse.pool).objs_inuse, 0);
		end_sparse();
	}
	assert_true(tally.survived > 0);
}

static bool enable_buffers(void *arg)
{
	int rc = zs_pool_enable_deferred_free(sparse.pool, NULL, NULL);

	if (rc)
		assert_int_equal(rc, -ENOMEM);
	return rc == 0;
}

static void test_failed_enable_changes_nothing(void **state)
{
	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++) {
		struct tally tally = { 0 };
		unsigned int most;
		bool hit = true;

		make_sparse(page_sizes[p], nth_scope((unsigned int)p),
			    ZS_POOL_NO_WORKER, 500, 2, 0);
		/* What is queued before is not lost either way. */
		most = sparse.n;
		while (sparse.n > most / 2)
			zs_free_deferred(sparse.pool,
					 sparse.handles[--sparse.n]);
		for (long nth = 1; hit; nth++) {
			hit = fail_nth(UZS_FAULT_OS, nth, enable_buffers, NULL,
				       &tally);
			check_sparse();
		}
		assert_true(tally.failures > 0);
		assert_int_equal(zs_pool_enable_deferred_free(sparse.pool, NULL,
							      NULL),
				 -EBUSY);
		while (sparse.n)
			zs_free_deferred(sparse.pool,
					 sparse.handles[--sparse.n]);
		zs_free_deferred_flush(sparse.pool);
		assert_int_equal(info_of(sparse.pool).objs_inuse, 0);
		end_sparse();
	}
}

/* No room within the limit for what frees later: it is not had, and objects
 * are freed at once. */
static void test_queue_beyond_the_limit_is_not_made(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	static unsigned long handles[MAX_LIVE];
	struct zs_pool *pool;
	unsigned int n = 0;

	o.memory_limit = 4 << 20;
	o.flags = ZS_POOL_NO_WORKER;
	pool = zs_create_pool_with("limit", &o);
	assert_non_null(pool);
	for (; n < MAX_LIVE; n++) {
		handles[n] = zs_malloc(pool, 4096, GFP_KERNEL, NUMA_NO_NODE);
		if (zs_is_err(handles[n]))
			break;
	}
	assert_in_range(n, 500, MAX_LIVE - 1);
	assert_int_equal(zs_pool_enable_deferred_free(pool, NULL, NULL),
			 -ENOMEM);
	assert_false(zs_free_deferred(pool, handles[--n]));
	assert_int_equal(info_of(pool).objs_inuse, n);
	assert_true(info_of(pool).bytes_resident <= o.memory_limit);
	assert_sound(pool);
	/* As soon as there is room: */
	while (n > 100)
		zs_free(pool, handles[--n]);
	zs_trim(pool);
	assert_true(zs_free_deferred(pool, handles[--n]));
	assert_int_equal(zs_pool_enable_deferred_free(pool, NULL, NULL), 0);
	assert_int_equal(info_of(pool).objs_inuse, n);
	while (n) {
		zs_free_deferred(pool, handles[--n]);
		assert_true(info_of(pool).bytes_resident <= o.memory_limit);
	}
	assert_works(pool);
	assert_empty(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ------------------------------------------------------------------------
 * The worker cannot be had
 */

/* A pool with a worker and `bytes` of free memory that it is to give back. */
static struct zs_pool *pool_with_surplus(size_t bytes)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	static unsigned long handles[MAX_LIVE];
	unsigned int n = (unsigned int)(bytes / 4096);
	struct zs_pool *pool;

	o.retained_bytes = 1 << 20;
	pool = zs_create_pool_with("worker", &o);
	assert_non_null(pool);
	assert_true(n <= MAX_LIVE);
	for (unsigned int i = 0; i < n; i++)
		handles[i] = must_malloc(pool, 4096);
	for (unsigned int i = 0; i < n; i++)
		zs_free(pool, handles[i]);
	return pool;
}

/* Nothing fails for the caller; the work waits, and zs_drain, zs_trim or
 * zs_destroy_pool does it. */
static void test_without_thread_the_work_waits(void **state)
{
	size_t before;

	/* libc keeps the stack of a thread that has ended for the next. */
	zs_destroy_pool(pool_with_surplus((size_t)8 << 20));
	address_space();
	before = address_space();
	for (int how = 0; how < 3; how++) {
		struct zs_pool *pool;
		long sections;

		/* How many things the OS gives before the thread? */
		uzs_fault_set(UZS_FAULT_OS, 0);
		pool = make_pool(4096, 0, ZS_POOL_NO_WORKER);
		zs_destroy_pool(pool);
		pool = pool_with_surplus((size_t)8 << 20);
		zs_drain(pool);
		assert_int_equal(pool->wq.worker, UZS_WORKER_RUNNING);
		sections = uzs_fault_seen(UZS_FAULT_OS) - 2;
		zs_destroy_pool(pool);
		assert_true(sections >= 3);

		/* The pool, its sections, then the thread: that fails, also
		 * when later frees ask again. */
		uzs_fault_set_from(UZS_FAULT_OS, sections + 1);
		pool = pool_with_surplus((size_t)8 << 20);
		assert_true(uzs_fault_seen(UZS_FAULT_OS) > sections + 2);
		no_faults();
		assert_int_equal(pool->wq.worker, UZS_WORKER_NONE);
		assert_true(work_pending(&pool->give_back_work));
		assert_true(info_of(pool).bytes_free > 1 << 20);
		assert_sound(pool);
		if (how == 0) {
			/* Here, as there is no thread. */
			assert_int_equal(zs_drain(pool), 1);
			assert_false(work_pending(&pool->give_back_work));
			assert_true(info_of(pool).bytes_free <= 1 << 20);
		} else if (how == 1) {
			zs_trim(pool);
			assert_int_equal(info_of(pool).bytes_free, 0);
		}
		/* zs_destroy_pool finds the work queued. */
		if (how < 2) {
			assert_works(pool);
			assert_empty(pool);
		}
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
	assert_no_growth(before);
}

/* The next time it is wanted it is asked for again. */
static void test_thread_is_asked_for_again(void **state)
{
	static unsigned long handles[MAX_LIVE];
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	const unsigned int n = 2048;
	struct zs_pool *pool;

	o.retained_bytes = 1 << 20;
	pool = zs_create_pool_with("worker", &o);
	assert_non_null(pool);
	for (int round = 0; round < 4; round++) {
		for (unsigned int i = 0; i < n; i++)
			handles[i] = must_malloc(pool, 4096);
		/* Twice in vain. */
		if (round < 2)
			uzs_fault_set_from(UZS_FAULT_OS, 1);
		/* Then only the first time, which later frees make good. */
		if (round == 2)
			uzs_fault_set(UZS_FAULT_OS, 1);
		for (unsigned int i = 0; i < n; i++)
			zs_free(pool, handles[i]);
		assert_sound(pool);
		if (round < 3)
			assert_true(uzs_fault_seen(UZS_FAULT_OS) > 0);
		no_faults();
		if (round < 2) {
			assert_int_equal(pool->wq.worker, UZS_WORKER_NONE);
			/* Whoever waits for the work does it. */
			zs_drain(pool);
			continue;
		}
		for (int ms = 0;
		     ms < 20000 && info_of(pool).bytes_free > 1 << 20; ms++)
			usleep(1000);
		assert_int_equal(pool->wq.worker, UZS_WORKER_RUNNING);
		assert_true(info_of(pool).bytes_free <= 1 << 20);
	}
	assert_works(pool);
	zs_drain(pool);
	assert_empty(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_compact_asks_for_no_memory, start),
		cmocka_unit_test_setup(test_pinned_compact_gives_up_cleanly,
				       start),
		cmocka_unit_test_setup(test_trim_takes_what_the_zone_has,
				       start),
		cmocka_unit_test_setup(test_without_page_structures_stay,
				       start),
		cmocka_unit_test_setup(test_walks_survive_failures, start),
		cmocka_unit_test_setup(test_free_fails_nothing, start),
		cmocka_unit_test_setup(test_destroy_never_fails, start),
		cmocka_unit_test_setup(test_what_cannot_be_queued_is_freed,
				       start),
		cmocka_unit_test_setup(test_failed_enable_changes_nothing,
				       start),
		cmocka_unit_test_setup(test_queue_beyond_the_limit_is_not_made,
				       start),
		cmocka_unit_test_setup(test_without_thread_the_work_waits,
				       start),
		cmocka_unit_test_setup(test_thread_is_asked_for_again, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
