/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_kernel.h - kernel trees' mm/zsmalloc.c as variants of a simulation: shared
 * objects of kernel_simulator.cmake, which run on the program's lab body.
 */
#ifndef UZS_LAB_SIM_KERNEL_H
#define UZS_LAB_SIM_KERNEL_H

#include <stdbool.h>

#include "sim_subject.h"
#include "scopes.h"

#define SIM_MAX_KERNELS 8u
/* In the place of a lock scope: the first of them. */
#define LAB_SCOPE_KERNEL ((enum zs_lock_scope)(LAB_NR_SCOPES + 1))

static inline bool sim_is_kernel(enum zs_lock_scope scope)
{
	return scope >= LAB_SCOPE_KERNEL;
}

/* Loads one: "NAME=FILE.so". Return: 0, or an exit status after a line on
 * stderr. */
int sim_kernel_load(const char *assignment);
unsigned int sim_nr_kernels(void);
const char *sim_kernel_name(enum zs_lock_scope scope);
const struct uzs_k_sim *sim_kernel(enum zs_lock_scope scope);

#endif
