/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* target.c - which allocator this process has, and the calls to it that are
 * not in a hot loop; see target.h.
 *
 * Callers: work.c, speed.c, memory.c, uzs-bench.c.   Calls: harness.c, the
 * public API, tools/allocator.c.
 */
#include "target.h"

#include <stdio.h>

#include "harness.h"
#include "tools/allocator.h"
#include "tools/variants.h"

const char *const scope_names[] = { "default",
				    VARIANT_SCOPES(VARIANT_NAME) NULL };
/* "off": frees with zs_free, whatever the pool's deferral is. */
const char *const defer_names[] = { "off", VARIANT_DEFERS(VARIANT_NAME) NULL };
const char *const profile_names[] = { "default",
				      VARIANT_PROFILES(VARIANT_NAME) NULL };

void target_identify(const struct options *opt,
		     struct target_identity *identity)
{
	struct uzs_allocator allocator;
	const char *name;

	if (opt->use_malloc) {
		uzs_allocator_identify(&allocator);
		snprintf(identity->name, sizeof(identity->name), "%s",
			 allocator.name);
		snprintf(identity->version, sizeof(identity->version), "%s",
			 allocator.version);
		return;
	}
	name = opt->refs			 ? "zs-refs"
	       : opt->profile == ZS_PROFILE_USER ? "zs-user"
						 : "zs";
	snprintf(identity->name, sizeof(identity->name), "%s", name);
	snprintf(identity->version, sizeof(identity->version), "%s",
		 zs_version());
}

void target_release_thread(void)
{
	uzs_allocator_release_thread();
}

void target_release_process(void)
{
	if (!uzs_allocator_release_process())
		die("the allocator refuses to give memory back");
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
