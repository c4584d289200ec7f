/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/jiffies.h - time in ticks. In the lab and in virtual time it stands still. */
#ifndef UZS_KERNEL_LINUX_JIFFIES_H
#define UZS_KERNEL_LINUX_JIFFIES_H

#include <uzs/compat.h>

#include <time.h>

#define HZ 250
#define jiffies uzs_k_jiffies()

static inline unsigned long uzs_k_jiffies(void)
{
#if UZS_LAB || UZS_SIM
	return HZ;
#else
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)now.tv_sec * HZ +
	       (unsigned long)now.tv_nsec / (1000000000 / HZ);
#endif
}

/* Also where the count has begun anew between the two. */
static inline bool time_after(unsigned long a, unsigned long b)
{
	return (long)(b - a) < 0;
}

static inline bool time_before(unsigned long a, unsigned long b)
{
	return time_after(b, a);
}

static inline bool time_is_before_jiffies(unsigned long a)
{
	return time_after(jiffies, a);
}

static inline bool time_is_after_jiffies(unsigned long a)
{
	return time_before(jiffies, a);
}

static inline unsigned long msecs_to_jiffies(unsigned int ms)
{
	return DIV_ROUND_UP((unsigned long)ms * HZ, 1000);
}

#endif
