// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// For 6.2 to 6.4, whose zspage->isolated and ->fullness are bits of one word:
// the first was changed under the zspage's lock, the second under pool->lock,
// so that one of two changes at once is lost. Here both are changed under
// pool->lock, as in 6.5 and in 6.1's stable tree.
@@
identifier z;
@@
 zs_page_isolate(...)
 {
 ...
-migrate_write_lock(z);
+spin_lock(&z->pool->lock);
 inc_zspage_isolation(z);
-migrate_write_unlock(z);
+spin_unlock(&z->pool->lock);
 ...
 }

@@
identifier z;
@@
 zs_page_putback(...)
 {
 ...
-migrate_write_lock(z);
+spin_lock(&z->pool->lock);
 dec_zspage_isolation(z);
-migrate_write_unlock(z);
+spin_unlock(&z->pool->lock);
 ...
 }

@@
identifier z, p;
@@
 zs_page_migrate(...)
 {
 ...
-spin_unlock(&p->lock);
 dec_zspage_isolation(z);
+spin_unlock(&p->lock);
 ...
 }
