/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* class.c - owns the class table and each class's fullness lists and counts.
 *
 * Kernel origin: mm/zsmalloc.c get_fullness_group, insert_zspage,
 * remove_zspage, fix_fullness_group, find_get_zspage, zs_can_compact; differs:
 * huge_class_size is the pool's.
 * Locks: needs class->lock where it says so; takes none. Sleeps: no.
 */
#include "class.h"

#include "lock_order.h"
#include "profile.h"

struct class_builder {
	struct zs_pool *pool;
	struct groups_store *store;
	struct size_class *next; /* behind the last one built */
};

static void build_class(const struct class_geometry *g, void *arg)
{
	struct class_builder *b = arg;
	struct size_class *class = b->next;

	if (g->merged) {
		b->pool->size_class[g->index] = class - 1;
		return;
	}
	spin_lock_init(&class->lock);
	lock_set_rank(&class->lock, RANK_CLASS);
	lock_set_order(&class->lock, g->index + 1); /* uzs_lock_pool takes
						     * several */
	class->index = g->index;
	class->size = g->size;
	class->objs_per_zspage = g->objs;
	class->pages_per_zspage = g->pages;
	class->huge = g->huge;
	class->reciprocal = uzs_reciprocal(g->size);
	class->look_every = UZS_LOOK_EVERY;
	while (class->look_every > 1 &&
	       (size_t) class->look_every * g->size > UZS_LOOK_BYTES)
		class->look_every /= 2;
	class->store = b->store;
	class->groups = &b->store->none;
	/* The largest size that shares a zspage, handle word included. An
	 * object that is larger gets a page to itself. */
	if (!b->pool->huge_class_size && g->pages != 1 && g->objs != 1)
		b->pool->huge_class_size =
			g->size + 1 -
			(g->huge ? 0 : (unsigned int)ZS_HANDLE_SIZE);
	b->pool->size_class[g->index] = class;
	b->next++;
}

static void count_distinct(const struct class_geometry *g, void *arg)
{
	unsigned int *n = arg;

	*n += !g->merged;
}

unsigned int uzs_count_distinct_classes(const struct zs_pool *pool)
{
	unsigned int n = 0;

	pool->profile->walk_classes(pool, count_distinct, &n);
	return n;
}

static void init_groups(struct class_groups *groups)
{
	for (int i = 0; i < NR_FULLNESS_GROUPS; i++)
		INIT_LIST_HEAD(&groups->list[i]);
}

size_t uzs_classes_bytes(const struct zs_pool *pool)
{
	unsigned int nr = uzs_count_distinct_classes(pool);

	return nr * (sizeof(struct size_class) + sizeof(struct class_groups)) +
	       sizeof(struct groups_store);
}

void uzs_init_classes(struct zs_pool *pool, void *mem)
{
	unsigned int nr = uzs_count_distinct_classes(pool);
	struct class_builder b = {
		.pool = pool,
		.store = (struct groups_store *)((struct size_class *)mem + nr),
		.next = mem,
	};

	init_groups(&b.store->none);
	pool->profile->walk_classes(pool, build_class, &b);
}

unsigned int uzs_fullness_group(const struct size_class *class,
				unsigned int inuse)
{
	if (inuse == 0)
		return ZS_INUSE_RATIO_0;
	if (inuse == class->objs_per_zspage)
		return ZS_INUSE_RATIO_100;
	/* As 100 * inuse / objs / 10: the kernel's, with one division less. */
	return 10 * inuse / class->objs_per_zspage + 1;
}

/* Locks: needs class->lock. */
static __attribute__((noinline)) void take_groups(struct size_class *class)
{
	struct groups_store *store = class->store;
	unsigned int i = __atomic_fetch_add(&store->used, 1, __ATOMIC_RELAXED);

	init_groups(&store->each[i]);
	/* Release: numbers are read without the lock, too. */
	smp_store_release(&class->groups, &store->each[i]);
}

/* Locks: needs class->lock. */
void uzs_insert_zspage(struct size_class *class, struct zspage *zspage,
		       unsigned int group)
{
	assert_spin_locked(&class->lock);
	zspage->fullness = group & 0xf;
	if (unlikely(class->groups == &class->store->none))
		take_groups(class);
	uzs_add(&class->groups->zspages[group], 1);
	list_add(&zspage->list, &class->groups->list[group]);
}

/* Locks: needs class->lock. */
void uzs_remove_zspage(struct size_class *class, struct zspage *zspage)
{
	assert_spin_locked(&class->lock);
	list_del(&zspage->list);
	uzs_add(&class->groups->zspages[zspage->fullness], -1);
}

/* Moves a zspage to the list of the group that belongs to its inuse. Return:
 * that group. Locks: needs class->lock. */
unsigned int uzs_fix_fullness_group(struct size_class *class,
				    struct zspage *zspage)
{
	unsigned int group = uzs_fullness_group(class, zspage->inuse);

	if (group != zspage->fullness) {
		uzs_remove_zspage(class, zspage);
		uzs_insert_zspage(class, zspage, group);
	}
	return group;
}

/* The zspage to allocate from: the latest of the fullest group that has room.
 * Locks: needs class->lock. */
struct zspage *uzs_find_zspage(struct size_class *class)
{
	assert_spin_locked(&class->lock);
	for (int i = ZS_INUSE_RATIO_99; i >= ZS_INUSE_RATIO_0; i--)
		if (!list_empty(&class->groups->list[i]))
			return list_first_entry(&class->groups->list[i],
						struct zspage, list);
	return NULL;
}

/* Pages that compaction would free. Locks: none needed; without class->lock it
 * is an estimate. */
unsigned long uzs_freeable_pages(struct size_class *class)
{
	unsigned long capacity = READ_ONCE(class->objs_capacity);
	unsigned long inuse = READ_ONCE(class->objs_inuse);

	if (capacity <= inuse)
		return 0;
	return (capacity - inuse) / class->objs_per_zspage *
	       class->pages_per_zspage;
}

unsigned long uzs_pool_freeable_pages(const struct zs_pool *pool)
{
	unsigned long pages = 0;

	for (unsigned int i = 0; i < pool->nr_classes; i++)
		if (uzs_class_is_own(pool, i))
			pages += uzs_freeable_pages(pool->size_class[i]);
	return pages;
}

unsigned long uzs_objs_freed(const struct zs_pool *pool)
{
	unsigned long n = 0;

	for (unsigned int i = 0; i < pool->nr_classes; i++)
		if (uzs_class_is_own(pool, i))
			n += READ_ONCE(pool->size_class[i]->objs_freed);
	return n;
}
