// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// For 6.2 to 6.4, wrong: when an object is refused, its zspage goes back without
// the free list of those that were evicted before.

@@
@@
 zs_reclaim_page(...)
 {
 <...
-restore_freelist(...);
 ...>
 }
