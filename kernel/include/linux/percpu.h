/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/percpu.h - copies of a variable for each CPU slot. */
#ifndef UZS_KERNEL_LINUX_PERCPU_H
#define UZS_KERNEL_LINUX_PERCPU_H

#include <uzs/compat.h>
/* Per-CPU variables of the file are templates in this section; sys.c makes a
 * copy for each slot. A slot is pinned while a local lock is held or preemption
 * is off: the thread then finds the same slot, although it may change its
 * CPU. */
#define UZS_PERCPU_SECTION __attribute__((section("uzs_percpu"), used))
#define DEFINE_PER_CPU(type, name) UZS_PERCPU_SECTION __typeof__(type) name
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) name

/* The pinned slot of a thread, and how often it is pinned. */
struct uzs_k_slot_pin {
	unsigned int depth;
	unsigned int slot;
};
#if UZS_LAB /* in the lab all fibers are one thread */
struct uzs_k_slot_pin *uzs_k_pin_of_fiber(void);
#define uzs_k_pin (*uzs_k_pin_of_fiber())
#else
extern __thread struct uzs_k_slot_pin uzs_k_pin
	__attribute__((tls_model("initial-exec")));
#endif
extern unsigned int uzs_k_slots;
extern char *uzs_k_percpu[UZS_MAX_CPU_SLOTS];
extern char __start_uzs_percpu[] __attribute__((visibility("hidden"), weak));
extern char __stop_uzs_percpu[] __attribute__((visibility("hidden"), weak));

static inline unsigned int uzs_k_pin_slot(void)
{
	if (!uzs_k_pin.depth++)
		uzs_k_pin.slot = uzs_cpu_slot(uzs_k_slots);
	return uzs_k_pin.slot;
}
static inline void uzs_k_unpin_slot(void)
{
	uzs_k_pin.depth--;
}
static inline unsigned int uzs_k_slot(void)
{
	return uzs_k_pin.depth ? uzs_k_pin.slot : uzs_cpu_slot(uzs_k_slots);
}
static inline void *uzs_k_per_cpu(void *tmpl, unsigned int slot)
{
	return uzs_k_percpu[slot] + ((char *)tmpl - __start_uzs_percpu);
}

#define per_cpu_ptr(ptr, cpu) ((__typeof__(ptr))uzs_k_per_cpu((ptr), (cpu)))
#define per_cpu(name, cpu) (*per_cpu_ptr(&(name), (cpu)))
#define this_cpu_ptr(ptr) per_cpu_ptr((ptr), uzs_k_slot())
#define raw_cpu_ptr(ptr) this_cpu_ptr(ptr)
#define get_cpu_ptr(ptr) per_cpu_ptr((ptr), uzs_k_pin_slot())
#define put_cpu_ptr(ptr) ((void)(ptr), uzs_k_unpin_slot())
/* Until 5.17 a variable was one thread's alone while preemption was off. Here
 * other threads may run on the CPU, so the slot has a lock for that. */
extern spinlock_t uzs_k_cpu_var_lock[UZS_MAX_CPU_SLOTS];
#define get_cpu_var(name)                              \
	(*({                                           \
		unsigned int slot_ = uzs_k_pin_slot(); \
                                                       \
		spin_lock(&uzs_k_cpu_var_lock[slot_]); \
		per_cpu_ptr(&(name), slot_);           \
	}))
#define put_cpu_var(name)                                                 \
	((void)&(name), spin_unlock(&uzs_k_cpu_var_lock[uzs_k_pin.slot]), \
	 uzs_k_unpin_slot())
#define smp_processor_id() ((int)uzs_k_slot())
#define get_cpu() ((int)uzs_k_pin_slot())
#define put_cpu() uzs_k_unpin_slot()
#define for_each_possible_cpu(cpu) \
	for ((cpu) = 0; (unsigned int)(cpu) < uzs_k_slots; (cpu)++)
#define for_each_online_cpu(cpu) for_each_possible_cpu(cpu)
#define num_possible_cpus() uzs_k_slots
#define num_online_cpus() uzs_k_slots

#endif
