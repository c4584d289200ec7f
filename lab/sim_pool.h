/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_pool.h - the allocator that a cell simulates: ours in one of its variants,
 * or a kernel tree's own mm/zsmalloc.c. Only for sim_work.c, sim_objects.c and
 * sim_parts.c.
 */
#ifndef UZS_LAB_SIM_POOL_H
#define UZS_LAB_SIM_POOL_H

#include "sim_work.h"

/* There will be no result, for that reason: ends the cell's process.
 * (sim_work.c) */
__attribute__((format(printf, 1, 2), noreturn)) void
sim_give_up(const char *format, ...);

/* Makes the pool of the cell. The machine is open. */
void sim_pool_open(const struct sim_cell *cell);
/* For the calls that only ours has; NULL: it is a kernel's. */
struct zs_pool *sim_pool_ours(void);

/* A handle, or an error value. */
unsigned long sim_pool_malloc(u32 bytes);
/* At once or later, as the cell says. */
void sim_pool_free(unsigned long handle);
bool sim_pool_write(unsigned long handle, const char *data, u32 bytes);
const char *sim_pool_read_begin(unsigned long handle, u32 bytes, char *copy);
void sim_pool_read_end(unsigned long handle, u32 bytes, const char *data);
/* All that is to be freed later is free. */
void sim_pool_flush(void);

struct sim_pool_counts {
	unsigned long live; /* objects */
	u64 queued, sync_busy, sync_full; /* deferred calls, by outcome */
};
void sim_pool_count(struct sim_pool_counts *counts);

/* The index of the class that objects of that size are in. */
unsigned int sim_pool_class(u32 bytes);
/* Goes to the next smaller class. Return: the size of its largest objects; 0:
 * there is none. */
u32 sim_pool_smaller(unsigned int *index);

/* What lies at that address of the simulated machine, as a field's name; NULL: it
 * is not the allocator's. */
const char *sim_pool_field(const volatile void *addr);

#endif
