/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_subject.h - a kernel's file in virtual time: the one symbol of such a shared
 * object, uzs_kernel_sim(), and what the simulator (lab/sim_pool.c) uses of it.
 * Includes neither the kernel's headers nor ours, because it is read together
 * with both.
 */
#ifndef UZS_LAB_SIM_SUBJECT_H
#define UZS_LAB_SIM_SUBJECT_H

#include "tests/conformance/subject.h"

#define UZS_K_SIM_ABI 1u

struct uzs_k_sim {
	unsigned int abi;
	const struct subject *subject;
	/* What lies at that address, as a field's name; NULL: nothing of the
	 * file's and of its machine. Always the same pointer for a name. To be
	 * called outside of a run. */
	const char *(*field)(struct subject_pool *pool, const void *addr);
};

const struct uzs_k_sim *uzs_kernel_sim(void);
typedef const struct uzs_k_sim *uzs_k_sim_fn(void);

#endif
