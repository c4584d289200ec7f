/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/kernel.h - small helpers: compat's, and those that this folder adds. */
#ifndef UZS_KERNEL_LINUX_KERNEL_H
#define UZS_KERNEL_LINUX_KERNEL_H

#include <linux/bug.h>
#include <linux/const.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/types.h>
#include <uzs/compat.h>
#include <uzs/config.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof(*(array)))

#endif
