/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* percpu.c - how many CPU slots there are, and which belongs to which CPU. Owns
 * the number of slots, which does not change once it is known.
 *
 * Kernel origin: mm/percpu.c; differs: see percpu.h.
 * Locks: none. Sleeps: no.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getcpu */
#endif
#include "percpu.h"

#include <sched.h>
#include <unistd.h>

unsigned int uzs_nr_cpu_slots(void)
{
	/* The OS is asked once. That costs a system call; and a caller of
	 * uzs_percpu_bytes and uzs_percpu_init needs the same answer in both,
	 * even if a CPU is plugged in between. */
	static unsigned int known;
	unsigned int slots = __atomic_load_n(&known, __ATOMIC_RELAXED);
	unsigned int first = 0;
	long n;

	if (slots)
		return slots;
	n = sysconf(_SC_NPROCESSORS_CONF);
	slots = n < 1 ? 1 : (unsigned int)min(n, (long)UZS_MAX_CPU_SLOTS);
	if (!__atomic_compare_exchange_n(&known, &first, slots, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return first;
	return slots;
}

size_t uzs_percpu_bytes(size_t size)
{
	/* `mem` may have any alignment. */
	return ALIGN(size, UZS_PERCPU_ALIGN) * uzs_nr_cpu_slots() +
	       UZS_PERCPU_ALIGN - 1;
}

void uzs_percpu_init(struct uzs_percpu *p, void *mem, size_t size)
{
	size_t skip = -(uintptr_t)mem & (UZS_PERCPU_ALIGN - 1);

	p->base = (char *)mem + skip;
	p->stride = ALIGN(size, UZS_PERCPU_ALIGN);
	p->slots = uzs_nr_cpu_slots();
}

/* For systems that do not tell the CPU: spreads threads over the slots, by the
 * address of a variable that each thread has for itself. */
static unsigned int thread_slot(unsigned int slots)
{
	/* The addresses may differ in high bits only, so all 64 are mixed. */
	u64 hash = (u64)(uintptr_t)&errno * 0x9e3779b97f4a7c15u;

	return (u32)(hash >> 32) % slots;
}

unsigned int uzs_cpu_slot(unsigned int slots)
{
#if defined(__linux__) && !defined(UZS_NO_GETCPU)
	int cpu = sched_getcpu(); /* since glibc 2.35 no system call */

	if (likely(cpu >= 0)) {
		/* Avoids the division on most machines. */
		if (likely((unsigned int)cpu < slots))
			return (unsigned int)cpu;
		return (unsigned int)cpu % slots;
	}
#endif
	return thread_slot(slots);
}
