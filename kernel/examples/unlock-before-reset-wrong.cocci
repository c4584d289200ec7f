// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// A wrong change of 6.12's __free_zspage(): a page's lock is given back before
// the page is reset. Migration, which waits for that lock, then finds a page
// that still looks like one of a zspage, and the zspage gone.

@@
identifier page;
@@
+unlock_page(page);
 reset_page(page);
-unlock_page(page);
