/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* compact.h - moves objects together, so that zspages become empty. */
#ifndef UZS_COMPACT_H
#define UZS_COMPACT_H

#include "types.h"

void uzs_compact_init(struct zs_pool *pool, unsigned int max_overhead);
/* As zs_compact, but passes over zspages that are being read. Locks: needs
 * compact_lock. Return: pages freed. */
unsigned long uzs_compact_for_memory(struct zs_pool *pool);

#endif
