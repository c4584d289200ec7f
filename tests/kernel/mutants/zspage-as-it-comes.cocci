// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// A new zspage is not cleared: its counts are whatever was there.

@@
expression cache, gfp;
@@
-kmem_cache_zalloc(cache, gfp)
+kmem_cache_alloc(cache, gfp)
