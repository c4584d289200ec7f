/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/cpumask.h - see percpu.h. */
#ifndef UZS_KERNEL_LINUX_CPUMASK_H
#define UZS_KERNEL_LINUX_CPUMASK_H

#include <uzs/compat.h>
#include <linux/percpu.h>

#endif
