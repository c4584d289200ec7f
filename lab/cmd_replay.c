/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cmd_replay.c - uzs lab replay: one schedule, as a table. */
#include "lab_cmd.h"

#include <getopt.h>

#include "tools/json.h"

static void print_help(void)
{
	printf("usage: %s replay [OPTION...] SCHEDULE\n"
	       "\n"
	       "Runs one schedule, exactly as it was found, and prints its "
	       "steps. SCHEDULE is\n"
	       "what a finding says: SCENARIO/SCOPE/DEFER/CPUS/STEPS, with the "
	       "order of memory\n"
	       "before STEPS if it is not sc. Works under gdb too.\n"
	       "\n"
	       "  --all         also steps on what one CPU alone touches\n"
	       "  --no-table    only what is found\n"
	       "  --check WHEN  the consistency check: step (default) or end\n"
	       "  --weaken W    as it was found with: FILE:LINE=relaxed or "
	       "=acq-rel\n"
	       "  --max-steps N more steps are a livelock (default 5000)\n"
	       "  --json        the same as JSON\n"
	       "\n"
	       "Exit status: 0 nothing is found, 1 something is, or a place of the "
	       "schedule\n"
	       "does not fit the run.\n"
	       "\n"
	       "Example: %s replay free-free/%s/none/2/-\n",
	       lab_program(), lab_program(), lab_scope_name(ZS_SCOPE_HELD));
}

static void print_json_step(struct uzs_json *json, const struct lab_trace *t,
			    u32 n)
{
	const struct lab_trace_step *s = &t->step[n];

	uzs_json_open(json, NULL, '{');
	uzs_json_uint(json, "step", n);
	uzs_json_string(json, "on", t->name[s->fiber]);
	uzs_json_string(json, "does", s->words);
	if (s->step.op == LAB_LOAD || s->step.op == LAB_STORE ||
	    s->step.op == LAB_RMW) {
		uzs_json_bool(json, "acquires", s->step.acquire);
		uzs_json_bool(json, "releases", s->step.release);
	}
	if (s->stale[0])
		uzs_json_string(json, "stale", s->stale);
	if (s->step.place->line) {
		uzs_json_string(json, "file", s->step.place->file);
		uzs_json_uint(json, "line", (uint64_t)s->step.place->line);
	}
	if (s->from) {
		uzs_json_string(json, "from_file", s->from->file);
		uzs_json_uint(json, "from_line", (uint64_t)s->from->line);
	}
	uzs_json_close(json, '}');
}

/* t: NULL leaves out the steps. */
static void print_json(const char *schedule, const struct lab_config *c,
		       const struct lab_result *r, const struct lab_trace *t,
		       bool all)
{
	struct uzs_json json = UZS_JSON_INIT(stdout);

	uzs_json_open(&json, NULL, '{');
	uzs_json_string(&json, "schedule", schedule);
	uzs_json_string(&json, "scenario", c->scenario->name);
	uzs_json_string(&json, "scope", lab_scope_name(c->scope));
	uzs_json_string(&json, "defer", lab_defer_name(c->defer));
	uzs_json_uint(&json, "cpus", c->cpus);
	if (t) {
		uzs_json_open(&json, "steps", '[');
		for (u32 n = 0; n < t->nr; n++)
			if (all || lab_is_shared_step(t, n))
				print_json_step(&json, t, n);
		uzs_json_close(&json, ']');
	}
	uzs_json_string(&json, "found", uzs_lab_finding_name(r->finding));
	if (r->finding != LAB_FOUND_NOTHING)
		uzs_json_string(&json, "text", r->text);
	uzs_json_uint(&json, "unused", r->unused);
	uzs_json_close(&json, '}');
	putchar('\n');
}

int lab_cmd_replay(int argc, char **argv)
{
	enum {
		OPT_ALL = UZS_OPT_OWN,
		OPT_NO_TABLE,
		OPT_CHECK,
		OPT_STEPS,
		OPT_WEAKEN,
		OPT_JSON,
		OPT_HELP
	};
	static const struct option long_options[] = {
		{ "all", no_argument, NULL, OPT_ALL },
		{ "no-table", no_argument, NULL, OPT_NO_TABLE },
		{ "check", required_argument, NULL, OPT_CHECK },
		{ "max-steps", required_argument, NULL, OPT_STEPS },
		{ "weaken", required_argument, NULL, OPT_WEAKEN },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{ NULL, 0, NULL, 0 },
	};
	bool all = false, table = true, json = false;
	struct lab_explore_options options = LAB_EXPLORE_DEFAULT;
	uint64_t max_steps = options.max_steps;
	struct lab_trace trace = { 0 };
	struct lab_schedule schedule;
	struct lab_config config;
	struct lab_weaken weaken;
	struct lab_result result;
	const char *error;
	int option, status;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) !=
	       -1) {
		switch (option) {
		case OPT_ALL:
			all = true;
			break;
		case OPT_NO_TABLE:
			table = false;
			break;
		case OPT_CHECK:
			status = lab_parse_check("replay", optarg,
						 &options.between);
			if (status)
				return status;
			break;
		case OPT_STEPS:
			status = uzs_parse_number("replay", "max-steps", optarg,
						  1, 1000000, &max_steps);
			if (status)
				return status;
			break;
		case OPT_WEAKEN:
			if (!lab_parse_weaken(optarg, &weaken))
				return uzs_usage("replay",
						 "--weaken: '%s' is not "
						 "FILE:LINE=relaxed or "
						 "FILE:LINE=acq-rel",
						 optarg);
			lab_weak_weaken(&weaken);
			break;
		case OPT_JSON:
			json = true;
			break;
		case OPT_HELP:
			print_help();
			return 0;
		default:
			return UZS_USAGE;
		}
	}
	if (optind + 1 != argc)
		return uzs_usage("replay", "one schedule is wanted");
	if (!lab_parse_schedule(argv[optind], &config, &schedule, &error))
		return uzs_usage("replay", "%s: %s", argv[optind], error);
	status = lab_open();
	if (status)
		return status;
	options.max_steps = (unsigned int)max_steps;
	lab_replay(&config, &schedule, &options, &result, &trace);
	if (json)
		print_json(argv[optind], &config, &result,
			   table ? &trace : NULL, all);
	else if (table)
		lab_print_table(&trace, all, stdout);
	lab_free_trace(&trace);
	if (!json)
		printf("%s%s%s\n", uzs_lab_finding_name(result.finding),
		       result.text[0] ? ": " : "", result.text);
	if (result.unused)
		return uzs_fail("%s: %u of %u steps do not fit the run, the "
				"first is %u%c",
				argv[optind], result.unused, schedule.nr,
				result.first_unused.step,
				result.first_unused.older
					? 's'
					: 'a' + (int)result.first_unused.fiber);
	return result.finding == LAB_FOUND_NOTHING ? 0 : UZS_FAILED;
}
