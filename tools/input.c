/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* input.c - see input.h. First all files are found and checked, then they are
 * read. So a wrong path is reported before an hour of work, not after. A file
 * that was found in a directory and cannot be read, or not any more, does not
 * stop the work: it is reported, counted and left out.
 */
#include "uzs.h"
#include "input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How the walk handles a file. */
enum walk { WALK_ALL, WALK_LIBRARIES };

struct names {
	char **name;
	size_t count;
	size_t room;
};

static int walk_path(struct uzs_input *input, const char *path, enum walk walk);

const char *uzs_file_name(const struct uzs_file *file)
{
	return strcmp(file->path, "-") ? file->path : "stdin";
}

static int no_memory(void)
{
	return uzs_fail("out of memory for the list of files");
}

/* Counts one byte more, to know whether anything is cut off. */
static bool has_enough(const struct uzs_input *input)
{
	return input->max_bytes && input->expected_bytes > input->max_bytes;
}

static int add_file(struct uzs_input *input, const char *path, uint64_t bytes,
		    bool named)
{
	struct uzs_file *files;
	char *copy;

	if (input->count == input->room) {
		size_t room = input->room ? input->room * 2 : 256;

		files = realloc(input->files, room * sizeof(*files));
		if (!files)
			return no_memory();
		input->files = files;
		input->room = room;
	}
	copy = strdup(path);
	if (!copy)
		return no_memory();
	input->files[input->count++] =
		(struct uzs_file){ .path = copy, .named = named };
	input->expected_bytes += bytes;
	return 0;
}

void uzs_input_destroy(struct uzs_input *input)
{
	size_t i;

	for (i = 0; i < input->count; i++)
		free(input->files[i].path);
	free(input->files);
	input->files = NULL;
	input->count = 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(struct names *names)
{
	size_t i;

	for (i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
}

static bool add_name(struct names *names, const char *text)
{
	if (names->count == names->room) {
		size_t room = names->room ? names->room * 2 : 64;
		char **name = realloc(names->name, room * sizeof(*name));

		if (!name)
			return false;
		names->name = name;
		names->room = room;
	}
	names->name[names->count] = strdup(text);
	if (!names->name[names->count])
		return false;
	names->count++;
	return true;
}

/* All names in a directory but . and .., sorted. Return: 0, or an errno. */
static int read_names(const char *path, struct names *names)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int error = 0;

	if (!directory)
		return errno;
	for (;;) {
		errno = 0;
		entry = readdir(directory);
		if (!entry) {
			error = errno;
			break;
		}
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (!add_name(names, entry->d_name)) {
			error = ENOMEM;
			break;
		}
	}
	closedir(directory);
	if (names->count)
		qsort(names->name, names->count, sizeof(*names->name),
		      compare_names);
	return error;
}

/* Leaves out a file that cannot be read. Reports it, unless it is one of the
 * machine's libraries. */
static void skip(struct uzs_input *input, const char *path, const char *why)
{
	input->skipped_unreadable++;
	if (!input->libraries)
		input->failed = uzs_fail("cannot read %s: %s", path, why);
}

/* The directory is closed before its entries are walked: so depth costs memory,
 * not file descriptors. @named: the user named it, so it must be readable. */
static int walk_directory(struct uzs_input *input, const char *path,
			  enum walk walk, bool named)
{
	size_t slash = strlen(path);
	struct names names = { 0 };
	int error = read_names(path, &names);
	int status = 0;
	size_t i;

	if (error == ENOMEM)
		status = no_memory();
	else if (error && named)
		status = uzs_fail("cannot read %s: %s", path, strerror(error));
	else if (error)
		skip(input, path, strerror(error));
	while (slash && path[slash - 1] == '/')
		slash--;
	/* After an error: the names that were read before it. */
	for (i = 0; !status && i < names.count; i++) {
		size_t bytes = slash + strlen(names.name[i]) + 2;
		char *child = malloc(bytes);

		if (child) {
			snprintf(child, bytes, "%.*s/%s", (int)slash, path,
				 names.name[i]);
			status = walk_path(input, child, walk);
			free(child);
		} else {
			status = no_memory();
		}
		if (has_enough(input))
			break;
	}
	free_names(&names);
	return status;
}

/* NAME.so or NAME.so.VERSION. */
static bool is_library(const char *path)
{
	const char *name = strrchr(path, '/');
	const char *so = strstr(name ? name : path, ".so");

	return so && (!so[3] || so[3] == '.');
}

static int walk_path(struct uzs_input *input, const char *path, enum walk walk)
{
	struct stat stat;

	if (lstat(path, &stat)) {
		skip(input, path, strerror(errno));
		return 0;
	}
	if (S_ISDIR(stat.st_mode))
		return walk_directory(input, path, walk, false);
	if (walk == WALK_LIBRARIES &&
	    (!S_ISREG(stat.st_mode) || !is_library(path)))
		return 0;
	if (S_ISLNK(stat.st_mode)) {
		input->skipped_links++;
		return 0;
	}
	if (!S_ISREG(stat.st_mode)) {
		input->skipped_special++;
		return 0;
	}
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS)) {
		skip(input, path, strerror(errno));
		return 0;
	}
	return add_file(input, path, (uint64_t)stat.st_size, false);
}

int uzs_input_add(struct uzs_input *input, const char *path)
{
	struct stat status;

	if (!strcmp(path, "-"))
		return add_file(input, path, 0, true);
	if (stat(path, &status))
		return uzs_fail("cannot read %s: %s", path, strerror(errno));
	if (S_ISDIR(status.st_mode))
		return walk_directory(input, path, WALK_ALL, true);
	if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode))
		return uzs_fail("cannot read %s: it is a device or a socket",
				path);
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS))
		return uzs_fail("cannot read %s: %s", path, strerror(errno));
	return add_file(input, path, (uint64_t)status.st_size, true);
}

int uzs_input_add_libraries(struct uzs_input *input)
{
	static const char *const paths[] = { "/usr/lib", "/usr/lib64", "/lib",
					     "/lib64" };
	struct stat seen[sizeof(paths) / sizeof(paths[0])];
	size_t count = 0;
	size_t i, k;
	int status;

	input->libraries = true;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		/* On most machines some of the paths are links to others. */
		if (stat(paths[i], &seen[count]))
			continue;
		for (k = 0; k < count; k++) {
			if (seen[k].st_dev == seen[count].st_dev &&
			    seen[k].st_ino == seen[count].st_ino)
				break;
		}
		if (k < count)
			continue;
		count++;
		if (has_enough(input))
			break;
		status = walk_directory(input, paths[i], WALK_LIBRARIES, false);
		if (status)
			return status;
	}
	if (!input->count)
		return uzs_fail(
			"found no shared libraries in /usr/lib, /usr/lib64, /lib and /lib64: name some files");
	return 0;
}

/* Reads until @buffer is full or the file ends. Return: bytes, or -1. */
static ssize_t read_fully(int fd, char *buffer, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t got = read(fd, buffer + done, bytes - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (!got)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* Return: 0 or an exit status. A file that cannot be read to its end is
 * reported, but is no error. */
static int read_file(struct uzs_input *input, struct uzs_file *file, int fd,
		     size_t page_bytes, char *buffer, size_t buffer_bytes,
		     uzs_take_page *take, void *arg)
{
	for (;;) {
		size_t want = buffer_bytes;
		size_t offset, padded;
		bool full = false;
		ssize_t got;
		int status;

		if (input->max_bytes && want > input->max_bytes - input->bytes)
			want = (size_t)(input->max_bytes - input->bytes);
		if (!want) {
			/* Is there a byte that is cut off? */
			full = true;
			want = 1;
		}
		got = read_fully(fd, buffer, want);
		if (got < 0) {
			skip(input, uzs_file_name(file), strerror(errno));
			return 0;
		}
		if (full) {
			input->cut = got;
			return 0;
		}
		padded = ((size_t)got + page_bytes - 1) / page_bytes *
			 page_bytes;
		memset(buffer + got, 0, padded - (size_t)got);
		input->bytes += (uint64_t)got;
		for (offset = 0; offset < padded; offset += page_bytes) {
			status = take(arg, buffer + offset, file);
			if (status)
				return status;
			input->pages++;
		}
		if ((size_t)got < want)
			return 0;
	}
}

/* Return: a descriptor, or -1 after a message. */
static int open_file(struct uzs_input *input, const struct uzs_file *file)
{
	/* The file may have been replaced since it was found, for example by a
	 * pipe. Opening it must not wait. */
	int flags = file->named ? 0 : O_NONBLOCK | O_NOFOLLOW;
	struct stat stat;
	int fd;

	if (!strcmp(file->path, "-"))
		return STDIN_FILENO;
	fd = open(file->path, O_RDONLY | O_CLOEXEC | flags);
	if (fd < 0) {
		skip(input, file->path, strerror(errno));
		return -1;
	}
	if (!file->named && !fstat(fd, &stat) && !S_ISREG(stat.st_mode)) {
		skip(input, file->path, "it is no file any more");
		close(fd);
		return -1;
	}
	return fd;
}

int uzs_input_read(struct uzs_input *input, size_t page_bytes, void *buffer,
		   size_t buffer_bytes, uzs_take_page *take, void *arg)
{
	while (input->begun < input->count && !input->cut) {
		struct uzs_file *file = &input->files[input->begun++];
		uint64_t skipped = input->skipped_unreadable;
		uint64_t before = input->bytes;
		int status;
		int fd;

		file->first_page = input->pages;
		fd = open_file(input, file);
		if (fd < 0)
			continue;
		status = read_file(input, file, fd, page_bytes, buffer,
				   buffer_bytes, take, arg);
		if (fd != STDIN_FILENO)
			close(fd);
		if (status)
			return status;
		if (input->skipped_unreadable == skipped &&
		    (!input->cut || input->bytes > before))
			input->files_read++;
	}
	return 0;
}

const struct uzs_file *uzs_input_file(const struct uzs_input *input,
				      uint64_t page)
{
	size_t low = 0;
	size_t high = input->begun;

	/* The last file that begins at or before the page. A file without a
	 * page begins where the next one does, and comes before it. */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (input->files[middle].first_page <= page)
			low = middle;
		else
			high = middle;
	}
	return &input->files[low];
}
