/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cmd_classes.c - `uzs classes`: the size classes of a page and chain size. */
#include "uzs.h"

#include <getopt.h>
#include <stdlib.h>

#include "json.h"

static const char help[] =
	"usage: uzs classes [OPTION...]\n"
	"\n"
	"Prints the size classes that a pool has: first the size from which "
	"on a request\n"
	"takes a whole page, in the user profile a zspage of its own\n"
	"(huge_class_size), and the number of distinct classes, then a row "
	"for each: its\n"
	"index, bytes of an object with its handle word (huge ones have it elsewhere:\n"
	"in the user profile those that leave nothing unused), pages and objects of a\n"
	"zspage, and bytes at the end of a zspage that no object uses. The classes of\n"
	"the user profile hold objects of up to 1 MiB.\n"
	"\n" UZS_GEOMETRY_HELP UZS_PROFILE_HELP
	"  --json           print one JSON object\n"
	"\n"
	"Example: uzs classes --page-size 16K --chain-size 4\n"
	"         uzs classes --profile user\n";

static uint64_t waste_bytes(const struct zs_class_info *info,
			    const struct uzs_geometry *geometry)
{
	return (uint64_t)info->pages_per_zspage * geometry->page_size -
	       (uint64_t)info->objs_per_zspage * info->size;
}

static void print_text(struct zs_pool *pool,
		       const struct uzs_geometry *geometry,
		       const unsigned int *indices, unsigned int count)
{
	unsigned int i;

	printf("huge_class_size %zu\n"
	       "distinct_classes %u\n"
	       "page_size %u\n"
	       "chain_size %u\n"
	       "\n"
	       "index    size  pages   objs  waste\n",
	       zs_huge_class_size(pool), count, geometry->page_size,
	       geometry->chain_size);
	for (i = 0; i < count; i++) {
		struct zs_class_info info = ZS_CLASS_INFO_INIT;

		zs_class_info(pool, indices[i], &info);
		printf("%5u %7u %6u %6u %6llu\n", info.index, info.size,
		       info.pages_per_zspage, info.objs_per_zspage,
		       (unsigned long long)waste_bytes(&info, geometry));
	}
}

static void print_json(struct zs_pool *pool,
		       const struct uzs_geometry *geometry,
		       const unsigned int *indices, unsigned int count)
{
	struct uzs_json json = UZS_JSON_INIT(stdout);
	unsigned int i;

	uzs_json_open(&json, NULL, '{');
	uzs_json_uint(&json, "huge_class_size", zs_huge_class_size(pool));
	uzs_json_uint(&json, "distinct_classes", count);
	uzs_json_uint(&json, "page_size", geometry->page_size);
	uzs_json_uint(&json, "chain_size", geometry->chain_size);
	uzs_json_open(&json, "classes", '[');
	for (i = 0; i < count; i++) {
		struct zs_class_info info = ZS_CLASS_INFO_INIT;

		zs_class_info(pool, indices[i], &info);
		uzs_json_open(&json, NULL, '{');
		uzs_json_uint(&json, "index", info.index);
		uzs_json_uint(&json, "size", info.size);
		uzs_json_uint(&json, "pages_per_zspage", info.pages_per_zspage);
		uzs_json_uint(&json, "objs_per_zspage", info.objs_per_zspage);
		uzs_json_uint(&json, "waste_bytes",
			      waste_bytes(&info, geometry));
		uzs_json_bool(&json, "huge", info.huge);
		uzs_json_close(&json, '}');
	}
	uzs_json_close(&json, ']');
	uzs_json_close(&json, '}');
}

int uzs_cmd_classes(int argc, char **argv)
{
	enum { OPT_JSON = UZS_OPT_OWN };
	static const struct option options[] = {
		UZS_GEOMETRY_OPTIONS,
		UZS_PROFILE_OPTION,
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct uzs_geometry geometry = UZS_GEOMETRY_INIT;
	enum zs_profile profile = ZS_PROFILE_KERNEL;
	unsigned int *indices = NULL;
	unsigned int count;
	struct zs_pool *pool;
	bool json = false;
	int status = 0;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case UZS_OPT_PAGE_SIZE:
		case UZS_OPT_CHAIN_SIZE:
			status = uzs_geometry_option("classes", option, optarg,
						     &geometry);
			if (status)
				return status;
			break;
		case UZS_OPT_PROFILE:
			status =
				uzs_profile_option("classes", optarg, &profile);
			if (status)
				return status;
			break;
		case OPT_JSON:
			json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return UZS_USAGE;
		}
	}
	if (optind < argc)
		return uzs_usage("classes", "unexpected argument '%s'",
				 argv[optind]);
	pool = uzs_open_pool("classes", &geometry, profile, ZS_POOL_NO_WORKER,
			     0, "", &status);
	if (!pool)
		return status;
	count = uzs_class_indices(pool, &indices);
	if (!count)
		status = UZS_FAILED;
	else if (json)
		print_json(pool, &geometry, indices, count);
	else
		print_text(pool, &geometry, indices, count);
	free(indices);
	zs_destroy_pool(pool);
	return status;
}
