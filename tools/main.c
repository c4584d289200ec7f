/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* main.c - the program uzs: finds the command and runs it. */
#include "uzs.h"

#include <signal.h>
#include <string.h>

const char *const uzs_program = "uzs";

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "store", uzs_cmd_store,
	  "hold the pages of files compressed in a pool, and measure it" },
	{ "classes", uzs_cmd_classes, "print the table of size classes" },
	{ "replay", uzs_cmd_replay,
	  "replay a trace of operations and print what comes of it" },
#if UZS_HAVE_LAB
	{ "lab", uzs_cmd_lab,
	  "run the library on virtual CPUs, in every order of steps" },
#endif
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	size_t i;

	puts("usage: uzs COMMAND [OPTION...] [ARGUMENT...]\n"
	     "\n"
	     "uzsmalloc, the Linux kernel's zsmalloc as a library, from the "
	     "command line.\n");
	for (i = 0; i < COMMANDS; i++)
		printf("  uzs %-8s  %s\n", commands[i].name,
		       commands[i].summary);
	puts("\n"
	     "  uzs COMMAND --help   options of a command, with an example\n"
	     "  uzs --version        the version\n"
	     "\n"
	     "Exit status: 0 done, 1 failed, 2 wrong usage; 1 and 2 with a "
	     "line on stderr.\n"
	     "\n"
	     "Example: uzs store /usr/bin");
}

int main(int argc, char **argv)
{
	static char output[256 * 1024];
	const char *name = argc > 1 ? argv[1] : "";
	int status = 0;
	size_t i;

	/* One large buffer: when it cannot be written the reason is still at
	 * hand, which is lost when stdio flushes by itself halfway. */
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	/* A reader that went away is an error like a full disk: told. */
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < COMMANDS; i++) {
		if (!strcmp(name, commands[i].name))
			break;
	}
	if (i < COMMANDS) {
		argv[1] = (char *)"uzs"; /* getopt's messages begin with it */
		status = commands[i].run(argc - 1, argv + 1);
	} else if (argc < 2) {
		status = uzs_usage("", "no command given");
	} else if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
		print_help();
	} else if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("uzs %s\n", zs_version());
#if !UZS_HAVE_LAB
	} else if (!strcmp(name, "lab")) {
		status = uzs_usage("", "this uzs was built without the lab");
#endif
	} else {
		status = uzs_usage("", "unknown command '%s'", name);
	}
	uzs_progress_clear();
	/* After an error the output is partial anyway; one line is enough. */
	if (status) {
		fflush(stdout);
		return status;
	}
	return uzs_flush_output();
}
