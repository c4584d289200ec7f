/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pressure.c - see pressure.h. */
#define _GNU_SOURCE
#include "pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct pressure {
	int fd, stop; /* stop: an eventfd */
	void (*shrink)(void *arg);
	void *arg;
	pthread_t thread;
};

static void *watch(void *arg)
{
	struct pressure *p = arg;
	struct pollfd fds[2] = { { .fd = p->fd, .events = POLLPRI | POLLIN },
				 { .fd = p->stop, .events = POLLIN } };
	char bytes[64];

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue; /* no signal comes here */
		if (fds[1].revents)
			return NULL;
		/* A trigger whose cgroup is gone, a pipe without writer. */
		if (fds[0].revents & (POLLERR | POLLNVAL) ||
		    fds[0].revents == POLLHUP) {
			fds[0].fd = -1;
			continue;
		}
		/* A trigger that is ready says so for ever to who reads: it has
		 * POLLPRI alone. */
		if (fds[0].revents & POLLIN && !(fds[0].revents & POLLPRI) &&
		    read(p->fd, bytes, sizeof(bytes)) <= 0) {
			fds[0].fd = -1;
			continue;
		}
		p->shrink(p->arg);
	}
}

struct pressure *pressure_start_fd(int fd, void (*shrink)(void *arg), void *arg)
{
	struct pressure *p = malloc(sizeof(*p));
	sigset_t all, old;
	int err = ENOMEM;

	if (!p)
		goto no_memory;
	*p = (struct pressure){ .fd = fd, .shrink = shrink, .arg = arg };
	p->stop = eventfd(0, EFD_CLOEXEC);
	if (p->stop < 0) {
		err = errno;
		goto no_eventfd;
	}
	/* The program's signals are for its own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&p->thread, NULL, watch, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		return p;
	close(p->stop);
no_eventfd:
	free(p);
no_memory:
	close(fd);
	errno = err;
	return NULL;
}

struct pressure *pressure_start(const char *path, void (*shrink)(void *arg),
				void *arg)
{
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int err;

	if (fd < 0)
		return NULL;
	/* With its end, as the kernel wants it. */
	if (write(fd, PRESSURE_TRIGGER, sizeof(PRESSURE_TRIGGER)) < 0) {
		err = errno;
		close(fd);
		errno = err;
		return NULL;
	}
	return pressure_start_fd(fd, shrink, arg);
}

void pressure_stop(struct pressure *p)
{
	const uint64_t one = 1;

	if (!p)
		return;
	while (write(p->stop, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(p->thread, NULL);
	close(p->stop);
	close(p->fd);
	free(p);
}
