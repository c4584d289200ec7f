// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// A new class is not cleared: its counts are whatever was there.

@@
expression class, gfp;
@@
-class = kzalloc(sizeof(struct size_class), gfp);
+class = kmalloc(sizeof(struct size_class), gfp);
