/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* address.c - listening and connecting at a path. Owns no state. */
#define _GNU_SOURCE
#include "address.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "fds.h"

/* Most clients that can wait for accept. */
#define BACKLOG 64

/* Return: false if the path is too long. */
__attribute__((format(printf, 2, 3))) static bool
address_set(struct sockaddr_un *address, const char *format, ...)
{
	const int room = sizeof(address->sun_path);
	va_list args;
	int len;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	va_start(args, format);
	len = vsnprintf(address->sun_path, (size_t)room, format, args);
	va_end(args);
	return len >= 0 && len < room;
}

static int new_socket(void)
{
	return fd_above_standard(
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

int address_connect(const char *path)
{
	struct sockaddr_un address;
	int file = -1, fd, err = 0;

	if (!address_set(&address, "%s", path)) {
		file = fd_above_standard(open(path, O_PATH | O_CLOEXEC));
		if (file < 0)
			return -errno;
		address_set(&address, "/proc/self/fd/%d", file);
	}
	fd = new_socket();
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		err = -errno;
	if (file >= 0)
		close(file);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

static int bind_to(int fd, const struct sockaddr_un *address)
{
	return bind(fd, (const struct sockaddr *)address, sizeof(*address))
		       ? -errno
		       : 0;
}

/* For a name that is too long even under /proc: binds a short name first. */
static int bind_long_name(int fd, int dir, const char *name)
{
	struct sockaddr_un address;
	char first[32];
	int err;

	snprintf(first, sizeof(first), ".uzram.%d", (int)getpid());
	address_set(&address, "/proc/self/fd/%d/%s", dir, first);
	err = bind_to(fd, &address);
	if (err)
		return err;
	if (linkat(dir, first, dir, name, 0))
		err = errno == EEXIST ? -EADDRINUSE : -errno;
	unlinkat(dir, first, 0);
	return err;
}

static int bind_in_directory(int fd, const char *path)
{
	const char *slash = strrchr(path, '/'),
		   *name = slash ? slash + 1 : path;
	size_t dir_len = slash == path ? 1 : (size_t)(name - path);
	char *dir_path = slash ? strndup(path, dir_len) : strdup(".");
	struct sockaddr_un address;
	int dir, err;

	if (!dir_path)
		return -ENOMEM;
	dir = fd_above_standard(
		open(dir_path, O_PATH | O_DIRECTORY | O_CLOEXEC));
	err = dir < 0 ? -errno : 0;
	free(dir_path);
	if (err)
		return err;
	err = address_set(&address, "/proc/self/fd/%d/%s", dir, name)
		      ? bind_to(fd, &address)
		      : bind_long_name(fd, dir, name);
	close(dir);
	return err;
}

static int bind_private(int fd, const char *path)
{
	mode_t mask = umask(077);
	struct sockaddr_un address;
	int err = address_set(&address, "%s", path)
			  ? bind_to(fd, &address)
			  : bind_in_directory(fd, path);

	umask(mask);
	return err;
}

/* Is there a socket without a server? */
static bool is_stale(const char *path)
{
	struct stat stat;
	int fd;

	if (lstat(path, &stat) || !S_ISSOCK(stat.st_mode))
		return false;
	fd = address_connect(path);
	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED;
}

static int try_listen(const char *path)
{
	int fd = new_socket(), err;

	if (fd < 0)
		return -errno;
	err = bind_private(fd, path);
	if (!err && listen(fd, BACKLOG)) {
		err = -errno;
		unlink(path);
	}
	if (!err)
		return fd;
	close(fd);
	return err;
}

int address_listen(const char *path)
{
	int fd = try_listen(path);

	if (fd != -EADDRINUSE || !is_stale(path))
		return fd;
	unlink(path);
	return try_listen(path);
}
