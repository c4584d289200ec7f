/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* workqueue.h - functions to run later, in another thread.
 *
 * Kernel origin: linux/workqueue.h, kernel/workqueue.c. Same guarantees:
 *   Q1 a work item never runs twice at once, in whatever threads
 *   Q2 an item may be queued again while it runs, also by itself; no queueing
 *      is lost: after queue_work returned true the item runs once more
 *   Q3 the next run of an item sees what was written before queue_work, whether
 *      that returned true or false
 *   Q4 flush_work waits for the last queueing before the flush, not for later
 *      ones
 *   Q5 after cancel_work_sync the item neither runs nor is queued, even if it
 *      queues itself
 *   Q6 an item is not touched after its function has begun: the function may
 *      free the item
 * Simpler: at most one thread, so the items of a queue normally run one after
 * the other, in the order of queueing; no priorities. Delayed work uses the
 * same struct work_struct; the kernel's has a struct of its own.
 * Beyond the kernel: a queue without a thread (has_worker is false, or the
 * thread could not be created). Its items run in the threads that call
 * flush_work, uzs_workqueue_drain or uzs_workqueue_destroy. Several such
 * threads may run different items at once, but never the same one (Q1).
 *
 * Locks: wq->lock is a leaf: nothing is called under it but wakeups. queue_work
 * may be called under any spin lock; its first call takes as long as creating a
 * thread.
 */
#ifndef UZS_COMPAT_WORKQUEUE_H
#define UZS_COMPAT_WORKQUEUE_H

#include <pthread.h>

#include "base.h"
#include "list.h"
#include "lock.h"
#include "worker.h"

struct work_struct {
	struct list_head entry; /* in wq->queue. guard: wq->lock */
	void (*func)(struct work_struct *work); /* guard: const after init */
	u64 seq; /* of its last queueing. guard: wq->lock */
	u64 due; /* the thread does not start it before this time of
		  * uzs_clock_ns(); 0: at once. guard: wq->lock */
	u32 pending; /* queued, not yet started. guard: wq->lock to write,
		      * atomic to read */
	u32 cancelling; /* threads in cancel_work_sync; while there are any it
			 * cannot be queued. guard: wq->lock */
};

typedef void (*work_func_t)(struct work_struct *work);

static inline void INIT_WORK(struct work_struct *work, work_func_t func)
{
	INIT_LIST_HEAD(&work->entry);
	work->func = func;
	work->seq = 0;
	work->due = 0;
	work->pending = 0;
	work->cancelling = 0;
}

/* Is it queued and not yet started? */
static inline bool work_pending(const struct work_struct *work)
{
	return READ_ONCE(work->pending);
}

enum uzs_worker_state {
	UZS_WORKER_NEVER, /* a queue without a thread */
	UZS_WORKER_NONE, /* not created yet, or that failed */
	UZS_WORKER_STARTING, /* a queue_work is creating it */
	UZS_WORKER_RUNNING
};

struct workqueue_struct {
	spinlock_t lock;
	u32 event; /* changes whenever anything below changes; waiters sleep on
		    * it. guard: lock to write */
	unsigned int sleepers; /* threads that wait for event. guard: lock */
	enum uzs_worker_state worker; /* guard: lock; read relaxed */
	bool stop; /* the worker ends once it is idle. guard: lock */
	u64 seq; /* queueings so far. guard: lock */
	struct list_head queue; /* of work_struct, FIFO. guard: lock */
	struct list_head running; /* of struct uzs_run, on the stacks of the
				   * threads that run them. guard: lock */
	pthread_t thread; /* guard: worker == UZS_WORKER_RUNNING */
	struct uzs_worker_plan plan; /* const after init */
};

/* Never fails; needs no memory. The thread is created at the first queue_work,
 * on the CPUs that the caller of this function has. `name` (or NULL) becomes
 * part of the thread's name: worker.h. */
void uzs_workqueue_init(struct workqueue_struct *wq, bool has_worker,
			const char *name);

/* Runs all queued items, also those that they queue, and joins the thread.
 * Nobody else may use wq any more. Then wq can be initialized again. */
void uzs_workqueue_destroy(struct workqueue_struct *wq);

/* Does the queue lack the thread that it should have? Only a hint: the thread
 * may be created meanwhile. */
static inline bool uzs_workqueue_lacks_worker(const struct workqueue_struct *wq)
{
	return READ_ONCE(wq->worker) == UZS_WORKER_NONE;
}

/* Queues work, unless it is queued already or being cancelled.
 * Return: did this call queue it? If so, it will run. If the thread cannot be
 * created, it runs after the next queue_work, flush_work, drain or destroy.
 * Context: any, also under spin locks. */
bool uzs_queue_work(struct workqueue_struct *wq, struct work_struct *work);
static inline bool queue_work(struct workqueue_struct *wq,
			      struct work_struct *work)
{
	return uzs_queue_work(wq, work);
}

/* As queue_work, but the thread does not start it before delay_ns have passed.
 * Flush, drain and destroy do not wait for that time; neither does a queue
 * without a thread. Kernel: with a struct delayed_work. */
bool uzs_queue_delayed_work(struct workqueue_struct *wq,
			    struct work_struct *work, u64 delay_ns);
static inline bool queue_delayed_work(struct workqueue_struct *wq,
				      struct work_struct *work, u64 delay_ns)
{
	return uzs_queue_delayed_work(wq, work, delay_ns);
}

/* Waits until work has run for its last queueing so far (Q4). Without a thread,
 * runs it here. Must not be called by the item itself.
 * Return: was there anything to wait for? Context: may sleep. */
bool uzs_flush_work(struct workqueue_struct *wq, struct work_struct *work);
static inline bool flush_work(struct workqueue_struct *wq,
			      struct work_struct *work)
{
	return uzs_flush_work(wq, work);
}

/* Takes work off the queue and waits until it does not run (Q5). Must not be
 * called by the item itself. Return: was it queued? Context: may sleep. */
bool uzs_cancel_work_sync(struct workqueue_struct *wq,
			  struct work_struct *work);
static inline bool cancel_work_sync(struct workqueue_struct *wq,
				    struct work_struct *work)
{
	return uzs_cancel_work_sync(wq, work);
}

/* Waits until all that was queued before the call has run. Without a thread,
 * runs it here. Must not be called by an item of wq.
 * Return: how many items this thread ran. Context: may sleep. */
unsigned long uzs_workqueue_drain(struct workqueue_struct *wq);

/* Around a fork:
 *   uzs_workqueue_fork_hold     blocks queue_work, and the thread before its
 *                               next item. Call it after all other locks are
 *                               taken: a thread that holds one of them may be
 *                               waiting in queue_work.
 *   uzs_workqueue_fork_parent   in the parent, or if fork failed
 *   uzs_workqueue_fork_child    in the child: renews the lock and forgets the
 *                               thread, which the next queue_work creates
 *                               again. What is queued stays queued.
 * Items may be running at the fork. The caller takes the locks that they take,
 * so that nothing of theirs is half done. In the child the items that other
 * threads ran are queued once more. So an item that may run at a fork must not
 * free itself (Q6). No other thread may be in cancel_work_sync. */
void uzs_workqueue_fork_hold(struct workqueue_struct *wq);
void uzs_workqueue_fork_parent(struct workqueue_struct *wq);
void uzs_workqueue_fork_child(struct workqueue_struct *wq);

#endif
