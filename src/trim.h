/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* trim.h - gives memory back to the OS, all that can be had. */
#ifndef UZS_TRIM_H
#define UZS_TRIM_H

#include "types.h"

/* What zs_trim does; needs trim_lock. Return: bytes given back. */
size_t uzs_trim_locked(struct zs_pool *pool);

#endif
