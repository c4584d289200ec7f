/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* memory.c - measures what the process holds from the OS for each byte that
 * is stored: when filled, after random frees, after churn.
 *
 * Callers: uzs-bench.c.   Calls: work.c, target.c, harness.c, report.c.
 * Guarantees: M1 every scenario begins in a fresh process. M2 the growth of
 * the RSS is the allocator's alone: everything else was touched before. (Code only
 * where the kernel has MADV_POPULATE_READ, Linux 5.14; else some 100 KiB of it
 * may be counted.) M3 what is freed later, or kept, is in the figures taken
 * before anything is asked back (but for what the worker, or a look that comes
 * with zs_drain, finds that nobody needed), and free in those after.
 * Known limits: page tables and the kernel's own structures for mappings are
 * not part of the RSS, for any allocator.
 */
#include "modes.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "harness.h"
#include "report.h"
#include "work.h"

/* More than any call of an allocator or of ours takes. */
#define STACK_BYTES 65536

/* How the memory was asked back before the figures were taken. */
enum step { STEP_BEFORE, STEP_COMPACT, STEP_TRIM, STEP_RELEASE };

static const char *const step_names[] = {
	[STEP_BEFORE] = "before",
	[STEP_COMPACT] = "compact",
	[STEP_TRIM] = "trim",
	[STEP_RELEASE] = "release",
};

struct figure {
	char phase[16]; /* "fresh", "free50", "churn" */
	enum step step;
	uint64_t objects;
	uint64_t live_bytes;
	uint64_t step_ns; /* time that the step took */
	int64_t rss_bytes; /* growth since before the first allocation */
	uint64_t resident_bytes; /* as the pool counts it */
	uint64_t mapped_bytes;
	uint64_t free_bytes;
};

#define MAX_FIGURES (1 + 3 * (MAX_FREE_LEVELS + 1))

struct figures {
	unsigned int nr;
	struct figure list[MAX_FIGURES];
};

/* Frees percent at random, then, if churn, replaces that many times what
 * lives. */
struct scenario {
	const struct options *opt;
	char phase[16];
	unsigned int percent;
	unsigned int churn;
	bool show_fresh;
	struct figures *figures;
};

static void take_figure(struct work *work, const char *phase, enum step step,
			uint64_t step_ns, size_t rss_start,
			struct figures *figures)
{
	struct figure *figure = &figures->list[figures->nr++];
	const struct timespec second = { .tv_sec = 1 };
	struct zs_pool_info info;

	snprintf(figure->phase, sizeof(figure->phase), "%s", phase);
	figure->step = step;
	figure->step_ns = step_ns;
	figure->live_bytes = work_live(work, &figure->objects);
	if (work->target.pool) {
		/* else the worker may still be giving memory back */
		if (work->opt->max_overhead == ZS_MAX_OVERHEAD ||
		    work->opt->no_worker)
			zs_drain(work->target.pool);
		else /* it is the worker's own affair, within a second */
			nanosleep(&second, NULL);
		target_info(&work->target, &info);
		figure->resident_bytes = info.bytes_resident;
		figure->mapped_bytes = info.bytes_mapped;
		figure->free_bytes = info.bytes_free;
	}
	figure->rss_bytes = (int64_t)process_rss_bytes() - (int64_t)rss_start;
	if (work->opt->verify)
		work_verify(work, phase);
}

static void job_release(void *arg, unsigned int thread)
{
	(void)arg;
	(void)thread;
	target_release_thread();
}

static void job_touch_stack(void *arg, unsigned int thread)
{
	volatile char stack[STACK_BYTES];
	size_t i;

	(void)arg;
	(void)thread;
	for (i = 0; i < sizeof(stack); i += 1024)
		stack[i] = 0;
}

/* Asks for the memory back, in the steps that the allocator has. */
static void release(struct work *work, const char *phase, size_t rss_start,
		    struct figures *figures)
{
	uint64_t start = now_ns();

	if (!work->target.pool) {
		team_run(work->team, job_release, work);
		target_release_process();
		take_figure(work, phase, STEP_RELEASE, now_ns() - start,
			    rss_start, figures);
		return;
	}
	target_finish_frees(&work->target); /* M3 */
	zs_compact(work->target.pool);
	take_figure(work, phase, STEP_COMPACT, now_ns() - start, rss_start,
		    figures);
	start = now_ns();
	zs_trim(work->target.pool);
	take_figure(work, phase, STEP_TRIM, now_ns() - start, rss_start,
		    figures);
}

/* What the measuring itself needs in code and stack must not count as the
 * allocator's memory. */
static void warm_up(struct work *work)
{
	team_run(work->team, job_touch_stack, work);
	touch_mapped_files();
	process_rss_bytes();
}

static void run_scenario(void *arg)
{
	const struct scenario *scenario = arg;
	struct work *work = harness_alloc(sizeof(*work));
	struct figures *figures = scenario->figures;
	size_t rss_start;
	uint64_t start;

	work_open(work, scenario->opt, scenario->churn);
	work->leave_deferred = true; /* M3 */
	warm_up(work);
	rss_start = process_rss_bytes();

	start = now_ns();
	target_open(&work->target, scenario->opt);
	team_run(work->team, job_fill, work);
	if (scenario->show_fresh)
		take_figure(work, "fresh", STEP_BEFORE, now_ns() - start,
			    rss_start, figures);
	work_shuffle(work);
	work_free_goal(work, scenario->percent);
	start = now_ns();
	team_run(work->team, job_free, work);
	if (scenario->churn) {
		work_plan(work, scenario->churn);
		start = now_ns();
		team_run(work->team, job_replace, work);
	}
	take_figure(work, scenario->phase, STEP_BEFORE, now_ns() - start,
		    rss_start, figures);
	release(work, scenario->phase, rss_start, figures);
	if (work->target.pool)
		zs_destroy_pool(work->target.pool);
}

/* All scenarios once. */
static void run_rep(const struct options *opt, struct figures *figures)
{
	struct scenario scenario = { .opt = opt, .figures = figures };
	unsigned int i;

	for (i = 0; i < opt->nr_free; i++) {
		scenario.percent = opt->free_percent[i];
		snprintf(scenario.phase, sizeof(scenario.phase), "free%u",
			 scenario.percent);
		scenario.show_fresh = !i;
		run_in_child(run_scenario, &scenario);
	}
	if (opt->churn) {
		snprintf(scenario.phase, sizeof(scenario.phase), "churn");
		scenario.percent = opt->churn_freed;
		scenario.churn = opt->churn;
		scenario.show_fresh = !opt->nr_free;
		run_in_child(run_scenario, &scenario);
	}
}

static double over_live(const struct figure *figure, double bytes)
{
	if (!figure->live_bytes)
		return 0;
	return bytes / (double)figure->live_bytes;
}

static void print_row(const struct options *opt,
		      const struct target_identity *identity, unsigned int rep,
		      const struct figure *figure, bool first, bool last)
{
	struct row row;

	row_begin(&row, opt, identity, rep);
	row_text(&row, "phase", figure->phase);
	row_text(&row, "step", step_names[figure->step]);
	row_count(&row, "objects", figure->objects);
	row_count(&row, "live_bytes", figure->live_bytes);
	row_signed(&row, "rss_bytes", figure->rss_bytes);
	row_ratio(&row, "rss_over_live",
		  over_live(figure, (double)figure->rss_bytes));
	row_count(&row, "step_ns", figure->step_ns);
	if (opt->use_malloc) {
		row_none(&row, "pool_resident_bytes");
		row_none(&row, "pool_over_live");
		row_none(&row, "pool_free_bytes");
		row_none(&row, "pool_mapped_bytes");
	} else {
		row_count(&row, "pool_resident_bytes", figure->resident_bytes);
		row_ratio(&row, "pool_over_live",
			  over_live(figure, (double)figure->resident_bytes));
		row_count(&row, "pool_free_bytes", figure->free_bytes);
		row_count(&row, "pool_mapped_bytes", figure->mapped_bytes);
	}
	if (opt->output == OUTPUT_CSV)
		print_csv_row(&row, first);
	else
		print_json_row(&row, first, last);
}

static void print_table(const struct options *opt,
			const struct target_identity *identity,
			const struct figures *reps)
{
	double *values = harness_alloc(opt->reps * sizeof(*values));
	struct spread ratio;
	unsigned int i, rep;

	printf("%s %s, sizes %s, %u thread%s, %u run%s\n", identity->name,
	       identity->version, opt->sizes.name, opt->threads,
	       opt->threads > 1 ? "s" : "", opt->reps,
	       opt->reps > 1 ? "s" : "");
	printf("%-8s %-8s %9s  %9s  %23s", "", "", "live", "RSS growth",
	       "RSS growth/live");
	printf(opt->use_malloc ? "\n" : "  %9s %10s\n", "pool says",
	       "RSS-pool");
	printf("%-8s %-8s %9s  %9s  %7s %7s %7s", "after", "step", "MiB", "MiB",
	       "min", "median", "max");
	printf(opt->use_malloc ? "\n" : "  %9s %10s\n", "/live", "KiB");
	for (i = 0; i < reps[0].nr; i++) {
		const struct figure *f = &reps[0].list[i];

		for (rep = 0; rep < opt->reps; rep++) {
			const struct figure *other = &reps[rep].list[i];

			values[rep] =
				over_live(other, (double)other->rss_bytes);
		}
		ratio = spread_of(values, opt->reps);
		printf("%-8s %-8s %9.1f  %9.1f  %7.3f %7.3f %7.3f", f->phase,
		       step_names[f->step], (double)f->live_bytes / 0x1p20,
		       (double)f->rss_bytes / 0x1p20, ratio.min, ratio.median,
		       ratio.max);
		if (!opt->use_malloc)
			printf("  %9.3f %10.0f",
			       over_live(f, (double)f->resident_bytes),
			       ((double)f->rss_bytes -
				(double)f->resident_bytes) /
				       1024);
		putchar('\n');
	}
}

void measure_memory(const struct options *opt,
		    const struct target_identity *identity)
{
	struct figures *reps = harness_alloc_shared(opt->reps * sizeof(*reps));
	unsigned int rep, i;

	for (rep = 0; rep < opt->reps; rep++) {
		progress("memory, run", rep, opt->reps);
		run_rep(opt, &reps[rep]);
	}
	progress(NULL, 0, 0);
	if (opt->output == OUTPUT_TABLE) {
		print_table(opt, identity, reps);
		print_end();
		return;
	}
	for (rep = 0; rep < opt->reps; rep++) {
		for (i = 0; i < reps[rep].nr; i++)
			print_row(opt, identity, rep + 1, &reps[rep].list[i],
				  !rep && !i,
				  rep + 1 == opt->reps &&
					  i + 1 == reps[rep].nr);
	}
	print_end();
}
