/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* profile.c - the kernel profile: does what the kernel's zsmalloc does. Owns the
 * table, and zs_malloc's way to an object.
 *
 * Kernel origin: mm/zsmalloc.c zs_malloc; differs: see there.
 * Locks: by function. Sleeps: only to allocate, without locks.
 */
#include "profile.h"

#include "compat/os.h"
#include "handle.h"
#include "kernel/access.h"
#include "kernel/free_many.h"
#include "kernel/geometry.h"
#include "kernel/migrate.h"
#include "kernel/mover.h"
#include "kernel/plan.h"
#include "kernel/reuse.h"
#include "kernel/scope.h"
#include "kernel/verify.h"
#include "kernel/zspage.h"
#include "lock_order.h"

/* ---- life ------------------------------------------------------------------ */

static size_t kernel_state_bytes(const struct zs_pool *pool)
{
	(void)pool;
	return 0;
}

/* A section for pages that can move, the longest zspage (in whole pages of the
 * OS), and a slab for its structure. */
static size_t kernel_least_bytes(const struct zs_pool *pool)
{
	struct zone_options zo = { .page_shift = pool->page_shift };

	return uzs_zone_min_bytes(&zo) +
	       ALIGN((size_t)pool->chain_size * pool->page_size,
		     uzs_os_page_size());
}

static void kernel_init(struct zs_pool *pool, void *state,
			const struct zs_pool_options *o)
{
	(void)state;
	uzs_set_scope(pool, uzs_find_scope(pool, o->lock_scope));
	rwlock_init(&pool->lock);
	lock_set_rank(&pool->lock, RANK_POOL);
}

/* Frees every zspage of a class, with all live objects. Return: how many were
 * live. Nobody else may use the pool. */
static unsigned long destroy_class(struct zs_pool *pool,
				   struct size_class *class)
{
	unsigned long live = class->objs_inuse;
	struct zspage *zspage, *next;

	for (int g = 0; g < NR_FULLNESS_GROUPS; g++)
		list_for_each_entry_safe(zspage, next, &class->groups->list[g],
					 list) {
			zspage->inuse = 0;
			uzs_lock_zspage(zspage);
			spin_lock(&class->lock);
			uzs_withdraw_zspage(class, zspage);
			spin_unlock(&class->lock);
			uzs_release_zspage(pool, class, zspage);
		}
	return live;
}

static unsigned long kernel_destroy(struct zs_pool *pool)
{
	unsigned long live = 0;

	for (unsigned int i = 0; i < pool->nr_classes; i++)
		if (uzs_class_is_own(pool, i))
			live += destroy_class(pool, pool->size_class[i]);
	return live;
}

/* ---- objects --------------------------------------------------------------- */

static unsigned long kernel_malloc(struct zs_pool *pool, size_t size, gfp_t gfp)
{
	struct size_class *class;
	struct zspage *zspage;
	unsigned long handle;

	class = pool->size_class[uzs_class_index(pool, size + ZS_HANDLE_SIZE)];
	if (pool->reuse.mem) {
		handle = uzs_reuse_take(pool, class);
		if (likely(handle))
			return handle;
	}
	handle = uzs_alloc_handle(pool, gfp);
	if (unlikely(!handle))
		return (unsigned long)-ENOMEM;

	spin_lock(&class->lock);
	zspage = uzs_find_zspage(class);
	if (likely(zspage)) {
		record_obj(handle, uzs_obj_malloc(pool, class, zspage, handle));
		uzs_fix_fullness_group(class, zspage);
		uzs_add(&class->objs_inuse, 1);
		spin_unlock(&class->lock);
		return handle;
	}
	spin_unlock(&class->lock);

	/* Does not look again for a zspage, although others may have freed or
	 * made one meanwhile. */
	zspage = uzs_alloc_zspage(pool, class, gfp);
	if (unlikely(!zspage)) {
		uzs_free_handle(pool, handle);
		return (unsigned long)-ENOMEM;
	}
	spin_lock(&class->lock);
	record_obj(handle, uzs_obj_malloc(pool, class, zspage, handle));
	uzs_publish_zspage(pool, class, zspage);
	uzs_add(&class->objs_inuse, 1);
	spin_unlock(&class->lock);
	return handle;
}

/* ---- looks, locks ------------------------------------------------------------ */

static void kernel_copy_zspage(const struct zs_pool *pool,
			       const struct size_class *class,
			       struct zspage *zspage, unsigned long *handles,
			       unsigned int *free_list)
{
	unsigned int idx = zspage->freeobj;
	struct obj_iter it;

	uzs_obj_iter_start(&it, pool, zspage);
	do {
		handles[it.idx] = uzs_obj_iter_handle(&it);
	} while (uzs_obj_iter_next(&it));
	for (unsigned int i = zspage->inuse; i < class->objs_per_zspage; i++) {
		*free_list++ = idx;
		if (!class->huge)
			idx = (uzs_read_head(
				       uzs_obj_head_at(pool, zspage, idx)) >>
			       OBJ_TAG_BITS) &
			      OBJ_NONE;
	}
}

static void kernel_copy_pfns(const struct zs_pool *pool,
			     const struct zspage *zspage, unsigned int pages,
			     unsigned long *pfns)
{
	const struct zpdesc *zpdesc = zspage->first_zpdesc;

	for (unsigned int i = 0; i < pages; i++) {
		pfns[i] = page_to_pfn(&pool->zone, (const struct page *)zpdesc);
		zpdesc = get_next_zpdesc(zpdesc);
	}
}

static void kernel_lock_upper(struct zs_pool *pool)
{
	write_lock(&pool->lock);
}

static void kernel_unlock_upper(struct zs_pool *pool)
{
	write_unlock(&pool->lock);
}

static void kernel_renew(struct zs_pool *pool)
{
	rwlock_renew(&pool->lock);
}

const struct profile uzs_kernel_profile = {
	.id = ZS_PROFILE_KERNEL,
	.name = "kernel",
	.chain_size = 8,
	.defer = ZS_DEFER_DEFAULT,
	.reuses = true,
	.movable = &uzs_movable_ops,

	.set_geometry = uzs_plan_geometry,
	.walk_classes = uzs_walk_geometry,
	.class_index = uzs_class_index,
	.state_bytes = kernel_state_bytes,
	.least_bytes = kernel_least_bytes,
	.init = kernel_init,
	.destroy = kernel_destroy,

	.malloc = kernel_malloc,
	.free = uzs_kernel_free,
	.free_many = uzs_kernel_free_many,
	.fetch_many = uzs_fetch_objects,
	.read_begin = uzs_kernel_read_begin,
	.read_sg_begin = uzs_kernel_read_sg_begin,
	.read_end = uzs_kernel_read_end,
	.write = uzs_kernel_write,
	.room = uzs_kernel_room,
	.place = uzs_kernel_place,

	.compact_lock = uzs_kernel_compact_lock,
	.compact_unlock = uzs_kernel_compact_unlock,
	.take_source = uzs_kernel_take_source,
	.is_pinned = uzs_kernel_is_pinned,
	.move = uzs_kernel_move,
	.source_done = uzs_kernel_source_done,
	.free_source = uzs_kernel_free_source,
	.should_break = uzs_kernel_should_break,

	.free_empty = uzs_kernel_free_empty,
	.trim = uzs_compact_zspage_slabs,

	.check_zspage = uzs_kernel_check_zspage,
	.check_rest = uzs_kernel_check_kept,
	.copy_zspage = kernel_copy_zspage,
	.copy_pfns = kernel_copy_pfns,
	.lock_upper = kernel_lock_upper,
	.unlock_upper = kernel_unlock_upper,
	.renew = kernel_renew,
};
