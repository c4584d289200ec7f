/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* worker.h - the thread of a work queue: as what it runs, and where.
 *
 * Kernel origin: the attributes of a workqueue (nice, cpumask) and the names
 * of kworkers; differs: they are those of a thread of somebody else's program.
 */
#ifndef UZS_COMPAT_WORKER_H
#define UZS_COMPAT_WORKER_H

#include <pthread.h>

#include "base.h"

/* What a thread's name has room for, with its 0. */
#define UZS_WORKER_NAME_BYTES 16
/* As many CPUs as Linux can be built for. */
#define UZS_WORKER_MAX_CPUS 8192

/* All constant after uzs_worker_plan. */
struct uzs_worker_plan {
	char name[UZS_WORKER_NAME_BYTES];
	size_t stack_bytes;
	bool has_cpus; /* cpus is known */
	unsigned long cpus[UZS_WORKER_MAX_CPUS / 8 / sizeof(long)]; /* bits */
};

/* Decides what a thread is created with, whoever then creates it: the caller's
 * CPUs, a stack that the program's thread-local storage leaves room on.
 * Needs no memory.
 * @name: what the thread's name says behind "uzs/", as far as there is room
 *        (whole characters, if it is UTF-8); NULL and "" are none. */
void uzs_worker_plan(struct uzs_worker_plan *plan, const char *name);

/* Creates a thread of fn that can be joined, on the plan's CPUs, as
 * SCHED_OTHER, with all signals blocked but those that a thread causes itself:
 * of these, as the caller. What else a thread inherits (its nice value) comes
 * from the caller. fn must begin with uzs_worker_begin.
 * Return: 0 or an errno, as pthread_create. */
int uzs_worker_create(const struct uzs_worker_plan *plan, pthread_t *thread,
		      void *(*fn)(void *arg), void *arg) __must_check;

/* In the thread: its name, and what is best done by itself. */
void uzs_worker_begin(const struct uzs_worker_plan *plan);

#endif
