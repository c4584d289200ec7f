/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* turn.h - for a mutex that one thread takes again and again, for a step of long
 * work each time, and others need between two steps.
 *
 * Kernel origin: none. A mutex lets who drops it take it again before a sleeper
 * has woken up, which is what keeps it fast; so others would wait for a few
 * steps. Here they say that they wait (*wanted counts them), and who works
 * stands back until one of them has had the mutex.
 */
#ifndef UZS_COMPAT_TURN_H
#define UZS_COMPAT_TURN_H

#include "lock.h"

/* Takes the mutex, after the step that is under way at most. */
static inline void uzs_turn_lock(struct mutex *mutex, u32 *wanted)
{
	__atomic_fetch_add(wanted, 1, __ATOMIC_RELAXED);
	mutex_lock(mutex);
	__atomic_fetch_sub(wanted, 1, __ATOMIC_RELAXED);
	uzs_wake_all(wanted);
}

/* Between two steps, the mutex dropped: waits until one who wants it has it. It
 * is free, so he gets it whatever this thread does. */
static inline void uzs_turn_give(u32 *wanted)
{
	u32 v = __atomic_load_n(wanted, __ATOMIC_RELAXED);

	if (unlikely(v))
		uzs_wait_on(wanted, v);
}

#endif
