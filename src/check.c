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

#include <stdarg.h>

#include "class.h"
#include "compat/os.h"
#include "jobs.h"
#include "reuse.h"
#include "zspage.h"

#define KNOWN_SECTIONS 64

struct check {
	struct zs_pool *pool;
	FILE *out;
	unsigned long bad;
	unsigned long pages; /* of all zspages checked */
	/* Sections of the zone, found by a hash. Handles lie in few
	 * sections. */
	const struct section *known[KNOWN_SECTIONS];
};

__attribute__((format(printf, 2, 3))) static void
violated(struct check *check, const char *format, ...)
{
	va_list args;

	check->bad++;
	if (!check->out)
		return;
	fprintf(check->out, "uzsmalloc: pool %s: ", check->pool->name);
	va_start(args, format);
	vfprintf(check->out, format, args);
	va_end(args);
	fputc('\n', check->out);
}

static void report_text(void *arg, const char *text)
{
	/* The caller adds up the counts of zone and slabs. */
	struct check *check = arg;

	if (check->out)
		fprintf(check->out, "uzsmalloc: pool %s: I9: %s\n",
			check->pool->name, text);
}

/* I5. Return: can the chain be walked? */
static bool check_chain(struct check *check, const struct size_class *class,
			const struct zspage *zspage)
{
	const struct zs_pool *pool = check->pool;
	struct zpdesc *zpdesc = zspage->first_zpdesc;
	unsigned int n = 0;

	for (; zpdesc && n < class->pages_per_zspage;
	     zpdesc = get_next_zpdesc(zpdesc)) {
		unsigned int start = n << pool->page_shift;
		unsigned int offset =
			DIV_ROUND_UP(start, class->size) * class->size - start;

		if (zpdesc->zspage != zspage)
			violated(
				check,
				"I5: class %u: page %u of zspage %p belongs to zspage %p",
				class->index, n, (const void *)zspage,
				(void *)zpdesc->zspage);
		if (zpdesc->first_obj_offset != offset)
			violated(
				check,
				"I5: class %u: first object of page %u at %u, not %u",
				class->index, n, zpdesc->first_obj_offset,
				offset);
		if (!(page_flags(zpdesc_page(zpdesc)) & PG_movable))
			violated(
				check,
				"I5: class %u: page %u of zspage %p is not movable",
				class->index, n, (const void *)zspage);
		n++;
	}
	if (n == class->pages_per_zspage && !zpdesc)
		return true;
	violated(check, "I5: class %u: zspage %p has %s pages than %u",
		 class->index, (const void *)zspage, zpdesc ? "more" : "fewer",
		 class->pages_per_zspage);
	return false;
}

/* I6 */
static void check_free_list(struct check *check, const struct size_class *class,
			    const struct zspage *zspage)
{
	unsigned int expected = class->objs_per_zspage - zspage->inuse, n = 0;
	unsigned long idx = zspage->freeobj;

	/* A list that contains an entry twice never ends: count the entries. */
	while (idx < class->objs_per_zspage && n <= expected) {
		unsigned long head = uzs_read_head(
			uzs_obj_head_at(check->pool, zspage, (unsigned)idx));

		if (head & OBJ_ALLOCATED_TAG) {
			violated(
				check,
				"I6: class %u: object %lu of zspage %p is on the free list, but allocated",
				class->index, idx, (const void *)zspage);
			return;
		}
		n++;
		idx = class->huge ? OBJ_NONE
				  : (head >> OBJ_TAG_BITS) & OBJ_NONE;
	}
	if (n != expected || idx != OBJ_NONE)
		violated(
			check,
			"I6: class %u: free list of zspage %p has %u entries%s, not %u",
			class->index, (const void *)zspage, n,
			n > expected ? " or more" : "", expected);
}

/* Locks: needs gate, so that no section goes away. */
static bool is_section(struct check *check, const struct section *addr)
{
	struct zone *zone = &check->pool->zone;
	const struct section **known =
		&check->known[(uintptr_t)addr / UZS_SECTION_SIZE %
			      KNOWN_SECTIONS];
	struct section *section;

	if (!addr)
		return false;
	if (*known == addr)
		return true;
	spin_lock(&zone->lock);
	list_for_each_entry(section, &zone->sections, list)
		if (section == addr)
			*known = addr;
	spin_unlock(&zone->lock);
	return *known == addr;
}

/* Is there a word of the handle cache at that address? A program that writes
 * past an object's end may leave any value in the next object's first word. */
static bool is_handle(struct check *check, unsigned long handle)
{
	const struct kmem_cache *cache = &check->pool->handle_cache;
	const struct zone *zone = &check->pool->zone;
	const void *addr = (const void *)handle;
	const struct page *page;

	if (handle % cache->size || !is_section(check, uzs_section_of(addr)))
		return false;
	page = virt_to_page(zone, addr);
	return uzs_page_index(zone, page) >= zone->first &&
	       (page_flags(page) & PG_SLAB_MASK) == cache->mark;
}

/* I7 */
static void check_objects(struct check *check, const struct size_class *class,
			  struct zspage *zspage)
{
	const struct zs_pool *pool = check->pool;
	unsigned int inuse = 0;
	struct obj_iter it;

	uzs_obj_iter_start(&it, pool, zspage);
	do {
		unsigned long handle = uzs_obj_iter_handle(&it);
		unsigned long obj = location_to_obj(pool, it.zpdesc, it.idx);
		unsigned long word;

		if (!handle)
			continue;
		inuse++;
		if (!is_handle(check, handle)) {
			violated(
				check,
				"I7: class %u: object %u of zspage %p has handle %#lx, which is none",
				class->index, it.idx, (const void *)zspage,
				handle);
			continue;
		}
		/* It may be a dead word, which is poisoned. */
		word = uzs_peek_word((const void *)handle);
		if (word != obj)
			violated(
				check,
				"I7: class %u: object %u of zspage %p has handle %#lx, which leads to obj %#lx, not %#lx",
				class->index, it.idx, (const void *)zspage,
				handle, word, obj);
	} while (uzs_obj_iter_next(&it));
	if (inuse != zspage->inuse)
		violated(check,
			 "I7: class %u: zspage %p has %u objects, recorded %u",
			 class->index, (const void *)zspage, inuse,
			 zspage->inuse);
}

static void check_class(struct check *check, struct size_class *class)
{
	unsigned long zspages = 0, inuse = 0;

	for (unsigned int g = 0; g < NR_FULLNESS_GROUPS; g++) {
		struct zspage *zspage;
		unsigned long n = 0;

		list_for_each_entry(zspage, &class->fullness_list[g], list) {
			n++;
			inuse += zspage->inuse;
			if (zspage->fullness != g ||
			    uzs_fullness_group(class, zspage->inuse) != g)
				violated(
					check,
					"I1: class %u: zspage %p with %u of %u objects is in group %u, recorded %u",
					class->index, (void *)zspage,
					zspage->inuse, class->objs_per_zspage,
					g, zspage->fullness);
			if (!check_chain(check, class, zspage))
				continue;
			check_free_list(check, class, zspage);
			check_objects(check, class, zspage);
		}
		if (n != class->zspages[g])
			violated(
				check,
				"I2: class %u: %lu zspages in group %u, recorded %lu",
				class->index, n, g, class->zspages[g]);
		zspages += n;
	}
	if (zspages * class->objs_per_zspage != class->objs_capacity)
		violated(check, "I3: class %u: capacity %lu, recorded %lu",
			 class->index, zspages * class->objs_per_zspage,
			 class->objs_capacity);
	if (inuse != class->objs_inuse)
		violated(check, "I4: class %u: %lu in use, recorded %lu",
			 class->index, inuse, class->objs_inuse);
	check->pages += zspages * class->pages_per_zspage;
}

void uzs_lock_pool(struct zs_pool *pool)
{
	uzs_reuse_lock(pool);
	mutex_lock(&pool->free_work_lock);
	uzs_zone_lock_gate(&pool->zone);
	write_lock(&pool->lock);
	for (unsigned int i = 0; i < pool->nr_classes; i++)
		if (uzs_class_is_own(pool, i))
			spin_lock(&pool->size_class[i]->lock);
}

void uzs_unlock_pool(struct zs_pool *pool)
{
	for (unsigned int i = 0; i < pool->nr_classes; i++)
		if (uzs_class_is_own(pool, i))
			spin_unlock(&pool->size_class[i]->lock);
	write_unlock(&pool->lock);
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
	return pool->scope->frees_late || pool->reuse.mem ||
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
	unsigned long slabs, used;

	/* Slabs are added and removed only under their cache's lock. */
	spin_lock(&pool->handle_cache.lock);
	spin_lock(&pool->zspage_cache.lock);
	slabs = pool->handle_cache.nr_slabs + pool->zspage_cache.nr_slabs;
	used = count_used_pages(&pool->zone);
	spin_unlock(&pool->zspage_cache.lock);
	spin_unlock(&pool->handle_cache.lock);
	if (used < check->pages + slabs)
		violated(
			check,
			"I10: %lu pages handed out, %lu in zspages and %lu in slabs",
			used, check->pages, slabs);
}

/* Stands for any class: a staged handle has not been looked at yet. */
#define STAGED_CLASS ZS_MAX_CLASSES

/* Counts the places in which a handle is kept. */
static unsigned int times_kept(struct zs_pool *pool, unsigned int index,
			       unsigned long handle)
{
	struct reuse_slot *slot;
	unsigned int times = 0;

	for_each_reuse_slot(slot, &pool->reuse)
	{
		if (!slot->held)
			continue;
		for (unsigned int i = 0; i < REUSE_STAGED; i++)
			times += slot->staged[i] == handle;
		for (unsigned int n = 0;
		     n < min(slot->stacks[index].nr, REUSE_KEPT); n++)
			times += slot->stacks[index].handles[n] == handle;
	}
	return times;
}

static void check_kept_handle(struct check *check, unsigned int index,
			      unsigned long handle)
{
	struct zs_pool *pool = check->pool;
	unsigned int class;
	unsigned long obj;

	if (!is_handle(check, handle)) {
		violated(check, "I12: kept handle %#lx is none", handle);
		return;
	}
	/* It may be a dead word, which is poisoned. */
	obj = uzs_peek_word((const void *)handle);
	if (!uzs_handle_word_live(pool, obj)) {
		violated(check, "I12: kept handle %#lx is not live", handle);
		return;
	}
	class = zpdesc_class(pool, obj_to_zpdesc(pool, obj))->index;
	if (index != STAGED_CLASS && class != index)
		violated(check, "I12: kept handle %#lx is not of class %u",
			 handle, index);
	else if (times_kept(pool, class, handle) != 1)
		violated(check, "I12: handle %#lx is kept more than once",
			 handle);
}

/* I12. Locks: needs those of all reuse slots. */
static void check_kept(struct check *check)
{
	struct zs_pool *pool = check->pool;
	struct reuse_slot *slot;

	for_each_reuse_slot(slot, &pool->reuse)
	{
		unsigned int held = 0;

		for (unsigned int i = 0; i < REUSE_STAGED; i++) {
			if (!slot->staged[i])
				continue;
			held++;
			check_kept_handle(check, STAGED_CLASS, slot->staged[i]);
		}
		for (unsigned int i = 0; i < pool->nr_classes; i++) {
			const struct reuse_stack *stack = &slot->stacks[i];

			held += stack->nr;
			if (stack->nr >
				    uzs_reuse_room(pool, pool->size_class[i]) ||
			    stack->low > stack->nr) {
				violated(
					check,
					"I12: class %u: %u objects are kept, at least %u of them for long",
					i, stack->nr, stack->low);
				return;
			}
			for (unsigned int n = 0; n < stack->nr; n++)
				check_kept_handle(check, i, stack->handles[n]);
		}
		if (held != slot->held)
			violated(check, "I12: %u objects are kept, recorded %u",
				 held, slot->held);
	}
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
			       .pages = what->other_pages };
	unsigned long recorded;

	for (unsigned int i = 0; i < nr; i++)
		if (what->class || uzs_class_is_own(pool, i))
			check_class(&check, class[i]);
	recorded = (unsigned long)READ_ONCE(pool->pages_allocated);
	if (recorded < check.pages ||
	    (recorded > check.pages && !frees_pages_late(pool)))
		violated(&check, "I8: %lu pages in zspages, recorded %lu",
			 check.pages, recorded);
	if (check.pages > (unsigned long)READ_ONCE(pool->peak_pages))
		violated(&check, "I8: %lu pages, but never more than %ld",
			 check.pages, READ_ONCE(pool->peak_pages));
	if (what->slabs)
		check_slabs(&check, what->as_is);
	if (what->zone)
		check.bad += uzs_zone_check(&pool->zone, report_text, &check);
	if (what->used_pages)
		check_used_pages(&check);
	if (what->kept)
		check_kept(&check);
	if (idle)
		violated(&check, "I11: %lu drain callbacks freed no object",
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
