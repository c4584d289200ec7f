/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_zone_limit.c - compat/zone.h: what the zone says it holds is never more
 * than the limit, all of it can be had, and who has memory is asked for it at
 * the limit.
 */
#include "zone_util.h"

/* ------------------------------------------------------------------------
 * The limit
 */

static void test_least_limit_holds_one_page(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		const struct zone_options o = { .page_shift = shift };
		size_t least = uzs_zone_min_bytes(&o);
		struct zone *zone = new_zone(shift, least, 0, NULL);
		struct page *page =
			alloc_page(zone, GFP_KERNEL, MIGRATE_UNMOVABLE);

		assert_non_null(page);
		memset(page_address(zone, page), 1, zone_page_bytes(zone));
		assert_int_equal(zone_stat_of(zone).bytes_resident, least);
		assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_UNMOVABLE));
		assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
		assert_null(alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE));
		assert_int_equal(zone_stat_of(zone).bytes_resident, least);
		__free_page(zone, page);
		/* One page, whoever wants it. */
		for (int i = 0; i < 10; i++) {
			page = alloc_page(zone, i & 4 ? GFP_NOWAIT : GFP_KERNEL,
					  i & 1 ? MIGRATE_MOVABLE
						: MIGRATE_UNMOVABLE);
			assert_non_null(page);
			__free_page(zone, page);
		}
		end_zone(zone, 0);

		zone = new_zone(shift, least - 1, 0, NULL);
		assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
		assert_int_equal(zone_stat_of(zone).bytes_mapped, 0);
		end_zone(zone, 0);
	}
}

/* At the limit every warm page can be had, also without asking the OS, and
 * wherever among cold ones it lies. */
static void test_every_warm_page_is_had_at_the_limit(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	const struct zone_options o = { .page_shift = 12 };
	const unsigned int n = 300;
	struct zone *zone =
		new_zone(12, uzs_zone_min_bytes(&o) + (n - 1) * (size_t)4096,
			 SIZE_MAX, NULL);
	struct page *pages[1024], *again[1024];
	struct rng rng;

	rng_seed(&rng, 1);
	zone_take(zone, MIGRATE_MOVABLE, n, pages);
	assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
	for (int round = 0; round < uzs_test_scale(20); round++) {
		unsigned int some = rng_range(&rng, 1, n);

		shuffle_pages(&rng, n, pages);
		zone_give(zone, some, pages);
		uzs_zone_drain_pcp(zone);
		zone_os.discards = 0;
		for (unsigned int i = 0; i < some; i++) {
			again[i] = alloc_page(zone, GFP_NOWAIT,
					      i & 1 ? MIGRATE_MOVABLE
						    : MIGRATE_UNMOVABLE);
			assert_non_null(again[i]);
			assert_true(zone_stat_of(zone).bytes_resident <=
				    zone->limit);
		}
		assert_null(alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE));
		assert_int_equal(zone_os.discards, 0);
		memcpy(pages, again, some * sizeof(pages[0]));
		assert_zone_sound(zone);
		/* Cold pages somewhere else, the same number in all. */
		if (round % 4 == 3) {
			zone_give(zone, n, pages);
			zone_give_back(zone, rng_below(&rng, n) * (size_t)4096);
			zone_take(zone, MIGRATE_MOVABLE, n, pages);
			assert_null(
				alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
		}
	}
	zone_give(zone, n, pages);
	end_zone(zone, 0);
}

/* Memory that is not the zone's has its place within the limit. */
static void test_charged_bytes_count_against_the_limit(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	const struct zone_options o = { .page_shift = 12 };
	struct zone *zone = new_zone(
		12, uzs_zone_min_bytes(&o) + 99 * (size_t)4096, SIZE_MAX, NULL);
	struct page *pages[101];
	unsigned int n = 0;

	zone_take(zone, MIGRATE_MOVABLE, 50, pages);
	uzs_zone_drain_pcp(zone);
	/* As much as is left, and no more. */
	assert_false(uzs_zone_charge(
		zone, zone->limit - zone_stat_of(zone).bytes_resident + 1));
	zone_give_back(zone, 0);
	assert_false(uzs_zone_charge(zone, 50 * 4096 + 1));
	assert_true(uzs_zone_charge(zone, 20 * 4096));
	assert_true(uzs_zone_charge(zone, 10 * 4096));
	assert_false(uzs_zone_charge(zone, 20 * 4096 + 1));
	while (n < 51 &&
	       (pages[50 + n] = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE)))
		n++;
	assert_int_equal(n, 20);
	uzs_zone_uncharge(zone, 10 * 4096);
	zone_take(zone, MIGRATE_MOVABLE, 10, pages + 70);
	assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
	uzs_zone_uncharge(zone, 20 * 4096);
	zone_take(zone, MIGRATE_MOVABLE, 20, pages + 80);
	assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
	zone_give(zone, 100, pages);
	end_zone(zone, 0);

	/* Without a limit there is always room. */
	zone = new_zone(12, 0, SIZE_MAX, NULL);
	assert_true(uzs_zone_charge(zone, (size_t)1 << 30));
	zone_take(zone, MIGRATE_MOVABLE, 1, pages);
	zone_give(zone, 1, pages);
	uzs_zone_uncharge(zone, (size_t)1 << 30);
	end_zone(zone, 0);
}

#ifdef WATCHED_OS
/* What another thread does while a section is being mapped. */
static struct {
	struct zone *zone;
	struct page *page;
	unsigned int calls;
} rival;

static void rival_allocates(void)
{
	if (rival.calls++)
		return;
	rival.page = alloc_page(rival.zone, GFP_KERNEL, MIGRATE_MOVABLE);
}

/* Two threads map the last section that the limit allows. */
static void test_two_threads_keep_the_limit(void **state)
{
	const struct zone_options o = { .page_shift = 12 };
	struct zone *zone =
		new_zone(12, uzs_zone_min_bytes(&o) + 4096, SIZE_MAX, NULL);
	struct page *page;

	memset(&rival, 0, sizeof(rival));
	rival.zone = zone;
	zone_os.on_map = rival_allocates;
	page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
	zone_os.on_map = NULL;
	assert_int_equal(rival.calls, 2);
	assert_true(zone_stat_of(zone).bytes_resident <= zone->limit);
	assert_int_equal(zone->nr_sections, 1);
	assert_int_equal(zone_os.n, 1);
	assert_non_null(rival.page);
	assert_non_null(page);
	assert_ptr_not_equal(page, rival.page);
	__free_page(zone, page);
	__free_page(zone, rival.page);
	end_zone(zone, 0);
}

/* A section that emptied out makes room in others with its head. */
static void test_head_of_an_empty_section_makes_room(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	const struct zone_options o = { .page_shift = 12 };
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = zone_capacity(zone), more = 0;
	struct page *pages[2048] = { NULL };

	zone_take(zone, MIGRATE_MOVABLE, n + 1, pages);
	assert_int_equal(zone->nr_sections, 2);
	/* The first section half empty and cold, the second empty and cold. */
	assert_ptr_not_equal(uzs_section_of(pages[n]),
			     uzs_section_of(pages[0]));
	__free_page(zone, pages[n]);
	zone_give(zone, n / 2, pages);
	uzs_zone_drain_pcp(zone);
	mutex_lock(&zone->trim_lock);
	zone_os.refuse_unmap = true;
	uzs_zone_give_back(zone, 0, true);
	zone_os.refuse_unmap = false;
	mutex_unlock(&zone->trim_lock);
	assert_int_equal(zone->nr_sections, 2);
	assert_int_equal(zone_stat_of(zone).bytes_free, 0);
	zone->limit = zone->limit_wanted = zone_stat_of(zone).bytes_resident;
	while ((pages[more] = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE)))
		more++;
	assert_int_equal(more, (uzs_zone_min_bytes(&o) - 4096) / 4096);
	assert_int_equal(zone->nr_sections, 1);
	assert_int_equal(zone_stat_of(zone).bytes_resident, zone->limit);
	zone_give(zone, more, pages);
	zone_give(zone, n - n / 2, pages + n / 2);
	end_zone(zone, 0);
}
#endif

/* ---- shrinkers ---- */

struct hoard {
	struct shrinker shrinker;
	struct zone *zone;
	struct page *pages[64];
	unsigned int n;
	unsigned int asked;
};

static unsigned long hoard_count(struct shrinker *s)
{
	return ((struct hoard *)s->private_data)->n;
}

static unsigned long hoard_scan(struct shrinker *s, unsigned long nr)
{
	struct hoard *h = s->private_data;
	unsigned long freed = 0;

	h->asked++;
	while (freed < nr && h->n) {
		__free_page(h->zone, h->pages[--h->n]);
		freed++;
	}
	return freed;
}

static void test_shrinker_is_asked_at_the_limit(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	const struct zone_options o = { .page_shift = 12 };
	struct zone *zone = new_zone(12, uzs_zone_min_bytes(&o) + 99 * 4096u,
				     SIZE_MAX, NULL);
	struct page *pages[128];
	struct hoard h = { .zone = zone };

	h.shrinker.count_objects = hoard_count;
	h.shrinker.scan_objects = hoard_scan;
	h.shrinker.private_data = &h;
	uzs_shrinker_register(&zone->shrinkers, &h.shrinker);
	zone_take(zone, MIGRATE_MOVABLE, 60, pages);
	zone_take(zone, MIGRATE_MOVABLE, 40, h.pages);
	h.n = 40;
	assert_int_equal(h.asked, 0);
	/* Never without leave to wait. */
	assert_null(alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE));
	assert_int_equal(h.asked, 0);
	zone_take(zone, MIGRATE_UNMOVABLE, 1, pages + 60);
	assert_int_equal(h.asked, 1);
	assert_int_equal(h.n, 39);
	assert_true(uzs_alloc_pages_bulk(zone, GFP_KERNEL, MIGRATE_MOVABLE, 16,
					 pages + 61));
	assert_int_equal(h.asked, 2);
	assert_int_equal(h.n, 23);
	/* It does what it can, and what that gave is not lost. */
	assert_false(uzs_alloc_pages_bulk(zone, GFP_KERNEL, MIGRATE_MOVABLE, 24,
					  pages + 77));
	assert_int_equal(h.asked, 3);
	assert_int_equal(h.n, 0);
	assert_true(uzs_alloc_pages_bulk(zone, GFP_NOWAIT, MIGRATE_MOVABLE, 23,
					 pages + 77));
	/* Nothing to free: not asked to. */
	assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
	assert_int_equal(h.asked, 3);
	assert_int_equal(zone_stat_of(zone).bytes_resident, zone->limit);
	uzs_free_pages_bulk(zone, 50, pages);

	uzs_free_pages_bulk(zone, 50, pages + 50);
	uzs_shrinker_unregister(&zone->shrinkers, &h.shrinker);
	end_zone(zone, 0);
}

/* The same when it is the OS that has no memory. */
static void test_shrinker_is_asked_without_os_memory(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = zone_capacity(zone);
	struct hoard h = { .zone = zone };
	struct page *pages[1024];

	h.shrinker.count_objects = hoard_count;
	h.shrinker.scan_objects = hoard_scan;
	h.shrinker.private_data = &h;
	uzs_shrinker_register(&zone->shrinkers, &h.shrinker);
	zone_take(zone, MIGRATE_MOVABLE, 10, h.pages);
	zone_take(zone, MIGRATE_MOVABLE, n - 10, pages);
	h.n = 10;
	uzs_fault_set(UZS_FAULT_OS, 1);
	zone_take(zone, MIGRATE_MOVABLE, 1, pages + n - 10);
	assert_int_equal(h.asked, 1);
	assert_int_equal(h.n, 9);
	uzs_fault_set(UZS_FAULT_OS, 0);
	zone_give(zone, 9, h.pages);
	zone_give(zone, n - 9, pages);
	uzs_shrinker_unregister(&zone->shrinkers, &h.shrinker);
	end_zone(zone, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		single(test_least_limit_holds_one_page),
		single(test_every_warm_page_is_had_at_the_limit),
		single(test_charged_bytes_count_against_the_limit),
		single(test_shrinker_is_asked_at_the_limit),
		single(test_shrinker_is_asked_without_os_memory),
#ifdef WATCHED_OS
		single(test_two_threads_keep_the_limit),
		single(test_head_of_an_empty_section_makes_room),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
