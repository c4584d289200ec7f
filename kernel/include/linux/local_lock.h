/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/local_lock.h - as with PREEMPT_RT: a lock in each slot. The slot is
 * pinned while the lock is held. */
#ifndef UZS_KERNEL_LINUX_LOCAL_LOCK_H
#define UZS_KERNEL_LINUX_LOCAL_LOCK_H

#include <uzs/compat.h>
#include <linux/percpu.h>

#define INIT_LOCAL_LOCK(name) \
	{                     \
		0             \
	}
#define local_lock_init(lock) spin_lock_init(lock)
#define local_lock(lock) spin_lock(per_cpu_ptr((lock), uzs_k_pin_slot()))
#define local_unlock(lock) \
	(spin_unlock(per_cpu_ptr((lock), uzs_k_pin.slot)), uzs_k_unpin_slot())
#define local_lock_irqsave(lock, flags) ((void)(flags = 0), local_lock(lock))
#define local_unlock_irqrestore(lock, state) ((void)(state), local_unlock(lock))

#endif
