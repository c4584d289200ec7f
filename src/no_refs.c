/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* no_refs.c - zs_ref on machines whose addresses have 32 bits: no pool has such
 * objects. Owns no state.
 *
 * Kernel origin: none.
 * Locks: none. Sleeps: no.
 */
#include "profile.h"

int zs_ref_alloc(struct zs_pool *pool, zs_ref *ref, size_t size)
{
	(void)pool;
	(void)ref;
	(void)size;
	return -EOPNOTSUPP;
}

int zs_ref_store(struct zs_pool *pool, zs_ref *ref, const void *data,
		 size_t len)
{
	(void)data;
	return zs_ref_alloc(pool, ref, len);
}

int zs_ref_load(struct zs_pool *pool, const zs_ref *ref, void *buf, size_t len)
{
	(void)pool;
	(void)ref;
	(void)buf;
	(void)len;
	return -EINVAL;
}

void *zs_ref_begin(struct zs_pool *pool, zs_ref *ref)
{
	(void)pool;
	(void)ref;
	return NULL;
}

void zs_ref_end(struct zs_pool *pool, zs_ref *ref)
{
	(void)pool;
	(void)ref;
}

void zs_ref_free(struct zs_pool *pool, zs_ref *ref)
{
	(void)pool;
	(void)ref;
}

void zs_ref_move(struct zs_pool *pool, zs_ref *to, zs_ref *from)
{
	(void)pool;
	(void)to;
	(void)from;
}

size_t zs_ref_room(struct zs_pool *pool, const zs_ref *ref)
{
	(void)pool;
	(void)ref;
	return 0;
}

size_t zs_ref_free_many(struct zs_pool *pool, zs_ref *const refs[], size_t n)
{
	(void)pool;
	(void)refs;
	(void)n;
	return 0;
}

int zs_ref_load_call_(struct zs_pool *pool, const zs_ref *ref, void *buf,
		      size_t len)
{
	return zs_ref_load(pool, ref, buf, len);
}

void *zs_ref_begin_call_(struct zs_pool *pool, zs_ref *ref)
{
	return zs_ref_begin(pool, ref);
}

void zs_ref_end_call_(struct zs_pool *pool, zs_ref *ref)
{
	zs_ref_end(pool, ref);
}
