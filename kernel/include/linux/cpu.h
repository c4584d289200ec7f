/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/cpu.h */
#ifndef UZS_KERNEL_LINUX_CPU_H
#define UZS_KERNEL_LINUX_CPU_H

#include <uzs/compat.h>
#include <linux/cpuhotplug.h>
#include <linux/percpu.h>

#endif
