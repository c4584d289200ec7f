/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* work.c - owns the list of the kernel file's work items, and which of them
 * run.
 *
 * Kernel origin: kernel/workqueue.c, and lib/debugobjects.c for memory that is
 * freed with an item in it; differs: an item runs in the queue of the pool in
 * whose creation it was made.
 * Locks: work_lock, a leaf; nothing that makes a step of the lab is called
 * under it.
 * Guarantees:
 *  J1 only the file itself waits for a pool's work, or runs it.
 *  J2 in builds that test, the process ends when memory is freed with an item
 *     in it that is queued, or runs in another thread. (An item that runs may
 *     free itself.)
 */
#include "kernel.h"

#include <pthread.h>

static pthread_mutex_t work_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(items); /* work_struct.entry; guard: work_lock */

/* A running item, on the stack of the thread that runs it. */
struct run {
	struct list_head entry; /* guard: work_lock */
	const struct work_struct *work; /* compared only: it may be freed */
	pthread_t thread;
};
static LIST_HEAD(runs);

static void run_work(struct uzs_work_struct *uzs)
{
	struct work_struct *work = container_of(uzs, struct work_struct, uzs);
	struct run run = { .work = work, .thread = pthread_self() };

	pthread_mutex_lock(&work_lock);
	list_add(&run.entry, &runs);
	pthread_mutex_unlock(&work_lock);
	work->func(work);
	pthread_mutex_lock(&work_lock);
	list_del(&run.entry);
	pthread_mutex_unlock(&work_lock);
}

void uzs_k_init_work(struct work_struct *work, uzs_k_work_fn func)
{
	struct uzs_k_env *env = uzs_k_entering();
	struct work_struct *w;

	/* Items are made with their pool, by the same thread. */
	BUG_ON(!env);
	uzs_INIT_WORK(&work->uzs, run_work);
	work->func = func;
	work->queue = &env->queue;
	pthread_mutex_lock(&work_lock);
	list_for_each_entry(w, &items, entry)
		if (w == work)
			goto known; /* a static item, made for an earlier
				     * pool */
	list_add(&work->entry, &items);
known:
	pthread_mutex_unlock(&work_lock);
}

/* Locks: needs work_lock. */
static bool runs_elsewhere(const struct work_struct *work)
{
	struct run *run;

	list_for_each_entry(run, &runs, entry)
		if (run->work == work &&
		    !pthread_equal(run->thread, pthread_self()))
			return true;
	return false;
}

/* Forgets an item in that memory. Return: the item, or NULL if there is
 * none. */
static struct work_struct *take_item(const void *ptr, size_t size, bool *runs)
{
	struct work_struct *work;

	pthread_mutex_lock(&work_lock);
	list_for_each_entry(work, &items, entry)
		if ((uintptr_t)work - (uintptr_t)ptr < size) {
			list_del(&work->entry);
			*runs = runs_elsewhere(work);
			pthread_mutex_unlock(&work_lock);
			return work;
		}
	pthread_mutex_unlock(&work_lock);
	return NULL;
}

void uzs_k_work_freed(const void *ptr, size_t size)
{
	struct work_struct *work;
	bool runs;

	while ((work = take_item(ptr, size, &runs))) {
		if (work_pending(work))
			uzs_k_warn(__FILE__, __LINE__,
				   "memory is freed in which work is queued");
		if (runs)
			uzs_k_warn(__FILE__, __LINE__,
				   "memory is freed in which work runs");
	}
}
