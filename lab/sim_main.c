/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_main.c - the program uzs-lab-simulate, which `uzs lab simulate` calls:
 * simulates each cell of the table that the command line asks for, and prints.
 */
#include "tools/uzs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/harness.h"
#include "bench/sizes.h"
#include "sim_args.h"

const char *const uzs_program = "uzs lab";
const char program_name[] = "uzs lab";

/* ---- the table --------------------------------------------------------------------- */

static void set_sizes(struct sim_request *r, struct sizes *sizes)
{
	static u32 one;

	r->cell.own_class = r->cell.work == SIM_FREE && !r->shared;
	r->cell.shared = r->cell.work == SIM_READ && r->shared;
	if (r->cell.work == SIM_FREE || r->size) {
		one = (u32)(r->size ? r->size : 1000);
		r->cell.sizes = &one;
		r->cell.nr_sizes = 1;
		snprintf(sizes->name, sizeof(sizes->name), "%u", one);
		return;
	}
	if (r->sizes_path)
		sizes_load(sizes, r->sizes_path); /* or ends the program */
	else
		sizes_built_in(sizes);
	r->cell.sizes = sizes->values;
	r->cell.nr_sizes = sizes->nr;
}

static void add_group(const struct sim_request *r, struct sim_table *t,
		      unsigned int cpus, unsigned int callers)
{
	for (unsigned int s = 0; s < r->scopes.nr; s++) {
		for (unsigned int d = 0; d < r->defers.nr; d++) {
			struct sim_cell c = r->cell;

			c.cpus = cpus;
			c.callers = callers;
			c.scope = (enum zs_lock_scope)r->scopes.value[s];
			c.defer = (enum zs_defer_mode)r->defers.value[d];
			if (sim_args_want(r, c.scope, c.defer))
				t->cells[t->nr++] = c;
		}
	}
}

static int make_cells(const struct sim_request *r, struct sim_table *t)
{
	unsigned int groups = r->cpus.nr * max(r->processes.nr, 1u);

	for (unsigned int s = 0; s < r->scopes.nr; s++)
		for (unsigned int d = 0; d < r->defers.nr; d++)
			t->variants += sim_args_want(
				r, (enum zs_lock_scope)r->scopes.value[s],
				(enum zs_defer_mode)r->defers.value[d]);
	t->cells = calloc((size_t)groups * t->variants, sizeof(*t->cells));
	t->outcomes =
		calloc((size_t)groups * t->variants, sizeof(*t->outcomes));
	t->timelines =
		calloc((size_t)groups * t->variants, sizeof(*t->timelines));
	if (r->breakdown)
		t->breakdowns = calloc((size_t)groups * t->variants,
				       sizeof(*t->breakdowns));
	if (!t->cells || !t->outcomes || !t->timelines ||
	    (r->breakdown && !t->breakdowns))
		return uzs_fail("no memory for %u cells", groups * t->variants);
	for (unsigned int c = 0; c < r->cpus.nr; c++) {
		if (!r->processes.nr)
			add_group(r, t, r->cpus.value[c], r->cpus.value[c]);
		for (unsigned int p = 0; p < r->processes.nr; p++)
			add_group(r, t, r->cpus.value[c],
				  r->processes.value[p]);
	}
	return 0;
}

/* Chooses the group for the timelines: the one with most CPUs, but no more than
 * a reader can look at. */
static void choose_recorded(struct sim_table *t)
{
	unsigned int best = 0;

	for (unsigned int i = 0; i < t->nr; i++)
		if (t->cells[i].cpus <= 12 && t->cells[i].callers <= 12)
			best = max(best, t->cells[i].cpus);
	for (unsigned int i = 0; i < t->nr; i++)
		t->cells[i].record = t->cells[i].cpus == best &&
				     t->cells[i].callers <= 12;
}

static int keep_timeline(struct sim_table *t, const struct sim_cell *cell,
			 const struct sim_result *result)
{
	struct sim_timeline *line = &t->timelines[t->nr_timelines];
	size_t bytes = result->nr_spans * sizeof(*line->spans);

	line->spans = malloc(bytes + 1);
	if (!line->spans)
		return uzs_fail("no memory for a timeline");
	line->cell = cell;
	line->nr = result->nr_spans;
	memcpy(line->spans, result->spans, bytes);
	for (unsigned int i = 0; i < result->run.nr_locks; i++)
		memcpy(line->lock[i], result->run.lock[i].name,
		       sizeof(line->lock[i]));
	t->nr_timelines++;
	return 0;
}

static int simulate(const struct sim_request *r, struct sim_table *t)
{
	struct sim_result *result = sim_result_new();
	struct uzs_progress progress;
	u64 price, total = 0, done = 0;
	int status;

	if (!result)
		return UZS_FAILED;
	status = sim_work_price(&r->costs, &price);
	for (unsigned int i = 0; i < t->nr; i++)
		total += t->cells[i].callers;
	uzs_progress_start(&progress, "simulated", total);
	for (unsigned int i = 0; !status && i < t->nr; i++) {
		struct sim_cell *cell = &t->cells[i];

		cell->work_ps = price;
		cell->parts = t->breakdowns != NULL;
		status = sim_measure(&r->costs, cell, result);
		if (status)
			break;
		t->outcomes[i] = (struct sim_outcome){
			.call_ps = result->call_ps,
			.back_ps = result->back_ps,
			.ops = result->ops,
			.run = result->run,
			.queued = result->queued,
			.sync_busy = result->sync_busy,
			.sync_full = result->sync_full,
		};
		if (t->breakdowns)
			status = sim_break_keep(&t->breakdowns[i], result);
		if (cell->record && !status)
			status = keep_timeline(t, cell, result);
		done += cell->callers;
		/* A cell takes long: look at the clock each time. */
		progress.calls = 0;
		uzs_progress_update(&progress, done);
	}
	uzs_progress_clear();
	munmap(result, sizeof(*result));
	if (t->breakdowns && !status)
		status = sim_break_finish(t->breakdowns, t->nr);
	return status;
}

static void (*const printers[SIM_NR_FILES])(const struct sim_table *t,
					    FILE *out) = {
	[SIM_FILE_CSV] = sim_print_csv,
	[SIM_FILE_SVG] = sim_print_svg,
	[SIM_FILE_HTML] = sim_print_html,
	[SIM_FILE_FLAME] = sim_print_flame,
	[SIM_FILE_BREAKDOWN] = sim_break_print_csv,
};

static int print(const struct sim_request *r, const struct sim_table *t)
{
	int status = 0;

	if (r->csv)
		sim_print_csv(t, stdout);
	else if (r->json)
		sim_print_json(t, stdout);
	else
		sim_print_table(t, stdout);
	if (r->breakdown && !r->csv && !r->json)
		sim_break_print(t, stdout);
	for (unsigned int i = 0; i < SIM_NR_FILES && !status; i++)
		if (r->file[i])
			status = sim_print_to_file(t, r->file[i], printers[i]);
	return status;
}

/* Checks, before the simulation, what could fail after it. */
static int open_files(struct sim_request *r)
{
	int status = sim_read_files(&r->seeded);

	for (unsigned int i = 0; i < SIM_NR_FILES && !status; i++)
		if (r->file[i])
			status = uzs_try_file(r->file[i]);
	return status;
}

int main(int argc, char **argv)
{
	static char output[256 * 1024];
	static struct sim_request r;
	struct sizes sizes = { 0 };
	struct sim_table t = { 0 };
	int status;

	uzs_start();
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	argv[0] = (char *)"uzs lab simulate"; /* for getopt's messages */
	status = sim_args_parse(&r, argc, argv);
	if (!status)
		status = open_files(&r);
	if (status)
		return status;
	set_sizes(&r, &sizes);
	t.costs = &r.costs;
	t.sizes_name = sizes.name;
	t.seeded = &r.seeded;
	status = make_cells(&r, &t);
	if (!status && r.file[SIM_FILE_HTML])
		choose_recorded(&t);
	if (!status)
		status = simulate(&r, &t);
	if (!status)
		status = print(&r, &t);
	return status ? status : uzs_flush_output();
}
