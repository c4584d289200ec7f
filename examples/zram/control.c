/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* control.c - the control socket and the thread that serves it, one request
 * after the other. Owns no state of the device. */
#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Without descriptors or memory a client waits in the socket's queue, and poll
 * returns at once. */
#define RETRY_MS 100

/* Somebody who connects and says nothing holds the others up so long. */
#define PEER_SECONDS 5

struct control {
	char *path;
	int listen_fd, stop_fd;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
	struct uzram *dev;
};

static void control_free(struct control *control)
{
	if (control->listen_fd >= 0)
		close(control->listen_fd);
	if (control->stop_fd >= 0)
		close(control->stop_fd);
	free(control->path);
	free(control);
}

/* Is there a socket whose server is gone? */
static bool is_stale(const struct sockaddr_un *address)
{
	struct stat stat;
	bool stale;
	int fd;

	if (lstat(address->sun_path, &stat) || !S_ISSOCK(stat.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)address,
			sizeof(*address)) &&
		errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t mask = umask(077);
	int err = bind(fd, (const struct sockaddr *)address, sizeof(*address))
			  ? -errno
			  : 0;

	umask(mask);
	return err;
}

int control_listen(const char *path, struct control **out)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct control *control;
	int err;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	control = calloc(1, sizeof(*control));
	if (!control)
		return -ENOMEM;
	control->stop_fd = -1;
	control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	control->path = strdup(path);
	err = control->listen_fd < 0 ? -errno : control->path ? 0 : -ENOMEM;
	if (!err)
		err = bind_private(control->listen_fd, &address);
	if (err == -EADDRINUSE && is_stale(&address)) {
		unlink(path);
		err = bind_private(control->listen_fd, &address);
	}
	if (!err && listen(control->listen_fd, 8)) {
		err = -errno;
		unlink(path);
	}
	if (err) {
		control_free(control);
		return err;
	}
	*out = control;
	return 0;
}

/* Reads a line. Return: false when none came. */
static bool read_line(int fd, char *line, size_t bytes)
{
	size_t len = 0;
	char *end;

	while (len < bytes - 1) {
		ssize_t n = recv(fd, line + len, bytes - 1 - len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		len += (size_t)n;
		line[len] = 0;
		end = memchr(line, '\n', len);
		if (end) {
			*end = 0;
			return true;
		}
	}
	return false;
}

static void send_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* the one who asked is gone */
		text += n;
		len -= (size_t)n;
	}
}

static void serve(struct control *control, int fd)
{
	struct timeval patience = { .tv_sec = PEER_SECONDS };
	char line[CONTROL_LINE], why[CONTROL_LINE] = "";
	char *text = NULL, *head = NULL;
	size_t text_bytes = 0;
	FILE *out;
	int err;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!read_line(fd, line, sizeof(line)))
		return;
	out = open_memstream(&text, &text_bytes);
	if (!out)
		return;
	err = command_run(control->dev, line, &control->stop, out, why,
			  sizeof(why));
	if (fclose(out) == 0 &&
	    asprintf(&head, err ? "error: %s\n" : "ok%s\n", why) >= 0) {
		send_all(fd, head, strlen(head));
		send_all(fd, text, text_bytes);
		free(head);
	}
	free(text);
}

static void *control_thread(void *arg)
{
	struct control *control = arg;
	struct pollfd polls[2] = { { control->listen_fd, POLLIN, 0 },
				   { control->stop_fd, POLLIN, 0 } };

	while (!atomic_load(&control->stop)) {
		int fd;

		if (poll(polls, 2, -1) < 0 && errno != EINTR)
			break;
		if (!(polls[0].revents & POLLIN))
			continue;
		fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			poll(&polls[1], 1, RETRY_MS);
			continue;
		}
		serve(control, fd);
		close(fd);
	}
	return NULL;
}

int control_start(struct control *control, struct uzram *dev)
{
	sigset_t all, before;
	int err;

	control->dev = dev;
	control->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (control->stop_fd < 0)
		return -errno;
	/* signals are for the server's own threads */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&control->thread, NULL, control_thread, control);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	control->started = !err;
	return -err;
}

void control_stop(struct control *control)
{
	uint64_t one = 1;

	if (!control)
		return;
	atomic_store(&control->stop, true);
	if (control->started) {
		while (write(control->stop_fd, &one, sizeof(one)) < 0 &&
		       errno == EINTR)
			;
		pthread_join(control->thread, NULL);
	}
	unlink(control->path);
	control_free(control);
}
