// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// For 6.2 to 6.4, wrong: an object that is freed while its zspage is reclaimed
// loses the word of its handle at once, where the list of such handles was kept.
// Reclaim may have that handle already, and goes on to evict it. So it was before
// "zsmalloc: fix a race with deferred_handles storing" (2023).

@@
identifier pool, zspage, handle;
@@
 zs_free(struct zs_pool *pool, unsigned long handle)
 {
 <...
 if (zspage->under_reclaim) {
+	record_obj(handle, 0);
 	...
 }
 ...>
 }
