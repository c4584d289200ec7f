/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_args.h - what the command line of uzs lab simulate asks for.
 */
#ifndef UZS_LAB_SIM_ARGS_H
#define UZS_LAB_SIM_ARGS_H

#include "sim_out.h"

#define SIM_MAX_LIST 32
#define SIM_MAX_SETS 64

enum {
	SIM_FILE_CSV,
	SIM_FILE_SVG,
	SIM_FILE_HTML,
	SIM_FILE_FLAME,
	SIM_FILE_BREAKDOWN,
	SIM_NR_FILES
};

struct sim_list {
	unsigned int value[SIM_MAX_LIST];
	unsigned int nr;
};

struct sim_request {
	struct sim_list cpus, processes, scopes, defers;
	bool user_named, all_defers, warm_up_given; /* on the command line */
	struct sim_cell cell; /* the part that all cells share */
	struct sim_costs costs;
	const char *costs_name;
	const char *set[SIM_MAX_SETS]; /* applied when the table is known */
	unsigned int nr_sets;
	const char *sizes_path;
	const char *file[SIM_NR_FILES]; /* to write to */
	struct sim_files seeded;
	uint64_t size;
	bool shared, csv, json, breakdown;
};

/* Return: 0, or an exit status after a line on stderr. --help and --costs list end
 * the program. */
int sim_args_parse(struct sim_request *r, int argc, char **argv);
/* Does it ask for this scope, or the user profile, with this deferral? */
bool sim_args_want(const struct sim_request *r, enum zs_lock_scope scope,
		   enum zs_defer_mode defer);

#endif
