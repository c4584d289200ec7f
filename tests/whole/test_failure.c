/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_failure.c - a pool is made, or an object allocated, while the Nth page,
 * slab object or piece of memory from the OS is refused, for N = 1, 2, 3, ...
 * until the call succeeds. Each time the error must be the right one, nothing
 * may be lost, and the pool must be sound and go on working. At the end all
 * kinds are refused at random.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "failure_util.h"

#include <errno.h>

/* ------------------------------------------------------------------------
 * zs_create_pool_with
 */

struct creation {
	struct zs_pool_options o;
	struct zs_pool *pool;
};

static bool create(void *arg)
{
	struct creation *c = arg;

	errno = 0;
	c->pool = zs_create_pool_with("failure", &c->o);
	if (!c->pool)
		assert_int_equal(errno, ENOMEM);
	return c->pool != NULL;
}

/* Return: failures. */
static long fail_creation(const struct zs_pool_options *o)
{
	struct tally tally = { 0 };

	for (int kind = 0; kind < UZS_NR_ALLOC_FAULTS; kind++) {
		struct creation c = { .o = *o };
		long failures = tally.failures;
		bool hit = true;

		for (long nth = 1; hit; nth++) {
			hit = fail_nth((enum uzs_fault_kind)kind, nth, create,
				       &c, &tally);
			assert_int_equal(!c.pool, hit);
			if (c.pool)
				assert_int_equal(zs_destroy_pool(c.pool), 0);
		}
		/* Pages and slabs wait for the first object. */
		if (kind != UZS_FAULT_OS)
			assert_int_equal(tally.failures, failures);
	}
	assert_int_equal(tally.survived, 0);
	return tally.failures;
}

static void test_failed_create_leaves_nothing(void **state)
{
	static const unsigned int chains[] = { 4, 8, 16 };
	static const size_t limits[] = { 0, 64 << 20 };
	size_t before;

	/* what a process keeps is taken now: stdio's buffers, and what the
	 * checked body knows of a thread */
	zs_destroy_pool(zs_create_pool("first"));
	address_space();
	before = address_space();
	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++)
		for (size_t c = 0; c < ARRAY_SIZE(chains); c++)
			for (int scope = ZS_SCOPE_DEFAULT;
			     scope <= VARIANT_NR_SCOPES; scope++)
				for (int defer = ZS_DEFER_DEFAULT;
				     defer <= VARIANT_NR_DEFERS; defer++)
					for (unsigned int more = 0; more < 4;
					     more++) {
						struct zs_pool_options o =
							ZS_POOL_OPTIONS_INIT;
						long failures;

						o.page_size = page_sizes[p];
						o.chain_size = chains[c];
						o.lock_scope =
							(enum zs_lock_scope)
								scope;
						o.defer = (enum zs_defer_mode)
							defer;
						o.memory_limit =
							limits[more & 1];
						o.flags =
							more & 2
								? ZS_POOL_NO_WORKER
								: 0;
						failures = fail_creation(&o);
						/* the pool, and what is to be
						 * there from the start */
						assert_int_equal(
							failures,
							defer >= ZS_DEFER_ARRAY
								? 2
								: 1);
					}
	assert_no_growth(before);
}

/* Errors that are the caller's come before any attempt to get memory. */
static void test_bad_options_ask_for_no_memory(void **state)
{
	struct creation c = { .o = ZS_POOL_OPTIONS_INIT };

	c.o.page_size = 4095;
	uzs_fault_set(UZS_FAULT_OS, 1);
	assert_null(zs_create_pool_with("failure", &c.o));
	assert_int_equal(errno, EINVAL);
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 0);
}

/* ------------------------------------------------------------------------
 * zs_malloc
 */

struct allocation {
	struct zs_pool *pool;
	size_t size;
	gfp_t gfp;
	unsigned long handle;
};

static bool allocate(void *arg)
{
	struct allocation *a = arg;

	a->handle = zs_malloc(a->pool, a->size, a->gfp, NUMA_NO_NODE);
	if (zs_is_err(a->handle))
		assert_int_equal(zs_err(a->handle), -ENOMEM);
	assert_int_not_equal(a->handle, 0);
	return !zs_is_err(a->handle);
}

/* The pool right after an allocation that failed, or one that did not. */
static void after_allocation(struct allocation *a)
{
	struct zs_pool_info info = info_of(a->pool);
	bool ok = !zs_is_err(a->handle);

	assert_int_equal(info.objs_inuse, ok);
	if (!ok) {
		assert_int_equal(info.pages, 0);
		assert_int_equal(info.objs_capacity, 0);
		assert_int_equal(info.peak_pages, 0);
		/* slabs may stay for the next one */
		assert_int_equal(zone_pages_used(a->pool), info.slab_pages);
	} else {
		assert_true(object_fill(a->pool, a->handle, a->size, 7));
		assert_true(object_ok(a->pool, a->handle, a->size, 7));
	}
	assert_sound(a->pool);
	if (ok)
		zs_free(a->pool, a->handle);
	assert_works(a->pool);
	assert_empty(a->pool);
}

/* The first object of a pool: everything is still to be had. */
static void test_first_malloc_survives_failures(void **state)
{
	struct tally tally[UZS_NR_ALLOC_FAULTS] = { 0 };

	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++) {
		const unsigned int page = page_sizes[p];
		const size_t sizes[] = {
			1, 100, page / 3, page / 2 + 100, page * 3 / 4, page
		};

		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
			for (int kind = 0; kind < UZS_NR_ALLOC_FAULTS; kind++) {
				bool hit = true;

				for (long nth = 1; hit; nth++) {
					struct allocation a = {
						.size = sizes[s],
						.gfp = GFP_KERNEL,
					};

					a.pool = pool_with(
						page,
						nth_scope((unsigned int)nth),
						ZS_POOL_NO_WORKER);
					hit = fail_nth(
						(enum uzs_fault_kind)kind, nth,
						allocate, &a, &tally[kind]);
					after_allocation(&a);
					assert_int_equal(
						zs_destroy_pool(a.pool), 0);
				}
			}
	}
	/* A handle, a zspage structure; the zspage's pages, as a slab asks
	 * for its page twice; a section is asked for again, or the other
	 * type's does. */
	assert_int_equal(tally[UZS_FAULT_SLAB].failures,
			 2 * 6 * ARRAY_SIZE(page_sizes));
	assert_int_equal(tally[UZS_FAULT_SLAB].survived, 0);
	assert_true(tally[UZS_FAULT_PAGE].failures >=
		    (long)(6 * ARRAY_SIZE(page_sizes)));
	assert_int_equal(tally[UZS_FAULT_PAGE].survived,
			 2 * 6 * ARRAY_SIZE(page_sizes));
	assert_int_equal(tally[UZS_FAULT_OS].failures, 0);
	assert_int_equal(tally[UZS_FAULT_OS].survived,
			 2 * 6 * ARRAY_SIZE(page_sizes));
}

/* Only what the pool has: never a call to the OS. */
static void test_nowait_malloc_asks_the_os_for_nothing(void **state)
{
	struct tally tally[UZS_NR_ALLOC_FAULTS] = { 0 };

	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++) {
		const unsigned int page = page_sizes[p];
		const size_t sizes[] = { 1, 100, page / 3, page * 3 / 4, page };

		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
			struct allocation a = { .size = sizes[s],
						.gfp = GFP_NOWAIT };

			/* A pool that has nothing. */
			a.pool = pool_with(page, nth_scope((unsigned int)s),
					   ZS_POOL_NO_WORKER);
			uzs_fault_set(UZS_FAULT_OS, 0);
			assert_false(allocate(&a));
			assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 0);
			assert_int_equal(info_of(a.pool).bytes_resident,
					 a.pool->meta_bytes);
			after_allocation(&a);
			zs_destroy_pool(a.pool);

			for (int kind = 0; kind < UZS_NR_ALLOC_FAULTS; kind++) {
				bool hit = true;

				for (long nth = 1; hit; nth++) {
					unsigned long old;

					a.pool = pool_with(
						page,
						nth_scope((unsigned int)nth),
						ZS_POOL_NO_WORKER);
					/* It has pages, but no slab. */
					old = must_malloc(a.pool, page);
					zs_free(a.pool, old);
					kmem_cache_shrink(
						&a.pool->handle_cache);
					kmem_cache_shrink(
						&a.pool->zspage_cache);
					a.pool->peak_pages = 0;
					uzs_fault_set(UZS_FAULT_OS, 0);
					hit = fail_nth(
						(enum uzs_fault_kind)kind, nth,
						allocate, &a, &tally[kind]);
					assert_int_equal(
						uzs_fault_seen(UZS_FAULT_OS),
						0);
					after_allocation(&a);
					zs_destroy_pool(a.pool);
				}
			}
		}
	}
	assert_true(tally[UZS_FAULT_SLAB].failures > 0);
	assert_true(tally[UZS_FAULT_PAGE].failures > 0);
	assert_int_equal(
		tally[UZS_FAULT_OS].failures + tally[UZS_FAULT_OS].survived, 0);
}

/* Nothing is free in the pool, and the OS has nothing: here a single failure
 * is one. */
static void test_malloc_in_a_full_pool_fails_cleanly(void **state)
{
	struct tally tally = { 0 };

	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++) {
		const unsigned int page = page_sizes[p];
		const size_t sizes[] = { 1, page / 3, page * 3 / 4, page };

		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
			struct allocation a = { .size = sizes[s],
						.gfp = GFP_KERNEL };
			bool hit = true;

			for (long nth = 1; hit; nth++) {
				struct zs_pool_info before, after;
				unsigned long old;
				unsigned int n;

				a.pool = pool_with(page,
						   nth_scope((unsigned int)nth),
						   ZS_POOL_NO_WORKER);
				/* An object of another class, so that there
				 * are slabs. */
				old = must_malloc(a.pool, page / 7);
				assert_true(
					object_fill(a.pool, old, page / 7, 3));
				n = hoard_pages(a.pool);
				before = info_of(a.pool);
				hit = fail_nth(UZS_FAULT_OS, nth, allocate, &a,
					       &tally);
				after = info_of(a.pool);
				if (zs_is_err(a.handle)) {
					assert_memory_equal(&before, &after,
							    sizeof(before));
				} else {
					assert_int_equal(after.objs_inuse, 2);
					zs_free(a.pool, a.handle);
				}
				assert_sound(a.pool);
				assert_true(
					object_ok(a.pool, old, page / 7, 3));
				release_pages(a.pool, n);
				assert_works(a.pool);
				zs_free(a.pool, old);
				assert_empty(a.pool);
				assert_int_equal(zs_destroy_pool(a.pool), 0);
			}
		}
	}
	assert_int_equal(tally.failures, 4 * ARRAY_SIZE(page_sizes));
}

/* Many objects, of which the one that the failure hits is missing. */
struct series {
	struct zs_pool *pool;
	gfp_t gfp;
	unsigned int n; /* objects wanted */
	unsigned long handles[MAX_LIVE];
	size_t sizes[MAX_LIVE];
	unsigned int failed;
};

static bool allocate_series(void *arg)
{
	struct series *s = arg;
	struct rng rng;

	rng_seed(&rng, 5);
	s->failed = 0;
	for (unsigned int i = 0; i < s->n; i++) {
		size_t most = rng_below(&rng, 4) ? s->pool->page_size / 8
						 : s->pool->page_size;

		s->sizes[i] = rng_range(&rng, 1, (unsigned int)most);
		s->handles[i] =
			zs_malloc(s->pool, s->sizes[i], s->gfp, NUMA_NO_NODE);
		if (zs_is_err(s->handles[i])) {
			assert_int_equal(zs_err(s->handles[i]), -ENOMEM);
			s->failed++;
			continue;
		}
		assert_true(
			object_fill(s->pool, s->handles[i], s->sizes[i], i));
	}
	return s->failed == 0;
}

static void test_series_of_mallocs_survives_failures(void **state)
{
	static struct series s;
	struct tally tally[UZS_NR_ALLOC_FAULTS] = { 0 };
	unsigned int objs = (unsigned int)uzs_test_scale(120);

	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p += 2)
		for (int kind = 0; kind < UZS_NR_ALLOC_FAULTS; kind++) {
			bool hit = true;
			long step;

			/* Every attempt at first, then some. */
			for (long nth = 1; hit; nth += step) {
				s.pool = pool_with(page_sizes[p],
						   nth_scope((unsigned int)nth),
						   ZS_POOL_NO_WORKER);
				s.n = min(objs, (unsigned int)MAX_LIVE);
				s.gfp = GFP_KERNEL;
				hit = fail_nth((enum uzs_fault_kind)kind, nth,
					       allocate_series, &s,
					       &tally[kind]);
				step = nth < 40 ? 1 : 7;
				assert_true(s.failed <= 1);
				assert_sound(s.pool);
				assert_int_equal(info_of(s.pool).objs_inuse,
						 s.n - s.failed);
				for (unsigned int i = 0; i < s.n; i++) {
					if (zs_is_err(s.handles[i]))
						continue;
					assert_true(object_ok(s.pool,
							      s.handles[i],
							      s.sizes[i], i));
					zs_free(s.pool, s.handles[i]);
				}
				assert_empty(s.pool);
				assert_int_equal(zs_destroy_pool(s.pool), 0);
			}
		}
	assert_true(tally[UZS_FAULT_SLAB].failures > 0);
	assert_true(tally[UZS_FAULT_PAGE].failures > 0);
	assert_true(tally[UZS_FAULT_OS].failures +
			    tally[UZS_FAULT_OS].survived >
		    0);
}

/* At the limit: the error is an error value, an object more than there is
 * room for is never had, and room that is made is used. */
static void test_room_at_the_limit_is_used(void **state)
{
	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		static unsigned long handles[60000];
		size_t size = page_sizes[p] / 9;
		unsigned int n = 0, kept = 0, more = 0;
		struct zs_pool *pool;
		struct zs_pool_info info;
		unsigned long pages, compactions;

		o.page_size = page_sizes[p];
		o.memory_limit = (size_t)300 * page_sizes[p] + (1 << 20);
		o.flags = ZS_POOL_NO_WORKER;
		o.defer = ZS_DEFER_NONE;
		pool = zs_create_pool_with("limit", &o);
		assert_non_null(pool);
		for (;;) {
			unsigned long handle = zs_malloc(
				pool, size, n & 1 ? GFP_KERNEL : GFP_NOWAIT,
				NUMA_NO_NODE);

			/* NOWAIT has a right to fail sooner */
			if (zs_is_err(handle))
				handle = zs_malloc(pool, size, GFP_KERNEL,
						   NUMA_NO_NODE);
			if (zs_is_err(handle)) {
				assert_int_equal(zs_err(handle), -ENOMEM);
				break;
			}
			assert_true(object_fill(pool, handle, size, n));
			handles[n++] = handle;
			info = info_of(pool);
			assert_true(info.bytes_resident <= o.memory_limit);
		}
		assert_sound(pool);
		pages = info_of(pool).pages;
		assert_true(pages >= 200);

		/* Sparse: half of it could be had, but only by compaction. */
		for (unsigned int i = 0; i < n; i++) {
			if (i % 2)
				zs_free(pool, handles[i]);
			else
				handles[kept++] = handles[i];
		}
		compactions = info_of(pool).compactions;
		uzs_fault_set(UZS_FAULT_OS, 0);
		for (;;) {
			unsigned long handle = zs_malloc(
				pool, page_sizes[p], GFP_NOWAIT, NUMA_NO_NODE);

			if (zs_is_err(handle))
				break;
			handles[n - ++more] = handle;
		}
		assert_int_equal(info_of(pool).compactions, compactions);
		assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 0);
		handles[n - ++more] = must_malloc(pool, page_sizes[p]);
		assert_true(info_of(pool).compactions > compactions);
		assert_true(info_of(pool).pages_compacted > pages / 4);
		info = info_of(pool);
		assert_true(info.bytes_resident <= o.memory_limit);
		for (unsigned int i = 0; i < kept; i++)
			assert_true(object_ok(pool, handles[i], size, 2 * i));
		assert_sound(pool);
		for (unsigned int i = 0; i < kept; i++)
			zs_free(pool, handles[i]);
		while (more)
			zs_free(pool, handles[n - more--]);
		assert_works(pool);
		assert_empty(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* ------------------------------------------------------------------------
 * Failures at random, all kinds at once
 */

static void test_random_failures_lose_nothing(void **state)
{
	for (unsigned int round = 0; round < 4; round++) {
		static unsigned long handles[MAX_LIVE];
		static size_t sizes[MAX_LIVE];
		static u64 keys[MAX_LIVE];
		struct zs_pool *pool;
		struct rng rng;
		unsigned int n = 0;
		unsigned long failed = 0;
		int steps = uzs_test_scale(2500);
		u64 key = 0;

		rng_seed(&rng, round);
		pool = pool_with(page_sizes[round % 3], nth_scope(round),
				 ZS_POOL_NO_WORKER);
		for (int step = 0; step < steps; step++) {
			unsigned int what = rng_below(&rng, 100);

			for (int k = 0; k < UZS_NR_ALLOC_FAULTS; k++)
				if (rng_below(&rng, 3) == 0)
					uzs_fault_set((enum uzs_fault_kind)k,
						      rng_range(&rng, 1, 12));
			if (what < 55 && n < MAX_LIVE) {
				size_t size = rng_range(
					&rng, 1,
					pool->page_size >> rng_below(&rng, 6));
				unsigned long handle = zs_malloc(
					pool, size,
					rng_below(&rng, 3) ? GFP_KERNEL
							   : GFP_NOWAIT,
					NUMA_NO_NODE);

				if (zs_is_err(handle)) {
					assert_int_equal(zs_err(handle),
							 -ENOMEM);
					failed++;
				} else {
					assert_true(object_fill(pool, handle,
								size, key));
					handles[n] = handle;
					sizes[n] = size;
					keys[n++] = key++;
				}
			} else if (what < 92 && n) {
				unsigned int at = rng_below(&rng, n--);

				assert_true(object_ok(pool, handles[at],
						      sizes[at], keys[at]));
				if (what & 1)
					zs_free(pool, handles[at]);
				else
					zs_free_deferred(pool, handles[at]);
				handles[at] = handles[n];
				sizes[at] = sizes[n];
				keys[at] = keys[n];
			} else if (what < 94) {
				zs_compact(pool);
			} else if (what < 96) {
				zs_trim(pool);
			} else if (what < 98) {
				zs_free_deferred_flush(pool);
			} else {
				zs_drain(pool);
			}
			if (step % 16 == 0)
				assert_sound(pool);
		}
		no_faults();
		assert_true(steps < 1000 || failed > 0);
		for (unsigned int i = 0; i < n; i++) {
			assert_true(
				object_ok(pool, handles[i], sizes[i], keys[i]));
			zs_free(pool, handles[i]);
		}
		assert_works(pool);
		assert_empty(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_failed_create_leaves_nothing,
				       start),
		cmocka_unit_test_setup(test_bad_options_ask_for_no_memory,
				       start),
		cmocka_unit_test_setup(test_first_malloc_survives_failures,
				       start),
		cmocka_unit_test_setup(
			test_nowait_malloc_asks_the_os_for_nothing, start),
		cmocka_unit_test_setup(test_malloc_in_a_full_pool_fails_cleanly,
				       start),
		cmocka_unit_test_setup(test_series_of_mallocs_survives_failures,
				       start),
		cmocka_unit_test_setup(test_room_at_the_limit_is_used, start),
		cmocka_unit_test_setup(test_random_failures_lose_nothing,
				       start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
