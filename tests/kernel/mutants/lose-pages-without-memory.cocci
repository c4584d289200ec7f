// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// alloc_zspage(), out of memory, does not give back the pages it has.

@@
expression page;
@@
 alloc_zspage(...)
 {
 <...
-__free_page(page);
 ...>
 }
