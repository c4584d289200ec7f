/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_out.h - a simulated table of cells, and its output forms. */
#ifndef UZS_LAB_SIM_OUT_H
#define UZS_LAB_SIM_OUT_H

#include <stdio.h>

#include "sim_break.h"
#include "sim_work.h"

/* The part of a cell's result that is kept. */
struct sim_outcome {
	u64 call_ps, back_ps, ops;
	struct sim_run run;
	u64 queued, sync_busy, sync_full;
};

struct sim_timeline {
	const struct sim_cell *cell;
	unsigned int nr;
	struct sim_span *spans;
	char lock[SIM_MAX_LOCKS][28];
};

struct sim_files;

struct sim_table {
	const struct sim_costs *costs;
	const char *sizes_name;
	struct sim_cell *cells; /* the variants of a group lie side by side */
	struct sim_outcome *outcomes;
	unsigned int nr;
	unsigned int variants; /* cells of a group; the first is the base */
	struct sim_timeline *timelines;
	unsigned int nr_timelines;
	struct sim_breakdown *breakdowns; /* of each cell; NULL: not asked for */
	const struct sim_files *seeded; /* for the report */
};

extern const char *const sim_work_names[];
/* Of a cell: its scope, and its deferral if it has one. */
const char *sim_variant_name(const struct sim_table *t, unsigned int i);

static inline double sim_ms(u64 ps)
{
	return (double)ps * 1e-9;
}
/* Time of the group's first cell divided by this one's. 1 for the first. */
double sim_ratio(const struct sim_table *t, unsigned int i);
/* Calls of all callers in a microsecond. */
double sim_calls_per_us(const struct sim_table *t, unsigned int i);
/* The same over that of one caller on one CPU, for each that can run at once: 1 is
 * perfect. Negative if the table has no such cell. */
double sim_scaling(const struct sim_table *t, unsigned int i);
/* A wait of `ps` CPU time as a share of all callers' time. */
double sim_share(const struct sim_table *t, unsigned int i, u64 ps);

void sim_print_table(const struct sim_table *t, FILE *out);
void sim_print_csv(const struct sim_table *t, FILE *out);
void sim_print_json(const struct sim_table *t, FILE *out);
/* sim_svg.c: time by CPUs, and lock wait by CPUs. */
void sim_print_svg(const struct sim_table *t, FILE *out);
/* File names from the command line. */
#define SIM_MAX_FILES 64u
struct sim_files {
	const char *path[SIM_MAX_FILES];
	char *text[SIM_MAX_FILES]; /* contents, once read */
	unsigned int nr;
};

/* sim_html.c. Reads results of the explorer (JSON texts). Return: 0, or an exit
 * status after a line on stderr. */
int sim_read_files(struct sim_files *files);
void sim_print_html(const struct sim_table *t, FILE *out);

/* Never leaves half a file. Return: 0, or an exit status after a line on
 * stderr. */
int sim_print_to_file(const struct sim_table *t, const char *path,
		      void (*print)(const struct sim_table *t, FILE *out));

#endif
