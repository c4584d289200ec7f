/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* retained_util.h - pools that keep so much free memory, and what they have to
 * give back.
 */
#ifndef UZS_RETAINED_UTIL_H
#define UZS_RETAINED_UTIL_H

#include "test_util.h"

#include <stdlib.h>
#include <time.h>

#define MIB ((size_t)1 << 20)

static inline void sleep_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Allocates `bytes` of pages and frees them all. */
static inline void fill_and_free(struct zs_pool *pool, size_t bytes)
{
	unsigned int page = info_of(pool).page_size;
	unsigned int n = (unsigned int)(bytes / page);
	unsigned long *handles = malloc(n * sizeof(*handles));

	for (unsigned int i = 0; i < n; i++)
		handles[i] = must_malloc(pool, page);
	for (unsigned int i = 0; i < n; i++)
		zs_free(pool, handles[i]);
	free(handles);
}

static inline struct zs_pool *make_retaining(size_t retained,
					     unsigned int flags)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.retained_bytes = retained;
	o.flags = flags;
	pool = zs_create_pool_with("retaining", &o);
	assert_non_null(pool);
	return pool;
}

#endif
