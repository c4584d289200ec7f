/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fds.h - descriptors above the standard three. In a process that was started
 * without these, the next opened file would get one of their numbers, and the
 * program's output would go into it.
 */
#ifndef UZRAM_FDS_H
#define UZRAM_FDS_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* @fd: from a call that opens something with O_CLOEXEC, or -1 with errno.
 * Return: a descriptor for the same file above the standard ones; or -1 with
 * errno, and `fd` is closed. */
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
