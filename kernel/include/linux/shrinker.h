/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/shrinker.h - shrinkers are registered with the zone of the pages, and
 * called when it has none left. */
#ifndef UZS_KERNEL_LINUX_SHRINKER_H
#define UZS_KERNEL_LINUX_SHRINKER_H

#include <uzs/compat.h>
#include <linux/types.h>

struct mem_cgroup;
struct uzs_k_env;
struct shrink_control {
	gfp_t gfp_mask;
	int nid;
	unsigned long nr_to_scan;
	unsigned long nr_scanned;
	struct mem_cgroup *memcg;
};

struct shrinker {
	unsigned long (*count_objects)(struct shrinker *shrinker,
				       struct shrink_control *how);
	unsigned long (*scan_objects)(struct shrinker *shrinker,
				      struct shrink_control *how);
	long batch;
	int seeks;
	unsigned int flags;
	void *private_data;
	struct uzs_shrinker uzs;
	bool registered;
	struct uzs_k_env *env; /* of the pool it was registered with */
};

#define DEFAULT_SEEKS 2

struct shrinker *uzs_k_shrinker_alloc(unsigned int flags);
void uzs_k_shrinker_register(struct shrinker *shrinker);
void uzs_k_shrinker_unregister(struct shrinker *shrinker);
void uzs_k_shrinker_free(struct shrinker *shrinker);
/* The kernel uses the names for debugfs. They are not kept here. */
#define shrinker_alloc(flags, ...) uzs_k_shrinker_alloc(flags)
#define shrinker_register(shrinker) uzs_k_shrinker_register(shrinker)
#define shrinker_free(shrinker) uzs_k_shrinker_free(shrinker)
/* Until 6.6 the shrinker is in its owner's structure. */
#define register_shrinker(shrinker, ...) (uzs_k_shrinker_register(shrinker), 0)
#define unregister_shrinker(shrinker) uzs_k_shrinker_unregister(shrinker)

#endif
