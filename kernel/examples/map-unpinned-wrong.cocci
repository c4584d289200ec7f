// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// A wrong change of 6.12's zs_map_object(): pool->migrate_lock is dropped
// before the zspage is locked for reading. Between the two the object may move,
// or its zspage be freed when compaction empties it.

@@
expression p, z;
@@
+read_unlock(&p->migrate_lock);
 migrate_read_lock(z);
-read_unlock(&p->migrate_lock);
