/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/rculist.h - compat's. */
#ifndef UZS_KERNEL_LINUX_RCULIST_H
#define UZS_KERNEL_LINUX_RCULIST_H

#include <linux/list.h>
#include <linux/rcupdate.h>

#endif
