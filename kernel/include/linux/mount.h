/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/mount.h - see fs.h. */
#ifndef UZS_KERNEL_LINUX_MOUNT_H
#define UZS_KERNEL_LINUX_MOUNT_H

#include <uzs/compat.h>
#include <linux/fs.h>

#endif
