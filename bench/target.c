/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* target.c - which allocator this process has, and the calls to it that are
 * not in a hot loop; see target.h.
 *
 * Callers: work.c, speed.c, memory.c, uzs-bench.c.   Calls: harness.c, the
 * public API, and by dlsym what the known allocators offer to give memory
 * back: the program is linked with none of them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif
#include "target.h"

#include <dlfcn.h>
#include <stdio.h>

#include "harness.h"
#include "tools/variants.h"

/* jemalloc's name for "all arenas" as an arena number. */
#define JEMALLOC_PURGE_ALL "arena.4096.purge"

const char *const scope_names[] = { "default",
				    VARIANT_SCOPES(VARIANT_NAME) NULL };
/* "off": frees with zs_free, whatever the pool's deferral is. */
const char *const defer_names[] = { "off", VARIANT_DEFERS(VARIANT_NAME) NULL };
const char *const profile_names[] = { "default",
				      VARIANT_PROFILES(VARIANT_NAME) NULL };

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

void target_identify(const struct options *opt,
		     struct target_identity *identity)
{
	const char *(*tc_version)(int *major, int *minor, const char **patch);
	const char *(*glibc_version)(void);
	int (*mi_version)(void);
	mallctl_fn mallctl;
	const char *text = "";
	size_t len = sizeof(text);
	const char *name;

	if (!opt->use_malloc) {
		name = opt->refs			 ? "zs-refs"
		       : opt->profile == ZS_PROFILE_USER ? "zs-user"
							 : "zs";
		text = zs_version();
	} else if (FIND("mallctl", mallctl)) {
		name = "jemalloc";
		if (mallctl("version", &text, &len, NULL, 0))
			text = "";
	} else if (FIND("mi_version", mi_version)) {
		int version = mi_version();

		name = "mimalloc";
		snprintf(identity->name, sizeof(identity->name), "%s", name);
		snprintf(identity->version, sizeof(identity->version),
			 "%d.%d.%d", version / 100, version / 10 % 10,
			 version % 10);
		return;
	} else if (FIND("tc_version", tc_version)) {
		name = "tcmalloc";
		text = tc_version(NULL, NULL, NULL);
	} else if (FIND("gnu_get_libc_version", glibc_version)) {
		name = "glibc";
		text = glibc_version();
	} else {
		name = "malloc";
	}
	snprintf(identity->name, sizeof(identity->name), "%s", name);
	snprintf(identity->version, sizeof(identity->version), "%s", text);
}

void target_release_thread(void)
{
	void (*mi_collect)(bool force);
	mallctl_fn mallctl;

	if (FIND("mallctl", mallctl))
		mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	else if (FIND("mi_collect", mi_collect))
		mi_collect(true);
}

void target_release_process(void)
{
	void (*release)(void);
	int (*trim)(size_t pad);
	mallctl_fn mallctl;

	if (FIND("mallctl", mallctl)) {
		if (mallctl(JEMALLOC_PURGE_ALL, NULL, NULL, NULL, 0))
			die("jemalloc refuses " JEMALLOC_PURGE_ALL);
	} else if (dlsym(RTLD_DEFAULT, "mi_collect")) {
		/* each thread has done it */
	} else if (FIND("MallocExtension_ReleaseFreeMemory", release)) {
		release();
	} else if (FIND("malloc_trim", trim)) {
		trim(0);
	}
}

static void open_subject(struct target *target, const struct options *opt)
{
	const struct subject *subject = opt->subject;

	target->subject = subject;
	target->defer = subject->free_deferred != NULL;
	target->subject_pool = subject->create(opt->page_size, opt->chain_size,
					       !opt->no_worker);
	if (!target->subject_pool)
		die("%s: cannot create a pool (page size %u, chain size %u)",
		    subject->name, opt->page_size, opt->chain_size);
}

void target_open(struct target *target, const struct options *opt)
{
	struct zs_pool_options pool_opt = ZS_POOL_OPTIONS_INIT;

	target->pool = NULL;
	target->subject = NULL;
	target->refs = opt->refs;
	target->defer = opt->defer != ZS_DEFER_DEFAULT;
	if (opt->subject) {
		open_subject(target, opt);
		return;
	}
	if (opt->use_malloc)
		return;
	pool_opt.page_size = opt->page_size;
	pool_opt.chain_size = opt->chain_size;
	pool_opt.retained_bytes = opt->retained_bytes;
	pool_opt.max_overhead_percent = opt->max_overhead;
	pool_opt.expected_bytes = opt->expected_bytes;
	pool_opt.lock_scope = (enum zs_lock_scope)opt->lock_scope;
	pool_opt.defer = (enum zs_defer_mode)opt->defer;
	pool_opt.profile = (enum zs_profile)opt->profile;
	if (opt->no_worker)
		pool_opt.flags |= ZS_POOL_NO_WORKER;
	if (opt->no_huge)
		pool_opt.flags |= ZS_POOL_NO_HUGE_PAGES;
	if (opt->hardened)
		pool_opt.flags |= ZS_POOL_HARDENED;
	target->pool = zs_create_pool_with(program_name, &pool_opt);
	if (!target->pool)
		die("cannot create a pool (page size %u, chain size %u, "
		    "lock scope %s, profile %s): %s",
		    opt->page_size, opt->chain_size,
		    scope_names[opt->lock_scope], profile_names[opt->profile],
		    strerror(errno));
}

void target_close(struct target *target)
{
	if (target->pool)
		zs_destroy_pool(target->pool);
	else if (target->subject)
		target->subject->destroy(target->subject_pool);
}

unsigned long target_compact(const struct target *target)
{
	if (target->subject)
		return target->subject->compact(target->subject_pool);
	if (!target->pool)
		die("malloc cannot compact");
	return zs_compact(target->pool);
}

unsigned long target_check(const struct target *target)
{
	if (target->pool)
		return zs_pool_check(target->pool, stderr);
	if (target->subject && target->subject->check)
		return target->subject->check(target->subject_pool, stderr);
	return 0;
}

void target_info(const struct target *target, struct zs_pool_info *info)
{
	struct zs_pool_info empty = ZS_POOL_INFO_INIT;

	*info = empty;
	if (zs_pool_info(target->pool, info))
		die("the pool tells no statistics");
}

void target_alloc_failed(size_t bytes, int err)
{
	die("cannot allocate an object of %zu bytes: %s", bytes, strerror(err));
}

void target_access_failed(const char *what, size_t bytes)
{
	die("%s failed for an object of %zu bytes", what, bytes);
}
