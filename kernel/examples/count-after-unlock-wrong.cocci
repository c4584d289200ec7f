// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// A wrong change of 6.12's zs_free(): the object is taken off the statistics
// after class->lock is dropped. Nothing but the count goes wrong, and that only
// if two CPUs change it at once.

@@
identifier p, h, c;
@@
 void zs_free(struct zs_pool *p, unsigned long h)
 {
 ...
-class_stat_sub(c, ZS_OBJS_INUSE, 1);
 ...
 spin_unlock(&c->lock);
+class_stat_sub(c, ZS_OBJS_INUSE, 1);
 ...
 }
