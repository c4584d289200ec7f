/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lock_portable.c - the tests of the locks, on what they use where there
 * is no futex. Brings that body of lock.c with it, which the linker takes
 * before the library's.
 */
#define UZS_NO_FUTEX 1
#include "compat/lock.c"

#include "test_lock.c"
