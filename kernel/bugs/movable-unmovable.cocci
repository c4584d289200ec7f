// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: without CONFIG_COMPACTION pages that cannot move lie where all can
// Fix: "mm/zsmalloc: do not pass __GFP_MOVABLE if CONFIG_COMPACTION=n", 2025
// Had it: 4.8 to 6.16
// Tree: 6.12
// Found by: suite room_for_every_size no-compaction: bug: .*__GFP_MOVABLE
//
// alloc_zspage() passed on __GFP_MOVABLE, though no page of it would move.

@@
expression gfp;
@@
 alloc_zspage(...)
 {
 ...
-if (...)
-	gfp &= ~__GFP_MOVABLE;
 ...
 }
