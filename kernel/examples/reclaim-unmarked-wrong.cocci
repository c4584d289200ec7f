// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// For 6.2 to 6.4, wrong: zs_free() does not look whether the zspage is reclaimed,
// puts it back on a list, and frees it when it is empty.

@@
identifier zspage;
@@
 zs_reclaim_page(...)
 {
 <...
-zspage->under_reclaim = true;
 ...>
 }
