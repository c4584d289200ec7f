// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// reset_page() leaves a page a flag that makes it a bad one.

@@
identifier p;
@@
 static void reset_page(struct page *p)
 {
 ...
-ClearPagePrivate(p);
+ClearPagePrivate(p);
+SetPagePrivate2(p);
 ...
 }
