/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* on_malloc.h - what zcache.c uses of uzsmalloc, done by malloc, for a comparison:
 * bench_zcache_malloc is the same cache with this header before it. LD_PRELOAD
 * chooses whose malloc. There is no memory limit. */
#ifndef ON_MALLOC_H
#define ON_MALLOC_H

#define _GNU_SOURCE /* as zcache.c has it */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uzsmalloc.h>

static inline void *on_malloc_object(const zs_ref *ref)
{
	return (void *)(uintptr_t)ref->word;
}

static inline struct zs_pool *
on_malloc_create(const char *name, const struct zs_pool_options *opts)
{
	(void)name;
	(void)opts;
	return malloc(1); /* only its address is used */
}

/* What is live is left: the process ends. */
static inline unsigned long on_malloc_destroy(struct zs_pool *pool)
{
	free(pool);
	return 0;
}

static inline void on_malloc_free(struct zs_pool *pool, zs_ref *ref)
{
	(void)pool;
	free(on_malloc_object(ref));
	ref->word = 0;
}

static inline int on_malloc_store(struct zs_pool *pool, zs_ref *ref,
				  const void *data, size_t len)
{
	void *object = malloc(len);

	if (!object)
		return -ENOMEM;
	memcpy(object, data, len);
	on_malloc_free(pool, ref);
	ref->word = (uintptr_t)object;
	return 0;
}

static inline void on_malloc_move(struct zs_pool *pool, zs_ref *to,
				  zs_ref *from)
{
	(void)pool;
	*to = *from;
	from->word = 0;
}

static inline void *on_malloc_begin(struct zs_pool *pool, zs_ref *ref)
{
	(void)pool;
	return on_malloc_object(ref);
}

static inline void on_malloc_end(struct zs_pool *pool, zs_ref *ref)
{
	(void)pool;
	(void)ref;
}

static inline int on_malloc_load(struct zs_pool *pool, const zs_ref *ref,
				 void *buf, size_t len)
{
	(void)pool;
	memcpy(buf, on_malloc_object(ref), len);
	return 0;
}

static inline void on_malloc_info(struct zs_pool *pool,
				  struct zs_pool_info *info)
{
	(void)pool;
	info->bytes_resident = 0; /* not known */
}

static inline unsigned long on_malloc_nothing(struct zs_pool *pool)
{
	(void)pool;
	return 0;
}

#define zs_compact on_malloc_nothing
#define zs_trim on_malloc_nothing
#define zs_create_pool_with on_malloc_create
#define zs_destroy_pool on_malloc_destroy
#define zs_pool_info(pool, info) on_malloc_info(pool, info)
#define zs_ref_store on_malloc_store
#define zs_ref_free on_malloc_free
#define zs_ref_move on_malloc_move
#define zs_ref_begin on_malloc_begin
#define zs_ref_end on_malloc_end
#define zs_ref_load on_malloc_load

#endif
