/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cmd_lab.c - uzs lab: runs the program uzs-lab. That has the library with
 * another body of compat, so it cannot be a part of this program. It lies
 * beside uzs.
 */
#include "uzs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "uzs-lab"

/* The simulator, the calibration and the explorer that watches plain accesses
 * are programs of their own: each compiles the library in another way. */
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

	/* uzs lab help [COMMAND]: in the form that these programs take. */
	if (argc > 1 && argc < 4 && !strcmp(argv[1], "help")) {
		if (argc == 3)
			argv[1] = argv[2];
		argv[argc - 1] = (char *)"--help";
	}
	program = program_of(argc > 1 ? argv[1] : "");
	/* These programs have one command, so its name is left out. */
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
