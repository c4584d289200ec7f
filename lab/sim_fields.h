/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_fields.h - names of what lies in a pool of ours. */
#ifndef UZS_LAB_SIM_FIELDS_H
#define UZS_LAB_SIM_FIELDS_H

struct zs_pool;

/* NULL: it is not the pool's. To be called outside of a run. */
const char *sim_field_of(struct zs_pool *pool, const void *addr);

#endif
