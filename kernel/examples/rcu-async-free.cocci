// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// The work of 6.12 that frees empty zspages waits for a grace period first, and
// zs_map_object() looks its zspage up as a reader.

@@
@@
 #include <linux/module.h>
+#include <linux/rcupdate.h>

@@
expression lock;
@@
 void *zs_map_object(...)
 {
 ...
+rcu_read_lock();
 read_lock(lock);
 ...
 read_unlock(lock);
+rcu_read_unlock();
 ...
 }

@@
iterator name list_for_each_entry_safe;
statement S;
@@
 static void async_free_zspage(...)
 {
 ...
+synchronize_rcu();
 list_for_each_entry_safe(...) S
 }
