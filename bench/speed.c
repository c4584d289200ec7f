/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* speed.c - times each operation on a working set of objects.
 *
 * Callers: uzs-bench.c, versus.c, pair.c.   Calls: work.c, target.c, harness.c,
 * report.c.
 * Guarantees: T1 a timed loop runs alone: what it needs was prepared before.
 * T2 `malloc` and `fill` begin in a process that has not used the allocator.
 */
#include "speed.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness.h"
#include "report.h"
#include "work.h"

/* Part of the objects that is freed before compaction, in percent. */
#define COMPACT_FREE_PERCENT 50

/* What the slots hold: nothing; objects never written; objects; objects in
 * some, as random frees left them; the same, compacted. */
enum state {
	STATE_EMPTY,
	STATE_ALLOCATED,
	STATE_FILLED,
	STATE_SPARSE,
	STATE_COMPACTED
};

/* Operations opt->ops[first..end), one after the other in one process. */
struct life {
	const struct options *opt;
	unsigned int first, end;
	struct result *results; /* one for each of opt->ops */
};

static const struct {
	const char *name;
	void (*job)(void *arg, unsigned int thread);
	enum state before, after;
} ops[OP_NR] = {
	[OP_MALLOC] = { "malloc", job_alloc, STATE_EMPTY, STATE_ALLOCATED },
	[OP_MALLOC_WARM] = { "malloc-warm", job_alloc, STATE_EMPTY,
			     STATE_ALLOCATED },
	[OP_FILL] = { "fill", job_fill, STATE_EMPTY, STATE_FILLED },
	[OP_WRITE] = { "write", job_write, STATE_FILLED, STATE_FILLED },
	[OP_READ] = { "read", job_read, STATE_FILLED, STATE_FILLED },
	[OP_PEEK] = { "peek", job_peek, STATE_FILLED, STATE_FILLED },
	[OP_PEEK_ONE] = { "peek-one", job_peek_one, STATE_FILLED,
			  STATE_FILLED },
	[OP_REPLACE] = { "replace", job_replace, STATE_FILLED, STATE_FILLED },
	[OP_FREE] = { "free", job_free, STATE_FILLED, STATE_EMPTY },
	[OP_FREE_MANY] = { "free-many", job_free_many, STATE_FILLED,
			   STATE_EMPTY },
	/* compaction is not a job of the team: one thread does it */
	[OP_COMPACT] = { "compact", NULL, STATE_SPARSE, STATE_COMPACTED },
};

const char *op_name(enum bench_op op)
{
	return ops[op].name;
}

void (*speed_job(enum bench_op op))(void *arg, unsigned int thread)
{
	return ops[op].job;
}

static void free_part(struct work *work, unsigned int percent)
{
	work_shuffle(work);
	work_free_goal(work, percent);
	team_run(work->team, job_free, work);
}

/* Brings the slots from *state to what op wants to find. */
static void prepare(struct work *work, enum bench_op op, enum state *state,
		    bool *used)
{
	enum state want = ops[op].before;

	/* warm means: everything was in use once, and is free now */
	if (op == OP_MALLOC_WARM && !*used && *state == STATE_EMPTY) {
		team_run(work->team, job_fill, work);
		*state = STATE_FILLED;
	}
	*used = true;
	if (*state == want)
		return;
	if (*state == STATE_ALLOCATED)
		team_run(work->team, job_write, work);
	else if (*state != STATE_FILLED)
		team_run(work->team, job_fill, work);
	if (want == STATE_SPARSE)
		free_part(work, COMPACT_FREE_PERCENT);
	else if (want == STATE_EMPTY)
		free_part(work, 100);
	*state = want;
}

static void time_compaction(struct work *work, struct result *result)
{
	struct zs_pool_info before, after;
	uint64_t start, cpu, faults;

	if (work->target.pool)
		target_info(&work->target, &before);
	faults = minor_faults();
	cpu = cpu_ns();
	start = now_ns();
	result->pages_freed = target_compact(&work->target);
	result->wall_ns = now_ns() - start;
	result->cpu_ns = cpu_ns() - cpu;
	result->busy_ns = result->wall_ns;
	result->faults = minor_faults() - faults;
	if (!work->target.pool) {
		/* a subject: what it moved it does not tell */
		result->ops = result->pages_freed;
		return;
	}
	target_info(&work->target, &after);
	result->ops = after.objs_moved - before.objs_moved;
	result->bytes = after.bytes_moved - before.bytes_moved;
	result->hold_ns_max = after.compact_hold_ns_max;
}

static void time_job(struct work *work, enum bench_op op, struct result *result)
{
	struct team_time time;
	uint64_t cpu, faults;

	if (op == OP_REPLACE) {
		result->ops = work_plan(work, 1);
		result->bytes = work_planned_bytes(work);
	} else if (op == OP_FREE || op == OP_FREE_MANY) {
		work_free_goal(work, 100);
		result->bytes = work_goal_bytes(work, &result->ops);
	}
	/* other bytes than those that are there already */
	if (op == OP_WRITE)
		work->salt++;
	faults = minor_faults();
	cpu = cpu_ns();
	time = team_run(work->team, ops[op].job, work);
	result->cpu_ns = cpu_ns() - cpu;
	result->faults = minor_faults() - faults;
	result->wall_ns = time.wall_ns;
	result->busy_ns = time.busy_ns;
	if (op != OP_REPLACE && op != OP_FREE && op != OP_FREE_MANY)
		result->bytes = work_live(work, &result->ops);
	result->checksum = work_take_sum(work);
}

/* Some subjects give back only what was freed. */
static void drop_objects(struct work *work)
{
	if (!work->target.subject)
		return;
	for (size_t i = 0; i < work->nr; i++)
		if (work->slots[i].handle)
			target_free(&work->target, work->slots[i].handle);
	target_finish_frees(&work->target);
}

static void run_life(void *arg)
{
	const struct life *life = arg;
	enum state state = STATE_EMPTY;
	struct work *work = harness_alloc(sizeof(*work));
	bool used = false, busy = false;
	unsigned int i;

	work_open(work, life->opt, 1);
	target_open(&work->target, life->opt);
	for (i = life->first; i < life->end; i++) {
		enum bench_op op = life->opt->ops[i];
		struct result *result = &life->results[i];

		/* Reading starts no work in the background. */
		busy |= state != ops[op].before;
		prepare(work, op, &state, &used);
		/* Memory that is free must not go back before it is wanted. */
		if (busy && life->opt->rest_ms && op != OP_MALLOC_WARM)
			rest(life->opt->rest_ms);
		busy = op == OP_MALLOC || op == OP_FILL || op == OP_REPLACE ||
		       state != ops[op].after;
		if (life->opt->verify && state != STATE_ALLOCATED)
			work_verify(work, "preparation");
		if (op == OP_COMPACT) {
			time_compaction(work, result);
		} else {
			/* after compaction order[] tells who is free */
			work_shuffle(work);
			time_job(work, op, result);
		}
		state = ops[op].after;
		if (life->opt->verify && state != STATE_ALLOCATED)
			work_verify(work, ops[op].name);
	}
	drop_objects(work);
	target_close(&work->target);
}

static bool wants_new_process(enum bench_op op)
{
	return op == OP_MALLOC || op == OP_FILL;
}

void speed_run(const struct options *opt, struct result *results)
{
	struct life life = { opt, 0, 0, results };

	while (life.end < opt->nr_ops) {
		life.first = life.end++;
		while (life.end < opt->nr_ops &&
		       !wants_new_process(opt->ops[life.end]))
			life.end++;
		run_in_child(run_life, &life);
	}
}

double speed_per_op(const struct result *result, uint64_t amount)
{
	return result->ops ? (double)amount / (double)result->ops : 0;
}

/* 10^6 bytes/s, by all threads together. */
static double mb_per_s(const struct result *result)
{
	if (!result->wall_ns)
		return 0;
	return (double)result->bytes * 1e3 / (double)result->wall_ns;
}

void speed_print_rows(const struct options *opt,
		      const struct target_identity *identity,
		      const struct result *results, bool first, bool last)
{
	unsigned int rep, i, nr = opt->reps * opt->nr_ops, at = 0;
	struct row row;

	for (rep = 0; rep < opt->reps; rep++) {
		for (i = 0; i < opt->nr_ops; i++, at++) {
			const struct result *r = &results[at];

			row_begin(&row, opt, identity, rep + 1);
			row_text(&row, "op", op_name(opt->ops[i]));
			row_count(&row, "ops", r->ops);
			row_count(&row, "bytes", r->bytes);
			row_count(&row, "wall_ns", r->wall_ns);
			row_ratio(&row, "ns_per_op",
				  speed_per_op(r, r->busy_ns));
			row_ratio(&row, "cpu_ns_per_op",
				  speed_per_op(r, r->cpu_ns));
			row_ratio(&row, "mb_per_s", mb_per_s(r));
			row_count(&row, "minor_faults", r->faults);
			row_count(&row, "checksum", r->checksum);
			if (opt->ops[i] == OP_COMPACT) {
				row_count(&row, "pages_freed", r->pages_freed);
				row_count(&row, "hold_ns_max", r->hold_ns_max);
			} else {
				row_none(&row, "pages_freed");
				row_none(&row, "hold_ns_max");
			}
			if (opt->output == OUTPUT_CSV)
				print_csv_row(&row, first && !at);
			else
				print_json_row(&row, first && !at,
					       last && at + 1 == nr);
		}
	}
}

static void print_table(const struct options *opt,
			const struct target_identity *identity,
			const struct result *results)
{
	double *values = harness_alloc(opt->reps * sizeof(*values));
	struct spread ns, cpu, mb;
	unsigned int rep, i;

	printf("%s %s, sizes %s, %u thread%s, %u run%s\n", identity->name,
	       identity->version, opt->sizes.name, opt->threads,
	       opt->threads > 1 ? "s" : "", opt->reps,
	       opt->reps > 1 ? "s" : "");
	printf("%-12s %9s  %24s  %8s  %23s %9s\n", "", "", "ns/op and thread",
	       "CPU ns", "MB/s, all threads", "page");
	printf("%-12s %9s  %8s %7s %7s  %8s  %7s %7s %7s %9s\n", "operation",
	       "objects", "min", "median", "max", "/op", "min", "median", "max",
	       "faults/op");
	for (i = 0; i < opt->nr_ops; i++) {
		const struct result *r = &results[i];

		for (rep = 0; rep < opt->reps; rep++)
			values[rep] =
				speed_per_op(&r[rep * opt->nr_ops],
					     r[rep * opt->nr_ops].busy_ns);
		ns = spread_of(values, opt->reps);
		for (rep = 0; rep < opt->reps; rep++)
			values[rep] = speed_per_op(&r[rep * opt->nr_ops],
						   r[rep * opt->nr_ops].cpu_ns);
		cpu = spread_of(values, opt->reps);
		for (rep = 0; rep < opt->reps; rep++)
			values[rep] = mb_per_s(&r[rep * opt->nr_ops]);
		mb = spread_of(values, opt->reps);
		printf("%-12s %9" PRIu64 "  %8.1f %7.1f %7.1f  %8.1f  %7.0f "
		       "%7.0f %7.0f %9.3f\n",
		       op_name(opt->ops[i]), r->ops, ns.min, ns.median, ns.max,
		       cpu.median, mb.min, mb.median, mb.max,
		       speed_per_op(r, r->faults));
	}
	for (i = 0; i < opt->nr_ops; i++) {
		uint64_t hold = 0;

		if (opt->ops[i] != OP_COMPACT)
			continue;
		for (rep = 0; rep < opt->reps; rep++) {
			const struct result *r =
				&results[rep * opt->nr_ops + i];

			if (r->hold_ns_max > hold)
				hold = r->hold_ns_max;
		}
		printf("compact freed %" PRIu64 " pages; class->lock was held "
		       "for %.1f us at most\n",
		       results[i].pages_freed, (double)hold / 1e3);
	}
}

void measure_speed(const struct options *opt,
		   const struct target_identity *identity)
{
	struct result *results = harness_alloc_shared(opt->reps * opt->nr_ops *
						      sizeof(*results));
	unsigned int rep;

	for (rep = 0; rep < opt->reps; rep++) {
		progress("speed, run", rep, opt->reps);
		speed_run(opt, &results[rep * opt->nr_ops]);
	}
	progress(NULL, 0, 0);
	if (opt->output == OUTPUT_TABLE)
		print_table(opt, identity, results);
	else
		speed_print_rows(opt, identity, results, true, true);
	print_end();
}
