/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* hooks.h - places of compat where a test of the checked body can step in.
 *
 * A hook runs in the thread that it is about, with the locks that this holds;
 * it may wait for other threads, which is how a test puts their work between
 * two steps of this one. What it calls itself runs no hooks.
 * In the native body uzs_hook() is nothing.
 */
#ifndef UZS_COMPAT_HOOKS_H
#define UZS_COMPAT_HOOKS_H

#include "lockdep.h"

#if UZS_CHECKED

struct page;
struct zone;
struct work_struct;
struct workqueue_struct;

struct uzs_lock_event {
	const void *lock; /* of a page lock: the page */
	const char *name; /* of its class */
	enum uzs_lock_kind kind;
	const struct uzs_place *place;
};

/* Each may be NULL. */
struct uzs_hooks {
	/* about to take, by a call that may wait */
	void (*lock_wanted)(void *arg, const struct uzs_lock_event *e);
	void (*lock_taken)(void *arg, const struct uzs_lock_event *e);
	/* given back, others may have it by now */
	void (*lock_released)(void *arg, const struct uzs_lock_event *e);
	/* a page is no page of its owner's any more: PG_movable was cleared */
	void (*page_reset)(void *arg, struct page *page);
	/* is about to go back to the zone */
	void (*page_freed)(void *arg, struct zone *zone, struct page *page);
	/* queue_work was called; `queued` is its answer */
	void (*work_scheduled)(void *arg, struct workqueue_struct *wq,
			       struct work_struct *work, bool queued);
	void *arg;
};

/* For all threads from now on; the structure stays the caller's. NULL: none.
 * Threads that are inside a hook finish it. */
void uzs_set_hooks(const struct uzs_hooks *hooks);

/* The hooks, unless there are none or this thread is inside one; then
 * uzs_hooks_leave must follow. */
const struct uzs_hooks *uzs_hooks_enter(void);
void uzs_hooks_leave(void);

#define uzs_hook(name, ...)                                             \
	do {                                                            \
		const struct uzs_hooks *hooks_ = uzs_hooks_enter();     \
                                                                        \
		if (hooks_) {                                           \
			if (hooks_->name)                               \
				hooks_->name(hooks_->arg, __VA_ARGS__); \
			uzs_hooks_leave();                              \
		}                                                       \
	} while (0)

#else
#define uzs_hook(name, ...) ((void)0)
#endif
#endif
