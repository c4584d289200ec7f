// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: a zspage that becomes empty while a page of it moves is never freed
// Fix: "mm/zsmalloc.c: migration can leave pages in ZS_EMPTY indefinitely", 2019
// Had it: 4.8 to 5.2
// Tree: 5.10
// Found by: lab free-migrate: empty zspages are left
//
// zs_page_migrate() put the zspage back into the list of empty ones, and did
// not schedule the work that frees them.

@@
expression p, c, z;
@@
 zs_page_migrate(...)
 {
 <...
-putback_zspage_deferred(p, c, z);
+putback_zspage(c, z);
 ...>
 }
