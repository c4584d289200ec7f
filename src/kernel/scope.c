/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scope.c - where the locks of zs_free begin and end: each variant whole, side
 * by side. Owns no state.
 *
 * Kernel origin: mm/zsmalloc.c zs_free of v7.0 (held) and of the 2026 series
 * that reduces lock contention there (unlocked, class-idx).
 * Locks: see below. Sleeps: no.
 *
 *              pool->lock   class->lock   page locks of an emptied zspage
 *  held        |rrrr|
 *                 |cccccccccccccccccc|
 *                          |pppppppp|      pages freed: inside class->lock
 *  unlocked    |rrrr|
 *                 |cccccccccccc|
 *                          |pppppppppp|    pages freed: after class->lock
 *  class-idx      |cccccccccccc|
 *                          |pppppppppp|    same, and no pool->lock
 *
 * Guarantees:
 *  L1 the object freed is the one that the handle names when class->lock is
 *     taken. It moves only under that lock.
 *  L2 a zspage that is being freed is in no list, and its pages' locks are held
 *     from before class->lock is dropped until each page is reset: that keeps
 *     page migration away.
 *
 * A new scope is one function and one entry of the table `scopes`.
 */
#include "kernel/scope.h"

#include "handle.h"
#include "jobs.h"
#include "lock_order.h"

/* Locks: needs class->lock. */
bool uzs_free_locked(struct zs_pool *pool, struct size_class *class,
		     struct zspage *zspage, unsigned long handle,
		     unsigned long obj)
{
	assert_spin_locked(&class->lock);
	record_obj(handle, 0);
	uzs_add(&class->objs_inuse, -1);
	uzs_add(&class->objs_freed, 1);
	uzs_note_freed(pool, class, 1);
	uzs_obj_free(pool, class, zspage, obj, true);
	return uzs_fix_fullness_group(class, zspage) == ZS_INUSE_RATIO_0;
}

static bool free_held(struct zs_pool *pool, unsigned long handle)
{
	struct size_class *class;
	struct zspage *zspage;
	struct zpdesc *zpdesc;
	unsigned long obj;
	bool kick = false;

	read_lock(&pool->lock); /* now the object stays in its zspage */
	obj = handle_to_obj(handle);
	zpdesc = obj_to_zpdesc(pool, obj);
	class = zpdesc_class(pool, zpdesc);
	zspage = zpdesc->zspage;
	__builtin_prefetch(zspage, 1);
	uzs_prefetch_object(pool, class, zpdesc, obj);
	spin_lock(&class->lock); /* from here on this lock keeps it there: L1 */
	read_unlock(&pool->lock);

	if (uzs_free_locked(pool, class, zspage, handle, obj))
		kick = !uzs_free_zspage(pool, class, zspage);
	spin_unlock(&class->lock);
	return kick;
}

static bool free_unlocked(struct zs_pool *pool, unsigned long handle)
{
	struct size_class *class;
	struct zspage *zspage;
	struct zpdesc *zpdesc;
	unsigned long obj;
	bool empty, detached;

	read_lock(&pool->lock);
	obj = handle_to_obj(handle);
	zpdesc = obj_to_zpdesc(pool, obj);
	class = zpdesc_class(pool, zpdesc);
	zspage = zpdesc->zspage;
	__builtin_prefetch(zspage, 1);
	uzs_prefetch_object(pool, class, zpdesc, obj);
	spin_lock(&class->lock);
	read_unlock(&pool->lock);

	empty = uzs_free_locked(pool, class, zspage, handle, obj);
	detached = empty && uzs_detach_zspage(class, zspage);
	spin_unlock(&class->lock);
	if (detached)
		uzs_release_zspage(pool, class, zspage); /* L2 */
	return empty && !detached;
}

static bool free_class_idx(struct zs_pool *pool, unsigned long handle)
{
	struct size_class *class;
	struct zspage *zspage;
	struct zpdesc *zpdesc;
	unsigned long obj;
	bool empty, detached;

	/* The object may still move, but not to another class. */
	obj = handle_to_obj(handle);
	class = obj_to_class(pool, obj);
	zpdesc = obj_to_zpdesc(pool, obj);
	__builtin_prefetch(zpdesc, 1);
	uzs_prefetch_object(pool, class, zpdesc, obj);
	spin_lock(&class->lock);
	obj = handle_to_obj(handle); /* now it cannot move: L1 */
	zspage = obj_to_zpdesc(pool, obj)->zspage;

	empty = uzs_free_locked(pool, class, zspage, handle, obj);
	detached = empty && uzs_detach_zspage(class, zspage);
	spin_unlock(&class->lock);
	if (detached)
		uzs_release_zspage(pool, class, zspage); /* L2 */
	return empty && !detached;
}

struct size_class *uzs_class_of(struct zs_pool *pool, unsigned long handle)
{
	bool lookup_locked = !pool->scope->class_in_obj;
	struct size_class *class;

	if (lookup_locked)
		read_lock(&pool->lock);
	class = uzs_handle_class(pool, handle);
	if (lookup_locked)
		read_unlock(&pool->lock);
	return class;
}

static const struct lock_scope scopes[] = {
	{ ZS_SCOPE_HELD, "held", false, false, free_held },
	{ ZS_SCOPE_UNLOCKED, "unlocked", false, true, free_unlocked },
	{ ZS_SCOPE_CLASS_IDX, "class-idx", true, true, free_class_idx },
};

/* Bits of an object index in the zspage with the most objects: 32 bytes each,
 * in the longest chain. */
static unsigned int dense_index_bits(const struct zs_pool *pool)
{
	return ilog2(pool->chain_size - 1) + 1 + pool->page_shift -
	       ilog2(ZS_MIN_ALLOC_SIZE);
}

#define CLASS_BITS 9

/* Never on 32-bit: the compiler sees that 12 to 16 bits are too few. */
static bool class_fits_obj(const struct zs_pool *pool)
{
	return BITS_PER_LONG == 64 &&
	       CLASS_BITS + dense_index_bits(pool) <= pool->obj_index_bits;
}

static const struct lock_scope *scope_of(enum zs_lock_scope id)
{
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
		if (scopes[i].id == id)
			return &scopes[i];
	return NULL;
}

bool uzs_is_scope(enum zs_lock_scope id)
{
	return id == ZS_SCOPE_DEFAULT || scope_of(id);
}

const char *zs_lock_scope_name(enum zs_lock_scope id)
{
	const struct lock_scope *scope = scope_of(id);

	if (id == ZS_SCOPE_DEFAULT)
		return "default";
	return scope ? scope->name : NULL;
}

const struct lock_scope *uzs_find_scope(const struct zs_pool *pool,
					enum zs_lock_scope id)
{
	if (id == ZS_SCOPE_DEFAULT)
		id = ZS_SCOPE_CLASS_IDX;
	if (id == ZS_SCOPE_CLASS_IDX && !class_fits_obj(pool))
		id = ZS_SCOPE_UNLOCKED;
	return scope_of(id);
}

void uzs_set_scope(struct zs_pool *pool, const struct lock_scope *scope)
{
	pool->scope = scope;
	pool->obj_class_shift = pool->obj_index_bits;
	if (scope->class_in_obj) {
		pool->obj_class_shift = dense_index_bits(pool);
		pool->obj_class_mask = (1u << CLASS_BITS) - 1;
	}
}

/* ---- zs_free ---------------------------------------------------------------- */

void uzs_kernel_free(struct zs_pool *pool, unsigned long handle)
{
	bool kick;

	/* What a scope promises holds for all that it calls. */
	uzs_forbid_page_free(pool->scope->frees_late ? RANK_CLASS : 0);
	kick = pool->scope->free(pool, handle);
	uzs_forbid_page_free(0);
	uzs_free_handle(pool, handle);
	if (unlikely(kick))
		uzs_kick_free(pool);
	uzs_kick_give_back(pool);
}
