/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* workqueue.c - owns the queued items, the running items and the thread.
 *
 * Kernel origin: kernel/workqueue.c; differs: see workqueue.h.
 * Locks: takes wq->lock, but does not hold it while an item runs or the thread
 * is created. Sleeps: all but queue_work, fork_parent and fork_child.
 *
 * Queueings are numbered (seq). So "all that was queued before" is all that has
 * a number up to the present one. All waiters, the thread included, sleep on
 * wq->event and check again when it changes.
 */
#include "workqueue.h"

#include "checked/hooks.h"
#include "fault.h"
#include "os.h"

/* An item that runs; on the stack of the thread that runs it. */
struct uzs_run {
	struct list_head entry; /* in wq->running. guard: wq->lock */
	struct work_struct *work; /* only compared: it may be freed (Q6) */
	u64 seq; /* the queueing that this run is for */
	pthread_t thread;
};

/* Wakes all waiters, as something has changed. Locks: needs wq->lock. */
static void announce_locked(struct workqueue_struct *wq)
{
	WRITE_ONCE(wq->event, wq->event + 1);
	if (wq->sleepers)
		uzs_wake_all(&wq->event);
}

/* Sleeps until something changes. Locks: needs wq->lock, drops and retakes it.
 */
static void wait_event_locked(struct workqueue_struct *wq)
{
	u32 event = wq->event;

	wq->sleepers++;
	spin_unlock(&wq->lock);
	uzs_wait_on(&wq->event, event);
	spin_lock(&wq->lock);
	wq->sleepers--;
}

/* Finds a run of work (NULL: of any item) for a queueing up to number seq.
 * Locks: needs wq->lock. */
static struct uzs_run *find_run_locked(struct workqueue_struct *wq,
				       const struct work_struct *work, u64 seq)
{
	struct uzs_run *run;

	list_for_each_entry(run, &wq->running, entry)
		if ((!work || run->work == work) && run->seq <= seq)
			return run;
	return NULL;
}

/* Is work (NULL: any item) queued with a number up to seq? Locks: needs
 * wq->lock. */
static bool is_queued_locked(struct workqueue_struct *wq,
			     const struct work_struct *work, u64 seq)
{
	/* The queue is in the order of the numbers. */
	if (!work)
		return !list_empty(&wq->queue) &&
		       list_first_entry(&wq->queue, struct work_struct, entry)
				       ->seq <= seq;
	return work->pending && work->seq <= seq;
}

static void unqueue_locked(struct work_struct *work)
{
	list_del_init(&work->entry);
	WRITE_ONCE(work->pending, 0);
}

/* May it start now? Locks: needs wq->lock. */
static bool is_due_locked(const struct workqueue_struct *wq,
			  const struct work_struct *work)
{
	return !work->due || wq->stop || work->due <= uzs_clock_ns();
}

/* Makes work (NULL: all items) with a number up to seq due at once, as a thread
 * waits for it. Locks: needs wq->lock. */
static void hurry_locked(struct workqueue_struct *wq,
			 const struct work_struct *work, u64 seq)
{
	struct work_struct *pos;

	list_for_each_entry(pos, &wq->queue, entry) {
		if (pos->seq > seq || !pos->due || (work && pos != work))
			continue;
		pos->due = 0;
		announce_locked(wq);
	}
}

/* Runs one queued item with a number up to seq: work, or if that is NULL the
 * first that can run. Skips items that run in another thread (Q1).
 * Locks: needs wq->lock, drops and retakes it around the run.
 * Return: did it run one? */
static bool run_one_locked(struct workqueue_struct *wq,
			   const struct work_struct *work, u64 seq)
{
	struct uzs_run run = { .thread = pthread_self() };
	struct work_struct *pos;
	void (*func)(struct work_struct * work);

	list_for_each_entry(pos, &wq->queue, entry) {
		if (pos->seq > seq)
			return false;
		if ((!work || pos == work) && is_due_locked(wq, pos) &&
		    !find_run_locked(wq, pos, UINT64_MAX))
			goto found;
	}
	return false;
found:
	unqueue_locked(pos);
	run.work = pos;
	run.seq = pos->seq;
	func = pos->func;
	list_add_tail(&run.entry, &wq->running);
	spin_unlock(&wq->lock);
	func(pos);
	spin_lock(&wq->lock);
	list_del(&run.entry);
	announce_locked(wq);
	return true;
}

/* Waits until work (NULL: every item) has run for all queueings up to number
 * seq. Runs it here if the queue has no thread.
 * Locks: needs wq->lock, drops and retakes it.
 * Return: how many items ran here. */
static unsigned long finish_locked(struct workqueue_struct *wq,
				   const struct work_struct *work, u64 seq)
{
	unsigned long nr = 0;
	struct uzs_run *run;

	hurry_locked(wq, work, seq);
	for (;;) {
		run = find_run_locked(wq, work, seq);
		if (!run && !is_queued_locked(wq, work, seq))
			return nr;
		/* It would wait for itself for ever. */
		VM_BUG_ON(run && pthread_equal(run->thread, pthread_self()));
		if ((wq->worker == UZS_WORKER_NEVER ||
		     wq->worker == UZS_WORKER_NONE) &&
		    run_one_locked(wq, work, seq))
			nr++;
		else
			wait_event_locked(wq);
	}
}

/* For the thread: sleeps until something changes or the next item is due.
 * Locks: needs wq->lock, drops and retakes it. */
static void wait_due_locked(struct workqueue_struct *wq)
{
	u64 due = UINT64_MAX, now = uzs_clock_ns();
	u32 event = wq->event;
	struct work_struct *pos;

	list_for_each_entry(pos, &wq->queue, entry)
		if (pos->due)
			due = min(due, pos->due);
	if (due == UINT64_MAX) {
		wait_event_locked(wq);
		return;
	}
	wq->sleepers++;
	spin_unlock(&wq->lock);
	if (due > now)
		uzs_wait_on_for(&wq->event, event, due - now);
	spin_lock(&wq->lock);
	wq->sleepers--;
}

static void *worker_main(void *arg)
{
	struct workqueue_struct *wq = arg;

	uzs_worker_begin(&wq->plan);
	spin_lock(&wq->lock);
	for (;;) {
		if (run_one_locked(wq, NULL, UINT64_MAX))
			continue;
		if (wq->stop)
			break;
		wait_due_locked(wq);
	}
	spin_unlock(&wq->lock);
	return NULL;
}

/* Return: 0 or an errno, as pthread_create. */
static int create_worker(struct workqueue_struct *wq, pthread_t *thread)
{
	if (uzs_should_fail(UZS_FAULT_OS))
		return EAGAIN;
	return uzs_worker_create(&wq->plan, thread, worker_main, wq);
}

void uzs_workqueue_init(struct workqueue_struct *wq, bool has_worker,
			const char *name)
{
	*wq = (struct workqueue_struct){
		.worker = has_worker ? UZS_WORKER_NONE : UZS_WORKER_NEVER,
	};
	spin_lock_init(&wq->lock);
	lock_set_rank(&wq->lock, UZS_RANK_LEAF);
	INIT_LIST_HEAD(&wq->queue);
	INIT_LIST_HEAD(&wq->running);
	if (has_worker)
		uzs_worker_plan(&wq->plan, name);
}

void uzs_workqueue_destroy(struct workqueue_struct *wq)
{
	bool join;

	might_sleep();
	spin_lock(&wq->lock);
	wq->stop = true; /* from here on no thread is created */
	announce_locked(wq);
	join = wq->worker == UZS_WORKER_RUNNING;
	spin_unlock(&wq->lock);
	if (join)
		pthread_join(wq->thread, NULL);
	spin_lock(&wq->lock);
	if (join)
		WRITE_ONCE(wq->worker, UZS_WORKER_NONE);
	finish_locked(wq, NULL, UINT64_MAX);
	spin_unlock(&wq->lock);
}

/* Creates the thread if it is needed. If that fails, the items stay queued.
 * Locks: needs wq->lock, drops it while it creates the thread. */
static void start_worker_locked(struct workqueue_struct *wq)
{
	pthread_t thread;
	int err;

	if (wq->worker != UZS_WORKER_NONE || wq->stop || list_empty(&wq->queue))
		return;
	WRITE_ONCE(wq->worker, UZS_WORKER_STARTING);
	spin_unlock(&wq->lock);
	err = create_worker(wq, &thread);
	spin_lock(&wq->lock);
	if (err) {
		WRITE_ONCE(wq->worker, UZS_WORKER_NONE);
	} else {
		WRITE_ONCE(wq->worker, UZS_WORKER_RUNNING);
		wq->thread = thread;
	}
	/* Without a thread, a waiter has to run its item itself. */
	announce_locked(wq);
}

static bool queue_due(struct workqueue_struct *wq, struct work_struct *work,
		      u64 due)
{
	bool queued;

	spin_lock(&wq->lock);
	/* Read under the lock, so that Q3 holds if the answer is no. */
	queued = !work->pending && !work->cancelling;
	if (queued) {
		work->seq = ++wq->seq;
		work->due = due;
		list_add_tail(&work->entry, &wq->queue);
		WRITE_ONCE(work->pending, 1);
		announce_locked(wq);
	}
	start_worker_locked(wq);
	spin_unlock(&wq->lock);
	uzs_hook(work_scheduled, wq, work, queued);
	return queued;
}

bool uzs_queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	return queue_due(wq, work, 0);
}

bool uzs_queue_delayed_work(struct workqueue_struct *wq,
			    struct work_struct *work, u64 delay_ns)
{
	return queue_due(wq, work, uzs_clock_ns() + delay_ns);
}

bool uzs_flush_work(struct workqueue_struct *wq, struct work_struct *work)
{
	bool busy;

	might_sleep();
	spin_lock(&wq->lock);
	busy = is_queued_locked(wq, work, UINT64_MAX) ||
	       find_run_locked(wq, work, UINT64_MAX);
	finish_locked(wq, work, work->seq);
	spin_unlock(&wq->lock);
	return busy;
}

bool uzs_cancel_work_sync(struct workqueue_struct *wq, struct work_struct *work)
{
	bool queued;

	might_sleep();
	spin_lock(&wq->lock);
	work->cancelling++;
	queued = work->pending;
	if (queued)
		unqueue_locked(work);
	/* Others may wait for the run that will not happen now. */
	announce_locked(wq);
	finish_locked(wq, work, UINT64_MAX);
	work->cancelling--;
	spin_unlock(&wq->lock);
	return queued;
}

unsigned long uzs_workqueue_drain(struct workqueue_struct *wq)
{
	unsigned long nr;

	might_sleep();
	spin_lock(&wq->lock);
	nr = finish_locked(wq, NULL, wq->seq);
	spin_unlock(&wq->lock);
	return nr;
}

void uzs_workqueue_fork_hold(struct workqueue_struct *wq)
{
	spin_lock(&wq->lock);
	/* A thread that creates the worker does not hold the lock then. */
	while (wq->worker == UZS_WORKER_STARTING)
		wait_event_locked(wq);
}

void uzs_workqueue_fork_parent(struct workqueue_struct *wq)
{
	spin_unlock(&wq->lock);
}

/* The runs of other threads do not end in the child, so their items are queued
 * again. (An item does whatever it finds to do.) */
static void requeue_lost_runs(struct workqueue_struct *wq)
{
	struct uzs_run *run, *next;

	list_for_each_entry_safe(run, next, &wq->running, entry) {
		struct work_struct *work = run->work;

		if (pthread_equal(run->thread, pthread_self()))
			continue;
		list_del(&run->entry);
		if (work->pending || work->cancelling)
			continue;
		work->seq = ++wq->seq;
		work->due = 0;
		list_add_tail(&work->entry, &wq->queue);
		WRITE_ONCE(work->pending, 1);
	}
}

void uzs_workqueue_fork_child(struct workqueue_struct *wq)
{
	spin_lock_renew(&wq->lock);
	wq->event = 0;
	wq->sleepers = 0;
	requeue_lost_runs(wq);
	/* If an item forked, this is the worker itself. */
	if (wq->worker == UZS_WORKER_RUNNING &&
	    !pthread_equal(wq->thread, pthread_self()))
		WRITE_ONCE(wq->worker, UZS_WORKER_NONE);
}
