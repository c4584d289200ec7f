/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* trim.h - gives as much memory as possible back to the OS. */
#ifndef UZS_TRIM_H
#define UZS_TRIM_H

#include "types.h"

/* The work of zs_trim. Locks: needs trim_lock. Return: bytes given back. */
size_t uzs_trim_locked(struct zs_pool *pool);

#endif
