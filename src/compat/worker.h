/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* worker.h - the thread of a work queue: its name, stack, CPUs, signals.
 *
 * Kernel origin: the attributes of a workqueue (nice, cpumask) and the names
 * of kworkers; differs: the thread is one of the user's program.
 */
#ifndef UZS_COMPAT_WORKER_H
#define UZS_COMPAT_WORKER_H

#include <pthread.h>

#include "base.h"

/* Bytes of the longest name of a thread, with its 0. */
#define UZS_WORKER_NAME_BYTES 16
/* Linux can be built for this many CPUs. */
#define UZS_WORKER_MAX_CPUS 8192

/* All constant after uzs_worker_plan. */
struct uzs_worker_plan {
	char name[UZS_WORKER_NAME_BYTES];
	size_t stack_bytes;
	bool has_cpus; /* is cpus valid? */
	unsigned long cpus[UZS_WORKER_MAX_CPUS / 8 / sizeof(long)]; /* bits */
};

/* Decides how the thread will be created, by this or another thread: with the
 * caller's CPUs, and with a stack that has room beside the program's
 * thread-local storage. Needs no memory.
 * @name: the part of the thread's name behind "uzs/", cut to what fits (whole
 *        characters, if it is UTF-8). NULL or "": none. */
void uzs_worker_plan(struct uzs_worker_plan *plan, const char *name);

/* Creates a joinable thread that runs fn, on the plan's CPUs, as SCHED_OTHER.
 * All signals are blocked except those that a thread causes itself; these are
 * as in the caller. All else (the nice value) is inherited from the caller. fn
 * must begin with uzs_worker_begin.
 * Return: 0 or an errno, as pthread_create. */
int uzs_worker_create(const struct uzs_worker_plan *plan, pthread_t *thread,
		      void *(*fn)(void *arg), void *arg) __must_check;

/* To be called by the thread itself: sets its name, and the CPUs and scheduling
 * if the creator could not. */
void uzs_worker_begin(const struct uzs_worker_plan *plan);

#endif
