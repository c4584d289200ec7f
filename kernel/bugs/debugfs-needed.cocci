// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: without debugfs there is no pool
// Fix: "mm/zsmalloc: don't fail if can't create debugfs info", 2016
// Had it: 4.0 to 4.6
// Tree: 5.10
// Found by: suite no_debugfs: FAILED
//
// zs_create_pool() gave up if the file with its statistics could not be made:
// without debugfs, or with two pools of one name.

@@
expression p, n;
@@
 zs_pool_stat_create(p, n);
+if (IS_ERR_OR_NULL(p->stat_dentry)) {
+	p->stat_dentry = NULL;
+	goto err;
+}
