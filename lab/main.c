/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* main.c - the program uzs-lab: picks the command. `uzs lab` calls it. */
#include "lab_cmd.h"

#include <string.h>

#include "tools/json.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "list", lab_cmd_list, "the scenarios" },
	{ "run", lab_cmd_run, "explore one scenario" },
	{ "explore", lab_cmd_explore,
	  "explore the quick scenarios, or all of them" },
	{ "replay", lab_cmd_replay,
	  "run one schedule again, and show it as a table" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	const char *program = lab_program();

	printf("usage: %s COMMAND [OPTION...] [ARGUMENT...]\n"
	       "\n"
	       "Runs %s on virtual CPUs, whose every interleaving can be "
	       "had.\n\n",
	       program, lab_what());
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %s %-8s  %s\n", program, commands[i].name,
		       commands[i].summary);
	if (lab_is_ours()) {
		puts("  uzs lab watch     run, explore or replay, and look at "
		     "plain loads and stores\n"
		     "                    too: uzs lab watch run free-free");
		puts("  uzs lab simulate  what freeing takes on as many CPUs "
		     "as you like\n"
		     "  uzs lab calibrate what things cost on this machine, "
		     "for simulate");
	}
	printf("\n"
	       "  %s COMMAND --help   options of a command, with an "
	       "example\n"
	       "  %s --version        the version\n"
	       "\n"
	       "Exit status: 0 done and nothing found, 1 failed or found "
	       "something, 2 wrong\n"
	       "usage.\n"
	       "\n"
	       "Example: %s run free-migrate --cpus 2\n",
	       program, program, program);
}

int lab_open(void)
{
	const struct uzs_lab_options options = {
		.arena_bytes = (size_t)8 << 20,
		.stack_bytes = (size_t)256 << 10,
		.cpus = 4,
		.track = true,
	};

	if (!uzs_lab_init(&options))
		return uzs_fail("no memory for the lab's arena");
	return 0;
}

static void list_as_json(void)
{
	struct uzs_json json = UZS_JSON_INIT(stdout);

	uzs_json_open(&json, NULL, '[');
	for (size_t i = 0; lab_scenarios[i]; i++) {
		const struct lab_scenario *s = lab_scenarios[i];

		uzs_json_open(&json, NULL, '{');
		uzs_json_string(&json, "name", s->name);
		uzs_json_string(&json, "summary", s->summary);
		uzs_json_uint(&json, "cpus", s->cpu[2] ? 3 : 2);
		uzs_json_bool(&json, "quick", lab_is_quick(s));
		uzs_json_close(&json, '}');
	}
	uzs_json_close(&json, ']');
	putchar('\n');
}

int lab_cmd_list(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--json")) {
		list_as_json();
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		printf("usage: %s list [--json]\n"
		       "\n"
		       "Prints the scenarios: name, CPUs at most, what they "
		       "are.\n"
		       "\n"
		       "Example: %s list\n",
		       lab_program(), lab_program());
		return 0;
	}
	if (argc > 1)
		return uzs_usage("list", "what is '%s'?", argv[1]);
	for (size_t i = 0; lab_scenarios[i]; i++)
		printf("%-20s %u  %s\n", lab_scenarios[i]->name,
		       lab_scenarios[i]->cpu[2] ? 3 : 2,
		       lab_scenarios[i]->summary);
	return 0;
}

int main(int argc, char **argv)
{
	static char output[256 * 1024];
	const char *name = argc > 1 ? argv[1] : "";
	int status = 0;
	size_t i;

	uzs_start();
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	for (i = 0; i < COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			break;
	if (i < COMMANDS) {
		argv[1] = (char *)uzs_program; /* for getopt's messages */
		status = commands[i].run(argc - 1, argv + 1);
	} else if (argc < 2) {
		status = uzs_usage("", "no command given");
	} else if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
		print_help();
	} else if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		uzs_print_version(lab_program());
	} else {
		status = uzs_usage("", "unknown command '%s'", name);
	}
	uzs_progress_clear();
	if (status) {
		fflush(stdout);
		return status;
	}
	return uzs_flush_output();
}
