/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_zswap.c - tests zswap against a table of what it must hold. */
#include "util.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zswap.h"

#define OFFSETS 2000

/* Version of the page at each offset, 0 for none. */
static uint32_t in_zswap[OFFSETS], in_backing[OFFSETS];
static int backing_error;
static unsigned long backing_writes;

/* A backing that notes the versions it is given. */
static int note_write(void *arg, uint64_t offset, const void *page)
{
	(void)arg;
	if (backing_error)
		return backing_error;
	assert_true(offset < OFFSETS);
	assert_int_not_equal(in_zswap[offset], 0);
	assert_page(page, offset, in_zswap[offset]);
	in_backing[offset] = in_zswap[offset];
	backing_writes++;
	return 0;
}

static struct zswap *create(size_t budget, enum zs_defer_mode defer)
{
	struct zswap_options options = {
		.budget_bytes = budget,
		.max_pool_percent = 50,
		.profile = test_profile(),
		.defer = defer,
		.backing = { note_write, NULL },
	};
	struct zswap *z = zswap_create(&options);

	assert_non_null(z);
	memset(in_zswap, 0, sizeof(in_zswap));
	memset(in_backing, 0, sizeof(in_backing));
	backing_error = 0;
	backing_writes = 0;
	return z;
}

static unsigned long count(const uint32_t *table)
{
	unsigned long n = 0;

	for (int i = 0; i < OFFSETS; i++)
		n += table[i] != 0;
	return n;
}

/* Updates the tables after writeback moved pages. */
static void note_written_back(void)
{
	for (int i = 0; i < OFFSETS; i++)
		if (in_backing[i])
			in_zswap[i] = 0;
}

static void random_operations(enum zs_defer_mode defer, uint32_t random)
{
	struct zswap *z = create(1024 * MIB, defer);
	struct zswap_stats stats;
	unsigned char page[PAGE];
	uint64_t poor = 0, duplicates = 0;

	for (uint32_t step = 1; step <= scaled(30000); step++) {
		uint64_t offset = next_random(&random) % OFFSETS;
		unsigned int what = next_random(&random) % 100;

		if (what < 45) {
			make_page(page, offset, step);
			duplicates += in_zswap[offset] &&
				      kind_of(step) != RANDOM;
			if (kind_of(step) == RANDOM) {
				assert_int_equal(zswap_store(z, offset, page),
						 -E2BIG);
				in_zswap[offset] = 0;
				poor++;
			} else {
				assert_int_equal(zswap_store(z, offset, page),
						 0);
				in_zswap[offset] = step;
				in_backing[offset] = 0;
			}
		} else if (what < 70) {
			memset(page, 0x55, PAGE);
			assert_int_equal(zswap_load(z, offset, page),
					 in_zswap[offset] ? 0 : -ENOENT);
			if (in_zswap[offset])
				assert_page(page, offset, in_zswap[offset]);
			in_zswap[offset] = 0;
		} else if (what < 90) {
			assert_int_equal(zswap_invalidate(z, offset),
					 in_zswap[offset] != 0);
			in_zswap[offset] = 0;
		} else if (what < 92) {
			uint64_t nr = next_random(&random) % 50, found = 0;
			uint64_t dropped = zswap_invalidate_area(z, offset, nr);

			for (; nr && offset < OFFSETS; nr--, offset++) {
				found += in_zswap[offset] != 0;
				in_zswap[offset] = 0;
			}
			assert_int_equal(dropped, found);
		} else if (what < 96) {
			memset(in_backing, 0, sizeof(in_backing));
			long nr = zswap_writeback(z, 5);

			note_written_back();
			assert_true(nr == (long)count(in_backing) ||
				    (nr == -ENOENT && !count(in_backing)));
		} else if (step % 64 == 0) {
			assert_int_equal(
				zswap_set_compressor(z, step % 128 ? "lz4"
								   : "zstd"),
				0);
		}
		if (step % 2000 == 0)
			assert_int_equal(zswap_check(z), 0);
	}
	zswap_stats(z, &stats);
	assert_int_equal(stats.stored_pages, count(in_zswap));
	assert_int_equal(stats.reject_compress_poor, poor);
	assert_int_equal(stats.duplicate_entry, duplicates);
	assert_int_equal(stats.written_back_pages, backing_writes);
	assert_true(stats.written_back_pages > 0);
	assert_true(stats.stored_bytes <= stats.pool_total_size);
	/* A whole area much larger than the rest: only the stored pages
	 * count. */
	assert_int_equal(zswap_invalidate_area(z, 0, (uint64_t)1 << 40),
			 count(in_zswap));
	zswap_flush(z);
	zswap_stats(z, &stats);
	assert_int_equal(stats.stored_pages, 0);
	assert_int_equal(stats.same_filled_pages, 0);
	assert_int_equal(stats.stored_bytes, 0);
	assert_int_equal(zswap_check(z), 0);
	zswap_destroy(z);
}

static void test_model(void **state)
{
	(void)state;
	random_operations(ZS_DEFER_DEFAULT, 5);
	random_operations(ZS_DEFER_NONE, 1);
	random_operations(ZS_DEFER_ARRAY, 2);
	random_operations(ZS_DEFER_PERCPU, 3);
	random_operations(ZS_DEFER_REUSE, 4);
}

/* The limit: stores fail from there until the pool has shrunk to the threshold.
 * The worker writes the coldest pages back, and only that far. */
static void test_limit(void **state)
{
	struct zswap *z = create(2 * MIB, ZS_DEFER_NONE);
	struct zswap_stats stats;
	unsigned char page[PAGE];
	uint64_t offset = 0;
	uint64_t first_rejected;
	int err = 0;

	(void)state;
	backing_error = -EIO; /* no page can leave yet */
	for (; !err; offset++) {
		assert_true(offset < OFFSETS);
		make_page_of(page, TEXT, offset, 20);
		in_zswap[offset] = 20;
		err = zswap_store(z, offset, page);
	}
	assert_int_equal(err, -EDQUOT);
	first_rejected = offset - 1;
	in_zswap[first_rejected] = 0;
	zswap_flush(z);
	zswap_stats(z, &stats);
	assert_int_equal(stats.max_pool_size, MIB);
	assert_true(stats.pool_total_size >= MIB);
	assert_true(stats.pool_total_size < MIB + MIB / 16);
	assert_true(stats.reject_reclaim_fail > 0);
	assert_int_equal(stats.written_back_pages, 0);
	assert_int_equal(stats.stored_pages, first_rejected);

	/* Just below the limit is not enough. */
	for (offset = 0; stats.pool_total_size >= MIB - MIB / 32; offset++) {
		assert_true(zswap_invalidate(z, offset));
		in_zswap[offset] = 0;
		zswap_stats(z, &stats);
	}
	assert_true(stats.pool_total_size > MIB * 9 / 10);
	make_page_of(page, TEXT, OFFSETS - 1, 20);
	assert_int_equal(zswap_store(z, OFFSETS - 1, page), -EDQUOT);

	/* The backing works again: the worker reduces the pool to 90 %. */
	zswap_flush(z);
	backing_error = 0;
	assert_int_equal(zswap_store(z, OFFSETS - 1, page), -EDQUOT);
	zswap_flush(z);
	zswap_stats(z, &stats);
	assert_true(stats.written_back_pages > 0);
	assert_int_equal(stats.written_back_pages, backing_writes);
	assert_true(stats.pool_total_size <= MIB * 9 / 10);
	assert_true(stats.pool_total_size > MIB * 8 / 10);
	assert_int_equal(zswap_store(z, OFFSETS - 1, page), 0);
	in_zswap[OFFSETS - 1] = 20;

	/* Each page is in one place. The coldest are in the backing (except
	 * those whose write failed and that went to the warm end). */
	for (offset = 0; offset < OFFSETS; offset++) {
		if (!in_zswap[offset])
			continue;
		err = zswap_load(z, offset, page);
		if (in_backing[offset]) {
			assert_int_equal(err, -ENOENT);
		} else {
			unsigned char expected[PAGE];

			assert_int_equal(err, 0);
			make_page_of(expected, TEXT, offset, 20);
			assert_memory_equal(page, expected, PAGE);
		}
	}
	zswap_destroy(z);
}

/* The coldest pages are written first; same-filled pages stay. */
static void test_coldest_first(void **state)
{
	struct zswap *z = create(64 * MIB, ZS_DEFER_NONE);
	unsigned char page[PAGE];

	(void)state;
	for (uint32_t offset = 0; offset < 100; offset++) {
		in_zswap[offset] = 8 * offset + (offset % 5 ? 2 : 8);
		make_page(page, offset, in_zswap[offset]);
		assert_int_equal(zswap_store(z, offset, page), 0);
	}
	/* Stored again, so it is warm. */
	make_page(page, 3, in_zswap[3]);
	assert_int_equal(zswap_store(z, 3, page), 0);
	assert_int_equal(zswap_writeback(z, 8), 8);
	for (uint32_t offset = 0; offset < 100; offset++)
		assert_int_equal(in_backing[offset] != 0,
				 offset < 12 && offset % 5 && offset != 3);
	/* An error is reported, and the page stays. */
	backing_error = -ENOSPC;
	assert_int_equal(zswap_writeback(z, 1), -ENOSPC);
	backing_error = 0;
	assert_int_equal(zswap_load(z, 12, page), 0);
	assert_page(page, 12, in_zswap[12]);
	assert_int_equal(zswap_check(z), 0);
	zswap_destroy(z);
}

static void test_no_memory(void **state)
{
	struct zswap_options options = {
		.budget_bytes = 1024 * MIB,
		.profile = test_profile(),
		.memory_limit = 2 * MIB,
	};
	struct zswap *z = zswap_create(&options);
	struct zswap_stats stats;
	unsigned char page[PAGE];
	uint64_t offset = 0;
	int err;

	(void)state;
	assert_non_null(z);
	do {
		make_page_of(page, TEXT, offset, 2);
		err = zswap_store(z, offset++, page);
	} while (!err && offset < 100000);
	assert_int_equal(err, -ENOMEM);
	zswap_stats(z, &stats);
	assert_int_equal(stats.reject_alloc_fail, 1);
	assert_int_equal(stats.stored_pages, offset - 1);
	/* After a failed store the page that was there before is gone, too. */
	make_page_of(page, RANDOM, 7, 1);
	assert_int_equal(zswap_store(z, 7, page), -E2BIG);
	assert_int_equal(zswap_load(z, 7, page), -ENOENT);
	/* Without a backing nothing is written back. */
	assert_int_equal(zswap_writeback(z, 1), -ENODEV);
	/* Dropping pages makes room, although their memory is freed later. */
	for (uint64_t i = 0; i < offset; i++)
		zswap_invalidate(z, i);
	make_page_of(page, TEXT, 1, 2);
	assert_int_equal(zswap_store(z, 1, page), 0);
	assert_int_equal(zswap_check(z), 0);
	zswap_destroy(z);
}

/* No memory for an entry: the library's calloc and malloc fail (linked with
 * --wrap), the Nth from now on. */
static int fail_at;
static bool no_calloc;
/* Called by the next malloc. */
static void (*in_malloc)(void);
void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes)
{
	void (*call)(void) = in_malloc;

	if (call) {
		in_malloc = NULL;
		call();
	}
	if (fail_at && !--fail_at)
		return NULL;
	return __real_malloc(bytes);
}

void *__real_calloc(size_t n, size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes)
{
	if (no_calloc || (fail_at && !--fail_at))
		return NULL;
	return __real_calloc(n, bytes);
}

static void test_allocation_failures(void **state)
{
	struct zswap_options options = { .budget_bytes = 64 * MIB };
	struct zswap_stats stats;
	unsigned char page[PAGE];
	struct zswap *z;
	int nth = 0;

	(void)state;
	do {
		fail_at = ++nth;
		errno = 0;
		z = zswap_create(&options);
		assert_true(z || errno == ENOMEM);
	} while (!z);
	fail_at = 0;
	assert_true(nth > 4);

	make_page(page, 1, 2);
	fail_at = 1;
	assert_int_equal(zswap_store(z, 1, page), -ENOMEM);
	fail_at = 0;
	zswap_stats(z, &stats);
	assert_int_equal(stats.reject_kmemcache_fail, 1);
	assert_int_equal(zswap_store(z, 1, page), 0);
	/* The index cannot grow: it only gets slower. */
	no_calloc = true;
	for (uint64_t offset = 0; offset < 10000; offset++) {
		make_page(page, offset, 8);
		assert_int_equal(zswap_store(z, offset, page), 0);
	}
	no_calloc = false;
	for (uint64_t offset = 0; offset < 10000; offset += 2) {
		assert_int_equal(zswap_load(z, offset, page), 0);
		assert_page(page, offset, 8);
	}
	assert_int_equal(zswap_check(z), 0);
	zswap_destroy(z);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ADDRESS_SPACE_IS_TAKEN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ADDRESS_SPACE_IS_TAKEN 1
#endif
#endif

/* Return: can a zswap be made, and used, with so much more address space? */
static bool usable_with(size_t bytes)
{
	struct zswap_options options = {
		.budget_bytes = 16 * MIB,
		.max_pool_percent = 100,
	};
	size_t pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");
	struct rlimit limit;
	unsigned char page[PAGE];
	struct zswap *z;
	int err = 0;

	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%zu", &pages), 1);
	fclose(statm);
	assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = pages * (size_t)sysconf(_SC_PAGESIZE) + bytes;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
	errno = 0;
	z = zswap_create(&options);
	assert_true(z || errno == ENOMEM);
	for (uint64_t offset = 0; z && offset < 2000 && !err; offset++) {
		make_page_of(page, TEXT, offset, 2);
		err = zswap_store(z, offset, page);
		assert_true(!err || err == -ENOMEM);
	}
	assert_true(!z || !zswap_check(z));
	zswap_destroy(z);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
	return z && !err;
}

/* With a limit on the address space: an error value at whatever call there is
 * no room. And little room is enough. */
static void test_address_space(void **state)
{
	int status;
	pid_t child;

	(void)state;
#ifdef ADDRESS_SPACE_IS_TAKEN
	skip();
#endif
	child = fork();
	if (!child) {
		unsigned int usable = 0;

		for (size_t bytes = 0; bytes < 8 * MIB; bytes += 128 * 1024)
			usable += usable_with(bytes);
		/* The worker may need a stack, and malloc an arena for it. */
		_exit(usable_with(400 * MIB) && usable < 64 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_options(void **state)
{
	struct zswap_options options = { 0 };

	(void)state;
	assert_null(zswap_create(&options)); /* no budget */
	assert_int_equal(errno, EINVAL);
	options.budget_bytes = MIB;
	options.max_pool_percent = 101;
	assert_null(zswap_create(&options));
	assert_int_equal(errno, EINVAL);
	options.max_pool_percent = 0;
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "", "lz5", "zstd:x",
						     "zstd:99" };

		options.compressor = names[i];
		assert_null(zswap_create(&options));
		assert_int_equal(errno, EINVAL);
	}
	options.compressor = "zstd:3";
	options.page_size = 5000;
	assert_null(zswap_create(&options));
	assert_int_equal(errno, EINVAL);
}

/* What compresses to a little less than a page takes a whole one of a kernel
 * profile's pool, and less of the other's. */
static void test_profiles(void **state)
{
	static const struct {
		enum zs_profile profile;
		enum zs_defer_mode defer;
		bool user;
	} pools[] = {
		{ ZS_PROFILE_DEFAULT, ZS_DEFER_DEFAULT, false },
		{ ZS_PROFILE_KERNEL, ZS_DEFER_DEFAULT, false },
		{ ZS_PROFILE_USER, ZS_DEFER_DEFAULT, true },
		{ ZS_PROFILE_USER, ZS_DEFER_PERCPU, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		struct zswap_options options = {
			.budget_bytes = MIB,
			.profile = pools[i].profile,
			.defer = pools[i].defer,
		};
		unsigned char page[PAGE], back[PAGE];
		struct zswap *z;

		if (pools[i].profile == ZS_PROFILE_USER && sizeof(void *) < 8)
			continue;
		z = zswap_create(&options);
		assert_non_null(z);
		make_page_of(page, RANDOM, 7, 1);
		assert_int_equal(zswap_store(z, 7, page), -E2BIG);
		memset(page + 3700, 0, PAGE - 3700);
		assert_int_equal(zswap_store(z, 7, page),
				 pools[i].user ? 0 : -E2BIG);
		if (pools[i].user) {
			assert_int_equal(zswap_load(z, 7, back), 0);
			assert_memory_equal(page, back, PAGE);
		}
		memset(page + 3500, 0, PAGE - 3500);
		assert_int_equal(zswap_store(z, 7, page), 0);
		assert_int_equal(zswap_check(z), 0);
		zswap_destroy(z);
	}
}

/* An area is dropped while others store into it: the pages that were there
 * before must go in any case. */
static struct zswap *area_of;

static void store_into_area(void)
{
	unsigned char page[PAGE];

	for (uint64_t offset = 1000; offset < 3000; offset++) {
		make_page(page, offset, 8);
		assert_int_equal(zswap_store(area_of, offset, page), 0);
	}
}

static void test_area(void **state)
{
	struct zswap_options options = { .budget_bytes = 64 * MIB };
	struct zswap *z = zswap_create(&options);
	unsigned char page[PAGE];

	(void)state;
	assert_non_null(z);
	for (uint64_t offset = 0; offset < 100; offset++) {
		make_page(page, offset, 8);
		assert_int_equal(zswap_store(z, offset, page), 0);
	}
	/* Called between counting the list and filling it. */
	area_of = z;
	in_malloc = store_into_area;
	assert_int_equal(zswap_invalidate_area(z, 0, (uint64_t)1 << 40), 2100);
	assert_null(in_malloc);
	for (uint64_t offset = 0; offset < 3000; offset++)
		assert_int_equal(zswap_load(z, offset, page), -ENOENT);
	assert_int_equal(zswap_invalidate_area(z, 0, (uint64_t)1 << 40), 0);
	assert_int_equal(zswap_check(z), 0);
	zswap_destroy(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_coldest_first),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_allocation_failures),
		cmocka_unit_test(test_address_space),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_area),
	};

	return cmocka_run_group_tests_name("zswap", tests, NULL, NULL);
}
