/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* workqueue.h - functions to run later, in another thread.
 *
 * Kernel origin: linux/workqueue.h, kernel/workqueue.c. Restored:
 *   Q1 a work item never runs twice at once, in whatever thread
 *   Q2 an item may be queued again while it runs, also by itself; the queueing
 *      is never lost: it runs once more after queue_work returned true
 *   Q3 what was written before queue_work (true or false) is seen by the next
 *      run of the item
 *   Q4 flush_work waits for the last queueing made before the flush, not for
 *      later ones
 *   Q5 after cancel_work_sync the item neither runs nor is queued, even if it
 *      queues itself
 *   Q6 an item is not touched after its function was entered: it may free its
 *      own memory
 * Simpler: one thread at most, so items of one queue normally run one after
 * the other, in order of queueing; no delayed work, no priorities.
 * Beyond the kernel: a queue without a thread (has_worker false, or the
 * thread could not be had), whose items run in the threads that call
 * flush_work, uzs_workqueue_drain or uzs_workqueue_destroy. Several of these
 * may then run different items at once, never the same one (Q1).
 *
 * Locks: wq->lock is a leaf: nothing is called under it but wakeups.
 * queue_work may be called under any spin lock, except that its first call
 * takes the time of creating a thread.
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
	u64 due; /* ns of uzs_clock_ns() before which the thread leaves it
		  * alone; 0: none. guard: wq->lock */
	u32 pending; /* queued, not yet started. guard: wq->lock to write,
		      * atomic to read */
	u32 cancelling; /* threads in cancel_work_sync, which keep it from
			 * being queued. guard: wq->lock */
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
	UZS_WORKER_NEVER, /* no thread wanted */
	UZS_WORKER_NONE, /* none yet, or it could not be had */
	UZS_WORKER_STARTING, /* some queue_work is creating it */
	UZS_WORKER_RUNNING
};

struct workqueue_struct {
	spinlock_t lock;
	u32 event; /* changes when anything below does. guard: lock to write;
		    * slept on */
	unsigned int sleepers; /* threads that wait for event. guard: lock */
	enum uzs_worker_state worker; /* guard: lock; read relaxed */
	bool stop; /* the worker leaves once it is idle. guard: lock */
	u64 seq; /* queueings so far. guard: lock */
	struct list_head queue; /* of work_struct, FIFO. guard: lock */
	struct list_head running; /* of struct uzs_run, on the stacks of those
				   * who run them. guard: lock */
	pthread_t thread; /* guard: worker == UZS_WORKER_RUNNING */
	struct uzs_worker_plan plan; /* const after init */
};

/* Never fails; needs no memory. The thread is created at the first
 * queue_work, on the CPUs that the caller of this has, with `name` (or NULL)
 * as part of its own: worker.h. */
void uzs_workqueue_init(struct workqueue_struct *wq, bool has_worker,
			const char *name);

/* Runs what is queued, also what that queues, and joins the thread. Nobody
 * else may use wq any more; wq can then be initialized again. */
void uzs_workqueue_destroy(struct workqueue_struct *wq);

/* Is a thread wanted that is not there? A hint: it may be on its way. */
static inline bool uzs_workqueue_lacks_worker(const struct workqueue_struct *wq)
{
	return READ_ONCE(wq->worker) == UZS_WORKER_NONE;
}

/* Queues work, unless it is queued already (or being cancelled).
 * Return: was it queued by this call? If so, it will run: lack of memory for
 * the thread only delays that until the next queue_work, flush_work, drain or
 * destroy. Context: any, also under spin locks. */
bool uzs_queue_work(struct workqueue_struct *wq, struct work_struct *work);
static inline bool queue_work(struct workqueue_struct *wq,
			      struct work_struct *work)
{
	return uzs_queue_work(wq, work);
}

/* As queue_work, but the thread does not start it before delay_ns have gone
 * by; whoever flushes, drains or destroys does not wait for that, and neither
 * does a queue without a thread. Kernel: with a struct delayed_work. */
bool uzs_queue_delayed_work(struct workqueue_struct *wq,
			    struct work_struct *work, u64 delay_ns);
static inline bool queue_delayed_work(struct workqueue_struct *wq,
				      struct work_struct *work, u64 delay_ns)
{
	return uzs_queue_delayed_work(wq, work, delay_ns);
}

/* Waits until the last queueing made so far has run (Q4); without a thread,
 * runs it here. Not from within the item itself.
 * Return: was there anything to wait for? Context: may sleep. */
bool uzs_flush_work(struct workqueue_struct *wq, struct work_struct *work);
static inline bool flush_work(struct workqueue_struct *wq,
			      struct work_struct *work)
{
	return uzs_flush_work(wq, work);
}

/* Takes work off the queue, waits until it does not run (Q5). Not from within
 * the item itself. Return: was it queued? Context: may sleep. */
bool uzs_cancel_work_sync(struct workqueue_struct *wq,
			  struct work_struct *work);
static inline bool cancel_work_sync(struct workqueue_struct *wq,
				    struct work_struct *work)
{
	return uzs_cancel_work_sync(wq, work);
}

/* Waits until everything queued before the call has run; without a thread,
 * runs it here. Not from within an item of wq.
 * Return: items that this thread ran. Context: may sleep. */
unsigned long uzs_workqueue_drain(struct workqueue_struct *wq);

/* Around a fork:
 *   uzs_workqueue_fork_hold     stops queue_work, and with it whatever the
 *                               thread would begin. Call it last, when no more
 *                               locks are to be taken: whoever holds one may be
 *                               waiting in queue_work.
 *   uzs_workqueue_fork_parent   in the parent, or when fork failed
 *   uzs_workqueue_fork_child    in the child: locks are made new, the thread
 *                               is forgotten and created again by the next
 *                               queue_work; what is queued stays queued
 * Items may be running meanwhile: by taking the locks that they take, the
 * caller sees to it that nothing of theirs is half done. In the child those
 * that ran in other threads are queued once more, so an item that may run
 * then must not free its own memory (Q6). Only if no other thread is in
 * cancel_work_sync. */
void uzs_workqueue_fork_hold(struct workqueue_struct *wq);
void uzs_workqueue_fork_parent(struct workqueue_struct *wq);
void uzs_workqueue_fork_child(struct workqueue_struct *wq);

#endif
