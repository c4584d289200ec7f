// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: who destroys a pool is not woken by the last migration
// Fix: "mm/zsmalloc.c: close race window between zs_pool_dec_isolated() and zs_unregister_migration()", 2021
// Had it: 5.3 to 5.15
// Tree: 5.10
// Found by: lab isolated-destroy: lost wakeup
//
// A barrier was missing between the count of isolated zspages and the flag of
// the pool that is being destroyed, so that a CPU could read the flag first.
// The lab knows no weak memory order: this is the order that the CPU was free
// to take, written out.

@@
identifier pool;
@@
 zs_pool_dec_isolated(struct zs_pool *pool)
 {
+bool destroying;
+
 VM_BUG_ON(...);
+destroying = pool->destroying;
 atomic_long_dec(&pool->isolated_pages);
-smp_mb__after_atomic();
 if (atomic_long_read(&pool->isolated_pages) == 0 &&
-    pool->destroying)
+    destroying)
 wake_up_all(&pool->migration_wait);
 }
