/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* audit.c - the user profile's invariants, with the numbers of src/check.c: I5
 * to I7 of a zspage, I9 of the runs, I12 of what slots keep. Owns no state.
 *
 * Locks: needs those that uzs_lock_pool takes; takes runs->lock. Sleeps: no.
 */
#include "user/audit.h"

#include "compat/os.h"
#include "user/hand.h"
#include "user/places.h"
#include "user/slots.h"

/* I6. Return: how many objects are free. */
static unsigned int count_free(struct check *check,
			       const struct size_class *class,
			       const struct zspage *zspage)
{
	unsigned int n = 0, index = zspage->freeobj;

	if (user_has_map(class))
		return (unsigned int)__builtin_popcountll(zspage->map);
	/* A list that contains an entry twice never ends: count the entries. */
	while (index < zspage->mark && n <= class->objs_per_zspage) {
		unsigned long head =
			user_head(class, user_object(class, zspage, index));

		if (head & USER_ALLOCATED) {
			uzs_violated(
				check,
				"I6: class %u: object %u of zspage %p is on the free list, but allocated",
				class->index, index, (const void *)zspage);
			break;
		}
		n++;
		index = (head >> 1) & OBJ_NONE;
	}
	return n + class->objs_per_zspage - zspage->mark;
}

/* I7. Return: how many objects are named by a word. */
static unsigned int count_named(struct check *check,
				const struct size_class *class,
				const struct zspage *zspage)
{
	u64 kept[USER_MARKS];
	unsigned int n = 0;

	uzs_slots_mark_kept(check->pool, class, zspage, kept);
	for (unsigned int i = 0; i < class->objs_per_zspage; i++) {
		char *object = user_object(class, zspage, i);
		unsigned long head;
		const u64 *ref;
		u64 word;

		if (!user_was_used(class, zspage, i))
			continue;
		head = uzs_followed_head(class, object);
		if (!(head & USER_ALLOCATED) || user_mark(kept, i))
			continue;
		n++;
		ref = user_owned_by(check->pool, class->index, head);
		if (!ref) /* in a call's hand */
			continue;
		if ((uintptr_t)ref % sizeof(u64)) {
			uzs_violated(
				check,
				"I7: class %u: object %u of zspage %p names a word at %#lx, where none can be",
				class->index, i, (const void *)zspage,
				(unsigned long)ref);
			continue;
		}
		word = uzs_peek_word(ref);
		if (ref_address(word) != object ||
		    ref_class(word) != class->index)
			uzs_violated(
				check,
				"I7: class %u: object %u of zspage %p names the word at %#lx, which names another object: %#lx",
				class->index, i, (const void *)zspage,
				(unsigned long)ref, (unsigned long)word);
	}
	return n;
}

unsigned long uzs_user_check_zspage(struct check *check,
				    const struct size_class *class,
				    struct zspage *zspage)
{
	const struct zs_pool *pool = check->pool;
	const struct run_section *section = run_section(zspage);
	unsigned int index = (unsigned int)(zspage - section->zspages);
	unsigned int named, unused;

	/* I5 */
	if (section->pool != pool || !uzs_run_was_used(zspage) ||
	    section->stride >> pool->page_shift != class->pages_per_zspage ||
	    (class->huge ? section->heads < class->objs_per_zspage
			 : section->heads) ||
	    zspage->class != class->index ||
	    zspage->warm > class->pages_per_zspage ||
	    run_zspage(run_address(zspage)) != zspage) {
		uzs_violated(
			check,
			"I5: class %u: zspage %p is number %u of a section of runs of %u bytes, has class %u, %u warm pages",
			class->index, (const void *)zspage, index,
			section->stride, zspage->class, zspage->warm);
		return 0;
	}
	unused = count_free(check, class, zspage);
	if (unused != class->objs_per_zspage - zspage->inuse)
		uzs_violated(
			check,
			"I6: class %u: zspage %p has %u free objects, not %u",
			class->index, (const void *)zspage, unused,
			class->objs_per_zspage - zspage->inuse);
	named = count_named(check, class, zspage);
	if (named > zspage->inuse)
		uzs_violated(
			check,
			"I7: class %u: zspage %p has %u objects, recorded %u",
			class->index, (const void *)zspage, named,
			zspage->inuse);
	else
		check->unnamed += zspage->inuse - named;
	return zspage->warm;
}

/* I12: what is in use and not named is kept by a slot, and nothing else is. */
static void check_kept(struct check *check)
{
	struct zs_pool *pool = check->pool;
	struct user_slot *slot;
	unsigned long kept = 0;

	for_each_user_slot(slot, pool->user)
	{
		for (unsigned int c = 0; c < check->nr_classes; c++) {
			unsigned int i = check->class[c]->index;
			const struct user_stack *stack = &slot->stacks[i];

			if (!uzs_checks_class(check, c))
				continue;
			kept += stack->nr;
			if (stack->nr > pool->user->class[i].keep) {
				uzs_violated(
					check,
					"I12: class %u: %u objects are kept, at most %u should be",
					i, stack->nr,
					pool->user->class[i].keep);
				continue;
			}
			for (unsigned int n = 0; n < stack->nr; n++) {
				char *object = ref_address(stack->words[n]);

				if (ref_class(stack->words[n]) != i ||
				    run_zspage(object)->class != i)
					uzs_violated(
						check,
						"I12: class %u: kept object %p is of class %u",
						i, (void *)object,
						run_zspage(object)->class);
			}
		}
	}
	if (kept != check->unnamed)
		uzs_violated(
			check,
			"I12: %lu objects are kept, but %lu are in use and not named",
			kept, check->unnamed);
}

static void report(void *arg, const char *text)
{
	uzs_violated(arg, "I9: %s", text);
}

void uzs_user_check_rest(struct check *check)
{
	check_kept(check);
	uzs_runs_check(check->pool,
		       (size_t)check->pages << check->pool->page_shift, report,
		       check);
}
