/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/preempt.h - simplified: see percpu.h; there are no interrupts. */
#ifndef UZS_KERNEL_LINUX_PREEMPT_H
#define UZS_KERNEL_LINUX_PREEMPT_H

#include <uzs/compat.h>
#include <linux/percpu.h>

#define in_interrupt() 0
#define in_atomic() 0
#define in_task() 1
#define preempt_disable() ((void)uzs_k_pin_slot())
#define preempt_enable() uzs_k_unpin_slot()

#endif
