// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: compaction puts a zspage back that it has freed before
// Fix: "zsmalloc: reset compaction source zspage pointer after putback_zspage()", 2023
// Had it: the series that became 6.4, before it was released
// Tree: 6.12
// Found by: suite densest: bug: 
//
// __zs_compact() left its loop with the source of the round before.

@@
@@
 __zs_compact(...)
 {
 <...
 while (...) {
 <...
-src_zspage = NULL;
 ...>
 }
 ...>
 }
