// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// The same idea, done wrong: the whole of free_zspage() moves behind
// spin_unlock(). Between the two, zs_malloc() of another thread may take an
// object of the empty zspage, which is still in its list; and the list and the
// statistics are changed without the lock. One thread alone never notices.

@@
identifier p, c, z;
@@
 static void __free_zspage(struct zs_pool *p, struct size_class *c,
			   struct zspage *z)
 {
 ...
-assert_spin_locked(&c->lock);
 ...
 }

@@
identifier p, h, z, c, group;
@@
 void zs_free(struct zs_pool *p, unsigned long h)
 {
 ...
-if (group == ZS_INUSE_RATIO_0)
-	free_zspage(p, c, z);
-
 spin_unlock(&c->lock);
+if (group == ZS_INUSE_RATIO_0)
+	free_zspage(p, c, z);
 ...
 }
