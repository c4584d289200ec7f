// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// A wrong change of 6.12's __zs_compact(): class->lock is taken before
// pool->migrate_lock, which all others take first. Two threads then wait for
// each other; one alone never notices.

@@
expression p, c;
@@
 static unsigned long __zs_compact(...)
 {
 <...
-write_lock(&p->migrate_lock);
 spin_lock(&c->lock);
+write_lock(&p->migrate_lock);
 ...>
 }
