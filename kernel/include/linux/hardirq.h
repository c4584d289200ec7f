/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/hardirq.h - no interrupts. */
#ifndef UZS_KERNEL_LINUX_HARDIRQ_H
#define UZS_KERNEL_LINUX_HARDIRQ_H

#include <uzs/compat.h>
#include <linux/preempt.h>

#endif
