// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: a pool is destroyed while a page of it is moving
// Fix: "mm/zsmalloc.c: fix race condition in zs_destroy_pool", 2019
// Had it: 4.8 to 5.2
// Tree: 5.10
// Found by: lab migrate-destroy: slabs with live objects
//
// zs_destroy_pool() flushed the work that frees empty zspages, but a migration
// that was under way scheduled it anew afterwards. The fix counts zspages with
// isolated pages, and waits until there is none.

@@
expression p;
@@
(
-wait_for_isolated_drain(p);
|
-zs_pool_dec_isolated(p);
|
-atomic_long_inc(&p->isolated_pages);
)
