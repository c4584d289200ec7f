// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// A wrong change of 6.12's zs_page_migrate(): its loop ends one object early,
// so that the handle of the page's last object goes on pointing to the page
// that was moved away.

@@
identifier at, c;
expression from, end;
statement body;
@@
-for (at = from; at < end; at += c->size)
+for (at = from; at + c->size < end; at += c->size)
 body
