// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: to KMSAN a page that moved is uninitialized
// Fix: "mm/zsmalloc: copy KMSAN metadata in zs_page_migrate()", 2026
// Had it: 6.1 to 7.0
// Tree: 7.3
// Found by: none: KMSAN is not here; nothing but its reports goes wrong
//
// zs_page_migrate() copies a page with copy_page(), which tells KMSAN nothing.

@@
@@
 zs_page_migrate(...)
 {
 <...
-kmsan_copy_page_meta(...);
 ...>
 }
