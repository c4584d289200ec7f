/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* deferred_state.h - the state of deferred free; deferred.c owns it. */
#ifndef UZS_DEFERRED_STATE_H
#define UZS_DEFERRED_STATE_H

#include <pthread.h>

#include "compat/list.h"
#include "compat/lock.h"
#include "compat/percpu.h"
#include "compat/turn.h"
#include "compat/workqueue.h"
#include "uzsmalloc.h"

/* Bytes of the array of handles: as many handles as there are pages in 128 MiB.
 * Bytes of the per-CPU buffers' reserve: 256 KiB. (From the series of April
 * 2026, v2, and of May 2026, v3.) */
#ifndef DEFER_ARRAY_BYTES /* the lab has smaller ones */
#define DEFER_ARRAY_BYTES ((size_t)128 << 20)
#define DEFER_RESERVE_BYTES ((size_t)256 << 10)
#endif

/* A page of values. */
struct defer_buf {
	struct list_head list; /* reserve or queue; guard: bufs_lock */
	void *mem; /* one page; const */
	unsigned int count; /* values; guard: the buffer's current owner */
};

struct defer_slot {
	spinlock_t lock; /* only tried, except by a flush */
	struct defer_buf *buf; /* may be NULL; guard: lock */
	unsigned long nr_queued; /* guard: lock; read relaxed */
	unsigned long nr_full; /* pushes without room; guard: lock; read
				* relaxed */
};

struct deferred {
	/* guard: drain_lock to write, atomic to read; const for threads that
	 * queue */
	enum zs_defer_mode mode;

	/* One thread drains at a time: the one that has drain_lock, or the one
	 * that is in the caller's callback. So a thread that has the lock, and
	 * finds nobody in the callback, knows that all that left the queue is
	 * freed. hand_lock is taken within drain_lock. It is held while the
	 * pool's own code has handles in hand that are in no queue. A fork
	 * waits only for that. Order: above pool->lock. */
	struct mutex drain_lock;
	struct mutex hand_lock;
	u32 hand_wanted; /* see compat/turn.h; with hand_lock */
	u32 calling; /* 1: a thread is in the callback, without locks. guard:
		      * drain_lock and hand_lock to write; others sleep on it */
	pthread_t caller; /* that thread; guard: as calling */
	struct defer_buf *given; /* to the callback; guard: as calling */
	struct work_struct work;

	/* array */
	unsigned long *ring; /* capacity handles, or NULL; set once, atomic */
	unsigned int capacity; /* handles, a power of two; const */
	spinlock_t lock; /* only tried by zs_free_deferred */
	u64 head; /* queued so far; guard: lock */
	u64 tail; /* taken out so far; guard: lock */
	unsigned long nr_queued; /* as head; guard: lock; read relaxed */

	/* per-CPU buffers */
	const struct zs_deferred_ops *ops;
	void *private_data;
	void *mem; /* slots, buffers, pages: one mapping of mem_bytes */
	size_t mem_bytes;
	struct uzs_percpu slots; /* struct defer_slot */
	unsigned int reserve_pages;
	spinlock_t bufs_lock;
	struct list_head reserve; /* guard: bufs_lock */
	unsigned int nr_reserve; /* guard: bufs_lock; read relaxed */
	struct list_head queue; /* full buffers, FIFO; guard: bufs_lock */
	u64 queued_bufs; /* so far; guard: bufs_lock */
	u64 taken_bufs; /* so far; guard: bufs_lock */

	/* counters; atomic, relaxed */
	unsigned long nr_sync_busy;
	unsigned long nr_sync_full;
	unsigned long nr_drained;
	unsigned long nr_scheduled;
	unsigned long nr_idle_drains; /* callbacks that freed nothing */
};

#endif
