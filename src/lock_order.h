/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lock_order.h - the order in which the locks of a pool are taken.
 *
 * This is the only list. The checked body of compat checks it, by rank.
 *
 * No lock is held during a callback of the user's, except push.
 *
 * The three rights (drain_lock, trim_lock, compact_lock) may be held for long:
 * a whole pool is compacted. A thread that has one may wait for the locks below
 * it. No thread waits for a right while it has a lock below the rights. So
 * zs_malloc, which has no lock when it finds no memory, may wait for all of
 * them. Fork and check wait for no right. They use the other locks, which are
 * held for a short time.
 *
 * Under pool->lock and class->lock no page or slab object is allocated, and no
 * callback is called. Freeing pages there is allowed (scope `held` does). Of
 * several class locks the one with the lower index comes first.
 *
 * Exceptions to the order. They are safe because they only try and never wait:
 *  - uzs_trylock_zspage() locks pages under class->lock;
 *  - uzs_reuse_take() tries a slot's lock, also when the thread has the rights;
 *  - zspage->lock is only tried for writing. A pin spans calls of the user, so
 *    nobody may wait for its end.
 */
#ifndef UZS_LOCK_ORDER_H
#define UZS_LOCK_ORDER_H

#include "compat/checked/lockdep.h"

/* Outer first. "sleeps": a thread may sleep while it has the lock. */
enum lock_rank {
	RANK_DRAIN = 10, /* drain_lock: the right to drain; sleeps */
	RANK_HAND = 12, /* hand_lock: handles out of the queue, not yet freed;
			 * sleeps */
	RANK_REUSE = 15, /* a slot's lock: what a CPU keeps for reuse; sleeps */
	RANK_TRIM = UZS_RANK_TRIM, /* zone->trim_lock: the right to give memory
				    * back; sleeps */
	RANK_COMPACT = 25, /* compact_lock: the right to compact; sleeps */
	RANK_FREE_WORK = 30, /* free_work_lock: zspages that wait to be freed,
			      * and are in no list; sleeps */
	RANK_GATE = UZS_RANK_GATE, /* zone->gate: sections between the zone's
				    * lists and the OS; sleeps */
	RANK_PAGE = UZS_RANK_PAGE, /* page lock: the page's zspage stays the
				    * same; sleeps */
	RANK_POOL = 50, /* pool->lock: handle -> obj (read: use it, write: move
			 * the object) */
	RANK_SLOT = 55, /* user profile: a slot's lock: what a CPU keeps */
	RANK_CLASS = 60, /* class->lock: fullness lists, inuse, free lists */
	RANK_RUNS = 70, /* user profile: runs->lock: free runs */
	/* zspage->lock has no rank. It guards contents (read: pin; write: only
	 * tried) */
	RANK_ALLOC = UZS_RANK_ALLOC, /* compat: slab caches and zone */
	RANK_DEFERRED = 85, /* the array's lock, slot locks and bufs_lock of
			     * deferred free; harden's notes_lock, poison_lock */
	RANK_LEAF = UZS_RANK_LEAF /* compat: work queue; hazards */
};

_Static_assert((int)RANK_REUSE < (int)RANK_TRIM &&
		       (int)RANK_TRIM < (int)RANK_COMPACT &&
		       (int)RANK_FREE_WORK < (int)RANK_GATE &&
		       (int)RANK_PAGE < (int)RANK_POOL &&
		       (int)RANK_CLASS < (int)RANK_ALLOC &&
		       (int)RANK_ALLOC < (int)RANK_DEFERRED &&
		       (int)RANK_DEFERRED < (int)RANK_LEAF,
	       "the list is in the order of the ranks");

#endif
