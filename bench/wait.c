/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* wait.c - how long single replacements take: alone, beside a thread that only
 * computes, and beside one that compacts the pool without pause. And how long
 * nothing takes that is as long as a replacement: a machine that is shared stops
 * now and then, and a longer call meets more of that.
 *
 * Callers: uzs-bench.c.   Calls: work.c, target.c, harness.c, report.c,
 * times.c.
 * Guarantees: T1 every phase begins in a fresh process, with the same objects,
 * half of which were freed at random. T2 the clock is read around the
 * replacement alone. T3 a call in which the scheduler took the CPU away from
 * the thread is counted apart: it waited for another program. (A call is not
 * counted apart when it slept by itself, for a lock, say.)
 */
#include "modes.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "report.h"
#include "times.h"
#include "work.h"

#define FREE_PERCENT 50
/* Calls between two looks at what the scheduler did; those that take longer
 * than SLOW_NS are followed by a look. */
#define LOOK_EVERY 64u
#define SLOW_NS 5000u

enum phase { PHASE_EMPTY, PHASE_ALONE, PHASE_BUSY, PHASE_COMPACT, PHASE_NR };

static const char *const phase_names[] = {
	[PHASE_EMPTY] = "empty",
	[PHASE_ALONE] = "alone",
	[PHASE_BUSY] = "busy",
	[PHASE_COMPACT] = "compact",
};

struct wait_figure {
	uint64_t ops, max_ns, preempted, preempted_max_ns;
	uint64_t compactions, objs_moved;
	double mean_ns;
	uint64_t p50_ns, p99_ns, p999_ns, p9999_ns;
};

struct wait_run {
	const struct options *opt;
	enum phase phase;
	uint64_t empty_ns; /* how long nothing takes */
	struct wait_figure *figure; /* shared memory */
	struct work *work;
	struct times *times; /* by thread */
	bool stop; /* atomic */
};

/* Return: when it was done. */
static uint64_t do_nothing(uint64_t start, uint64_t ns)
{
	uint64_t now;

	do {
		now = now_ns();
	} while (now - start < ns);
	return now;
}

static void job_wait(void *arg, unsigned int thread)
{
	const struct wait_run *run = arg;
	const struct sizes *sizes = &run->opt->sizes;
	struct work *work = run->work;
	const struct share *share = &work->shares[thread];
	size_t first = share->begin + share->freed;
	uint32_t live = (uint32_t)(share->end - first);
	uint64_t rng = run->opt->seed + thread, now;
	uint64_t seen = times_stops().preempted;
	uint64_t end = now_ns() + (uint64_t)(run->opt->seconds * 1e9);
	unsigned int calls = 0;

	do {
		uint32_t at = work->order[first + random_below(&rng, live)];
		uint32_t bytes = sizes->values[random_below(&rng, sizes->nr)];
		uint64_t start = now_ns(), before = seen;

		if (run->phase == PHASE_EMPTY) {
			now = do_nothing(start, run->empty_ns);
		} else {
			work_replace(work, at, bytes);
			now = now_ns();
		}
		if (now - start > SLOW_NS || ++calls % LOOK_EVERY == 0)
			seen = times_stops().preempted;
		times_note(&run->times[thread], now - start,
			   now - start > SLOW_NS && seen != before);
	} while (now < end);
}

static bool stopped(const struct wait_run *run)
{
	return __atomic_load_n(&run->stop, __ATOMIC_RELAXED);
}

static void *run_beside(void *arg)
{
	const struct wait_run *run = arg;

	do {
		if (run->phase == PHASE_COMPACT)
			target_compact(&run->work->target);
		else
			__asm__ volatile("" ::: "memory");
	} while (!stopped(run));
	return NULL;
}

/* Adds up what the threads counted. */
static void sum_up(struct wait_run *run)
{
	struct wait_figure *figure = run->figure;
	struct times *sum = &run->times[0];

	for (unsigned int t = 1; t < run->opt->threads; t++)
		times_add(sum, &run->times[t]);
	figure->ops = sum->nr + sum->preempted;
	figure->mean_ns = sum->nr ? (double)sum->sum_ns / (double)sum->nr : 0;
	figure->max_ns = sum->max_ns;
	figure->preempted = sum->preempted;
	figure->preempted_max_ns = sum->preempted_max_ns;
	figure->p50_ns = times_quantile_ns(sum, 0.5);
	figure->p99_ns = times_quantile_ns(sum, 0.99);
	figure->p999_ns = times_quantile_ns(sum, 0.999);
	figure->p9999_ns = times_quantile_ns(sum, 0.9999);
}

static void run_phase(void *arg)
{
	struct wait_run *run = arg;
	struct work *work = harness_alloc(sizeof(*work));
	struct zs_pool_info before, after;
	pthread_t beside;

	run->work = work;
	work_open(work, run->opt, 0);
	run->times = harness_alloc(run->opt->threads * sizeof(*run->times));
	target_open(&work->target, run->opt);
	team_run(work->team, job_fill, work);
	work_shuffle(work);
	work_free_goal(work, FREE_PERCENT);
	team_run(work->team, job_free, work);
	if (work->target.pool)
		target_info(&work->target, &before);
	if (run->phase != PHASE_ALONE &&
	    pthread_create(&beside, NULL, run_beside, run))
		die("cannot start a thread");
	team_run(work->team, job_wait, run);
	__atomic_store_n(&run->stop, true, __ATOMIC_RELAXED);
	if (run->phase != PHASE_ALONE)
		pthread_join(beside, NULL);
	sum_up(run);
	if (work->target.pool) {
		target_info(&work->target, &after);
		run->figure->compactions =
			after.compactions - before.compactions;
		run->figure->objs_moved = after.objs_moved - before.objs_moved;
	}
	if (run->opt->verify)
		work_verify(work, phase_names[run->phase]);
	target_close(&work->target);
}

/* malloc cannot compact. */
static unsigned int nr_phases(const struct options *opt)
{
	return opt->use_malloc ? PHASE_COMPACT : PHASE_NR;
}

/* Alone is first: it says how long nothing has to take. */
static enum phase nth_phase(unsigned int n)
{
	static const enum phase order[] = { PHASE_ALONE, PHASE_EMPTY,
					    PHASE_BUSY, PHASE_COMPACT };

	return order[n];
}

static void print_row(const struct options *opt,
		      const struct target_identity *identity, unsigned int rep,
		      enum phase phase, const struct wait_figure *figure,
		      bool first, bool last)
{
	struct row row;

	row_begin(&row, opt, identity, rep);
	row_text(&row, "phase", phase_names[phase]);
	row_count(&row, "ops", figure->ops);
	row_ratio(&row, "mean_ns", figure->mean_ns);
	row_count(&row, "p50_ns", figure->p50_ns);
	row_count(&row, "p99_ns", figure->p99_ns);
	row_count(&row, "p999_ns", figure->p999_ns);
	row_count(&row, "p9999_ns", figure->p9999_ns);
	row_count(&row, "max_ns", figure->max_ns);
	row_count(&row, "preempted", figure->preempted);
	row_count(&row, "preempted_max_ns", figure->preempted_max_ns);
	if (opt->use_malloc) {
		row_none(&row, "compactions");
		row_none(&row, "objs_moved");
	} else {
		row_count(&row, "compactions", figure->compactions);
		row_count(&row, "objs_moved", figure->objs_moved);
	}
	if (opt->output == OUTPUT_CSV)
		print_csv_row(&row, first);
	else
		print_json_row(&row, first, last);
}

static void print_table(const struct options *opt,
			const struct target_identity *identity,
			const struct wait_figure *figures)
{
	unsigned int phases = nr_phases(opt);

	printf("%s %s, sizes %s, %u thread%s, %g seconds; us for one "
	       "replacement\n"
	       "preempted: calls in which the thread lost its CPU; in no other "
	       "figure\n",
	       identity->name, identity->version, opt->sizes.name, opt->threads,
	       opt->threads > 1 ? "s" : "", opt->seconds);
	printf("%-8s %10s %7s %7s %7s %7s %7s %9s %9s %9s %11s %11s\n",
	       "beside", "calls", "mean", "median", "99%", "99.9%", "99.99%",
	       "longest", "preempted", "longest", "compactions", "objects");
	for (unsigned int i = 0; i < opt->reps * phases; i++) {
		const struct wait_figure *f = &figures[i];

		printf("%-8s %10" PRIu64 " %7.2f %7.2f %7.2f %7.2f %7.2f %9.1f "
		       "%9" PRIu64 " %9.1f %11" PRIu64 " %11" PRIu64 "\n",
		       phase_names[i % phases], f->ops, f->mean_ns / 1e3,
		       (double)f->p50_ns / 1e3, (double)f->p99_ns / 1e3,
		       (double)f->p999_ns / 1e3, (double)f->p9999_ns / 1e3,
		       (double)f->max_ns / 1e3, f->preempted,
		       (double)f->preempted_max_ns / 1e3, f->compactions,
		       f->objs_moved);
	}
}

void measure_wait(const struct options *opt,
		  const struct target_identity *identity)
{
	unsigned int phases = nr_phases(opt), nr = opt->reps * phases;
	struct wait_figure *figures =
		harness_alloc_shared(nr * sizeof(*figures));

	for (unsigned int i = 0; i < nr; i++) {
		struct wait_figure *round = &figures[i - i % phases];
		enum phase phase = nth_phase(i % phases);
		struct wait_run run = { .opt = opt,
					.phase = phase,
					.empty_ns = round[PHASE_ALONE].p50_ns,
					.figure = &round[phase] };

		progress("wait, phase", i, nr);
		run_in_child(run_phase, &run);
	}
	progress(NULL, 0, 0);
	if (opt->output == OUTPUT_TABLE)
		print_table(opt, identity, figures);
	for (unsigned int i = 0; opt->output != OUTPUT_TABLE && i < nr; i++)
		print_row(opt, identity, i / phases + 1, i % phases,
			  &figures[i], !i, i + 1 == nr);
	print_end();
}
