/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/rwlock.h - compat's. */
#ifndef UZS_KERNEL_LINUX_RWLOCK_H
#define UZS_KERNEL_LINUX_RWLOCK_H

#include <uzs/compat.h>
#include <linux/spinlock.h>

#endif
