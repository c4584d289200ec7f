/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fake_cpus.h - a machine with any number of CPUs. For tests that are linked
 * with --wrap=sysconf and --wrap=sched_getcpu: uzs_add_test(... FAKE_CPUS).
 */
#ifndef UZS_FAKE_CPUS_H
#define UZS_FAKE_CPUS_H

#include "test_system.h"

#include "test_random.h"

/* How many there are, and on which one all threads run. */
extern unsigned int fake_cpus, fake_cpu;

/* The thread is moved. */
static inline void fake_move(struct rng *rng)
{
	fake_cpu = rng_below(rng, fake_cpus);
}

/* Runs the tests on machines with few and with many CPUs, each in a process of
 * its own, as their number is asked once. Return: machines where any failed. */
int fake_run(const struct CMUnitTest *tests, size_t n);

#endif
