/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* turn.h - a mutex for long work in steps: the worker takes it for each step,
 * and other threads need it between two steps.
 *
 * Kernel origin: none. A thread that unlocks a mutex can lock it again before a
 * sleeper has woken up. That makes the mutex fast, but the others would wait
 * for several steps. Here they announce themselves (*wanted counts them), and
 * the worker waits until one of them has got the mutex.
 */
#ifndef UZS_COMPAT_TURN_H
#define UZS_COMPAT_TURN_H

#include "lock.h"

/* Takes the mutex. Waits for the current step at most. */
static inline void uzs_turn_lock(struct mutex *mutex, u32 *wanted)
{
	__atomic_fetch_add(wanted, 1, __ATOMIC_RELAXED);
	mutex_lock(mutex);
	__atomic_fetch_sub(wanted, 1, __ATOMIC_RELAXED);
	uzs_wake_all(wanted);
}

/* For the worker, between two steps and without the mutex: waits until one of
 * those who want it has got it. The mutex is free, so that needs nothing more
 * from this thread. */
static inline void uzs_turn_give(u32 *wanted)
{
	u32 v = __atomic_load_n(wanted, __ATOMIC_RELAXED);

	if (unlikely(v))
		uzs_wait_on(wanted, v);
}

#endif
