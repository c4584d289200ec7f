// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// The same idea, done wrong: the whole of free_zspage() moves behind
// spin_unlock(). Between the two, zs_malloc() of another thread may take an
// object of the empty zspage, which is still in its list; and the list and the
// statistics are changed without the lock. One thread alone never notices.

@@
identifier pool, class, zspage;
@@
 static void __free_zspage(struct zs_pool *pool, struct size_class *class,
			   struct zspage *zspage)
 {
 ...
-assert_spin_locked(&class->lock);
 ...
 }

@@
identifier pool, handle, zspage, class, fullness;
@@
 void zs_free(struct zs_pool *pool, unsigned long handle)
 {
 ...
-if (fullness == ZS_INUSE_RATIO_0)
-	free_zspage(pool, class, zspage);
-
 spin_unlock(&class->lock);
+if (fullness == ZS_INUSE_RATIO_0)
+	free_zspage(pool, class, zspage);
 ...
 }
