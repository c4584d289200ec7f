/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/swap.h - who reclaims. Vendors' shrinkers ask. */
#ifndef UZS_KERNEL_LINUX_SWAP_H
#define UZS_KERNEL_LINUX_SWAP_H

#include <uzs/compat.h>

/* sys.c; set where a test asks the shrinker, not where an allocation does. */
extern _Thread_local bool uzs_k_kswapd;

static inline bool current_is_kswapd(void)
{
	return uzs_k_kswapd;
}

#endif
