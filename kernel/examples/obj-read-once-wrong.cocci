// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// A wrong change of 7.3's obj_class_get_and_lock(): the handle's word is read
// once, before class->lock is taken. Meanwhile the object may move.

@@
identifier h, o, c;
@@
 obj_class_get_and_lock(...)
 {
 <...
 spin_lock(&(*c)->lock);
-o = handle_to_obj(h);
 ...>
 }
