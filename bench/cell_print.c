/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cell_print.c - what came of uzs-free's cells, as tables or as rows; see
 * cell_print.h. Owns no state.
 */
#include "cell_print.h"

#include <inttypes.h>
#include <stdio.h>

#include <uzsmalloc.h>

#include "report.h"
#include "target.h"

const char *const work_names[] = { [CELL_FREE] = "free",
				   [CELL_QUEUE] = "queue",
				   [CELL_RELEASE] = "release",
				   NULL };
const char *const class_names[] = { "own", "shared", NULL };
const char *const zspages_names[] = { "emptied", "kept", NULL };
const char *const pages_names[] = { "kept", "given", NULL };
const char *const order_names[] = { "fill", "random", NULL };

/* Starts a row with what was done. */
static void begin_row(struct row *row, const struct cell *cell,
		      const struct target_identity *identity, unsigned int rep)
{
	row_begin(row, &cell->opt, identity, rep + 1);
	row_text(row, "work", work_names[cell->work]);
	if (cell->work == CELL_FREE) {
		row_text(row, "class", class_names[!cell->own_class]);
		row_text(row, "zspages", zspages_names[cell->keep_zspages]);
	} else {
		row_none(row, "class");
		row_none(row, "zspages");
	}
	row_text(row, "pages", pages_names[!cell->opt.retained_bytes]);
	row_text(row, "order", order_names[cell->random_order]);
}

static void print_any(const struct cell *cell, const struct row *row,
		      bool first, bool last)
{
	if (cell->opt.output == OUTPUT_CSV)
		print_csv_row(row, first);
	else
		print_json_row(row, first, last);
}

static void print_row(const struct cell *cell, const struct cell_result *r,
		      const struct target_identity *identity, unsigned int rep,
		      bool first, bool last)
{
	struct row row;

	begin_row(&row, cell, identity, rep);
	row_count(&row, "ops", r->ops);
	row_count(&row, "bytes", r->bytes);
	row_count(&row, "call_ns", r->call_ns);
	row_count(&row, "call_mean_ns", r->call_mean_ns);
	row_count(&row, "caller_cpu_ns", r->caller_cpu_ns);
	row_count(&row, "back_ns", r->back_ns);
	row_count(&row, "cpu_ns", r->cpu_ns);
	if (r->os_ns)
		row_count(&row, "os_ns", r->os_ns);
	else
		row_none(&row, "os_ns");
	row_count(&row, "queued", r->queued);
	row_count(&row, "sync_busy", r->sync_busy);
	row_count(&row, "sync_full", r->sync_full);
	row_count(&row, "scheduled", r->scheduled);
	print_any(cell, &row, first, last);
}

static void print_lock_rows(const struct cell *cell,
			    const struct cell_result *r,
			    const struct target_identity *identity,
			    unsigned int rep, bool first, bool last)
{
	for (unsigned int i = 0; i < r->locks.nr; i++) {
		const struct lock_row *lock = &r->locks.rows[i];
		struct row row;

		begin_row(&row, cell, identity, rep);
		row_count(&row, "ops", r->ops);
		row_text(&row, "lock", lock->name);
		row_text(&row, "as", lock->reader ? "reader" : "owner");
		row_count(&row, "taken", lock->taken);
		row_count(&row, "contended", lock->contended);
		row_count(&row, "failed", lock->failed);
		row_count(&row, "wait_ns", lock->wait_ns);
		row_count(&row, "wait_max_ns", lock->wait_max_ns);
		row_count(&row, "hold_ns", lock->hold_ns);
		row_count(&row, "hold_max_ns", lock->hold_max_ns);
		print_any(cell, &row, first && !i,
			  last && i + 1 == r->locks.nr);
	}
}

/* results[rep * nr + cell] */
static void print_rows(const struct cell *cells, unsigned int nr,
		       const struct cell_result *results, bool locks)
{
	unsigned int of = cells->opt.reps * nr;
	struct target_identity identity;

	target_identify(&cells->opt, &identity);
	for (unsigned int i = 0; i < of; i++)
		(locks ? print_lock_rows : print_row)(&cells[i % nr],
						      &results[i], &identity,
						      i / nr, !i, i + 1 == of);
}

enum value {
	VALUE_CALL,
	VALUE_CALLER_CPU,
	VALUE_BACK,
	VALUE_CPU,
	VALUE_OS,
	VALUE_SYNC
};

/* A column of the table: ms of the whole release, or ns per object and
 * thread. */
static double value_of(const struct cell *cell, const struct cell_result *r,
		       enum value value)
{
	double ops = (double)r->ops, threads = cell->opt.threads;
	double wall = threads / ops, cpu = 1 / ops;

	if (cell->work == CELL_RELEASE)
		wall = cpu = 1e-6;
	switch (value) {
	case VALUE_CALL:
		return (double)r->call_ns * wall;
	case VALUE_CALLER_CPU:
		return (double)r->caller_cpu_ns * cpu;
	case VALUE_BACK:
		return (double)r->back_ns * wall;
	case VALUE_CPU:
		return (double)r->cpu_ns * cpu;
	case VALUE_OS:
		return (double)r->os_ns * wall;
	case VALUE_SYNC:
		break;
	}
	return 100 * (double)(r->sync_busy + r->sync_full) / ops;
}

/* Of one cell over the rounds; with `over` the ratio of that cell's value to
 * it, round by round. */
static struct spread spread_of_cell(const struct cell *cells, unsigned int nr,
				    const struct cell_result *results,
				    unsigned int i, const unsigned int *over,
				    enum value value)
{
	unsigned int reps = cells->opt.reps;
	double values[MAX_REPS];

	for (unsigned int rep = 0; rep < reps; rep++) {
		values[rep] =
			value_of(&cells[i], &results[rep * nr + i], value);
		if (over)
			values[rep] = value_of(&cells[*over],
					       &results[rep * nr + *over],
					       value) /
				      values[rep];
	}
	return spread_of(values, reps);
}

static void print_heading(const struct cell *cell, const struct cell_result *r)
{
	const struct options *opt = &cell->opt;

	printf("\n%s, %u thread%s", work_names[cell->work], opt->threads,
	       opt->threads > 1 ? "s" : "");
	if (cell->work == CELL_FREE)
		printf(", class %s, zspages %s", class_names[!cell->own_class],
		       zspages_names[cell->keep_zspages]);
	printf(", free memory %s: %" PRIu64 " objects, sizes %s\n",
	       pages_names[!opt->retained_bytes], r->ops, opt->sizes.name);
	printf("%s\n%-10s %-7s %25s  %8s %8s %8s %8s %8s  %8s\n",
	       cell->work == CELL_RELEASE ? "ms" : "ns per object and thread",
	       "scope", "defer", "calls return: min med max", "CPU", "freed",
	       "CPU all", "at OS", "% at once", "speedup");
}

static void print_cell(const struct cell *cells, unsigned int nr,
		       const struct cell_result *results, unsigned int i,
		       unsigned int base)
{
	struct spread call, median[VALUE_SYNC + 1], ratio;
	const struct cell *cell = &cells[i];

	call = spread_of_cell(cells, nr, results, i, NULL, VALUE_CALL);
	for (unsigned int v = 0; v <= VALUE_SYNC; v++)
		median[v] = spread_of_cell(cells, nr, results, i, NULL, v);
	ratio = spread_of_cell(cells, nr, results, i, &base, VALUE_CALL);
	printf("%-10s %-7s %9.2f %7.2f %7.2f  %8.2f %8.2f %8.2f",
	       scope_names[cell->opt.lock_scope], defer_names[cell->opt.defer],
	       call.min, call.median, call.max, median[VALUE_CALLER_CPU].median,
	       median[VALUE_BACK].median, median[VALUE_CPU].median);
	if (cell->opt.retained_bytes)
		printf(" %8s", "-");
	else
		printf(" %8.2f", median[VALUE_OS].median);
	printf(" %9.1f  %8.2f\n", median[VALUE_SYNC].median, ratio.median);
}

/* Of the first round. */
static void print_lock_table(const struct cell *cells, unsigned int nr,
			     const struct cell_result *results)
{
	printf("zs %s, the first round; times in us\n", zs_version());
	for (unsigned int i = 0; i < nr; i++) {
		const struct cell *cell = &cells[i];

		printf("\n%s, %u threads, %s, %s: %" PRIu64 " objects\n"
		       "%-40s %-6s %9s %9s %9s %10s %8s %10s %8s\n",
		       work_names[cell->work], cell->opt.threads,
		       scope_names[cell->opt.lock_scope],
		       defer_names[cell->opt.defer], results[i].ops, "lock", "",
		       "taken", "contended", "failed", "wait", "max", "hold",
		       "max");
		for (unsigned int l = 0; l < results[i].locks.nr; l++) {
			const struct lock_row *r = &results[i].locks.rows[l];

			printf("%-40s %-6s %9" PRIu64 " %9" PRIu64 " %9" PRIu64
			       " %10" PRIu64 " %8" PRIu64 " %10" PRIu64
			       " %8" PRIu64 "\n",
			       r->name, r->reader ? "reader" : "", r->taken,
			       r->contended, r->failed, r->wait_ns / 1000,
			       r->wait_max_ns / 1000, r->hold_ns / 1000,
			       r->hold_max_ns / 1000);
		}
	}
}

static void print_table(const struct cell *cells, unsigned int nr,
			const struct cell_result *results,
			unsigned int variants)
{
	printf("zs %s, %u round%s; calls return: until the last thread has "
	       "made its last call;\nCPU: processor time of the calls; freed: "
	       "until every object is free, flushed;\nCPU all: processor time "
	       "until then; at OS: until free memory is given back;\nat once: "
	       "not queued, as the lock was taken or there was no room;\n"
	       "speedup: first line's calls over this line's, median of the "
	       "rounds\n",
	       zs_version(), cells->opt.reps, cells->opt.reps > 1 ? "s" : "");
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int first = i - i % variants;

		if (i == first)
			print_heading(&cells[i], &results[i]);
		print_cell(cells, nr, results, i, first);
	}
}

void cell_print(const struct cell *cells, unsigned int nr,
		const struct cell_result *results, unsigned int variants,
		bool locks)
{
	if (cells->opt.output != OUTPUT_TABLE)
		print_rows(cells, nr, results, locks);
	else if (locks)
		print_lock_table(cells, nr, results);
	else
		print_table(cells, nr, results, variants);
	print_end();
}
