/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/atomic.h - compat's. */
#ifndef UZS_KERNEL_LINUX_ATOMIC_H
#define UZS_KERNEL_LINUX_ATOMIC_H

#include <uzs/compat.h>
#include <linux/types.h>

#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_mb__before_atomic() smp_mb()
#define smp_mb__after_atomic() smp_mb()

#endif
