/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/rcupdate.h - compat's RCU. Callbacks (call_rcu, kfree_rcu) are not
 * there: their names are taken away from liburcu's, so that a file that uses
 * them does not compile.
 */
#ifndef UZS_KERNEL_LINUX_RCUPDATE_H
#define UZS_KERNEL_LINUX_RCUPDATE_H

#include <uzs/compat.h>
#include "compat/rcu.h"

#undef call_rcu
#undef rcu_barrier

#define __rcu
#define RCU_INIT_POINTER(p, v) WRITE_ONCE(p, v)
#define rcu_access_pointer(p) READ_ONCE(p)
/* The condition that makes it right to read without RCU is not checked. */
#define rcu_dereference_protected(p, c) ((void)(c), READ_ONCE(p))

#endif
