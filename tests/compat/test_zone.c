/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_zone.c - compat/zone.h and os.h: sections and blocks, per-CPU lists, how
 * memory may be had; the end of a zone, its check, fork. Pages are handed out
 * once and merge again.
 */
#include "zone_util.h"

#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------------------
 * os.c
 */

static void test_mapping_is_aligned_and_zeroed(void **state)
{
	size_t page = uzs_os_page_size();

	assert_true(is_power_of_2(page));
	zone_os_reset();
	for (size_t align = page; align <= (size_t)64 << 20; align *= 4) {
		for (size_t size = page; size <= align; size *= 8) {
			char *mem = uzs_os_map(size, align);

			assert_non_null(mem);
			assert_int_equal((uintptr_t)mem & (align - 1), 0);
			assert_int_equal(mem[0] | mem[size - 1], 0);
			mem[0] = mem[size - 1] = 1;
			assert_true(uzs_os_discard(mem, size));
			assert_int_equal(mem[0] | mem[size - 1], 0);
			zone_os.unmapped_bytes = 0;
			assert_true(uzs_os_unmap(mem, size));
		}
	}
	assert_null(uzs_os_map(SIZE_MAX / 8 * 7 & ~(page - 1), page));
#ifdef WATCHED_OS
	/* What was mapped in excess for the alignment has gone back. */
	zone_os_reset();
	assert_true(uzs_os_unmap(uzs_os_map(page, 64 * page), page));
	assert_int_equal(zone_os.unmapped_bytes, 64 * page);
#endif
	zone_os_reset();
}

static void test_forced_os_failure_maps_nothing(void **state)
{
	void *mem;

	uzs_fault_set(UZS_FAULT_OS, 2);
	mem = uzs_os_map(UZS_SECTION_SIZE, UZS_SECTION_SIZE);
	assert_non_null(mem);
	assert_null(uzs_os_map(UZS_SECTION_SIZE, UZS_SECTION_SIZE));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 2);
	uzs_fault_set(UZS_FAULT_OS, 0);
	assert_true(uzs_os_unmap(mem, UZS_SECTION_SIZE));
	/* An address that is none is refused, not a crash. */
	assert_false(uzs_os_discard((char *)16, uzs_os_page_size()));
	zone_os_reset();
}

static void test_os_clock_goes_on(void **state)
{
	u64 last = uzs_clock_ns();

	for (int i = 0; i < 1000; i++) {
		u64 now = uzs_clock_ns();

		assert_true(now >= last);
		last = now;
	}
	assert_true(last > 0);
}

/* ------------------------------------------------------------------------
 * Sections and blocks
 */

/* Z1, for every page size. */
static void test_pages_and_sections_lead_to_each_other(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		struct zone *zone = new_zone(shift, 0, 0, NULL);
		struct page *page =
			alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
		struct section *section;
		size_t head;

		assert_non_null(page);
		section = uzs_section_of(page);
		assert_ptr_equal(section, zone->sections.next);
		assert_ptr_equal(section,
				 uzs_section_of(page_address(zone, page)));
		assert_int_equal((uintptr_t)section & (UZS_SECTION_SIZE - 1),
				 0);
		assert_int_equal(zone->nr_pages << shift, UZS_SECTION_SIZE);
		assert_ptr_equal(section->zone, zone);

		/* The head ends where the pages begin, and not a page
		 * earlier. */
		head = (size_t)zone->first << shift;
		assert_true((char *)uzs_section_page(zone, section,
						     zone->nr_pages) <=
			    (char *)section + head);
		assert_true(
			(char *)uzs_section_page(zone, section, zone->first) >=
			(char *)section + sizeof(*section));
		assert_true(UZS_SECTION_HEADER + (zone_capacity(zone) + 1) *
							 sizeof(struct page) >
			    head - zone_page_bytes(zone));
		assert_true(zone->head_resident >=
			    (size_t)((char *)uzs_section_page(zone, section,
							      zone->nr_pages) -
				     (char *)section));

		for (unsigned int i = zone->first; i < zone->nr_pages; i++) {
			struct page *p = uzs_section_page(zone, section, i);
			char *mem = page_address(zone, p);
			unsigned long pfn = page_to_pfn(zone, p);

			assert_ptr_equal(mem, (char *)section +
						      ((size_t)i << shift));
			assert_int_equal(uzs_page_index(zone, p), i);
			assert_ptr_equal(virt_to_page(zone, mem), p);
			assert_ptr_equal(virt_to_page(zone, mem + 1), p);
			assert_ptr_equal(
				virt_to_page(zone,
					     mem + zone_page_bytes(zone) - 1),
				p);
			assert_int_equal(pfn, (uintptr_t)mem >> shift);
			assert_ptr_equal(pfn_to_page(zone, pfn), p);
		}
		__free_page(zone, page);
		end_zone(zone, 0);
	}
}

/* A fresh section is cut into the largest aligned blocks. */
static void initial_blocks(const struct zone *zone, unsigned char *orders)
{
	bool free_pages[1024];

	for (unsigned int i = 0; i < zone->nr_pages; i++)
		free_pages[i] = i >= zone->first;
	zone_expected_blocks(zone, free_pages, orders);
}

static void test_blocks_split_and_merge_again(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		struct zone *zone = new_zone(shift, 0, 0, NULL);
		unsigned char initial[1024], orders[1024];
		struct page *pages[1024], *page;
		struct section *section;
		unsigned int n = zone_capacity(zone);
		struct rng rng;

		rng_seed(&rng, shift);
		initial_blocks(zone, initial);
		/* Mapped, and all back in the buddy lists. */
		page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
		__free_page(zone, page);
		uzs_zone_drain_pcp(zone);
		section = uzs_section_of(page);
		zone_read_blocks(zone, section, orders);
		assert_memory_equal(orders, initial, zone->nr_pages);

		for (int round = 0; round < uzs_test_scale(6); round++) {
			bool free_pages[1024] = { false };

			/* All of them, each once. */
			zone_take(zone, MIGRATE_MOVABLE, n, pages);
			assert_int_equal(zone->nr_sections, 1);
			assert_int_equal(section->nr_free, 0);
			for (unsigned int i = 0; i < n; i++) {
				unsigned int index =
					uzs_page_index(zone, pages[i]);

				assert_ptr_equal(uzs_section_of(pages[i]),
						 section);
				assert_in_range(index, zone->first,
						zone->nr_pages - 1);
				assert_false(free_pages[index]);
				free_pages[index] = true;
			}
			memset(free_pages, 0, sizeof(free_pages));
			if (round)
				shuffle_pages(&rng, n, pages);
			for (unsigned int i = 0; i < n; i++) {
				__free_page(zone, pages[i]);
				uzs_zone_drain_pcp(zone);
				free_pages[uzs_page_index(zone, pages[i])] =
					true;
				zone_expected_blocks(zone, free_pages, initial);
				zone_read_blocks(zone, section, orders);
				assert_memory_equal(orders, initial,
						    zone->nr_pages);
			}
			initial_blocks(zone, initial);
			assert_memory_equal(orders, initial, zone->nr_pages);
			assert_zone_sound(zone);
		}
		end_zone(zone, 0);
	}
}

/* A page is cut out of the smallest block there is. */
static void test_smallest_block_is_cut(void **state)
{
	struct zone *zone = new_zone(12, 0, 0, NULL);
	struct page *pages[1016] = { NULL }, *hole;
	unsigned int n = zone_capacity(zone);

	/* Without batches: each page comes from the buddy lists. */
	zone->pcp_batch = 1;
	zone_take(zone, MIGRATE_MOVABLE, n, pages);
	/* One free page in the middle of nothing, and a long run. */
	hole = uzs_section_page(zone, uzs_section_of(pages[0]), 777);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int index = uzs_page_index(zone, pages[i]);

		if (index == 777 || index < 256) {
			__free_page(zone, pages[i]);
			pages[i] = NULL;
		}
	}
	uzs_zone_drain_pcp(zone);
	assert_true(is_free_block(hole));
	assert_int_equal(hole->aux, 0);
	assert_ptr_equal(alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE), hole);
	__free_page(zone, hole);
	for (unsigned int i = 0; i < n; i++)
		if (pages[i])
			__free_page(zone, pages[i]);
	end_zone(zone, 0);
}

/* No section is mapped while there is room, however many pages at once are
 * wanted; and no page is handed out twice in one go. */
static void test_bulk_maps_no_section_while_there_is_room(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		struct zone *zone = new_zone(shift, 0, 0, NULL);
		unsigned int all = zone_capacity(zone), got = 0;
		struct page *pages[1024];
		bool seen[1024] = { false };

		while (got < all) {
			unsigned int n = min(16u, all - got);

			assert_true(uzs_alloc_pages_bulk(zone, GFP_KERNEL,
							 MIGRATE_MOVABLE, n,
							 pages + got));
			got += n;
			assert_int_equal(zone->nr_sections, 1);
			assert_int_equal(zone_stat_of(zone).pages_used, got);
		}
		for (unsigned int i = 0; i < all; i++) {
			unsigned int index = uzs_page_index(zone, pages[i]);

			assert_false(seen[index]);
			seen[index] = true;
		}
		assert_false(uzs_alloc_pages_bulk(zone, GFP_NOWAIT,
						  MIGRATE_MOVABLE, 1, pages));
		uzs_free_pages_bulk(zone, all, pages);
		assert_int_equal(zone_stat_of(zone).pages_used, 0);
		/* More than a section has, in one go: all or nothing. */
		assert_false(uzs_alloc_pages_bulk(
			zone, GFP_NOWAIT, MIGRATE_MOVABLE, all + 1, pages));
		assert_int_equal(zone_stat_of(zone).pages_used, 0);
		assert_true(uzs_alloc_pages_bulk(zone, GFP_NOWAIT,
						 MIGRATE_MOVABLE, all, pages));
		uzs_free_pages_bulk(zone, all, pages);
		/* None is no problem. */
		assert_true(uzs_alloc_pages_bulk(zone, GFP_NOWAIT,
						 MIGRATE_MOVABLE, 0, NULL));
		end_zone(zone, 0);
	}
}

/* ------------------------------------------------------------------------
 * Per-CPU lists
 */

static void test_lists_of_a_cpu_move_in_batches(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		struct zone *zone = new_zone(shift, 0, SIZE_MAX, NULL);
		struct page *pages[1024], *last;
		struct zone_slot *slot;
		unsigned int batch = zone->pcp_batch;
		unsigned int n = min(4 * batch, zone_capacity(zone));

		slot = uzs_this_cpu(&zone->slots);
		assert_true(batch >= 4);

		/* A batch comes, one page is taken. */
		zone_take(zone, MIGRATE_MOVABLE, 1, pages);
		assert_int_equal(slot->count[MIGRATE_MOVABLE], batch - 1);
		assert_int_equal(slot->count[MIGRATE_UNMOVABLE], 0);
		assert_int_equal(zone_stat_of(zone).pages_used, 1);
		zone_take(zone, MIGRATE_MOVABLE, batch - 1, pages + 1);
		assert_int_equal(slot->count[MIGRATE_MOVABLE], 0);
		zone_take(zone, MIGRATE_MOVABLE, n - batch, pages + batch);
		uzs_zone_drain_pcp(zone);

		/* Two batches at most stay. Then the older one goes. */
		for (unsigned int i = 0; i < n; i++) {
			__free_page(zone, pages[i]);
			assert_in_range(slot->count[MIGRATE_MOVABLE], 1,
					2 * batch - 1);
			assert_ptr_equal(slot->list[MIGRATE_MOVABLE].next,
					 &pages[i]->lru);
			assert_int_equal(zone_stat_of(zone).pages_used,
					 n - 1 - i);
			if (i == 2 * batch - 1)
				assert_int_equal(slot->count[MIGRATE_MOVABLE],
						 batch);
		}
		/* The last one freed is the next one taken. */
		last = alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE);
		assert_ptr_equal(last, pages[n - 1]);
		__free_page(zone, last);
		/* The types do not mix: a page goes where its section does. */
		zone_take(zone, MIGRATE_UNMOVABLE, 1, pages);
		assert_int_equal(uzs_section_of(pages[0])->type,
				 MIGRATE_UNMOVABLE);
		assert_int_equal(zone->nr_sections, 2);
		assert_int_equal(slot->count[MIGRATE_UNMOVABLE], batch - 1);
		__free_page(zone, pages[0]);
		assert_int_equal(slot->count[MIGRATE_UNMOVABLE], batch);

		uzs_zone_drain_pcp(zone);
		assert_int_equal(zone_pages_in_pcp(zone), 0);
		assert_int_equal(zone->nr_out, 0);
		end_zone(zone, 0);
	}
}

static void *free_one(void *arg)
{
	struct page **page = arg;

	if (!pin_to_cpu(1))
		return NULL; /* there is one CPU only */
	__free_page(uzs_section_of(*page)->zone, *page);
	return arg;
}

/* What lies in another CPU's lists is found before there is no memory. */
static void test_other_cpus_lists_are_found(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = zone_capacity(zone);
	struct page *pages[1024], *page;
	pthread_t thread;
	void *freed;

	zone_take(zone, MIGRATE_MOVABLE, n, pages);
	assert_int_equal(pthread_create(&thread, NULL, free_one, &pages[0]), 0);
	assert_int_equal(pthread_join(thread, &freed), 0);
	if (freed) {
		struct zone_slot *slot = uzs_this_cpu(&zone->slots);

		if (zone->slots.slots > 1)
			assert_int_equal(slot->count[MIGRATE_MOVABLE], 0);
		page = alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE);
		assert_ptr_equal(page, pages[0]);
	}
	uzs_free_pages_bulk(zone, n, pages);
	end_zone(zone, 0);
	if (!freed)
		skip();
}

/* ------------------------------------------------------------------------
 * How memory may be had
 */

static void test_nowait_asks_the_os_for_nothing(void **state)
{
	struct zone *zone = new_zone(12, 0, 0, NULL);
	unsigned int n = zone_capacity(zone);
	struct page *pages[2048];

	uzs_fault_set(UZS_FAULT_OS, 0);
	assert_null(alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE));
	assert_null(alloc_page(zone, GFP_NOWAIT, MIGRATE_UNMOVABLE));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 0);
	assert_int_equal(zone_stat_of(zone).bytes_mapped, 0);
	assert_int_equal(zone_stat_of(zone).bytes_resident, 0);

	/* The other type's section does, all of it, but no other. */
	pages[0] = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 1);
	for (unsigned int i = 1; i < n; i++) {
		pages[i] =
			alloc_page(zone, GFP_NOWAIT,
				   i & 1 ? MIGRATE_UNMOVABLE : MIGRATE_MOVABLE);
		assert_non_null(pages[i]);
	}
	assert_null(alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE));
	assert_null(alloc_page(zone, GFP_NOWAIT, MIGRATE_UNMOVABLE));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 1);
	/* Half of what is wanted: none, and nothing lost. */
	__free_page(zone, pages[0]);
	assert_false(uzs_alloc_pages_bulk(zone, GFP_NOWAIT, MIGRATE_MOVABLE, 2,
					  pages + n));
	assert_int_equal(zone_stat_of(zone).pages_used, n - 1);
	assert_zone_sound(zone);
	pages[0] = alloc_page(zone, GFP_NOWAIT, MIGRATE_UNMOVABLE);
	assert_non_null(pages[0]);
	/* Kept: the pages count where their section belongs. */
	uzs_free_pages_bulk(zone, n, pages);
	assert_int_equal(zone_stat_of(zone).pages_used, 0);
	end_zone(zone, 0);
}

/* GFP_KERNEL keeps the types apart as long as the OS gives sections. */
static void test_types_are_kept_apart(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = zone_capacity(zone);
	struct page *pages[2048];

	zone_take(zone, MIGRATE_MOVABLE, 1, pages);
	zone_take(zone, MIGRATE_UNMOVABLE, 1, pages + 1);
	assert_int_equal(zone->nr_sections, 2);
	zone_take(zone, MIGRATE_UNMOVABLE, n - 1, pages + 2);
	assert_int_equal(zone->nr_sections, 2);
	for (unsigned int i = 1; i <= n; i++)
		assert_int_equal(uzs_section_of(pages[i])->type,
				 MIGRATE_UNMOVABLE);
	/* And takes from the other when it does not. */
	uzs_fault_set(UZS_FAULT_OS, 1);
	pages[n + 1] = alloc_page(zone, GFP_KERNEL, MIGRATE_UNMOVABLE);
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 1);
	uzs_fault_set(UZS_FAULT_OS, 0);
	assert_non_null(pages[n + 1]);
	assert_int_equal(uzs_section_of(pages[n + 1])->type, MIGRATE_MOVABLE);
	uzs_free_pages_bulk(zone, n + 2, pages);
	end_zone(zone, 0);
}

/* The Nth page of a bulk cannot be had: all or nothing, nothing lost. */
static void test_failed_bulk_is_all_or_nothing(void **state)
{
	struct zone *zone = new_zone(12, 0, 0, NULL);
	struct page *pages[16];
	long failures = 0, nth;

	for (nth = 1;; nth++) {
		bool ok;

		uzs_fault_set(UZS_FAULT_PAGE, nth);
		ok = uzs_alloc_pages_bulk(zone, GFP_KERNEL, MIGRATE_MOVABLE, 16,
					  pages);
		if (ok)
			break;
		failures++;
		assert_int_equal(uzs_fault_seen(UZS_FAULT_PAGE), nth);
		assert_int_equal(zone_stat_of(zone).pages_used, 0);
		assert_zone_sound(zone);
	}
	assert_int_equal(failures, 16);
	uzs_fault_set(UZS_FAULT_PAGE, 0);
	uzs_free_pages_bulk(zone, 16, pages);
	end_zone(zone, 0);
}

/* The OS fails where a section is needed. */
static void test_failed_section_loses_nothing(void **state)
{
	struct zone *zone = new_zone(13, 0, 0, NULL);
	unsigned int n = zone_capacity(zone);
	struct page *pages[1024];
	long failures = 0;

	/* 1 fails at once, n pages later, ... */
	for (unsigned int had = 0; had <= n; had += n) {
		uzs_fault_set(UZS_FAULT_OS, 1);
		assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
		failures += uzs_fault_seen(UZS_FAULT_OS);
		assert_int_equal(zone_stat_of(zone).pages_used, had);
		assert_int_equal(zone->nr_sections, had / n);
		/* ... also in the middle of a bulk. */
		uzs_fault_set(UZS_FAULT_OS, 2);
		assert_false(uzs_alloc_pages_bulk(
			zone, GFP_KERNEL, MIGRATE_MOVABLE, n + 1, pages));
		failures += uzs_fault_seen(UZS_FAULT_OS) - 1;
		assert_int_equal(zone_stat_of(zone).pages_used, had);
		assert_zone_sound(zone);
		uzs_fault_set(UZS_FAULT_OS, 0);
		if (had)
			break;
		zone_take(zone, MIGRATE_MOVABLE, n, pages);
		assert_int_equal(zone->nr_sections, 1);
	}
	assert_int_equal(failures, 4);
	uzs_free_pages_bulk(zone, n, pages);
	end_zone(zone, 0);
}

/* ------------------------------------------------------------------------
 * The end, the check itself, fork
 */

static void test_destroy_tells_what_is_out(void **state)
{
	for (unsigned int out = 0; out < 3000; out = out * 9 + 1) {
		struct zone *zone = new_zone(12, 0, 0, NULL);
		static struct page *pages[3000];

		zone_take(zone, MIGRATE_MOVABLE, out, pages);
		/* Pages in per-CPU lists are not out. */
		zone_take(zone, MIGRATE_UNMOVABLE, 40, pages + out);
		zone_give(zone, 40, pages + out);
		end_zone(zone, out);
	}
}

static void tell_nobody(void *arg, const char *text)
{
	unsigned long *told = arg;

	(void)text;
	++*told;
}

static unsigned long violations(struct zone *zone)
{
	unsigned long told = 0, bad;

	mutex_lock(&zone->trim_lock);
	bad = uzs_zone_check(zone, tell_nobody, &told);
	mutex_unlock(&zone->trim_lock);
	assert_int_equal(bad != 0, told != 0);
	return bad;
}

/* Each figure that is wrong is found. */
static void test_check_finds_each_wrong_figure(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	struct section *section;
	struct zone_slot *slot;
	struct page *pages[200], *head;

	zone_take(zone, MIGRATE_MOVABLE, 200, pages);
	for (int i = 0; i < 200; i += 2)
		__free_page(zone, pages[i]);
	uzs_zone_drain_pcp(zone);
	__free_page(zone, pages[1]);
	section = uzs_section_of(pages[0]);
	head = pages[0];
	while (!is_free_block(head))
		head++;
	assert_int_equal(violations(zone), 0);

#define ASSERT_FOUND(change, undo)                     \
	do {                                           \
		change;                                \
		assert_true(violations(zone) > 0);     \
		undo;                                  \
		assert_int_equal(violations(zone), 0); \
	} while (0)
	ASSERT_FOUND(zone->nr_sections++, zone->nr_sections--);
	ASSERT_FOUND(zone->nr_free++, zone->nr_free--);
	ASSERT_FOUND(zone->nr_warm--, zone->nr_warm++);
	ASSERT_FOUND(zone->nr_out++, zone->nr_out--);
	ASSERT_FOUND(section->nr_free--, section->nr_free++);
	ASSERT_FOUND(section->type = MIGRATE_UNMOVABLE,
		     section->type = MIGRATE_MOVABLE);
	ASSERT_FOUND(head->private ++, head->private --);
	ASSERT_FOUND(head->aux++, head->aux--);
	ASSERT_FOUND(page_clear(head, PG_buddy), page_set(head, PG_buddy));
	ASSERT_FOUND(page_clear(head, PG_warm), page_set(head, PG_warm));
	ASSERT_FOUND(list_del(&head->lru),
		     list_add(&head->lru,
			      &zone->free_area[head->aux]
				       .free_list[MIGRATE_MOVABLE]));
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		slot = uzs_per_cpu(&zone->slots, i);
		ASSERT_FOUND(slot->count[MIGRATE_MOVABLE]++,
			     slot->count[MIGRATE_MOVABLE]--);
	}
#undef ASSERT_FOUND
	for (int i = 3; i < 200; i += 2)
		__free_page(zone, pages[i]);
	end_zone(zone, 0);
}

static void test_child_can_use_the_zone(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	struct page *pages[100];
	int status = -1;
	pid_t pid;

	zone_take(zone, MIGRATE_MOVABLE, 100, pages);
	mark_page(zone, pages[50], 50);
	zone_give(zone, 50, pages);
	fflush(NULL);
	uzs_zone_lock_all(zone);
	pid = fork();
	if (pid == 0) {
		bool ok;

		uzs_zone_fork_child(zone);
		ok = page_marked(zone, pages[50], 50);
		for (int i = 0; i < 50; i++) {
			pages[i] =
				alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
			ok &= pages[i] != NULL;
		}
		ok &= uzs_zone_check(zone, zone_tell, NULL) == 0;
		uzs_free_pages_bulk(zone, 100, pages);
		ok &= uzs_zone_destroy(zone) == 0;
		_exit(ok ? 0 : 1);
	}
	uzs_zone_unlock_all(zone);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	zone_take(zone, MIGRATE_MOVABLE, 50, pages);
	assert_true(page_marked(zone, pages[50], 50));
	zone_give(zone, 100, pages);
	end_zone(zone, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		single(test_mapping_is_aligned_and_zeroed),
		single(test_forced_os_failure_maps_nothing),
		single(test_os_clock_goes_on),
		single(test_pages_and_sections_lead_to_each_other),
		single(test_blocks_split_and_merge_again),
		single(test_smallest_block_is_cut),
		single(test_bulk_maps_no_section_while_there_is_room),
		single(test_lists_of_a_cpu_move_in_batches),
		single(test_other_cpus_lists_are_found),
		single(test_nowait_asks_the_os_for_nothing),
		single(test_types_are_kept_apart),
		single(test_failed_bulk_is_all_or_nothing),
		single(test_failed_section_loses_nothing),
		single(test_destroy_tells_what_is_out),
		single(test_check_finds_each_wrong_figure),
		single(test_child_can_use_the_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
