/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* outfile.c - files that a program writes beside its output. Owns no state. */
#include "uzs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int uzs_try_file(const char *path)
{
	struct stat st;
	int fd;

	if (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0; /* do not try a pipe or device: opening it has
			   * effects */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd >= 0)
		unlink(path);
	else if (errno == EEXIST)
		fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return uzs_fail("%s: %s", path, strerror(errno));
	close(fd);
	return 0;
}

/* Finds the directory where a file that is not there yet would come to be.
 * (uzs_try_file refuses a symbolic link that leads nowhere.)
 * Return: its name there; NULL: there is no such directory. */
static const char *find_place(const char *path, struct stat *dir)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char text[PATH_MAX] = ".";

	if ((size_t)(name - path) >= sizeof(text))
		return NULL;
	if (slash) {
		memcpy(text, path, (size_t)(name - path));
		text[name - path] = '\0';
	}
	return stat(text, dir) ? NULL : name;
}

/* Only files that keep what is written are told apart: two writers may share a pipe. */
static bool is_same_file(const char *path, const char *other)
{
	const char *name, *other_name;
	struct stat a, b;

	if (stat(path, &a)) {
		name = find_place(path, &a);
		other_name = find_place(other, &b);
		return strcmp(other, "-") && name && other_name &&
		       a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
		       !strcmp(name, other_name);
	}
	return !(strcmp(other, "-") ? stat(other, &b)
				    : fstat(STDIN_FILENO, &b)) &&
	       S_ISREG(a.st_mode) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

int uzs_try_other_file(const char *path, const char *other, const char *what)
{
	if (is_same_file(path, other))
		return uzs_fail("%s: is %s, and would be overwritten", path,
				what);
	return uzs_try_file(path);
}

int uzs_write_file(const char *path, int (*put)(const void *arg, FILE *out),
		   const void *arg)
{
	FILE *out = fopen(path, "w");
	struct stat st;
	int status;
	bool bad;

	if (!out)
		return uzs_fail("%s: %s", path, strerror(errno));
	status = put(arg, out);
	bad = ferror(out);
	bad |= fclose(out) != 0;
	if (bad && !status)
		status = uzs_fail("%s: cannot be written: %s", path,
				  strerror(errno));
	/* A reader could take half a file for a whole one. */
	if (status && !lstat(path, &st) && S_ISREG(st.st_mode))
		unlink(path);
	return status;
}
