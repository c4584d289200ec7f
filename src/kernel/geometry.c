/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* geometry.c - which sizes share a class, and how many pages its zspages have:
 * arithmetic on page size and chain size. Owns no state.
 *
 * Kernel origin: mm/zsmalloc.c calculate_zspage_chain_size,
 * get_size_class_index, can_merge, and the constants at the top; differs: page
 * size and chain size are the pool's, and a pool may do without some classes.
 * Locks: none. Sleeps: no.
 */
#include "kernel/geometry.h"

unsigned int uzs_pages_per_zspage(unsigned int size, unsigned int page_size,
				  unsigned int chain_size)
{
	unsigned int best = 1, best_waste = UINT_MAX;

	if (is_power_of_2(size))
		return 1;
	for (unsigned int pages = 1; pages <= chain_size; pages++) {
		unsigned int waste = pages * page_size % size;

		if (waste < best_waste) {
			best_waste = waste;
			best = pages;
		}
	}
	return best;
}

void uzs_set_geometry(struct zs_pool *pool)
{
	unsigned int delta = pool->page_size >> ZS_SIZE_CLASS_SHIFT;

	pool->page_shift = ilog2(pool->page_size);
	pool->max_size = pool->page_size;
	pool->obj_index_bits = (unsigned int)BITS_PER_LONG -
			       (MAX_ADDRESS_BITS - pool->page_shift);
	pool->min_alloc_size =
		max(ZS_MIN_ALLOC_SIZE, (pool->chain_size << pool->page_shift) >>
					       pool->obj_index_bits);
	pool->class_delta_shift = ilog2(delta);
	pool->nr_classes =
		DIV_ROUND_UP(pool->page_size - pool->min_alloc_size, delta) + 1;
}

void uzs_walk_geometry(const struct zs_pool *pool,
		       void (*fn)(const struct class_geometry *geometry,
				  void *arg),
		       void *arg)
{
	struct class_geometry last = { 0 };

	for (unsigned int i = pool->nr_classes; i-- > 0;) {
		struct class_geometry g = { .index = i };

		g.size = min(pool->min_alloc_size +
				     (i << pool->class_delta_shift),
			     pool->page_size);
		g.pages = uzs_pages_per_zspage(g.size, pool->page_size,
					       pool->chain_size);
		g.objs = g.pages * pool->page_size / g.size;
		g.huge = g.objs == 1 && g.pages == 1;
		g.merged = (g.pages == last.pages && g.objs == last.objs) ||
			   (pool->unused_class[i / 64] >> i % 64 & 1);
		fn(&g, arg);
		last = g;
	}
}

unsigned int uzs_class_index(const struct zs_pool *pool, size_t size)
{
	size_t above;

	if (size <= pool->min_alloc_size)
		return 0;
	size = min(size, (size_t)pool->page_size);
	above = size - pool->min_alloc_size +
		((size_t)1 << pool->class_delta_shift) - 1;
	return (unsigned int)min((size_t)pool->nr_classes - 1,
				 above >> pool->class_delta_shift);
}
