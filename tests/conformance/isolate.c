/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* isolate.c - a comparison in a process of its own, so that a subject that
 * dies of it takes nothing else along; see compare.h. Owns: what that process
 * leaves behind.
 *
 * Callers: tell.c, jobs.c, shrink.c. Processes: the caller has one thread.
 */
#include "compare.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/uzs.h"

/* After which a run that is only a trial is taken for hung. */
#define TRIAL_SECONDS 30

/* Written by the child, read when it is gone. */
struct outcome {
	enum compare_result result;
	size_t at;
	struct compare_counts counts;
	struct compare_place place;
};

void compare_end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(UZS_FAILED);
}

/* A trial that dies says so once for each of hundreds. */
static void be_quiet(void)
{
	struct rlimit no_core = { 0, 0 };
	int null = open("/dev/null", O_WRONLY);

	if (null >= 0)
		dup2(null, STDERR_FILENO);
	setrlimit(RLIMIT_CORE, &no_core);
	alarm(TRIAL_SECONDS);
}

static enum compare_result wait_for(pid_t pid, struct outcome *outcome,
				    struct compare_end *end)
{
	while (waitpid(pid, &end->status, 0) < 0) {
		if (errno != EINTR) {
			uzs_fail("lost a process: %s", strerror(errno));
			return COMPARE_FAILED;
		}
	}
	end->at = outcome->at;
	end->side = -1;
	if (!end->status)
		return outcome->result;
	/* A sanitizer may find something at the very end, a leak say. */
	end->at = outcome->place.at;
	end->side = outcome->place.side;
	return COMPARE_DIED;
}

enum compare_result compare_isolated(const struct compare_options *opt,
				     const struct trace_ops *ops,
				     struct compare_end *end,
				     struct compare_counts *counts,
				     FILE *report, bool quiet)
{
	enum compare_result result = COMPARE_FAILED;
	struct compare_options own = *opt;
	pid_t parent = getpid(), pid;
	struct outcome *outcome;

	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED) {
		uzs_fail("out of memory");
		return COMPARE_FAILED;
	}
	outcome->place.side = -1;
	/* Else both would print what waits there. */
	fflush(stdout);
	pid = fork();
	if (!pid) {
		compare_end_with(parent);
		if (quiet)
			be_quiet();
		own.place = &outcome->place;
		outcome->result = compare_run(&own, ops, &outcome->at,
					      &outcome->counts, report);
		/* Not _exit: LeakSanitizer and gcov have work to do. */
		exit(EXIT_SUCCESS);
	}
	if (pid < 0)
		uzs_fail("cannot start a process: %s", strerror(errno));
	else
		result = wait_for(pid, outcome, end);
	*counts = outcome->counts;
	munmap(outcome, sizeof(*outcome));
	return result;
}
