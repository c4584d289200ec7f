/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* os.c - see os.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os.h"

int os_keep_fd(int fd)
{
	int kept, err;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	kept = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	err = errno;
	close(fd);
	errno = err;
	return kept;
}

void *os_map(size_t bytes)
{
	/* Memory without access rights is not filled in; it stays locked. */
	void *p = mmap(NULL, bytes, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int err;

	if (p == MAP_FAILED)
		return NULL;
	if (!munlock(p, bytes) && !mprotect(p, bytes, PROT_READ | PROT_WRITE))
		return p;
	err = errno;
	munmap(p, bytes);
	errno = err;
	return NULL;
}

int os_drop(void *base, size_t bytes)
{
	if (!madvise(base, bytes, MADV_DONTNEED))
		return 0;
	/* The system reports locked memory with EINVAL. */
	if (errno == EINVAL && !munlock(base, bytes) &&
	    !madvise(base, bytes, MADV_DONTNEED))
		return 0;
	return -errno;
}
