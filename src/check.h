/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* check.h - the invariants of a pool, and all of its locks at once. */
#ifndef UZS_CHECK_H
#define UZS_CHECK_H

#include "types.h"

/* Takes, in order, every lock of the allocator but the rights and hand_lock:
 * for a caller that must have the pool to itself. */
void uzs_lock_pool(struct zs_pool *pool);
void uzs_unlock_pool(struct zs_pool *pool);
/* What zs_pool_check looks at, for a caller that keeps all others away without
 * the pool's locks: the lab stops all CPUs. */
struct pool_check {
	struct size_class *const *class; /* NULL: all of the pool's */
	unsigned int nr_classes;
	unsigned long other_pages; /* in zspages of the classes left out, of
				    * which no CPU keeps anything */
	bool slabs, zone; /* I9 */
	bool kept; /* I12 */
	bool as_is; /* I9 of slabs without emptying the magazines */
	bool used_pages; /* I10 */
};
unsigned long uzs_check_pool(struct zs_pool *pool,
			     const struct pool_check *what, FILE *out);

#endif
