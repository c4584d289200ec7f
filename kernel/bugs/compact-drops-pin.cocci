// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: compaction gives the lock of a handle away with the new place
// Fix: "zsmalloc: fix migrate_zspage-zs_free race condition", 2016
// Had it: 4.1 to 4.4
// Tree: 5.10
// Found by: lab free-compact: assertion: .*bit_spin_is_locked
//
// The bit that locks a handle is in the word that says where its object is.
// migrate_zspage() wrote the new place without that bit, then copied on and
// unlocked, while zs_free() already had the handle.

@@
identifier obj;
@@
 migrate_zspage(...)
 {
 <...
-obj |= BIT(HANDLE_PIN_BIT);
 ...>
 }
