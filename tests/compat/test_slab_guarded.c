/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_slab_guarded.c - compat/slab.h: caches that give freed objects out late,
 * and keep their slabs.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setaffinity_np */
#endif
#include "test_system.h"
#include "slab_util.h"

#include "compat/fault.h"
#include "compat/os.h"

/* ------------------------------------------------------------------------
 * Guarded caches
 */

static struct kmem_cache *new_guarded(struct zone *zone, unsigned int size)
{
	struct kmem_cache *cache;

	uzs_zone_keep_init(zone, calloc(1, uzs_zone_keep_bytes()));
	assert_non_null(zone->keep);
	cache = calloc(1, sizeof(*cache) + uzs_slab_guarded_bytes());
	assert_non_null(cache);
	uzs_slab_init_guarded(cache, zone, size, cache + 1);
	return cache;
}

static void end_guarded(struct kmem_cache *cache)
{
	struct zone *zone = cache->zone;
	unsigned long **keep = zone->keep;

	end_cache(cache);
	assert_int_equal(zone->charged, zone->keep_bytes);
	end_zone(zone, 0);
	free(keep);
}

/* A freed object is given out again when so many others were freed, the oldest
 * first, and nothing else is written to it till then. */
static void test_oldest_is_given_out_first_and_late(void **state)
{
	struct kmem_cache *cache =
		new_guarded(new_zone(12, 0, SIZE_MAX, NULL), 16);
	unsigned long *objs[UZS_SLAB_DELAY + 10];

	for (size_t i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		assert_non_null(objs[i]);
		objs[i][1] = i;
	}
	for (size_t i = 0; i < ARRAY_SIZE(objs); i++)
		kmem_cache_free(cache, objs[i]);
	/* Those beyond the delay, in the magazine; not one other. */
	for (size_t i = 0; i < 10; i++)
		assert_ptr_equal(kmem_cache_alloc(cache, GFP_KERNEL),
				 objs[9 - i]);
	for (size_t i = 0; i < 100; i++) {
		unsigned long *obj = kmem_cache_alloc(cache, GFP_KERNEL);

		for (size_t o = 10; o < ARRAY_SIZE(objs); o++)
			assert_ptr_not_equal(obj, objs[o]);
	}
	for (size_t o = 10; o < ARRAY_SIZE(objs); o++)
		assert_int_equal(uzs_peek_word(&objs[o][1]), o);
	assert_cache_sound(cache);
	/* A look holds nothing up; to shrink does. */
	for (size_t o = 10; o < ARRAY_SIZE(objs); o++)
		assert_int_equal(uzs_peek_word(&objs[o][1]), o);
	kmem_cache_shrink(cache);
	assert_cache_sound(cache);
	end_guarded(cache);
}

/* Without memory those that are held back are given out. */
static void test_held_back_objects_are_used_in_need(void **state)
{
	struct kmem_cache *cache =
		new_guarded(new_zone(12, 0, SIZE_MAX, NULL), 16);
	void *objs[4096 / 16];

	for (size_t i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (size_t i = 0; i < ARRAY_SIZE(objs); i++)
		kmem_cache_free(cache, objs[i]);
	for (size_t i = 0; i < ARRAY_SIZE(objs); i++) {
		uzs_fault_set_from(UZS_FAULT_PAGE, 1);
		assert_non_null(kmem_cache_alloc(cache, GFP_KERNEL));
	}
	assert_null(kmem_cache_alloc(cache, GFP_KERNEL));
	uzs_fault_set(UZS_FAULT_PAGE, 0);
	end_guarded(cache);
}

/* Sections that had slabs stay mapped, others do not; and nothing else is taken
 * for kept. */
static void test_sections_of_slabs_stay_mapped(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	struct kmem_cache *cache = new_guarded(zone, 16);
	unsigned int n = (unsigned int)(3 * UZS_SECTION_SIZE >> 12);
	struct page **pages = calloc(n, sizeof(struct page *));
	unsigned long *obj = kmem_cache_alloc(cache, GFP_KERNEL);
	struct section *kept = uzs_section_of(obj);
	struct zone_stat stat;

	assert_non_null(obj);
	assert_non_null(pages);
	for (unsigned int i = 0; i < n; i++) {
		pages[i] = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
		assert_non_null(pages[i]);
		assert_true(uzs_zone_keeps(zone, pages[i]) ==
			    (uzs_section_of(pages[i]) == kept));
	}
	assert_true(uzs_zone_keeps(zone, obj));
	assert_true(uzs_zone_keeps(zone, kept));
	assert_true(uzs_zone_keeps(zone, (char *)kept + UZS_SECTION_SIZE - 1));
	assert_false(uzs_zone_keeps(zone, (char *)kept - 1));
	assert_false(uzs_zone_keeps(zone, NULL));
	assert_false(uzs_zone_keeps(zone, &n));
	for (int bit = 0; bit < BITS_PER_LONG; bit++)
		assert_true(uzs_zone_keeps(zone, (void *)((uintptr_t)obj ^
							  1UL << bit)) ==
			    (bit < UZS_SECTION_SHIFT));
	for (unsigned int i = 0; i < n; i++)
		__free_page(zone, pages[i]);
	kmem_cache_free(cache, obj);
	kmem_cache_shrink(cache);
	uzs_zone_give_back(zone, 0, false);
	uzs_zone_stat(zone, &stat);
	assert_int_equal(stat.bytes_mapped, UZS_SECTION_SIZE);
	assert_int_equal(stat.bytes_resident, zone->head_resident);
	uzs_peek_word(obj); /* it is there */
	/* It is used again like any other. */
	assert_ptr_equal(uzs_section_of(kmem_cache_alloc(cache, GFP_KERNEL)),
			 kept);
	free(pages);
	end_guarded(cache);
}

/* A section that cannot be kept is not used. */
static void test_section_that_cannot_be_kept_is_not_used(void **state)
{
	struct kmem_cache *cache =
		new_guarded(new_zone(12, 0, SIZE_MAX, NULL), 16);

	for (long nth = 1; nth <= 2; nth++) {
		uzs_fault_set_from(UZS_FAULT_OS, nth);
		assert_null(kmem_cache_alloc(cache, GFP_KERNEL));
		assert_true(uzs_fault_seen(UZS_FAULT_OS) >= nth);
		assert_int_equal(cache->zone->nr_sections, 0);
		assert_int_equal(cache->zone->charged, 0);
	}
	uzs_fault_set(UZS_FAULT_OS, 0);
	assert_non_null(kmem_cache_alloc(cache, GFP_KERNEL));
	end_guarded(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		single(test_oldest_is_given_out_first_and_late),
		single(test_held_back_objects_are_used_in_need),
		single(test_sections_of_slabs_stay_mapped),
		single(test_section_that_cannot_be_kept_is_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
