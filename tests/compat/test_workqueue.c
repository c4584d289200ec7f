/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_workqueue.c - compat/workqueue.h: guarantees Q1 to Q6, with a thread,
 * without one, and where it cannot be had. A thread that waits for ever ends
 * the program by alarm.
 *
 * Whole, as all tests share the items and gates of the beginning.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_getname_np */
#endif
#include "test_system.h"
#include "test_process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/fault.h"
#include "compat/workqueue.h"

/* ------------------------------------------------------------------------
 * Gates, threads, children
 */

struct gate {
	u32 open;
};

static void gate_open(struct gate *g)
{
	smp_store_release(&g->open, 1);
	uzs_wake_all(&g->open);
}

static void gate_pass(struct gate *g)
{
	while (!smp_load_acquire(&g->open))
		uzs_wait_on(&g->open, 0);
}

static bool gate_is_open(const struct gate *g)
{
	return smp_load_acquire(&g->open);
}

/* Returns when nr threads, the worker included, sleep in wq. */
static void wait_sleepers(struct workqueue_struct *wq, unsigned int nr)
{
	unsigned int sleepers;

	do {
		sched_yield();
		spin_lock(&wq->lock);
		sleepers = wq->sleepers;
		spin_unlock(&wq->lock);
	} while (sleepers != nr);
}

static enum uzs_worker_state worker_of(struct workqueue_struct *wq)
{
	enum uzs_worker_state worker;

	spin_lock(&wq->lock);
	worker = wq->worker;
	spin_unlock(&wq->lock);
	return worker;
}

/* ------------------------------------------------------------------------
 * Items
 */

struct item {
	struct work_struct work;
	struct workqueue_struct *wq;
	unsigned int runs; /* atomic */
	unsigned int overlaps; /* atomic: times that it ran twice at once */
	unsigned int inside; /* atomic: threads in it */
	unsigned int requeue; /* atomic: how often it still queues itself */
	unsigned int place; /* when it ran last, in the order of items */
	bool requeued; /* what queue_work said to it */
	pthread_t runner; /* who ran it last */
	struct gate *entered, *leave; /* NULL: does not wait */
	struct item *child; /* queued by it; NULL: none */
	unsigned long input; /* plain: queueing it hands it over (Q3) */
	unsigned long seen; /* input, at the last run */
};

static unsigned int places; /* atomic */

static void run_item(struct work_struct *work)
{
	struct item *item = container_of(work, struct item, work);

	if (__atomic_fetch_add(&item->inside, 1, __ATOMIC_ACQUIRE))
		__atomic_fetch_add(&item->overlaps, 1, __ATOMIC_RELAXED);
	item->seen = item->input;
	item->runner = pthread_self();
	item->place = __atomic_add_fetch(&places, 1, __ATOMIC_RELAXED);
	if (item->entered)
		gate_open(item->entered);
	if (item->leave)
		gate_pass(item->leave);
	if (READ_ONCE(item->requeue)) {
		WRITE_ONCE(item->requeue, READ_ONCE(item->requeue) - 1);
		item->requeued = queue_work(item->wq, &item->work);
	}
	if (item->child)
		queue_work(item->wq, &item->child->work);
	__atomic_fetch_add(&item->runs, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&item->inside, 1, __ATOMIC_RELEASE);
}

static void item_init(struct item *item, struct workqueue_struct *wq)
{
	memset(item, 0, sizeof(*item));
	INIT_WORK(&item->work, run_item);
	item->wq = wq;
}

static unsigned int runs_of(const struct item *item)
{
	return READ_ONCE(item->runs);
}

/* ------------------------------------------------------------------------
 * Without a thread
 */

static void test_unused_queue_has_no_thread(void **state)
{
	struct workqueue_struct wq;
	struct item a;

	for (unsigned int worker = 0; worker < 2; worker++) {
		uzs_workqueue_init(&wq, worker, "tests");
		item_init(&a, &wq);
		assert_false(work_pending(&a.work));
		assert_false(flush_work(&wq, &a.work));
		assert_false(cancel_work_sync(&wq, &a.work));
		assert_int_equal(uzs_workqueue_drain(&wq), 0);
		uzs_workqueue_destroy(&wq);
		assert_int_equal(a.runs, 0);
	}
}

static void test_drain_runs_items_in_order(void **state)
{
	struct workqueue_struct wq;
	struct item items[3];

	uzs_workqueue_init(&wq, false, "tests");
	places = 0;
	for (unsigned int i = 0; i < 3; i++) {
		item_init(&items[i], &wq);
		assert_true(queue_work(&wq, &items[i].work));
		assert_false(queue_work(&wq, &items[i].work));
		assert_true(work_pending(&items[i].work));
	}
	assert_int_equal(uzs_workqueue_drain(&wq), 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_false(work_pending(&items[i].work));
		assert_int_equal(items[i].runs, 1);
		assert_int_equal(items[i].place, i + 1);
		assert_true(pthread_equal(items[i].runner, pthread_self()));
	}
	assert_int_equal(uzs_workqueue_drain(&wq), 0);
	/* no thread was needed */
	assert_int_equal(worker_of(&wq), UZS_WORKER_NEVER);
	uzs_workqueue_destroy(&wq);
}

static void test_flush_runs_one_item(void **state)
{
	struct workqueue_struct wq;
	struct item a, b;

	uzs_workqueue_init(&wq, false, "tests");
	item_init(&a, &wq);
	item_init(&b, &wq);
	queue_work(&wq, &a.work);
	queue_work(&wq, &b.work);
	assert_true(flush_work(&wq, &b.work));
	assert_int_equal(b.runs, 1);
	assert_int_equal(a.runs, 0);
	assert_true(work_pending(&a.work));
	assert_false(flush_work(&wq, &b.work));
	uzs_workqueue_destroy(&wq);
	assert_int_equal(a.runs, 1);
	assert_int_equal(b.runs, 1);
}

/* Q2, Q4: what an item queues while it runs is later than the drain. */
static void test_item_may_queue_itself(void **state)
{
	struct workqueue_struct wq;
	struct item a;

	uzs_workqueue_init(&wq, false, "tests");
	item_init(&a, &wq);
	a.requeue = 2;
	queue_work(&wq, &a.work);
	assert_int_equal(uzs_workqueue_drain(&wq), 1);
	assert_true(a.requeued);
	assert_true(work_pending(&a.work));
	assert_true(flush_work(&wq, &a.work));
	assert_int_equal(a.runs, 2);
	assert_true(work_pending(&a.work));
	/* destroy runs whatever comes */
	uzs_workqueue_destroy(&wq);
	assert_int_equal(a.runs, 3);
	assert_false(work_pending(&a.work));
}

static void test_cancelled_item_does_not_run(void **state)
{
	struct workqueue_struct wq;
	struct item a, b;

	uzs_workqueue_init(&wq, false, "tests");
	item_init(&a, &wq);
	item_init(&b, &wq);
	queue_work(&wq, &a.work);
	queue_work(&wq, &b.work);
	assert_true(cancel_work_sync(&wq, &a.work));
	assert_false(work_pending(&a.work));
	assert_false(cancel_work_sync(&wq, &a.work));
	assert_int_equal(uzs_workqueue_drain(&wq), 1);
	assert_int_equal(a.runs, 0);
	assert_int_equal(b.runs, 1);
	/* it can be queued again */
	assert_true(queue_work(&wq, &a.work));
	uzs_workqueue_destroy(&wq);
	assert_int_equal(a.runs, 1);
}

static void free_item(struct work_struct *work)
{
	free(container_of(work, struct item, work));
}

/* Q6. */
static void test_item_may_free_itself(void **state)
{
	struct workqueue_struct wq;

	for (unsigned int worker = 0; worker < 2; worker++) {
		uzs_workqueue_init(&wq, worker, "tests");
		for (unsigned int i = 0; i < 10; i++) {
			struct item *item = malloc(sizeof(*item));

			assert_non_null(item);
			item_init(item, &wq);
			INIT_WORK(&item->work, free_item);
			assert_true(queue_work(&wq, &item->work));
		}
		uzs_workqueue_drain(&wq);
		uzs_workqueue_destroy(&wq);
	}
}

/* Drains, flushes or cancels in a thread of its own. */
struct caller {
	struct workqueue_struct *wq;
	struct work_struct *work;
	unsigned long ran; /* drain's answer */
	bool busy; /* flush's and cancel's */
	struct gate done;
};

static void *call_drain(void *arg)
{
	struct caller *c = arg;

	c->ran = uzs_workqueue_drain(c->wq);
	gate_open(&c->done);
	return NULL;
}

static void *call_flush(void *arg)
{
	struct caller *c = arg;

	c->busy = flush_work(c->wq, c->work);
	gate_open(&c->done);
	return NULL;
}

static void *call_cancel(void *arg)
{
	struct caller *c = arg;

	c->busy = cancel_work_sync(c->wq, c->work);
	gate_open(&c->done);
	return NULL;
}

/* Q1, without a thread: what one thread runs the others pass over; who drains
 * waits for it. */
static void test_two_who_drain_share_the_items(void **state)
{
	struct gate entered = { 0 }, leave = { 0 };
	struct workqueue_struct wq;
	struct item a, b;
	struct caller first = { .wq = &wq }, second = { .wq = &wq };
	pthread_t one, two;

	uzs_workqueue_init(&wq, false, "tests");
	item_init(&a, &wq);
	item_init(&b, &wq);
	a.entered = &entered;
	a.leave = &leave;
	queue_work(&wq, &a.work);
	one = start(call_drain, &first);
	gate_pass(&entered);
	/* a runs, and is queued once more, before b */
	assert_true(queue_work(&wq, &a.work));
	assert_false(queue_work(&wq, &a.work));
	assert_true(queue_work(&wq, &b.work));
	assert_true(flush_work(&wq, &b.work));
	assert_int_equal(runs_of(&b), 1);
	assert_int_equal(runs_of(&a), 0);
	assert_true(queue_work(&wq, &b.work));
	two = start(call_drain, &second);
	wait_sleepers(&wq, 1);
	/* it has run b, and waits for a */
	assert_int_equal(runs_of(&b), 2);
	assert_false(gate_is_open(&second.done));
	gate_open(&leave);
	join(one);
	join(two);
	assert_int_equal(a.runs, 2);
	assert_int_equal(a.overlaps, 0);
	assert_int_equal(first.ran, 1);
	assert_int_equal(second.ran, 2);
	uzs_workqueue_destroy(&wq);
}

/* ------------------------------------------------------------------------
 * With a thread
 */

static sigset_t worker_signals;
static char worker_name[16];

static void look_at_thread(struct work_struct *work)
{
	pthread_sigmask(SIG_SETMASK, NULL, &worker_signals);
#if defined(__linux__)
	pthread_getname_np(pthread_self(), worker_name, sizeof(worker_name));
#endif
	run_item(work);
}

static void test_thread_runs_what_is_queued(void **state)
{
	const int signals[] = { SIGINT, SIGTERM, SIGUSR1, SIGALRM, SIGCHLD };
	struct workqueue_struct wq;
	sigset_t before, after;
	struct item a;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	uzs_workqueue_init(&wq, true, "tests");
	item_init(&a, &wq);
	INIT_WORK(&a.work, look_at_thread);
	assert_int_equal(worker_of(&wq), UZS_WORKER_NONE);
	assert_true(queue_work(&wq, &a.work));
	assert_int_equal(worker_of(&wq), UZS_WORKER_RUNNING);
	flush_work(&wq, &a.work);
	assert_int_equal(a.runs, 1);
	assert_false(pthread_equal(a.runner, pthread_self()));
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		assert_int_equal(sigismember(&worker_signals, signals[i]), 1);
#if defined(__linux__)
	assert_string_equal(worker_name, "uzs/tests");
#endif
	/* the caller's own mask is as it was */
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		assert_int_equal(sigismember(&after, signals[i]),
				 sigismember(&before, signals[i]));
	/* with a thread, who drains runs nothing itself */
	assert_true(queue_work(&wq, &a.work));
	assert_int_equal(uzs_workqueue_drain(&wq), 0);
	assert_int_equal(a.runs, 2);
	uzs_workqueue_destroy(&wq);
}

/* Q1, Q2, Q3, Q4. */
static void test_queued_while_running_runs_once_more(void **state)
{
	struct gate entered = { 0 }, leave = { 0 };
	struct workqueue_struct wq;
	struct item a;
	struct caller flush = { .wq = &wq, .work = &a.work };
	pthread_t flusher;

	uzs_workqueue_init(&wq, true, "tests");
	item_init(&a, &wq);
	a.entered = &entered;
	a.leave = &leave;
	a.input = 1;
	assert_true(queue_work(&wq, &a.work));
	gate_pass(&entered);
	assert_false(work_pending(&a.work));
	assert_true(queue_work(&wq, &a.work));
	assert_true(work_pending(&a.work));
	a.input = 2;
	assert_false(queue_work(&wq, &a.work));
	/* the flush is for the second run */
	flusher = start(call_flush, &flush);
	wait_sleepers(&wq, 1);
	assert_false(gate_is_open(&flush.done));
	gate_open(&leave);
	join(flusher);
	assert_true(flush.busy);
	assert_int_equal(a.runs, 2);
	assert_int_equal(a.seen, 2);
	assert_int_equal(a.overlaps, 0);
	assert_false(flush_work(&wq, &a.work));
	uzs_workqueue_destroy(&wq);
}

/* A flush of what only runs, and is not queued, waits as well; other items
 * do not hold it up. */
static void test_flush_waits_for_what_runs(void **state)
{
	struct gate entered = { 0 }, leave = { 0 };
	struct workqueue_struct wq;
	struct item a, b;
	struct caller flush = { .wq = &wq, .work = &a.work };
	pthread_t flusher;

	uzs_workqueue_init(&wq, true, "tests");
	item_init(&a, &wq);
	item_init(&b, &wq);
	a.entered = &entered;
	a.leave = &leave;
	queue_work(&wq, &a.work);
	gate_pass(&entered);
	assert_false(flush_work(&wq, &b.work));
	flusher = start(call_flush, &flush);
	wait_sleepers(&wq, 1);
	assert_false(gate_is_open(&flush.done));
	gate_open(&leave);
	join(flusher);
	assert_true(flush.busy);
	assert_int_equal(a.runs, 1);
	uzs_workqueue_destroy(&wq);
}

/* Q4, Q5: an item that queues itself for ever can be flushed, and stopped. */
static void test_endless_item_can_be_flushed_and_stopped(void **state)
{
	struct workqueue_struct wq;
	struct item a;
	unsigned int runs;

	for (unsigned int worker = 0; worker < 2; worker++) {
		uzs_workqueue_init(&wq, worker, "tests");
		item_init(&a, &wq);
		a.requeue = UINT_MAX;
		queue_work(&wq, &a.work);
		for (unsigned int i = 1; i <= 10; i++) {
			assert_true(flush_work(&wq, &a.work));
			assert_true(runs_of(&a) >= i);
		}
		uzs_workqueue_drain(&wq);
		cancel_work_sync(&wq, &a.work);
		runs = runs_of(&a);
		assert_false(work_pending(&a.work));
		assert_int_equal(uzs_workqueue_drain(&wq), 0);
		assert_int_equal(runs_of(&a), runs);
		assert_int_equal(a.overlaps, 0);
		uzs_workqueue_destroy(&wq);
		assert_int_equal(runs_of(&a), runs);
	}
}

/* Q5: while it is being cancelled it cannot be queued, neither by itself. */
static void test_cancel_keeps_item_from_queueing_itself(void **state)
{
	struct gate entered = { 0 }, leave = { 0 };
	struct workqueue_struct wq;
	struct item a;
	struct caller cancel = { .wq = &wq, .work = &a.work };
	pthread_t canceller;

	uzs_workqueue_init(&wq, true, "tests");
	item_init(&a, &wq);
	a.entered = &entered;
	a.leave = &leave;
	a.requeue = 1;
	a.requeued = true;
	queue_work(&wq, &a.work);
	gate_pass(&entered);
	assert_true(queue_work(&wq, &a.work));
	canceller = start(call_cancel, &cancel);
	wait_sleepers(&wq, 1);
	assert_false(gate_is_open(&cancel.done));
	assert_false(work_pending(&a.work));
	assert_false(queue_work(&wq, &a.work));
	gate_open(&leave);
	join(canceller);
	assert_true(cancel.busy);
	assert_int_equal(a.runs, 1);
	assert_false(a.requeued);
	assert_true(queue_work(&wq, &a.work));
	uzs_workqueue_destroy(&wq);
	assert_int_equal(a.runs, 2);
}

/* Who flushes an item that somebody else cancels is not left waiting. */
static void test_flush_of_a_cancelled_item_returns(void **state)
{
	struct gate entered = { 0 }, leave = { 0 };
	struct workqueue_struct wq;
	struct item a, b;
	struct caller flush = { .wq = &wq, .work = &b.work };
	pthread_t flusher;

	uzs_workqueue_init(&wq, true, "tests");
	item_init(&a, &wq);
	item_init(&b, &wq);
	a.entered = &entered;
	a.leave = &leave;
	queue_work(&wq, &a.work);
	gate_pass(&entered);
	queue_work(&wq, &b.work);
	flusher = start(call_flush, &flush);
	wait_sleepers(&wq, 1);
	assert_true(cancel_work_sync(&wq, &b.work));
	join(flusher);
	gate_open(&leave);
	uzs_workqueue_destroy(&wq);
	assert_int_equal(b.runs, 0);
}

static void *open_later(void *arg)
{
	gate_open(arg);
	return NULL;
}

/* Everything queued runs before destroy returns, also what that queues. */
static void test_destroy_runs_what_is_queued(void **state)
{
	for (unsigned int worker = 0; worker < 2; worker++) {
		struct gate leave = { 0 };
		struct workqueue_struct wq;
		struct item a, b, c;
		pthread_t opener;

		uzs_workqueue_init(&wq, worker, "tests");
		item_init(&a, &wq);
		item_init(&b, &wq);
		item_init(&c, &wq);
		a.leave = &leave;
		a.requeue = 3;
		b.child = &c;
		assert_true(queue_work(&wq, &a.work));
		assert_true(queue_work(&wq, &b.work));
		opener = start(open_later, &leave);
		uzs_workqueue_destroy(&wq);
		assert_int_equal(a.runs, 4);
		assert_int_equal(b.runs, 1);
		assert_int_equal(c.runs, 1);
		join(opener);
	}
}

/* ------------------------------------------------------------------------
 * Where the thread cannot be had
 */

static void test_without_thread_the_caller_drains(void **state)
{
	struct workqueue_struct wq;
	struct item a, b;

	uzs_workqueue_init(&wq, true, "tests");
	item_init(&a, &wq);
	item_init(&b, &wq);
	uzs_fault_set(UZS_FAULT_OS, 1);
	assert_true(queue_work(&wq, &a.work));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 1);
	assert_int_equal(worker_of(&wq), UZS_WORKER_NONE);
	assert_true(work_pending(&a.work));
	/* who flushes, runs */
	assert_true(flush_work(&wq, &a.work));
	assert_int_equal(a.runs, 1);
	assert_true(pthread_equal(a.runner, pthread_self()));
	/* so does who drains */
	uzs_fault_set(UZS_FAULT_OS, 1);
	assert_true(queue_work(&wq, &a.work));
	assert_int_equal(uzs_workqueue_drain(&wq), 1);
	assert_int_equal(a.runs, 2);
	/* the next queueing tries again, even if it is not a new one */
	uzs_fault_set(UZS_FAULT_OS, 1);
	assert_true(queue_work(&wq, &b.work));
	assert_int_equal(worker_of(&wq), UZS_WORKER_NONE);
	assert_false(queue_work(&wq, &b.work));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 2);
	assert_int_equal(worker_of(&wq), UZS_WORKER_RUNNING);
	flush_work(&wq, &b.work);
	assert_int_equal(b.runs, 1);
	assert_false(pthread_equal(b.runner, pthread_self()));
	uzs_workqueue_destroy(&wq);
	/* never: destroy runs it */
	uzs_workqueue_init(&wq, true, "tests");
	uzs_fault_set(UZS_FAULT_OS, 1);
	assert_true(queue_work(&wq, &a.work));
	uzs_workqueue_destroy(&wq);
	assert_int_equal(a.runs, 3);
	assert_true(pthread_equal(a.runner, pthread_self()));
	uzs_fault_set(UZS_FAULT_OS, 0);
}

/* ------------------------------------------------------------------------
 * Everyone does everything
 */

#define NR_ITEMS 6
#define NR_THREADS 4
#define ROUNDS 5000

struct crowd {
	struct workqueue_struct wq;
	struct item items[NR_ITEMS];
	unsigned int queued[NR_ITEMS]; /* atomic: queue_work said yes */
	unsigned int cancelled[NR_ITEMS]; /* atomic: cancel_work_sync did */
	unsigned int seed; /* atomic */
};

static void *crowd_member(void *arg)
{
	struct crowd *c = arg;
	u32 rnd = __atomic_add_fetch(&c->seed, 0x9e3779b9u, __ATOMIC_RELAXED);

	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned int nr;

		rnd = rnd * 1664525u + 1013904223u;
		nr = (rnd >> 16) % NR_ITEMS;
		switch (rnd >> 28) {
		case 0:
			uzs_workqueue_drain(&c->wq);
			break;
		case 1:
		case 2:
			flush_work(&c->wq, &c->items[nr].work);
			break;
		case 3:
			if (cancel_work_sync(&c->wq, &c->items[nr].work))
				__atomic_fetch_add(&c->cancelled[nr], 1,
						   __ATOMIC_RELAXED);
			break;
		default:
			if (queue_work(&c->wq, &c->items[nr].work))
				__atomic_fetch_add(&c->queued[nr], 1,
						   __ATOMIC_RELAXED);
			break;
		}
	}
	return NULL;
}

static void test_many_threads_queue_and_flush(void **state)
{
	for (unsigned int worker = 0; worker < 2; worker++) {
		struct crowd *c = calloc(1, sizeof(*c));
		pthread_t threads[NR_THREADS];

		assert_non_null(c);
		uzs_workqueue_init(&c->wq, worker, "tests");
		for (unsigned int i = 0; i < NR_ITEMS; i++)
			item_init(&c->items[i], &c->wq);
		for (unsigned int i = 0; i < NR_THREADS; i++)
			threads[i] = start(crowd_member, c);
		for (unsigned int i = 0; i < NR_THREADS; i++)
			join(threads[i]);
		uzs_workqueue_destroy(&c->wq);
		for (unsigned int i = 0; i < NR_ITEMS; i++) {
			assert_int_equal(c->items[i].overlaps, 0);
			assert_int_equal(c->items[i].runs + c->cancelled[i],
					 c->queued[i]);
			assert_true(c->items[i].runs > 0);
		}
		free(c);
	}
}

/* ------------------------------------------------------------------------
 * fork
 */

static void *queue_one(void *arg)
{
	struct item *item = arg;

	assert_true(queue_work(item->wq, &item->work));
	return NULL;
}

/* Between hold and parent an item that runs goes on; nothing is queued or
 * begun. */
static void test_held_queue_begins_nothing(void **state)
{
	struct gate entered = { 0 }, leave = { 0 };
	struct workqueue_struct wq;
	struct item a, b;
	pthread_t queuer;

	uzs_workqueue_init(&wq, true, "tests");
	item_init(&a, &wq);
	item_init(&b, &wq);
	a.entered = &entered;
	a.leave = &leave;
	queue_work(&wq, &a.work);
	gate_pass(&entered);
	uzs_workqueue_fork_hold(&wq);
	gate_open(&leave);
	while (runs_of(&a) != 1)
		sched_yield();
	queuer = start(queue_one, &b);
	while (!spin_is_contended(&wq.lock))
		sched_yield();
	assert_false(work_pending(&b.work));
	assert_int_equal(runs_of(&b), 0);
	uzs_workqueue_fork_parent(&wq);
	join(queuer);
	flush_work(&wq, &b.work);
	assert_int_equal(runs_of(&a), 1);
	assert_int_equal(runs_of(&b), 1);
	uzs_workqueue_destroy(&wq);
}

/* What another thread was just running is run once more in the child, and not
 * in the parent. */
static void test_running_item_runs_again_in_the_child(void **state)
{
	struct gate entered = { 0 }, leave = { 0 };
	struct workqueue_struct wq;
	struct item a;
	int status;
	pid_t pid;

	uzs_workqueue_init(&wq, true, "tests");
	item_init(&a, &wq);
	a.entered = &entered;
	a.leave = &leave;
	queue_work(&wq, &a.work);
	gate_pass(&entered);
	uzs_workqueue_fork_hold(&wq);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		unsigned int before = a.runs;

		alarm(20);
		uzs_workqueue_fork_child(&wq);
		a.entered = NULL;
		a.leave = NULL;
		a.inside = 0;
		if (!work_pending(&a.work) || uzs_workqueue_drain(&wq) != 1 ||
		    a.runs != before + 1)
			_exit(1);
		uzs_workqueue_destroy(&wq);
		_exit(a.runs != before + 1);
	}
	uzs_workqueue_fork_parent(&wq);
	gate_open(&leave);
	flush_work(&wq, &a.work);
	assert_int_equal(runs_of(&a), 1);
	status = child_status(pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	uzs_workqueue_destroy(&wq);
	assert_int_equal(a.runs, 1);
}

/* In the child. Return: the line that went wrong, 0 for none. */
static int use_in_child(struct workqueue_struct *wq, struct item *queued,
			struct item *other)
{
	bool ran_here;

	uzs_workqueue_fork_child(wq);
	if (!work_pending(&queued->work) || queued->runs != 1)
		return __LINE__;
	/* the thread did not come along */
	if (uzs_workqueue_drain(wq) != 1 || queued->runs != 2)
		return __LINE__;
	if (!pthread_equal(queued->runner, pthread_self()))
		return __LINE__;
	/* which lets no child of a program with threads have any */
	if (UNDER_TSAN)
		wq->worker = UZS_WORKER_NEVER;
	queue_work(wq, &other->work);
	flush_work(wq, &other->work);
	ran_here = pthread_equal(other->runner, pthread_self());
	if (ran_here != UNDER_TSAN)
		return __LINE__;
	if (!queue_work(wq, &queued->work))
		return __LINE__;
	uzs_workqueue_destroy(wq);
	if (queued->runs != 3 || other->runs != 1)
		return __LINE__;
	return 0;
}

static void test_child_can_use_the_queue(void **state)
{
	struct workqueue_struct wq;
	struct item a, b;
	int status;
	pid_t pid;

	uzs_workqueue_init(&wq, true, "tests");
	item_init(&a, &wq);
	item_init(&b, &wq);
	queue_work(&wq, &a.work);
	flush_work(&wq, &a.work);
	assert_int_equal(worker_of(&wq), UZS_WORKER_RUNNING);
	/* queued and not run: the thread would have it at once */
	assert_true(uzs_queue_delayed_work(&wq, &a.work, 3600 * 1000000000u));
	uzs_workqueue_fork_hold(&wq);
	assert_true(spin_is_locked(&wq.lock));
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(20);
		/* an exit status has 8 bits */
		_exit(use_in_child(&wq, &a, &b) % 255);
	}
	uzs_workqueue_fork_parent(&wq);
	flush_work(&wq, &a.work);
	assert_int_equal(runs_of(&a), 2);
	assert_false(pthread_equal(a.runner, pthread_self()));
	status = child_status(pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	uzs_workqueue_destroy(&wq);
	assert_int_equal(a.runs, 2);
	assert_int_equal(b.runs, 0);
}

/* ------------------------------------------------------------------------
 * Assertions
 */

static void flush_itself(struct work_struct *work)
{
	flush_work(container_of(work, struct item, work)->wq, work);
}

static void test_item_that_flushes_itself_aborts(void **state)
{
	struct workqueue_struct wq;
	struct item a;
	int status;
	pid_t pid;

	if (!UZS_DEBUG)
		skip();
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(20);
		fclose(stderr);
		uzs_workqueue_init(&wq, false, "tests");
		item_init(&a, &wq);
		INIT_WORK(&a.work, flush_itself);
		queue_work(&wq, &a.work);
		uzs_workqueue_drain(&wq);
		_exit(0);
	}
	status = child_status(pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unused_queue_has_no_thread),
		cmocka_unit_test(test_drain_runs_items_in_order),
		cmocka_unit_test(test_flush_runs_one_item),
		cmocka_unit_test(test_item_may_queue_itself),
		cmocka_unit_test(test_cancelled_item_does_not_run),
		cmocka_unit_test(test_item_may_free_itself),
		cmocka_unit_test(test_two_who_drain_share_the_items),
		cmocka_unit_test(test_thread_runs_what_is_queued),
		cmocka_unit_test(test_queued_while_running_runs_once_more),
		cmocka_unit_test(test_flush_waits_for_what_runs),
		cmocka_unit_test(test_endless_item_can_be_flushed_and_stopped),
		cmocka_unit_test(test_cancel_keeps_item_from_queueing_itself),
		cmocka_unit_test(test_flush_of_a_cancelled_item_returns),
		cmocka_unit_test(test_destroy_runs_what_is_queued),
		cmocka_unit_test(test_without_thread_the_caller_drains),
		cmocka_unit_test(test_many_threads_queue_and_flush),
		cmocka_unit_test(test_held_queue_begins_nothing),
		cmocka_unit_test(test_running_item_runs_again_in_the_child),
		cmocka_unit_test(test_child_can_use_the_queue),
		cmocka_unit_test(test_item_that_flushes_itself_aborts),
	};

	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
