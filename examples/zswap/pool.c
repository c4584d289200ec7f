/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pool.c - the pools of a zswap: the current one, and one for each earlier
 * compressor, until its last entry is gone.
 *
 * Kernel origin: mm/zswap.c zswap_pool_create, zswap_pool_get/put,
 * zswap_total_pages.
 * Locks: takes pools_lock. A pool without references cannot be found any more:
 * references are only taken under pools_lock.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

/* The least size of which an object takes a page or more. */
static size_t poor_bytes(struct zs_pool *zs)
{
	struct zs_class_info info = ZS_CLASS_INFO_INIT;
	size_t good = 0; /* class size */

	if (zs_profile(zs) == ZS_PROFILE_KERNEL)
		return zs_huge_class_size(zs);
	for (unsigned int i = 0; i < zs_class_count(zs); i++) {
		if (zs_class_info(zs, i, &info))
			continue;
		if (info.objs_per_zspage <= info.pages_per_zspage)
			break;
		good = info.size;
	}
	/* The pool puts a word in front of each object. */
	return good - sizeof(unsigned long) + 1;
}

static struct zswap_pool *pool_create(struct zswap *z, const char *compressor,
				      int *err)
{
	struct zs_pool_options opts = ZS_POOL_OPTIONS_INIT;
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	struct zswap_pool *pool = calloc(1, sizeof(*pool));

	*err = -ENOMEM;
	if (!pool)
		return NULL;
	*err = codec_init(&pool->codec, compressor, z->options.page_size);
	if (*err) {
		free(pool);
		return NULL;
	}
	opts.page_size = z->options.page_size;
	opts.profile = z->options.profile;
	/* A fault takes much longer than what they save. */
	opts.flags = ZS_POOL_NO_HUGE_PAGES;
	opts.lock_scope = z->options.lock_scope;
	opts.defer = z->options.defer;
	opts.memory_limit = z->options.memory_limit;
	errno = 0;
	pool->zs = zs_create_pool_with("zswap", &opts);
	if (!pool->zs) {
		*err = -errno;
		codec_destroy(&pool->codec);
		free(pool);
		return NULL;
	}
	zs_pool_info(pool->zs, &info);
	pool->page_bytes = info.page_size;
	pool->poor_bytes = poor_bytes(pool->zs);
	atomic_init(&pool->refs, 1);
	return pool;
}

static void pool_destroy(struct zswap_pool *pool)
{
	zs_destroy_pool(pool->zs);
	codec_destroy(&pool->codec);
	free(pool);
}

int zswap_set_compressor(struct zswap *z, const char *compressor)
{
	struct zswap_pool *pool, *old;
	int err;

	pool = pool_create(z, compressor, &err);
	if (!pool)
		return err;
	pthread_mutex_lock(&z->pools_lock);
	old = z->current;
	pool->next = z->pools;
	z->pools = pool;
	z->current = pool;
	pthread_mutex_unlock(&z->pools_lock);
	if (old)
		zswap_pool_put(z, old);
	return 0;
}

struct zswap_pool *zswap_pool_get(struct zswap *z)
{
	struct zswap_pool *pool;

	pthread_mutex_lock(&z->pools_lock);
	pool = z->current; /* the current pool always has a reference */
	atomic_fetch_add(&pool->refs, 1);
	pthread_mutex_unlock(&z->pools_lock);
	return pool;
}

void zswap_pool_put(struct zswap *z, struct zswap_pool *pool)
{
	if (atomic_fetch_sub(&pool->refs, 1) != 1)
		return;
	/* The worker destroys the pool: that may take long, and a thread may
	 * wait for the caller. */
	zswap_note_dead(z);
	zswap_kick(z, false);
}

void zswap_for_each_pool(struct zswap *z,
			 void (*call)(struct zswap_pool *pool, void *arg),
			 void *arg)
{
	pthread_mutex_lock(&z->pools_lock);
	for (struct zswap_pool *pool = z->pools; pool; pool = pool->next)
		call(pool, arg);
	pthread_mutex_unlock(&z->pools_lock);
}

/* The next pool of the list that is not dead; after the last the first one.
 * Puts @pool. */
static struct zswap_pool *get_next(struct zswap *z, struct zswap_pool *pool)
{
	struct zswap_pool *next;
	unsigned long refs = 0;

	pthread_mutex_lock(&z->pools_lock);
	for (next = pool ? pool->next : z->pools; next; next = next->next) {
		refs = atomic_load(&next->refs);
		while (refs && !atomic_compare_exchange_weak(&next->refs, &refs,
							     refs + 1))
			;
		if (refs)
			break;
	}
	pthread_mutex_unlock(&z->pools_lock);
	if (pool)
		zswap_pool_put(z, pool);
	return next;
}

void zswap_visit_pools(struct zswap *z, void (*call)(struct zswap_pool *pool))
{
	struct zswap_pool *pool = NULL;

	while ((pool = get_next(z, pool)))
		call(pool);
}

static void add_size(struct zswap_pool *pool, void *size)
{
	*(uint64_t *)size +=
		(uint64_t)zs_get_total_pages(pool->zs) * pool->page_bytes;
}

uint64_t zswap_pool_size(struct zswap *z)
{
	uint64_t size = 0;

	zswap_for_each_pool(z, add_size, &size);
	return size;
}

void zswap_tidy_pools(struct zswap *z, bool all)
{
	struct zswap_pool *dead = NULL, **link, *pool;

	pthread_mutex_lock(&z->pools_lock);
	link = &z->pools;
	while ((pool = *link)) {
		if (!all && atomic_load(&pool->refs)) {
			link = &pool->next;
			continue;
		}
		*link = pool->next;
		pool->next = dead;
		dead = pool;
	}
	pthread_mutex_unlock(&z->pools_lock);
	while ((pool = dead)) {
		dead = pool->next;
		pool_destroy(pool);
	}
}
