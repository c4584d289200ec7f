// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: an interrupt may map an object while the code that it interrupts has one mapped
// Fix: "zsmalloc: calling zs_map_object() from irq is a bug", 2017
// Had it: 3.14 to 4.14
// Tree: 5.10
// Found by: none: nothing here is interrupted
//
// Both use the one buffer that the CPU has. The fix only makes it an error that
// is told.

@@
@@
 zs_map_object(...)
 {
 <...
-BUG_ON(in_interrupt());
 ...>
 }
