// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: without CONFIG_COMPACTION compaction moves objects that are being read
// Fix: "mm/zsmalloc: fix migrate_write_lock() when !CONFIG_COMPACTION", 2024
// Had it: 5.17 to 6.8
// Tree: 6.12
// Found by: lab read-compact no-compaction: lost handle
//
// Without that option the zspage's lock did nothing, but zs_compact() and the
// shrinker are there all the same.

@@
identifier z;
@@
 migrate_read_lock(struct zspage *z)
 {
-read_lock(&z->lock);
 }

@@
identifier z;
@@
 migrate_read_unlock(struct zspage *z)
 {
-read_unlock(&z->lock);
 }

@@
identifier z;
@@
 migrate_write_lock(struct zspage *z)
 {
-write_lock(&z->lock);
 }

@@
identifier z;
@@
 migrate_write_unlock(struct zspage *z)
 {
-write_unlock(&z->lock);
 }
