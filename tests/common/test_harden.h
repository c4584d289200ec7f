/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_harden.h - hardened pools for tests: what they report, and how they end
 * the process.
 */
#ifndef UZS_TEST_HARDEN_H
#define UZS_TEST_HARDEN_H

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_util.h"

/* What was told, from any thread. */
struct told {
	unsigned int nr; /* atomic */
	struct zs_misuse last;
};

static inline void told_reset(struct told *told)
{
	memset(told, 0, sizeof(*told));
}

static inline void tell(const struct zs_misuse *misuse, void *arg)
{
	struct told *told = arg;

	if (__atomic_add_fetch(&told->nr, 1, __ATOMIC_RELAXED) == 1)
		told->last = *misuse;
}

/* told: NULL for one that aborts. */
static inline struct zs_pool *make_hardened(enum zs_lock_scope scope,
					    enum zs_defer_mode defer,
					    unsigned int flags,
					    struct told *told)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.lock_scope = scope;
	o.defer = defer;
	o.flags = flags | ZS_POOL_HARDENED;
	o.misuse = told ? tell : NULL;
	o.misuse_arg = told;
	pool = zs_create_pool_with("hard", &o);
	assert_non_null(pool);
	return pool;
}

/* Runs it in a child, which has the pool as it is, without the parent's other
 * threads. Return: its status; what it wrote to stderr in output. */
static inline int run_in_child(void (*run)(struct zs_pool *pool,
					   unsigned long handle),
			       struct zs_pool *pool, unsigned long handle,
			       char *output, size_t size)
{
	int fds[2], status;
	size_t len = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct sigaction act = { .sa_handler = SIG_DFL };

		sigaction(SIGABRT, &act, NULL);
		sigaction(SIGSEGV, &act, NULL);
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		run(pool, handle);
		_exit(0);
	}
	close(fds[1]);
	while (len < size - 1 &&
	       (got = read(fds[0], output + len, size - 1 - len)) > 0)
		len += (size_t)got;
	output[len] = 0;
	while (read(fds[0], &got, sizeof(got)) > 0)
		;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static inline bool dies_by_abort(void (*run)(struct zs_pool *pool,
					     unsigned long handle),
				 struct zs_pool *pool, unsigned long handle,
				 char *output, size_t size)
{
	int status = run_in_child(run, pool, handle, output, size);

	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
