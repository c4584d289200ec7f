/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* class.h - the size classes of a pool: fullness groups, their lists, counts. */
#ifndef UZS_CLASS_H
#define UZS_CLASS_H

#include "types.h"

/* Builds the class table. `mem` is zeroed and has room for the distinct
 * classes. */
void uzs_init_classes(struct zs_pool *pool, struct size_class *mem);
/* Does the class at `index` have this number itself (not merged into
 * another)? */
static inline bool uzs_class_is_own(const struct zs_pool *pool,
				    unsigned int index)
{
	return pool->size_class[index]->index == index;
}
unsigned int uzs_fullness_group(const struct size_class *class,
				unsigned int inuse);
void uzs_insert_zspage(struct size_class *class, struct zspage *zspage,
		       unsigned int group);
void uzs_remove_zspage(struct size_class *class, struct zspage *zspage);
unsigned int uzs_fix_fullness_group(struct size_class *class,
				    struct zspage *zspage);
struct zspage *uzs_find_zspage(struct size_class *class);
unsigned long uzs_freeable_pages(struct size_class *class);
unsigned long uzs_pool_freeable_pages(const struct zs_pool *pool);
/* Objects freed in the pool so far; relaxed. */
unsigned long uzs_objs_freed(const struct zs_pool *pool);

#endif
