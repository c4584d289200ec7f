/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_force.h - included before all else, after lab_force.h, when the library
 * is compiled for the simulator. Here its prefetches cost time, too, and the
 * size of the reserve is an option. The compiler calls sim_mem.c for its loads
 * and stores.
 */
#ifndef UZS_LAB_SIM_FORCE_H
#define UZS_LAB_SIM_FORCE_H

#include <stddef.h>

/* As in src/deferred_state.h, but the reserve of per-CPU buffers can be set
 * (sim_work.c). */
#define DEFER_ARRAY_BYTES ((size_t)128 << 20)
#define DEFER_RESERVE_BYTES sim_reserve_bytes
extern size_t sim_reserve_bytes;

void sim_plain_prefetch(const volatile void *addr, int alone);

#define SIM_PREFETCH_ALONE(addr, alone, ...) (alone)
#define __builtin_prefetch(...)                               \
	sim_plain_prefetch(SIM_PREFETCH_ADDR(__VA_ARGS__, 0), \
			   SIM_PREFETCH_ALONE(__VA_ARGS__, 0, 0))
#define SIM_PREFETCH_ADDR(addr, ...) (addr)

#endif
