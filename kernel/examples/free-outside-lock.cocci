// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// zs_free() of 6.12: the pages of an emptied zspage are given back after
// class->lock is dropped. Under the lock the zspage is only made nobody's: its
// pages are locked, it leaves its list and its objects the statistics. The
// page locks keep migration away until each page is reset.

@@
identifier pool, class, zspage;
@@
 static void __free_zspage(struct zs_pool *pool, struct size_class *class,
			   struct zspage *zspage)
 {
 ...
-assert_spin_locked(&class->lock);
 ...
-class_stat_sub(class, ZS_OBJS_ALLOCATED, class->objs_per_zspage);
 ...
 }

// Its callers, with the lock, do that now.
@@
expression pool, class, zspage;
@@
+class_stat_sub(class, ZS_OBJS_ALLOCATED, class->objs_per_zspage);
 __free_zspage(pool, class, zspage);

// Before zs_free(), which is the only one to use it.
@@
typedef bool;
identifier pool, handle;
@@
+/* Makes an empty zspage nobody's. False: a page of it is just migrating. */
+static bool detach_zspage(struct zs_pool *pool, struct size_class *class,
+			  struct zspage *zspage)
+{
+	assert_spin_locked(&class->lock);
+	if (!trylock_zspage(zspage)) {
+		kick_deferred_free(pool);
+		return false;
+	}
+	remove_zspage(class, zspage);
+	class_stat_sub(class, ZS_OBJS_ALLOCATED, class->objs_per_zspage);
+	return true;
+}
+
 void zs_free(struct zs_pool *pool, unsigned long handle)
 {
 ...
 }

@@
identifier pool, handle, zspage, class, fullness;
@@
 void zs_free(struct zs_pool *pool, unsigned long handle)
 {
 ...
 struct zspage *zspage;
+bool detached = false;
 ...
 if (fullness == ZS_INUSE_RATIO_0)
-	free_zspage(pool, class, zspage);
+	detached = detach_zspage(pool, class, zspage);
 ...
 spin_unlock(&class->lock);
+if (detached)
+	__free_zspage(pool, class, zspage);
 ...
 }
