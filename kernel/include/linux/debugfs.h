/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/debugfs.h - a tree in memory; uzs_k_debugfs_show() reads a file. */
#ifndef UZS_KERNEL_LINUX_DEBUGFS_H
#define UZS_KERNEL_LINUX_DEBUGFS_H

#include <uzs/compat.h>
#include <linux/fs.h>
#include <linux/seq_file.h>

struct dentry;
struct dentry *uzs_k_debugfs_add(const char *name, struct dentry *parent,
				 void *data, const struct file_operations *ops);
void uzs_k_debugfs_remove(struct dentry *dentry);
/* Writes the file `name` of directory `dir` to out. Return: 0 or -errno. */
int uzs_k_debugfs_show(struct dentry *dir, const char *name, FILE *out);

#define debugfs_initialized() true
#define debugfs_create_dir(name, parent) \
	uzs_k_debugfs_add((name), (parent), NULL, NULL)
#define debugfs_create_file(name, mode, parent, data, ops) \
	((void)(mode), uzs_k_debugfs_add((name), (parent), (data), (ops)))
#define debugfs_remove_recursive(dentry) uzs_k_debugfs_remove(dentry)
#define debugfs_remove(dentry) uzs_k_debugfs_remove(dentry)

#endif
