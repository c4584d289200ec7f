/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/cpuhotplug.h - simplified: all slots exist from the start. A state's
 * startup is called for each slot when the state is set up, its teardown when
 * it is removed. */
#ifndef UZS_KERNEL_LINUX_CPUHOTPLUG_H
#define UZS_KERNEL_LINUX_CPUHOTPLUG_H

#include <uzs/compat.h>
enum cpuhp_state { CPUHP_MM_ZS_PREPARE, CPUHP_MM_ZSWP_POOL_PREPARE, CPUHP_UZS };
int uzs_k_cpuhp_setup(enum cpuhp_state state, int (*startup)(unsigned int cpu),
		      int (*teardown)(unsigned int cpu));
void uzs_k_cpuhp_remove(enum cpuhp_state state);
#define cpuhp_setup_state(state, name, startup, teardown) \
	uzs_k_cpuhp_setup((state), (startup), (teardown))
#define cpuhp_remove_state(state) uzs_k_cpuhp_remove(state)

#endif
