/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* jobs.c - processes that take random traces by turns, or one that takes
 * cells with a given one; see uzs-compare.h. Owns: the processes.
 *
 * Each takes the next number, and what a trace is follows from the seed and
 * its number alone, so that what is found repeats whoever found it. Each trace
 * runs in a process of its own again (isolate.c): if a subject dies, the job
 * still has the trace.
 */
#include "uzs-compare.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/uzs.h"

#define TRACE_OPS 50000 /* of a random trace */

/* ---- one trace ----------------------------------------------------------- */

static void add_counts(struct compare_counts *to,
		       const struct compare_counts *from)
{
	/* all of them are uint64_t */
	uint64_t *sum = (uint64_t *)to;
	const uint64_t *n = (const uint64_t *)from;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*sum); i++)
		__atomic_fetch_add(&sum[i], n[i], __ATOMIC_RELAXED);
}

/* Return: exit status. */
static int run_trace(const struct options *o, struct shared *shared,
		     struct cell *cell, struct trace_ops *ops,
		     const char *where)
{
	struct compare_counts counts = { 0 };
	struct compare_end end = { 0 };
	enum compare_result result;

	if (o->in_process)
		result = compare_run(&cell->opt, ops, &end.at, &counts, stderr);
	else
		result = compare_isolated(&cell->opt, ops, &end, &counts, NULL,
					  false);
	add_counts(&cell->counts, &counts);
	__atomic_fetch_add(&shared->ops, counts.ops, __ATOMIC_RELAXED);
	if (result == COMPARE_SAME)
		return 0;
	/* One job tells: the jobs share stderr and the names of the traces. */
	if (__atomic_exchange_n(&shared->stop, 1, __ATOMIC_RELAXED) ||
	    o->in_process)
		return UZS_FAILED;
	if (result == COMPARE_DIFFERENT)
		tell_mismatch(o, cell, ops, where);
	else if (result == COMPARE_DIED)
		tell_crash(o, cell, ops, where, &end);
	return UZS_FAILED;
}

/* ---- many ---------------------------------------------------------------- */

static int run_random(const struct options *o, struct shared *shared,
		      uint64_t start_ns)
{
	uint64_t traces = (o->ops + TRACE_OPS - 1) / TRACE_OPS;
	struct trace_ops ops = { 0 };
	char where[64];
	int status = 0;

	/* Each cell has its turn, however few the operations or seconds. */
	if (traces < shared->nr)
		traces = shared->nr;
	while (!status && !__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		uint64_t n =
			__atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED);
		struct cell *cell = &shared->cells[n % shared->nr];
		size_t nr = TRACE_OPS;

		if (o->seconds) {
			if (n >= shared->nr &&
			    uzs_now_ns() - start_ns > o->seconds * 1000000000u)
				break;
		} else if (n >= traces) {
			break;
		} else if (o->ops < traces * TRACE_OPS) {
			nr = (size_t)((o->ops + traces - 1) / traces);
		}
		snprintf(where, sizeof(where),
			 "seed %" PRIu64 ", trace %" PRIu64, o->seed, n);
		if (!trace_generate(&ops, o->seed << 32 ^ n,
				    cell->opt.page_size, nr))
			status = uzs_fail("out of memory for a trace");
		else
			status = run_trace(o, shared, cell, &ops, where);
	}
	trace_drop(&ops);
	return status;
}

int run_file(const struct options *o, struct shared *shared)
{
	int status = 0;

	for (unsigned int i = 0; i < shared->nr; i++) {
		struct cell *cell = &shared->cells[i];
		struct trace_ops ops = { 0 };

		shared->stop = 0; /* no jobs here: each cell tells */
		if (!trace_read(&ops, o->trace, cell->opt.page_size))
			status = UZS_FAILED;
		else
			status |= run_trace(o, shared, cell, &ops, o->trace);
		trace_drop(&ops);
	}
	return status;
}

static int start_jobs(const struct options *o, struct shared *shared,
		      uint64_t start_ns, unsigned int *jobs)
{
	pid_t parent = getpid();

	for (*jobs = 0; *jobs < o->jobs; ++*jobs) {
		pid_t pid = fork();

		if (!pid) {
			/* Whoever ends this program ends its jobs. */
			compare_end_with(parent);
			_exit(run_random(o, shared, start_ns));
		}
		if (pid < 0)
			return uzs_fail("cannot start a process: %s",
					strerror(errno));
	}
	return 0;
}

int run_jobs(const struct options *o, struct shared *shared, uint64_t start_ns)
{
	struct uzs_progress progress;
	unsigned int jobs;
	int status, child;

	status = start_jobs(o, shared, start_ns, &jobs);
	if (status)
		__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	uzs_progress_start(&progress, "compare", o->seconds ? 0 : o->ops);
	while (jobs) {
		pid_t pid = waitpid(-1, &child, WNOHANG);

		if (!pid) {
			progress.calls = UINT32_MAX; /* look at the clock */
			uzs_progress_update(&progress,
					    __atomic_load_n(&shared->ops,
							    __ATOMIC_RELAXED));
			usleep(20000);
			continue;
		}
		if (pid < 0)
			return uzs_fail("lost a process: %s", strerror(errno));
		jobs--;
		/* Not by a subject: those die in other processes. */
		if (WIFSIGNALED(child))
			status = uzs_fail("a job was killed by signal %d",
					  WTERMSIG(child));
		else if (WEXITSTATUS(child))
			status = UZS_FAILED;
		if (status)
			__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	}
	uzs_progress_clear();
	return status;
}
