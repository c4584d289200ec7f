/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scope.h - the variants of zs_free, and what they share. */
#ifndef UZS_SCOPE_H
#define UZS_SCOPE_H

#include "class.h"
#include "kernel/obj.h"
#include "kernel/zspage.h"

/* The scope for an option. Where the obj word has no room for the class index,
 * another scope than the one asked for. */
const struct lock_scope *uzs_find_scope(const struct zs_pool *pool,
					enum zs_lock_scope id);
/* May a user ask for this scope? */
bool uzs_is_scope(enum zs_lock_scope id);
/* Lays out the obj word. */
void uzs_set_scope(struct zs_pool *pool, const struct lock_scope *scope);
/* Frees an object and its handle, in the pool's scope. */
void uzs_kernel_free(struct zs_pool *pool, unsigned long handle);
/* The class of a live handle. Takes pool->lock if the scope needs it. */
struct size_class *uzs_class_of(struct zs_pool *pool, unsigned long handle);

/* ---- what the variants share, and freeing many does, too ------------------ */

/* Prefetches what a free will write. (Always inline: gcc removes calls of a
 * function that only prefetches, as if it had no effect.) */
static __always_inline void uzs_prefetch_object(struct zs_pool *pool,
						struct size_class *class,
						struct zpdesc *zpdesc,
						unsigned long obj)
{
	unsigned int offset =
		obj_page_offset(pool, class, obj_to_index(pool, obj));

	__builtin_prefetch((char *)zpdesc_address(pool, zpdesc) + offset, 1);
}

/* What all variants do under class->lock: puts the object back, and makes the
 * handle word dead at the same time. So no walk over live handles, and no child
 * of a fork, finds one that leads to a freed object. Return: is the zspage
 * empty now? */
bool uzs_free_locked(struct zs_pool *pool, struct size_class *class,
		     struct zspage *zspage, unsigned long handle,
		     unsigned long obj);

/* The class of a live handle. In scopes other than class-idx only valid while
 * pool->lock is held. */
static inline struct size_class *uzs_handle_class(struct zs_pool *pool,
						  unsigned long handle)
{
	unsigned long obj = handle_to_obj(handle);

	if (pool->scope->class_in_obj)
		return obj_to_class(pool, obj);
	return zpdesc_class(pool, obj_to_zpdesc(pool, obj));
}

#endif
