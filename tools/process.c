/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* process.c - asks the OS about the process: time, memory, the program's path.
 */
#include "uzs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

void uzs_start(void)
{
	static const int wrong_way[] = { O_WRONLY, O_RDONLY, O_RDONLY };
	int fd;

	for (fd = 0; fd < 3; fd++) {
		/* open returns the lowest free number, which is this one. */
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", wrong_way[fd]);
	}
	signal(SIGPIPE, SIG_IGN);
}

uint64_t uzs_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool uzs_rss_bytes(uint64_t *bytes)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	uint64_t resident;
	int fields;

	if (!statm)
		return false;
	fields = fscanf(statm, "%*s %" SCNu64, &resident);
	fclose(statm);
	if (fields != 1)
		return false;
	*bytes = resident * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

bool uzs_beside(const char *name, char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size);
	size_t room;
	char *slash;

	if (len <= 0 || (size_t)len >= size)
		return false;
	path[len] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	room = size - (size_t)(slash + 1 - path);
	return (size_t)snprintf(slash + 1, room, "%s", name) < room;
}

void *uzs_map_bytes(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	memset(memory, 0, bytes);
	return memory;
}

void uzs_unmap_bytes(void *memory, size_t bytes)
{
	if (memory)
		munmap(memory, bytes);
}
