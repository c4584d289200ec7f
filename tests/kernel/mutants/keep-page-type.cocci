// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// reset_page() leaves a page its type.

@@
identifier p;
@@
 static void reset_page(...)
 {
 ...
-__ClearPageZsmalloc(p);
 }
