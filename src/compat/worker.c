/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* worker.c - how a work queue's thread is created. Owns no state.
 *
 * Kernel origin: none; see worker.h.
 * Callers: workqueue.c. Calls: the OS.
 * Locks: none. Sleeps: creating a thread does.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setname_np, pthread_setaffinity_np */
#endif
#include "worker.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "os.h"

/* The work itself is content with a small part of it, but a caller's drain
 * callback may want what it is used to. */
#define STACK_BYTES ((size_t)1 << 20)

/* For the program's thread-local storage, which glibc puts on a thread's stack:
 * so much of it is gone before the thread begins. How much there is is not asked:
 * dl_iterate_phdr has a lock that stays taken in a child of a fork, if another
 * thread was in it. Address space only. */
#define TLS_BYTES ((size_t)4 << 20)

/* As much as any thread of the program has, and enough if that is little. The
 * default is part of the sum, not the greater of two, as it may count
 * thread-local storage that is in no program header (glibc's tunables). */
static size_t stack_bytes(void)
{
	pthread_attr_t attr;
	size_t usual = 0;

	if (!pthread_attr_init(&attr)) {
		pthread_attr_getstacksize(&attr, &usual);
		pthread_attr_destroy(&attr);
	}
	return ALIGN(usual + STACK_BYTES + TLS_BYTES, uzs_os_page_size());
}

/* What is too long is cut where a character of UTF-8 begins. */
static void make_name(char *to, const char *name)
{
	const size_t room = UZS_WORKER_NAME_BYTES - sizeof("uzs/");
	size_t n = name ? strlen(name) : 0;

	if (!n) {
		strcpy(to, "uzsmalloc");
		return;
	}
	if (n > room)
		for (n = room; n > room - 3; n--)
			if (((unsigned char)name[n] & 0xc0) != 0x80)
				break;
	snprintf(to, UZS_WORKER_NAME_BYTES, "uzs/%.*s", (int)n, name);
}

void uzs_worker_plan(struct uzs_worker_plan *plan, const char *name)
{
	make_name(plan->name, name);
	plan->stack_bytes = stack_bytes();
	plan->has_cpus = false;
#if defined(__linux__)
	plan->has_cpus = !sched_getaffinity(0, sizeof(plan->cpus),
					    (cpu_set_t *)plan->cpus);
#endif
}

/* Blocks what is sent to the program, which other threads wait for. What a
 * thread causes itself would end the program while blocked, also where the
 * program has a handler that makes it good. */
static void block_signals(sigset_t *old)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL,
				   SIGTRAP, SIGSYS, SIGABRT };
	sigset_t block;

	sigfillset(&block);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&block, own[i]);
	pthread_sigmask(SIG_BLOCK, &block, old);
}

/* Refused when none of the CPUs is left: it then stays where it is. */
static void set_cpus(const struct uzs_worker_plan *plan, pthread_t thread)
{
#if defined(__linux__)
	if (plan->has_cpus)
		pthread_setaffinity_np(thread, sizeof(plan->cpus),
				       (const cpu_set_t *)plan->cpus);
#else
	(void)plan;
	(void)thread;
#endif
}

int uzs_worker_create(const struct uzs_worker_plan *plan, pthread_t *thread,
		      void *(*fn)(void *arg), void *arg)
{
	const struct sched_param none = { 0 };
	pthread_attr_t attr;
	sigset_t old;
	int err = pthread_attr_init(&attr);

	if (err)
		return err;
	pthread_attr_setstacksize(&attr, plan->stack_bytes);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
	pthread_attr_setschedparam(&attr, &none);
	block_signals(&old);
	err = pthread_create(thread, &attr, fn, arg);
	/* Some who are not allowed to do that to another thread are to
	 * themselves: uzs_worker_begin. */
	if (err && err != EAGAIN) {
		pthread_attr_setinheritsched(&attr, PTHREAD_INHERIT_SCHED);
		err = pthread_create(thread, &attr, fn, arg);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	/* Not only by itself: the caller's CPU may be one where it gets no
	 * turn. */
	if (!err)
		set_cpus(plan, *thread);
	return err;
}

void uzs_worker_begin(const struct uzs_worker_plan *plan)
{
	struct sched_param param;
	int policy;

#if defined(__linux__)
	pthread_setname_np(pthread_self(), plan->name);
#endif
	/* Who created it may not have come to that yet. */
	set_cpus(plan, pthread_self());
	if (pthread_getschedparam(pthread_self(), &policy, &param) ||
	    policy == SCHED_OTHER)
		return;
	param.sched_priority = 0;
	pthread_setschedparam(pthread_self(), SCHED_OTHER, &param);
}
