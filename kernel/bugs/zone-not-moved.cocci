// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: a page that moves to another zone stays counted in the old one
// Fix: "mm/zsmalloc.c: fix the migrated zspage statistics.", 2020
// Had it: 4.8 to 5.4
// Tree: 5.10
// Found by: suite moved_pages: 2 zones with a counter that is not 0
//
// zs_page_migrate() left NR_ZSPAGES of both zones as it was. When the page was
// freed, the new zone's count went below 0.

@@
expression a, b;
statement S;
@@
 zs_page_migrate(...)
 {
 <...
-if (page_zone(a) != page_zone(b)) S
 ...>
 }
