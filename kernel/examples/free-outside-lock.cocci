// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// zs_free() of 6.12: the pages of an emptied zspage are given back after
// class->lock is dropped. Under the lock the zspage is only made nobody's: its
// pages are locked, it leaves its list and its objects the statistics. The
// page locks keep migration away until each page is reset.

@@
identifier p, c, z;
@@
 static void __free_zspage(struct zs_pool *p, struct size_class *c,
			   struct zspage *z)
 {
 ...
-assert_spin_locked(&c->lock);
 ...
-class_stat_sub(c, ZS_OBJS_ALLOCATED, c->objs_per_zspage);
 ...
 }

// Its callers, with the lock, do that now.
@@
expression p, c, z;
@@
+class_stat_sub(c, ZS_OBJS_ALLOCATED, c->objs_per_zspage);
 __free_zspage(p, c, z);

// Before zs_free(), which is the only one to use it.
@@
typedef bool;
identifier p, h;
@@
+/* Makes an empty zspage nobody's. False: a page of it is just migrating. */
+static bool detach_zspage(struct zs_pool *p, struct size_class *c,
+			  struct zspage *z)
+{
+	assert_spin_locked(&c->lock);
+	if (!trylock_zspage(z)) {
+		kick_deferred_free(p);
+		return false;
+	}
+	remove_zspage(c, z);
+	class_stat_sub(c, ZS_OBJS_ALLOCATED, c->objs_per_zspage);
+	return true;
+}
+
 void zs_free(struct zs_pool *p, unsigned long h)
 {
 ...
 }

@@
identifier p, h, z, c, group;
@@
 void zs_free(struct zs_pool *p, unsigned long h)
 {
 ...
 struct zspage *z;
+bool detached = false;
 ...
 if (group == ZS_INUSE_RATIO_0)
-	free_zspage(p, c, z);
+	detached = detach_zspage(p, c, z);
 ...
 spin_unlock(&c->lock);
+if (detached)
+	__free_zspage(p, c, z);
 ...
 }
