/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* check.c - checks the numbered invariants of a pool. Owns no state.
 *
 *  I1  a zspage is in the list of the group that belongs to its inuse
 *  I2  a class counts the zspages of each list
 *  I3  objs_capacity is zspages * objs_per_zspage
 *  I4  objs_inuse is the sum of inuse
 *  I5  a chain has pages_per_zspage pages, each of which knows its zspage and
 *      its first object's offset, and may be migrated
 *  I6  the free list has objs - inuse entries, each free, none twice
 *  I7  inuse objects carry a handle, whose word leads back to the object
 *  I8  pages_allocated is the sum over the classes, at most peak_pages; where
 *      pages are freed after class->lock never less than the sum
 *  I9  the zone's and the slab caches' own invariants
 *  I10 every page handed out is a zspage's or a slab's, or an unfinished call
 *      has it: the zone never counts fewer than these
 *  I11 every drain callback of per-CPU buffers freed something
 *  I12 handles kept for reuse are live, of the class that they are kept for, no
 *      more than there is room for, none twice, and counted
 *
 * Locks: takes every lock of the pool down to class->lock, except the rights,
 * and holds them to the end. Sleeps: yes.
 */
#include "check.h"

#include "class.h"
#include "findings.h"
#include "jobs.h"
#include "kernel/reuse.h"
#include "profile.h"

static void report_text(void *arg, const char *text)
{
	/* The caller adds up the counts of zone and slabs. */
	struct check *check = arg;

	if (check->out)
		fprintf(check->out, "uzsmalloc: pool %s: I9: %s\n",
			check->pool->name, text);
}

static void check_class(struct check *check, struct size_class *class)
{
	const struct profile *profile = check->pool->profile;
	unsigned long zspages = 0, inuse = 0;

	for (unsigned int g = 0; g < NR_FULLNESS_GROUPS; g++) {
		struct zspage *zspage;
		unsigned long n = 0;

		list_for_each_entry(zspage, &class->groups->list[g], list) {
			n++;
			inuse += zspage->inuse;
			if (zspage->fullness != g ||
			    uzs_fullness_group(class, zspage->inuse) != g)
				uzs_violated(
					check,
					"I1: class %u: zspage %p with %u of %u objects is in group %u, recorded %u",
					class->index, (void *)zspage,
					zspage->inuse, class->objs_per_zspage,
					g, zspage->fullness);
			check->pages +=
				profile->check_zspage(check, class, zspage);
		}
		if (n != class->groups->zspages[g])
			uzs_violated(
				check,
				"I2: class %u: %lu zspages in group %u, recorded %lu",
				class->index, n, g, class->groups->zspages[g]);
		zspages += n;
	}
	if (zspages * class->objs_per_zspage != class->objs_capacity)
		uzs_violated(check, "I3: class %u: capacity %lu, recorded %lu",
			     class->index, zspages * class->objs_per_zspage,
			     class->objs_capacity);
	if (inuse != class->objs_inuse)
		uzs_violated(check, "I4: class %u: %lu in use, recorded %lu",
			     class->index, inuse, class->objs_inuse);
}

void uzs_lock_pool(struct zs_pool *pool)
{
	uzs_reuse_lock(pool);
	mutex_lock(&pool->free_work_lock);
	uzs_zone_lock_gate(&pool->zone);
	pool->profile->lock_upper(pool);
	for (unsigned int i = 0; i < pool->nr_classes; i++)
		if (uzs_class_is_own(pool, i))
			spin_lock(&pool->size_class[i]->lock);
}

void uzs_unlock_pool(struct zs_pool *pool)
{
	for (unsigned int i = 0; i < pool->nr_classes; i++)
		if (uzs_class_is_own(pool, i))
			spin_unlock(&pool->size_class[i]->lock);
	pool->profile->unlock_upper(pool);
	mutex_unlock(&pool->zone.gate);
	mutex_unlock(&pool->free_work_lock);
	uzs_reuse_unlock(pool);
}

/* Pages handed out. Exact. uzs_zone_stat may count a page twice that moves
 * between the lists at that moment. */
static unsigned long count_used_pages(struct zone *zone)
{
	unsigned long used;
	unsigned int i;

	uzs_zone_lock_all(zone); /* all of its locks */
	used = zone->nr_out;
	for_each_slot(i, &zone->slots)
	{
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		for (int t = 0; t < MIGRATE_PCPTYPES; t++)
			used -= slot->count[t];
	}
	uzs_zone_unlock_all(zone);
	return used;
}

/* Can pages be on their way back to the zone that no class counts any more? */
static bool frees_pages_late(const struct zs_pool *pool)
{
	return !pool->scope || pool->scope->frees_late || pool->reuse.mem ||
	       READ_ONCE(pool->freed_many) ||
	       smp_load_acquire(&pool->deferred.mode) == ZS_DEFER_PERCPU;
}

/* I9 */
static void check_slabs(struct check *check, bool as_is)
{
	unsigned long (*slab_check)(struct kmem_cache * cache, const char *name,
				    void (*report)(void *arg, const char *text),
				    void *arg) = as_is ? uzs_slab_look
						       : uzs_slab_check;
	struct zs_pool *pool = check->pool;

	check->bad +=
		slab_check(&pool->handle_cache, "handle", report_text, check);
	check->bad +=
		slab_check(&pool->zspage_cache, "zspage", report_text, check);
}

/* I10 */
static void check_used_pages(struct check *check)
{
	struct zs_pool *pool = check->pool;
	unsigned long pages = pool->user ? 0 : check->pages, slabs, used;

	/* Slabs are added and removed only under their cache's lock. */
	spin_lock(&pool->handle_cache.lock);
	spin_lock(&pool->zspage_cache.lock);
	slabs = pool->handle_cache.nr_slabs + pool->zspage_cache.nr_slabs;
	used = count_used_pages(&pool->zone);
	spin_unlock(&pool->zspage_cache.lock);
	spin_unlock(&pool->handle_cache.lock);
	if (used < pages + slabs)
		uzs_violated(
			check,
			"I10: %lu pages handed out, %lu in zspages and %lu in slabs",
			used, pages, slabs);
}

unsigned long uzs_check_pool(struct zs_pool *pool,
			     const struct pool_check *what, FILE *out)
{
	struct size_class *const *class =
		what->class ? what->class : pool->size_class;
	unsigned int nr = what->class ? what->nr_classes : pool->nr_classes;
	unsigned long idle = READ_ONCE(pool->deferred.nr_idle_drains);
	struct check check = { .pool = pool,
			       .out = out,
			       .class = class,
			       .nr_classes = nr,
			       .all_classes = !what->class,
			       .pages = what->other_pages };
	unsigned long recorded;

	for (unsigned int i = 0; i < nr; i++)
		if (uzs_checks_class(&check, i))
			check_class(&check, class[i]);
	recorded = (unsigned long)READ_ONCE(pool->pages_allocated);
	if (recorded < check.pages ||
	    (recorded > check.pages && !frees_pages_late(pool)))
		uzs_violated(&check, "I8: %lu pages in zspages, recorded %lu",
			     check.pages, recorded);
	if (check.pages > (unsigned long)READ_ONCE(pool->peak_pages))
		uzs_violated(&check, "I8: %lu pages, but never more than %ld",
			     check.pages, READ_ONCE(pool->peak_pages));
	if (what->slabs)
		check_slabs(&check, what->as_is);
	if (what->zone)
		check.bad += uzs_zone_check(&pool->zone, report_text, &check);
	if (what->used_pages)
		check_used_pages(&check);
	if (what->kept && pool->profile->check_rest)
		pool->profile->check_rest(&check);
	if (idle)
		uzs_violated(&check, "I11: %lu drain callbacks freed no object",
			     idle);
	return check.bad;
}

unsigned long zs_pool_check(struct zs_pool *pool, FILE *out)
{
	const struct pool_check all = {
		.slabs = true, .zone = true, .kept = true, .used_pages = true
	};
	unsigned long bad;

	uzs_lock_pool(pool);
	bad = uzs_check_pool(pool, &all, out);
	uzs_unlock_pool(pool);
	/* Emptying the magazines may have freed the last object of a slab. */
	uzs_kick_give_back(pool);
	return bad;
}
