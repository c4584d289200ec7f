/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* free_many.h - frees many objects at once. */
#ifndef UZS_FREE_MANY_H
#define UZS_FREE_MANY_H

#include "types.h"

/* Prefetches what freeing these handles will touch. Needs no locks. */
void uzs_fetch_objects(struct zs_pool *pool, const unsigned long *handles,
		       unsigned int n);
/* Frees many handles. Holds class->lock over runs of the same class. */
void uzs_kernel_free_many(struct zs_pool *pool, const unsigned long *handles,
			  unsigned int n);
/* The same for handles that are all of one class. */
void uzs_free_same_class(struct zs_pool *pool, const unsigned long *handles,
			 unsigned int n);
/* Prefetches an object of that class for writing: its page descriptor and its
 * first `bytes`, as far as they lie in its first page. Needs no locks. */
void uzs_fetch_object(struct zs_pool *pool, const struct size_class *class,
		      unsigned long handle, unsigned int bytes);

#endif
