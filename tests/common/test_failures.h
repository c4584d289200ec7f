/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_failures.h - what goes wrong in threads of a test. cmocka's assertions
 * may not be used there: threads note it, and the test asserts when they have
 * ended.
 */
#ifndef UZS_TEST_FAILURES_H
#define UZS_TEST_FAILURES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct failures {
	unsigned int n; /* atomic */
	/* of the first */
	int line;
	const char *what;
};

static inline void note_failure(struct failures *f, int line, const char *what)
{
	if (__atomic_fetch_add(&f->n, 1, __ATOMIC_RELAXED))
		return;
	f->what = what;
	f->line = line;
}

/* s: has a member `failures`. */
#define CHECK(s, cond)                                                 \
	do {                                                           \
		if (!(cond))                                           \
			note_failure(&(s)->failures, __LINE__, #cond); \
	} while (0)

static inline void assert_no_failures(const struct failures *f)
{
	if (f->n)
		fail_msg("%u failures, the first in line %d: %s", f->n, f->line,
			 f->what);
}

#endif
