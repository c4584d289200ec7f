/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* regions.h - shared by the tests of regions: making them, or skipping the test
 * where userfaultfd is not permitted. */
#ifndef ZSWAP_TEST_REGIONS_H
#define ZSWAP_TEST_REGIONS_H

#include "util.h"

#include <sys/mman.h>

#include "uzswap.h"

static bool not_permitted, user_mode_only;

/* Before the tests: prints what does not work here. */
static inline void look_for_userfaultfd(void)
{
	struct uzswap_options options = {
		.resident_bytes = MIB,
		.zswap = { .budget_bytes = MIB },
	};
	char message[200];
	struct uzswap *u = uzswap_create(&options, message, sizeof(message));

	/* This is the only reason to skip tests. */
	not_permitted = !u && errno == EPERM;
	user_mode_only = u && *message;
	if (*message)
		printf("%s\n", message);
	uzswap_destroy(u);
}

static inline struct uzswap *create(size_t resident, size_t budget,
				    unsigned int handlers, const char *path,
				    const struct swap_io *io)
{
	struct uzswap_options options = {
		.resident_bytes = resident,
		.max_bytes = 256 * MIB,
		.handlers = handlers,
		.zswap = { .budget_bytes = budget, .max_pool_percent = 100 },
		.path = path,
		.io = io,
	};
	char message[200];
	struct uzswap *u;

	if (not_permitted)
		skip();
	u = uzswap_create(&options, message, sizeof(message));
	if (!u)
		fail_msg("%s", message);
	return u;
}

/* Pages in memory, reported by the system. */
static inline size_t resident_of(void *p, size_t bytes)
{
	static unsigned char map[64 * 1024];
	size_t n = 0;

	assert_true(bytes / PAGE <= sizeof(map));
	assert_int_equal(mincore(p, bytes, map), 0);
	for (size_t i = 0; i < bytes / PAGE; i++)
		n += map[i] & 1;
	return n;
}

#endif
