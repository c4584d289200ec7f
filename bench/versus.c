/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* versus.c - times each operation on several subjects by turns: a kernel's
 * mm/zsmalloc.c, and ours in some lock scopes, all through the same table of
 * calls and on the same compat.
 *
 * Callers: uzs-bench.c.   Calls: speed.c, report.c, harness.c.
 * Guarantees: V1 in every round each subject has its turn, each round in
 * another order, so that what the machine does meanwhile meets all alike. A
 * ratio is the median of those of the rounds. V2 all did the same: what they
 * read is compared.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "report.h"
#include "speed.h"

/* results[subject][rep][op] in one array. */
static struct result *result_of(const struct options *opt,
				struct result *results, unsigned int subject,
				unsigned int rep, unsigned int op)
{
	return &results[(subject * opt->reps + rep) * opt->nr_ops + op];
}

/* Threads meet in any order, and what is freed later, or kept, leaves its hole
 * later: then compaction finds other ones. */
static bool finds_other_holes(const struct options *opt, unsigned int subject,
			      unsigned int op)
{
	return opt->ops[op] == OP_COMPACT &&
	       (opt->threads > 1 || opt->subjects[0]->free_deferred ||
		opt->subjects[subject]->free_deferred);
}

/* V2 */
static void check_same(const struct options *opt, struct result *results)
{
	for (unsigned int s = 1; s < opt->nr_subjects; s++)
		for (unsigned int rep = 0; rep < opt->reps; rep++)
			for (unsigned int op = 0; op < opt->nr_ops; op++) {
				const struct result *a =
					result_of(opt, results, 0, rep, op);
				const struct result *b =
					result_of(opt, results, s, rep, op);

				if (a->checksum != b->checksum ||
				    (!finds_other_holes(opt, s, op) &&
				     a->ops != b->ops))
					die("%s and %s did not do the same in %s",
					    opt->subjects[0]->name,
					    opt->subjects[s]->name,
					    op_name(opt->ops[op]));
			}
}

static double time_of(const struct result *r, bool cpu)
{
	return speed_per_op(r, cpu ? r->cpu_ns : r->busy_ns);
}

/* What the first takes, and the others, with their ratio to it. */
static void print_times(const struct options *opt, struct result *results,
			bool cpu)
{
	double *values = harness_alloc(opt->reps * sizeof(*values));

	printf("\n%-12s %s\n%-12s %16.16s", "",
	       cpu ? "processor time, ns per operation, of all threads: median, "
		     "ratio"
		   : "ns per operation and thread: median, ratio (least, "
		     "largest)",
	       "operation", opt->subjects[0]->name);
	for (unsigned int s = 1; s < opt->nr_subjects; s++)
		printf("  %29.29s", opt->subjects[s]->name);
	putchar('\n');
	for (unsigned int op = 0; op < opt->nr_ops; op++) {
		printf("%-12s", op_name(opt->ops[op]));
		for (unsigned int s = 0; s < opt->nr_subjects; s++) {
			struct spread ns, ratio;

			for (unsigned int rep = 0; rep < opt->reps; rep++)
				values[rep] = time_of(result_of(opt, results, s,
								rep, op),
						      cpu);
			ns = spread_of(values, opt->reps);
			if (!s) {
				printf(" %16.1f", ns.median);
				continue;
			}
			for (unsigned int rep = 0; rep < opt->reps; rep++)
				values[rep] = time_of(result_of(opt, results, s,
								rep, op),
						      cpu) /
					      time_of(result_of(opt, results, 0,
								rep, op),
						      cpu);
			ratio = spread_of(values, opt->reps);
			printf("  %9.1f %5.3f (%5.3f %5.3f)", ns.median,
			       ratio.median, ratio.min, ratio.max);
		}
		putchar('\n');
	}
}

static void print_all(const struct options *opt, struct result *results)
{
	if (opt->output == OUTPUT_TABLE) {
		printf("%s: %s\npage size %u, chain size %u, sizes %s, "
		       "%u thread%s, %u rounds; a ratio below 1 is faster "
		       "than %s; compact: for each page freed\n",
		       opt->subjects[0]->name, opt->subjects[0]->description,
		       opt->page_size, opt->chain_size, opt->sizes.name,
		       opt->threads, opt->threads > 1 ? "s" : "", opt->reps,
		       opt->subjects[0]->name);
		print_times(opt, results, false);
		print_times(opt, results, true);
		return;
	}
	for (unsigned int s = 0; s < opt->nr_subjects; s++) {
		struct target_identity identity = { 0 };
		struct options own = *opt;

		own.subject = opt->subjects[s];
		snprintf(identity.name, sizeof(identity.name), "%s",
			 own.subject->name);
		snprintf(identity.version, sizeof(identity.version), "%s",
			 s ? zs_version() : "");
		speed_print_rows(&own, &identity,
				 result_of(opt, results, s, 0, 0), !s,
				 s + 1 == opt->nr_subjects);
	}
}

void measure_versus(const struct options *opt)
{
	struct result *results =
		harness_alloc_shared((size_t)opt->nr_subjects * opt->reps *
				     opt->nr_ops * sizeof(*results));
	struct options own = *opt;

	for (unsigned int rep = 0; rep < opt->reps; rep++) {
		progress("versus, round", rep, opt->reps);
		for (unsigned int n = 0; n < opt->nr_subjects; n++) {
			unsigned int s = (n + rep) % opt->nr_subjects;

			own.subject = opt->subjects[s];
			speed_run(&own, result_of(opt, results, s, rep, 0));
		}
	}
	progress(NULL, 0, 0);
	check_same(opt, results);
	print_all(opt, results);
	print_end();
}
