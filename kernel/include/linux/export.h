/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/export.h - see module.h. */
#ifndef UZS_KERNEL_LINUX_EXPORT_H
#define UZS_KERNEL_LINUX_EXPORT_H

#include <uzs/compat.h>
#include <linux/module.h>

#endif
