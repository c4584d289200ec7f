/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* free.h - frees objects, for the library's own callers. */
#ifndef UZS_FREE_H
#define UZS_FREE_H

#include "profile.h"

/* zs_free, for a handle that is the caller's to free. In hardened pools the
 * caller has claimed it. */
static inline void uzs_free_one(struct zs_pool *pool, unsigned long handle)
{
	pool->profile->free(pool, handle);
}
/* The same for many. */
static inline void uzs_free_many(struct zs_pool *pool,
				 const unsigned long *handles, unsigned int n)
{
	pool->profile->free_many(pool, handles, n);
}
/* Prefetches what freeing these will touch. */
static inline void uzs_fetch_many(struct zs_pool *pool,
				  const unsigned long *handles, unsigned int n)
{
	if (pool->profile->fetch_many)
		pool->profile->fetch_many(pool, handles, n);
}

#endif
