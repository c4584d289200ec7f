// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: the shrinker counts more pages than there are
// Fix: "zsmalloc: fix zs_can_compact() integer overflow", 2016
// Had it: 4.3 to 4.5
// Tree: 5.10
// Found by: lab malloc-count every-step: compaction could free
//
// zs_can_compact() reads how many objects there is room for and how many there
// are, without the lock. If the first was read before the second grew beyond
// it, the difference wrapped around.

@@
@@
 zs_can_compact(...)
 {
 ...
-if (...)
-	return 0;
 ...
 }
