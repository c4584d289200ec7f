// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: a pool that could not be made is taken apart by way of a NULL pointer
// Fix: "zsmalloc: zs_destroy_pool: add size_class NULL check", 2022
// Had it: 6.1, before it was released
// Tree: 6.1
// Found by: suite no_memory_for_a_pool: Segmentation fault
//
// zs_create_pool() calls zs_destroy_pool() if memory is short, with classes
// that are not made yet.

@@
statement S;
@@
 void zs_destroy_pool(...)
 {
 <...
-if (!class) S
 ...>
 }
