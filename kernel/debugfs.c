/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* debugfs.c - owns the tree of directories and files that the kernel file makes
 * in debugfs. It is kept in memory.
 *
 * Kernel origin: fs/debugfs, fs/seq_file.c; differs: a file is written to a
 * stream as a whole; no modes; show is the only file operation.
 * Locks: tree_lock. It is held while a file's show runs, so that its directory
 * is not removed meanwhile.
 */
#include "kernel.h"

#include <linux/debugfs.h>
#include <linux/slab.h>

struct dentry {
	struct list_head siblings; /* guard of all fields: tree_lock */
	struct list_head inside;
	char *name;
	void *data;
	unsigned long owner; /* uzs_k_entering_id() */
	const struct file_operations *ops; /* NULL: a directory */
};

static struct mutex tree_lock;
static LIST_HEAD(root);

/* Gives the lock a name in lock statistics. */
static __attribute__((constructor)) void name_lock(void)
{
	mutex_init(&tree_lock);
}

static long last_entry = -1; /* that can be made: how many more; -1: all */

void uzs_k_debugfs_run_out(long nth)
{
	last_entry = nth - 1;
}

/* Only a test runs out, alone. */
static bool have_run_out(void)
{
	if (last_entry > 0)
		last_entry--;
	else if (last_entry == 0)
		return true;
	return false;
}

struct dentry *uzs_k_debugfs_add(const char *name, struct dentry *parent,
				 void *data, const struct file_operations *ops)
{
	struct dentry *d;

	if (IS_ERR(parent))
		return parent;
	if (have_run_out())
		return ERR_PTR(-ENOMEM);
	d = uzs_k_zalloc(sizeof(*d));
	if (!d)
		return ERR_PTR(-ENOMEM);
	d->name = uzs_k_strdup(name);
	if (!d->name) {
		uzs_k_free(d);
		return ERR_PTR(-ENOMEM);
	}
	d->owner = uzs_k_entering_id();
	d->data = data;
	d->ops = ops;
	INIT_LIST_HEAD(&d->inside);
	mutex_lock(&tree_lock);
	list_add_tail(&d->siblings, parent ? &parent->inside : &root);
	mutex_unlock(&tree_lock);
	return d;
}

/* Locks: needs tree_lock. */
static void remove_locked(struct dentry *d)
{
	struct dentry *child, *next;

	list_for_each_entry_safe(child, next, &d->inside, siblings)
		remove_locked(child);
	list_del(&d->siblings);
	uzs_k_free(d->name);
	uzs_k_free(d);
}

void uzs_k_debugfs_remove(struct dentry *d)
{
	if (IS_ERR_OR_NULL(d))
		return;
	mutex_lock(&tree_lock);
	remove_locked(d);
	mutex_unlock(&tree_lock);
}

/* Locks: needs tree_lock. */
static unsigned long left_in(struct list_head *entries, unsigned long id)
{
	unsigned long left = 0;
	struct dentry *d;

	list_for_each_entry(d, entries, siblings) {
		left += left_in(&d->inside, id);
		if (id && d->owner != id)
			continue;
		d->owner = 0;
		left++;
	}
	return left;
}

unsigned long uzs_k_debugfs_left(unsigned long id)
{
	struct dentry *d, *next;
	unsigned long left;

	mutex_lock(&tree_lock);
	left = left_in(&root, id);
	if (!id)
		list_for_each_entry_safe(d, next, &root, siblings)
			remove_locked(d);
	mutex_unlock(&tree_lock);
	return left;
}

int uzs_k_debugfs_show(struct dentry *dir, const char *name, FILE *out)
{
	struct dentry *d;
	int rc = -ENOENT;

	if (IS_ERR_OR_NULL(dir))
		return rc;
	mutex_lock(&tree_lock);
	list_for_each_entry(d, &dir->inside, siblings) {
		struct seq_file s = { .out = out, .private = d->data };

		if (!d->ops || strcmp(d->name, name) != 0)
			continue;
		rc = d->ops->show(&s, NULL);
		if (!rc && ferror(out))
			rc = -EIO;
		break;
	}
	mutex_unlock(&tree_lock);
	return rc;
}
