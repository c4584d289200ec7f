/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* compare.c - see compare.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* environ, pipe2 */
#endif
#include "compare.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFER_BYTES (256u * 1024)
#define PRELOAD "LD_PRELOAD="

/* The system's linker looks for each of `libraries` where it looks for any
 * program's; those that are not there it passes over. */
static const struct known {
	const char *name;
	const char *libraries; /* NULL: what every program has */
	const char *package; /* Debian's */
} known[] = {
	{ "malloc", NULL, NULL },
	{ "jemalloc", "libjemalloc.so.2", "libjemalloc2" },
	{ "mimalloc", "libmimalloc.so.3 libmimalloc.so.2 libmimalloc.so.2.0",
	  "libmimalloc2.0" },
	{ "tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4" },
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

static const struct known *find_known(const char *name, size_t len)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (strlen(known[i].name) == len &&
		    !memcmp(name, known[i].name, len))
			return &known[i];
	return NULL;
}

int uzs_rivals_parse(const char *text, struct uzs_rivals *rivals)
{
	const char *at = text, *end;

	rivals->nr = 0;
	for (; at; at = *end ? end + 1 : NULL) {
		const struct known *found;

		end = at + strcspn(at, ",");
		found = find_known(at, (size_t)(end - at));
		if (!found)
			return uzs_usage(
				"store",
				"--compare takes malloc, jemalloc, mimalloc, tcmalloc or some of them with commas, not '%s'",
				text);
		for (unsigned int i = 0; i < rivals->nr; i++)
			if (rivals->list[i].name == found->name)
				return uzs_usage("store",
						 "--compare: %s is there twice",
						 found->name);
		rivals->list[rivals->nr++].name = found->name;
	}
	return 0;
}

/* ---- the other process ------------------------------------------------------ */

struct rival {
	const struct known *known;
	const struct uzs_pages *pages;
	struct uzs_progress progress;
	pid_t pid;
	int to, from;
	unsigned char *buffer;
	size_t filled;
	uint64_t sent; /* pages */
};

/* The environment with another LD_PRELOAD, or without one. The caller frees it; the
 * strings are those of the environment, and *entry. NULL: no memory. */
static char **environment(const char *libraries, char **entry)
{
	size_t nr = 0, kept = 0;
	char **env;

	*entry = NULL;
	while (environ[nr])
		nr++;
	env = calloc(nr + 2, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < nr; i++)
		if (strncmp(environ[i], PRELOAD, strlen(PRELOAD)))
			env[kept++] = environ[i];
	if (!libraries)
		return env;
	*entry = malloc(strlen(PRELOAD) + strlen(libraries) + 1);
	if (!*entry) {
		free(env);
		return NULL;
	}
	strcpy(*entry, PRELOAD);
	strcat(*entry, libraries);
	env[kept] = *entry;
	return env;
}

/* Starts it between the two pipes. Its stderr goes nowhere: a failure is in the
 * report, and the linker's line on a library that it does not find says less than
 * ours. Return: 0 or an errno. */
static int spawn(struct rival *rival, int in, int out)
{
	char *argv[] = { (char *)"uzs", (char *)"hold",
			 (char *)rival->known->name, NULL };
	posix_spawn_file_actions_t actions;
	char **env, *entry;
	int error;

	error = posix_spawn_file_actions_init(&actions);
	if (error)
		return error;
	env = environment(rival->known->libraries, &entry);
	error = env ? 0 : ENOMEM;
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, in,
							 STDIN_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, out,
							 STDOUT_FILENO);
	if (!error)
		error = posix_spawn_file_actions_addopen(
			&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!error)
		error = posix_spawn(&rival->pid, "/proc/self/exe", &actions,
				    NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	free(entry);
	free(env);
	return error;
}

static int start(struct rival *rival)
{
	int in[2], out[2], error;

	if (pipe2(in, O_CLOEXEC))
		return errno;
	if (pipe2(out, O_CLOEXEC)) {
		error = errno;
		close(in[0]);
		close(in[1]);
		return error;
	}
	error = spawn(rival, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	rival->to = in[1];
	rival->from = out[0];
	if (error) {
		close(rival->to);
		close(rival->from);
	}
	return error;
}

/* Return: 0 or an errno; EPIPE: it takes no more. */
static int flush(struct rival *rival)
{
	size_t at = 0;

	while (at < rival->filled) {
		ssize_t n = write(rival->to, rival->buffer + at,
				  rival->filled - at);

		if (n < 0 && errno != EINTR)
			return errno;
		at += n > 0 ? (size_t)n : 0;
	}
	rival->filled = 0;
	return 0;
}

static int send_bytes(struct rival *rival, const void *from, size_t bytes)
{
	while (bytes) {
		size_t n = BUFFER_BYTES - rival->filled;

		if (n > bytes)
			n = bytes;
		memcpy(rival->buffer + rival->filled, from, n);
		rival->filled += n;
		from = (const char *)from + n;
		bytes -= n;
		if (rival->filled == BUFFER_BYTES) {
			int error = flush(rival);

			if (error)
				return error;
		}
	}
	return 0;
}

static int send_object(void *arg, const void *object, uint32_t bytes)
{
	struct rival *rival = arg;
	int error = send_bytes(rival, &bytes, sizeof(bytes));

	uzs_progress_update(&rival->progress, rival->sent++);
	return error ? error : send_bytes(rival, object, bytes);
}

static int send_all(struct rival *rival, const struct uzs_choice *choice)
{
	const struct uzs_hold_plan plan = {
		.pages = rival->pages->count,
		.frees = choice->count,
	};
	int error = send_bytes(rival, &plan, sizeof(plan));

	if (!error)
		error = uzs_pages_each(rival->pages, send_object, rival);
	if (!error)
		error = send_bytes(rival, choice->pages,
				   (size_t)choice->count *
					   sizeof(*choice->pages));
	return error ? error : flush(rival);
}

/* Return: was there a whole report? */
static bool receive(struct rival *rival, struct uzs_hold_report *report)
{
	size_t at = 0;

	while (at < sizeof(*report)) {
		ssize_t n = read(rival->from, (char *)report + at,
				 sizeof(*report) - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static int tell(const struct rival *rival, const struct uzs_hold_report *report)
{
	const char *name = rival->known->name;

	switch (report->error) {
	case 0:
		return 0;
	case EILSEQ:
		return uzs_fail(
			"--compare %s: its library (%s) is not where this system's linker looks for it; Debian has it in %s",
			name, rival->known->libraries, rival->known->package);
	case ENOSYS:
		return uzs_fail(
			"--compare: this system does not report a process's memory");
	default:
		return uzs_fail("--compare %s: %s", name,
				strerror(report->error));
	}
}

static int run_one(struct rival *rival, const struct uzs_choice *choice,
		   struct uzs_hold_report *report)
{
	const char *name = rival->known->name;
	int error, wait_status = 0;
	bool answered;

	error = start(rival);
	if (error)
		return uzs_fail("--compare %s: cannot start a process: %s",
				name, strerror(error));
	uzs_progress_start(&rival->progress, name, rival->pages->count);
	rival->filled = 0;
	rival->sent = 0;
	error = send_all(rival, choice);
	/* If it took no more, it says why. */
	close(rival->to);
	answered = receive(rival, report);
	close(rival->from);
	uzs_progress_clear();
	while (waitpid(rival->pid, &wait_status, 0) < 0 && errno == EINTR)
		;
	if (answered && (report->error || !error))
		return tell(rival, report);
	if (error && error != EPIPE)
		return uzs_fail("--compare %s: %s", name, strerror(error));
	if (WIFSIGNALED(wait_status))
		return uzs_fail(
			"--compare %s: its process was ended by signal %d",
			name, WTERMSIG(wait_status));
	return uzs_fail("--compare %s: its process ended with status %d", name,
			WEXITSTATUS(wait_status));
}

int uzs_rivals_run(const struct uzs_pages *pages,
		   const struct uzs_choice *choice, struct uzs_rivals *rivals)
{
	struct rival rival = { .pages = pages };
	int status = 0;

	rival.buffer = uzs_map_bytes(BUFFER_BYTES);
	if (!rival.buffer)
		return uzs_fail("out of memory for the buffers");
	for (unsigned int i = 0; i < rivals->nr && !status; i++) {
		const char *name = rivals->list[i].name;

		rival.known = find_known(name, strlen(name));
		status = run_one(&rival, choice, &rivals->list[i].report);
	}
	uzs_unmap_bytes(rival.buffer, BUFFER_BYTES);
	return status;
}
