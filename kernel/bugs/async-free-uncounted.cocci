// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: zspages that the async work frees stay counted as empty ones
// Fix: "mm/zsmalloc: fix class per-fullness zspage counts", 2024
// Had it: 5.10 or earlier to 6.10
// Tree: 6.12
// Found by: lab async-malloc: zspages in group 0, counted
//
// async_free_zspage() takes them off the list of empty zspages, and did not
// take them off the class's statistics.

@@
expression c;
@@
 async_free_zspage(...)
 {
 <...
-class_stat_sub(c, ZS_INUSE_RATIO_0, 1);
 ...>
 }
