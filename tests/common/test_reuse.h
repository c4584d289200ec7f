/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_reuse.h - what the tests of ZS_DEFER_REUSE share: pools in which every
 * call uses the same slot, keeping and taking, and which objects are live.
 */
#ifndef UZS_TEST_REUSE_H
#define UZS_TEST_REUSE_H

#include "test_defer.h"

#define STAGED REUSE_STAGED
#define MAX_HANDLES 64u

/* A whole page makes a huge object. */
#define NR_SIZES 5u
static inline size_t nth_size(unsigned int n)
{
	const size_t sizes[NR_SIZES] = { 100, test_page_size / 5,
					 test_page_size / 2 + 100,
					 test_page_size * 3 / 4,
					 test_page_size };

	return sizes[n];
}

static inline struct zs_pool *make_reuse(unsigned int flags)
{
	struct zs_pool *pool = make_deferring(ZS_DEFER_REUSE, flags);

	one_cpu(pool);
	return pool;
}

static inline struct reuse_stack *stack_of(struct zs_pool *pool, size_t size)
{
	return &reuse_slot_of(pool, 0)->stacks[class_for(pool, size)->index];
}

static inline void keep(struct zs_pool *pool, const unsigned long *handles,
			unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		assert_true(zs_free_deferred(pool, handles[i]));
}

/* All that are staged, and not of class 0, can be taken then. */
static inline void unstage(struct zs_pool *pool)
{
	queue_many(pool, TINY, STAGED);
}

static inline bool is_in(unsigned long handle, const unsigned long *handles,
			 unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (handles[i] == handle)
			return true;
	return false;
}

/* An object that none of these was. */
static inline unsigned long must_malloc_new(struct zs_pool *pool, size_t size,
					    const unsigned long *old,
					    unsigned int n)
{
	unsigned long reused = info_of(pool).deferred_reused;
	unsigned long handle = must_malloc(pool, size);

	if (is_in(handle, old, n))
		fail_msg("%#lx is given out, expected a new one", handle);
	assert_int_equal(info_of(pool).deferred_reused, reused);
	return handle;
}

/* That very object, and it is counted. */
static inline void must_take(struct zs_pool *pool, size_t size,
			     unsigned long handle)
{
	unsigned long reused = info_of(pool).deferred_reused;
	unsigned long got = must_malloc(pool, size);

	if (got != handle)
		fail_msg("%#lx is given out, expected %#lx", got, handle);
	assert_int_equal(info_of(pool).deferred_reused, reused + 1);
}

struct live {
	const unsigned long *handles;
	unsigned int n;
	unsigned long total;
	bool seen[MAX_HANDLES];
};

static inline int see_live(unsigned long handle, void *arg)
{
	struct live *live = arg;

	live->total++;
	for (unsigned int i = 0; i < live->n; i++)
		live->seen[i] |= live->handles[i] == handle;
	return 0;
}

static inline struct live live_of(struct zs_pool *pool,
				  const unsigned long *handles, unsigned int n)
{
	struct live live = { .handles = handles, .n = n };

	assert_true(n <= MAX_HANDLES);
	assert_int_equal(zs_for_each_live(pool, see_live, &live), 0);
	assert_int_equal(live.total, info_of(pool).objs_inuse);
	return live;
}

static inline bool look_due(const struct zs_pool *pool)
{
	return work_pending(&pool->reuse.age_work);
}

/* The worker's look at what is kept. */
static inline void look(struct zs_pool *pool)
{
	assert_true(look_due(pool));
	assert_true(zs_drain(pool) > 0);
}

#endif
