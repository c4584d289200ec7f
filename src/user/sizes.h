/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sizes.h - which sizes share a class in the user profile. Arithmetic: no state,
 * no locks.
 */
#ifndef UZS_USER_SIZES_H
#define UZS_USER_SIZES_H

#include "class.h"
#include "user/layout.h"

void uzs_user_set_geometry(struct zs_pool *pool);
void uzs_user_walk_classes(const struct zs_pool *pool,
			   void (*fn)(const struct class_geometry *geometry,
				      void *arg),
			   void *arg);
/* Fills in the pool's tables by size and by class. The classes exist. */
void uzs_user_set_tables(struct zs_pool *pool);
/* Uses as many classes as suit a pool of so many pages. Locks: takes runs->lock. */
void uzs_user_set_classes(struct zs_pool *pool, unsigned long pages);
/* The same after the pool has grown or shrunk; seldom there is something to do. */
static inline void uzs_user_tune(struct zs_pool *pool)
{
	unsigned long pages = (unsigned long)READ_ONCE(pool->pages_allocated);

	if (unlikely(pages >= READ_ONCE(pool->user->more_from) ||
		     pages < READ_ONCE(pool->user->less_below)))
		uzs_user_set_classes(pool, pages);
}
/* The run lengths of a geometry: what is constant of them. First those of zspages that
 * objects share, then those for one object; all have sections of their own. Return:
 * how many. */
unsigned int uzs_user_lengths(const struct zs_pool *pool,
			      struct run_length lengths[USER_LENGTHS]);
unsigned int uzs_user_class_index(const struct zs_pool *pool, size_t size);

/* The largest object of a class, its first word included. */
static inline size_t user_holds(const struct size_class *class)
{
	return class->size + (class->huge ? USER_HEAD : 0);
}
/* Pages that an object of `size` bytes has, its first word included, if it has a
 * zspage of its own. */
static inline unsigned int uzs_user_pages(const struct zs_pool *pool,
					  size_t size)
{
	return (unsigned int)((size - USER_HEAD + pool->page_size - 1) >>
			      pool->page_shift);
}

/* Place in the table of a size without first word, above USER_FINE: 256 for each
 * octave. */
static inline size_t user_high(size_t size)
{
	unsigned int octave = ilog2(size - 1);

	return ((size_t)(octave - ilog2(USER_FINE)) << USER_FINE_SHIFT) +
	       (((size - 1) >> (octave - USER_FINE_SHIFT)) &
		((1u << USER_FINE_SHIFT) - 1));
}

/* The class that an object of `size` bytes goes to now: at most USER_MAX_OBJECT, its
 * first word included. */
static inline struct size_class *user_class(const struct zs_pool *pool,
					    size_t size)
{
	const struct user_pool *user = pool->user;

	return pool->size_class[likely(size <= USER_FINE + USER_HEAD)
					? READ_ONCE(user->low[(size + 7) / 8])
					: READ_ONCE(user->high[user_high(
						  size - USER_HEAD)])];
}

#endif
