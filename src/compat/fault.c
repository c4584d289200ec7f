/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fault.c - owns the counters of forced failures (test builds only); prints the
 * message of a failed assertion.
 *
 * Locks: none. Sleeps: no.
 */
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef UZS_TESTING
static struct {
	long nth; /* atomic; which attempt fails, <= 0: none will */
	bool on; /* atomic; all later attempts fail too */
	long seen; /* atomic */
} uzs_faults[UZS_NR_FAULT_KINDS];

void uzs_fault_set(enum uzs_fault_kind kind, long nth)
{
	WRITE_ONCE(uzs_faults[kind].on, false);
	WRITE_ONCE(uzs_faults[kind].nth, nth);
	WRITE_ONCE(uzs_faults[kind].seen, 0);
}

void uzs_fault_set_from(enum uzs_fault_kind kind, long nth)
{
	uzs_fault_set(kind, nth);
	WRITE_ONCE(uzs_faults[kind].on, true);
}

long uzs_fault_seen(enum uzs_fault_kind kind)
{
	return READ_ONCE(uzs_faults[kind].seen);
}

bool uzs_should_fail(enum uzs_fault_kind kind)
{
	long nth = READ_ONCE(uzs_faults[kind].nth);
	long seen =
		__atomic_add_fetch(&uzs_faults[kind].seen, 1, __ATOMIC_RELAXED);

	return seen == nth ||
	       (nth > 0 && seen > nth && READ_ONCE(uzs_faults[kind].on));
}

static const char *trylock_class; /* atomic */

void uzs_fault_set_trylock(const char *class_name, long nth)
{
	WRITE_ONCE(trylock_class, class_name);
	uzs_fault_set(UZS_FAULT_TRYLOCK, nth);
}

bool uzs_should_fail_trylock(const char *class_name)
{
	const char *only = READ_ONCE(trylock_class);

	return (!only || strcmp(only, class_name) == 0) &&
	       uzs_should_fail(UZS_FAULT_TRYLOCK);
}
#endif

void uzs_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "uzsmalloc: %s:%d: bug: %s\n", file, line, what);
	abort();
}
