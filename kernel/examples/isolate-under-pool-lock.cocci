// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// For 6.2 to 6.4, whose zspage->isolated and ->fullness are bits of one word:
// the first was changed under the zspage's lock, the second under pool->lock,
// so that one of two changes at once is lost. Here both are changed under
// pool->lock, as in 6.5 and in 6.1's stable tree.
@@ @@
 zs_page_isolate(...)
 {
 ...
-migrate_write_lock(zspage);
+spin_lock(&zspage->pool->lock);
 inc_zspage_isolation(zspage);
-migrate_write_unlock(zspage);
+spin_unlock(&zspage->pool->lock);
 ...
 }

@@ @@
 zs_page_putback(...)
 {
 ...
-migrate_write_lock(zspage);
+spin_lock(&zspage->pool->lock);
 dec_zspage_isolation(zspage);
-migrate_write_unlock(zspage);
+spin_unlock(&zspage->pool->lock);
 ...
 }

@@ @@
 zs_page_migrate(...)
 {
 ...
-spin_unlock(&pool->lock);
 dec_zspage_isolation(zspage);
+spin_unlock(&pool->lock);
 ...
 }
