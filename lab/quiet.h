/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* quiet.h - the consistency check of our pools, for pool_uzs.c. */
#ifndef UZS_LAB_QUIET_H
#define UZS_LAB_QUIET_H

struct zs_pool;

/* The whole zs_pool_check, outside of a run: without its locks. */
void lab_check_pool(struct zs_pool *pool);

#endif
