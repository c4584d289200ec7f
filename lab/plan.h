/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* plan.h - what uzs lab run and explore are asked to do: options, and a list of
 * rows.
 */
#ifndef UZS_LAB_PLAN_H
#define UZS_LAB_PLAN_H

#include "lab_cmd.h"
#include "tools/variants.h"

#define LAB_MAX_PATTERNS 16
#define LAB_ROW_TEXT 96

struct lab_patterns {
	unsigned int nr;
	const char *text[LAB_MAX_PATTERNS];
};

/* A row, and the number of preemptions up to which it is explored. */
struct lab_row {
	struct lab_config config;
	unsigned int preemptions;
};

struct lab_plan {
	const char *command;
	const struct lab_scenario *scenario; /* for `run`; NULL: all */
	/* [i]: was the one with number i + 1 asked for? */
	bool scope[LAB_NR_SCOPES], defer[VARIANT_NR_DEFERS];
	unsigned int cpus; /* 0: both */
	bool deep;
	int preemptions; /* -1: 2 preemptions with 2 CPUs, 1 with 3 */
	enum lab_memory memory;
	struct lab_weaken weaken;
	struct lab_patterns only, skip;
	const char *from; /* text of the first row to do; NULL: the first of
			   * all */
	struct lab_explore_options options;
	bool bound_ok; /* an unfinished search is no failure */
	bool json, table;
	/* the rows */
	struct lab_row *row;
	unsigned int nr_rows;
};

/* Parses a command line and lists the rows. Return: 0, an exit status, or -1:
 * help was printed. */
int lab_make_plan(struct lab_plan *p, const char *command, int argc,
		  char **argv);
void lab_free_plan(struct lab_plan *p);

/* SCENARIO/SCOPE/DEFER/CPUS, as at the beginning of schedules. */
void lab_print_config(const struct lab_config *c, char *text, size_t size);

#endif
