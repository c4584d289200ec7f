/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* allocator.c - see allocator.h. Owns no state. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif
#include "allocator.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* jemalloc's name for "all arenas" as an arena number. */
#define JEMALLOC_PURGE_ALL "arena.4096.purge"

typedef int (*mallctl_fn)(const char *name, void *old, size_t *old_len,
			  void *new_value, size_t new_len);

/* POSIX guarantees that a pointer from dlsym can be made a function pointer,
 * C does not: hence the copy. */
static bool find_function(const char *name, void *function, size_t size)
{
	void *symbol = dlsym(RTLD_DEFAULT, name);

	memcpy(function, &symbol, size);
	return symbol;
}

#define FIND(name, function) find_function(name, &(function), sizeof(function))

void uzs_allocator_identify(struct uzs_allocator *allocator)
{
	const char *(*tc_version)(int *major, int *minor, const char **patch);
	const char *(*glibc_version)(void);
	int (*mi_version)(void);
	mallctl_fn mallctl;
	const char *name = "malloc", *text = "";
	size_t len = sizeof(text);
	char number[32];

	if (FIND("mallctl", mallctl)) {
		name = "jemalloc";
		if (mallctl("version", &text, &len, NULL, 0))
			text = "";
	} else if (FIND("mi_version", mi_version)) {
		int version = mi_version();

		name = "mimalloc";
		snprintf(number, sizeof(number), "%d.%d.%d", version / 100,
			 version / 10 % 10, version % 10);
		text = number;
	} else if (FIND("tc_version", tc_version)) {
		name = "tcmalloc";
		text = tc_version(NULL, NULL, NULL);
	} else if (FIND("gnu_get_libc_version", glibc_version)) {
		name = "glibc";
		text = glibc_version();
	}
	snprintf(allocator->name, sizeof(allocator->name), "%s", name);
	snprintf(allocator->version, sizeof(allocator->version), "%s", text);
}

void uzs_allocator_release_thread(void)
{
	void (*mi_collect)(bool force);
	mallctl_fn mallctl;

	if (FIND("mallctl", mallctl))
		mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	else if (FIND("mi_collect", mi_collect))
		mi_collect(true);
}

bool uzs_allocator_release_process(void)
{
	void (*release)(void);
	int (*trim)(size_t pad);
	mallctl_fn mallctl;

	if (FIND("mallctl", mallctl))
		return !mallctl(JEMALLOC_PURGE_ALL, NULL, NULL, NULL, 0);
	if (dlsym(RTLD_DEFAULT, "mi_collect"))
		return true; /* each thread has done it */
	if (FIND("MallocExtension_ReleaseFreeMemory", release))
		release();
	else if (FIND("malloc_trim", trim))
		trim(0);
	return true;
}
