/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* failure_util.c - see failure_util.h. */
#include "failure_util.h"

#include "profile.h"

#include <unistd.h>

#define MAX_HOARD 8192

static const char *const kind_names[] = {
	[UZS_FAULT_OS] = "from the OS",
	[UZS_FAULT_PAGE] = "page",
	[UZS_FAULT_SLAB] = "slab object",
};

void no_faults(void)
{
	for (int kind = 0; kind < UZS_NR_FAULT_KINDS; kind++)
		uzs_fault_set((enum uzs_fault_kind)kind, 0);
}

int start(void **state)
{
	no_faults();
	return 0;
}

bool fail_nth(enum uzs_fault_kind kind, long nth, bool (*call)(void *arg),
	      void *arg, struct tally *tally)
{
	bool ok, hit;

	uzs_fault_set(kind, nth);
	ok = call(arg);
	hit = uzs_fault_seen(kind) >= nth;
	no_faults();
	if (!hit && !ok)
		fail_msg("%s %ld was had, but the call failed",
			 kind_names[kind], nth);
	tally->failures += !ok;
	tally->survived += hit && ok;
	return hit;
}

/* ------------------------------------------------------------------------
 * Pools
 */

unsigned long zone_pages_used(struct zs_pool *pool)
{
	struct zone_stat stat;

	uzs_zone_stat(&pool->zone, &stat);
	return stat.pages_used;
}

void assert_empty(struct zs_pool *pool)
{
	struct zs_pool_info info;

	zs_free_deferred_flush(pool);
	zs_drain(pool);
	zs_trim(pool);
	info = info_of(pool);
	assert_int_equal(info.objs_inuse, 0);
	assert_int_equal(info.objs_capacity, 0);
	assert_int_equal(info.pages, 0);
	assert_int_equal(info.slab_pages, 0);
	assert_int_equal(info.bytes_free, 0);
	assert_int_equal(info.bytes_mapped,
			 info.bytes_resident + uzs_idle_rows_bytes(pool));
	assert_int_equal(zone_pages_used(pool), 0);
	assert_int_equal(pool->zone.nr_sections, 0);
	assert_sound(pool);
}

void assert_works(struct zs_pool *pool)
{
	const unsigned int page = pool->page_size;
	const size_t sizes[] = { 1, 48, page / 5, page / 2 + 1, page };
	unsigned long handles[ARRAY_SIZE(sizes) * 4];
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(handles); i++) {
		size_t size = sizes[i % ARRAY_SIZE(sizes)];

		handles[n] = must_malloc(pool, size);
		assert_true(object_fill(pool, handles[n++], size, i));
	}
	for (size_t i = 0; i < n; i += 3) {
		zs_free(pool, handles[i]);
		handles[i] = 0;
	}
	zs_compact(pool);
	for (size_t i = 0; i < n; i++)
		if (handles[i])
			assert_true(object_ok(pool, handles[i],
					      sizes[i % ARRAY_SIZE(sizes)], i));
	assert_sound(pool);
	while (n)
		zs_free(pool, handles[--n]);
}

struct zs_pool *pool_with(unsigned int page_size, enum zs_lock_scope scope,
			  unsigned int flags)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.page_size = page_size;
	o.lock_scope = scope;
	o.flags = flags;
	pool = zs_create_pool_with("failure", &o);
	assert_non_null(pool);
	return pool;
}

enum zs_lock_scope nth_scope(unsigned int n)
{
	return (enum zs_lock_scope)(ZS_SCOPE_HELD + n % 3);
}

/* All pages that the zone has at hand, so that the next one has to come from
 * the OS. */
static struct page *hoard[MAX_HOARD];

unsigned int hoard_pages(struct zs_pool *pool)
{
	unsigned int n = 0;

	while (n < MAX_HOARD && (hoard[n] = alloc_page(&pool->zone, GFP_NOWAIT,
						       MIGRATE_MOVABLE)))
		n++;
	assert_true(n < MAX_HOARD);
	return n;
}

void release_pages(struct zs_pool *pool, unsigned int n)
{
	while (n)
		__free_page(&pool->zone, hoard[--n]);
}

size_t address_space(void)
{
	size_t pages = 0;
	FILE *file = OWN_SPACE ? fopen("/proc/self/statm", "r") : NULL;

	if (!file)
		return 0;
	if (fscanf(file, "%zu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}
