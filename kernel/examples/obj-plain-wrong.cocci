// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// A wrong change of 7.3's record_obj(): a plain store of the word that zs_free()
// reads without a lock. Found where memory is not sc:
//   scripts/kernel-test --debian 7.3 --lab --memory lkmm-ish --cocci THIS

@@
identifier h, o;
@@
 static void record_obj(unsigned long h, unsigned long o)
 {
-WRITE_ONCE(*(unsigned long *)h, o);
+	(*(unsigned long *)h) = o;
 }
