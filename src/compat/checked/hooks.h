/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* hooks.h - callbacks for tests of the checked body, at certain places of
 * compat.
 *
 * A hook runs in the thread that comes to the place, with the locks that the
 * thread holds. It may wait for other threads: so a test can put their work
 * between two steps of this one. While a hook runs, its thread calls no other
 * hook. In the native body uzs_hook() is nothing.
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
	/* before a lock is taken by a call that may wait */
	void (*lock_wanted)(void *arg, const struct uzs_lock_event *e);
	void (*lock_taken)(void *arg, const struct uzs_lock_event *e);
	/* after it was released: another thread may hold it by now */
	void (*lock_released)(void *arg, const struct uzs_lock_event *e);
	/* after PG_movable was cleared: the page does not belong to its owner
	 * any more */
	void (*page_reset)(void *arg, struct page *page);
	/* before the page goes back to the zone */
	void (*page_freed)(void *arg, struct zone *zone, struct page *page);
	/* after queue_work; `queued` is what it returns */
	void (*work_scheduled)(void *arg, struct workqueue_struct *wq,
			       struct work_struct *work, bool queued);
	void *arg;
};

/* Sets the hooks for all threads. The structure still belongs to the caller.
 * NULL: no hooks. A hook that runs now continues. */
void uzs_set_hooks(const struct uzs_hooks *hooks);

/* Return: the hooks; uzs_hooks_leave must follow. NULL: there are none, or this
 * thread is in a hook. */
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
