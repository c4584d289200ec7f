/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* handle.h - allocates and frees handle words. */
#ifndef UZS_HANDLE_H
#define UZS_HANDLE_H

#include "types.h"

unsigned long uzs_alloc_handle(struct zs_pool *pool, gfp_t gfp);
void uzs_free_handle(struct zs_pool *pool, unsigned long handle);

#endif
