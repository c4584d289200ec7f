/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cmd_replay.c - uzs lab replay: one schedule, as a table. */
#include "lab_cmd.h"

#include <getopt.h>

static void print_help(void)
{
	printf("usage: %s replay [OPTION...] SCHEDULE\n"
	       "\n"
	       "Runs one schedule, exactly as it was found, and prints its "
	       "steps. SCHEDULE is\n"
	       "what a finding says: SCENARIO/SCOPE/DEFER/CPUS/STEPS. Works "
	       "under gdb too.\n"
	       "\n"
	       "  --all         also steps on what one CPU alone touches\n"
	       "  --no-table    only what is found\n"
	       "  --check WHEN  the consistency check: step (default) or end\n"
	       "  --max-steps N more steps are a livelock (default 5000)\n"
	       "\n"
	       "Exit status: 0 nothing is found, 1 something is, or a place of the "
	       "schedule does\n"
	       "not fit the run.\n"
	       "\n"
	       "Example: %s replay free-free/%s/none/2/-\n",
	       lab_program(), lab_program(), lab_scope_name(ZS_SCOPE_HELD));
}

int lab_cmd_replay(int argc, char **argv)
{
	enum {
		OPT_ALL = UZS_OPT_OWN,
		OPT_NO_TABLE,
		OPT_CHECK,
		OPT_STEPS,
		OPT_HELP
	};
	static const struct option long_options[] = {
		{ "all", no_argument, NULL, OPT_ALL },
		{ "no-table", no_argument, NULL, OPT_NO_TABLE },
		{ "check", required_argument, NULL, OPT_CHECK },
		{ "max-steps", required_argument, NULL, OPT_STEPS },
		{ "help", no_argument, NULL, OPT_HELP },
		{ NULL, 0, NULL, 0 },
	};
	bool all = false, table = true;
	struct lab_explore_options options = LAB_EXPLORE_DEFAULT;
	uint64_t max_steps = options.max_steps;
	struct lab_trace trace = { 0 };
	struct lab_schedule schedule;
	struct lab_config config;
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
	if (table)
		lab_print_table(&trace, all, stdout);
	lab_free_trace(&trace);
	printf("%s%s%s\n", uzs_lab_finding_name(result.finding),
	       result.text[0] ? ": " : "", result.text);
	if (result.unused)
		return uzs_fail("%s: %u of %u steps do not fit the run, the "
				"first is %u%c",
				argv[optind], result.unused, schedule.nr,
				result.first_unused.step,
				'a' + (int)result.first_unused.fiber);
	return result.finding == LAB_FOUND_NOTHING ? 0 : UZS_FAILED;
}
