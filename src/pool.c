/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pool.c - owns the life of a pool, and zs_malloc. (zs_free is in free.c.)
 *
 * Kernel origin: mm/zsmalloc.c zs_create_pool, zs_destroy_pool; differs:
 * options, profiles, a pool's memory is one mapping, destroying a pool frees
 * what is live.
 * Locks: by function. Sleeps: yes, never under pool->lock or class->lock.
 * Guarantees:
 *  A1 a failed zs_malloc leaves the pool as it was.
 *  A2 freeing and destroying need no memory.
 */
#include <stdlib.h>
#include <string.h>

#include "class.h"
#include "compact.h"
#include "compat/os.h"
#include "deferred.h"
#include "handle.h"
#include "harden.h"
#include "jobs.h"
#include "kernel/scope.h"
#include "lock_order.h"
#include "profile.h"
#include "relief.h"

#define DEFAULT_PAGE_SIZE 4096u
#define DEFAULT_RETAINED ((size_t)4 << 20)

#define STRING_(x) #x
#define STRING(x) STRING_(x)

const char *zs_version(void)
{
	return STRING(ZS_VERSION_MAJOR) "." STRING(ZS_VERSION_MINOR) "." STRING(
		ZS_VERSION_PATCH);
}

/* What programs have inline, for those that need a function. */
bool zs_is_err(unsigned long handle)
{
	return handle >= -4095UL;
}

int zs_err(unsigned long handle)
{
	return zs_is_err(handle) ? -(int)(0UL - handle) : 0;
}

/* ---- profiles ------------------------------------------------------------ */

static const struct profile *find_profile(enum zs_profile id)
{
	switch (id) {
	case ZS_PROFILE_DEFAULT:
	case ZS_PROFILE_KERNEL:
		return &uzs_kernel_profile;
	case ZS_PROFILE_USER:
#if UINTPTR_MAX > UINT32_MAX
		return &uzs_user_profile;
#else
		break;
#endif
	}
	return NULL;
}

enum zs_profile zs_profile(const struct zs_pool *pool)
{
	return pool->profile->id;
}

const char *zs_profile_name(enum zs_profile id)
{
	const struct profile *profile = find_profile(id);

	if (id == ZS_PROFILE_DEFAULT)
		return "default";
	return profile ? profile->name : NULL;
}

/* ---- life --------------------------------------------------------------- */

/* Copies the caller's options, whose version may be older or newer. Return: 0
 * or an errno. */
static int read_options(const struct zs_pool_options *theirs,
			struct zs_pool_options *o)
{
	const struct zs_pool_options defaults = ZS_POOL_OPTIONS_INIT;
	const size_t first_version =
		offsetof(struct zs_pool_options, retained_bytes) +
		sizeof(theirs->retained_bytes);
	const struct profile *profile;
	size_t size;

	*o = defaults;
	if (theirs) {
		size = theirs->struct_size;
		if (size < first_version)
			return EINVAL;
		for (size_t i = sizeof(*o); i < size; i++)
			if (((const char *)theirs)[i])
				return E2BIG;
		memcpy(o, theirs, min(size, sizeof(*o)));
	}
	profile = find_profile(o->profile);
	if (!profile)
		return EINVAL;
	if (!o->page_size)
		o->page_size = DEFAULT_PAGE_SIZE;
	if (!o->chain_size)
		o->chain_size = profile->chain_size;
	if (o->defer == ZS_DEFER_DEFAULT ||
	    (o->defer == ZS_DEFER_REUSE && !profile->reuses))
		o->defer = profile->defer;
	if (!o->retained_bytes)
		o->retained_bytes = DEFAULT_RETAINED;
	if (!o->max_overhead_percent)
		o->max_overhead_percent = profile->max_overhead;
	if (!is_power_of_2(o->page_size) ||
	    o->page_size < 1u << ZS_MIN_PAGE_SHIFT ||
	    o->page_size > 1u << ZS_MAX_PAGE_SHIFT ||
	    o->chain_size < ZS_MIN_CHAIN_SIZE ||
	    o->chain_size > ZS_MAX_CHAIN_SIZE || !uzs_is_scope(o->lock_scope) ||
	    (unsigned int)o->defer > ZS_DEFER_REUSE ||
	    o->max_overhead_percent > ZS_MAX_OVERHEAD ||
	    o->flags & ~(ZS_POOL_NO_WORKER | ZS_POOL_HARDENED |
			 ZS_POOL_NO_HUGE_PAGES))
		return EINVAL;
	return 0;
}

static size_t counted_rows(const struct zs_pool *pool)
{
	return uzs_rows_bytes() - uzs_idle_rows_bytes(pool);
}

/* The parts of a pool's own mapping, in order. */
struct layout {
	size_t classes;
	size_t profile;
	size_t zone_slots;
	size_t handle_magazines;
	size_t zspage_magazines;
	size_t keep; /* hardened pools only */
	size_t end;
	size_t meta; /* bytes that count as the pool's own memory */
};

static void plan_layout(const struct zs_pool *pool, struct layout *l)
{
	const size_t line = 128;

	l->classes =
		ALIGN(sizeof(struct zs_pool) +
			      pool->nr_classes * sizeof(struct size_class *),
		      line);
	l->profile = l->classes + ALIGN(uzs_classes_bytes(pool), line);
	l->zone_slots =
		l->profile + ALIGN(pool->profile->state_bytes(pool), line);
	l->handle_magazines = l->zone_slots + ALIGN(uzs_zone_bytes(), line);
	l->zspage_magazines = l->handle_magazines +
			      ALIGN(pool->hardened ? uzs_slab_guarded_bytes()
						   : uzs_slab_bytes(),
				    line);
	l->keep = l->zspage_magazines + ALIGN(uzs_slab_bytes(), line);
	l->end = ALIGN(l->keep + (pool->hardened ? uzs_zone_keep_bytes() : 0),
		       uzs_os_page_size());
	l->meta = l->end + counted_rows(pool);
}

static void init_handles(struct zs_pool *pool, const struct layout *l)
{
	char *magazines = (char *)pool + l->handle_magazines;
	unsigned int size = ZS_HANDLE_SIZE;

	pool->wide = pool->hardened || UZS_POISONS_OBJECTS;
	if (pool->wide)
		size = sizeof(struct wide_handle);
	if (pool->hardened) {
		uzs_zone_keep_init(&pool->zone, (char *)pool + l->keep);
		uzs_slab_init_guarded(&pool->handle_cache, &pool->zone, size,
				      magazines);
	} else {
		uzs_slab_init(&pool->handle_cache, &pool->zone, size,
			      magazines);
	}
}

/* Fills in a pool. Nothing here can fail. */
static void init_pool(struct zs_pool *pool, const struct layout *l,
		      const struct zs_pool_options *o)
{
	struct zone_options zo = {
		.page_shift = pool->page_shift,
		.limit = o->memory_limit ? o->memory_limit - l->meta : 0,
		.retained = o->retained_bytes,
		.movable = pool->profile->movable,
		/* only slabs are there */
		.one_by_one = pool->profile->memory != NULL,
	};
	char *mem = (char *)pool;

	pool->meta_bytes = l->meta;
	uzs_init_classes(pool, mem + l->classes);
	uzs_zone_init(&pool->zone, mem + l->zone_slots, &zo);
	uzs_harden_init(pool, o);
	init_handles(pool, l);
	uzs_slab_init(&pool->zspage_cache, &pool->zone, sizeof(struct zspage),
		      mem + l->zspage_magazines);
	uzs_compact_init(pool, o->max_overhead_percent);
	mutex_init(&pool->free_work_lock);
	lock_set_rank(&pool->free_work_lock.spin, RANK_FREE_WORK);
	uzs_jobs_init(pool);
	pool->head.slow_reads = 1; /* unless the profile knows better */
	pool->profile->init(pool, mem + l->profile, o);
	uzs_workqueue_init(&pool->wq, !(o->flags & ZS_POOL_NO_WORKER),
			   pool->name);
}

/* Bytes that suffice to store one object of any size: the pool's mapping, a
 * section and a slab for its handle, and what its zspage needs. What caches,
 * per-CPU lists and the deferred queue hold besides is freed when there is no
 * memory. */
static size_t least_bytes(const struct zs_pool *pool, const struct layout *l)
{
	struct zone_options zo = { .page_shift = pool->page_shift };

	return l->meta + uzs_zone_min_bytes(&zo) +
	       pool->profile->least_bytes(pool) +
	       (pool->hardened ? uzs_zone_keep_leaf_bytes() : 0);
}

struct zs_pool *zs_create_pool_with(const char *name,
				    const struct zs_pool_options *opts)
{
	struct zs_pool_options o;
	struct zs_pool geometry = { 0 }, *pool;
	struct layout l;
	char *mem;
	int err = read_options(opts, &o);

	if (err) {
		errno = err;
		return NULL;
	}
	geometry.profile = find_profile(o.profile);
	geometry.page_size = o.page_size;
	geometry.chain_size = o.chain_size;
	geometry.hardened = (o.flags & ZS_POOL_HARDENED) != 0;
	geometry.expected_bytes = o.expected_bytes;
	geometry.profile->set_geometry(&geometry);
	plan_layout(&geometry, &l);
	geometry.least_bytes = least_bytes(&geometry, &l);
	if (o.memory_limit &&
	    o.memory_limit < geometry.least_bytes +
				     uzs_deferred_need(&geometry, o.defer)) {
		errno = EINVAL;
		return NULL;
	}
	mem = uzs_os_map(uzs_rows_bytes() + l.end, uzs_os_page_size());
	if (!mem) {
		errno = ENOMEM;
		return NULL;
	}
	pool = (struct zs_pool *)(void *)(mem + uzs_rows_bytes());
	memcpy(pool, &geometry, sizeof(geometry));
	if (name)
		strncpy(pool->name, name, sizeof(pool->name) - 1);
	init_pool(pool, &l, &o);
	err = -uzs_deferred_init(pool, o.defer);
	if (err) {
		zs_destroy_pool(pool);
		errno = err;
		return NULL;
	}
	return pool;
}

int zs_set_memory_limit(struct zs_pool *pool, size_t bytes)
{
	bool above;

	/* Per-CPU buffers may just be made. */
	mutex_lock(&pool->deferred.drain_lock);
	if (bytes &&
	    bytes < pool->least_bytes + uzs_deferred_most_bytes(pool)) {
		mutex_unlock(&pool->deferred.drain_lock);
		return -EINVAL;
	}
	above = uzs_zone_set_limit(&pool->zone,
				   bytes ? bytes - pool->meta_bytes : 0);
	/* Calls that found no memory look again. */
	uzs_count(&pool->give_backs, 1);
	mutex_unlock(&pool->deferred.drain_lock);
	if (above)
		uzs_relieve_pool(pool);
	return 0;
}

struct zs_pool *zs_create_pool(const char *name)
{
	return zs_create_pool_with(name, NULL);
}

unsigned long zs_destroy_pool(struct zs_pool *pool)
{
	unsigned long live, leaked;

	if (!pool)
		return 0;
	if (pool->hardened)
		uzs_harden_tell_unended(pool, __func__);
	/* Nobody would see what it does. */
	WRITE_ONCE(pool->max_overhead, 0);
	cancel_work_sync(&pool->wq, &pool->settle_work);
	cancel_work_sync(&pool->wq, &pool->look_work);
	cancel_work_sync(&pool->wq, &pool->gaps_work);
	uzs_deferred_flush_all(pool);
	uzs_workqueue_destroy(&pool->wq);
	live = pool->profile->destroy(pool);
	uzs_slab_destroy(&pool->zspage_cache);
	uzs_slab_destroy(&pool->handle_cache);
	uzs_deferred_destroy(pool);
	leaked = uzs_zone_destroy(&pool->zone);
	VM_BUG_ON(leaked && !pool->forked);
	(void)leaked;
	uzs_os_release((char *)pool - uzs_rows_bytes(),
		       pool->meta_bytes + uzs_idle_rows_bytes(pool));
	return live;
}

/* ---- objects ------------------------------------------------------------ */

struct want {
	struct zs_pool *pool;
	size_t size;
	unsigned long handle;
};

static bool malloc_again(void *arg)
{
	struct want *want = arg;

	want->handle =
		want->pool->profile->malloc(want->pool, want->size, GFP_GROW);
	return want->handle != (unsigned long)-ENOMEM;
}

static __attribute__((noinline, cold)) unsigned long
malloc_for_want(struct zs_pool *pool, size_t size, unsigned long freed_late,
		unsigned long give_backs)
{
	struct want want = { pool, size, (unsigned long)-ENOMEM };

	uzs_retry_for_memory(pool, freed_late, give_backs, malloc_again, &want);
	return want.handle;
}

unsigned long zs_malloc(struct zs_pool *pool, size_t size, gfp_t gfp, int nid)
{
	unsigned long handle, freed_late, give_backs;

	(void)nid;
	if (unlikely(!size || (gfp != GFP_KERNEL && gfp != GFP_NOWAIT)))
		return (unsigned long)-EINVAL;
	if (unlikely(size > pool->max_size))
		return (unsigned long)-ENOSPC;
	freed_late = READ_ONCE(pool->freed_late);
	give_backs = READ_ONCE(pool->give_backs);
	handle = (unsigned long)-ENOMEM;
	if (likely(!uzs_zone_is_above(&pool->zone)))
		handle = pool->profile->malloc(
			pool, size, gfp == GFP_NOWAIT ? gfp : GFP_GROW);
	if (unlikely(handle == (unsigned long)-ENOMEM)) {
		/* Another thread may have needed what this call had in hand. */
		uzs_count(&pool->give_backs, 1);
		if (gfp == GFP_KERNEL)
			handle = malloc_for_want(pool, size, freed_late,
						 give_backs + 1);
	}
	/* A CPU's page list may have got more pages than were taken from it. */
	uzs_kick_give_back(pool);
	if (gfp == GFP_KERNEL)
		uzs_close_gaps_in_call(pool);
	return handle;
}
