/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/log2.h - ilog2(), is_power_of_2() are compat's. */
#ifndef UZS_KERNEL_LINUX_LOG2_H
#define UZS_KERNEL_LINUX_LOG2_H

#include <uzs/compat.h>

#endif
