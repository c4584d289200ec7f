// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: compaction leaves zspages that are more than three quarters full
// Fix: "zsmalloc: consider ZS_ALMOST_FULL as migrate source", 2015
// Had it: 4.1 to 4.2
// Tree: 5.10
// Found by: suite densest: FAILED
//
// Only zspages of the group ZS_ALMOST_EMPTY were emptied.

@@
identifier i, source;
@@
 isolate_zspage(struct size_class *class, bool source)
 {
 ...
-for (i = 0; i < 2; i++)
+for (i = 0; i < (source ? 1 : 2); i++)
 {
 ...
 }
 ...
 }
