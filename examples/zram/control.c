/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* control.c - the control socket: a thread that takes connections, and one for
 * each connection. Owns no state of the device.
 *
 * No client delays others: each has its own thread and a deadline. When all
 * places are taken, the client that has been slow for longest is dropped.
 */
#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "fds.h"

/* Delay before the next try. Without descriptors or memory a client waits in
 * the socket's queue, and poll returns at once. */
#define RETRY_MS 100

/* For a whole request, and again for its whole answer. */
#define PEER_MS 5000

enum client_state {
	CLIENT_NONE, /* the place is free */
	CLIENT_SLOW, /* we wait for the client */
	CLIENT_SERVED, /* the client waits for us */
	CLIENT_DROPPED, /* was slow, and its place was needed */
	CLIENT_DONE /* its thread is about to end */
};

struct client {
	struct control *control; /* guard: const */
	int fd; /* guard: const while there is a client */
	pthread_t thread; /* used only by the accepting thread */
	enum client_state state; /* guard: control->lock */
	uint64_t since; /* when the state began; guard: control->lock */
};

struct control {
	char *path;
	int listen_fd, stop_fd;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
	struct uzram *dev;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a client's state changed, or stop was set */
	uint64_t changes; /* guard: lock */
	struct client clients[CONTROL_CLIENTS];
};

static void control_free(struct control *control)
{
	if (control->listen_fd >= 0)
		close(control->listen_fd);
	if (control->stop_fd >= 0)
		close(control->stop_fd);
	pthread_mutex_destroy(&control->lock);
	pthread_cond_destroy(&control->changed);
	free(control->path);
	free(control);
}

int control_listen(const char *path, struct control **out)
{
	struct control *control = calloc(1, sizeof(*control));
	int err;

	if (!control)
		return -ENOMEM;
	pthread_mutex_init(&control->lock, NULL);
	pthread_cond_init(&control->changed, NULL);
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		control->clients[i].control = control;
	control->stop_fd = -1;
	control->listen_fd = -1;
	control->path = strdup(path);
	err = control->path ? address_listen(path) : -ENOMEM;
	if (err < 0) {
		control_free(control);
		return err;
	}
	control->listen_fd = err;
	*out = control;
	return 0;
}

/* ---- a client ----------------------------------------------------------- */

/* Locks: needs control->lock. */
static void set_state(struct client *client, enum client_state state)
{
	client->state = state;
	client->since = client->control->changes++;
	pthread_cond_broadcast(&client->control->changed);
}

/* Changes to the next state. Return: false if the client was dropped. */
static bool next_state(struct client *client, enum client_state state)
{
	struct control *control = client->control;
	bool dropped;

	pthread_mutex_lock(&control->lock);
	dropped = client->state == CLIENT_DROPPED;
	if (!dropped || state == CLIENT_DONE)
		set_state(client, state);
	pthread_mutex_unlock(&control->lock);
	return !dropped;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Return: false at the deadline, or if the server is to end and the client is
 * not ready. */
static bool wait_for(struct client *client, short events, int64_t deadline)
{
	struct pollfd polls[2] = { { client->fd, events, 0 },
				   { client->control->stop_fd, POLLIN, 0 } };
	int64_t left;

	while ((left = deadline - now_ms()) > 0) {
		int n = poll(polls, 2, (int)left);

		if (n < 0 && errno == EINTR)
			continue;
		return n > 0 && polls[0].revents;
	}
	return false;
}

/* Reads a line. Return: NULL, or why there is none. */
static const char *read_line(struct client *client, char *line, size_t bytes)
{
	int64_t deadline = now_ms() + PEER_MS;
	size_t len = 0;
	char *end;

	while (len < bytes - 1) {
		ssize_t n;

		if (!wait_for(client, POLLIN, deadline))
			return "no request came in time";
		n = recv(client->fd, line + len, bytes - 1 - len, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return "no request came";
		len += (size_t)n;
		line[len] = 0;
		end = memchr(line, '\n', len);
		if (end) {
			*end = 0;
			return NULL;
		}
	}
	return "the request is too long";
}

static void send_all(struct client *client, const char *text, size_t len,
		     int64_t deadline)
{
	while (len && wait_for(client, POLLOUT, deadline)) {
		ssize_t n = send(client->fd, text, len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return; /* the client has gone */
		text += n;
		len -= (size_t)n;
	}
}

/* @why: "" or a reason; @text: the output. */
static void answer(struct client *client, bool failed, const char *why,
		   const char *text, size_t text_bytes)
{
	int64_t deadline = now_ms() + PEER_MS;
	char head[2 * CONTROL_LINE];

	snprintf(head, sizeof(head), failed ? "error: %s\n" : "ok%s\n", why);
	send_all(client, head, strlen(head), deadline);
	send_all(client, text, text_bytes, deadline);
}

static void serve(struct client *client)
{
	struct control *control = client->control;
	char line[CONTROL_LINE], why[CONTROL_LINE] = "";
	const char *wrong = read_line(client, line, sizeof(line));
	char *text = NULL;
	size_t text_bytes = 0;
	FILE *out;
	int err;

	if (wrong) {
		answer(client, true, wrong, NULL, 0);
		return;
	}
	if (!next_state(client, CLIENT_SERVED))
		return;
	out = open_memstream(&text, &text_bytes);
	if (!out) {
		answer(client, true, strerror(errno), NULL, 0);
		return;
	}
	err = command_run(control->dev, line, &control->stop, out, why,
			  sizeof(why));
	next_state(client, CLIENT_SLOW);
	if (fclose(out))
		answer(client, true, strerror(errno), NULL, 0);
	else
		answer(client, err, why, text, text_bytes);
	free(text);
}

static void *client_thread(void *arg)
{
	struct client *client = arg;

	serve(client);
	/* in this order: after it no other thread uses the descriptor */
	next_state(client, CLIENT_DONE);
	close(client->fd);
	return NULL;
}

/* ---- taking connections ------------------------------------------------- */

/* Locks: needs control->lock. */
static struct client *find(struct control *control, enum client_state state)
{
	struct client *found = NULL;

	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *client = &control->clients[i];

		if (client->state == state &&
		    (!found || client->since < found->since))
			found = client;
	}
	return found;
}

/* Waits for a free place. If there is none, drops the client that has been slow
 * for longest. Return: NULL if the server is to end. */
static struct client *find_place(struct control *control)
{
	struct client *place = NULL, *slow;

	pthread_mutex_lock(&control->lock);
	while (!atomic_load(&control->stop)) {
		place = find(control, CLIENT_DONE);
		if (place) {
			pthread_join(place->thread, NULL);
			place->state = CLIENT_NONE;
		}
		place = find(control, CLIENT_NONE);
		if (place)
			break;
		slow = find(control, CLIENT_SLOW);
		if (slow && !find(control, CLIENT_DROPPED)) {
			shutdown(slow->fd, SHUT_RDWR);
			set_state(slow, CLIENT_DROPPED);
		}
		pthread_cond_wait(&control->changed, &control->lock);
	}
	pthread_mutex_unlock(&control->lock);
	return place;
}

/* Return: false if there is no descriptor or no thread for the client. */
static bool take_client(struct control *control, struct client *place)
{
	bool taken;

	place->fd = fd_above_standard(
		accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC));
	if (place->fd < 0)
		return false;
	pthread_mutex_lock(&control->lock);
	taken = !pthread_create(&place->thread, NULL, client_thread, place);
	if (taken)
		set_state(place, CLIENT_SLOW);
	pthread_mutex_unlock(&control->lock);
	if (!taken)
		close(place->fd);
	return taken;
}

static bool has_thread(struct client *client)
{
	struct control *control = client->control;
	bool has;

	pthread_mutex_lock(&control->lock);
	has = client->state != CLIENT_NONE;
	pthread_mutex_unlock(&control->lock);
	return has;
}

static void *control_thread(void *arg)
{
	struct control *control = arg;
	struct pollfd polls[2] = { { control->listen_fd, POLLIN, 0 },
				   { control->stop_fd, POLLIN, 0 } };

	while (!atomic_load(&control->stop)) {
		struct client *place;

		if (poll(polls, 2, -1) < 0) {
			if (errno != EINTR)
				break;
			continue;
		}
		if (!(polls[0].revents & POLLIN))
			continue;
		place = find_place(control);
		if (place && !take_client(control, place))
			poll(&polls[1], 1, RETRY_MS);
	}
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (has_thread(&control->clients[i]))
			pthread_join(control->clients[i].thread, NULL);
	return NULL;
}

int control_start(struct control *control, struct uzram *dev)
{
	sigset_t all, before;
	int err;

	control->dev = dev;
	control->stop_fd = fd_above_standard(eventfd(0, EFD_CLOEXEC));
	if (control->stop_fd < 0)
		return -errno;
	/* the server's own threads handle signals */
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
	pthread_mutex_lock(&control->lock);
	atomic_store(&control->stop, true);
	pthread_cond_broadcast(&control->changed);
	pthread_mutex_unlock(&control->lock);
	if (control->started) {
		while (write(control->stop_fd, &one, sizeof(one)) < 0 &&
		       errno == EINTR)
			;
		pthread_join(control->thread, NULL);
	}
	unlink(control->path);
	control_free(control);
}
