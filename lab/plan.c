/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* plan.c - the command line of uzs lab run and explore, and the rows that it
 * selects. Owns no state.
 */
#include "plan.h"

#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "pct.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static void print_help(const char *command)
{
	bool one = !strcmp(command, "run");

	printf("usage: %s %s [OPTION...]%s\n"
	       "\n%s"
	       "Tries the orders in which the steps of virtual CPUs can "
	       "happen, up to a number\n"
	       "of preemptions, and says what goes wrong in one of them.\n"
	       "\n"
	       "%s"
	       "  --cpus N         2 or 3 (default: both)\n"
	       "  --preemptions N  0 to 3, or more (default: 2 with 2 CPUs, 1 "
	       "with 3)\n"
	       "%s"
	       "  --memory M       order of memory: sc (default), tso, c11%s\n"
	       "  --stale N        with these: loads of a store that is not the "
	       "last, and\n"
	       "                   stores behind one, in a run, at most (default "
	       "1)\n"
	       "  --weaken W       with these: FILE:LINE=relaxed or =acq-rel: "
	       "accesses\n"
	       "                   there count as ordered by no more\n"
	       "  --check WHEN     the consistency check: step (default), "
	       "between any two\n"
	       "                   steps where its locks are free, or end, "
	       "only then\n"
	       "  --every-step     preempt also before steps whose order does "
	       "not matter: shows\n"
	       "                   the check all states, in more schedules\n"
	       "  --no-reduce      also orders that are equivalent to one "
	       "tried\n"
	       "  --verify         is memory the same, too, where states count "
	       "as the same?\n",
	       lab_program(), command, one ? " SCENARIO" : "",
	       one ? ""
		   : "The quick scenarios, or with --deep all of them, with "
		     "every lock scope and\n"
		     "deferral: a row for each.\n",
	       lab_is_ours()
		       ? "  --scope S        " LAB_SCOPES_TEXT
			 "all (default);\n"
			 "                   user is the user profile, which has "
			 "no lock scopes\n"
			 "  --defer D        " VARIANT_DEFERS_TEXT
			 "all (default)\n"
		       : "",
	       one ? ""
		   : "  --deep           all scenarios, 3 preemptions with 2 "
		     "CPUs, 2 with 3\n"
		     "  --only PATTERN   rows that match, as 'push-*' or "
		     "'*/held/none/3'; may be\n"
		     "                   given again, as --skip\n"
		     "  --skip PATTERN   not those\n"
		     "  --from ROW       from that one on: an interrupted run "
		     "says where it was\n",
	       lab_is_ours() ? "" : ", lkmm-ish");
	printf("  --max-runs N     of each row; then it is not complete\n"
	       "  --seconds N      of CPU time, of each row; the same\n"
	       "  --bound-ok       a row that is not complete is no failure\n"
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
	       "Exit status: 0 nothing is found, in any order within the "
	       "bounds; 1 something\n"
	       "is, or not all orders were tried; 2 wrong usage.\n"
	       "\n"
	       "Example: %s %s\n",
	       lab_program(),
	       one ? "run free-migrate --cpus 2"
		   : "explore --deep --seconds 60 --bound-ok");
}

static int parse_scopes(struct lab_plan *p, const char *text)
{
	enum zs_lock_scope scope;

	if (!strcmp(text, "all"))
		return 0;
	if (!lab_parse_scope(text, &scope))
		return uzs_usage(p->command,
				 "--scope: '%s' is none of " LAB_SCOPES_TEXT
				 "all",
				 text);
	for (int i = 0; i < LAB_NR_SCOPES; i++)
		p->scope[i] = i + 1 == (int)scope;
	return 0;
}

static int parse_defers(struct lab_plan *p, const char *text)
{
	enum zs_defer_mode defer;

	if (!strcmp(text, "all"))
		return 0;
	if (!lab_parse_defer(text, &defer))
		return uzs_usage(p->command,
				 "--defer: '%s' is none of " VARIANT_DEFERS_TEXT
				 "all",
				 text);
	for (int i = 0; i < VARIANT_NR_DEFERS; i++)
		p->defer[i] = i + 1 == (int)defer;
	return 0;
}

int lab_parse_check(const char *command, const char *text, bool *between)
{
	*between = !strcmp(text, "step");
	if (!*between && strcmp(text, "end") != 0)
		return uzs_usage(command, "--check: '%s' is none of step, end",
				 text);
	return 0;
}

static int parse_memory(struct lab_plan *p, const char *text)
{
	if (!lab_parse_memory(text, &p->memory) ||
	    (p->memory == LAB_MEMORY_LKMM && lab_is_ours()))
		return uzs_usage(p->command,
				 "--memory: '%s' is none of sc, tso, c11%s",
				 text, lab_is_ours() ? "" : ", lkmm-ish");
	return 0;
}

static int add_pattern(struct lab_plan *p, struct lab_patterns *patterns,
		       const char *text)
{
	if (patterns->nr == LAB_MAX_PATTERNS)
		return uzs_usage(p->command, "more than %d patterns",
				 LAB_MAX_PATTERNS);
	patterns->text[patterns->nr++] = text;
	return 0;
}

enum {
	OPT_SCOPE = UZS_OPT_OWN,
	OPT_DEFER,
	OPT_CPUS,
	OPT_PREEMPTIONS,
	OPT_MEMORY,
	OPT_STALE,
	OPT_WEAKEN,
	OPT_DEEP,
	OPT_ONLY,
	OPT_SKIP,
	OPT_FROM,
	OPT_CHECK,
	OPT_EVERY_STEP,
	OPT_NO_REDUCE,
	OPT_VERIFY,
	OPT_MAX_RUNS,
	OPT_SECONDS,
	OPT_BOUND_OK,
	OPT_MAX_STEPS,
	OPT_RANDOM,
	OPT_DEPTH,
	OPT_SEED,
	OPT_RUNS,
	OPT_NO_TABLE,
	OPT_JSON,
	OPT_HELP
};
#define OPT_BIT(option) (1u << ((option)-UZS_OPT_OWN))

static const struct option long_options[] = {
	{ "scope", required_argument, NULL, OPT_SCOPE },
	{ "defer", required_argument, NULL, OPT_DEFER },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "preemptions", required_argument, NULL, OPT_PREEMPTIONS },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "stale", required_argument, NULL, OPT_STALE },
	{ "weaken", required_argument, NULL, OPT_WEAKEN },
	{ "deep", no_argument, NULL, OPT_DEEP },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "skip", required_argument, NULL, OPT_SKIP },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "check", required_argument, NULL, OPT_CHECK },
	{ "every-step", no_argument, NULL, OPT_EVERY_STEP },
	{ "no-reduce", no_argument, NULL, OPT_NO_REDUCE },
	{ "verify", no_argument, NULL, OPT_VERIFY },
	{ "max-runs", required_argument, NULL, OPT_MAX_RUNS },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "bound-ok", no_argument, NULL, OPT_BOUND_OK },
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

static int take_number(struct lab_plan *p, int option, const char *text)
{
	static const struct {
		int option;
		const char *name;
		uint64_t min, max;
	} numbers[] = {
		{ OPT_CPUS, "cpus", 2, LAB_MAX_CPUS },
		{ OPT_PREEMPTIONS, "preemptions", 0, 100 },
		{ OPT_STALE, "stale", 0, 100 },
		{ OPT_MAX_RUNS, "max-runs", 1, UINT64_MAX },
		{ OPT_SECONDS, "seconds", 1, 1000000 },
		{ OPT_MAX_STEPS, "max-steps", 1, 1000000 },
		{ OPT_DEPTH, "depth", 1, LAB_PCT_DEPTH },
		{ OPT_SEED, "seed", 0, UINT64_MAX },
		{ OPT_RUNS, "runs", 1, UINT64_MAX },
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
	else if (option == OPT_STALE)
		p->options.stale = (unsigned int)value;
	else if (option == OPT_MAX_RUNS)
		p->options.max_runs = value;
	else if (option == OPT_SECONDS)
		p->options.max_seconds = (double)value;
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

/* Options that only explore has. */
static int take_rows(struct lab_plan *p, int option, const char *text)
{
	if (!strcmp(p->command, "run"))
		return uzs_usage(p->command,
				 "--deep, --only, --skip and --from are for "
				 "explore");
	if (option == OPT_ONLY)
		return add_pattern(p, &p->only, text);
	if (option == OPT_SKIP)
		return add_pattern(p, &p->skip, text);
	if (option == OPT_FROM)
		p->from = text;
	else
		p->deep = true;
	return 0;
}

static const char *option_name(int option)
{
	size_t i = 0;

	while (long_options[i].val != option)
		i++;
	return long_options[i].name;
}

/* An option without any effect is a mistake of the user. `given`: a bit for
 * each. */
static int check_search(const struct lab_plan *p, unsigned int given)
{
	static const int random[] = { OPT_DEPTH, OPT_SEED, OPT_RUNS };
	static const int all[] = { OPT_PREEMPTIONS, OPT_EVERY_STEP,
				   OPT_NO_REDUCE, OPT_VERIFY };

	for (size_t i = 0; i < NR(random); i++)
		if (!p->options.random && given & OPT_BIT(random[i]))
			return uzs_usage(p->command, "--%s is for --random",
					 option_name(random[i]));
	for (int option = OPT_STALE; option <= OPT_WEAKEN; option++)
		if (p->memory == LAB_MEMORY_SC && given & OPT_BIT(option))
			return uzs_usage(p->command,
					 "--%s is for a --memory other than sc",
					 option_name(option));
	for (size_t i = 0; i < NR(all); i++)
		if (p->options.random && given & OPT_BIT(all[i]))
			return uzs_usage(p->command, "--%s is not for --random",
					 option_name(all[i]));
	return 0;
}

/* Return: 0, an exit status, or -1: help was printed. */
static int read_options(struct lab_plan *p, int argc, char **argv)
{
	unsigned int given = 0;
	int option, status = 0;

	while (!status && (option = getopt_long(argc, argv, "", long_options,
						NULL)) != -1) {
		if (option >= UZS_OPT_OWN)
			given |= OPT_BIT(option);
		switch (option) {
		case OPT_SCOPE:
			status = parse_scopes(p, optarg);
			break;
		case OPT_DEFER:
			status = parse_defers(p, optarg);
			break;
		case OPT_MEMORY:
			status = parse_memory(p, optarg);
			break;
		case OPT_WEAKEN:
			if (!lab_parse_weaken(optarg, &p->weaken))
				status = uzs_usage(p->command,
						   "--weaken: '%s' is not "
						   "FILE:LINE=relaxed or "
						   "FILE:LINE=acq-rel",
						   optarg);
			break;
		case OPT_DEEP:
		case OPT_ONLY:
		case OPT_SKIP:
		case OPT_FROM:
			status = take_rows(p, option, optarg);
			break;
		case OPT_CHECK:
			status = lab_parse_check(p->command, optarg,
						 &p->options.between);
			break;
		case OPT_EVERY_STEP:
			p->options.every_step = true;
			break;
		case OPT_NO_REDUCE:
			p->options.reduce = false;
			break;
		case OPT_VERIFY:
			p->options.verify = true;
			break;
		case OPT_BOUND_OK:
			p->bound_ok = true;
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
	return status ? status : check_search(p, given);
}

/* ---- rows ------------------------------------------------------------------------ */

void lab_print_config(const struct lab_config *c, char *text, size_t size)
{
	snprintf(text, size, "%s/%s/%s/%u", c->scenario->name,
		 lab_scope_name(c->scope), lab_defer_name(c->defer), c->cpus);
}

/* A pattern without a slash is matched with the scenario alone. */
static bool matches(const struct lab_row *row, const char *pattern)
{
	char text[LAB_ROW_TEXT];

	if (!strchr(pattern, '/'))
		return !fnmatch(pattern, row->config.scenario->name, 0);
	lab_print_config(&row->config, text, sizeof(text));
	return !fnmatch(pattern, text, 0);
}

static bool matches_any(const struct lab_row *row,
			const struct lab_patterns *patterns)
{
	for (unsigned int i = 0; i < patterns->nr; i++)
		if (matches(row, patterns->text[i]))
			return true;
	return false;
}

static void add_row(struct lab_plan *p, const struct lab_config *c)
{
	unsigned int preemptions = c->cpus == 2 ? 2 : 1;

	if (p->deep)
		preemptions++;
	if (p->preemptions >= 0)
		preemptions = (unsigned int)p->preemptions;
	p->row = realloc(p->row, (p->nr_rows + 1) * sizeof(*p->row));
	if (!p->row)
		abort();
	p->row[p->nr_rows++] = (struct lab_row){ *c, preemptions };
}

static void add_scenario(struct lab_plan *p, const struct lab_scenario *s)
{
	for (unsigned int cpus = 2; cpus <= LAB_MAX_CPUS; cpus++)
		for (int scope = 0; scope < LAB_NR_SCOPES; scope++)
			for (int defer = 0; defer < VARIANT_NR_DEFERS;
			     defer++) {
				const struct lab_config c = {
					.scenario = s,
					.scope =
						(enum zs_lock_scope)(scope + 1),
					.defer =
						(enum zs_defer_mode)(defer + 1),
					.cpus = cpus,
					.memory = p->memory,
				};

				if (p->scope[scope] && p->defer[defer] &&
				    (!p->cpus || p->cpus == cpus) &&
				    lab_config_fits(&c))
					add_row(p, &c);
			}
}

/* A pattern that matches nothing is a mistake of the user. */
static int check_patterns(const struct lab_plan *p, const char *option,
			  const struct lab_patterns *patterns)
{
	for (unsigned int i = 0; i < patterns->nr; i++) {
		unsigned int n = 0;

		for (unsigned int r = 0; r < p->nr_rows; r++)
			n += matches(&p->row[r], patterns->text[i]);
		if (!n)
			return uzs_usage(p->command, "%s: no row matches '%s'",
					 option, patterns->text[i]);
	}
	return 0;
}

static bool any_scope_fits(const struct lab_plan *p)
{
	struct lab_config c = { p->scenario, ZS_SCOPE_HELD, ZS_DEFER_NONE, 2,
				p->memory };

	for (int i = 0; i < LAB_NR_SCOPES * VARIANT_NR_DEFERS; i++) {
		c.scope = (enum zs_lock_scope)(i / VARIANT_NR_DEFERS + 1);
		c.defer = (enum zs_defer_mode)(i % VARIANT_NR_DEFERS + 1);
		if (p->scope[c.scope - 1] && lab_config_fits(&c))
			return true;
	}
	return false;
}

/* Tells what the scenario can be combined with. */
static int no_rows(const struct lab_plan *p)
{
	const struct lab_scenario *s = p->scenario;
	char text[64];
	size_t len = 0;

	if (!s)
		return uzs_usage(p->command,
				 "no row is left with these options");
	if (lab_is_ours() && !any_scope_fits(p))
		return uzs_usage(p->command, "%s goes %s scope user", s->name,
				 s->flags & LAB_USER ? "only with"
						     : "not with");
	for (int i = 0; i < VARIANT_NR_DEFERS && len < sizeof(text); i++) {
		enum zs_defer_mode defer = (enum zs_defer_mode)(i + 1);
		const struct lab_config c = {
			s, s->flags & LAB_USER ? LAB_SCOPE_USER : ZS_SCOPE_HELD,
			defer, 2, p->memory
		};

		if (lab_config_fits(&c))
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						"%s%s", len ? ", " : "",
						lab_defer_name(defer));
	}
	if (!len)
		return uzs_usage(p->command,
				 "%s is for a deferral that %s does not have",
				 s->name, lab_what());
	return uzs_usage(p->command,
			 "%s goes with deferral %s and %s CPUs only", s->name,
			 text, s->cpu[2] ? "2 or 3" : "2");
}

static int pick_rows(struct lab_plan *p)
{
	char text[LAB_ROW_TEXT];
	unsigned int first = 0, kept = 0;
	int status = check_patterns(p, "--only", &p->only);

	if (!status)
		status = check_patterns(p, "--skip", &p->skip);
	if (status)
		return status;
	for (; p->from && first < p->nr_rows; first++) {
		lab_print_config(&p->row[first].config, text, sizeof(text));
		if (!strcmp(text, p->from))
			break;
	}
	if (p->from && first == p->nr_rows)
		return uzs_usage(p->command,
				 "--from: there is no row '%s' with these "
				 "options",
				 p->from);
	for (unsigned int r = first; r < p->nr_rows; r++)
		if ((!p->only.nr || matches_any(&p->row[r], &p->only)) &&
		    !matches_any(&p->row[r], &p->skip))
			p->row[kept++] = p->row[r];
	p->nr_rows = kept;
	return kept ? 0 : no_rows(p);
}

static int list_rows(struct lab_plan *p)
{
	for (size_t i = 0; lab_scenarios[i]; i++)
		if (p->scenario ? p->scenario == lab_scenarios[i]
				: p->deep || p->only.nr ||
					  lab_is_quick(lab_scenarios[i]))
			add_scenario(p, lab_scenarios[i]);
	return pick_rows(p);
}

int lab_make_plan(struct lab_plan *p, const char *command, int argc,
		  char **argv)
{
	bool one = !strcmp(command, "run");
	int status;

	*p = (struct lab_plan){
		.command = command,
		.scope = { true, true, true, true },
		.defer = { true, true, true, true },
		.preemptions = -1,
		.options = LAB_EXPLORE_DEFAULT,
		.table = true,
	};
	status = read_options(p, argc, argv);
	if (status)
		return status;
	if (one && optind + 1 != argc)
		return uzs_usage(command,
				 "one scenario is wanted (list tells them)");
	if (!one && optind != argc)
		return uzs_usage(command, "what is '%s'?", argv[optind]);
	if (one) {
		p->scenario = lab_find_scenario(argv[optind]);
		if (!p->scenario)
			return uzs_usage(
				command,
				"there is no scenario '%s' (list tells "
				"them)",
				argv[optind]);
	}
	return list_rows(p);
}

void lab_free_plan(struct lab_plan *p)
{
	free(p->row);
	p->row = NULL;
}
