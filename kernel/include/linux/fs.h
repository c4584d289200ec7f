/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/fs.h - what files in debugfs need; and of the pseudo file system that
 * pages belonged to until 5.19 an inode for each pool, which names the
 * operations of its pages. fs.c counts what is not given back. */
#ifndef UZS_KERNEL_LINUX_FS_H
#define UZS_KERNEL_LINUX_FS_H

#include <uzs/compat.h>
#include <sys/stat.h>

#include <linux/types.h>

struct seq_file;
struct file;
struct file_operations {
	int (*show)(struct seq_file *s, void *v);
};
typedef uint16_t umode_t;

struct page;
enum migrate_mode;
struct address_space;
#define address_space_operations uzs_k_space_operations
struct uzs_k_space_operations {
	bool (*isolate_page)(struct page *page, unsigned int mode);
	int (*migratepage)(struct address_space *owner, struct page *to,
			   struct page *from, enum migrate_mode mode);
	void (*putback_page)(struct page *page);
};
struct address_space {
	const struct uzs_k_space_operations *a_ops;
	void *private_data;
};
struct inode {
	struct address_space *i_mapping; /* &own */
	struct address_space own;
};

struct super_block;
struct vfsmount {
	struct super_block *mnt_sb;
};
struct fs_context;
struct file_system_type {
	const char *name;
	int (*init_fs_context)(struct fs_context *context);
	void (*kill_sb)(struct super_block *sb);
};

/* Calls init_fs_context(). Return: an error pointer, or the mount. */
struct vfsmount *uzs_k_mount(struct file_system_type *type);
void uzs_k_unmount(struct vfsmount *mount);
struct inode *uzs_k_inode_alloc(struct super_block *sb);
void uzs_k_inode_put(struct inode *inode);
void uzs_k_kill_super(struct super_block *sb);
#define kern_mount(type) uzs_k_mount(type)
#define kern_unmount(mount) uzs_k_unmount(mount)
#define alloc_anon_inode(sb) uzs_k_inode_alloc(sb)
#define iput(inode) uzs_k_inode_put(inode)
#define kill_anon_super uzs_k_kill_super

#endif
