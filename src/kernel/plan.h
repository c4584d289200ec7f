/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* plan.h - which size classes a pool uses that is expected to hold so many bytes. */
#ifndef UZS_KERNEL_PLAN_H
#define UZS_KERNEL_PLAN_H

#include "types.h"

/* Fills in the pool's derived constants from page_size, chain_size and
 * expected_bytes. */
void uzs_plan_geometry(struct zs_pool *pool);

#endif
