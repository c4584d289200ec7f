/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* settle.h - moves full zspages into sections of huge pages. */
#ifndef UZS_USER_SETTLE_H
#define UZS_USER_SETTLE_H

#include "user/layout.h"

/* Bytes in runs from which on a pool has huge pages. A smaller one gains little:
 * a CPU knows the addresses of so many small pages by heart. */
#define UZS_SETTLE_FROM ((size_t)32 << 20)

void uzs_settle_init(struct zs_pool *pool, bool on);
/* See profile->settle. */
u64 uzs_settle(struct zs_pool *pool);

#endif
