// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: the handle of a huge object is taken for its address
// Fix: "zsmalloc: fix obj_to_head use page_private(page) as value but not pointer", 2015
// Had it: 4.1 to 4.3
// Tree: 5.10
// Found by: suite moved_pages: FAILED.*test_moved_pages
//
// A huge object has no room for its handle: the page keeps it. obj_to_head()
// looked at the word that it points to.

@@
identifier page;
@@
 obj_to_head(struct page *page, void *obj)
 {
 <...
-return page->index;
+return *(unsigned long *)page->index;
 ...>
 }
