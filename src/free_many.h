/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* free_many.h - many objects are freed at once. */
#ifndef UZS_FREE_MANY_H
#define UZS_FREE_MANY_H

#include "types.h"

/* Starts fetching what freeing these handles will touch; no locks needed. */
void uzs_fetch_objects(struct zs_pool *pool, const unsigned long *handles,
		       unsigned int n);
/* Frees many handles, class->lock held over runs of the same class. */
void uzs_free_many(struct zs_pool *pool, const unsigned long *handles,
		   unsigned int n);
/* The same for handles all of one class. */
void uzs_free_same_class(struct zs_pool *pool, const unsigned long *handles,
			 unsigned int n);
/* Starts fetching an object of that class, for writing: its descriptor and its
 * first bytes, as far as they are in its first page. No locks needed. */
void uzs_fetch_object(struct zs_pool *pool, const struct size_class *class,
		      unsigned long handle, unsigned int bytes);

#endif
