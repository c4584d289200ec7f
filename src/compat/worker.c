/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* worker.c - creates a work queue's thread. Owns no state.
 *
 * Kernel origin: none; see worker.h.
 * Locks: none. Sleeps: in uzs_worker_create.
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

/* Our own work items need a small part of it. Callbacks of the user, which they
 * may call, may need as much as in other threads. */
#define STACK_BYTES ((size_t)1 << 20)

/* For the program's thread-local storage, which glibc puts on each thread's
 * stack before the thread begins. Its real size is not asked for: the call for
 * that, dl_iterate_phdr, takes a lock, which would stay locked in the child of
 * a fork if another thread held it. Costs address space only. */
#define TLS_BYTES ((size_t)4 << 20)

/* The program's default, and our own needs added. Added, not the larger of the
 * two: the default may include thread-local storage that is in no program
 * header (glibc's tunables). */
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

/* Cuts a name that is too long at the beginning of a character of UTF-8. */
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

/* Blocks the signals that are sent to the program: its own threads handle them.
 * Signals that a thread causes itself stay open: a blocked one would end the
 * program, even if the program has a handler for it. */
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

/* The OS refuses this if none of the CPUs is available any more. The thread
 * then keeps the CPUs that it has. */
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
	/* Perhaps the caller may not set another thread's scheduling. Then the
	 * thread tries it for itself, in uzs_worker_begin. */
	if (err && err != EAGAIN) {
		pthread_attr_setinheritsched(&attr, PTHREAD_INHERIT_SCHED);
		err = pthread_create(thread, &attr, fn, arg);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	/* The thread also does this itself. But on the caller's CPU it may
	 * never get to run. */
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
	/* The creator may not have done this yet. */
	set_cpus(plan, pthread_self());
	if (pthread_getschedparam(pthread_self(), &policy, &param) ||
	    policy == SCHED_OTHER)
		return;
	param.sched_priority = 0;
	pthread_setschedparam(pthread_self(), SCHED_OTHER, &param);
}
