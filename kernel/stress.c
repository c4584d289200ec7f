/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* stress.c - see stress.h. Owns the pool under stress and the count of failures.
 *
 * Locks: none.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "stress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct subject *subject;
struct subject_pool *pool;

static bool stop; /* atomic */
static unsigned long failures; /* atomic */

void stress_fail(const char *what)
{
	const struct activity *a = activity_self();

	if (a)
		fprintf(stderr,
			"%s: %s (%s, seed %ld, step %lu: %s, object %u of %u bytes)\n",
			program_invocation_short_name, what, a->name, a->seed,
			a->step, a->doing, a->object, a->size);
	else
		fprintf(stderr, "%s: %s\n", program_invocation_short_name,
			what);
	__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
}

bool stress_failed(void)
{
	return __atomic_load_n(&failures, __ATOMIC_RELAXED);
}

void stress_stop(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
}

bool stress_stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED) || stress_failed();
}

void stress_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	if (!pthread_create(thread, NULL, fn, arg))
		return;
	stress_fail("no thread");
	exit(1);
}

long stress_scaled(long n)
{
	const char *text = getenv("UZS_TEST_SCALE");
	long percent = text ? strtol(text, NULL, 10) : 100;

	return percent > 0 && percent < 100 ? n * percent / 100 : n;
}

bool stress_parse_seed(const char *text, uint32_t *seed)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || n > UINT32_MAX) {
		fprintf(stderr, "%s: --seed %s: 0 to %u\n",
			program_invocation_short_name, text, UINT32_MAX);
		return false;
	}
	*seed = (uint32_t)n;
	return true;
}

bool stress_begin(const char *path)
{
	char error[SUBJECT_ERROR_BYTES];

	subject = subject_load(path, error);
	if (!subject) {
		fprintf(stderr, "%s: %s\n", program_invocation_short_name,
			error);
		return false;
	}
	pool = subject->create(subject->page_size, subject->chain_size, true);
	if (!pool)
		fprintf(stderr, "%s: create: %s\n",
			program_invocation_short_name, strerror(errno));
	return pool;
}

void stress_end(void)
{
	subject->drain(pool);
	if (subject->check(pool, stdout))
		stress_fail("the pool is not sound");
	if (subject->destroy(pool))
		stress_fail("the pool left something behind");
	if (fflush(stdout) || ferror(stdout))
		stress_fail("cannot write the output");
}
