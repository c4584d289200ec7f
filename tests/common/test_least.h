/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_least.h - the least memory limit with which a pool is made. */
#ifndef UZS_TEST_LEAST_H
#define UZS_TEST_LEAST_H

#include <errno.h>

#include "test_util.h"

#include "compat/os.h"

/* Return: NULL if its limit is too small. */
static inline struct zs_pool *
create_if_accepted(const struct zs_pool_options *o)
{
	struct zs_pool *pool;

	errno = 0;
	pool = zs_create_pool_with("least", o);
	if (!pool)
		assert_int_equal(errno, EINVAL);
	return pool;
}

/* To the page of the OS. @most: bytes that are accepted. */
static inline size_t least_accepted(struct zs_pool_options o, size_t most)
{
	size_t page = uzs_os_page_size(), no = 0, yes = most / page;

	while (yes - no > 1) {
		size_t mid = (no + yes) / 2;
		struct zs_pool *pool;

		o.memory_limit = mid * page;
		pool = create_if_accepted(&o);
		if (pool)
			yes = mid;
		else
			no = mid;
		zs_destroy_pool(pool);
	}
	return yes * page;
}

#endif
