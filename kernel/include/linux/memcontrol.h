/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/memcontrol.h - stubbed: nobody is charged. */
#ifndef UZS_KERNEL_LINUX_MEMCONTROL_H
#define UZS_KERNEL_LINUX_MEMCONTROL_H

#include <uzs/compat.h>
enum memcg_stat_item {
	MEMCG_SWAP,
	MEMCG_ZSWAP_B,
	MEMCG_ZSWAPPED,
	UZS_MEMCG_NR
};
struct mem_cgroup;
struct obj_cgroup;
#define mem_cgroup_from_task(task) ((struct mem_cgroup *)NULL)
#define mod_memcg_state(memcg, item, n) ((void)(memcg))
#define obj_cgroup_get(objcg) ((void)(objcg))
#define obj_cgroup_put(objcg) ((void)(objcg))
#define mem_cgroup_disabled() true

#endif
