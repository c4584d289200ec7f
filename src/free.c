/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* free.c - zs_free and zs_free_many: what they check. Owns no state.
 *
 * Kernel origin: mm/zsmalloc.c zs_free; zs_free_many is ours.
 * Locks: none of its own. Sleeps: no.
 */
#include "free.h"

#include "harden.h"
#include "words.h"

void zs_free(struct zs_pool *pool, unsigned long handle)
{
	if (unlikely(uzs_no_handle(handle)))
		return;
	if (unlikely(pool->hardened) &&
	    !uzs_harden_claim(pool, handle, false, __func__))
		return;
	uzs_free_one(pool, handle);
}

/* Handles claimed at once. What was claimed and is not freed is lost to a child
 * of a fork. */
#define BATCH 256u
#define HARDENED_BATCH 64u

size_t zs_free_many(struct zs_pool *pool, const unsigned long handles[],
		    size_t n)
{
	unsigned int most = pool->hardened ? HARDENED_BATCH : BATCH;
	unsigned long batch[BATCH];
	size_t freed = 0;

	/* Before the first lock: who has all locks sees it. */
	if (unlikely(!READ_ONCE(pool->freed_many)))
		WRITE_ONCE(pool->freed_many, true);
	for (size_t i = 0; i < n;) {
		unsigned int nr = 0;

		for (; i < n && nr < most; i++) {
			if (unlikely(uzs_no_handle(handles[i])))
				continue;
			if (unlikely(pool->hardened) &&
			    !uzs_harden_claim(pool, handles[i], false,
					      __func__))
				continue;
			batch[nr++] = handles[i];
		}
		uzs_free_many(pool, batch, nr);
		freed += nr;
	}
	return freed;
}
