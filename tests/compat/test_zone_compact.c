/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_zone_compact.c - compat/zone_compact.c: pages move from sparse sections
 * to dense ones, so that the sparse ones become empty, whatever the owners of
 * the pages and other threads do meanwhile.
 */
#include "zone_owner.h"

static void test_sparse_sections_empty_out(void **state)
{
	struct rng rng;

	rng_seed(&rng, 3);
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		for (unsigned int keep = 2; keep < 12; keep += 3) {
			struct zone *zone =
				new_zone(shift, 0, SIZE_MAX, &owner_ops);
			unsigned int sections = 8;
			unsigned int entries =
				sparse_zone(zone, sections, keep, &rng);
			unsigned int need =
				DIV_ROUND_UP(entries, zone_capacity(zone));
			unsigned long moved;

			uzs_fault_set(UZS_FAULT_OS, 0);
			uzs_fault_set(UZS_FAULT_PAGE, 0);
			moved = owner_compact(zone);
			/* E1 */
			assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 0);
			assert_int_equal(uzs_fault_seen(UZS_FAULT_PAGE), 0);
			assert_true(moved > 0);
			assert_true(moved < entries);
			assert_int_equal(zone->migrations_busy, 0);
			assert_int_equal(owner.put_back, 0);
			check_owned(zone, entries);
			assert_zone_sound(zone);
			assert_zone_merged(zone);
			assert_int_equal(zone_stat_of(zone).pages_used,
					 entries);

			/* No more sections than are needed, and one that did
			 * not fit as a whole. */
			zone_give_back(zone, 0);
			assert_in_range(zone->nr_sections, need, need + 1);
			check_owned(zone, entries);
			/* Nothing is left to do. */
			if (zone->nr_sections == need)
				assert_int_equal(owner_compact(zone), 0);
			disown_all(zone, entries);
			end_zone(zone, 0);
		}
	}
}

/* A section that is a quarter full, four times: exactly one is enough. */
static void test_exactly_as_many_sections_as_needed_stay(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, &owner_ops);
	unsigned int n = zone_capacity(zone), entries = 0;
	static struct page *pages[MAX_PAGES];

	owner_reset();
	zone_take(zone, MIGRATE_MOVABLE, 4 * n, pages);
	for (unsigned int i = 0; i < 4 * n; i++) {
		if (i % 4)
			__free_page(zone, pages[i]);
		else
			own_page(zone, entries++, pages[i], true);
	}
	/* Every fourth page of all is as many as a section has. */
	assert_int_equal(entries, n);
	if (n % 4) { /* then no section has exactly a quarter */
		disown_all(zone, entries);
		end_zone(zone, 0);
		skip();
	}
	assert_int_equal(owner_compact(zone), n - n / 4);
	zone_give_back(zone, 0);
	assert_int_equal(zone->nr_sections, 1);
	assert_int_equal(owner_compact(zone), 0);
	check_owned(zone, entries);
	disown_all(zone, entries);
	end_zone(zone, 0);
}

/* E3: who refuses, is busy, is locked, or is not movable, stays where it is.
 * The rest moves. */
static void test_page_that_refuses_stays(void **state)
{
	struct rng rng;

	rng_seed(&rng, 5);
	for (int round = 0; round < uzs_test_scale(12); round++) {
		struct zone *zone =
			new_zone(12 + round % 3, 0, SIZE_MAX, &owner_ops);
		unsigned int entries = sparse_zone(zone, 6, 4, &rng);
		static struct page *before[MAX_PAGES];
		static unsigned char kind[MAX_PAGES];
		unsigned long refused = 0, moved = 0;
		unsigned int one_in = 1u << round % 6;

		for (unsigned int e = 0; e < entries; e++) {
			struct owned *o = &owner.table[e];

			before[e] = o->page;
			kind[e] =
				rng_below(&rng, one_in)
					? 0
					: (unsigned char)rng_range(&rng, 1, 4);
			o->refuse = kind[e] == 1;
			o->busy = kind[e] == 2;
			if (kind[e] == 3)
				lock_page(o->page);
			if (kind[e] == 4)
				page_clear(o->page, PG_movable);
		}
		owner_compact(zone);
		for (unsigned int e = 0; e < entries; e++) {
			struct owned *o = &owner.table[e];

			if (kind[e])
				assert_ptr_equal(o->page, before[e]);
			else
				moved += o->page != before[e];
			refused += kind[e] >= 1 && kind[e] <= 3;
			if (kind[e] == 3) {
				assert_true(PageLocked(o->page));
				unlock_page(o->page);
			}
			assert_int_equal(page_flags(o->page) & PG_isolated, 0);
			assert_int_equal(!(page_flags(o->page) & PG_movable),
					 kind[e] == 4);
			if (kind[e] == 4)
				page_set(o->page, PG_movable);
			o->refuse = o->busy = false;
		}
		assert_int_equal(moved, owner.moved);
		assert_int_equal(owner.isolated, moved + owner.put_back);
		assert_true(zone->migrations_busy <= refused);
		if (one_in > 1)
			assert_true(moved > 0);
		check_owned(zone, entries);
		assert_zone_sound(zone);
		assert_zone_merged(zone);
		assert_int_equal(zone_stat_of(zone).pages_used, entries);
		/* Now they do: as if nothing had been. */
		owner_compact(zone);
		zone_give_back(zone, 0);
		assert_in_range(zone->nr_sections,
				DIV_ROUND_UP(entries, zone_capacity(zone)),
				DIV_ROUND_UP(entries, zone_capacity(zone)) + 1);
		disown_all(zone, entries);
		end_zone(zone, 0);
	}
}

/* Pages move only if that empties their section; each that would not is
 * counted once. */
static void test_pages_move_only_if_that_empties(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, &owner_ops);
	unsigned int n = zone_capacity(zone), entries = 0;
	static struct page *pages[MAX_PAGES];
	struct page *fixed[3];

	/* Two sections, each three quarters full. */
	owner_reset();
	zone_take(zone, MIGRATE_MOVABLE, 2 * n, pages);
	for (unsigned int i = 0; i < 2 * n; i++) {
		if (i % 4)
			own_page(zone, entries++, pages[i], true);
		else
			__free_page(zone, pages[i]);
	}
	assert_int_equal(owner_compact(zone), 0);
	assert_int_equal(owner.isolated, 0);
	assert_int_equal(zone->migrations_busy, 0);

	/* One is nearly emptied: three pages, of which one does not move. */
	for (unsigned int e = 3; e < entries / 2; e++)
		assert_true(disown_page(zone, e));
	owner.table[1].refuse = true;
	assert_int_equal(owner_compact(zone), 2);
	assert_int_equal(zone->migrations_busy, 1);
	owner.table[1].refuse = false;
	owner.table[1].busy = true;
	assert_int_equal(owner_compact(zone), 0);
	assert_int_equal(zone->migrations_busy, 2);
	assert_int_equal(owner.put_back, 1);
	check_owned(zone, entries);

	/* Free pages do not hide in per-CPU lists. */
	zone_take(zone, MIGRATE_UNMOVABLE, 3, fixed);
	zone_give(zone, 3, fixed);
	assert_true(zone_pages_in_pcp(zone) > 0);
	owner.table[1].busy = false;
	mutex_lock(&zone->trim_lock);
	owner.nr_steps = 0;
	assert_int_equal(uzs_zone_compact(zone), 1);
	mutex_unlock(&zone->trim_lock);
	/* but for those that were not needed */
	assert_true(zone_pages_in_pcp(zone) < zone->pcp_batch);
	zone_give_back(zone, 0);
	assert_int_equal(zone->nr_sections, 1);
	disown_all(zone, entries);
	end_zone(zone, 0);
}

/* What others do between two pages that are moved. */
static struct {
	struct page *pages[MAX_PAGES];
	unsigned int n;
	struct rng rng;
	unsigned int kind;
} others;

static void others_meddle(struct zone *zone)
{
	unsigned int n = rng_below(&others.rng, 60);

	/* kind 0 takes all there is, at once */
	if (others.kind == 0)
		n = MAX_PAGES;
	if (others.kind == 2 && rng_below(&others.rng, 2)) {
		while (n-- && others.n)
			__free_page(zone, others.pages[--others.n]);
		return;
	}
	while (n-- && others.n < MAX_PAGES) {
		struct page *page = alloc_page(
			zone, others.kind == 3 ? GFP_KERNEL : GFP_NOWAIT,
			MIGRATE_MOVABLE);

		if (!page)
			break;
		others.pages[others.n++] = page;
	}
}

/* Others take the free pages that compaction counts on: it stops, and neither
 * loses its way nor turns round. */
static void test_stops_when_others_take_the_room(void **state)
{
	struct rng rng;

	rng_seed(&rng, 11);
	for (int round = 0; round < uzs_test_scale(24); round++) {
		struct zone *zone =
			new_zone(13 + round % 2, 0, SIZE_MAX, &owner_ops);
		unsigned int entries =
			sparse_zone(zone, 12, 3 + round % 9, &rng);

		for (unsigned int e = 0; e < entries; e++)
			owner.table[e].busy = !rng_below(&rng, 8);
		memset(&others, 0, sizeof(others));
		rng_seed(&others.rng, (u64)round);
		others.kind = (unsigned int)round % 4;
		owner.meanwhile = others_meddle;
		owner_compact(zone);
		owner.meanwhile = NULL;
		check_owned(zone, entries);
		assert_zone_sound(zone);
		assert_zone_merged(zone);
		assert_int_equal(zone_stat_of(zone).pages_used,
				 entries + others.n);
		zone_give(zone, others.n, others.pages);
		disown_all(zone, entries);
		end_zone(zone, 0);
	}
}

/* Only sections of movable pages are sources or targets. */
static void test_only_movable_sections_take_part(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, &owner_ops);
	unsigned int n = zone_capacity(zone), entries = 0;
	static struct page *pages[MAX_PAGES];
	struct page *fixed[10];

	owner_reset();
	zone_take(zone, MIGRATE_UNMOVABLE, 2 * n, pages);
	fixed[0] = pages[0];
	fixed[1] = pages[2 * n - 1];
	zone_give(zone, 2 * n - 2, pages + 1);
	zone_take(zone, MIGRATE_MOVABLE, 3 * n, pages);
	for (unsigned int i = 0; i < 3 * n; i++) {
		if (i % 10)
			__free_page(zone, pages[i]);
		else
			own_page(zone, entries++, pages[i], true);
	}
	assert_true(owner_compact(zone) > 0);
	for (unsigned int e = 0; e < entries; e++)
		assert_int_equal(uzs_section_of(owner.table[e].page)->type,
				 MIGRATE_MOVABLE);
	zone_give_back(zone, 0);
	assert_int_equal(zone->nr_sections, 3);
	check_owned(zone, entries);
	disown_all(zone, entries);
	zone_give(zone, 2, fixed);
	end_zone(zone, 0);

	/* A zone whose owner cannot move anything, an empty one. */
	zone = new_zone(12, 0, 0, NULL);
	assert_int_equal(owner_compact(zone), 0);
	zone_take(zone, MIGRATE_MOVABLE, 1, pages);
	assert_int_equal(owner_compact(zone), 0);
	__free_page(zone, pages[0]);
	end_zone(zone, 0);
	zone = new_zone(12, 0, 0, &owner_ops);
	assert_int_equal(owner_compact(zone), 0);
	end_zone(zone, 0);
}

/* At the limit, what was moved makes room for what is moved next. */
static void test_moved_pages_make_room_at_the_limit(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	struct rng rng;

	rng_seed(&rng, 17);
	for (unsigned int slack = 0; slack < 100; slack += 33) {
		struct zone *zone = new_zone(12, 0, SIZE_MAX, &owner_ops);
		unsigned int entries = sparse_zone(zone, 6, 5, &rng);
		unsigned long moved;

		zone_give_back(zone, 0); /* all that is free is cold */
		zone->limit = zone->limit_wanted =
			zone_stat_of(zone).bytes_resident + slack * 4096;
		moved = owner_compact(zone); /* the owner looks at the limit */
		assert_true(zone_stat_of(zone).bytes_resident <= zone->limit);
		assert_zone_sound(zone);
		check_owned(zone, entries);
		zone_give_back(zone, 0);
		if (slack) {
			assert_true(moved > 0);
			assert_in_range(
				zone->nr_sections,
				DIV_ROUND_UP(entries, zone_capacity(zone)),
				DIV_ROUND_UP(entries, zone_capacity(zone)) + 1);
		} else {
			assert_int_equal(moved, 0);
		}
		disown_all(zone, entries);
		end_zone(zone, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		single(test_sparse_sections_empty_out),
		single(test_exactly_as_many_sections_as_needed_stay),
		single(test_page_that_refuses_stays),
		single(test_pages_move_only_if_that_empties),
		single(test_stops_when_others_take_the_room),
		single(test_only_movable_sections_take_part),
		single(test_moved_pages_make_room_at_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
