// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: with pages of 64 KiB there are more size classes than a zspage can name
// Fix: "zsmalloc: expand class bit", 2017
// Had it: 4.8 to 4.10
// Tree: 5.10
// Found by: suite room_for_every_size 64K: bug: list_empty
//
// 257 classes need nine bits: a zspage of the last class took itself for one
// of the first.

@@
@@
 struct zspage {
 struct {
 ...
-unsigned int class
-	: CLASS_BITS + 1;
+unsigned int class : CLASS_BITS;
 ...
 };
 ...
 };
