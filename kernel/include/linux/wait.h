/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/wait.h - wait until a condition holds. A wakeup changes the number,
 * which a waiter reads before it looks at the condition. */
#ifndef UZS_KERNEL_LINUX_WAIT_H
#define UZS_KERNEL_LINUX_WAIT_H

#include <uzs/compat.h>

struct wait_queue_head {
	u32 wakeups;
};
#define wait_queue_head_t struct wait_queue_head

static inline void init_waitqueue_head(struct wait_queue_head *queue)
{
	WRITE_ONCE(queue->wakeups, 0);
}
static inline void wake_up_all(struct wait_queue_head *queue)
{
	__atomic_fetch_add(&queue->wakeups, 1, __ATOMIC_SEQ_CST);
	uzs_wake_all(&queue->wakeups);
}
#define wake_up(queue) wake_up_all(queue)
#define wait_event(queue, condition)                               \
	do {                                                       \
		u32 wakeups_ = smp_load_acquire(&(queue).wakeups); \
                                                                   \
		if (condition)                                     \
			break;                                     \
		uzs_wait_on(&(queue).wakeups, wakeups_);           \
	} while (1)

#endif
