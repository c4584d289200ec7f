// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// create_page_chain() takes for granted that a new page's index is 0: the
// chain has no end but by chance.

@@
expression page;
@@
 static void create_page_chain(...)
 {
 <...
-page->index = 0;
 ...>
 }
