/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* main.c - the program uzs: finds the command and runs it. */
#include "uzs.h"

#include <string.h>

const char *const uzs_program = "uzs";

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary; /* NULL: not for people */
} commands[] = {
	{ "store", uzs_cmd_store,
	  "hold the pages of files compressed in a pool, and measure it" },
	{ "classes", uzs_cmd_classes, "print the table of size classes" },
	{ "replay", uzs_cmd_replay,
	  "replay a trace of operations and print what comes of it" },
	{ "hold", uzs_cmd_hold, NULL },
#if UZS_HAVE_LAB
	{ "lab", uzs_cmd_lab,
	  "run the library on virtual CPUs, in every order of steps" },
#endif
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++) {
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	}
	return NULL;
}

static int unknown(const char *name)
{
#if !UZS_HAVE_LAB
	if (!strcmp(name, "lab"))
		return uzs_usage("", "this uzs was built without the lab");
#endif
	return uzs_usage("", "unknown command '%s'", name);
}

static int print_help(int argc, char **argv)
{
	const struct command *command;
	size_t i;

	if (argc > 2)
		return uzs_usage("", "what is '%s'?", argv[2]);
	if (argc > 1) {
		char *words[] = { (char *)"uzs", (char *)"--help", NULL };

		command = find_command(argv[1]);
		return command && command->summary ? command->run(2, words)
						   : unknown(argv[1]);
	}
	puts("usage: uzs COMMAND [OPTION...] [ARGUMENT...]\n"
	     "\n"
	     "uzsmalloc, the Linux kernel's zsmalloc as a library, from the "
	     "command line.\n");
	for (i = 0; i < COMMANDS; i++)
		if (commands[i].summary)
			printf("  uzs %-8s  %s\n", commands[i].name,
			       commands[i].summary);
	puts("\n"
	     "  uzs help [COMMAND]   this, or the options of a command, with an "
	     "example\n"
	     "                       (also uzs --help, uzs COMMAND --help)\n"
	     "  uzs version          the version (also uzs --version)\n"
	     "\n"
	     "Exit status: 0 done, 1 failed, 2 wrong usage; 1 and 2 with a "
	     "line on stderr.\n"
	     "\n"
	     "Example: uzs store /usr/bin");
	return 0;
}

static int print_version(int argc, char **argv)
{
	if (argc > 1)
		return uzs_usage("", "what is '%s'?", argv[1]);
	printf("uzs %s\n", zs_version());
	return 0;
}

static bool is_one_of(const char *name, const char *word, const char *option,
		      const char *letter)
{
	return !strcmp(name, word) || !strcmp(name, option) ||
	       !strcmp(name, letter);
}

static int run(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct command *command = find_command(name);

	if (argc < 2)
		return uzs_usage("", "no command given");
	if (command) {
		argv[1] = (char *)"uzs"; /* getopt's messages begin with it */
		return command->run(argc - 1, argv + 1);
	}
	if (is_one_of(name, "help", "--help", "-h"))
		return print_help(argc - 1, argv + 1);
	if (is_one_of(name, "version", "--version", "-V"))
		return print_version(argc - 1, argv + 1);
	return unknown(name);
}

int main(int argc, char **argv)
{
	static char output[256 * 1024];
	int status;

	uzs_start();
	/* One large buffer: stdio flushes by itself otherwise, and if that
	 * fails the reason is lost. */
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	status = run(argc, argv);
	uzs_progress_clear();
	/* After an error the output is incomplete anyway; one message is
	 * enough. */
	if (status) {
		fflush(stdout);
		return status;
	}
	return uzs_flush_output();
}
