/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scope.c - where the locks of zs_free begin and end: each variant whole, side
 * by side. Owns no state.
 *
 * Kernel origin: mm/zsmalloc.c zs_free of v7.0 (held) and of the 2026 series
 * that reduces lock contention there (unlocked, class-idx).
 * Callers: pool.c. Calls: zspage.c, class.c, handle.c.
 * Locks: that is what the file is about. Sleeps: no.
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
 *  L1 the object freed is the one that the handle names at the moment when its
 *     class is locked: it moves only under that lock.
 *  L2 a zspage that is being freed is in no list, and its pages' locks are
 *     held from before class->lock is dropped until each page is reset: that
 *     keeps page migration away.
 *
 * A new scope is one function and one entry of the table at the end.
 */
#include "internal.h"

/* Starts fetching what a free will write. (gcc takes a function that only
 * prefetches for one without effect, and its calls go unless it is inlined.) */
static __always_inline void prefetch_object(struct zs_pool *pool,
					    struct size_class *class,
					    struct zpdesc *zpdesc,
					    unsigned long obj)
{
	unsigned int offset =
		obj_page_offset(pool, class, obj_to_index(pool, obj));

	__builtin_prefetch((char *)zpdesc_address(pool, zpdesc) + offset, 1);
}

/* What all variants do under class->lock: puts the object back. The handle
 * word dies with it, so that no walk over live handles, and no child of a
 * fork, finds one that leads to a freed object. Return: is its zspage empty
 * now? */
static bool free_locked(struct zs_pool *pool, struct size_class *class,
			struct zspage *zspage, unsigned long handle,
			unsigned long obj)
{
	assert_spin_locked(&class->lock);
	record_obj(handle, 0);
	uzs_add(&class->objs_inuse, -1);
	uzs_add(&class->objs_freed, 1);
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

	read_lock(&pool->lock); /* the object stays in its zspage */
	obj = handle_to_obj(handle);
	zpdesc = obj_to_zpdesc(pool, obj);
	class = zpdesc_class(pool, zpdesc);
	zspage = zpdesc->zspage;
	__builtin_prefetch(zspage, 1);
	prefetch_object(pool, class, zpdesc, obj);
	spin_lock(&class->lock); /* from here on this keeps it there: L1 */
	read_unlock(&pool->lock);

	if (free_locked(pool, class, zspage, handle, obj))
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
	prefetch_object(pool, class, zpdesc, obj);
	spin_lock(&class->lock);
	read_unlock(&pool->lock);

	empty = free_locked(pool, class, zspage, handle, obj);
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

	/* The object may move now, but not to another class. */
	obj = handle_to_obj(handle);
	class = obj_to_class(pool, obj);
	zpdesc = obj_to_zpdesc(pool, obj);
	__builtin_prefetch(zpdesc, 1);
	prefetch_object(pool, class, zpdesc, obj);
	spin_lock(&class->lock);
	obj = handle_to_obj(handle); /* now it cannot: L1 */
	zspage = obj_to_zpdesc(pool, obj)->zspage;

	empty = free_locked(pool, class, zspage, handle, obj);
	detached = empty && uzs_detach_zspage(class, zspage);
	spin_unlock(&class->lock);
	if (detached)
		uzs_release_zspage(pool, class, zspage); /* L2 */
	return empty && !detached;
}

/* The class of a live handle; in scopes other than class-idx only while
 * pool->lock is held. */
static struct size_class *handle_class(struct zs_pool *pool,
				       unsigned long handle)
{
	unsigned long obj = handle_to_obj(handle);

	if (pool->scope->class_in_obj)
		return obj_to_class(pool, obj);
	return zpdesc_class(pool, obj_to_zpdesc(pool, obj));
}

struct size_class *uzs_class_of(struct zs_pool *pool, unsigned long handle)
{
	bool lookup_locked = !pool->scope->class_in_obj;
	struct size_class *class;

	if (lookup_locked)
		read_lock(&pool->lock);
	class = handle_class(pool, handle);
	if (lookup_locked)
		read_unlock(&pool->lock);
	return class;
}

/* ---- many at once ------------------------------------------------------- */

/* Bytes that a fetch brings in, at least. */
#define FETCH_STEP 64u

/* So many handles ahead of its turn a handle's word is fetched. */
#define AHEAD 16u

void uzs_fetch_objects(struct zs_pool *pool, const unsigned long *handles,
		       unsigned int n)
{
	for (unsigned int i = 0; i < n + AHEAD; i++) {
		unsigned long obj;
		struct zpdesc *zpdesc;

		if (i < n)
			__builtin_prefetch((void *)handles[i], 1);
		if (i < AHEAD)
			continue;
		/* The object may move now; then the wrong thing is fetched. */
		obj = handle_to_obj(handles[i - AHEAD]);
		zpdesc = obj_to_zpdesc(pool, obj);
		__builtin_prefetch(zpdesc, 1);
		if (pool->scope->class_in_obj)
			prefetch_object(pool, obj_to_class(pool, obj), zpdesc,
					obj);
	}
}

void uzs_fetch_object(struct zs_pool *pool, const struct size_class *class,
		      unsigned long handle, unsigned int bytes)
{
	/* It may move now; then the wrong thing is fetched. */
	unsigned long obj = handle_to_obj(handle);
	struct zpdesc *zpdesc = obj_to_zpdesc(pool, obj);
	unsigned int offset =
		obj_page_offset(pool, class, obj_to_index(pool, obj));
	char *data = (char *)zpdesc_address(pool, zpdesc) + offset;

	__builtin_prefetch(zpdesc);
	bytes = min(bytes, pool->page_size - offset);
	for (unsigned int i = 0; i < bytes; i += FETCH_STEP)
		__builtin_prefetch(data + i, 1);
}

/* Handles sorted at once. */
#define BATCH 256u

/* By class, and within a class as they came: so each zspage is left as if they
 * had been freed one by one. Only where the obj word has the class. */
static void sort_by_class(struct zs_pool *pool, const unsigned long *handles,
			  unsigned int n, unsigned long *sorted)
{
	u16 class[BATCH], place[ZS_MAX_CLASSES + 1] = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		class[i] = (u16)handle_class(pool, handles[i])->index;
		place[class[i] + 1]++;
	}
	for (unsigned int c = 1; c < pool->nr_classes; c++)
		place[c] = (u16)(place[c] + place[c - 1]);
	for (unsigned int i = 0; i < n; i++)
		sorted[place[class[i]]++] = handles[i];
}

/* Handles freed under one hold of class->lock: bounds it. */
#define RUN_MAX 64u

/* Frees the handles at the front that are of the same class. Return: how
 * many. */
static unsigned int free_run(struct zs_pool *pool, const unsigned long *handles,
			     unsigned int n)
{
	bool lookup_locked = !pool->scope->class_in_obj, kick = false;
	struct zspage *zspages[RUN_MAX], *zspage, *next;
	struct size_class *class;
	LIST_HEAD(empty);
	unsigned int nr;

	uzs_forbid_page_free(RANK_CLASS); /* in every scope */
	/* The order of locks forbids to take pool->lock for the next lookup
	 * when class->lock is held. So it is held over the run. */
	if (lookup_locked)
		read_lock(&pool->lock);
	class = handle_class(pool, handles[0]);
	spin_lock(&class->lock); /* from here on they stay where they are: L1 */
	/* All zspages are on their way before the first is waited for. */
	for (nr = 0; nr < min(n, RUN_MAX); nr++) {
		if (handle_class(pool, handles[nr]) != class)
			break;
		zspages[nr] =
			obj_to_zpdesc(pool, handle_to_obj(handles[nr]))->zspage;
		__builtin_prefetch(zspages[nr], 1);
	}
	for (unsigned int i = 0; i < nr; i++) {
		if (!free_locked(pool, class, zspages[i], handles[i],
				 handle_to_obj(handles[i])))
			continue;
		if (uzs_detach_zspage(class, zspages[i]))
			list_add(&zspages[i]->list, &empty);
		else
			kick = true;
	}
	spin_unlock(&class->lock);
	if (lookup_locked)
		read_unlock(&pool->lock);
	list_for_each_entry_safe(zspage, next, &empty, list)
		uzs_release_zspage(pool, class, zspage); /* L2 */
	uzs_forbid_page_free(0);
	for (unsigned int i = 0; i < nr; i++)
		uzs_free_handle(pool, handles[i]);
	if (kick)
		uzs_kick_free(pool);
	return nr;
}

static void free_runs(struct zs_pool *pool, const unsigned long *handles,
		      unsigned int n)
{
	while (n) {
		unsigned int done = free_run(pool, handles, n);

		handles += done;
		n -= done;
	}
}

void uzs_free_alike(struct zs_pool *pool, const unsigned long *handles,
		    unsigned int n)
{
	uzs_fetch_objects(pool, handles, n);
	free_runs(pool, handles, n);
	uzs_kick_reclaim(pool);
}

void uzs_free_handles(struct zs_pool *pool, const unsigned long *handles,
		      unsigned int n)
{
	unsigned long sorted[BATCH];

	while (n) {
		const unsigned long *next = handles;
		unsigned int nr = min(n, BATCH);

		handles += nr;
		n -= nr;
		uzs_fetch_objects(pool, next, nr);
		if (pool->scope->class_in_obj) {
			sort_by_class(pool, next, nr, sorted);
			next = sorted;
		}
		free_runs(pool, next, nr);
	}
	uzs_kick_reclaim(pool);
}

static const struct lock_scope scopes[] = {
	{ ZS_SCOPE_HELD, "held", false, false, free_held },
	{ ZS_SCOPE_UNLOCKED, "unlocked", false, true, free_unlocked },
	{ ZS_SCOPE_CLASS_IDX, "class-idx", true, true, free_class_idx },
};

/* Bits of an object index in the densest zspage: objects of 32 bytes in the
 * longest chain. */
static unsigned int dense_index_bits(const struct zs_pool *pool)
{
	return ilog2(pool->chain_size - 1) + 1 + pool->page_shift -
	       ilog2(ZS_MIN_ALLOC_SIZE);
}

#define CLASS_BITS 9

/* Never on 32-bit, where the compiler sees that 12 to 16 bits are too few. */
static bool class_fits_obj(const struct zs_pool *pool)
{
	return BITS_PER_LONG == 64 &&
	       CLASS_BITS + dense_index_bits(pool) <= pool->obj_index_bits;
}

const struct lock_scope *uzs_find_scope(const struct zs_pool *pool,
					enum zs_lock_scope id)
{
	if (id == ZS_SCOPE_DEFAULT)
		id = ZS_SCOPE_CLASS_IDX;
	if (id == ZS_SCOPE_CLASS_IDX && !class_fits_obj(pool))
		id = ZS_SCOPE_UNLOCKED;
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
		if (scopes[i].id == id)
			return &scopes[i];
	return NULL;
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
