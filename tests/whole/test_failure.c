/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_failure.c - the Nth page, slab object or thing from the OS cannot be
 * had, for N = 1, 2, 3, ... until the call succeeds. Each time: the right
 * error, nothing lost, a sound pool that goes on working.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "test_system.h"
#include "test_util.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "compat/fault.h"
#include "types.h"

#define MAX_LIVE 4096
#define MAX_HOARD 8192

static const unsigned int page_sizes[] = { 4096, 8192, 16384, 32768, 65536 };

static const char *const kind_names[] = {
	[UZS_FAULT_OS] = "from the OS",
	[UZS_FAULT_PAGE] = "page",
	[UZS_FAULT_SLAB] = "slab object",
};

static void no_faults(void)
{
	for (int kind = 0; kind < UZS_NR_FAULT_KINDS; kind++)
		uzs_fault_set((enum uzs_fault_kind)kind, 0);
}

static int start(void **state)
{
	no_faults();
	return 0;
}

/* What became of the attempts of one loop. */
struct tally {
	long failures; /* the call failed */
	long survived; /* something could not be had, the call found a way */
};

/* Lets the nth attempt fail during call(arg), which answers whether it
 * succeeded. Return: was there an nth attempt? */
static bool fail_nth(enum uzs_fault_kind kind, long nth,
		     bool (*call)(void *arg), void *arg, struct tally *tally)
{
	bool ok, hit;

	uzs_fault_set(kind, nth);
	ok = call(arg);
	hit = uzs_fault_seen(kind) >= nth;
	no_faults();
	if (!hit && !ok)
		fail_msg("%s %ld was had, but the call failed",
			 kind_names[kind], nth);
	tally->failures += !ok;
	tally->survived += hit && ok;
	return hit;
}

/* ------------------------------------------------------------------------
 * Pools
 */

static unsigned long zone_pages_used(struct zs_pool *pool)
{
	struct zone_stat stat;

	uzs_zone_stat(&pool->zone, &stat);
	return stat.pages_used;
}

/* Nothing is left but the pool itself. */
static void assert_empty(struct zs_pool *pool)
{
	struct zs_pool_info info;

	zs_free_deferred_flush(pool);
	zs_drain(pool);
	zs_trim(pool);
	info = info_of(pool);
	assert_int_equal(info.objs_inuse, 0);
	assert_int_equal(info.objs_capacity, 0);
	assert_int_equal(info.pages, 0);
	assert_int_equal(info.slab_pages, 0);
	assert_int_equal(info.bytes_free, 0);
	assert_int_equal(info.bytes_mapped, info.bytes_resident);
	assert_int_equal(zone_pages_used(pool), 0);
	assert_int_equal(pool->zone.nr_sections, 0);
	assert_sound(pool);
}

/* It allocates, stores, reads, compacts and frees. */
static void assert_works(struct zs_pool *pool)
{
	const unsigned int page = pool->page_size;
	const size_t sizes[] = { 1, 48, page / 5, page / 2 + 1, page };
	unsigned long handles[ARRAY_SIZE(sizes) * 4];
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(handles); i++) {
		size_t size = sizes[i % ARRAY_SIZE(sizes)];

		handles[n] = must_malloc(pool, size);
		assert_true(object_fill(pool, handles[n++], size, i));
	}
	for (size_t i = 0; i < n; i += 3) {
		zs_free(pool, handles[i]);
		handles[i] = 0;
	}
	zs_compact(pool);
	for (size_t i = 0; i < n; i++)
		if (handles[i])
			assert_true(object_ok(pool, handles[i],
					      sizes[i % ARRAY_SIZE(sizes)], i));
	assert_sound(pool);
	while (n)
		zs_free(pool, handles[--n]);
}

static struct zs_pool *pool_with(unsigned int page_size,
				 enum zs_lock_scope scope, unsigned int flags)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.page_size = page_size;
	o.lock_scope = scope;
	o.flags = flags;
	pool = zs_create_pool_with("failure", &o);
	assert_non_null(pool);
	return pool;
}

static enum zs_lock_scope nth_scope(unsigned int n)
{
	return (enum zs_lock_scope)(ZS_SCOPE_HELD + n % 3);
}

/* All pages that the zone has at hand, so that the next one has to come from
 * the OS. */
static struct page *hoard[MAX_HOARD];

static unsigned int hoard_pages(struct zs_pool *pool)
{
	unsigned int n = 0;

	while (n < MAX_HOARD && (hoard[n] = alloc_page(&pool->zone, GFP_NOWAIT,
						       MIGRATE_MOVABLE)))
		n++;
	assert_true(n < MAX_HOARD);
	return n;
}

static void release_pages(struct zs_pool *pool, unsigned int n)
{
	while (n)
		__free_page(&pool->zone, hoard[--n]);
}

/* ------------------------------------------------------------------------
 * Address space of the process, where it can be told
 */

#define OWN_SPACE (!SANITIZED) /* sanitizers take some for themselves */

/* Bytes, or 0 where that is not known. */
static size_t address_space(void)
{
	size_t pages = 0;
	FILE *file = OWN_SPACE ? fopen("/proc/self/statm", "r") : NULL;

	if (!file)
		return 0;
	if (fscanf(file, "%zu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Far less than a pool, many times more than what stdio takes. */
#define assert_no_growth(before) \
	assert_true(address_space() <= (before) + (64u << 10))

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

static void test_create(void **state)
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
static void test_create_bad_options(void **state)
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
static void test_malloc_first(void **state)
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
static void test_malloc_nowait(void **state)
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
static void test_malloc_full(void **state)
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

static void test_malloc_series(void **state)
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
static void test_malloc_limit(void **state)
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
static void test_compact(void **state)
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
static void test_compact_pinned(void **state)
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
static void test_trim(void **state)
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
static void test_trim_structures(void **state)
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

static void test_walks(void **state)
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

static void test_destroy(void **state)
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

static void test_free_deferred(void **state)
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

static void test_enable_deferred(void **state)
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
static void test_deferred_limit(void **state)
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
static void test_no_thread(void **state)
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
		assert_true(work_pending(&pool->reclaim_work));
		assert_true(info_of(pool).bytes_free > 1 << 20);
		assert_sound(pool);
		if (how == 0) {
			/* Here, as there is no thread. */
			assert_int_equal(zs_drain(pool), 1);
			assert_false(work_pending(&pool->reclaim_work));
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
static void test_thread_later(void **state)
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

/* ------------------------------------------------------------------------
 * Failures at random, all kinds at once
 */

static void test_random(void **state)
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
		cmocka_unit_test_setup(test_create, start),
		cmocka_unit_test_setup(test_create_bad_options, start),
		cmocka_unit_test_setup(test_malloc_first, start),
		cmocka_unit_test_setup(test_malloc_nowait, start),
		cmocka_unit_test_setup(test_malloc_full, start),
		cmocka_unit_test_setup(test_malloc_series, start),
		cmocka_unit_test_setup(test_malloc_limit, start),
		cmocka_unit_test_setup(test_compact, start),
		cmocka_unit_test_setup(test_compact_pinned, start),
		cmocka_unit_test_setup(test_trim, start),
		cmocka_unit_test_setup(test_trim_structures, start),
		cmocka_unit_test_setup(test_walks, start),
		cmocka_unit_test_setup(test_free_fails_nothing, start),
		cmocka_unit_test_setup(test_destroy, start),
		cmocka_unit_test_setup(test_free_deferred, start),
		cmocka_unit_test_setup(test_enable_deferred, start),
		cmocka_unit_test_setup(test_deferred_limit, start),
		cmocka_unit_test_setup(test_no_thread, start),
		cmocka_unit_test_setup(test_thread_later, start),
		cmocka_unit_test_setup(test_random, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
