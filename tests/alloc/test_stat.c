/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_stat.c - src/stat.c: every figure that a pool shows, against what the
 * test knows of the pool, against the other figures, and against the OS.
 */
#include "test_system.h"
#include "stat_model.h"

#include <errno.h>
#include <limits.h>

#include "compat/os.h"

#define MIB ((size_t)1 << 20)

/* ---- figures --------------------------------------------------------------- */

/* One class: all its figures agree. */
static void check_class_figures(const struct zs_class_info *c)
{
	unsigned long zspages = 0;

	for (int g = 0; g < ZS_NR_FULLNESS_GROUPS; g++)
		zspages += c->zspages[g];
	assert_int_equal(c->objs_capacity, zspages * c->objs_per_zspage);
	assert_int_equal(c->pages_used, zspages * c->pages_per_zspage);
	assert_true(c->objs_inuse <= c->objs_capacity);
	/* Nobody migrates pages: nothing is left empty. */
	assert_int_equal(c->zspages[0], 0);
	assert_true(c->objs_inuse >=
		    c->zspages[ZS_NR_FULLNESS_GROUPS - 1] * c->objs_per_zspage);
	assert_int_equal(c->freeable_pages, (c->objs_capacity - c->objs_inuse) /
						    c->objs_per_zspage *
						    c->pages_per_zspage);
	assert_int_equal(c->huge,
			 c->objs_per_zspage == 1 && c->pages_per_zspage == 1);
}

static void check_figures(struct model *m)
{
	struct zs_pool *pool = m->pool;
	struct zs_pool_info i = info_of(pool);
	struct zs_pool_stats stats;
	unsigned long pages = 0, inuse = 0, capacity = 0, freeable = 0;
	unsigned int count = zs_class_count(pool);

	for (unsigned int n = 0; n < count; n++) {
		struct zs_class_info c = class_of(pool, n);

		assert_true(c.index >= n && c.index < count);
		if (c.index != n)
			continue;
		check_class_figures(&c);
		pages += c.pages_used;
		inuse += c.objs_inuse;
		capacity += c.objs_capacity;
		freeable += c.freeable_pages;
	}
	assert_int_equal(i.pages, pages);
	assert_int_equal(zs_get_total_pages(pool), pages);
	assert_int_equal(i.objs_inuse, inuse);
	assert_int_equal(i.objs_inuse, m->nr);
	assert_int_equal(i.objs_capacity, capacity);
	assert_int_equal(i.freeable_pages, freeable);
	assert_int_equal(zs_shrink_count(pool), freeable);

	/* The header's identities. */
	assert_true(i.objs_inuse <= i.objs_capacity);
	assert_true(i.freeable_pages <= i.pages);
	assert_true(i.pages <= i.peak_pages);
	assert_true((i.pages + i.slab_pages) * i.page_size <= i.bytes_resident);
	assert_true(i.bytes_resident <= i.bytes_mapped);
	/* And what else must hold. */
	assert_true(i.bytes_free + (i.pages + i.slab_pages) * i.page_size <=
		    i.bytes_resident);
	assert_true(i.pages * i.page_size >= sum_of_sizes(m));
	assert_true(i.slab_pages * i.page_size >=
		    i.objs_inuse * sizeof(unsigned long));
	assert_true(i.peak_pages >= m->last.peak_pages);

	/* Counters count what the calls answered. */
	zs_pool_stats(pool, &stats);
	assert_int_equal(stats.pages_compacted, m->pages_compacted);
	assert_int_equal(i.pages_compacted, m->pages_compacted);
	assert_int_equal(i.compactions, m->compactions);
	assert_true(i.bytes_given_back >= m->trimmed);
	assert_true(i.objs_moved >= m->last.objs_moved);
	assert_true(i.bytes_moved - m->last.bytes_moved >=
		    (i.objs_moved - m->last.objs_moved) * (i.page_size / 8));
	assert_true(i.bytes_moved - m->last.bytes_moved <=
		    (i.objs_moved - m->last.objs_moved) * i.page_size);
	assert_true(i.pages_migrated >= m->last.pages_migrated);
	assert_true(i.compact_hold_ns_max >= m->last.compact_hold_ns_max);
	assert_int_equal(i.migrations_busy, 0);
	assert_int_equal(i.zspages_async_freed, 0);
	m->last = i;
}

static void test_figures_add_up(void **state)
{
	static const struct {
		unsigned int page_size, chain_size;
	} geometry[] = { { 4096, 8 },  { 4096, 4 },   { 8192, 16 },
			 { 16384, 8 }, { 32768, 12 }, { 65536, 8 } };

	for (size_t g = 0; g < ARRAY_SIZE(geometry); g++) {
		static struct model m;
		struct zs_pool *pool = make_pool(geometry[g].page_size,
						 geometry[g].chain_size,
						 ZS_POOL_NO_WORKER);

		model_init(&m, pool, g + 1);
		assert_int_equal(m.last.page_size, geometry[g].page_size);
		assert_int_equal(m.last.chain_size, geometry[g].chain_size);
		check_figures(&m);
		for (int i = uzs_test_scale(400); i > 0; i--) {
			model_step(&m);
			check_figures(&m);
		}
		model_verify(&m);
		model_free_all(&m);
		check_figures(&m);
		assert_int_equal(m.last.pages, 0);
		assert_int_equal(m.last.objs_capacity, 0);
		assert_true(m.last.peak_pages > 0);
		m.trimmed += zs_trim(pool);
		check_figures(&m);
		assert_int_equal(m.last.slab_pages, 0);
		assert_int_equal(m.last.bytes_free, 0);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* What compaction says it moved is what lies elsewhere afterwards. */
static void test_moves_counted_are_moves_seen(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long handles[600], before[600], moved = 0;
	struct zs_class_info c =
		class_of(pool, zs_lookup_class_index(pool, 700 + sizeof(long)));
	struct zs_pool_info i;

	for (int n = 0; n < 600; n++)
		handles[n] = must_malloc(pool, 700);
	for (int n = 0; n < 600; n++) {
		if (n % 3) {
			zs_free(pool, handles[n]);
			handles[n] = 0;
			continue;
		}
		before[n] = handle_to_obj(handles[n]);
	}
	assert_true(zs_compact(pool) > 0);
	for (int n = 0; n < 600; n += 3)
		moved += handle_to_obj(handles[n]) != before[n];
	i = info_of(pool);
	assert_true(moved > 50);
	assert_int_equal(i.objs_moved, moved);
	assert_int_equal(i.bytes_moved, moved * c.size);
	assert_true(i.compact_hold_ns_max > 0);
	assert_true(i.compact_hold_ns_max < 10000000000UL);
	/* A second run has nothing to do, but ran. */
	assert_int_equal(zs_compact(pool), 0);
	assert_int_equal(info_of(pool).compactions, 2);
	assert_int_equal(info_of(pool).objs_moved, moved);
	zs_destroy_pool(pool);
}

/* While one compacts, another is told 0, and not counted. */
static void test_second_compaction_is_not_counted(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);

	mutex_lock(&pool->compact_lock);
	assert_int_equal(zs_compact(pool), 0);
	assert_int_equal(zs_shrink_scan(pool, 1), ZS_SHRINK_STOP);
	assert_int_equal(info_of(pool).compactions, 0);
	mutex_unlock(&pool->compact_lock);
	assert_int_equal(zs_compact(pool), 0);
	assert_int_equal(info_of(pool).compactions, 1);
	zs_destroy_pool(pool);
}

/* zs_shrink_scan does what zs_shrink_count foretold. */
static void test_scan_does_what_count_foretold(void **state)
{
	static struct model m;
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long count, freed, pages;

	model_init(&m, pool, 99);
	for (int i = 0; i < 2000; i++)
		model_alloc(&m);
	for (int i = 0; i < 1500; i++)
		model_free(&m);
	count = zs_shrink_count(pool);
	pages = zs_get_total_pages(pool);
	assert_true(count > 100);
	freed = zs_shrink_scan(pool, 1);
	assert_int_equal(freed, count);
	m.compactions++;
	m.pages_compacted += freed;
	assert_int_equal(zs_get_total_pages(pool), pages - freed);
	assert_int_equal(zs_shrink_count(pool), 0);
	assert_int_equal(zs_shrink_scan(pool, ULONG_MAX), ZS_SHRINK_STOP);
	m.compactions++;
	check_figures(&m);
	model_verify(&m);
	zs_destroy_pool(pool);
}

/* A read keeps its zspage: what is freed is less, and said so. */
static void test_readers_make_scan_free_less(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long handles[400];
	struct iovec iov[2];
	unsigned long freed, count;

	for (int i = 0; i < 400; i++) {
		handles[i] = must_malloc(pool, 1000);
		assert_true(object_fill(pool, handles[i], 1000, (unsigned)i));
	}
	for (int i = 0; i < 400; i++)
		if (i % 5)
			zs_free(pool, handles[i]);
	count = zs_shrink_count(pool);
	for (int i = 0; i < 400; i += 5)
		assert_in_range(zs_obj_read_sg_begin(pool, handles[i], iov,
						     1000),
				1, 2);
	assert_int_equal(zs_compact(pool), 0);
	assert_int_equal(zs_shrink_scan(pool, 1), ZS_SHRINK_STOP);
	assert_int_equal(zs_shrink_count(pool), count);
	for (int i = 0; i < 400; i += 5)
		zs_obj_read_sg_end(pool, handles[i]);
	freed = zs_compact(pool);
	assert_int_equal(freed, count);
	for (int i = 0; i < 400; i += 5)
		assert_true(object_ok(pool, handles[i], 1000, (unsigned)i));
	assert_sound(pool);
	zs_destroy_pool(pool);
}

static void test_merged_index_shows_its_class(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);
	unsigned int distinct = 0;

	for (unsigned int size = 100; size <= 4000; size += 300)
		must_malloc(pool, size);
	for (unsigned int n = 0; n < zs_class_count(pool); n++) {
		struct zs_class_info c = class_of(pool, n);
		struct zs_class_info own = class_of(pool, c.index);

		distinct += c.index == n;
		assert_memory_equal(&c, &own, sizeof(c));
		/* The size of the index is served by the class. */
		assert_int_equal(zs_lookup_class_index(pool, 32 + n * 16),
				 c.index);
		assert_true(c.size >= 32 + n * 16);
	}
	assert_int_equal(distinct, uzs_count_distinct_classes(pool));
	zs_destroy_pool(pool);
}

/* ---- memory ------------------------------------------------------------------ */

/* A sanitizer's shadow grows along. */
#if !SANITIZED
/* bytes_resident against the OS: never less than what the process grew by,
 * and little more. */
static void compare_rss(struct zs_pool *pool, size_t base, size_t slack,
			const char *when)
{
	size_t now = resident_bytes(), grown = now > base ? now - base : 0;
	struct zs_pool_info i = info_of(pool);

	if (grown > i.bytes_resident + slack ||
	    i.bytes_resident > grown + grown / 50 + slack)
		fail_msg("%s: the process grew by %zu bytes, the pool says %zu",
			 when, grown, i.bytes_resident);
}
#endif

static void test_resident_bytes_are_the_rss(void **state)
{
#if SANITIZED
	skip();
#else
	const size_t total = (size_t)uzs_test_scale(96) * MIB;
	/* Pages of a few other things (stdio, stack), and what the kernel has
	 * not yet added up: it batches its count for each thread. */
	const size_t slack = MIB;
	unsigned int max = (unsigned int)(total / 1500), n = 0, live;
	unsigned long *handles = malloc(max * sizeof(*handles));
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned char data[4096];
	struct zs_pool_info i;
	size_t base, stored = 0;
	struct rng rng;

	rng_seed(&rng, 11);
	memset(handles, 0x55, max * sizeof(*handles));
	memset(data, 0x77, sizeof(data));
	base = resident_bytes();
	for (; n < max && stored < total; n++) {
		unsigned int size = rng_range(&rng, 1, 4096);

		handles[n] = must_malloc(pool, size);
		assert_int_equal(zs_obj_write(pool, handles[n], data, size), 0);
		stored += size;
		if (n % 4096 == 0)
			compare_rss(pool, base, slack, "while filling");
	}
	compare_rss(pool, base, slack, "filled");
	i = info_of(pool);
	/* Evenly spread sizes cost more than real ones, but not much. */
	assert_true(i.bytes_resident < stored + stored / 8 + 4 * MIB);

	for (live = n; live > n / 4;) {
		unsigned int victim = rng_below(&rng, live);

		zs_free(pool, handles[victim]);
		handles[victim] = handles[--live];
	}
	compare_rss(pool, base, slack, "three quarters freed");
	zs_compact(pool);
	compare_rss(pool, base, slack, "compacted");
	zs_trim(pool);
	compare_rss(pool, base, slack, "trimmed");
	assert_true(info_of(pool).bytes_resident < stored / 3 + 4 * MIB);

	while (live)
		zs_free(pool, handles[--live]);
	compare_rss(pool, base, slack, "emptied");
	zs_trim(pool);
	compare_rss(pool, base, slack, "emptied and trimmed");
	assert_true(info_of(pool).bytes_resident < MIB);
	assert_int_equal(zs_destroy_pool(pool), 0);
	assert_true(resident_bytes() < base + slack);
	free(handles);
#endif
}

struct filling {
	struct zs_pool *pool;
	struct rng rng;
	unsigned long *handle;
	unsigned short *size;
	unsigned int nr, max;
	size_t stored;
};

/* Allocates until there is no memory. */
static void fill_to_limit(struct filling *f, unsigned int low,
			  unsigned int high)
{
	struct zs_pool_info i;

	for (;;) {
		unsigned int size = rng_range(&f->rng, low, high);
		unsigned long handle =
			zs_malloc(f->pool, size, GFP_KERNEL, NUMA_NO_NODE);

		if (zs_is_err(handle)) {
			assert_int_equal(zs_err(handle), -ENOMEM);
			break;
		}
		assert_true(f->nr < f->max);
		assert_true(object_fill(f->pool, handle, size, handle));
		f->handle[f->nr] = handle;
		f->size[f->nr++] = (unsigned short)size;
		f->stored += size;
		if (f->nr % 16 == 0) {
			i = info_of(f->pool);
			assert_true(i.bytes_resident <= i.memory_limit_bytes);
		}
	}
	i = info_of(f->pool);
	assert_true(i.bytes_resident <= i.memory_limit_bytes);
}

static void free_share(struct filling *f, unsigned int percent)
{
	unsigned int left = f->nr - f->nr * percent / 100;

	while (f->nr > left) {
		unsigned int i = rng_below(&f->rng, f->nr);

		zs_free(f->pool, f->handle[i]);
		f->stored -= f->size[i];
		f->handle[i] = f->handle[--f->nr];
		f->size[i] = f->size[f->nr];
	}
}

static void verify_filling(struct filling *f)
{
	for (unsigned int i = 0; i < f->nr; i++)
		assert_true(object_ok(f->pool, f->handle[i], f->size[i],
				      f->handle[i]));
}

static void run_to_limit(unsigned int page_size, size_t limit,
			 unsigned int flags)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct filling f = { .max = (unsigned int)(limit / 64) };
	struct zs_pool_info full, half, i;
	unsigned int unit, before, nr_full;
	size_t stored_full;

	o.page_size = page_size;
	o.memory_limit = limit;
	o.flags = flags;
	f.pool = zs_create_pool_with("limit", &o);
	assert_non_null(f.pool);
	f.handle = malloc(f.max * sizeof(*f.handle));
	f.size = malloc(f.max * sizeof(*f.size));
	rng_seed(&f.rng, page_size + flags);
	unit = page_size / 16;

	/* Nearly all of it can be used. Few classes, so that a small pool has
	 * many zspages of each. */
	fill_to_limit(&f, 3 * unit, 3 * unit + unit / 4);
	full = info_of(f.pool);
	assert_int_equal(full.memory_limit_bytes, limit);
	assert_true(full.bytes_resident + 32 * page_size >= limit);
	assert_true((full.pages + full.slab_pages) * page_size >
		    limit - limit / 16 - 32 * page_size);
	assert_sound(f.pool);
	verify_filling(&f);
	nr_full = f.nr;
	stored_full = f.stored;

	/* With half of the objects freed at random hardly any page is free;
	 * a new zspage can be had since compaction is tried first. */
	free_share(&f, 50);
	half = info_of(f.pool);
	assert_true(half.freeable_pages > full.pages / 4);
	before = f.nr;
	fill_to_limit(&f, 11 * unit, 11 * unit + unit / 8);
	i = info_of(f.pool);
	assert_true(i.compactions > half.compactions);
	assert_true(i.pages_compacted - half.pages_compacted >=
		    half.freeable_pages * 9 / 10);
	if ((size_t)(f.nr - before) * 11 * unit <=
	    half.freeable_pages * page_size * 3 / 4)
		fail_msg(
			"page size %u, limit %zu: %u objects fit where %lu pages were freeable",
			page_size, limit, f.nr - before, half.freeable_pages);
	assert_sound(f.pool);
	verify_filling(&f);

	/* The limit is released as objects are freed, all of it. */
	free_share(&f, 100);
	zs_drain(f.pool);
	assert_int_equal(f.stored, 0);
	assert_int_equal(info_of(f.pool).pages, 0);
	fill_to_limit(&f, 3 * unit, 3 * unit + unit / 4);
	/* But for a zspage: whose class gets the last one is chance. */
	assert_true(f.nr + 8 * page_size / (3 * unit) > nr_full - nr_full / 50);
	assert_true(f.stored + 8 * page_size > stored_full - stored_full / 50);
	verify_filling(&f);
	free_share(&f, 100);
	zs_trim(f.pool);
	i = info_of(f.pool);
	assert_int_equal(i.bytes_resident, f.pool->meta_bytes);
	assert_sound(f.pool);
	assert_int_equal(zs_destroy_pool(f.pool), 0);
	free(f.handle);
	free(f.size);
}

static void test_limit_is_reached_and_kept(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	run_to_limit(4096, 8 * MIB, ZS_POOL_NO_WORKER);
	run_to_limit(4096, 20 * MIB + 12345, 0);
	run_to_limit(4096, MIB / 2, 0);
	run_to_limit(16384, 8 * MIB, ZS_POOL_NO_WORKER);
	run_to_limit(65536, 16 * MIB, 0);
}

/* A section's worth of one kind of pages does not keep the limit from the
 * other kind: many small objects, whose handles need slabs, then large. */
static void test_limit_serves_both_kinds_of_pages(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct filling f = { .max = 1u << 20 };
	struct zs_pool_info small, large;

	o.memory_limit = 6 * MIB;
	o.flags = ZS_POOL_NO_WORKER;
	f.pool = zs_create_pool_with("kinds", &o);
	f.handle = malloc(f.max * sizeof(*f.handle));
	f.size = malloc(f.max * sizeof(*f.size));
	rng_seed(&f.rng, 3);
	fill_to_limit(&f, 1, 8);
	small = info_of(f.pool);
	assert_true(small.slab_pages > small.pages / 8);
	assert_true(small.bytes_resident + 16 * 4096 > o.memory_limit);
	free_share(&f, 100);
	fill_to_limit(&f, 4096, 4096);
	large = info_of(f.pool);
	/* Slabs go back when they are empty, at the latest with a trim. */
	assert_true(large.pages * 4096 > o.memory_limit - o.memory_limit / 16 -
						 small.slab_pages * 4096);
	free_share(&f, 100);
	zs_trim(f.pool);
	fill_to_limit(&f, 4096, 4096);
	large = info_of(f.pool);
	assert_true(large.pages * 4096 > o.memory_limit - o.memory_limit / 16);
	verify_filling(&f);
	assert_sound(f.pool);
	zs_destroy_pool(f.pool);
	free(f.handle);
	free(f.size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures_add_up),
		cmocka_unit_test(test_moves_counted_are_moves_seen),
		cmocka_unit_test(test_second_compaction_is_not_counted),
		cmocka_unit_test(test_scan_does_what_count_foretold),
		cmocka_unit_test(test_readers_make_scan_free_less),
		cmocka_unit_test(test_merged_index_shows_its_class),
		cmocka_unit_test(test_resident_bytes_are_the_rss),
		cmocka_unit_test(test_limit_is_reached_and_kept),
		cmocka_unit_test(test_limit_serves_both_kinds_of_pages),
	};

	return cmocka_run_group_tests_name("stat", tests, NULL, NULL);
}
