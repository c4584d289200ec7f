// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: two bit-fields of one word are changed under two locks
// Fix: "zsmalloc: fix races between modifications of fullness and isolated", 2023
// Had it: 5.17 to 6.4
// Tree: 6.1
// Found by: plain free-migrate: data race
//
// zspage->isolated was changed under the zspage's lock, zspage->fullness under
// pool->lock. One of two changes at once was lost.

@@
identifier z, p;
@@
 zs_page_isolate(...)
 {
 ...
-spin_lock(&p->lock);
+migrate_write_lock(z);
 inc_zspage_isolation(z);
-spin_unlock(&p->lock);
+migrate_write_unlock(z);
 ...
 }

@@
identifier z, p;
@@
 zs_page_putback(...)
 {
 ...
-spin_lock(&p->lock);
+migrate_write_lock(z);
 dec_zspage_isolation(z);
-spin_unlock(&p->lock);
+migrate_write_unlock(z);
 ...
 }

@@
identifier z, p;
@@
 zs_page_migrate(...)
 {
 ...
-dec_zspage_isolation(z);
 spin_unlock(&p->lock);
+dec_zspage_isolation(z);
 ...
 }
