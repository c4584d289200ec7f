/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_work.c - sets up the pool of a cell, runs its callers in virtual time and
 * reports the result; see sim_work.h. Owns the pool.
 *
 * Guarantees:
 *  C1 there is a result only if all objects are freed in the end, and the pool
 *     counts none; work that keeps its objects has all of them before that.
 */
#include "tools/uzs.h"

#include "sim_objects.h"
#include "sim_pool.h"
#include "sim_workers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/os.h"

#define HOT_OBJECTS 400u
#define HOT_SIZE 256u
#define HOT_ROUNDS 4u

static struct {
	const struct sim_costs *costs;
	const struct sim_cell *cell;
	struct sim_result *result;
	unsigned long *counter; /* each caller's own counter, in the arena */
	char *scrap; /* the callers' own memory, in the arena */
	u64 done[SIM_MAX_CALLERS];
	u64 made; /* calls so far */
	struct sim_pool_counts before; /* the calls that are measured */
} w;

/* Runs in the child. */
void sim_give_up(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(w.result->text, sizeof(w.result->text), format, args);
	va_end(args);
	_exit(0);
}

/* ---- what the fibers do ------------------------------------------------------------- */

static void fill_one(unsigned int t)
{
	for (unsigned int i = 0; i < w.cell->objects; i++)
		sim_object_make(t, i);
}

static void fill(void *arg)
{
	unsigned int t = (unsigned int)(uintptr_t)arg;

	if (!w.cell->apart)
		fill_one(t);
	else if (!t)
		for (; t < w.cell->callers; t++)
			fill_one(t);
}

/* What a process does before the call: pages, swap entries, the device. */
static void around_call(unsigned int t, size_t i)
{
	const double *v = w.costs->value;
	unsigned int lines = (unsigned int)v[SIM_caller_lines];

	sim_spend((u64)(v[SIM_caller] * 1000));
	for (unsigned int n = 0; n < lines; n++) {
		/* Far from each other, so that no prefetcher foresees the next
		 * one. */
		size_t at = (i * 4096 + n * 1024 + (size_t)t * 64) %
			    ((size_t)16 << 20);

		uzs_lab_access(LAB_LOAD, w.scrap + at, __ATOMIC_RELAXED,
			       UZS_LAB_PLACE("memory of the caller"));
	}
	if (v[SIM_caller_atomics] > 0)
		sim_shared_count(w.counter);
}

/* What it does after the call. The first of its counters is changed before. */
static void after_call(void)
{
	const double *v = w.costs->value;

	for (unsigned int n = 1; n < (unsigned int)v[SIM_caller_atomics]; n++)
		sim_shared_count(w.counter);
}

static void call(unsigned int t, unsigned int i)
{
	switch (w.cell->work) {
	case SIM_READ:
		sim_object_read(t, i);
		break;
	case SIM_REPLACE:
		sim_object_replace(t, i);
		break;
	case SIM_RELEASE:
		around_call(t, (size_t)t * w.cell->objects + i);
		if (w.cell->workers)
			sim_workers_queue(t, i);
		else
			sim_object_free(t, i);
		after_call();
		break;
	default:
		sim_object_free(t, i);
	}
}

static void make_calls(void *arg)
{
	unsigned int t = (unsigned int)(uintptr_t)arg;
	const struct sim_cell *c = w.cell;

	for (unsigned int round = 0; round < c->rounds; round++)
		for (unsigned int i = 0; i < c->objects; i++) {
			call(t, i);
			if (++w.made == w.result->ops / 2 && c->record)
				sim_record(w.result->spans, SIM_MAX_SPANS);
		}
	w.done[t] = sim_now();
}

/* Not measured: afterwards all that a CPU's cache can hold of it is there, and CPUs
 * keep what the work has left them. */
static void warm_up(void *arg)
{
	unsigned int t = (unsigned int)(uintptr_t)arg;

	for (unsigned int round = 0; round < w.cell->warm_up; round++)
		for (unsigned int i = 0; i < w.cell->objects; i++)
			call(t, i);
}

static void flush(void *arg)
{
	(void)arg;
	if (w.cell->defer != ZS_DEFER_NONE)
		sim_pool_flush();
	w.result->back_ps = sim_now();
}

static void run_hot(void *arg)
{
	u64 begin = 0;

	(void)arg;
	for (unsigned int round = 0; round < HOT_ROUNDS; round++) {
		fill_one(0);
		begin = sim_now();
		for (unsigned int i = 0; i < w.cell->objects; i++)
			sim_object_free(0, i);
	}
	w.result->call_ps = sim_now() - begin;
}

/* ---- a cell ------------------------------------------------------------------------------ */

static void run_all(const char *name, void (*fn)(void *arg),
		    struct sim_run *run)
{
	uzs_lab_reset();
	for (unsigned int t = 0; t < w.cell->callers; t++)
		if (!uzs_lab_spawn(name, t % w.cell->cpus, fn,
				   (void *)(uintptr_t)t))
			sim_give_up("no memory for %u fibers", w.cell->callers);
	for (unsigned int n = 0; fn == make_calls && n < w.cell->workers; n++)
		if (!uzs_lab_spawn(SIM_WORKER_NAME,
				   (w.cell->callers + n) % w.cell->cpus,
				   sim_worker, (void *)(uintptr_t)n))
			sim_give_up("no memory for %u workers",
				    w.cell->workers);
	if (fn == make_calls) {
		struct uzs_lab_fiber *last =
			uzs_lab_spawn("flush", 0, flush, NULL);

		if (!last)
			sim_give_up("no memory for a fiber");
		last->last = true;
	}
	if (!sim_run(w.costs, w.cell->cpus, w.cell->work_ps, run))
		sim_give_up("%s: %s", uzs_lab_finding_name(uzs_lab_finding()),
			    uzs_lab_finding_text());
}

/* Address space for all objects, and more, because zspages of many classes are
 * partly filled; and in the user profile, sections of many lengths of runs. */
static size_t arena_bytes(void)
{
	const struct sim_cell *c = w.cell;
	double mean = 0, n = (double)c->callers * c->objects;
	size_t more = (size_t)128 << 20;

	/* A queue may hold all that was replaced. */
	if (c->work == SIM_REPLACE && c->defer != ZS_DEFER_NONE)
		n *= c->warm_up + c->rounds + 1;
	for (u32 i = 0; i < c->nr_sizes; i++)
		mean += c->sizes[i];
	mean = mean / c->nr_sizes + 64;
	if (c->scope == LAB_SCOPE_USER || !sim_work_frees(c->work))
		more += ((size_t)128 << 20) + sim_objects_bytes(c);
	/* What CPUs keep of all classes, to the last object; or a section for
	 * each, if all want one at once. */
	if (c->work == SIM_REPLACE || c->scope == LAB_SCOPE_USER)
		more += (size_t)c->cpus * 8 << 20;
	/* Its caches have zones of their own, with lists for each CPU. */
	if (sim_is_kernel(c->scope))
		more += (size_t)c->cpus * 8 << 20;
	return ((size_t)(mean * 1.1 * n) + more) & ~(((size_t)4 << 20) - 1);
}

static void open_machine(void)
{
	struct uzs_lab_options options = {
		.arena_bytes = arena_bytes(),
		.stack_bytes = (size_t)128 << 10,
		.cpus = w.cell->cpus,
	};
	uintptr_t align = (uintptr_t)4 << 20;
	char *mem;

	if (!uzs_lab_init(&options))
		sim_give_up("no memory for an arena of %zu MiB",
			    options.arena_bytes >> 20);
	/* Memory of the callers, beside the pool in the same arena. */
	mem = uzs_os_map((size_t)16 << 20, align);
	w.counter = uzs_os_map(4096, 4096);
	if (!mem || !w.counter)
		sim_give_up("the arena is too small");
	w.scrap = mem;
	if (!sim_lines_init(w.costs, w.cell->cpus, mem - align,
			    options.arena_bytes))
		sim_give_up("no memory for the lines of %zu MiB",
			    options.arena_bytes >> 20);
	sim_lines_bus_slots(w.cell->bus_slots);
}

static void check_outcome(void)
{
	const struct sim_cell *c = w.cell;
	struct sim_result *r = w.result;
	struct sim_pool_counts counts;
	unsigned long want = 0;

	sim_pool_count(&counts);
	r->queued = counts.queued - w.before.queued;
	r->sync_busy = counts.sync_busy - w.before.sync_busy;
	r->sync_full = counts.sync_full - w.before.sync_full;
	if (!sim_work_frees(c->work))
		want = (unsigned long)c->callers * c->objects;
	/* Else the pool may have had to look for memory meanwhile. */
	if (c->work == SIM_REPLACE &&
	    uzs_lab_mapped_bytes() > uzs_lab_options()->arena_bytes / 8 * 7)
		sim_give_up("the arena of %zu MiB is nearly full",
			    uzs_lab_options()->arena_bytes >> 20);
	if (counts.live != want)
		sim_give_up("%lu objects are live at the end, not %lu",
			    counts.live, want);
	if (want) {
		sim_objects_check_and_free();
		sim_pool_count(&counts);
		if (counts.live)
			sim_give_up("%lu objects are left", counts.live);
		return;
	}
	if (c->defer != ZS_DEFER_NONE &&
	    r->queued + r->sync_busy + r->sync_full != r->ops)
		sim_give_up("%llu of %llu calls are accounted for",
			    (unsigned long long)(r->queued + r->sync_busy +
						 r->sync_full),
			    (unsigned long long)r->ops);
}

static void measure(void)
{
	struct sim_result *r = w.result;
	struct sim_run before;

	open_machine();
	sim_pool_open(w.cell);
	sim_objects_init(w.cell);
	if (w.cell->workers)
		sim_workers_init(w.cell);
	r->ops = (u64)w.cell->callers * w.cell->objects * w.cell->rounds;
	if (w.cell->work == SIM_HOT) {
		run_all("hot", run_hot, &r->run);
		return;
	}
	run_all("fill", fill, &before);
	if (w.cell->random_order)
		sim_objects_shuffle();
	/* The filling was long ago: nothing of it is in a cache. */
	sim_lines_clear();
	if (w.cell->warm_up) {
		run_all("warm up", warm_up, &before);
		sim_lines_settle();
	}
	sim_pool_count(&w.before);
	if (w.cell->parts)
		sim_parts_init(r->parts);
	run_all("caller", make_calls, &r->run);
	for (unsigned int t = 0; t < w.cell->callers; t++) {
		r->call_ps = max(r->call_ps, w.done[t]);
		r->callers_ps += w.done[t];
	}
	r->nr_parts = sim_nr_parts();
	sim_parts_init(NULL);
	r->nr_spans = sim_recorded();
	check_outcome();
}

struct sim_result *sim_result_new(void)
{
	void *mem = mmap(NULL, sizeof(struct sim_result),
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			 0);

	if (mem == MAP_FAILED) {
		uzs_fail("no memory: %s", strerror(errno));
		return NULL;
	}
	return mem;
}

int sim_measure(const struct sim_costs *costs, const struct sim_cell *cell,
		struct sim_result *result)
{
	int status;
	pid_t pid;

	memset(result, 0, sizeof(*result));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return uzs_fail("fork: %s", strerror(errno));
	if (!pid) {
		w.costs = costs;
		w.cell = cell;
		w.result = result;
		measure();
		result->ok = true;
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return uzs_fail("waitpid: %s", strerror(errno));
	if (result->ok)
		return 0;
	if (result->text[0])
		return uzs_fail("%s", result->text);
	if (WIFSIGNALED(status))
		return uzs_fail("a simulation ended by signal %d",
				WTERMSIG(status));
	return uzs_fail("a simulation ended with status %d",
			WEXITSTATUS(status));
}

int sim_work_price(const struct sim_costs *costs, u64 *price)
{
	static const u32 size = HOT_SIZE;
	struct sim_cell cell = {
		.work = SIM_HOT,
		.scope = ZS_SCOPE_CLASS_IDX,
		.defer = ZS_DEFER_NONE,
		.cpus = 1,
		.callers = 1,
		.objects = HOT_OBJECTS,
		.rounds = 1,
		.sizes = &size,
		.nr_sizes = 1,
	};
	double want =
		(costs->value[SIM_free_hot] + costs->value[SIM_free_more]) *
		1000 * HOT_OBJECTS;
	struct sim_result *r = sim_result_new();
	u64 free_ps, dear_ps;
	int status;

	if (!r)
		return UZS_FAILED;
	status = sim_measure(costs, &cell, r);
	free_ps = r->call_ps;
	cell.work_ps = 1000;
	if (!status)
		status = sim_measure(costs, &cell, r);
	dear_ps = r->call_ps;
	munmap(r, sizeof(*r));
	if (status)
		return status;
	if (want < (double)free_ps)
		return uzs_fail("costs %s: free_hot is %g ns, but locks and "
				"lines of that alone cost %.1f ns",
				costs->name, costs->value[SIM_free_hot],
				(double)free_ps / HOT_OBJECTS / 1000 -
					costs->value[SIM_free_more]);
	*price = (u64)((want - (double)free_ps) * 1000 /
		       (double)(dear_ps - free_ps));
	return 0;
}
