// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: page migration gives its locks back in the order in which it took them
// Fix: "mm/zsmalloc: fix release order of locks in zs_page_migrate()", 2026
// Had it: 5.17 to 7.2
// Tree: 7.3
// Found by: none: the pages of the zspage stay locked until the end, so nothing goes wrong; only who waits for the zspage waits longer
//
// The zspage's lock went back last, when pool->lock and class->lock were free.

@@
expression z, p, c;
@@
 zs_page_migrate(...)
 {
 <...
-zspage_write_unlock(z);
-spin_unlock(&c->lock);
-write_unlock(&p->lock);
+write_unlock(&p->lock);
+spin_unlock(&c->lock);
+zspage_write_unlock(z);
 ...>
 }
