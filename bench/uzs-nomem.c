/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs-nomem - counts how often a pool at its memory limit says -ENOMEM while
 * memory could be had: a benchmark of failure. Also how long others hold up
 * zs_malloc, zs_compact and zs_fork_prepare.
 * Reads the command line, runs the scenarios that it asks for (what they are:
 * nomem_scenarios.c), and prints.
 */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "harness.h"
#include "nomem.h"
#include "report.h"
#include "target.h"
#include "tools/uzs.h"
#include "tools/variants.h"
#include "uzsmalloc.h"

const char program_name[] = "uzs-nomem";

/* More than there are scenarios. */
#define MAX_SCENARIOS 32

struct worker {
	struct cell *cell;
	unsigned int number;
};

static void *run_worker(void *arg)
{
	struct worker *w = arg;

	w->cell->scenario->worker(w->cell, w->number);
	return NULL;
}

static void *run_beside(void *arg)
{
	struct cell *cell = arg;

	cell->scenario->beside(cell);
	return NULL;
}

static void start(pthread_t *thread, void *(*fn)(void *arg), void *arg)
{
	if (pthread_create(thread, NULL, fn, arg))
		die("cannot start a thread");
}

static void run_cell(struct cell *cell, double seconds)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct worker workers[MAX_WORKERS];
	pthread_t threads[MAX_WORKERS], beside;
	struct timespec time = { .tv_sec = (time_t)seconds };

	time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
	o.memory_limit = cell->limit;
	o.defer = (enum zs_defer_mode)cell->defer;
	o.lock_scope = (enum zs_lock_scope)cell->scope;
	o.profile = (enum zs_profile)cell->profile;
	cell->pool = zs_create_pool_with("nomem", &o);
	if (!cell->pool)
		die("no pool of profile %s with a limit of %zu bytes",
		    profile_names[cell->profile], cell->limit);
	pthread_barrier_init(&cell->together, NULL, cell->workers);
	for (unsigned int i = 0; i < cell->workers; i++) {
		workers[i] = (struct worker){ cell, i };
		start(&threads[i], run_worker, &workers[i]);
	}
	if (cell->scenario->beside)
		start(&beside, run_beside, cell);
	nanosleep(&time, NULL);
	__atomic_store_n(&cell->stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < cell->workers; i++)
		pthread_join(threads[i], NULL);
	if (cell->scenario->beside)
		pthread_join(beside, NULL);
	if (zs_pool_check(cell->pool, stderr))
		die("%s: the pool is not sound", cell->scenario->name);
	pthread_barrier_destroy(&cell->together);
	zs_destroy_pool(cell->pool);
}

struct request {
	double seconds;
	size_t limit;
	unsigned int threads; /* 0: as the scenario says */
	struct options opt; /* how to print */
	bool wanted[MAX_SCENARIOS];
	unsigned int profile;
	unsigned int defers, scopes; /* bits */
};

static void print_result(const struct request *r, const struct cell *cell)
{
	double mean = cell->rounds ? (double)cell->total_ns /
					     (double)cell->rounds / 1000
				   : 0;
	bool csv = r->opt.output == OUTPUT_CSV;
	const char *format = csv ? "%s,%s,%s,%" PRIu64 ",%" PRIu64
				   ",%.3f,%.3f\n"
				 : "%-10s %-8s %-9s %12" PRIu64 " %8" PRIu64
				   " %12.3f %12.3f\n";

	printf(format, cell->scenario->name, defer_names[cell->defer],
	       cell->profile == ZS_PROFILE_USER ? "user"
						: scope_names[cell->scope],
	       cell->calls, cell->wrong, mean, (double)cell->worst_ns / 1000);
	fflush(stdout);
}

/* Scenarios of one thread are of one thread. */
static unsigned int workers_of(const struct request *r, unsigned int s)
{
	unsigned int workers = scenarios[s].workers;

	return workers > 1 && r->threads ? r->threads : workers;
}

static uint64_t run_all(const struct request *r)
{
	bool csv = r->opt.output == OUTPUT_CSV;
	unsigned int of = 0, nr = 0;
	uint64_t wrong = 0;

	for (unsigned int s = 0; s < nr_scenarios; s++)
		of += r->wanted[s] * (unsigned)__builtin_popcount(r->defers) *
		      (unsigned)__builtin_popcount(r->scopes);
	printf(csv ? "%s,%s,%s,%s,%s,%s,%s\n"
		   : "%-10s %-8s %-9s %12s %8s %12s %12s\n",
	       "scenario", "defer", "scope", "calls", "wrong", "mean_us",
	       "worst_us");
	for (unsigned int s = 0; s < nr_scenarios; s++)
		for (unsigned int d = 0; d <= VARIANT_LAST_DEFER; d++)
			for (unsigned int c = 0; c <= VARIANT_LAST_SCOPE; c++) {
				struct cell cell = {
					.scenario = &scenarios[s],
					.profile = r->profile,
					.defer = d,
					.scope = c,
					.limit = r->limit,
					.workers = workers_of(r, s),
				};

				if (!r->wanted[s] || !(r->defers >> d & 1) ||
				    !(r->scopes >> c & 1))
					continue;
				progress("cell", nr++, of);
				run_cell(&cell, r->seconds);
				progress(NULL, 0, 0);
				print_result(r, &cell);
				wrong += cell.wrong;
			}
	print_end();
	return wrong;
}

static void usage(FILE *out)
{
	fprintf(out,
		"usage: uzs-nomem [OPTION...]\n"
		"Pools at their memory limit: counts calls of zs_malloc "
		"that fail although\nmemory could be had, and times what "
		"is held up. Status 1 if any is wrong.\n\n"
		"  --seconds S       for each cell (10)\n"
		"  --limit BYTES     of each pool (64M)\n"
		"  --threads N       2 to 64, in scenarios that have more "
		"than one\n"
		"  --scenarios LIST  of those below (all)\n"
		"  --defers LIST     " VARIANT_DEFERS_TEXT "off (all)\n"
		"  --scopes LIST     " VARIANT_SCOPES_TEXT "default (default)\n"
		"  --profile NAME    kernel or user, which has no scopes: the "
		"column says user\n                    (kernel)\n"
		"  --csv             as CSV\n"
		"  --help, --version\n\n"
		"How to read it: calls of zs_malloc and how many of them "
		"were wrong; mean and\nworst time of one of them, of one "
		"zs_fork_prepare, or of one zs_compact.\n\nscenarios:\n");
	for (unsigned int s = 0; s < nr_scenarios; s++)
		fprintf(out, "  %-10s %s\n", scenarios[s].name,
			scenarios[s].summary);
	fprintf(out, "\nExample: uzs-nomem --scenarios quota-4,compactor "
		     "--defers array --seconds 2\n");
}

static void want_scenario(void *arg, const char *part)
{
	const char *names[MAX_SCENARIOS + 1] = { NULL };
	struct request *r = arg;

	for (unsigned int s = 0; s < nr_scenarios; s++)
		names[s] = scenarios[s].name;
	r->wanted[find_name("--scenarios", names, part)] = true;
}

static void want_defer(void *arg, const char *part)
{
	((struct request *)arg)->defers |=
		1u << find_name("--defers", defer_names, part);
}

static void want_scope(void *arg, const char *part)
{
	((struct request *)arg)->scopes |=
		1u << find_name("--scopes", scope_names, part);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 't' },
		{ "limit", required_argument, NULL, 'l' },
		{ "threads", required_argument, NULL, 'n' },
		{ "scenarios", required_argument, NULL, 's' },
		{ "defers", required_argument, NULL, 'd' },
		{ "scopes", required_argument, NULL, 'c' },
		{ "profile", required_argument, NULL, 'p' },
		CLI_OPTIONS
	};
	struct request r = { .seconds = 10, .limit = (size_t)64 << 20 };
	bool any = false;
	int option;

	uzs_start();
	if (nr_scenarios > MAX_SCENARIOS)
		die("too many scenarios");
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't':
			r.seconds = parse_seconds("--seconds", optarg);
			break;
		case 'l':
			r.limit = parse_bytes("--limit", optarg);
			break;
		case 'n':
			r.threads = (unsigned int)parse_number(
				"--threads", optarg, 2, MAX_WORKERS);
			break;
		case 's':
			parse_list("--scenarios", optarg, nr_scenarios,
				   want_scenario, &r);
			break;
		case 'd':
			parse_list("--defers", optarg, VARIANT_NR_DEFERS + 1,
				   want_defer, &r);
			break;
		case 'c':
			parse_list("--scopes", optarg, VARIANT_NR_SCOPES + 1,
				   want_scope, &r);
			break;
		case 'p':
			r.profile =
				find_name("--profile", profile_names, optarg);
			break;
		case CLI_HELP:
			usage(stdout);
			print_end();
			return 0;
		default:
			cli_option(option, optarg, NULL, &r.opt);
		}
	}
	if (optind < argc)
		usage_error("%s: not understood", argv[optind]);
	if (r.limit < (size_t)16 << 20)
		usage_error("--limit: at least 16M");
	if (r.profile == ZS_PROFILE_USER && r.scopes)
		usage_error("--scopes: not with --profile user");
	if (!r.defers)
		r.defers = (1u << (VARIANT_LAST_DEFER + 1)) - 1;
	if (!r.scopes)
		r.scopes = 1u << ZS_SCOPE_DEFAULT;
	for (unsigned int s = 0; s < nr_scenarios; s++)
		any |= r.wanted[s];
	for (unsigned int s = 0; s < nr_scenarios; s++)
		r.wanted[s] |= !any;
	return run_all(&r) != 0;
}
