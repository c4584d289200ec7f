// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: the async free work locks the pages of a zspage while they move
// Fix: "zsmalloc: fix races between asynchronous zspage free and page migration", 2022
// Had it: 4.14 to 5.18
// Tree: 6.1
// Found by: lab async-migrate: crash: segmentation fault
//
// lock_zspage() walked the chain of pages without the zspage's lock: it locked
// a page that had just been taken out of the zspage.

// Without the lock, and without its loop.
@@
identifier z, p, at;
@@
 lock_zspage(struct zspage *z)
 {
 ...
-while (1) {
-	...
-}
+p = get_first_page(z);
+lock_page(p);
 ...
-while ((p = get_next_page(at))) {
-	...
-}
-migrate_read_unlock(z);
+while ((p = get_next_page(p)) != NULL)
+	lock_page(p);
 }
