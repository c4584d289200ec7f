// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: two compactions at once lose pages in the count of freed ones
// Fix: "zsmalloc: account the number of compacted pages correctly", 2021
// Had it: 4.3 to 5.11
// Tree: 5.10
// Found by: plain compact-compact: data race
//
// pages_compacted was added to by whoever compacted, each under the lock of
// another class.

@@
expression n;
identifier p;
@@
-atomic_long_add(n, &p->stats.pages_compacted);
+p->stats.pages_compacted.counter += n;
