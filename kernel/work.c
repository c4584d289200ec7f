/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* work.c - owns what is known of the kernel file's work items: which there are,
 * and which of them run.
 *
 * Kernel origin: kernel/workqueue.c, and lib/debugobjects.c for memory that is
 * freed with an item in it; differs: an item runs in the queue of the pool in
 * whose creation it was made.
 * Callers: the kernel file through linux/workqueue.h; uzs_k_free() of slab.c
 * and lab_memory.c. Calls: compat's workqueue.
 * Locks: work_lock, a leaf; nothing that makes a step of the lab is called
 * under it.
 * Guarantees:
 *  K1 nobody waits for a pool's work, or runs it, but the file itself.
 *  K2 in builds that test, the process ends when memory is freed in which an
 *     item is queued, or runs in another thread. (One that runs may free its
 *     own.)
 */
#include "kernel.h"

#include <pthread.h>

static pthread_mutex_t work_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(items); /* work_struct.entry; guard: work_lock */

/* An item that runs, on the stack of who runs it. */
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

	/* Items are made with their pool, by the thread that makes it. */
	BUG_ON(!env);
	uzs_INIT_WORK(&work->uzs, run_work);
	work->func = func;
	work->queue = &env->queue;
	pthread_mutex_lock(&work_lock);
	list_for_each_entry(w, &items, entry)
		if (w == work)
			goto known; /* a variable, of an earlier pool */
	list_add(&work->entry, &items);
known:
	pthread_mutex_unlock(&work_lock);
}

/* Locks: work_lock. */
static bool runs_elsewhere(const struct work_struct *work)
{
	struct run *run;

	list_for_each_entry(run, &runs, entry)
		if (run->work == work &&
		    !pthread_equal(run->thread, pthread_self()))
			return true;
	return false;
}

/* Forgets an item in that memory. Return: it, or NULL: there is none. */
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
