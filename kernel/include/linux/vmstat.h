/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/vmstat.h - in builds that test: a counter for each item and each of two
 * zones (linux/mm.h). They must be 0 after the last pool. */
#ifndef UZS_KERNEL_LINUX_VMSTAT_H
#define UZS_KERNEL_LINUX_VMSTAT_H

#include <uzs/compat.h>
#include <linux/mm.h>

enum zone_stat_item { NR_ZSPAGES, UZS_NR_ZONE_STATS };

extern atomic_long_t uzs_k_zone_stat[UZS_NR_ZONE_STATS][UZS_K_ZONES];

static inline void inc_zone_page_state(struct page *page,
				       enum zone_stat_item item)
{
	if (UZS_DEBUG)
		atomic_long_inc(&uzs_k_zone_stat[item][uzs_k_zone_index(page)]);
}
static inline void dec_zone_page_state(struct page *page,
				       enum zone_stat_item item)
{
	if (UZS_DEBUG)
		atomic_long_dec(&uzs_k_zone_stat[item][uzs_k_zone_index(page)]);
}

#endif
