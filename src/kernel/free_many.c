/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* free_many.c - frees many objects at once: sorted by class, prefetched,
 * several under one hold of class->lock. Owns no state.
 *
 * Kernel origin: none; modelled on the drain of deferred frees in the 2026
 * series.
 * Locks: takes pool->lock (read) if the scope needs it to find the class, then
 * class->lock. No page is freed under class->lock, in any scope. Sleeps: no.
 */
#include "kernel/free_many.h"

#include "handle.h"
#include "harden.h"
#include "jobs.h"
#include "lock_order.h"
#include "kernel/scope.h"

/* Bytes that one prefetch brings in, at least. */
#define FETCH_STEP 64u

/* Prefetch distance: the handle word is fetched this many handles early. */
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
		/* The object may move at any time; then the wrong memory is
		 * fetched. */
		obj = handle_to_obj(handles[i - AHEAD]);
		zpdesc = obj_to_zpdesc(pool, obj);
		__builtin_prefetch(zpdesc, 1);
		if (pool->scope->class_in_obj)
			uzs_prefetch_object(pool, obj_to_class(pool, obj),
					    zpdesc, obj);
	}
}

void uzs_fetch_object(struct zs_pool *pool, const struct size_class *class,
		      unsigned long handle, unsigned int bytes)
{
	/* The object may move at any time; then the wrong memory is fetched. */
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

/* Sorts by class, and keeps the order within a class, so that each zspage is
 * left as if its objects had been freed one by one. Only where the obj has the
 * class index. */
static void sort_by_class(struct zs_pool *pool, const unsigned long *handles,
			  unsigned int n, unsigned long *sorted)
{
	u16 class[BATCH], place[ZS_MAX_CLASSES + 1] = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		class[i] = (u16)uzs_handle_class(pool, handles[i])->index;
		place[class[i] + 1]++;
	}
	for (unsigned int c = 1; c < pool->nr_classes; c++)
		place[c] = (u16)(place[c] + place[c - 1]);
	for (unsigned int i = 0; i < n; i++)
		sorted[place[class[i]]++] = handles[i];
}

/* Handles freed under one hold of class->lock, at most. */
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
	/* Under class->lock the lock order forbids taking pool->lock for the
	 * next lookup. So it is held over the run. */
	if (lookup_locked)
		read_lock(&pool->lock);
	class = uzs_handle_class(pool, handles[0]);
	spin_lock(&class->lock); /* from here on the objects cannot move: L1 */
	/* Start all prefetches before the first zspage is needed. */
	for (nr = 0; nr < min(n, RUN_MAX); nr++) {
		if (uzs_handle_class(pool, handles[nr]) != class)
			break;
		zspages[nr] =
			obj_to_zpdesc(pool, handle_to_obj(handles[nr]))->zspage;
		__builtin_prefetch(zspages[nr], 1);
	}
	for (unsigned int i = 0; i < nr; i++) {
		if (!uzs_free_locked(pool, class, zspages[i], handles[i],
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

void uzs_free_same_class(struct zs_pool *pool, const unsigned long *handles,
			 unsigned int n)
{
	uzs_fetch_objects(pool, handles, n);
	free_runs(pool, handles, n);
	uzs_kick_give_back(pool);
}

void uzs_kernel_free_many(struct zs_pool *pool, const unsigned long *handles,
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
	uzs_kick_give_back(pool);
}
