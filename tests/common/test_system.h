/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_system.h - what tests ask about the machine and the build: sanitizers,
 * CPUs, what a process has open.
 */
#ifndef UZS_TEST_SYSTEM_H
#define UZS_TEST_SYSTEM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setaffinity_np; include this file first */
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

#define SANITIZED (UNDER_ASAN || UNDER_TSAN)

/* Memory goes back to the OS in whole pages of it. Where these are larger than a
 * pool's, free pages beside used ones stay, and count as free: figures that are
 * exact for pages of 4 KiB are not. */
static inline bool os_pages_are_large(void)
{
	return sysconf(_SC_PAGESIZE) > 4096;
}

#define SKIP_WITH_LARGE_OS_PAGES()        \
	do {                              \
		if (os_pages_are_large()) \
			skip();           \
	} while (0)

/* Entries of a directory, such as /proc/self/task. */
static inline unsigned int count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned int n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* Bytes of the process that the OS has filled. Not from statm: its counters are kept
 * per CPU, and may be some hundred KiB behind. */
static inline size_t exact_resident_bytes(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	unsigned long kib = 0;
	char line[256];
	bool found = false;

	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "Rss: %lu kB", &kib) == 1;
	fclose(file);
	assert_true(found);
	return (size_t)kib * 1024;
}

/* The same; under a sanitizer 0: its shadow grows along. */
static inline size_t resident_bytes(void)
{
	return SANITIZED ? 0 : exact_resident_bytes();
}

/* Runs on one CPU from now on, the nth of `cpus`, so that what belongs to it
 * is what is used. False where that cannot be had. */
static inline bool pin_to_nth_cpu(const cpu_set_t *cpus, unsigned int nth)
{
	cpu_set_t one;

	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, cpus) || nth--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		return !pthread_setaffinity_np(pthread_self(), sizeof(one),
					       &one);
	}
	return false;
}

#endif
