/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* percpu.h - one copy of a structure for each CPU, so that threads on
 * different CPUs seldom touch the same cache line.
 *
 * Kernel origin: linux/percpu.h, linux/local_lock.h (as of PREEMPT_RT).
 * Restored: a thread finds the slot of the CPU it runs on, cheaply.
 * Simpler: nothing keeps it there. Between finding the slot and using it the
 * thread can be preempted or moved, and another thread can find the same
 * slot; so each slot needs a lock of its own, a local_lock_t, which is almost
 * never contended. PREEMPT_RT does just that.
 */
#ifndef UZS_COMPAT_PERCPU_H
#define UZS_COMPAT_PERCPU_H

#include "base.h"
#include "lock.h"

/* Slots start this many bytes apart, or a multiple: x86 fetches cache lines
 * of 64 bytes in pairs, and some ARM and POWER machines have lines of 128. */
#define UZS_PERCPU_ALIGN 128u

/* More CPUs than this share slots. */
#ifndef UZS_MAX_CPU_SLOTS
#define UZS_MAX_CPU_SLOTS 64u
#endif

struct uzs_percpu {
	char *base; /* guard: const after init */
	size_t stride; /* bytes; guard: const after init */
	unsigned int slots; /* guard: const after init */
};

/* Slots that an uzs_percpu has: CPUs that the machine may have, 1 to
 * UZS_MAX_CPU_SLOTS. The same for the life of the process. */
unsigned int uzs_nr_cpu_slots(void);

/* Bytes of memory, of any alignment, that slots of size bytes need. */
size_t uzs_percpu_bytes(size_t size);

/* Puts slots of size bytes into mem, which has uzs_percpu_bytes(size) bytes
 * and stays the caller's. The slots' contents are left as they are. */
void uzs_percpu_init(struct uzs_percpu *p, void *mem, size_t size);

/* Number of the slot of the CPU that the caller is running on, or was. */
unsigned int uzs_cpu_slot(unsigned int slots);

static inline void *uzs_per_cpu(struct uzs_percpu *p, unsigned int slot)
{
	return p->base + p->stride * slot;
}

static inline void *uzs_this_cpu(struct uzs_percpu *p)
{
	return uzs_per_cpu(p, uzs_cpu_slot(p->slots));
}

#define for_each_slot(slot, p) for ((slot) = 0; (slot) < (p)->slots; (slot)++)

typedef spinlock_t local_lock_t;

/* Macros, so that the checked body says who called. */
#define local_lock_init(lock) spin_lock_init(lock)
#define local_lock(lock) spin_lock(lock)
#define local_unlock(lock) spin_unlock(lock)

#endif
