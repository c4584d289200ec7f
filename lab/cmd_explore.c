/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cmd_explore.c - uzs lab run and uzs lab explore: a row for each scenario,
 * scope, deferral and number of CPUs; what is found, with its table.
 */
#include "lab_cmd.h"

#include <getopt.h>
#include <string.h>

#include "tools/json.h"

#define NR_SCOPES 3
#define NR_DEFERS 3

struct plan {
	const char *command;
	const struct lab_scenario *only; /* NULL: all */
	bool scope[NR_SCOPES], defer[NR_DEFERS];
	unsigned int cpus; /* 0: both */
	bool deep;
	int preemptions; /* -1: 2 with 2 CPUs, 1 with 3 */
	struct lab_explore_options options;
	bool json, table, keep_going;
	/* what came of it */
	struct uzs_json out;
	unsigned int rows, findings, incomplete;
	u64 runs, steps;
	double seconds;
	struct uzs_progress progress;
};

static const enum zs_lock_scope scopes[NR_SCOPES] = {
	ZS_SCOPE_HELD,
	ZS_SCOPE_UNLOCKED,
	ZS_SCOPE_CLASS_IDX,
};
static const enum zs_defer_mode defers[NR_DEFERS] = {
	ZS_DEFER_NONE,
	ZS_DEFER_ARRAY,
	ZS_DEFER_PERCPU,
};

static void print_help(const char *command)
{
	bool one = !strcmp(command, "run");

	printf("usage: uzs lab %s [OPTION...]%s\n"
	       "\n%s"
	       "Tries the orders in which the steps of virtual CPUs can "
	       "happen, up to a number\n"
	       "of preemptions, and says what goes wrong in one of them.\n"
	       "\n"
	       "  --scope S        held, unlocked, class-idx or all "
	       "(default)\n"
	       "  --defer D        none, array, percpu or all (default)\n"
	       "  --cpus N         2 or 3 (default: both)\n"
	       "  --preemptions N  0 to 3, or more (default: 2 with 2 CPUs, 1 "
	       "with 3)\n"
	       "%s"
	       "  --no-reduce      also orders that are equivalent to one "
	       "tried\n"
	       "  --max-runs N     of each row; then it is not complete\n"
	       "  --max-steps N    of a run; more is a livelock (default "
	       "5000)\n"
	       "  --random         random priorities (PCT) instead of all "
	       "orders\n"
	       "  --depth N        with --random: of the bugs looked for "
	       "(default 3)\n"
	       "  --seed N         with --random (default 1)\n"
	       "  --runs N         with --random (default 10000)\n"
	       "  --no-table       not the steps of what is found\n"
	       "  --json           rows as JSON\n"
	       "\n"
	       "Example: uzs lab %s\n",
	       command, one ? " SCENARIO" : "",
	       one ? ""
		   : "The quick scenarios, or with --deep all of them, with "
		     "every lock scope and\n"
		     "deferral.\n",
	       one ? ""
		   : "  --deep           all scenarios, 3 preemptions with 2 "
		     "CPUs, 2 with 3\n",
	       one ? "run free-migrate --scope class-idx"
		   : "explore --scope held --cpus 2");
}

static int parse_scopes(struct plan *p, const char *text)
{
	enum zs_lock_scope scope;

	if (!strcmp(text, "all"))
		return 0;
	if (!lab_parse_scope(text, &scope))
		return uzs_usage(p->command,
				 "--scope: '%s' is none of held, "
				 "unlocked, class-idx, all",
				 text);
	for (int i = 0; i < NR_SCOPES; i++)
		p->scope[i] = scopes[i] == scope;
	return 0;
}

static int parse_defers(struct plan *p, const char *text)
{
	enum zs_defer_mode defer;

	if (!strcmp(text, "all"))
		return 0;
	if (!lab_parse_defer(text, &defer))
		return uzs_usage(p->command,
				 "--defer: '%s' is none of none, "
				 "array, percpu, all",
				 text);
	for (int i = 0; i < NR_DEFERS; i++)
		p->defer[i] = defers[i] == defer;
	return 0;
}

enum {
	OPT_SCOPE = UZS_OPT_OWN,
	OPT_DEFER,
	OPT_CPUS,
	OPT_PREEMPTIONS,
	OPT_DEEP,
	OPT_NO_REDUCE,
	OPT_MAX_RUNS,
	OPT_MAX_STEPS,
	OPT_RANDOM,
	OPT_DEPTH,
	OPT_SEED,
	OPT_RUNS,
	OPT_NO_TABLE,
	OPT_JSON,
	OPT_HELP
};

static const struct option long_options[] = {
	{ "scope", required_argument, NULL, OPT_SCOPE },
	{ "defer", required_argument, NULL, OPT_DEFER },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "preemptions", required_argument, NULL, OPT_PREEMPTIONS },
	{ "deep", no_argument, NULL, OPT_DEEP },
	{ "no-reduce", no_argument, NULL, OPT_NO_REDUCE },
	{ "max-runs", required_argument, NULL, OPT_MAX_RUNS },
	{ "max-steps", required_argument, NULL, OPT_MAX_STEPS },
	{ "random", no_argument, NULL, OPT_RANDOM },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "runs", required_argument, NULL, OPT_RUNS },
	{ "no-table", no_argument, NULL, OPT_NO_TABLE },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static int take_number(struct plan *p, int option, const char *text)
{
	static const struct {
		int option;
		const char *name;
		uint64_t min, max;
	} numbers[] = {
		{ OPT_CPUS, "--cpus", 2, LAB_MAX_CPUS },
		{ OPT_PREEMPTIONS, "--preemptions", 0, 100 },
		{ OPT_MAX_RUNS, "--max-runs", 1, UINT64_MAX },
		{ OPT_MAX_STEPS, "--max-steps", 1, 1000000 },
		{ OPT_DEPTH, "--depth", 1, 32 },
		{ OPT_SEED, "--seed", 0, UINT64_MAX },
		{ OPT_RUNS, "--runs", 1, UINT64_MAX },
	};
	uint64_t value = 0;
	int status;
	size_t i = 0;

	while (numbers[i].option != option)
		i++;
	status = uzs_parse_number(p->command, numbers[i].name, text,
				  numbers[i].min, numbers[i].max, &value);
	if (option == OPT_CPUS)
		p->cpus = (unsigned int)value;
	else if (option == OPT_PREEMPTIONS)
		p->preemptions = (int)value;
	else if (option == OPT_MAX_RUNS)
		p->options.max_runs = value;
	else if (option == OPT_MAX_STEPS)
		p->options.max_steps = (unsigned int)value;
	else if (option == OPT_DEPTH)
		p->options.depth = (unsigned int)value;
	else if (option == OPT_SEED)
		p->options.seed = value;
	else
		p->options.runs = value;
	return status;
}

/* Return: 0, an exit status, or -1: help was printed. */
static int read_options(struct plan *p, int argc, char **argv)
{
	int option, status = 0;

	while (!status && (option = getopt_long(argc, argv, "", long_options,
						NULL)) != -1) {
		switch (option) {
		case OPT_SCOPE:
			status = parse_scopes(p, optarg);
			break;
		case OPT_DEFER:
			status = parse_defers(p, optarg);
			break;
		case OPT_DEEP:
			if (p->only || !strcmp(p->command, "run"))
				return uzs_usage(p->command,
						 "--deep is for explore");
			p->deep = true;
			break;
		case OPT_NO_REDUCE:
			p->options.reduce = false;
			break;
		case OPT_RANDOM:
			p->options.random = true;
			break;
		case OPT_NO_TABLE:
			p->table = false;
			break;
		case OPT_JSON:
			p->json = true;
			break;
		case OPT_HELP:
			print_help(p->command);
			return -1;
		case '?':
			return UZS_USAGE;
		default:
			status = take_number(p, option, optarg);
		}
	}
	return status;
}

/* ---- rows ------------------------------------------------------------------------ */

static const char *outcome(const struct lab_result *r)
{
	if (r->finding != LAB_FOUND_NOTHING)
		return uzs_lab_finding_name(r->finding);
	return r->complete ? "nothing" : "nothing so far";
}

static void print_json_row(struct plan *p, const struct lab_config *c,
			   unsigned int preemptions, const struct lab_result *r)
{
	char schedule[LAB_SCHEDULE_TEXT];

	uzs_json_open(&p->out, NULL, '{');
	uzs_json_string(&p->out, "scenario", c->scenario->name);
	uzs_json_string(&p->out, "scope", lab_scope_name(c->scope));
	uzs_json_string(&p->out, "defer", lab_defer_name(c->defer));
	uzs_json_uint(&p->out, "cpus", c->cpus);
	uzs_json_uint(&p->out, "preemptions", preemptions);
	uzs_json_uint(&p->out, "schedules", r->runs);
	uzs_json_uint(&p->out, "cut_short", r->pruned);
	uzs_json_uint(&p->out, "states", r->states);
	uzs_json_uint(&p->out, "steps", r->steps);
	uzs_json_uint(&p->out, "longest", r->longest);
	uzs_json_real(&p->out, "cpu_seconds", r->seconds);
	uzs_json_bool(&p->out, "complete", r->complete);
	uzs_json_string(&p->out, "found", uzs_lab_finding_name(r->finding));
	if (r->finding != LAB_FOUND_NOTHING) {
		lab_print_schedule(c, &r->schedule, schedule, sizeof(schedule));
		uzs_json_uint(&p->out, "found_at", r->found_at);
		uzs_json_uint(&p->out, "found_steps", r->found_steps);
		uzs_json_string(&p->out, "schedule", schedule);
		uzs_json_bool(&p->out, "confirmed", !r->unconfirmed);
		uzs_json_string(&p->out, "text", r->text);
	}
	uzs_json_close(&p->out, '}');
}

static void print_row(const struct lab_config *c, unsigned int preemptions,
		      const struct lab_result *r)
{
	printf("%-20s %-9s %-6s %4u %5u %10llu %9llu %9llu %7u %8.3f %8.0f  "
	       "%s\n",
	       c->scenario->name, lab_scope_name(c->scope),
	       lab_defer_name(c->defer), c->cpus, preemptions,
	       (unsigned long long)r->runs, (unsigned long long)r->pruned,
	       (unsigned long long)r->states, r->longest, r->seconds,
	       r->seconds > 0 ? (double)r->runs / r->seconds : 0, outcome(r));
}

static void print_finding(struct plan *p, const struct lab_config *c,
			  const struct lab_result *r)
{
	struct lab_trace trace = { 0 };
	char schedule[LAB_SCHEDULE_TEXT];
	struct lab_result again;

	lab_print_schedule(c, &r->schedule, schedule, sizeof(schedule));
	printf("\n%s\nfound by schedule %llu, %u steps, %u places where it "
	       "leaves the default order; again with\n  uzs lab replay %s\n",
	       r->text, (unsigned long long)r->found_at, r->found_steps,
	       r->schedule.nr, schedule);
	if (r->unconfirmed)
		printf("this schedule alone does not show it%s\n",
		       r->cut ? ": the one found left the default order at more "
				"places than can be told"
			      : "");
	if (p->table) {
		putchar('\n');
		lab_replay(c, &r->schedule, p->options.max_steps, &again,
			   &trace);
		lab_print_table(&trace, false, stdout);
		lab_free_trace(&trace);
	}
	putchar('\n');
}

static void show_progress(void *arg, u64 runs)
{
	struct plan *p = arg;

	uzs_progress_update(&p->progress, p->runs + runs);
}

static void do_row(struct plan *p, const struct lab_config *c)
{
	struct lab_explore_options o = p->options;
	struct lab_result r;

	o.preemptions = c->cpus == 2 ? 2 : 1;
	if (p->deep)
		o.preemptions++;
	if (p->preemptions >= 0)
		o.preemptions = (unsigned int)p->preemptions;
	o.progress = show_progress;
	o.arg = p;
	lab_explore(c, &o, &r);
	p->rows++;
	p->runs += r.runs;
	p->steps += r.steps;
	p->seconds += r.seconds;
	p->findings += r.finding != LAB_FOUND_NOTHING;
	p->incomplete += r.finding == LAB_FOUND_NOTHING && !r.complete;
	uzs_progress_clear();
	if (p->json) {
		print_json_row(p, c, o.preemptions, &r);
		return;
	}
	print_row(c, o.preemptions, &r);
	if (r.finding != LAB_FOUND_NOTHING)
		print_finding(p, c, &r);
	fflush(stdout);
}

static void do_scenario(struct plan *p, const struct lab_scenario *s)
{
	for (unsigned int cpus = 2; cpus <= LAB_MAX_CPUS; cpus++)
		for (int scope = 0; scope < NR_SCOPES; scope++)
			for (int defer = 0; defer < NR_DEFERS; defer++) {
				const struct lab_config c = {
					.scenario = s,
					.scope = scopes[scope],
					.defer = defers[defer],
					.cpus = cpus,
				};

				if (p->scope[scope] && p->defer[defer] &&
				    (!p->cpus || p->cpus == cpus) &&
				    lab_config_fits(&c))
					do_row(p, &c);
			}
}

static int do_plan(struct plan *p)
{
	int status = lab_open();

	if (status)
		return status;
	uzs_progress_start(&p->progress, "schedules", 0);
	if (p->json) {
		p->out = (struct uzs_json)UZS_JSON_INIT(stdout);
		uzs_json_open(&p->out, NULL, '[');
	} else {
		printf("%-20s %-9s %-6s %4s %5s %10s %9s %9s %7s %8s %8s  %s\n",
		       "scenario", "scope", "defer", "cpus", "preem",
		       "schedules", "cut short", "states", "longest", "CPU s",
		       "per s", "found");
	}
	for (size_t i = 0; lab_scenarios[i]; i++)
		if (p->only ? p->only == lab_scenarios[i]
			    : p->deep || (lab_scenarios[i]->flags & LAB_QUICK))
			do_scenario(p, lab_scenarios[i]);
	uzs_progress_clear();
	if (p->json) {
		uzs_json_close(&p->out, ']');
		putchar('\n');
	} else {
		printf("%u rows, %llu schedules of %.0f steps on average, "
		       "%.1f s of CPU time, %.0f schedules a second: %u found something, %u not to the end\n",
		       p->rows, (unsigned long long)p->runs,
		       p->runs ? (double)p->steps / (double)p->runs : 0,
		       p->seconds,
		       p->seconds > 0 ? (double)p->runs / p->seconds : 0,
		       p->findings, p->incomplete);
	}
	if (!p->rows)
		return uzs_fail("no scenario goes with these options");
	/* Asked for, or is there more than the search can hold? */
	if (p->incomplete && !p->options.max_runs && !p->options.random)
		return uzs_fail("%u of %u rows were not explored to the end: "
				"their runs have too many choices",
				p->incomplete, p->rows);
	return p->findings ? UZS_FAILED : 0;
}

static int start(struct plan *p, const char *command)
{
	*p = (struct plan){
		.command = command,
		.scope = { true, true, true },
		.defer = { true, true, true },
		.preemptions = -1,
		.options = LAB_EXPLORE_DEFAULT,
		.table = true,
	};
	return 0;
}

int lab_cmd_run(int argc, char **argv)
{
	struct plan p;
	int status;

	start(&p, "run");
	status = read_options(&p, argc, argv);
	if (status)
		return max(status, 0);
	if (optind + 1 != argc)
		return uzs_usage("run", "one scenario is wanted (see uzs lab "
					"list)");
	p.only = lab_find_scenario(argv[optind]);
	if (!p.only)
		return uzs_usage("run",
				 "there is no scenario '%s' (see uzs "
				 "lab list)",
				 argv[optind]);
	return do_plan(&p);
}

int lab_cmd_explore(int argc, char **argv)
{
	struct plan p;
	int status;

	start(&p, "explore");
	status = read_options(&p, argc, argv);
	if (status)
		return max(status, 0);
	if (optind != argc)
		return uzs_usage("explore", "what is '%s'?", argv[optind]);
	return do_plan(&p);
}
