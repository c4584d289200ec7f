/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pressure.c - see pressure.h. */
#define _GNU_SOURCE
#include "pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct pressure {
	int fd, stop; /* stop: an eventfd */
	short events; /* of fd */
	void (*shrink)(void *arg);
	void *arg;
	pthread_t thread;
};

/* Is there pressure? False: the file tells no more. */
static bool take_event(struct pressure *p, short revents)
{
	char bytes[64];

	/* The kernel's trigger is told by POLLPRI alone: its file can always be
	 * read. */
	if (revents & p->events & POLLPRI)
		return true;
	return revents & p->events & POLLIN &&
	       read(p->fd, bytes, sizeof(bytes)) > 0;
}

static void *watch(void *arg)
{
	struct pressure *p = arg;
	struct pollfd fds[2] = { { .fd = p->fd, .events = p->events },
				 { .fd = p->stop, .events = POLLIN } };

	for (;;) {
		if (poll(fds, 2, -1) < 0) {
			usleep(100000); /* no memory: there is pressure */
			p->shrink(p->arg);
			continue;
		}
		if (fds[1].revents)
			return NULL;
		if (take_event(p, fds[0].revents))
			p->shrink(p->arg);
		else
			fds[0].fd = -1; /* the cgroup, or the writer, is gone */
	}
}

static struct pressure *start(int fd, short events, void (*shrink)(void *arg),
			      void *arg)
{
	struct pressure *p = malloc(sizeof(*p));
	sigset_t all, old;
	int err = ENOMEM;

	if (!p)
		goto no_memory;
	*p = (struct pressure){
		.fd = fd, .events = events, .shrink = shrink, .arg = arg
	};
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

struct pressure *pressure_start_fd(int fd, void (*shrink)(void *arg), void *arg)
{
	return start(fd, POLLIN, shrink, arg);
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
	return start(fd, POLLPRI, shrink, arg);
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
