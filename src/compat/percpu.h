/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* percpu.h - one copy of a structure for each CPU, so that threads on
 * different CPUs seldom touch the same cache line.
 *
 * Kernel origin: linux/percpu.h, linux/local_lock.h (as of PREEMPT_RT).
 * Same: a thread finds the slot of the CPU that it runs on, and that is cheap.
 * Simpler: the thread can be moved to another CPU between finding the slot and
 * using it, and another thread can find the same slot. So each slot has a lock
 * of its own, a local_lock_t, which is almost never contended. PREEMPT_RT does
 * the same.
 */
#ifndef UZS_COMPAT_PERCPU_H
#define UZS_COMPAT_PERCPU_H

#include "base.h"
#include "lock.h"

/* Slots start at multiples of this many bytes. x86 fetches cache lines of 64
 * bytes in pairs, and some ARM and POWER machines have lines of 128. */
#define UZS_PERCPU_ALIGN 128u

/* On machines with more CPUs than this, several CPUs share a slot. */
#ifndef UZS_MAX_CPU_SLOTS
#define UZS_MAX_CPU_SLOTS 64u
#endif

struct uzs_percpu {
	char *base; /* guard: const after init */
	size_t stride; /* bytes; guard: const after init */
	unsigned int slots; /* guard: const after init */
};

/* How many slots each uzs_percpu has: as many as the machine may have CPUs,
 * from 1 to UZS_MAX_CPU_SLOTS. Does not change in the life of the process. */
unsigned int uzs_nr_cpu_slots(void);

/* Bytes of memory that slots of `size` bytes need. Its alignment does not
 * matter. */
size_t uzs_percpu_bytes(size_t size);

/* Puts slots of `size` bytes into `mem`, which has uzs_percpu_bytes(size) bytes
 * and still belongs to the caller. Does not change the contents. */
void uzs_percpu_init(struct uzs_percpu *p, void *mem, size_t size);

/* Number of the slot of the CPU that the caller runs on. It may run on another
 * one by the time this returns. */
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

/* Macros, so that the checked body sees the caller's place. */
#define local_lock_init(lock) spin_lock_init(lock)
#define local_lock(lock) spin_lock(lock)
#define local_unlock(lock) spin_unlock(lock)

#endif
