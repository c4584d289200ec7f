/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* geometry.h - which sizes share a class, and how many pages its zspages have.
 * Arithmetic: no state, no locks. */
#ifndef UZS_KERNEL_GEOMETRY_H
#define UZS_KERNEL_GEOMETRY_H

#include "class.h"

/* Pages of a zspage of objects of that size: the number that leaves the least
 * rest in the zspage. */
unsigned int uzs_pages_per_zspage(unsigned int size, unsigned int page_size,
				  unsigned int chain_size);
/* Walks the class indices of a geometry, largest first. Calls fn for each, and
 * says whether it shares the class of the index before. */
void uzs_walk_geometry(const struct zs_pool *pool,
		       void (*fn)(const struct class_geometry *geometry,
				  void *arg),
		       void *arg);
/* Fills in the pool's derived constants from page_size and chain_size. */
void uzs_set_geometry(struct zs_pool *pool);
/* The class index of an object of that size, its handle word included. */
unsigned int uzs_class_index(const struct zs_pool *pool, size_t size);

#endif
