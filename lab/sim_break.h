/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_break.h - where the time of each cell goes, by call, wait, field and place,
 * for readers: tables, CSV, a picture.
 */
#ifndef UZS_LAB_SIM_BREAK_H
#define UZS_LAB_SIM_BREAK_H

#include <stdio.h>

#include "sim_work.h"

struct sim_row {
	enum sim_call call;
	enum sim_part_kind kind;
	char what[32]; /* field or lock; "": none */
	char function[48]; /* "": none */
	char file[64];
	unsigned int line;
	u64 ps, times;
};

struct sim_breakdown {
	/* As it came from the cell; then, in their place, rows, the longest
	 * first. */
	struct sim_part *parts;
	unsigned int nr_parts;
	struct sim_row *rows;
	unsigned int nr;
	u64 callers_ps; /* measured apart: what the rows add up to */
};

struct sim_table;

/* Keeps the parts of a cell. Both return 0, or an exit status after a line on
 * stderr. */
int sim_break_keep(struct sim_breakdown *b, const struct sim_result *result);
/* Once all cells are there: names their places. */
int sim_break_finish(struct sim_breakdown *b, unsigned int nr);

/* Is it a caller's? (A worker's time is beside the callers'.) */
static inline bool sim_row_counts(const struct sim_row *row)
{
	return row->call != SIM_CALL_WORKER;
}
/* The first cell of the group that a reader looks at first: that with most CPUs
 * and processes. */
unsigned int sim_break_group(const struct sim_table *t);

void sim_break_print(const struct sim_table *t, FILE *out);
void sim_break_print_csv(const struct sim_table *t, FILE *out);
/* sim_flame.c: for each variant of that group a bar of the time of a call, below it
 * in which call, for what, whose line, where. */
void sim_print_flame(const struct sim_table *t, FILE *out);

#endif
