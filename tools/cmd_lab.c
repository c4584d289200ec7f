/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cmd_lab.c - uzs lab: hands over to the program uzs-lab, which has the library
 * in another body and so cannot be a part of this one. It lies beside uzs.
 */
#include "uzs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "uzs-lab"
#define LONGEST "uzs-lab-calibrate"

/* Virtual time, what is measured for it, and the explorer that looks at plain
 * accesses too are programs of their own: the library is compiled in yet
 * another way there. */
static const char *program_of(const char *command)
{
	if (!strcmp(command, "simulate"))
		return PROGRAM "-simulate";
	if (!strcmp(command, "calibrate"))
		return LONGEST;
	if (!strcmp(command, "watch"))
		return PROGRAM "-watch";
	return PROGRAM;
}

/* The path of the program beside this one. False: the system does not tell, or
 * it is too long. */
static bool find_beside(const char *program, char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (len < 0 || (size_t)len >= size - sizeof(LONGEST))
		return false;
	path[len] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	strcpy(slash + 1, program);
	return true;
}

int uzs_cmd_lab(int argc, char **argv)
{
	const char *program = program_of(argc > 1 ? argv[1] : "");
	char path[4096];

	/* Their names are no commands of theirs. */
	if (strcmp(program, PROGRAM))
		argv++;
	argv[0] = (char *)program;
	fflush(stdout);
	if (find_beside(program, path, sizeof(path)))
		execv(path, argv);
	execvp(program, argv);
	return uzs_fail("lab: %s: %s", program, strerror(errno));
}
