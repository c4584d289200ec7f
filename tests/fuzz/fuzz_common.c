/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fuzz_common.c - see fuzz.h. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <ftw.h>
#include <unistd.h>

FILE *fuzz_out;
bool fuzz_verbose;

static char directory[64];
static pid_t owner; /* forked children leave the directory alone */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int fd = dup(STDERR_FILENO);

	(void)argc;
	(void)argv;
	fuzz_out = fd < 0 ? stderr : fdopen(fd, "w");
	if (!fuzz_out)
		abort();
	if (getenv("FUZZ_VERBOSE"))
		fuzz_verbose = true;
	return 0;
}

void fuzz_silence(void)
{
	FILE *nowhere;

	if (stderr != stdout && fileno(stderr) != STDERR_FILENO)
		return; /* done before */
	nowhere = fopen("/dev/null", "w");
	if (!nowhere)
		fuzz_fail("/dev/null cannot be opened");
	stderr = nowhere;
	stdout = nowhere;
}

static int remove_one(const char *path, const struct stat *stat, int what,
		      struct FTW *ftw)
{
	(void)stat;
	(void)what;
	(void)ftw;
	remove(path);
	return 0;
}

static void remove_directory(void)
{
	if (owner == getpid())
		nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_directory(void)
{
	const char *tmp = getenv("TMPDIR");

	if (*directory)
		return directory;
	if (!tmp || strlen(tmp) > 40)
		tmp = "/tmp";
	snprintf(directory, sizeof(directory), "%s/uzs-fuzz.XXXXXX", tmp);
	if (!mkdtemp(directory))
		fuzz_fail("%s: no directory can be made", directory);
	owner = getpid();
	atexit(remove_directory);
	return directory;
}
