/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* verify.c - the kernel profile's invariants, with the numbers of src/check.c: I5
 * to I7 of a zspage, I12 of what is kept for reuse. Owns no state.
 *
 * Locks: needs those that uzs_lock_pool takes. Sleeps: no.
 */
#include "kernel/verify.h"

#include "class.h"
#include "compat/os.h"
#include "kernel/reuse.h"
#include "kernel/zspage.h"

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
			uzs_violated(
				check,
				"I5: class %u: page %u of zspage %p belongs to zspage %p",
				class->index, n, (const void *)zspage,
				(void *)zpdesc->zspage);
		if (zpdesc->first_obj_offset != offset)
			uzs_violated(
				check,
				"I5: class %u: first object of page %u at %u, not %u",
				class->index, n, zpdesc->first_obj_offset,
				offset);
		if (!(page_flags(zpdesc_page(zpdesc)) & PG_movable))
			uzs_violated(
				check,
				"I5: class %u: page %u of zspage %p is not movable",
				class->index, n, (const void *)zspage);
		n++;
	}
	if (n == class->pages_per_zspage && !zpdesc)
		return true;
	uzs_violated(check, "I5: class %u: zspage %p has %s pages than %u",
		     class->index, (const void *)zspage,
		     zpdesc ? "more" : "fewer", class->pages_per_zspage);
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
			uzs_violated(
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
		uzs_violated(
			check,
			"I6: class %u: free list of zspage %p has %u entries%s, not %u",
			class->index, (const void *)zspage, n,
			n > expected ? " or more" : "", expected);
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
		if (!uzs_check_is_handle(check, handle)) {
			uzs_violated(
				check,
				"I7: class %u: object %u of zspage %p has handle %#lx, which is none",
				class->index, it.idx, (const void *)zspage,
				handle);
			continue;
		}
		/* It may be a dead word, which is poisoned. */
		word = uzs_peek_word((const void *)handle);
		if (word != obj)
			uzs_violated(
				check,
				"I7: class %u: object %u of zspage %p has handle %#lx, which leads to obj %#lx, not %#lx",
				class->index, it.idx, (const void *)zspage,
				handle, word, obj);
	} while (uzs_obj_iter_next(&it));
	if (inuse != zspage->inuse)
		uzs_violated(
			check,
			"I7: class %u: zspage %p has %u objects, recorded %u",
			class->index, (const void *)zspage, inuse,
			zspage->inuse);
}

unsigned long uzs_kernel_check_zspage(struct check *check,
				      const struct size_class *class,
				      struct zspage *zspage)
{
	if (check_chain(check, class, zspage)) {
		check_free_list(check, class, zspage);
		check_objects(check, class, zspage);
	}
	return class->pages_per_zspage;
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

	if (!uzs_check_is_handle(check, handle)) {
		uzs_violated(check, "I12: kept handle %#lx is none", handle);
		return;
	}
	/* It may be a dead word, which is poisoned. */
	obj = uzs_peek_word((const void *)handle);
	if (!uzs_handle_word_live(pool, obj)) {
		uzs_violated(check, "I12: kept handle %#lx is not live",
			     handle);
		return;
	}
	class = zpdesc_class(pool, obj_to_zpdesc(pool, obj))->index;
	if (index != STAGED_CLASS && class != index)
		uzs_violated(check, "I12: kept handle %#lx is not of class %u",
			     handle, index);
	else if (times_kept(pool, class, handle) != 1)
		uzs_violated(check, "I12: handle %#lx is kept more than once",
			     handle);
}

/* I12. Locks: needs those of all reuse slots. */
void uzs_kernel_check_kept(struct check *check)
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
		for (unsigned int c = 0; c < check->nr_classes; c++) {
			const struct size_class *class = check->class[c];
			unsigned int i = class->index;
			const struct reuse_stack *stack = &slot->stacks[i];

			if (!uzs_checks_class(check, c))
				continue;
			held += stack->nr;
			if (stack->nr > uzs_reuse_room(pool, class) ||
			    stack->low > stack->nr) {
				uzs_violated(
					check,
					"I12: class %u: %u objects are kept, at least %u of them for long",
					i, stack->nr, stack->low);
				return;
			}
			for (unsigned int n = 0; n < stack->nr; n++)
				check_kept_handle(check, i, stack->handles[n]);
		}
		if (held != slot->held)
			uzs_violated(check,
				     "I12: %u objects are kept, recorded %u",
				     held, slot->held);
	}
}
