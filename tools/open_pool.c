/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* open_pool.c - makes a command's pool from its options, and lists its classes.
 */
#include "uzs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "variants.h"

struct zs_pool *uzs_open_pool(const char *command,
			      struct uzs_geometry *geometry,
			      enum zs_profile profile, unsigned int flags,
			      size_t limit, const char *limit_text, int *status)
{
	struct zs_pool_options options = ZS_POOL_OPTIONS_INIT;
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	struct zs_pool *pool;

	options.page_size = geometry->page_size;
	options.chain_size = geometry->chain_size;
	options.profile = profile;
	options.flags = flags;
	options.memory_limit = limit;
	pool = zs_create_pool_with("uzs", &options);
	if (pool) {
		if (!zs_pool_info(pool, &info))
			geometry->chain_size = info.chain_size;
		return pool;
	}
	/* Page and chain size were checked, so only the limit can be
	 * invalid, or the profile on this machine. */
	if (!limit && errno == EINVAL)
		*status = uzs_fail("no pool of profile %s on this machine",
				   variant_profile_name(profile));
	else if (errno == EINVAL)
		*status = uzs_usage(
			command,
			"--limit %s is too small for a pool with pages of %u bytes",
			limit_text, geometry->page_size);
	else
		*status = uzs_fail("cannot create a pool: %s", strerror(errno));
	return NULL;
}

void uzs_pool_label(enum zs_profile profile,
		    const struct uzs_geometry *geometry, char text[64])
{
	snprintf(text, 64, "profile %s, pages of %u bytes, chain size %u",
		 variant_profile_name(profile), geometry->page_size,
		 geometry->chain_size);
}

unsigned int uzs_class_indices(struct zs_pool *pool, unsigned int **indices)
{
	unsigned int slots = zs_class_count(pool);
	unsigned int count = 0;
	unsigned int index;

	*indices = calloc(slots, sizeof(**indices));
	if (!*indices) {
		uzs_fail("out of memory for %u class indices", slots);
		return 0;
	}
	for (index = 0; index < slots; index++) {
		struct zs_class_info info = ZS_CLASS_INFO_INIT;

		/* For a merged index, zs_class_info returns the class that
		 * serves it. */
		if (!zs_class_info(pool, index, &info) && info.index == index)
			(*indices)[count++] = index;
	}
	return count;
}
