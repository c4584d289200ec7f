/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* migrate.h - moves pages of zspages, and zspage structures. */
#ifndef UZS_MIGRATE_H
#define UZS_MIGRATE_H

#include "types.h"

extern const struct movable_operations uzs_movable_ops;
/* Moves zspage structures together, so that slabs become empty. Locks: needs
 * trim_lock. */
void uzs_compact_zspage_slabs(struct zs_pool *pool);

#endif
