/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/fs.h - what files in debugfs need. */
#ifndef UZS_KERNEL_LINUX_FS_H
#define UZS_KERNEL_LINUX_FS_H

#include <uzs/compat.h>
#include <sys/stat.h>

#include <linux/types.h>

struct seq_file;
struct inode;
struct file;
struct file_operations {
	int (*show)(struct seq_file *s, void *v);
};
typedef uint16_t umode_t;

#endif
