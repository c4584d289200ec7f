/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_rcu.h - the calls of liburcu that rcu.h is built on, in the lab. Included
 * by compat/rcu.h (UZS_BODY_RCU_H).
 */
#ifndef UZS_LAB_BODY_RCU_H
#define UZS_LAB_BODY_RCU_H

#include "lab.h"

#define rcu_read_lock() uzs_lab_rcu_read_lock(UZS_HERE)
#define rcu_read_unlock() uzs_lab_rcu_read_unlock(UZS_HERE)
#define synchronize_rcu() uzs_lab_synchronize_rcu(UZS_HERE)

#endif
