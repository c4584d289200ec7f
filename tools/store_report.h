/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* store_report.h - the figures that `uzs store` measures, and two ways to print
 * them. */
#ifndef UZS_STORE_REPORT_H
#define UZS_STORE_REPORT_H

#include "compare.h"
#include "input.h"
#include "pages.h"
#include "uzs.h"

enum uzs_stage_name {
	UZS_STORED,
	UZS_FREED,
	UZS_COMPACTED,
	UZS_TRIMMED,
	UZS_STAGES
};

/* What the pool holds at one moment. */
struct uzs_stage {
	uint64_t objects;
	uint64_t object_bytes; /* the compressed bytes, raw pages included */
	uint64_t pool_bytes; /* what the pool holds from the OS */
	uint64_t rss_bytes; /* growth of the process */
};

struct uzs_store_report {
	struct uzs_geometry geometry;
	uint64_t block_bytes; /* what is compressed at a time; "page" in figures
			       * and texts, also where it is larger */
	enum zs_profile profile;
	uint64_t limit_bytes; /* 0: none */
	uint64_t seed;
	unsigned int free_percent;
	char algo[32];
	char *const *paths; /* ends in NULL; empty: the machine's libraries */
	const struct uzs_input *input;
	const struct uzs_pages *pages;
	bool has_rss;
	struct uzs_stage stage[UZS_STAGES];
	uint64_t store_ns; /* with reading and compressing */
	uint64_t verify_ns;
	uint64_t free_ns;
	uint64_t freed_objects;
	uint64_t compact_ns;
	uint64_t compact_pages; /* freed */
	uint64_t compact_objects; /* moved */
	uint64_t compact_bytes; /* moved */
	uint64_t compact_hold_ns; /* longest time that a class was locked */
	uint64_t trim_ns;
	uint64_t trim_bytes; /* given back */
	uint64_t verify_again_ns;
	struct uzs_rivals rivals; /* none: nothing to compare with */
	struct zs_pool *pool; /* for the class table; NULL: not wanted */
};

/* Return: 0 or an exit status. */
int uzs_store_print_text(const struct uzs_store_report *report);
void uzs_store_print_json(const struct uzs_store_report *report);

#endif
