/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* stress.h - what the programs that put a kernel's file under stress share: the
 * pool, failures, random numbers, threads.
 */
#ifndef UZS_KERNEL_STRESS_H
#define UZS_KERNEL_STRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "activity.h"
#include "tests/conformance/subject_load.h"

/* Of the one subject, while it runs. */
extern const struct subject *subject;
extern struct subject_pool *pool;

/* Loads the subject and makes the pool, with a worker. Return: false, and it was said why. */
bool stress_begin(const char *path);
/* Checks the pool, destroys it, and flushes stdout. */
void stress_end(void);

/* Says what went wrong, and what the thread was doing. */
void stress_fail(const char *what);
bool stress_failed(void);
/* Asks the threads to end; stress_stopped() is also true after a failure. */
void stress_stop(void);
bool stress_stopped(void);

/* Starts a thread, or ends the process. */
void stress_start(pthread_t *thread, void *(*fn)(void *), void *arg);
/* n, or the part of it that UZS_TEST_SCALE (percent) asks for. */
long stress_scaled(long n);
/* For --seed. Return: false, and it was said why. */
bool stress_parse_seed(const char *text, uint32_t *seed);

static inline uint32_t stress_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* A negative errno instead of a handle? */
static inline bool stress_is_error(unsigned long handle)
{
	return handle >= (unsigned long)-4095;
}

#endif
