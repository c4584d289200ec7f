/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_util.h - what all tests share: how much work to do, objects with
 * patterns, where the reference data is.
 */
#ifndef UZS_TEST_UTIL_H
#define UZS_TEST_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_random.h"
#include "tools/variants.h"
#include "uzsmalloc.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* `n` repetitions, or as many as the environment wants: UZS_TEST_SCALE is
 * in percent. Never less than 1. */
static inline int uzs_test_scale(int n)
{
	const char *percent = getenv("UZS_TEST_SCALE");
	long long scaled = n;

	if (percent && *percent)
		scaled = scaled * atoi(percent) / 100;
	if (scaled > INT32_MAX)
		return INT32_MAX;
	return scaled < 1 ? 1 : (int)scaled;
}

static inline struct zs_pool_info info_of(struct zs_pool *pool)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	assert_int_equal(zs_pool_info(pool, &info), 0);
	return info;
}

/* Writes the pattern into an object of a pool. Return: was it written? */
static inline bool object_fill(struct zs_pool *pool, unsigned long handle,
			       size_t len, uint64_t key)
{
	unsigned char *mem = malloc(len);
	bool ok = mem != NULL;

	if (ok) {
		pattern_fill(mem, len, key);
		ok = zs_obj_write(pool, handle, mem, len) == 0;
	}
	free(mem);
	return ok;
}

/* Does an object hold the pattern? Without reading through a copy. */
static inline bool object_ok(struct zs_pool *pool, unsigned long handle,
			     size_t len, uint64_t key)
{
	struct iovec iov[2];
	unsigned int n = zs_obj_read_sg_begin(pool, handle, iov, len);
	size_t at = 0;
	bool ok = n != 0;

	for (unsigned int i = 0; i < n; i++) {
		if (pattern_differs(iov[i].iov_base, at, iov[i].iov_len, key) !=
		    iov[i].iov_len)
			ok = false;
		at += iov[i].iov_len;
	}
	if (n)
		zs_obj_read_sg_end(pool, handle);
	return ok && at == len;
}

/* ---- pools --------------------------------------------------------------- */

/* Every invariant of the pool holds. */
#define assert_sound(pool) assert_int_equal(zs_pool_check(pool, stderr), 0)

/* The lock scope of the pools that make_pool makes. */
static enum zs_lock_scope test_scope;

/* Runs an array of struct CMUnitTest once in each lock scope.
 * Return: failures. */
#define run_in_every_scope(tests)                                            \
	({                                                                   \
		int failed_ = 0;                                             \
                                                                             \
		for (test_scope = ZS_SCOPE_HELD;                             \
		     test_scope <= VARIANT_LAST_SCOPE; test_scope++)         \
			failed_ += cmocka_run_group_tests_name(              \
				variant_scope_name(test_scope), tests, NULL, \
				NULL);                                       \
		failed_;                                                     \
	})

/* A pool of that geometry, 0 for the defaults; without a worker, nothing
 * happens but what the test does. */
static inline struct zs_pool *
make_pool(unsigned int page_size, unsigned int chain_size, unsigned int flags)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.page_size = page_size;
	o.chain_size = chain_size;
	o.flags = flags;
	o.lock_scope = test_scope;
	pool = zs_create_pool_with("test", &o);
	assert_non_null(pool);
	return pool;
}

/* An object that cannot fail to be allocated. */
static inline unsigned long must_malloc(struct zs_pool *pool, size_t size)
{
	unsigned long handle = zs_malloc(pool, size, GFP_KERNEL, NUMA_NO_NODE);

	assert_int_equal(zs_err(handle), 0);
	assert_int_not_equal(handle, 0);
	return handle;
}

/* ---- reference data ------------------------------------------------------ */

/* The path of a file of tests/data, written to buf. Return: buf. */
static inline const char *data_path(char *buf, size_t size, const char *name)
{
	const char *dir = getenv("UZS_TEST_DATA");

#ifdef UZS_TEST_DATA
	if (!dir || !*dir)
		dir = UZS_TEST_DATA;
#endif
	assert_non_null(dir);
	assert_in_range(snprintf(buf, size, "%s/%s", dir, name), 1, size - 1);
	return buf;
}

/* A file of tests/data, open for reading; a missing one fails the test. */
static inline FILE *data_open(const char *name)
{
	char path[4096];
	FILE *file = fopen(data_path(path, sizeof(path), name), "r");

	if (!file)
		fail_msg("%s: cannot be opened", path);
	return file;
}

#endif
