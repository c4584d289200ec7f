/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* times.c - see times.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RUSAGE_THREAD */
#endif
#include "times.h"

#include <sys/resource.h>

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int octave;

	if (ns < TIMES_STEPS)
		return (unsigned int)ns;
	octave = 63 - (unsigned int)__builtin_clzll(ns);
	return (octave - TIMES_STEP_SHIFT + 1) * TIMES_STEPS +
	       (unsigned int)((ns >> (octave - TIMES_STEP_SHIFT)) &
			      (TIMES_STEPS - 1));
}

/* The longest time that the bucket counts. */
static uint64_t bucket_ns(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < 2 * TIMES_STEPS)
		return bucket;
	shift = bucket / TIMES_STEPS - 1;
	return ((uint64_t)(TIMES_STEPS + bucket % TIMES_STEPS + 1) << shift) -
	       1;
}

uint64_t times_quantile_ns(const struct times *times, double part)
{
	uint64_t want = (uint64_t)(part * (double)times->nr), seen = 0;

	for (unsigned int i = 0; i < TIMES_BUCKETS; i++) {
		seen += times->buckets[i];
		if (seen > want)
			return bucket_ns(i) < times->max_ns ? bucket_ns(i)
							    : times->max_ns;
	}
	return times->max_ns;
}

struct times_stops times_stops(void)
{
	struct times_stops stops = { 0 };
#ifdef RUSAGE_THREAD
	struct rusage usage;

	if (!getrusage(RUSAGE_THREAD, &usage)) {
		stops.preempted = (uint64_t)usage.ru_nivcsw;
		stops.waited = (uint64_t)usage.ru_nvcsw;
	}
#endif
	return stops;
}

void times_note(struct times *times, uint64_t ns, bool preempted)
{
	if (preempted) {
		times->preempted++;
		if (ns > times->preempted_max_ns)
			times->preempted_max_ns = ns;
		return;
	}
	times->buckets[bucket_of(ns)]++;
	times->nr++;
	times->sum_ns += ns;
	if (ns > times->max_ns)
		times->max_ns = ns;
}

void times_add(struct times *sum, const struct times *own)
{
	for (unsigned int i = 0; i < TIMES_BUCKETS; i++)
		sum->buckets[i] += own->buckets[i];
	sum->nr += own->nr;
	sum->sum_ns += own->sum_ns;
	sum->preempted += own->preempted;
	if (own->max_ns > sum->max_ns)
		sum->max_ns = own->max_ns;
	if (own->preempted_max_ns > sum->preempted_max_ns)
		sum->preempted_max_ns = own->preempted_max_ns;
}
