/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pair.c - times two allocators in one process, slice by slice in turn.
 *
 * Callers: uzs-bench.c.   Calls: speed.c, work.c, target.c, harness.c, report.c.
 * Guarantees: P1 both do the same work: the same sizes in the same order, in
 * slices of the same operations. What they read is compared. P2 the two times
 * of a pair are of slices that follow each other at once, and in every second
 * pair the other one is first. What the machine does for longer than two
 * slices meets both alike. P3 the ratio of a run is that of the sums: what an
 * allocator puts off and does in a few slices for all is in it. The median of
 * the pairs stands beside it: the usual slice, without what the machine does
 * for less than one.
 */
#include "modes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "report.h"
#include "speed.h"
#include "work.h"

enum { OURS, AGAINST, NR_SIDES };

/* An operation in one run. */
struct pair_result {
	uint64_t ops;
	double ns[NR_SIDES]; /* per operation and thread */
	double ratio; /* of these two */
	struct spread usual; /* of the pairs: quarter, half, three quarters */
};

struct pair_run {
	const struct options *opts[NR_SIDES];
	struct pair_result *results; /* one for each operation, shared memory */
};

/* What a thread has to do in all, while its share says what to do now. */
struct whole {
	size_t begin, end, plan_begin, plan_end;
};

static void use_malloc(struct options *opt)
{
	opt->use_malloc = true;
}

static void use_kernel(struct options *opt)
{
	opt->profile = ZS_PROFILE_KERNEL;
}

static void use_user(struct options *opt)
{
	opt->profile = ZS_PROFILE_USER;
}

static void use_refs(struct options *opt)
{
	opt->refs = true;
}

bool pair_against(struct options *opt, const char *name)
{
	static const struct {
		const char *name;
		void (*use)(struct options *opt);
	} sides[] = {
		{ "malloc", use_malloc },
		{ "zs", use_kernel },
		{ "user", use_user },
		{ "refs", use_refs },
	};

	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
		if (strcmp(sides[i].name, name))
			continue;
		/* A plain one, whatever is measured by it; in pages of the same
		 * size. */
		opt->use_malloc = opt->refs = false;
		opt->chain_size = opt->max_overhead = 0;
		opt->retained_bytes = opt->expected_bytes = 0;
		opt->hardened = opt->no_huge = opt->no_worker = false;
		opt->lock_scope = ZS_SCOPE_DEFAULT;
		opt->defer = ZS_DEFER_DEFAULT;
		sides[i].use(opt);
		return true;
	}
	return false;
}

bool pair_takes(enum bench_op op)
{
	return op != OP_MALLOC && op != OP_MALLOC_WARM && op != OP_COMPACT;
}

/* Where a slice of begin..end begins. */
static size_t cut(size_t begin, size_t end, unsigned int slice,
		  unsigned int nr_slices)
{
	return begin + (size_t)((uint64_t)(end - begin) * slice / nr_slices);
}

/* Lets each share be what the slice is to do. Return: operations. */
static uint64_t set_slice(struct work *work, enum bench_op op,
			  const struct whole *wholes, unsigned int slice)
{
	const unsigned int nr = work->opt->slices;
	uint64_t ops = 0;

	for (unsigned int t = 0; t < work->opt->threads; t++) {
		const struct whole *w = &wholes[t];
		struct share *share = &work->shares[t];

		if (op == OP_FREE || op == OP_FREE_MANY) {
			share->goal =
				cut(w->begin, w->end, slice + 1, nr) - w->begin;
			ops += share->goal - share->freed;
		} else if (op == OP_REPLACE) {
			share->plan_begin =
				cut(w->plan_begin, w->plan_end, slice, nr);
			share->plan_end =
				cut(w->plan_begin, w->plan_end, slice + 1, nr);
			ops += share->plan_end - share->plan_begin;
		} else {
			share->freed = 0;
			share->begin = cut(w->begin, w->end, slice, nr);
			share->end = cut(w->begin, w->end, slice + 1, nr);
			ops += share->end - share->begin;
		}
	}
	return ops;
}

static void save_whole(const struct work *work, struct whole *wholes)
{
	for (unsigned int t = 0; t < work->opt->threads; t++) {
		const struct share *share = &work->shares[t];

		wholes[t] = (struct whole){ share->begin, share->end,
					    share->plan_begin,
					    share->plan_end };
	}
}

static void restore_whole(struct work *work, const struct whole *wholes)
{
	for (unsigned int t = 0; t < work->opt->threads; t++) {
		work->shares[t].begin = wholes[t].begin;
		work->shares[t].end = wholes[t].end;
	}
}

/* Fills both, or frees all of both, as the operation wants to find them. */
static void prepare(struct work *works, enum bench_op op, bool *filled)
{
	const bool want = op != OP_FILL;

	for (unsigned int s = 0; want != *filled && s < NR_SIDES; s++) {
		work_free_goal(&works[s], 100);
		team_run(works[s].team, want ? job_fill : job_free, &works[s]);
	}
	*filled = want;
	for (unsigned int s = 0; s < NR_SIDES; s++) {
		work_shuffle(&works[s]);
		if (op == OP_REPLACE)
			work_plan(&works[s], 1);
		if (op == OP_WRITE)
			works[s].salt++;
	}
}

/* P1, P2, P3. ratios: room for one of each slice. */
static void time_op(struct work *works, enum bench_op op, double *ratios,
		    struct pair_result *result)
{
	const unsigned int nr = works[OURS].opt->slices;
	uint64_t sum_ns[NR_SIDES] = { 0 };
	struct whole wholes[NR_SIDES][HARNESS_MAX_THREADS];
	unsigned int s;

	for (s = 0; s < NR_SIDES; s++)
		save_whole(&works[s], wholes[s]);
	for (unsigned int slice = 0; slice < nr; slice++) {
		uint64_t busy_ns[NR_SIDES];

		for (unsigned int turn = 0; turn < NR_SIDES; turn++) {
			uint64_t ops;

			s = (turn + slice) % NR_SIDES;
			ops = set_slice(&works[s], op, wholes[s], slice);
			busy_ns[s] = team_run(works[s].team, speed_job(op),
					      &works[s])
					     .busy_ns;
			sum_ns[s] += busy_ns[s];
			if (s == OURS)
				result->ops += ops;
		}
		ratios[slice] =
			(double)busy_ns[OURS] / (double)busy_ns[AGAINST];
	}
	for (s = 0; s < NR_SIDES; s++) {
		restore_whole(&works[s], wholes[s]);
		result->ns[s] = (double)sum_ns[s] / (double)result->ops;
	}
	result->ratio = result->ns[OURS] / result->ns[AGAINST];
	result->usual = spread_of(ratios, nr);
	result->usual.min = ratios[nr / 4];
	result->usual.max = ratios[nr - 1 - nr / 4];
	if (work_take_sum(&works[OURS]) != work_take_sum(&works[AGAINST]))
		die("the two did not read the same in %s", op_name(op));
}

static void run_pair(void *arg)
{
	const struct pair_run *run = arg;
	const struct options *opt = run->opts[OURS];
	struct work *works = harness_alloc(NR_SIDES * sizeof(*works));
	double *ratios = harness_alloc(opt->slices * sizeof(*ratios));
	bool filled = false;

	for (unsigned int s = 0; s < NR_SIDES; s++) {
		work_open(&works[s], run->opts[s], 1);
		target_open(&works[s].target, run->opts[s]);
	}
	for (unsigned int i = 0; i < opt->nr_ops; i++) {
		enum bench_op op = opt->ops[i];

		prepare(works, op, &filled);
		if (opt->rest_ms)
			rest(opt->rest_ms);
		time_op(works, op, ratios, &run->results[i]);
		filled = op != OP_FREE && op != OP_FREE_MANY;
		for (unsigned int s = 0; opt->verify && s < NR_SIDES; s++)
			work_verify(&works[s], op_name(op));
	}
	for (unsigned int s = 0; s < NR_SIDES; s++)
		target_close(&works[s].target);
}

static void print_table(const struct options *opt,
			const struct target_identity *identities,
			const struct pair_result *results)
{
	double *values = harness_alloc(opt->reps * sizeof(*values));

	printf("%s %s against %s %s, sizes %s, %u thread%s, %u run%s of %u "
	       "pairs of slices\na ratio below 1: %s is faster; the median of "
	       "the runs (least, largest); usual: in half of the pairs it is "
	       "less\n%-12s %10s  %16s %16s  %6s (%6s, %7s)  %6s\n",
	       identities[OURS].name, identities[OURS].version,
	       identities[AGAINST].name, identities[AGAINST].version,
	       opt->sizes.name, opt->threads, opt->threads > 1 ? "s" : "",
	       opt->reps, opt->reps > 1 ? "s" : "", opt->slices,
	       identities[OURS].name, "operation", "operations",
	       "ns/op, thread", identities[AGAINST].name, "ratio", "least",
	       "largest", "usual");
	for (unsigned int i = 0; i < opt->nr_ops; i++) {
		double ns[NR_SIDES];
		struct spread ratio;
		double usual;

		for (unsigned int s = 0; s < NR_SIDES; s++) {
			for (unsigned int rep = 0; rep < opt->reps; rep++)
				values[rep] =
					results[rep * opt->nr_ops + i].ns[s];
			ns[s] = spread_of(values, opt->reps).median;
		}
		for (unsigned int rep = 0; rep < opt->reps; rep++)
			values[rep] =
				results[rep * opt->nr_ops + i].usual.median;
		usual = spread_of(values, opt->reps).median;
		for (unsigned int rep = 0; rep < opt->reps; rep++)
			values[rep] = results[rep * opt->nr_ops + i].ratio;
		ratio = spread_of(values, opt->reps);
		printf("%-12s %10" PRIu64 "  %16.1f %16.1f  %6.3f (%6.3f, "
		       "%7.3f)  %6.3f\n",
		       op_name(opt->ops[i]), results[i].ops, ns[OURS],
		       ns[AGAINST], ratio.median, ratio.min, ratio.max, usual);
	}
}

static void print_rows(const struct options *opt, const struct options *against,
		       const struct target_identity *identities,
		       const struct pair_result *results)
{
	const unsigned int nr = opt->reps * opt->nr_ops;

	for (unsigned int at = 0; at < nr; at++) {
		const struct pair_result *r = &results[at];
		struct row row;

		row_begin(&row, opt, &identities[OURS], at / opt->nr_ops + 1);
		row_text(&row, "hardened", opt->hardened ? "yes" : "no");
		row_text(&row, "against", identities[AGAINST].name);
		row_text(&row, "against_version", identities[AGAINST].version);
		if (against->use_malloc)
			row_none(&row, "against_chain_size");
		else
			row_count(&row, "against_chain_size",
				  against->chain_size);
		row_text(&row, "op", op_name(opt->ops[at % opt->nr_ops]));
		row_count(&row, "ops", r->ops);
		row_count(&row, "slices", opt->slices);
		row_ratio(&row, "ns_per_op", r->ns[OURS]);
		row_ratio(&row, "against_ns_per_op", r->ns[AGAINST]);
		row_ratio(&row, "ratio", r->ratio);
		row_ratio(&row, "usual_quarter", r->usual.min);
		row_ratio(&row, "usual", r->usual.median);
		row_ratio(&row, "usual_three_quarters", r->usual.max);
		if (opt->output == OUTPUT_CSV)
			print_csv_row(&row, !at);
		else
			print_json_row(&row, !at, at + 1 == nr);
	}
}

void measure_pair(const struct options *opt, const struct options *against)
{
	struct target_identity identities[NR_SIDES];
	struct pair_result *results = harness_alloc_shared(
		opt->reps * opt->nr_ops * sizeof(*results));
	struct pair_run run = { { opt, against }, results };

	target_identify(opt, &identities[OURS]);
	target_identify(against, &identities[AGAINST]);
	for (unsigned int rep = 0; rep < opt->reps; rep++) {
		progress("pair, run", rep, opt->reps);
		run.results = &results[rep * opt->nr_ops];
		run_in_child(run_pair, &run);
	}
	progress(NULL, 0, 0);
	if (opt->output == OUTPUT_TABLE)
		print_table(opt, identities, results);
	else
		print_rows(opt, against, identities, results);
	print_end();
}
