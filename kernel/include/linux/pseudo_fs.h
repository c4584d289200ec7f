/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/pseudo_fs.h - see fs.h. */
#ifndef UZS_KERNEL_LINUX_PSEUDO_FS_H
#define UZS_KERNEL_LINUX_PSEUDO_FS_H

#include <uzs/compat.h>
#include <linux/fs.h>

#define init_pseudo(context, magic) \
	((void)(magic), (struct pseudo_fs_context *)(context))

#endif
