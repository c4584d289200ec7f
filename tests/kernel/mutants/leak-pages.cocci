// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// __free_zspage() gives back none of its pages' references: they are lost.

@@
identifier p;
@@
 static void __free_zspage(...)
 {
 <...
-put_page(p);
 ...>
 }
