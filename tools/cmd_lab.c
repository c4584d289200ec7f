/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cmd_lab.c - uzs lab: hands over to the program uzs-lab, which has the library
 * in another body and so cannot be a part of this one. It lies beside uzs.
 */
#include "uzs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "uzs-lab"

/* The path of the program beside this one. False: the system does not tell, or
 * it is too long. */
static bool find_beside(char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (len < 0 || (size_t)len >= size - sizeof(PROGRAM))
		return false;
	path[len] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	strcpy(slash + 1, PROGRAM);
	return true;
}

int uzs_cmd_lab(int argc, char **argv)
{
	char path[4096];

	(void)argc;
	argv[0] = (char *)PROGRAM;
	fflush(stdout);
	if (find_beside(path, sizeof(path)))
		execv(path, argv);
	execvp(PROGRAM, argv);
	return uzs_fail("lab: " PROGRAM ": %s", strerror(errno));
}
