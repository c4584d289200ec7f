/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/vmstat.h - simplified, in builds that test: one counter for each item
 * in the whole process. They must be 0 after the last pool. */
#ifndef UZS_KERNEL_LINUX_VMSTAT_H
#define UZS_KERNEL_LINUX_VMSTAT_H

#include <uzs/compat.h>
#include <linux/mm_types.h>

enum zone_stat_item { NR_ZSPAGES, UZS_NR_ZONE_STATS };

extern atomic_long_t uzs_k_zone_stat[UZS_NR_ZONE_STATS];

static inline void inc_zone_page_state(struct page *page,
				       enum zone_stat_item item)
{
	(void)page;
	if (UZS_DEBUG)
		atomic_long_inc(&uzs_k_zone_stat[item]);
}
static inline void dec_zone_page_state(struct page *page,
				       enum zone_stat_item item)
{
	(void)page;
	if (UZS_DEBUG)
		atomic_long_dec(&uzs_k_zone_stat[item]);
}

#endif
