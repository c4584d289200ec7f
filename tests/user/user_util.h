/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* user_util.h - what the tests of the user profile share: pools of it, objects
 * behind refs with contents that can be checked, sizes.
 */
#ifndef UZS_USER_UTIL_H
#define UZS_USER_UTIL_H

#include "test_system.h"
#include "test_util.h"

#include <errno.h>
#include <limits.h>

#include "user/layout.h"
#include "user/sizes.h"

#define USER_OPTIONS_INIT                                               \
	{                                                               \
		sizeof(struct zs_pool_options), 0, 0, ZS_SCOPE_DEFAULT, \
			ZS_DEFER_DEFAULT, 0, 0, 0, NULL, NULL,          \
			ZS_PROFILE_USER, ZS_MAX_OVERHEAD, 0             \
	}

struct user_geometry {
	unsigned int page_size;
	unsigned int chain_size;
};

/* The defaults first. */
static const struct user_geometry user_geometries[] = {
	{ 0, 0 },     { 4096, 4 },  { 4096, 5 },  { 8192, 16 },
	{ 16384, 8 }, { 32768, 4 }, { 65536, 16 }
};

static inline struct zs_pool *make_user_with(const struct zs_pool_options *o)
{
	struct zs_pool *pool = zs_create_pool_with("user", o);

	assert_non_null(pool);
	return pool;
}

/* Without a worker nothing happens but what the test does. */
static inline struct zs_pool *make_user(unsigned int flags)
{
	struct zs_pool_options o = USER_OPTIONS_INIT;

	o.flags = flags;
	return make_user_with(&o);
}

static inline struct zs_pool *make_user_of(const struct user_geometry *geometry,
					   unsigned int flags)
{
	struct zs_pool_options o = USER_OPTIONS_INIT;

	o.page_size = geometry->page_size;
	o.chain_size = geometry->chain_size;
	o.flags = flags;
	return make_user_with(&o);
}

/* 1 to `most` bytes, uniform in the logarithm. */
static inline size_t log_uniform(struct rng *rng, size_t most)
{
	unsigned int bits = 64 - (unsigned int)__builtin_clzll(most);
	size_t low = (size_t)1 << rng_below(rng, bits);
	size_t size = low + rng_next(rng) % low;

	return size < most ? size : most;
}

/* A mover may be writing it. */
static inline uint64_t word_of(const zs_ref *ref)
{
	return __atomic_load_n(&ref->word, __ATOMIC_RELAXED);
}

/* Stores the pattern `key`, from a buffer of just that length. Return: as
 * zs_ref_store. */
static inline int ref_fill(struct zs_pool *pool, zs_ref *ref, size_t len,
			   uint64_t key)
{
	unsigned char *mem = malloc(len);
	int err = -EIO;

	if (mem) {
		pattern_fill(mem, len, key);
		err = zs_ref_store(pool, ref, mem, len);
	}
	free(mem);
	return err;
}

/* Does it hold the pattern? Looks in place. */
static inline bool ref_ok(struct zs_pool *pool, zs_ref *ref, size_t len,
			  uint64_t key)
{
	const void *mem = zs_ref_begin(pool, ref);
	bool ok = mem && pattern_ok(mem, len, key);

	if (mem)
		zs_ref_end(pool, ref);
	return ok && zs_ref_room(pool, ref) >= len;
}

/* The same, through a copy. */
static inline bool ref_loads(struct zs_pool *pool, const zs_ref *ref,
			     size_t len, uint64_t key)
{
	unsigned char *mem = malloc(len);
	bool ok = mem && !zs_ref_load(pool, ref, mem, len) &&
		  pattern_ok(mem, len, key);

	free(mem);
	return ok;
}

/* Where an object lies. */
static inline void *place_of(struct zs_pool *pool, zs_ref *ref)
{
	void *mem = zs_ref_begin(pool, ref);

	if (mem)
		zs_ref_end(pool, ref);
	return mem;
}

static inline struct zs_class_info class_info_of(struct zs_pool *pool,
						 unsigned int index)
{
	struct zs_class_info info = ZS_CLASS_INFO_INIT;

	assert_int_equal(zs_class_info(pool, index, &info), 0);
	return info;
}

/* A small pool uses few of its classes. From now on this one uses all. */
static inline void use_all_classes(struct zs_pool *pool)
{
	uzs_user_set_classes(pool, ULONG_MAX);
	WRITE_ONCE(pool->user->less_below, 0);
}

/* The class that an object of `size` bytes goes to now. */
static inline struct zs_class_info class_info_for(struct zs_pool *pool,
						  size_t size)
{
	return class_info_of(
		pool,
		zs_lookup_class_index(pool, (unsigned int)(size + USER_HEAD)));
}

#endif
