// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// For 5.17 to 5.19: as isolate-under-pool-lock.cocci, where the fullness is
// guarded by class->lock.
@@
identifier z;
@@
 zs_page_isolate(...)
 {
 ...
-migrate_write_lock(z);
+struct zs_pool *owner = page_mapping(page)->private_data;
+spin_lock(&zspage_class(owner, z)->lock);
 inc_zspage_isolation(z);
-migrate_write_unlock(z);
+spin_unlock(&zspage_class(owner, z)->lock);
 ...
 }

@@
identifier z;
@@
 zs_page_putback(...)
 {
 ...
-migrate_write_lock(z);
+struct zs_pool *owner = page_mapping(page)->private_data;
+spin_lock(&zspage_class(owner, z)->lock);
 dec_zspage_isolation(z);
-migrate_write_unlock(z);
+spin_unlock(&zspage_class(owner, z)->lock);
 ...
 }

@@
identifier z, c;
@@
 zs_page_migrate(...)
 {
 ...
-spin_unlock(&c->lock);
 dec_zspage_isolation(z);
+spin_unlock(&c->lock);
 ...
 }
