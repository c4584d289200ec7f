/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_zone_give_back.c - compat/zone.h: free memory goes back to the OS, as
 * much as is wanted and no more. The zone never says that it holds less than
 * the OS has filled. With AddressSanitizer: free memory is poisoned.
 */
#include "zone_owner.h"

#include <sys/mman.h>

/* ------------------------------------------------------------------------
 * Giving back
 */

/* Z6 with everything freed one by one: a give-back is wanted before too much is
 * free, and not long before. Given back is what is too much, and no more. */
static void test_surplus_wants_a_give_back_in_time(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	static const size_t retained[] = { 1,	    4096,    65536,  100000,
					   1 << 20, 2 << 20, 8 << 20 };

	for (size_t r = 0; r < ARRAY_SIZE(retained); r++) {
		size_t keep = retained[r];
		struct zone *zone = new_zone(12, 0, keep, NULL);
		static struct page *pages[MAX_PAGES];
		unsigned int n = 3048, wanted = 0, kept[4], k = 0;
		struct section *last = NULL;

		zone_take(zone, MIGRATE_MOVABLE, n, pages);
		zone_give_back(zone, keep);
		assert_false(uzs_zone_wants_give_back(zone));
		/* One page of each section stays in use. */
		for (unsigned int i = 0; i < n; i++) {
			bool stays = uzs_section_of(pages[i]) != last &&
				     k < ARRAY_SIZE(kept);
			size_t free_bytes;

			if (stays) {
				last = uzs_section_of(pages[i]);
				kept[k++] = i;
				continue;
			}
			__free_page(zone, pages[i]);
			free_bytes = zone_stat_of(zone).bytes_free;
			if (!uzs_zone_wants_give_back(zone)) {
				assert_true(free_bytes <= keep);
				continue;
			}
			wanted++;
			assert_true(free_bytes >= keep / 2);
			zone_give_back(zone, keep);
			assert_false(uzs_zone_wants_give_back(zone));
			assert_int_equal(zone_stat_of(zone).bytes_free,
					 min(free_bytes, keep & ~(size_t)4095));
			assert_zone_sound(zone);
		}
		assert_true(wanted >= 1);
		while (k)
			__free_page(zone, pages[kept[--k]]);
		end_zone(zone, 0);
	}
}

/* While it is queued nobody looks, but for asking again from time to time; when
 * it begins, all is seen. */
static void test_queued_give_back_is_not_asked_for_again(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	struct zone *zone = new_zone(12, 0, 4 * 4096, NULL);
	unsigned int n = 2 * zone->pcp_batch, again = 0;
	struct page *pages[1024];

	zone_take(zone, MIGRATE_MOVABLE, 4 * n, pages);
	zone_give_back(zone, zone->retained);
	for (unsigned int i = 0; i < 5; i++)
		__free_page(zone, pages[i]);
	assert_true(uzs_zone_wants_give_back(zone));
	uzs_zone_give_back_queued(zone);
	for (unsigned int i = 5; i < n - 1; i++)
		__free_page(zone, pages[i]);
	assert_false(uzs_zone_wants_give_back(zone));
	for (unsigned int i = n - 1; i < 4 * n; i++) {
		__free_page(zone, pages[i]);
		if (!uzs_zone_wants_give_back(zone))
			continue;
		again++;
		uzs_zone_give_back_queued(zone);
	}
	assert_in_range(again, 1, 4 * n / zone->pcp_batch);
	assert_zone_sound(zone);
	zone_give_back(zone, zone->retained);
	assert_false(uzs_zone_wants_give_back(zone));
	assert_true(zone_stat_of(zone).bytes_free <= zone->retained);
	end_zone(zone, 0);
}

/* In the child of a fork whoever was to do it is not there. */
static void test_child_asks_for_give_back_itself(void **state)
{
	struct zone *zone = new_zone(12, 0, 1, NULL);
	struct page *page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);

	assert_non_null(page);
	assert_true(uzs_zone_wants_give_back(zone));
	uzs_zone_give_back_queued(zone);
	uzs_zone_lock_all(zone);
	uzs_zone_fork_child(zone);
	assert_true(uzs_zone_wants_give_back(zone));
	__free_page(zone, page);
	end_zone(zone, 0);
}

static void test_all_is_retained_if_wanted(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	static struct page *pages[3000];

	zone_take(zone, MIGRATE_MOVABLE, 3000, pages);
	for (unsigned int i = 0; i < 3000; i++) {
		__free_page(zone, pages[i]);
		assert_false(uzs_zone_wants_give_back(zone));
	}
	assert_int_equal(zone_give_back(zone, SIZE_MAX), 0);
	assert_int_equal(zone->nr_sections, 3);
	/* What was left of the last batch is free, too. */
	assert_in_range(zone_stat_of(zone).bytes_free, 3000 * 4096,
			(3000 + zone->pcp_batch) * 4096);
	assert_true(zone_give_back(zone, 0) >= 3000 * 4096);
	assert_int_equal(zone_stat_of(zone).bytes_mapped, 0);
	end_zone(zone, 0);
}

/* Of empty sections, as many stay as make up the target. */
static void test_empty_sections_beyond_target_are_unmapped(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		struct zone *zone = new_zone(shift, 0, SIZE_MAX, NULL);
		unsigned int n = zone_capacity(zone);
		static struct page *pages[20 * 1024];
		size_t section = (size_t)n << shift;
		size_t all;

		/* More than it looks at in one go. */
		zone_take(zone, MIGRATE_MOVABLE, 20 * n, pages);
		assert_int_equal(zone->nr_sections, 20);
		assert_int_equal(zone_give_back(zone, 0), 0);
		for (unsigned int i = 0; i < 20 * n; i += 7)
			mark_page(zone, pages[i], i);
		uzs_free_pages_bulk(zone, 20 * n, pages);
		uzs_zone_drain_pcp(zone);
		all = 20 * (section + zone->head_resident);
		assert_int_equal(zone_stat_of(zone).bytes_resident, all);

		zone_give_back(zone, 17 * section + 1);
		assert_int_equal(zone->nr_sections, 18);
		zone_give_back(zone, 17 * section);
		assert_int_equal(zone->nr_sections, 17);
		zone_give_back(zone, zone_page_bytes(zone));
		assert_int_equal(zone->nr_sections, 1);
		assert_int_equal(zone_stat_of(zone).bytes_free,
				 zone_page_bytes(zone));
		assert_zone_sound(zone);
		assert_zone_merged(zone);
		zone_give_back(zone, 0);
		assert_int_equal(zone_stat_of(zone).bytes_mapped, 0);
		assert_int_equal(zone_stat_of(zone).bytes_resident, 0);
		assert_int_equal(zone_stat_of(zone).bytes_free, 0);
		assert_int_equal(zone->bytes_given_back, all);
#ifdef WATCHED_OS
		assert_int_equal(zone_os.n, 0);
#endif
		/* And in use again. */
		zone_take(zone, MIGRATE_MOVABLE, 1, pages);
		__free_page(zone, pages[0]);
		end_zone(zone, 0);
	}
}

#ifdef WATCHED_OS
/* Runs of free pages go back, and only these; Z4 to the byte. */
static void test_free_runs_are_given_back_to_the_byte(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		struct zone *zone = new_zone(shift, 0, SIZE_MAX, NULL);
		unsigned int n = 2 * zone_capacity(zone);
		static struct page *pages[MAX_PAGES];
		struct rng rng;
		unsigned int used = 0;

		rng_seed(&rng, shift);
		zone_os_watch(zone);
		zone_os.looks = 0;
		zone_take(zone, MIGRATE_MOVABLE, n, pages);
		for (unsigned int i = 0; i < n; i++)
			memset(page_address(zone, pages[i]), 0xa5,
			       zone_page_bytes(zone));
		/* All is filled, but for the rest of the head. */
		assert_in_range(zone_os_resident(),
				n * zone_page_bytes(zone) + 2 * sizeof(**pages),
				zone_stat_of(zone).bytes_resident);
		shuffle_pages(&rng, n, pages);
		used = n / 3;
		zone_give(zone, n - used, pages + used);
		for (unsigned int i = 0; i < used; i++)
			mark_page(zone, pages[i], i);

		/* Half of what is free. */
		zone_give_back(zone, (n - used) / 2 * zone_page_bytes(zone));
		assert_in_range(zone_os_resident(),
				used * zone_page_bytes(zone),
				zone_stat_of(zone).bytes_resident);
		assert_zone_sound(zone);
		zone_give_back(zone, 0);
		assert_int_equal(zone_stat_of(zone).bytes_free, 0);
		assert_int_equal(zone_stat_of(zone).bytes_resident,
				 used * zone_page_bytes(zone) +
					 2 * zone->head_resident);
		assert_in_range(zone_os_resident(),
				used * zone_page_bytes(zone),
				zone_stat_of(zone).bytes_resident);
		for (unsigned int i = 0; i < n; i++)
			assert_int_equal(zone_page_resident(zone, pages[i]),
					 i < used);
		assert_zone_sound(zone);
		assert_zone_merged(zone);
		/* Nothing is left to give. */
		zone_os.discards = 0;
		assert_int_equal(zone_give_back(zone, 0), 0);
		assert_int_equal(zone_os.discards, 0);

		for (unsigned int i = 0; i < used; i++)
			assert_true(page_marked(zone, pages[i], i));
		/* What comes back reads as zero. */
		for (unsigned int i = used; i < n; i++) {
			unsigned long *mem;

			pages[i] =
				alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE);
			assert_non_null(pages[i]);
			mem = page_address(zone, pages[i]);
			assert_int_equal(mem[0], 0);
			assert_int_equal(
				mem[zone_page_bytes(zone) / sizeof(*mem) - 1],
				0);
		}
		zone_give(zone, n, pages);
		assert_true(zone_os.looks > 2);
		end_zone(zone, 0);
	}
}

/* Others use and free pages as fast as they are given back. */
static void others_churn(void)
{
	struct page *page;

	if (++zone_os.looks > 2000)
		return;
	page = alloc_page(zone_os.watched, GFP_KERNEL, MIGRATE_MOVABLE);
	if (!page)
		return;
	__free_page(zone_os.watched, page);
	uzs_zone_drain_pcp(zone_os.watched);
}

/* Giving back comes to an end: what was free when it began goes, what others
 * free meanwhile may stay. */
static void test_giving_back_ends(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = zone_capacity(zone);
	struct page *pages[1024];

	zone_take(zone, MIGRATE_MOVABLE, n, pages);
	for (unsigned int i = 1; i < n; i++)
		if (i % 8 == 0)
			__free_page(zone, pages[i]);
	zone_os.watched = zone;
	zone_os.looks = 0;
	zone_os.on_release = others_churn;
	uzs_zone_give_back(zone, 0, false);
	zone_os.on_release = NULL;
	assert_in_range(zone_os.looks, 100, n);
	assert_zone_sound(zone);
	for (unsigned int i = 0; i < n; i++)
		if (i == 0 || i % 8)
			__free_page(zone, pages[i]);
	end_zone(zone, 0);
}

/* The OS refuses to take memory back: nothing is counted as given. */
static void test_refused_memory_is_not_counted_as_given(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = 20 * zone_capacity(zone);
	static struct page *pages[20 * 1024];
	struct zone_stat before, after;

	zone_take(zone, MIGRATE_MOVABLE, n, pages);
	zone_give(zone, n, pages);
	uzs_zone_drain_pcp(zone);
	before = zone_stat_of(zone);

	zone_os.refuse_unmap = zone_os.refuse_discard = true;
	assert_int_equal(zone_give_back(zone, 0), 0);
	assert_true(zone_os.unmaps > 0);
	assert_true(zone_os.discards > 0);
	after = zone_stat_of(zone);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(zone->bytes_given_back, 0);
	assert_zone_sound(zone);
	assert_zone_merged(zone);

	/* Only unmapping fails: the pages go back one by one. */
	zone_os.refuse_discard = false;
	assert_true(zone_give_back(zone, 0) > 0);
	assert_int_equal(zone->nr_sections, 20);
	assert_int_equal(zone_stat_of(zone).bytes_free, 0);
	assert_int_equal(zone_stat_of(zone).bytes_resident,
			 20 * zone->head_resident);
	assert_zone_sound(zone);
	assert_zone_merged(zone);

	/* Sections kept so are as good as any. */
	zone_take(zone, MIGRATE_MOVABLE, n, pages);
	assert_int_equal(zone->nr_sections, 20);
	for (unsigned int i = 0; i < n; i++)
		mark_page(zone, pages[i], i);
	for (unsigned int i = 0; i < n; i++)
		assert_true(page_marked(zone, pages[i], i));
	zone_give(zone, n, pages);
	zone_os.refuse_unmap = false;
	zone_give_back(zone, 0);
	assert_int_equal(zone_os.n, 0);
	end_zone(zone, 0);
}

/* Not even destroying a zone leaves memory filled when unmapping fails. */
static void test_refused_unmap_at_the_end_empties_memory(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	struct page *pages[100];

	zone_take(zone, MIGRATE_MOVABLE, 100, pages);
	for (int i = 0; i < 100; i++)
		memset(page_address(zone, pages[i]), 1, 4096);
	zone_os.refuse_unmap = true;
	assert_int_equal(uzs_zone_destroy(zone), 100);
	zone_os.refuse_unmap = false;
	assert_int_equal(zone_os.n, 1);
	assert_int_equal(zone_os_resident(), 0);
	assert_int_equal(munmap(zone_os.sections[0], UZS_SECTION_SIZE), 0);
	free(zone);
	zone_os_reset();
}
#endif

/* Pages of the OS that are larger than ours are filled and given back as a
 * whole, and counted so. */
static void test_larger_os_pages_are_given_back_whole(void **state)
{
	const unsigned int ratio = 4;
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = zone_capacity(zone), cold = 0;
	struct page *pages[1024];
	bool in_use[1024] = { false };
	struct rng rng;

	assert_int_equal(uzs_os_page_size() % 4096, 0);
	/* On 32-bit, with its smaller descriptors, a section's first page is
	 * not the first of an OS page of this size. */
	if (zone->first % ratio) {
		end_zone(zone, 0);
		skip();
	}
	zone->os_page = ratio * 4096;
	zone_os.unit = ratio * 4096;
	zone->pcp_batch = 1;

	/* The first page fills four, the next three nothing more. */
	for (unsigned int i = 0; i < n; i++) {
		zone_take(zone, MIGRATE_MOVABLE, 1, pages + i);
		uzs_zone_drain_pcp(zone);
		assert_int_equal(zone_stat_of(zone).bytes_resident,
				 zone->head_resident +
					 (i / ratio + 1) * zone->os_page);
		assert_zone_sound(zone);
	}
	rng_seed(&rng, 9);
	for (int round = 0; round < uzs_test_scale(40); round++) {
		unsigned int used = rng_below(&rng, n);
		size_t resident;

		shuffle_pages(&rng, n, pages);
		memset(in_use, 0, sizeof(in_use));
		for (unsigned int i = 0; i < used; i++) {
			mark_page(zone, pages[i], i);
			in_use[uzs_page_index(zone, pages[i])] = true;
		}
		zone_give(zone, n - used, pages + used);
		if (used && round & 1)
			zone_give_back(zone, 64 * 4096);
		if (used)
			zone_give_back(zone, 0);
		/* Whole pages of the OS, and each that is free as a whole. */
		cold = 0;
		for (unsigned int i = zone->first; i < zone->nr_pages;
		     i += ratio)
			if (!in_use[i] && !in_use[i + 1] && !in_use[i + 2] &&
			    !in_use[i + 3])
				cold += ratio;
		resident = zone_stat_of(zone).bytes_resident;
		if (used)
			assert_int_equal(resident, zone->head_resident +
							   (n - cold) * 4096);
		assert_zone_sound(zone);
		assert_zone_merged(zone);
		for (unsigned int i = 0; i < used; i++)
			assert_true(page_marked(zone, pages[i], i));
		zone_take(zone, MIGRATE_MOVABLE, n - used, pages + used);
	}
#ifdef WATCHED_OS
	assert_true(zone_os.discards > 0);
#endif
	/* The limit counts them too. */
	uzs_free_pages_bulk(zone, n, pages);
	uzs_zone_give_back(zone, 0, false);
	zone->limit = zone->limit_wanted =
		zone->head_resident + 2 * zone->os_page + 4096;
	for (unsigned int i = 0; i < 2 * ratio; i++) {
		zone_take(zone, MIGRATE_MOVABLE, 1, pages + i);
		assert_true(zone_stat_of(zone).bytes_resident <= zone->limit);
	}
	assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
	zone_give(zone, 2 * ratio, pages);
	end_zone(zone, 0);
}

/* ------------------------------------------------------------------------
 * AddressSanitizer
 */

#ifdef UZS_ASAN
static bool wholly_poisoned(const struct zone *zone, const struct page *page)
{
	char *mem = page_address(zone, page);

	for (size_t i = 0; i < zone_page_bytes(zone); i += 8)
		if (!__asan_address_is_poisoned(mem + i))
			return false;
	return true;
}

static bool unpoisoned(const struct zone *zone, const struct page *page)
{
	return !__asan_region_is_poisoned(page_address(zone, page),
					  zone_page_bytes(zone));
}

/* A page is poisoned as long as it is free, wherever it lies. */
static void test_free_pages_are_poisoned(void **state)
{
	struct zone *zone = new_zone(13, 0, SIZE_MAX, &owner_ops);
	unsigned int n = zone_capacity(zone), entries;
	struct page *pages[1024], *page;
	struct section *section;
	struct rng rng;
	char *mem;

	page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
	section = uzs_section_of(page);
	for (unsigned int i = zone->first; i < zone->nr_pages; i++) {
		struct page *p = uzs_section_page(zone, section, i);

		assert_true(p == page ? unpoisoned(zone, p)
				      : wholly_poisoned(zone, p));
	}
	__free_page(zone, page);
	assert_true(wholly_poisoned(zone, page));
	uzs_zone_drain_pcp(zone);
	assert_true(wholly_poisoned(zone, page));
	zone_take(zone, MIGRATE_MOVABLE, n, pages);
	for (unsigned int i = 0; i < n; i++)
		assert_true(unpoisoned(zone, pages[i]));
	uzs_free_pages_bulk(zone, n, pages);
	for (unsigned int i = 0; i < n; i++)
		assert_true(wholly_poisoned(zone, pages[i]));
	mem = page_address(zone, pages[0]);
	/* What the zone does not own any more must be usable by others. */
	zone_give_back(zone, 0);
	assert_int_equal(zone->nr_sections, 0);
	assert_false(__asan_address_is_poisoned(mem));

	/* A failed bulk; pages that were moved. */
	rng_seed(&rng, 1);
	entries = sparse_zone(zone, 4, 4, &rng);
	assert_false(uzs_alloc_pages_bulk(zone, GFP_NOWAIT, MIGRATE_MOVABLE,
					  4 * n - entries + 1, pages));
	assert_true(owner_compact(zone) > 0);
	list_for_each_entry(section, &zone->sections, list) {
		unsigned int used = 0;

		for (unsigned int i = zone->first; i < zone->nr_pages; i++) {
			page = uzs_section_page(zone, section, i);
			if (page_flags(page) & PG_movable) {
				assert_true(unpoisoned(zone, page));
				used++;
			} else {
				assert_true(wholly_poisoned(zone, page));
			}
		}
		assert_true(used <= entries);
	}
	disown_all(zone, entries);
	end_zone(zone, 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		single(test_surplus_wants_a_give_back_in_time),
		single(test_queued_give_back_is_not_asked_for_again),
		single(test_child_asks_for_give_back_itself),
		single(test_all_is_retained_if_wanted),
		single(test_empty_sections_beyond_target_are_unmapped),
#ifdef WATCHED_OS
		single(test_free_runs_are_given_back_to_the_byte),
		single(test_giving_back_ends),
		single(test_refused_memory_is_not_counted_as_given),
		single(test_refused_unmap_at_the_end_empties_memory),
#endif
		single(test_larger_os_pages_are_given_back_whole),
#ifdef UZS_ASAN
		single(test_free_pages_are_poisoned),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
