/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cmd_lab.c - uzs lab: hands over to the program uzs-lab, which has the library
 * in another body and so cannot be a part of this one. It lies beside uzs.
 */
#include "uzs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "uzs-lab"

/* Virtual time, what is measured for it, and the explorer that looks at plain
 * accesses too are programs of their own: the library is compiled in yet
 * another way there. */
static const char *program_of(const char *command)
{
	if (!strcmp(command, "simulate"))
		return PROGRAM "-simulate";
	if (!strcmp(command, "calibrate"))
		return PROGRAM "-calibrate";
	if (!strcmp(command, "watch"))
		return PROGRAM "-watch";
	return PROGRAM;
}

int uzs_cmd_lab(int argc, char **argv)
{
	const char *program;
	char path[4096];

	/* uzs lab help [COMMAND]: as they take it. */
	if (argc > 1 && argc < 4 && !strcmp(argv[1], "help")) {
		if (argc == 3)
			argv[1] = argv[2];
		argv[argc - 1] = (char *)"--help";
	}
	program = program_of(argc > 1 ? argv[1] : "");
	/* Their names are no commands of theirs. */
	if (strcmp(program, PROGRAM))
		argv++;
	argv[0] = (char *)program;
	fflush(stdout);
	if (uzs_beside(program, path, sizeof(path)))
		execv(path, argv);
	execvp(program, argv);
	if (errno == ENOENT)
		return uzs_fail("lab: this build has no %s", program);
	return uzs_fail("lab: %s: %s", program, strerror(errno));
}
