/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* class.h - the size classes of a pool: fullness groups, their lists, counts. */
#ifndef UZS_CLASS_H
#define UZS_CLASS_H

#include "types.h"

/* What a profile says of a class index. */
struct class_geometry {
	unsigned int index;
	unsigned int size;
	unsigned int pages;
	unsigned int objs;
	bool merged;
	bool huge;
};
/* After so many frees of a class, or so many bytes, it is looked for gaps. */
#define UZS_LOOK_EVERY 256u
#define UZS_LOOK_BYTES ((size_t)256 << 10)

unsigned int uzs_count_distinct_classes(const struct zs_pool *pool);
/* Division by multiplication: x / d is x * reciprocal(d) >> 44, for x below 4 MiB
 * and d from 16 to 4 MiB. */
#define UZS_RECIPROCAL_SHIFT 44
static inline u64 uzs_reciprocal(u64 d)
{
	return (((u64)1 << UZS_RECIPROCAL_SHIFT) + d - 1) / d;
}
static inline unsigned int uzs_divide(u64 x, u64 reciprocal)
{
	return (unsigned int)(x * reciprocal >> UZS_RECIPROCAL_SHIFT);
}
/* Bytes of the distinct classes and of their groups. */
size_t uzs_classes_bytes(const struct zs_pool *pool);
/* Builds the class table. `mem` has so many bytes, zeroed. */
void uzs_init_classes(struct zs_pool *pool, void *mem);
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
/* Zspages in a group. Locks: none. */
static inline unsigned long uzs_nr_in_group(const struct size_class *class,
					    unsigned int group)
{
	/* Acquire: the groups may be new. */
	return READ_ONCE(smp_load_acquire(&class->groups)->zspages[group]);
}

unsigned long uzs_freeable_pages(struct size_class *class);
unsigned long uzs_pool_freeable_pages(const struct zs_pool *pool);
/* Bytes that the pool may hold; 0: no limit. */
static inline size_t uzs_memory_limit(const struct zs_pool *pool)
{
	size_t limit = READ_ONCE(pool->zone.limit_wanted);

	return limit ? limit + pool->meta_bytes : 0;
}
/* Objects freed in the pool so far; relaxed. */
unsigned long uzs_objs_freed(const struct zs_pool *pool);

#endif
