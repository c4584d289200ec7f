/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fs.c - owns the mounts and inodes of the pseudo file system that pages of
 * zsmalloc belonged to until 5.19.
 *
 * Kernel origin: fs/libfs.c (init_pseudo, alloc_anon_inode), fs/namespace.c
 * (kern_mount), fs/inode.c (iput); differs: an inode has one reference and its
 * address space, a mount a super block without contents.
 * Locks: none; what is left is counted atomically.
 */
#include "kernel.h"

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/slab.h>

struct super_block {
	void (*kill)(struct super_block *sb);
};

struct mount {
	struct vfsmount mnt;
	struct super_block sb;
};

static atomic_long_t mounts, inodes;

struct vfsmount *uzs_k_mount(struct file_system_type *type)
{
	char context; /* only its address is looked at */
	int rc = type->init_fs_context((struct fs_context *)&context);
	struct mount *mount;

	if (rc)
		return ERR_PTR(rc);
	mount = uzs_k_zalloc(sizeof(*mount));
	if (!mount)
		return ERR_PTR(-ENOMEM);
	mount->sb.kill = type->kill_sb;
	mount->mnt.mnt_sb = &mount->sb;
	atomic_long_inc(&mounts);
	return &mount->mnt;
}

void uzs_k_unmount(struct vfsmount *mnt)
{
	if (IS_ERR_OR_NULL(mnt))
		return;
	mnt->mnt_sb->kill(mnt->mnt_sb);
	uzs_k_free(container_of(mnt, struct mount, mnt));
	atomic_long_dec(&mounts);
}

/* The file's kill_sb. The memory is the mount's. */
void uzs_k_kill_super(struct super_block *sb)
{
	(void)sb;
}

struct inode *uzs_k_inode_alloc(struct super_block *sb)
{
	struct inode *inode = uzs_k_zalloc(sizeof(*inode));

	VM_BUG_ON(!sb->kill); /* no mount's */
	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_mapping = &inode->own;
	atomic_long_inc(&inodes);
	return inode;
}

void uzs_k_inode_put(struct inode *inode)
{
	if (!inode)
		return;
	uzs_k_free(inode);
	atomic_long_dec(&inodes);
}

unsigned long uzs_k_fs_left(void)
{
	return (unsigned long)(atomic_long_xchg(&mounts, 0) +
			       atomic_long_xchg(&inodes, 0));
}
