/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* The control socket: clients that are slow or many, commands at the same time,
 * no descriptors, long paths; files opened by a process without the standard
 * descriptors. */
#include "util.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "address.h"
#include "control.h"
#include "fds.h"

#define BLOCK 4096

/* Clients wait for an answer this long at most. */
#define PATIENCE_SECONDS 60

int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);

static _Atomic bool no_descriptors, small_buffers;
static _Atomic unsigned int failed_accepts;

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	int taken, least = 1;

	if (no_descriptors) {
		failed_accepts++;
		errno = EMFILE;
		return -1;
	}
	taken = __real_accept4(fd, address, len, flags);
	if (taken >= 0 && small_buffers)
		setsockopt(taken, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	return taken;
}

struct server {
	struct uzram *dev;
	struct control *control;
	char path[512];
};

static void server_start(struct server *server)
{
	struct uzram_config config = test_config(BLOCK, "lz4", "zstd");

	server->dev = test_device(&config);
	test_file(server->path, sizeof(server->path));
	unlink(server->path);
	assert_int_equal(control_listen(server->path, &server->control), 0);
	assert_int_equal(control_start(server->control, server->dev), 0);
}

static void server_stop(struct server *server)
{
	control_stop(server->control);
	assert_int_equal(access(server->path, F_OK), -1);
	uzram_destroy(server->dev);
}

static int client(const struct server *server)
{
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	int fd = address_connect(server->path);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
}

/* Return: bytes of the whole answer; 0 if there is none. */
static size_t listen_to(int fd, char *answer, size_t bytes)
{
	size_t len = 0;
	ssize_t n;

	while (len < bytes - 1 &&
	       (n = recv(fd, answer + len, bytes - 1 - len, 0)) > 0)
		len += (size_t)n;
	answer[len] = 0;
	return len;
}

static void assert_served(const struct server *server, const char *line)
{
	char answer[8192];
	int fd = client(server);

	say(fd, line);
	assert_true(listen_to(fd, answer, sizeof(answer)) > 3);
	assert_int_equal(strncmp(answer, "ok\n", 3), 0);
	close(fd);
}

/* Has the connection ended? */
static bool is_over(int fd)
{
	struct pollfd poll_fd = { fd, POLLIN, 0 };
	char byte;

	return poll(&poll_fd, 1, 0) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

/* ---- slow clients ------------------------------------------------------- */

/* Some clients send nothing, some only a part: all others are served
 * meanwhile. */
static void test_slow_clients(void **state)
{
	struct server server;
	char answer[64];
	int slow[10];

	server_start(&server);
	for (int i = 0; i < 10; i++) {
		slow[i] = client(&server);
		if (i % 2)
			say(slow[i], "mm_s");
	}
	for (int i = 0; i < 5; i++)
		assert_served(&server, "mm_stat\n");
	for (int i = 0; i < 10; i++)
		assert_false(is_over(slow[i]));
	/* a line that is too long is an error */
	for (int i = 0; i < CONTROL_LINE; i++)
		if (send(slow[4], "m", 1, MSG_NOSIGNAL) != 1)
			break;
	assert_true(listen_to(slow[4], answer, sizeof(answer)) > 3);
	assert_string_equal(answer, "error: the request is too long\n");
	/* slow clients that go on are served, too */
	say(slow[3], "tat\n");
	assert_true(listen_to(slow[3], answer, sizeof(answer)) > 3);
	for (int i = 0; i < 10; i++)
		close(slow[i]);
	server_stop(&server);
}

/* More clients than places: the one that was slow for longest is dropped. */
static void test_many_slow_clients(void **state)
{
	struct server server;
	int slow[3 * CONTROL_CLIENTS], over = 0;

	server_start(&server);
	for (int i = 0; i < 3 * CONTROL_CLIENTS; i++)
		slow[i] = client(&server);
	assert_served(&server, "mm_stat\n");
	for (int i = 0; i < 3 * CONTROL_CLIENTS; i++)
		over += is_over(slow[i]);
	/* the client being served needs one more place */
	assert_in_range(over, 2 * CONTROL_CLIENTS, 2 * CONTROL_CLIENTS + 1);
	for (int i = 0; i < 2 * CONTROL_CLIENTS; i++)
		assert_true(is_over(slow[i]));
	for (int i = 0; i < 3 * CONTROL_CLIENTS; i++)
		close(slow[i]);
	server_stop(&server);
}

/* A byte now and then does not extend the deadline of a request. */
static void test_deadline(void **state)
{
	struct server server;
	struct timespec from, to;
	int fd;

	server_start(&server);
	clock_gettime(CLOCK_MONOTONIC, &from);
	fd = client(&server);
	for (int i = 0; i < 200 && !is_over(fd); i++) {
		send(fd, "m", 1, MSG_NOSIGNAL);
		usleep(200000);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	/* it would be 40 s if each byte extended it */
	assert_in_range(to.tv_sec - from.tv_sec, 4, 30);
	close(fd);
	server_stop(&server);
}

/* Clients that ask for more than is buffered, and read nothing, delay neither
 * other clients nor the server's end. */
static void test_deaf_clients(void **state)
{
	struct server server;
	struct timespec from, to;
	int deaf[CONTROL_CLIENTS + 5];

	server_start(&server);
	small_buffers = true;
	for (int i = 0; i < CONTROL_CLIENTS + 5; i++) {
		deaf[i] = client(&server);
		say(deaf[i], "classes\n");
	}
	assert_served(&server, "mm_stat\n");
	small_buffers = false;
	clock_gettime(CLOCK_MONOTONIC, &from);
	server_stop(&server);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_in_range(to.tv_sec - from.tv_sec, 0, 3);
	for (int i = 0; i < CONTROL_CLIENTS + 5; i++)
		close(deaf[i]);
}

/* ---- commands at the same time ------------------------------------------ */

static void *asker(void *arg)
{
	static const char *const lines[] = { "idle\n",	  "recompress idle\n",
					     "stat\n",	  "mm_stat\n",
					     "reset\n",	  "compact\n",
					     "check\n",	  "reset-max\n",
					     "limit 9M\n" };
	struct server *server = arg;

	for (unsigned int i = 0; i < 60; i++) {
		unsigned long n = i * 7 + (uintptr_t)&i / 4096;

		if (i % 5 == 0) {
			uzram_open(server->dev);
			put(server->dev, n % 64, MIXED, i);
			uzram_close(server->dev);
		}
		if (i % 10 == 4) { /* may find a free place, so it may be
				    * answered, too */
			int fd = client(server);
			char answer[256];

			say(fd, lines[4]);
			assert_true(listen_to(fd, answer, sizeof(answer)) > 3);
			close(fd);
			continue;
		}
		n %= sizeof(lines) / sizeof(lines[0]);
		if (n != 4)
			assert_served(server, lines[n]);
	}
	return NULL;
}

static void test_commands_together(void **state)
{
	pthread_t threads[4];
	struct server server;

	server_start(&server);
	for (int i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, asker, &server), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_figures(server.dev);
	assert_served(&server, "reset\n");
	assert_int_equal(count_of(&server.dev->counters.stored), 0);
	assert_figures(server.dev);
	server_stop(&server);
}

/* ---- descriptors -------------------------------------------------------- */

/* Without descriptors the thread waits and does not spin. */
static void test_no_descriptors(void **state)
{
	struct server server;
	char answer[256];
	int fd;

	no_descriptors = true;
	server_start(&server);
	fd = client(&server);
	say(fd, "mm_stat\n");
	while (!failed_accepts)
		usleep(1000);
	usleep(250000);
	/* a thread that spins tries thousands of times */
	assert_in_range(failed_accepts, 1, 50);
	no_descriptors = false;
	assert_true(listen_to(fd, answer, sizeof(answer)) > 3);
	assert_int_equal(strncmp(answer, "ok\n", 3), 0);
	close(fd);
	server_stop(&server);
}

/* Runs in a process without the standard descriptors. Return: what is wrong, or
 * NULL. */
static const char *open_without_standard(void)
{
	struct uzram_config config = { .block = BLOCK,
				       .size = 64 * BLOCK,
				       .backing_fd = -1,
				       .defer = ZS_DEFER_NONE };
	char path[512], socket_path[520], why[512], answer[64];
	struct control *control;
	struct uzram *dev;
	const char *what;
	struct stat stat;
	int fd;

	test_file(path, sizeof(path));
	snprintf(socket_path, sizeof(socket_path), "%s.sock", path);
	codec_parse("lz4", &config.algo);
	close(0);
	close(1);
	close(2);
	config.backing_fd = backing_open(path, BLOCK, 9 * BLOCK, &what);
	if (config.backing_fd <= 2)
		return "the backing file";
	if (uzram_create(&config, &dev, why, sizeof(why)))
		return "no device";
	if (control_listen(socket_path, &control) ||
	    control_start(control, dev))
		return "no control socket";
	fd = fd_above_standard(address_connect(socket_path));
	if (fd <= 2)
		return "the client's descriptor";
	if (send(fd, "mm_stat\n", 8, MSG_NOSIGNAL) != 8 ||
	    !listen_to(fd, answer, sizeof(answer)))
		return "no answer";
	for (int i = 0; i <= 2; i++)
		if (!fstat(i, &stat))
			return "a standard descriptor is in use";
	close(fd);
	control_stop(control);
	uzram_destroy(dev);
	unlink(path);
	return NULL;
}

static void test_standard_descriptors(void **state)
{
	int status, wrong = fcntl(2, F_DUPFD_CLOEXEC, 10);
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		const char *what = open_without_standard();

		if (what)
			dprintf(wrong, "%s\n", what);
		_exit(what != NULL);
	}
	close(wrong);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* A child forked meanwhile, which lives on, does not keep the file. */
static void test_forked_child(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	const char *why;
	char path[512];
	int fd, ends[2];
	pid_t child;

	test_backing_file(&config, path, sizeof(path), 9 * BLOCK);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		char byte;

		close(ends[1]);
		_exit(read(ends[0], &byte, 1) != 0);
	}
	assert_int_equal(backing_open(path, BLOCK, 0, &why), -EWOULDBLOCK);
	uzram_destroy(test_device(&config));
	fd = backing_open(path, BLOCK, 0, &why);
	assert_true(fd >= 0);
	close(fd);
	close(ends[1]);
	assert_int_equal(waitpid(child, &fd, 0), child);
	assert_int_equal(fd, 0);
	close(ends[0]);
	unlink(path);
}

/* ---- long paths --------------------------------------------------------- */

static void assert_listens_at(const char *path)
{
	struct stat stat;
	int fd, client_fd;

	fd = address_listen(path);
	assert_true(fd >= 0);
	assert_int_equal(lstat(path, &stat), 0);
	assert_true(S_ISSOCK(stat.st_mode));
	assert_int_equal(stat.st_mode & 0777, 0700);
	client_fd = address_connect(path);
	assert_true(client_fd >= 0);
	close(client_fd);
	/* not while it is in use, but after its server has ended */
	assert_int_equal(address_listen(path), -EADDRINUSE);
	close(fd);
	assert_int_equal(address_connect(path), -ECONNREFUSED);
	fd = address_listen(path);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	assert_int_equal(address_connect(path), -ENOENT);
}

static void test_long_paths(void **state)
{
	char path[4000], name[251], dirs[12][1000];
	struct dirent *entry;
	DIR *dir;
	size_t len;

	test_file(path, sizeof(path));
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	len = strlen(path);
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	/* around the longest path of an address, then in a deep directory */
	for (size_t to = 104; to < 112; to++) {
		snprintf(path + len, sizeof(path) - len, "/%.*s",
			 (int)(to - len - 1), name);
		assert_int_equal(strlen(path), to);
		assert_listens_at(path);
	}
	for (int i = 0; i < 12; i++) {
		len += (size_t)snprintf(path + len, sizeof(path) - len,
					"/%.60s", name);
		assert_int_equal(mkdir(path, 0700), 0);
		strcpy(dirs[i], path);
	}
	strcpy(path + len, "/ctl.sock");
	assert_listens_at(path);
	snprintf(path + len, sizeof(path) - len, "/%s", name);
	assert_listens_at(path);
	/* nothing else is left in the directory */
	dir = opendir(dirs[11]);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		assert_int_equal(entry->d_name[0], '.');
	rewinddir(dir);
	len = 0;
	while (readdir(dir))
		len++;
	assert_int_equal(len, 2);
	closedir(dir);
	strcpy(path + strlen(dirs[11]), "/nowhere/ctl.sock");
	assert_int_equal(address_listen(path), -ENOENT);
	assert_int_equal(address_connect(path), -ENOENT);
	for (int i = 12; i-- > 0;)
		assert_int_equal(rmdir(dirs[i]), 0);
	*strrchr(dirs[0], '/') = 0;
	assert_int_equal(rmdir(dirs[0]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_clients),
		cmocka_unit_test(test_many_slow_clients),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_deaf_clients),
		cmocka_unit_test(test_commands_together),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_standard_descriptors),
		cmocka_unit_test(test_forked_child),
		cmocka_unit_test(test_long_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
