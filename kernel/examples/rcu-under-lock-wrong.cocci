// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// The work that frees empty zspages waits for a grace period while it holds a
// class->lock: it sleeps under a spin lock.

@@
@@
 #include <linux/module.h>
+#include <linux/rcupdate.h>

@@
expression p, c, z;
@@
 static void async_free_zspage(...)
 {
 <...
+synchronize_rcu();
 __free_zspage(p, c, z);
 ...>
 }
