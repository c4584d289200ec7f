/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/sched.h - cond_resched(), might_sleep() are compat's. */
#ifndef UZS_KERNEL_LINUX_SCHED_H
#define UZS_KERNEL_LINUX_SCHED_H

#include <uzs/compat.h>

#endif
