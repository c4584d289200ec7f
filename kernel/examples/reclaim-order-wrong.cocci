// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// For 6.2 to 6.4, wrong: a zspage that keeps an object is put back where the next
// attempt looks, so that one object that cannot go stops reclaim.

@@
identifier zspage, pool;
@@
 zs_reclaim_page(...)
 {
 <...
-list_add(&zspage->lru, &pool->lru);
+list_add_tail(&zspage->lru, &pool->lru);
 ...>
 }
