/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fds.h - descriptors that are none of the standard three. In a process that
 * was started without these, the next file that is opened would be one, and
 * what is printed would go into it.
 */
#ifndef UZRAM_FDS_H
#define UZRAM_FDS_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* @fd: of a call that opens something with O_CLOEXEC, or -1 with errno.
 * Return: a descriptor above the standard ones for the same, or -1 with errno;
 * `fd` is closed then. */
static inline int fd_above_standard(int fd)
{
	int above, err;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	above = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	err = errno;
	close(fd);
	errno = err;
	return above;
}

#endif
