/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_worker.c - compat/worker.h: the thread of a work queue lives in
 * somebody else's program. Its name, stack, signals, CPUs and scheduling must
 * not disturb that program.
 */
#include "test_system.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/workqueue.h"

/* ---- a thread that looks at itself ------------------------------------------ */

static struct look {
	char name[16];
	size_t stack_bytes;
	sigset_t blocked;
	cpu_set_t cpus;
	int policy;
	struct sched_param param;
} seen;

static void look(struct work_struct *work)
{
	pthread_attr_t attr;

	(void)work;
	pthread_getname_np(pthread_self(), seen.name, sizeof(seen.name));
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstacksize(&attr, &seen.stack_bytes);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, NULL, &seen.blocked);
	sched_getaffinity(0, sizeof(seen.cpus), &seen.cpus);
	pthread_getschedparam(pthread_self(), &seen.policy, &seen.param);
}

/* Where the queue is made, and where the thread is created, may differ. */
static void look_in(struct workqueue_struct *wq)
{
	struct work_struct work;

	memset(&seen, 0xff, sizeof(seen));
	INIT_WORK(&work, look);
	assert_true(queue_work(wq, &work));
	flush_work(wq, &work);
	assert_int_equal(wq->worker, UZS_WORKER_RUNNING);
	uzs_workqueue_destroy(wq);
}

static void look_named(const char *name)
{
	struct workqueue_struct wq;

	uzs_workqueue_init(&wq, true, name);
	look_in(&wq);
}

/* ---- tests ------------------------------------------------------------------- */

static void test_thread_has_its_pools_name(void **state)
{
	static const struct {
		const char *pool, *thread;
	} names[] = {
		{ NULL, "uzsmalloc" },
		{ "", "uzsmalloc" },
		{ "a", "uzs/a" },
		{ "12345678901", "uzs/12345678901" },
		{ "123456789012", "uzs/12345678901" },
		{ "a much longer name", "uzs/a much long" },
		/* two, three and four bytes, each in every place of the cut */
		{ "123456789\u00e9", "uzs/123456789\u00e9" },
		{ "1234567890\u00e9", "uzs/1234567890" },
		{ "12345678\u20ac", "uzs/12345678\u20ac" },
		{ "123456789\u20ac", "uzs/123456789" },
		{ "1234567890\u20ac", "uzs/1234567890" },
		{ "1234567\U0001f600", "uzs/1234567\U0001f600" },
		{ "12345678\U0001f600", "uzs/12345678" },
		{ "123456789\U0001f600", "uzs/123456789" },
		{ "1234567890\U0001f600", "uzs/1234567890" },
		{ "12345678901\U0001f600", "uzs/12345678901" },
		{ "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9",
		  "uzs/\u00e9\u00e9\u00e9\u00e9\u00e9" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		look_named(names[i].pool);
		assert_string_equal(seen.name, names[i].thread);
	}
	/* What is no UTF-8 is cut anywhere, within what there is room for. */
	look_named("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80");
	assert_memory_equal(seen.name, "uzs/\x80\x80\x80\x80\x80\x80\x80\x80",
			    12);
	assert_in_range(strlen(seen.name), 12, 15);
}

/* As large as other threads', and at least a mebibyte. */
static void test_stack_is_a_mebibyte_at_least(void **state)
{
	pthread_attr_t attr;
	size_t usual;

	pthread_attr_init(&attr);
	pthread_attr_getstacksize(&attr, &usual);
	pthread_attr_destroy(&attr);
	look_named("stack");
	assert_true(seen.stack_bytes >= usual);
	assert_true(seen.stack_bytes >= 1u << 20);
}

/* Blocked: all that is sent to a program, and nothing that a thread causes
 * itself, unless who created it had it blocked. */
static void test_programs_signals_are_blocked(void **state)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL,
				   SIGTRAP, SIGSYS, SIGABRT };
	sigset_t before, after, set;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	for (int round = 0; round < 2; round++) {
		look_named("signals");
		for (int sig = 1; sig < 32; sig++) {
			bool is_own = false;

			if (sig == SIGKILL || sig == SIGSTOP)
				continue;
			for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
				is_own |= sig == own[i];
			if (round == 1 && sig == SIGFPE)
				is_own = false;
			assert_int_equal(sigismember(&seen.blocked, sig),
					 !is_own);
		}
		assert_int_equal(sigismember(&seen.blocked, SIGRTMIN), 1);
		assert_int_equal(sigismember(&seen.blocked, SIGRTMAX), 1);
		/* the caller's own mask is as it was */
		pthread_sigmask(SIG_SETMASK, NULL, &after);
		for (int sig = 1; sig < 32; sig++)
			assert_int_equal(sigismember(&after, sig),
					 round ? sig == SIGFPE
					       : sigismember(&before, sig));
		sigemptyset(&set);
		sigaddset(&set, SIGFPE);
		pthread_sigmask(SIG_SETMASK, &set, NULL);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static char *trap;
static volatile sig_atomic_t handled;

static void provide(int sig)
{
	(void)sig;
	handled++;
	mprotect(trap, 4096, PROT_READ | PROT_WRITE);
}

static void touch(struct work_struct *work)
{
	(void)work;
	((volatile char *)trap)[0] = 1;
}

/* Memory that a handler of SIGSEGV provides. */
static void test_segv_handler_of_the_program_works(void **state)
{
	struct sigaction action = { .sa_handler = provide }, old;
	struct workqueue_struct wq;
	struct work_struct work;

#if SANITIZED
	skip(); /* which have handlers of their own */
#endif
	trap = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(trap, MAP_FAILED);
	sigaction(SIGSEGV, &action, &old);
	uzs_workqueue_init(&wq, true, "handler");
	INIT_WORK(&work, touch);
	queue_work(&wq, &work);
	uzs_workqueue_destroy(&wq);
	sigaction(SIGSEGV, &old, NULL);
	assert_int_equal(handled, 1);
	assert_int_equal(munmap(trap, 4096), 0);
}

/* It runs where the queue was made, not where it was first used. */
static void test_runs_where_the_queue_was_made(void **state)
{
	struct workqueue_struct wq;
	cpu_set_t all;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	if (CPU_COUNT(&all) < 2)
		skip();
	uzs_workqueue_init(&wq, true, "cpus");
	assert_true(pin_to_nth_cpu(&all, 1));
	look_in(&wq);
	assert_true(CPU_EQUAL(&seen.cpus, &all));

	uzs_workqueue_init(&wq, true, "cpus");
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
	look_in(&wq);
	assert_int_equal(CPU_COUNT(&seen.cpus), 1);
	/* None of the queue's CPUs is one: then where it is created. */
	uzs_workqueue_init(&wq, true, "cpus");
	memset(wq.plan.cpus, 0, sizeof(wq.plan.cpus));
	look_in(&wq);
	assert_true(CPU_EQUAL(&seen.cpus, &all));
	uzs_workqueue_init(&wq, true, "cpus");
	wq.plan.has_cpus = false;
	look_in(&wq);
	assert_true(CPU_EQUAL(&seen.cpus, &all));
}

static bool set_policy(int policy, int priority)
{
	const struct sched_param param = { .sched_priority = priority };

	return !pthread_setschedparam(pthread_self(), policy, &param);
}

/* It takes no more than other threads, whoever frees first. */
static void test_takes_no_more_cpu_than_others(void **state)
{
	look_named("policy");
	assert_int_equal(seen.policy, SCHED_OTHER);
	if (!set_policy(SCHED_FIFO, 1))
		skip();
	look_named("policy");
	set_policy(SCHED_OTHER, 0);
	assert_int_equal(seen.policy, SCHED_OTHER);
	assert_int_equal(seen.param.sched_priority, 0);
	assert_true(set_policy(SCHED_RR | SCHED_RESET_ON_FORK, 2));
	look_named("policy");
	set_policy(SCHED_OTHER, 0);
	assert_int_equal(seen.policy, SCHED_OTHER);
}

/* In a child without rights. Return: the line that went wrong, or 0. */
static int use_without_rights(int policy, int priority)
{
	const struct rlimit none = { 0, 0 };

	alarm(30);
	if (setrlimit(RLIMIT_RTPRIO, &none) || setrlimit(RLIMIT_NICE, &none))
		return __LINE__;
	if (!set_policy(policy, priority))
		return geteuid() ? 0 : __LINE__;
	if (geteuid() == 0 && setuid(65534))
		return __LINE__;
	look_named("rights");
	/* what may not leave its policy stays there, and works all the same */
	if (policy != SCHED_IDLE)
		return seen.policy == SCHED_OTHER ? 0 : __LINE__;
	return seen.policy == SCHED_IDLE || seen.policy == SCHED_OTHER
		       ? 0
		       : __LINE__;
}

static void test_without_rights_it_runs_all_the_same(void **state)
{
	static const int policies[] = { SCHED_FIFO, SCHED_IDLE, SCHED_BATCH };

#if UNDER_TSAN
	skip(); /* which lets no child of a program with threads have any */
#endif
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		int status = -1;
		pid_t pid;

		fflush(NULL);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(use_without_rights(policies[i],
						 policies[i] == SCHED_FIFO) %
			      255);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thread_has_its_pools_name),
		cmocka_unit_test(test_stack_is_a_mebibyte_at_least),
		cmocka_unit_test(test_programs_signals_are_blocked),
		cmocka_unit_test(test_segv_handler_of_the_program_works),
		cmocka_unit_test(test_runs_where_the_queue_was_made),
		cmocka_unit_test(test_takes_no_more_cpu_than_others),
		cmocka_unit_test(test_without_rights_it_runs_all_the_same),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
