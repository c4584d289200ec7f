// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// For 6.2 to 6.4. An empty zspage that waits to be freed by work leaves the LRU
// list of reclaim. Else zs_reclaim_page() finds it there while the work has it,
// and both free it (kernel/README.md, "What was found").

@@
identifier pool, zspage;
@@
 free_zspage(..., struct zspage *zspage)
 {
 <...
+list_del_init(&zspage->lru);
 kick_deferred_free(pool);
 ...>
 }
