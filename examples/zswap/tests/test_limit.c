/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_limit.c - a store fails at the limit only when everything dead is freed:
 * dropped pages whose memory waits to be freed, old pools, free places between
 * objects. */
#include "util.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "zswap.h"

#define MOST 5000 /* more than any pool here can hold */

/* The library's calls (linked with --wrap) are counted; the next flush can be
 * stopped. */
static atomic_int flushes, compactions;
static atomic_bool stop_in_flush;
static sem_t stopped, go_on;
void __real_zs_free_deferred_flush(struct zs_pool *pool);
void __wrap_zs_free_deferred_flush(struct zs_pool *pool);
void __wrap_zs_free_deferred_flush(struct zs_pool *pool)
{
	flushes++;
	if (atomic_exchange(&stop_in_flush, false)) {
		sem_post(&stopped);
		sem_wait(&go_on);
	}
	__real_zs_free_deferred_flush(pool);
}

unsigned long __real_zs_compact(struct zs_pool *pool);
unsigned long __wrap_zs_compact(struct zs_pool *pool);
unsigned long __wrap_zs_compact(struct zs_pool *pool)
{
	compactions++;
	return __real_zs_compact(pool);
}

/* Pools here do not close gaps by themselves, which they may do at any time. */
struct zs_pool *__real_zs_create_pool_with(const char *name,
					   const struct zs_pool_options *opts);
struct zs_pool *__wrap_zs_create_pool_with(const char *name,
					   const struct zs_pool_options *opts);
struct zs_pool *__wrap_zs_create_pool_with(const char *name,
					   const struct zs_pool_options *opts)
{
	struct zs_pool_options own = *opts;

	own.max_overhead_percent = ZS_MAX_OVERHEAD;
	return __real_zs_create_pool_with(name, &own);
}

static atomic_int written;
static void (*on_write)(void);

static int count_write(void *arg, uint64_t offset, const void *page)
{
	void (*call)(void) = on_write;

	(void)arg;
	(void)offset;
	(void)page;
	written++;
	on_write = NULL;
	if (call)
		call();
	return 0;
}

static struct zswap *create(size_t limit, int defer, bool backing)
{
	struct zswap_options options = {
		.budget_bytes = limit,
		.max_pool_percent = 100,
		.profile = test_profile(),
		.defer = (enum zs_defer_mode)defer,
		.backing = { backing ? count_write : NULL, NULL },
	};
	struct zswap *z = zswap_create(&options);

	assert_non_null(z);
	on_write = NULL;
	written = flushes = compactions = 0;
	return z;
}

#define MIXED 0 /* many size classes, each of which may keep something */

/* Stores a page that takes a little more than @bytes. */
static int store(struct zswap *z, uint64_t offset, size_t bytes)
{
	uint32_t random = (uint32_t)offset + 1;
	unsigned char page[PAGE] = { 0 };

	if (bytes == MIXED)
		bytes = 100 + offset * 37 % 2000;
	for (size_t i = 0; i < bytes; i++)
		page[i] = (unsigned char)next_random(&random);
	return zswap_store(z, offset, page);
}

/* Return: the first offset whose store failed. */
static uint64_t fill(struct zswap *z, size_t bytes)
{
	uint64_t offset = 0;
	int err;

	while (!(err = store(z, offset, bytes)))
		assert_true(++offset < MOST);
	assert_int_equal(err, -EDQUOT);
	return offset;
}

static size_t pool_size(struct zswap *z)
{
	struct zswap_stats stats;

	zswap_stats(z, &stats);
	return stats.pool_total_size;
}

/* A zswap that was full and is empty takes pages again at once. */
static void test_emptied(void **state)
{
	(void)state;
	for (int defer = 0; defer <= ZS_DEFER_REUSE; defer++) {
		for (int backing = 0; backing < 2; backing++) {
			struct zswap *z = create(MIB / 2, defer, backing);
			uint64_t end = fill(z, MIXED);

			zswap_flush(z); /* the worker writes nothing from here
					 * on */
			for (uint64_t i = 0; i < end; i++)
				zswap_invalidate(z, i);
			assert_int_equal(store(z, 1, 1000), 0);
			assert_int_equal(zswap_check(z), 0);
			zswap_destroy(z);
		}
	}
}

/* While anything is dead, no live page is written back, and no store fails. */
static void test_dead_first(void **state)
{
	(void)state;
	for (int defer = 0; defer <= ZS_DEFER_REUSE; defer++) {
		struct zswap *z = create(MIB, defer, true);
		uint64_t next = 0;

		/* Always 50 pages are live (50 KiB); older ones are dropped.
		 */
		for (; next < MOST; next++) {
			assert_int_equal(store(z, next, MIXED), 0);
			if (next >= 50)
				assert_true(zswap_invalidate(z, next - 50));
		}
		zswap_flush(z);
		assert_int_equal(written, 0);
		assert_int_equal(zswap_check(z), 0);
		zswap_destroy(z);
	}
}

static struct zswap *dropping;
static uint64_t drop_first, drop_end;

static void drop(void)
{
	for (uint64_t i = drop_first; i < drop_end; i++)
		zswap_invalidate(dropping, i);
}

/* Other threads drop pages while the worker writes some back: it must stop
 * writing. */
static void test_dropped_meanwhile(void **state)
{
	struct zswap *z = create(MIB, ZS_DEFER_ARRAY, true);
	uint64_t end;

	(void)state;
	dropping = z;
	/* The worker may start before fill has seen a store fail. */
	drop_first = 100;
	drop_end = MOST;
	on_write = drop;
	end = fill(z, 600);
	zswap_flush(z);
	assert_true(end > 2 * drop_first);
	assert_int_equal(written, 1);
	assert_int_equal(store(z, end, 1000), 0);
	assert_int_equal(zswap_check(z), 0);
	zswap_destroy(z);
}

/* A full pool with free places: compaction is enough to let a page in. */
static void test_holes(void **state)
{
	struct zswap *z = create(MIB, ZS_DEFER_NONE, true);
	uint64_t end = 0;

	(void)state;
	while (pool_size(z) < MIB)
		assert_int_equal(store(z, end++, 600), 0);
	for (uint64_t i = 0; i < end; i++)
		if (i % 16)
			zswap_invalidate(z, i);
	assert_true(pool_size(z) >= MIB);
	assert_int_equal(store(z, end, 600), 0);
	assert_int_equal(compactions, 1);
	assert_int_equal(written, 0);
	assert_true(pool_size(z) < MIB / 10);
	assert_int_equal(zswap_check(z), 0);
	zswap_destroy(z);
}

/* The pool of an earlier compressor, all of whose pages are dropped.
 */
static void test_old_pool(void **state)
{
	(void)state;
	for (int defer = 0; defer <= ZS_DEFER_REUSE; defer++) {
		struct zswap *z = create(MIB, defer, false);
		uint64_t end = fill(z, MIXED);

		assert_int_equal(zswap_set_compressor(z, "zstd"), 0);
		for (uint64_t i = 0; i < end; i++)
			zswap_invalidate(z, i);
		assert_int_equal(store(z, 1, 1000), 0);
		/* There was room for it beside what the old pool keeps, which
		 * the worker destroys. */
		if (test_profile() == ZS_PROFILE_USER)
			zswap_flush(z);
		assert_true(pool_size(z) < MIB / 16);
		assert_int_equal(zswap_check(z), 0);
		zswap_destroy(z);
	}
}

/* A store that must fail costs no drain and no compaction. */
static void test_not_for_nothing(void **state)
{
	struct zswap *z = create(MIB, ZS_DEFER_ARRAY, false);
	struct zswap_stats stats;
	uint64_t end = fill(z, MIXED);

	(void)state;
	zswap_flush(z);
	flushes = compactions = 0;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(store(z, end, 1000), -EDQUOT);
	/* These are dropped, but far too few. */
	for (uint64_t i = 0; i < 5; i++)
		assert_true(zswap_invalidate(z, i));
	for (int i = 0; i < 1000; i++)
		assert_int_equal(store(z, end, 1000), -EDQUOT);
	zswap_flush(z);
	zswap_stats(z, &stats);
	assert_true(stats.pool_limit_hit >= 1000);
	/* A store frees some of the five, the worker or the flush the
	 * others. */
	assert_true(flushes <= 5);
	assert_int_equal(compactions, 0);
	zswap_destroy(z);
}

static void *store_one(void *arg)
{
	static atomic_uint offset = MOST;

	return store(arg, offset++, 1000) ? "refused" : NULL;
}

/* Another thread is freeing dead objects: the store must wait for it. */
static void test_while_others_drain(void **state)
{
	struct zswap *z = create(MIB, ZS_DEFER_ARRAY, false);
	pthread_t first, second;
	struct timespec until;
	void *result[2];
	uint64_t end;

	(void)state;
	end = fill(z, MIXED);
	zswap_flush(z);
	for (uint64_t i = 0; i < end; i++)
		zswap_invalidate(z, i);
	sem_init(&stopped, 0, 0);
	sem_init(&go_on, 0, 0);
	stop_in_flush = true;
	assert_int_equal(pthread_create(&first, NULL, store_one, z), 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	assert_int_equal(sem_timedwait(&stopped, &until), 0);
	assert_int_equal(pthread_create(&second, NULL, store_one, z), 0);
	usleep(50000); /* time for the store to come to the limit */
	sem_post(&go_on);
	pthread_join(first, &result[0]);
	pthread_join(second, &result[1]);
	assert_null(result[0]);
	assert_null(result[1]);
	sem_destroy(&stopped);
	sem_destroy(&go_on);
	zswap_destroy(z);
}

/* Same-filled pages take nothing of the pool: they are stored at the limit, and
 * not written back, because that would free nothing. */
static void test_same_filled(void **state)
{
	struct zswap *z = create(MIB / 2, ZS_DEFER_NONE, true);
	struct zswap_stats stats;
	unsigned char page[PAGE];

	(void)state;
	make_page_of(page, SAME_FILLED, 1, 7);
	assert_int_equal(zswap_store(z, 1, page), 0);
	assert_int_equal(zswap_writeback(z, 5), -ENOENT);
	assert_int_equal(store(z, 2, 1000), 0);
	assert_int_equal(zswap_writeback(z, 5), 1);
	zswap_destroy(z);

	z = create(MIB / 2, ZS_DEFER_NONE, false);
	fill(z, MIXED);
	for (uint64_t offset = MOST; offset < MOST + 1000; offset++) {
		make_page_of(page, SAME_FILLED, offset, 7);
		assert_int_equal(zswap_store(z, offset, page), 0);
	}
	/* Also in place of a page that took memory. */
	make_page_of(page, SAME_FILLED, 3, 7);
	assert_int_equal(zswap_store(z, 3, page), 0);
	assert_int_equal(store(z, 4, 1000), -EDQUOT);
	zswap_stats(z, &stats);
	assert_int_equal(stats.same_filled_pages, 1001);
	for (uint64_t offset = MOST; offset < MOST + 1000; offset++) {
		unsigned char expected[PAGE];

		make_page_of(expected, SAME_FILLED, offset, 7);
		assert_int_equal(zswap_load(z, offset, page), 0);
		assert_memory_equal(page, expected, PAGE);
	}
	assert_int_equal(zswap_check(z), 0);
	zswap_destroy(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_emptied),
		cmocka_unit_test(test_dead_first),
		cmocka_unit_test(test_dropped_meanwhile),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_old_pool),
		cmocka_unit_test(test_not_for_nothing),
		cmocka_unit_test(test_while_others_drain),
		cmocka_unit_test(test_same_filled),
	};

	return cmocka_run_group_tests_name("zswap limit", tests, NULL, NULL);
}
