// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// zs_destroy_pool() does not wait for the work that frees empty zspages: it
// may still be queued, or run, when the pool is freed.

@@
expression pool;
@@
 void zs_destroy_pool(...)
 {
 ...
-zs_flush_migration(pool);
 ...
 }
