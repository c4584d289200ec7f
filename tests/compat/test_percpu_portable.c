/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_percpu_portable.c - the tests of per-CPU slots, with what is used where
 * a thread cannot ask for its CPU. Brings that body of percpu.c with it, which
 * the linker takes before the library's.
 */
#define UZS_NO_GETCPU 1
#include "compat/percpu.c"

#include "test_percpu.c"
