/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_zone.c - compat/zone.h, zone_compact.c and os.h: pages are handed out
 * once, merge again, and go back to the OS; what the zone says it holds is
 * never less than what the OS has filled, and never more than the limit.
 *
 * munmap and madvise are this file's own on Linux: they can be made to fail,
 * and they look at the zone in the middle of what it does.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_setaffinity, mincore, syscall */
#endif
#include "test_util.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/fault.h"
#include "compat/os.h"
#include "compat/zone.h"

#define MIN_SHIFT 12u
#define MAX_SHIFT 16u
#define NO_BLOCK 0xff
#define MAX_SECTIONS 64
#define MAX_PAGES 8192

/* ------------------------------------------------------------------------
 * The OS, watched
 */

/* Every section that is mapped, found out without asking the zone. */
static struct {
	pthread_mutex_t lock;
	char *sections[MAX_SECTIONS];
	unsigned int n;
	long unmaps, discards; /* calls */
	size_t unmapped_bytes;
	bool refuse_unmap, refuse_discard;
	size_t unit; /* what discards must be a multiple of; 0: any */
	unsigned long bad;
	/* The calls tell these; no lock of the zone but trim_lock is held. */
	void (*on_map)(void);
	void (*on_release)(void);
} os = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void os_reset(void)
{
	os.unmaps = os.discards = 0;
	os.unmapped_bytes = 0;
	os.refuse_unmap = os.refuse_discard = false;
	os.unit = 0;
	os.bad = 0;
	os.on_map = os.on_release = NULL;
}

#ifdef __linux__
#define WATCHED_OS 1

int munmap(void *addr, size_t size)
{
	bool refuse = os.refuse_unmap && size == UZS_SECTION_SIZE;

	if (size == UZS_SECTION_SIZE && os.on_release)
		os.on_release();
	pthread_mutex_lock(&os.lock);
	os.unmaps++;
	for (unsigned int i = 0;
	     !refuse && size == UZS_SECTION_SIZE && i < os.n; i++)
		if (os.sections[i] == addr)
			os.sections[i] = os.sections[--os.n];
	if (!refuse)
		os.unmapped_bytes += size;
	pthread_mutex_unlock(&os.lock);
	if (refuse) {
		errno = ENOMEM;
		return -1;
	}
	return (int)syscall(SYS_munmap, addr, size);
}

int madvise(void *addr, size_t size, int advice)
{
	if (advice == MADV_NOHUGEPAGE && size == UZS_SECTION_SIZE) {
		pthread_mutex_lock(&os.lock);
		if (os.n < MAX_SECTIONS)
			os.sections[os.n++] = addr;
		else
			os.bad++;
		pthread_mutex_unlock(&os.lock);
		if (os.on_map)
			os.on_map();
	}
	if (advice == MADV_DONTNEED) {
		if (os.on_release)
			os.on_release();
		pthread_mutex_lock(&os.lock);
		os.discards++;
		if (os.unit && (((uintptr_t)addr | size) & (os.unit - 1)))
			os.bad++;
		pthread_mutex_unlock(&os.lock);
		if (os.refuse_discard) {
			errno = EINVAL;
			return -1;
		}
	}
	return (int)syscall(SYS_madvise, addr, size, advice);
}

/* Bytes of all sections that the OS has really filled. */
static size_t really_resident(void)
{
	static unsigned char in_core[UZS_SECTION_SIZE / 4096];
	size_t page = uzs_os_page_size(), n = UZS_SECTION_SIZE / page;
	size_t bytes = 0;

	pthread_mutex_lock(&os.lock);
	for (unsigned int i = 0; i < os.n; i++) {
		if (mincore(os.sections[i], UZS_SECTION_SIZE, in_core))
			os.bad++;
		for (size_t p = 0; p < n; p++)
			bytes += (in_core[p] & 1) * page;
	}
	pthread_mutex_unlock(&os.lock);
	return bytes;
}

static bool page_resident(const struct zone *zone, const struct page *page)
{
	unsigned char in_core[16] = { 0 };
	size_t size = (size_t)1 << zone->page_shift;
	bool any = false;

	assert_int_equal(mincore(page_address(zone, page), size, in_core), 0);
	for (size_t p = 0; p < DIV_ROUND_UP(size, uzs_os_page_size()); p++)
		any |= in_core[p] & 1;
	return any;
}
#endif

/* ------------------------------------------------------------------------
 * Zones
 */

static void tell(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "test_zone: %s\n", text);
}

static void tell_nobody(void *arg, const char *text)
{
	unsigned long *told = arg;

	(void)text;
	++*told;
}

static struct zone *new_zone(unsigned int shift, size_t limit, size_t retained,
			     const struct movable_operations *movable)
{
	const struct zone_options o = {
		.page_shift = shift,
		.limit = limit,
		.retained = retained,
		.movable = movable,
	};
	struct zone *zone;

	/* with the per-CPU lists behind it */
	zone = aligned_alloc(64, ALIGN(sizeof(*zone) + uzs_zone_bytes(),
				       (size_t)64));
	assert_non_null(zone);
	memset(zone, 0, sizeof(*zone) + uzs_zone_bytes());
	uzs_zone_init(zone, zone + 1, &o);
	return zone;
}

static void assert_zone_sound(struct zone *zone)
{
	unsigned long bad;

	mutex_lock(&zone->trim_lock);
	bad = uzs_zone_check(zone, tell, NULL);
	mutex_unlock(&zone->trim_lock);
	assert_int_equal(bad, 0);
}

/* Pages that were still out must be `out`. */
static void end_zone(struct zone *zone, unsigned long out)
{
	assert_zone_sound(zone);
	assert_int_equal(uzs_zone_destroy(zone), out);
	free(zone);
#ifdef WATCHED_OS
	assert_int_equal(os.n, 0);
	assert_int_equal(os.bad, 0);
#endif
	os_reset();
}

static struct zone_stat stat_of(struct zone *zone)
{
	struct zone_stat stat;

	uzs_zone_stat(zone, &stat);
	return stat;
}

static size_t page_bytes(const struct zone *zone)
{
	return (size_t)1 << zone->page_shift;
}

static unsigned int capacity(const struct zone *zone)
{
	return zone->nr_pages - zone->first;
}

static bool is_free_head(const struct page *page)
{
	return (page_flags(page) & PG_buddy) != 0;
}

static unsigned long pages_in_pcp(struct zone *zone)
{
	unsigned long n = 0;

	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		n += slot->count[MIGRATE_UNMOVABLE] +
		     slot->count[MIGRATE_MOVABLE];
	}
	return n;
}

/* Gives back, and holds the answer to what the figures say. */
static size_t reclaim(struct zone *zone, size_t target)
{
	struct zone_stat before = stat_of(zone), after;
	unsigned long counted = zone->bytes_given_back;
	size_t given = uzs_zone_reclaim(zone, target, false);

	after = stat_of(zone);
	assert_int_equal(given, before.bytes_resident - after.bytes_resident);
	assert_int_equal(zone->bytes_given_back - counted, given);
	assert_int_equal(before.pages_used, after.pages_used);
	return given;
}

/* The free blocks of a section, by index: order, or NO_BLOCK. */
static void read_blocks(const struct zone *zone, const struct section *section,
			unsigned char *orders)
{
	memset(orders, NO_BLOCK, zone->nr_pages);
	for (unsigned int i = zone->first; i < zone->nr_pages; i++) {
		const struct page *page = uzs_section_page(zone, section, i);

		if (is_free_head(page))
			orders[i] = (unsigned char)page->aux;
	}
}

/* What a buddy allocator makes of a set of free pages. */
static void expected_blocks(const struct zone *zone, const bool *free_pages,
			    unsigned char *orders)
{
	memset(orders, NO_BLOCK, zone->nr_pages);
	for (unsigned int i = zone->first; i < zone->nr_pages; i++)
		if (free_pages[i])
			orders[i] = 0;
	for (unsigned int o = 0; o < zone->max_order; o++) {
		unsigned int half = 1u << o;

		for (unsigned int i = 0; i < zone->nr_pages; i += 2 * half)
			if (orders[i] == o && orders[i + half] == o) {
				orders[i]++;
				orders[i + half] = NO_BLOCK;
			}
	}
}

/* Free pages are always merged as far as they can be. */
static void assert_merged(struct zone *zone)
{
	unsigned char orders[1024], expected[1024];
	bool free_pages[1024];
	struct section *section;

	list_for_each_entry(section, &zone->sections, list) {
		memset(free_pages, 0, sizeof(free_pages));
		read_blocks(zone, section, orders);
		for (unsigned int i = 0; i < zone->nr_pages; i++) {
			unsigned int n;

			if (orders[i] == NO_BLOCK)
				continue;
			n = 1u << orders[i];
			assert_true(i >= zone->first);
			assert_true(i + n <= zone->nr_pages);
			for (unsigned int p = i; p < i + n; p++) {
				assert_false(free_pages[p]);
				free_pages[p] = true;
			}
		}
		expected_blocks(zone, free_pages, expected);
		assert_memory_equal(orders, expected, zone->nr_pages);
	}
}

/* Takes `n` pages one by one. */
static void take(struct zone *zone, enum migratetype type, unsigned int n,
		 struct page **pages)
{
	for (unsigned int i = 0; i < n; i++) {
		pages[i] = alloc_page(zone, GFP_KERNEL, type);
		assert_non_null(pages[i]);
	}
}

static void give(struct zone *zone, unsigned int n, struct page **pages)
{
	for (unsigned int i = 0; i < n; i++)
		__free_page(zone, pages[i]);
}

static void shuffle(struct rng *rng, unsigned int n, struct page **pages)
{
	for (unsigned int i = n; i > 1; i--) {
		unsigned int other = rng_below(rng, i);
		struct page *page = pages[i - 1];

		pages[i - 1] = pages[other];
		pages[other] = page;
	}
}

/* Its own contents for each page, at both ends. */
#define MARK_BYTES 48

static void mark_page(const struct zone *zone, const struct page *page, u64 key)
{
	char *mem = page_address(zone, page);

	pattern_fill(mem, MARK_BYTES, key);
	pattern_fill(mem + page_bytes(zone) - MARK_BYTES, MARK_BYTES, ~key);
}

static bool page_marked(const struct zone *zone, const struct page *page,
			u64 key)
{
	const char *mem = page_address(zone, page);

	return pattern_ok(mem, MARK_BYTES, key) &&
	       pattern_ok(mem + page_bytes(zone) - MARK_BYTES, MARK_BYTES,
			  ~key);
}

/* Runs on one CPU from now on, so that its per-CPU lists are the ones used.
 * False where that cannot be had. */
static cpu_set_t all_cpus;

static bool pin_to_cpu(unsigned int nth)
{
	cpu_set_t one;

	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all_cpus) || nth--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		return !pthread_setaffinity_np(pthread_self(), sizeof(one),
					       &one);
	}
	return false;
}

static void unpin(void)
{
	pthread_setaffinity_np(pthread_self(), sizeof(all_cpus), &all_cpus);
}

/* What a failed test left behind is not the next one's fault. */
static int start_threaded(void **state)
{
	os.n = 0;
	os_reset();
	uzs_fault_set(UZS_FAULT_OS, 0);
	uzs_fault_set(UZS_FAULT_PAGE, 0);
	return pthread_getaffinity_np(pthread_self(), sizeof(all_cpus),
				      &all_cpus);
}

static int start(void **state)
{
	int rc = start_threaded(state);

	return rc || pin_to_cpu(0) ? rc : -1;
}

static int finish(void **state)
{
	unpin();
	return 0;
}

/* ------------------------------------------------------------------------
 * os.c
 */

static void test_os_map(void **state)
{
	size_t page = uzs_os_page_size();

	assert_true(is_power_of_2(page));
	os_reset();
	for (size_t align = page; align <= (size_t)64 << 20; align *= 4) {
		for (size_t size = page; size <= align; size *= 8) {
			char *mem = uzs_os_map(size, align);

			assert_non_null(mem);
			assert_int_equal((uintptr_t)mem & (align - 1), 0);
			assert_int_equal(mem[0] | mem[size - 1], 0);
			mem[0] = mem[size - 1] = 1;
			assert_true(uzs_os_discard(mem, size));
			assert_int_equal(mem[0] | mem[size - 1], 0);
			os.unmapped_bytes = 0;
			assert_true(uzs_os_unmap(mem, size));
		}
	}
	assert_null(uzs_os_map(SIZE_MAX / 8 * 7 & ~(page - 1), page));
#ifdef WATCHED_OS
	/* What was mapped in excess for the alignment has gone back. */
	os_reset();
	assert_true(uzs_os_unmap(uzs_os_map(page, 64 * page), page));
	assert_int_equal(os.unmapped_bytes, 64 * page);
#endif
	os_reset();
}

static void test_os_failure(void **state)
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
	os_reset();
}

static void test_os_clock(void **state)
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
static void test_arithmetic(void **state)
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
		assert_true(UZS_SECTION_HEADER +
				    (capacity(zone) + 1) * sizeof(struct page) >
			    head - page_bytes(zone));
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
				virt_to_page(zone, mem + page_bytes(zone) - 1),
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
	expected_blocks(zone, free_pages, orders);
}

static void test_split_and_merge(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		struct zone *zone = new_zone(shift, 0, 0, NULL);
		unsigned char initial[1024], orders[1024];
		struct page *pages[1024], *page;
		struct section *section;
		unsigned int n = capacity(zone);
		struct rng rng;

		rng_seed(&rng, shift);
		initial_blocks(zone, initial);
		/* Mapped, and all back in the buddy lists. */
		page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
		__free_page(zone, page);
		uzs_zone_drain_pcp(zone);
		section = uzs_section_of(page);
		read_blocks(zone, section, orders);
		assert_memory_equal(orders, initial, zone->nr_pages);

		for (int round = 0; round < uzs_test_scale(6); round++) {
			bool free_pages[1024] = { false };

			/* All of them, each once. */
			take(zone, MIGRATE_MOVABLE, n, pages);
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
				shuffle(&rng, n, pages);
			for (unsigned int i = 0; i < n; i++) {
				__free_page(zone, pages[i]);
				uzs_zone_drain_pcp(zone);
				free_pages[uzs_page_index(zone, pages[i])] =
					true;
				expected_blocks(zone, free_pages, initial);
				read_blocks(zone, section, orders);
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
static void test_best_fit(void **state)
{
	struct zone *zone = new_zone(12, 0, 0, NULL);
	struct page *pages[1016] = { NULL }, *hole;
	unsigned int n = capacity(zone);

	/* Without batches: each page comes from the buddy lists. */
	zone->pcp_batch = 1;
	take(zone, MIGRATE_MOVABLE, n, pages);
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
	assert_true(is_free_head(hole));
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
static void test_bulk(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		struct zone *zone = new_zone(shift, 0, 0, NULL);
		unsigned int all = capacity(zone), got = 0;
		struct page *pages[1024];
		bool seen[1024] = { false };

		while (got < all) {
			unsigned int n = min(16u, all - got);

			assert_true(uzs_alloc_pages_bulk(zone, GFP_KERNEL,
							 MIGRATE_MOVABLE, n,
							 pages + got));
			got += n;
			assert_int_equal(zone->nr_sections, 1);
			assert_int_equal(stat_of(zone).pages_used, got);
		}
		for (unsigned int i = 0; i < all; i++) {
			unsigned int index = uzs_page_index(zone, pages[i]);

			assert_false(seen[index]);
			seen[index] = true;
		}
		assert_false(uzs_alloc_pages_bulk(zone, GFP_NOWAIT,
						  MIGRATE_MOVABLE, 1, pages));
		uzs_free_pages_bulk(zone, all, pages);
		assert_int_equal(stat_of(zone).pages_used, 0);
		/* More than a section has, in one go: all or nothing. */
		assert_false(uzs_alloc_pages_bulk(
			zone, GFP_NOWAIT, MIGRATE_MOVABLE, all + 1, pages));
		assert_int_equal(stat_of(zone).pages_used, 0);
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

static void test_pcp(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		struct zone *zone = new_zone(shift, 0, SIZE_MAX, NULL);
		struct page *pages[1024], *last;
		struct zone_slot *slot;
		unsigned int batch = zone->pcp_batch;
		unsigned int n = min(4 * batch, capacity(zone));

		slot = uzs_this_cpu(&zone->slots);
		assert_true(batch >= 4);

		/* A batch comes, one page is taken. */
		take(zone, MIGRATE_MOVABLE, 1, pages);
		assert_int_equal(slot->count[MIGRATE_MOVABLE], batch - 1);
		assert_int_equal(slot->count[MIGRATE_UNMOVABLE], 0);
		assert_int_equal(stat_of(zone).pages_used, 1);
		take(zone, MIGRATE_MOVABLE, batch - 1, pages + 1);
		assert_int_equal(slot->count[MIGRATE_MOVABLE], 0);
		take(zone, MIGRATE_MOVABLE, n - batch, pages + batch);
		uzs_zone_drain_pcp(zone);

		/* Two batches at most stay. Then the older one goes. */
		for (unsigned int i = 0; i < n; i++) {
			__free_page(zone, pages[i]);
			assert_in_range(slot->count[MIGRATE_MOVABLE], 1,
					2 * batch - 1);
			assert_ptr_equal(slot->list[MIGRATE_MOVABLE].next,
					 &pages[i]->lru);
			assert_int_equal(stat_of(zone).pages_used, n - 1 - i);
			if (i == 2 * batch - 1)
				assert_int_equal(slot->count[MIGRATE_MOVABLE],
						 batch);
		}
		/* The last one freed is the next one taken. */
		last = alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE);
		assert_ptr_equal(last, pages[n - 1]);
		__free_page(zone, last);
		/* The types do not mix: a page goes where its section does. */
		take(zone, MIGRATE_UNMOVABLE, 1, pages);
		assert_int_equal(uzs_section_of(pages[0])->type,
				 MIGRATE_UNMOVABLE);
		assert_int_equal(zone->nr_sections, 2);
		assert_int_equal(slot->count[MIGRATE_UNMOVABLE], batch - 1);
		__free_page(zone, pages[0]);
		assert_int_equal(slot->count[MIGRATE_UNMOVABLE], batch);

		uzs_zone_drain_pcp(zone);
		assert_int_equal(pages_in_pcp(zone), 0);
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
static void test_other_cpus(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = capacity(zone);
	struct page *pages[1024], *page;
	pthread_t thread;
	void *freed;

	take(zone, MIGRATE_MOVABLE, n, pages);
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

static void test_nowait(void **state)
{
	struct zone *zone = new_zone(12, 0, 0, NULL);
	unsigned int n = capacity(zone);
	struct page *pages[2048];

	uzs_fault_set(UZS_FAULT_OS, 0);
	assert_null(alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE));
	assert_null(alloc_page(zone, GFP_NOWAIT, MIGRATE_UNMOVABLE));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 0);
	assert_int_equal(stat_of(zone).bytes_mapped, 0);
	assert_int_equal(stat_of(zone).bytes_resident, 0);

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
	assert_int_equal(stat_of(zone).pages_used, n - 1);
	assert_zone_sound(zone);
	pages[0] = alloc_page(zone, GFP_NOWAIT, MIGRATE_UNMOVABLE);
	assert_non_null(pages[0]);
	/* Kept: the pages count where their section belongs. */
	uzs_free_pages_bulk(zone, n, pages);
	assert_int_equal(stat_of(zone).pages_used, 0);
	end_zone(zone, 0);
}

/* GFP_KERNEL keeps the types apart as long as the OS gives sections. */
static void test_types_apart(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = capacity(zone);
	struct page *pages[2048];

	take(zone, MIGRATE_MOVABLE, 1, pages);
	take(zone, MIGRATE_UNMOVABLE, 1, pages + 1);
	assert_int_equal(zone->nr_sections, 2);
	take(zone, MIGRATE_UNMOVABLE, n - 1, pages + 2);
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
static void test_page_failure(void **state)
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
		assert_int_equal(stat_of(zone).pages_used, 0);
		assert_zone_sound(zone);
	}
	assert_int_equal(failures, 16);
	uzs_fault_set(UZS_FAULT_PAGE, 0);
	uzs_free_pages_bulk(zone, 16, pages);
	end_zone(zone, 0);
}

/* The OS fails where a section is needed. */
static void test_section_failure(void **state)
{
	struct zone *zone = new_zone(13, 0, 0, NULL);
	unsigned int n = capacity(zone);
	struct page *pages[1024];
	long failures = 0;

	/* 1 fails at once, n pages later, ... */
	for (unsigned int had = 0; had <= n; had += n) {
		uzs_fault_set(UZS_FAULT_OS, 1);
		assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
		failures += uzs_fault_seen(UZS_FAULT_OS);
		assert_int_equal(stat_of(zone).pages_used, had);
		assert_int_equal(zone->nr_sections, had / n);
		/* ... also in the middle of a bulk. */
		uzs_fault_set(UZS_FAULT_OS, 2);
		assert_false(uzs_alloc_pages_bulk(
			zone, GFP_KERNEL, MIGRATE_MOVABLE, n + 1, pages));
		failures += uzs_fault_seen(UZS_FAULT_OS) - 1;
		assert_int_equal(stat_of(zone).pages_used, had);
		assert_zone_sound(zone);
		uzs_fault_set(UZS_FAULT_OS, 0);
		if (had)
			break;
		take(zone, MIGRATE_MOVABLE, n, pages);
		assert_int_equal(zone->nr_sections, 1);
	}
	assert_int_equal(failures, 4);
	uzs_free_pages_bulk(zone, n, pages);
	end_zone(zone, 0);
}

/* ------------------------------------------------------------------------
 * The limit
 */

static void test_least_limit(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		const struct zone_options o = { .page_shift = shift };
		size_t least = uzs_zone_min_bytes(&o);
		struct zone *zone = new_zone(shift, least, 0, NULL);
		struct page *page =
			alloc_page(zone, GFP_KERNEL, MIGRATE_UNMOVABLE);

		assert_non_null(page);
		memset(page_address(zone, page), 1, page_bytes(zone));
		assert_int_equal(stat_of(zone).bytes_resident, least);
		assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_UNMOVABLE));
		assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
		assert_null(alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE));
		assert_int_equal(stat_of(zone).bytes_resident, least);
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
		assert_int_equal(stat_of(zone).bytes_mapped, 0);
		end_zone(zone, 0);
	}
}

/* At the limit every warm page can be had, also without asking the OS, and
 * wherever among cold ones it lies. */
static void test_warm_among_cold(void **state)
{
	const struct zone_options o = { .page_shift = 12 };
	const unsigned int n = 300;
	struct zone *zone =
		new_zone(12, uzs_zone_min_bytes(&o) + (n - 1) * (size_t)4096,
			 SIZE_MAX, NULL);
	struct page *pages[1024], *again[1024];
	struct rng rng;

	rng_seed(&rng, 1);
	take(zone, MIGRATE_MOVABLE, n, pages);
	assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
	for (int round = 0; round < uzs_test_scale(20); round++) {
		unsigned int some = rng_range(&rng, 1, n);

		shuffle(&rng, n, pages);
		give(zone, some, pages);
		uzs_zone_drain_pcp(zone);
		os.discards = 0;
		for (unsigned int i = 0; i < some; i++) {
			again[i] = alloc_page(zone, GFP_NOWAIT,
					      i & 1 ? MIGRATE_MOVABLE
						    : MIGRATE_UNMOVABLE);
			assert_non_null(again[i]);
			assert_true(stat_of(zone).bytes_resident <=
				    zone->limit);
		}
		assert_null(alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE));
		assert_int_equal(os.discards, 0);
		memcpy(pages, again, some * sizeof(pages[0]));
		assert_zone_sound(zone);
		/* Cold pages somewhere else, the same number in all. */
		if (round % 4 == 3) {
			give(zone, n, pages);
			reclaim(zone, rng_below(&rng, n) * (size_t)4096);
			take(zone, MIGRATE_MOVABLE, n, pages);
			assert_null(
				alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
		}
	}
	give(zone, n, pages);
	end_zone(zone, 0);
}

/* Memory that is not the zone's has its place within the limit. */
static void test_charge(void **state)
{
	const struct zone_options o = { .page_shift = 12 };
	struct zone *zone = new_zone(
		12, uzs_zone_min_bytes(&o) + 99 * (size_t)4096, SIZE_MAX, NULL);
	struct page *pages[101];
	unsigned int n = 0;

	take(zone, MIGRATE_MOVABLE, 50, pages);
	uzs_zone_drain_pcp(zone);
	/* As much as is left, and no more. */
	assert_false(uzs_zone_charge(
		zone, zone->limit - stat_of(zone).bytes_resident + 1));
	reclaim(zone, 0);
	assert_false(uzs_zone_charge(zone, 50 * 4096 + 1));
	assert_true(uzs_zone_charge(zone, 20 * 4096));
	assert_true(uzs_zone_charge(zone, 10 * 4096));
	assert_false(uzs_zone_charge(zone, 20 * 4096 + 1));
	while (n < 51 &&
	       (pages[50 + n] = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE)))
		n++;
	assert_int_equal(n, 20);
	uzs_zone_uncharge(zone, 10 * 4096);
	take(zone, MIGRATE_MOVABLE, 10, pages + 70);
	assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
	uzs_zone_uncharge(zone, 20 * 4096);
	take(zone, MIGRATE_MOVABLE, 20, pages + 80);
	assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
	give(zone, 100, pages);
	end_zone(zone, 0);

	/* Without a limit there is always room. */
	zone = new_zone(12, 0, SIZE_MAX, NULL);
	assert_true(uzs_zone_charge(zone, (size_t)1 << 30));
	take(zone, MIGRATE_MOVABLE, 1, pages);
	give(zone, 1, pages);
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
static void test_limit_race(void **state)
{
	const struct zone_options o = { .page_shift = 12 };
	struct zone *zone =
		new_zone(12, uzs_zone_min_bytes(&o) + 4096, SIZE_MAX, NULL);
	struct page *page;

	memset(&rival, 0, sizeof(rival));
	rival.zone = zone;
	os.on_map = rival_allocates;
	page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
	os.on_map = NULL;
	assert_int_equal(rival.calls, 2);
	assert_true(stat_of(zone).bytes_resident <= zone->limit);
	assert_int_equal(zone->nr_sections, 1);
	assert_int_equal(os.n, 1);
	assert_non_null(rival.page);
	assert_non_null(page);
	assert_ptr_not_equal(page, rival.page);
	__free_page(zone, page);
	__free_page(zone, rival.page);
	end_zone(zone, 0);
}

/* A section that emptied out makes room in others with its head. */
static void test_head_makes_room(void **state)
{
	const struct zone_options o = { .page_shift = 12 };
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = capacity(zone), more = 0;
	struct page *pages[2048] = { NULL };

	take(zone, MIGRATE_MOVABLE, n + 1, pages);
	assert_int_equal(zone->nr_sections, 2);
	/* The first section half empty and cold, the second empty and cold. */
	assert_ptr_not_equal(uzs_section_of(pages[n]),
			     uzs_section_of(pages[0]));
	__free_page(zone, pages[n]);
	give(zone, n / 2, pages);
	uzs_zone_drain_pcp(zone);
	mutex_lock(&zone->trim_lock);
	os.refuse_unmap = true;
	uzs_zone_reclaim(zone, 0, true);
	os.refuse_unmap = false;
	mutex_unlock(&zone->trim_lock);
	assert_int_equal(zone->nr_sections, 2);
	assert_int_equal(stat_of(zone).bytes_free, 0);
	zone->limit = stat_of(zone).bytes_resident;
	while ((pages[more] = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE)))
		more++;
	assert_int_equal(more, (uzs_zone_min_bytes(&o) - 4096) / 4096);
	assert_int_equal(zone->nr_sections, 1);
	assert_int_equal(stat_of(zone).bytes_resident, zone->limit);
	give(zone, more, pages);
	give(zone, n - n / 2, pages + n / 2);
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

static void test_shrinker(void **state)
{
	const struct zone_options o = { .page_shift = 12 };
	struct zone *zone = new_zone(12, uzs_zone_min_bytes(&o) + 99 * 4096u,
				     SIZE_MAX, NULL);
	struct page *pages[128];
	struct hoard h = { .zone = zone };

	h.shrinker.count_objects = hoard_count;
	h.shrinker.scan_objects = hoard_scan;
	h.shrinker.private_data = &h;
	uzs_shrinker_register(&zone->shrinkers, &h.shrinker);
	take(zone, MIGRATE_MOVABLE, 60, pages);
	take(zone, MIGRATE_MOVABLE, 40, h.pages);
	h.n = 40;
	assert_int_equal(h.asked, 0);
	/* Never without leave to wait. */
	assert_null(alloc_page(zone, GFP_NOWAIT, MIGRATE_MOVABLE));
	assert_int_equal(h.asked, 0);
	take(zone, MIGRATE_UNMOVABLE, 1, pages + 60);
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
	assert_int_equal(stat_of(zone).bytes_resident, zone->limit);
	uzs_free_pages_bulk(zone, 50, pages);

	uzs_free_pages_bulk(zone, 50, pages + 50);
	uzs_shrinker_unregister(&zone->shrinkers, &h.shrinker);
	end_zone(zone, 0);
}

/* The same when it is the OS that has no memory. */
static void test_shrinker_without_limit(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = capacity(zone);
	struct hoard h = { .zone = zone };
	struct page *pages[1024];

	h.shrinker.count_objects = hoard_count;
	h.shrinker.scan_objects = hoard_scan;
	h.shrinker.private_data = &h;
	uzs_shrinker_register(&zone->shrinkers, &h.shrinker);
	take(zone, MIGRATE_MOVABLE, 10, h.pages);
	take(zone, MIGRATE_MOVABLE, n - 10, pages);
	h.n = 10;
	uzs_fault_set(UZS_FAULT_OS, 1);
	take(zone, MIGRATE_MOVABLE, 1, pages + n - 10);
	assert_int_equal(h.asked, 1);
	assert_int_equal(h.n, 9);
	uzs_fault_set(UZS_FAULT_OS, 0);
	give(zone, 9, h.pages);
	give(zone, n - 9, pages);
	uzs_shrinker_unregister(&zone->shrinkers, &h.shrinker);
	end_zone(zone, 0);
}

/* ------------------------------------------------------------------------
 * Giving back
 */

static void test_reclaim_wanted(void **state)
{
	static const size_t retained[] = { 1 << 20, 2 << 20, 8 << 20 };

	for (size_t r = 0; r < ARRAY_SIZE(retained); r++) {
		size_t keep = retained[r];
		size_t threshold = keep + max(keep / 4, (size_t)1 << 20);
		struct zone *zone = new_zone(12, 0, keep, NULL);
		static struct page *pages[MAX_PAGES];
		unsigned int n = 3048, wanted = 0, kept[4], k = 0;
		struct section *last = NULL;

		take(zone, MIGRATE_MOVABLE, n, pages);
		assert_false(uzs_zone_wants_reclaim(zone));
		/* One page of each section stays in use. */
		for (unsigned int i = 0; i < n; i++) {
			bool stays = uzs_section_of(pages[i]) != last &&
				     k < ARRAY_SIZE(kept);

			if (stays) {
				last = uzs_section_of(pages[i]);
				kept[k++] = i;
				continue;
			}
			__free_page(zone, pages[i]);
			/* Wanted from the threshold on, and not before. */
			assert_int_equal(uzs_zone_wants_reclaim(zone),
					 zone->nr_warm * 4096 > threshold);
			if (!uzs_zone_wants_reclaim(zone))
				continue;
			wanted++;
			reclaim(zone, keep);
			assert_false(uzs_zone_wants_reclaim(zone));
			/* So much is kept, and no more. */
			assert_in_range(zone->nr_warm * 4096, keep - 4095,
					keep);
			assert_zone_sound(zone);
		}
		assert_true(wanted >= 1);
		/* The worker is not woken for every page. */
		assert_true(wanted <=
			    n * (size_t)4096 / (threshold - keep) + 1);
		while (k)
			__free_page(zone, pages[kept[--k]]);
		end_zone(zone, 0);
	}
}

static void test_retain_all(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	static struct page *pages[3000];

	take(zone, MIGRATE_MOVABLE, 3000, pages);
	for (unsigned int i = 0; i < 3000; i++) {
		__free_page(zone, pages[i]);
		assert_false(uzs_zone_wants_reclaim(zone));
	}
	assert_int_equal(reclaim(zone, SIZE_MAX), 0);
	assert_int_equal(zone->nr_sections, 3);
	/* What was left of the last batch is free, too. */
	assert_in_range(stat_of(zone).bytes_free, 3000 * 4096,
			(3000 + zone->pcp_batch) * 4096);
	assert_true(reclaim(zone, 0) >= 3000 * 4096);
	assert_int_equal(stat_of(zone).bytes_mapped, 0);
	end_zone(zone, 0);
}

/* Of empty sections, as many stay as make up the target. */
static void test_unmap(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		struct zone *zone = new_zone(shift, 0, SIZE_MAX, NULL);
		unsigned int n = capacity(zone);
		static struct page *pages[20 * 1024];
		size_t section = (size_t)n << shift;
		size_t all;

		/* More than it looks at in one go. */
		take(zone, MIGRATE_MOVABLE, 20 * n, pages);
		assert_int_equal(zone->nr_sections, 20);
		assert_int_equal(reclaim(zone, 0), 0);
		for (unsigned int i = 0; i < 20 * n; i += 7)
			mark_page(zone, pages[i], i);
		uzs_free_pages_bulk(zone, 20 * n, pages);
		uzs_zone_drain_pcp(zone);
		all = 20 * (section + zone->head_resident);
		assert_int_equal(stat_of(zone).bytes_resident, all);

		reclaim(zone, 17 * section + 1);
		assert_int_equal(zone->nr_sections, 18);
		reclaim(zone, 17 * section);
		assert_int_equal(zone->nr_sections, 17);
		reclaim(zone, page_bytes(zone));
		assert_int_equal(zone->nr_sections, 1);
		assert_int_equal(stat_of(zone).bytes_free, page_bytes(zone));
		assert_zone_sound(zone);
		assert_merged(zone);
		reclaim(zone, 0);
		assert_int_equal(stat_of(zone).bytes_mapped, 0);
		assert_int_equal(stat_of(zone).bytes_resident, 0);
		assert_int_equal(stat_of(zone).bytes_free, 0);
		assert_int_equal(zone->bytes_given_back, all);
#ifdef WATCHED_OS
		assert_int_equal(os.n, 0);
#endif
		/* And in use again. */
		take(zone, MIGRATE_MOVABLE, 1, pages);
		__free_page(zone, pages[0]);
		end_zone(zone, 0);
	}
}

#ifdef WATCHED_OS
static struct zone *watched_zone;
static unsigned long watched;

/* Z4, in the middle of things. */
static void look_at_figures(void)
{
	size_t real = really_resident();

	watched++;
	if (stat_of(watched_zone).bytes_resident < real)
		os.bad++;
}

static void watch(struct zone *zone)
{
	watched_zone = zone;
	os.on_release = look_at_figures;
	os.on_map = look_at_figures;
}

/* Runs of free pages go back, and only these; Z4 to the byte. */
static void test_discard(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift++) {
		struct zone *zone = new_zone(shift, 0, SIZE_MAX, NULL);
		unsigned int n = 2 * capacity(zone);
		static struct page *pages[MAX_PAGES];
		struct rng rng;
		unsigned int used = 0;

		rng_seed(&rng, shift);
		watch(zone);
		watched = 0;
		take(zone, MIGRATE_MOVABLE, n, pages);
		for (unsigned int i = 0; i < n; i++)
			memset(page_address(zone, pages[i]), 0xa5,
			       page_bytes(zone));
		/* All is filled, but for the rest of the head. */
		assert_in_range(really_resident(),
				n * page_bytes(zone) + 2 * sizeof(**pages),
				stat_of(zone).bytes_resident);
		shuffle(&rng, n, pages);
		used = n / 3;
		give(zone, n - used, pages + used);
		for (unsigned int i = 0; i < used; i++)
			mark_page(zone, pages[i], i);

		/* Half of what is free. */
		reclaim(zone, (n - used) / 2 * page_bytes(zone));
		assert_in_range(really_resident(), used * page_bytes(zone),
				stat_of(zone).bytes_resident);
		assert_zone_sound(zone);
		reclaim(zone, 0);
		assert_int_equal(stat_of(zone).bytes_free, 0);
		assert_int_equal(stat_of(zone).bytes_resident,
				 used * page_bytes(zone) +
					 2 * zone->head_resident);
		assert_in_range(really_resident(), used * page_bytes(zone),
				stat_of(zone).bytes_resident);
		for (unsigned int i = 0; i < n; i++)
			assert_int_equal(page_resident(zone, pages[i]),
					 i < used);
		assert_zone_sound(zone);
		assert_merged(zone);
		/* Nothing is left to give. */
		os.discards = 0;
		assert_int_equal(reclaim(zone, 0), 0);
		assert_int_equal(os.discards, 0);

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
				mem[page_bytes(zone) / sizeof(*mem) - 1], 0);
		}
		give(zone, n, pages);
		assert_true(watched > 2);
		end_zone(zone, 0);
	}
}

/* Others use and free pages as fast as they are given back. */
static void others_churn(void)
{
	struct page *page;

	if (++watched > 2000)
		return;
	page = alloc_page(watched_zone, GFP_KERNEL, MIGRATE_MOVABLE);
	if (!page)
		return;
	__free_page(watched_zone, page);
	uzs_zone_drain_pcp(watched_zone);
}

/* Giving back comes to an end: what was free when it began goes, what others
 * free meanwhile may stay. */
static void test_discard_ends(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = capacity(zone);
	struct page *pages[1024];

	take(zone, MIGRATE_MOVABLE, n, pages);
	for (unsigned int i = 1; i < n; i++)
		if (i % 8 == 0)
			__free_page(zone, pages[i]);
	watched_zone = zone;
	watched = 0;
	os.on_release = others_churn;
	uzs_zone_reclaim(zone, 0, false);
	os.on_release = NULL;
	assert_in_range(watched, 100, n);
	assert_zone_sound(zone);
	for (unsigned int i = 0; i < n; i++)
		if (i == 0 || i % 8)
			__free_page(zone, pages[i]);
	end_zone(zone, 0);
}

/* The OS refuses to take memory back: nothing is counted as given. */
static void test_refusal(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = 20 * capacity(zone);
	static struct page *pages[20 * 1024];
	struct zone_stat before, after;

	take(zone, MIGRATE_MOVABLE, n, pages);
	give(zone, n, pages);
	uzs_zone_drain_pcp(zone);
	before = stat_of(zone);

	os.refuse_unmap = os.refuse_discard = true;
	assert_int_equal(reclaim(zone, 0), 0);
	assert_true(os.unmaps > 0);
	assert_true(os.discards > 0);
	after = stat_of(zone);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(zone->bytes_given_back, 0);
	assert_zone_sound(zone);
	assert_merged(zone);

	/* Only unmapping fails: the pages go back one by one. */
	os.refuse_discard = false;
	assert_true(reclaim(zone, 0) > 0);
	assert_int_equal(zone->nr_sections, 20);
	assert_int_equal(stat_of(zone).bytes_free, 0);
	assert_int_equal(stat_of(zone).bytes_resident,
			 20 * zone->head_resident);
	assert_zone_sound(zone);
	assert_merged(zone);

	/* Sections kept so are as good as any. */
	take(zone, MIGRATE_MOVABLE, n, pages);
	assert_int_equal(zone->nr_sections, 20);
	for (unsigned int i = 0; i < n; i++)
		mark_page(zone, pages[i], i);
	for (unsigned int i = 0; i < n; i++)
		assert_true(page_marked(zone, pages[i], i));
	give(zone, n, pages);
	os.refuse_unmap = false;
	reclaim(zone, 0);
	assert_int_equal(os.n, 0);
	end_zone(zone, 0);
}

/* Not even destroying a zone leaves memory filled when unmapping fails. */
static void test_refusal_at_the_end(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	struct page *pages[100];

	take(zone, MIGRATE_MOVABLE, 100, pages);
	for (int i = 0; i < 100; i++)
		memset(page_address(zone, pages[i]), 1, 4096);
	os.refuse_unmap = true;
	assert_int_equal(uzs_zone_destroy(zone), 100);
	os.refuse_unmap = false;
	assert_int_equal(os.n, 1);
	assert_int_equal(really_resident(), 0);
	assert_int_equal(munmap(os.sections[0], UZS_SECTION_SIZE), 0);
	free(zone);
	os_reset();
}
#endif

/* Pages of the OS that are larger than ours are filled and given back as a
 * whole, and counted so. */
static void test_larger_os_pages(void **state)
{
	const unsigned int ratio = 4;
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	unsigned int n = capacity(zone), cold = 0;
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
	os.unit = ratio * 4096;
	zone->pcp_batch = 1;

	/* The first page fills four, the next three nothing more. */
	for (unsigned int i = 0; i < n; i++) {
		take(zone, MIGRATE_MOVABLE, 1, pages + i);
		uzs_zone_drain_pcp(zone);
		assert_int_equal(stat_of(zone).bytes_resident,
				 zone->head_resident +
					 (i / ratio + 1) * zone->os_page);
		assert_zone_sound(zone);
	}
	rng_seed(&rng, 9);
	for (int round = 0; round < uzs_test_scale(40); round++) {
		unsigned int used = rng_below(&rng, n);
		size_t resident;

		shuffle(&rng, n, pages);
		memset(in_use, 0, sizeof(in_use));
		for (unsigned int i = 0; i < used; i++) {
			mark_page(zone, pages[i], i);
			in_use[uzs_page_index(zone, pages[i])] = true;
		}
		give(zone, n - used, pages + used);
		if (used && round & 1)
			reclaim(zone, 64 * 4096);
		if (used)
			reclaim(zone, 0);
		/* Whole pages of the OS, and each that is free as a whole. */
		cold = 0;
		for (unsigned int i = zone->first; i < zone->nr_pages;
		     i += ratio)
			if (!in_use[i] && !in_use[i + 1] && !in_use[i + 2] &&
			    !in_use[i + 3])
				cold += ratio;
		resident = stat_of(zone).bytes_resident;
		if (used)
			assert_int_equal(resident, zone->head_resident +
							   (n - cold) * 4096);
		assert_zone_sound(zone);
		assert_merged(zone);
		for (unsigned int i = 0; i < used; i++)
			assert_true(page_marked(zone, pages[i], i));
		take(zone, MIGRATE_MOVABLE, n - used, pages + used);
	}
#ifdef WATCHED_OS
	assert_true(os.discards > 0);
#endif
	/* The limit counts them too. */
	uzs_free_pages_bulk(zone, n, pages);
	uzs_zone_reclaim(zone, 0, false);
	zone->limit = zone->head_resident + 2 * zone->os_page + 4096;
	for (unsigned int i = 0; i < 2 * ratio; i++) {
		take(zone, MIGRATE_MOVABLE, 1, pages + i);
		assert_true(stat_of(zone).bytes_resident <= zone->limit);
	}
	assert_null(alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE));
	give(zone, 2 * ratio, pages);
	end_zone(zone, 0);
}

/* ------------------------------------------------------------------------
 * Moving pages. The owner keeps a table of its pages; entry = page->private.
 */

struct owned {
	struct page *page; /* NULL: none; guard: owner.lock */
	u64 key;
	bool refuse; /* to be isolated */
	bool busy; /* to be moved */
};

static struct {
	pthread_mutex_t lock;
	struct owned table[MAX_PAGES];
	unsigned long isolated, moved, put_back;
	unsigned long bad;
	/* How full a section was when compaction began, in 31sts. */
	struct {
		const struct section *section;
		unsigned long step;
	} steps[MAX_SECTIONS];
	unsigned int nr_steps;
	void (*meanwhile)(struct zone *zone); /* before a page is moved */
} owner = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void owner_expects(bool what, const char *text)
{
	if (what)
		return;
	/* The first one is enough to read. */
	if (!__atomic_fetch_add(&owner.bad, 1, __ATOMIC_RELAXED))
		fprintf(stderr, "test_zone: owner: %s\n", text);
}

static void owner_reset(void)
{
	memset(owner.table, 0, sizeof(owner.table));
	owner.isolated = owner.moved = owner.put_back = owner.bad = 0;
	owner.nr_steps = 0;
	owner.meanwhile = NULL;
}

static long step_of(const struct section *section)
{
	for (unsigned int i = 0; i < owner.nr_steps; i++)
		if (owner.steps[i].section == section)
			return (long)owner.steps[i].step;
	return -1;
}

static bool owner_isolate(struct zone *zone, struct page *page)
{
	struct owned *o = &owner.table[page->private];

	owner_expects(PageLocked(page), "isolated without its lock");
	owner_expects((page_flags(page) & PG_movable) != 0,
		      "isolated, but not movable");
	owner_expects(o->page == page, "isolated somebody else's page");
	if (o->refuse)
		return false;
	__atomic_fetch_add(&owner.isolated, 1, __ATOMIC_RELAXED);
	return true;
}

static int owner_migrate(struct zone *zone, struct page *dst, struct page *src)
{
	struct owned *o = &owner.table[src->private];

	owner_expects(PageLocked(src) && PageLocked(dst),
		      "moved without page locks");
	owner_expects((page_flags(src) & PG_isolated) != 0,
		      "moved, but not isolated");
	owner_expects(!(page_flags(dst) &
			(PG_movable | PG_buddy | PG_slab | PG_isolated)),
		      "moved to a page in use");
	owner_expects(uzs_section_of(dst)->type == MIGRATE_MOVABLE &&
			      uzs_section_of(src)->type == MIGRATE_ISOLATE,
		      "moved between sections of wrong types");
	owner_expects(step_of(uzs_section_of(dst)) >=
			      step_of(uzs_section_of(src)),
		      "moved to a sparser section");
	owner_expects(uzs_section_of(src) != uzs_section_of(dst),
		      "moved within a section");
	owner_expects(!zone->limit ||
			      stat_of(zone).bytes_resident <= zone->limit,
		      "above the limit");
	if (owner.meanwhile)
		owner.meanwhile(zone);
	if (o->busy)
		return -EAGAIN;
	pthread_mutex_lock(&owner.lock);
	memcpy(page_address(zone, dst), page_address(zone, src),
	       page_bytes(zone));
	dst->private = src->private;
	o->page = dst;
	page_set(dst, PG_movable);
	page_clear(src, PG_movable);
	pthread_mutex_unlock(&owner.lock);
	__atomic_fetch_add(&owner.moved, 1, __ATOMIC_RELAXED);
	return 0;
}

static void owner_putback(struct zone *zone, struct page *page)
{
	owner_expects(PageLocked(page), "put back without its lock");
	owner_expects((page_flags(page) & PG_movable) != 0,
		      "put back, but not movable");
	__atomic_fetch_add(&owner.put_back, 1, __ATOMIC_RELAXED);
}

static const struct movable_operations owner_ops = {
	.isolate_page = owner_isolate,
	.migrate_page = owner_migrate,
	.putback_page = owner_putback,
};

/* Makes a page that was just taken the owner's. */
static void own(struct zone *zone, unsigned int entry, struct page *page,
		bool movable)
{
	struct owned *o = &owner.table[entry];

	o->key = (u64)entry * 131 + 7;
	o->refuse = o->busy = false;
	mark_page(zone, page, o->key);
	page->private = entry;
	pthread_mutex_lock(&owner.lock);
	o->page = page;
	if (movable)
		page_set(page, PG_movable);
	pthread_mutex_unlock(&owner.lock);
}

/* Z3: locks the page to free it, and never waits for that. */
static bool disown(struct zone *zone, unsigned int entry)
{
	struct owned *o = &owner.table[entry];
	struct page *page;
	bool ok;

	for (;;) {
		pthread_mutex_lock(&owner.lock);
		page = o->page;
		if (trylock_page(page))
			break;
		pthread_mutex_unlock(&owner.lock);
		cond_resched();
	}
	o->page = NULL;
	ok = page_marked(zone, page, o->key);
	page_clear(page, PG_movable);
	unlock_page(page);
	pthread_mutex_unlock(&owner.lock);
	__free_page(zone, page);
	return ok;
}

static bool owned_ok(const struct zone *zone, unsigned int entry)
{
	const struct owned *o = &owner.table[entry];

	return o->page->private == entry && page_marked(zone, o->page, o->key);
}

/* Compacts, and holds the counters to what the owner saw. */
static unsigned long compact(struct zone *zone)
{
	unsigned long migrated = zone->pages_migrated;
	unsigned long owner_moved = owner.moved, moved;
	struct section *section;

	mutex_lock(&zone->trim_lock);
	/* As compaction begins: what per-CPU lists hold counts as free. */
	uzs_zone_drain_pcp(zone);
	owner.nr_steps = 0;
	list_for_each_entry(section, &zone->sections, list) {
		unsigned long used = capacity(zone) - section->nr_free;

		if (owner.nr_steps == MAX_SECTIONS)
			break;
		owner.steps[owner.nr_steps].section = section;
		owner.steps[owner.nr_steps++].step = used * 31 / capacity(zone);
	}
	moved = uzs_zone_compact(zone);
	list_for_each_entry(section, &zone->sections, list)
		if (section->type == MIGRATE_ISOLATE)
			owner.bad++;
	mutex_unlock(&zone->trim_lock);
	assert_int_equal(owner.bad, 0);
	assert_int_equal(owner.moved - owner_moved, moved);
	assert_int_equal(zone->pages_migrated - migrated, moved);
	return moved;
}

/* `sections` full sections of owned pages, of which about one in `keep_1_in`
 * stays: entries 0 to the number returned. */
static unsigned int sparse_zone(struct zone *zone, unsigned int sections,
				unsigned int keep_1_in, struct rng *rng)
{
	unsigned int n = sections * capacity(zone), entries = 0;
	static struct page *pages[MAX_PAGES];

	assert_true(n <= MAX_PAGES);
	owner_reset();
	take(zone, MIGRATE_MOVABLE, n, pages);
	for (unsigned int i = 0; i < n; i++) {
		if (rng_below(rng, keep_1_in))
			__free_page(zone, pages[i]);
		else
			own(zone, entries++, pages[i], true);
	}
	return entries;
}

static void check_owned(struct zone *zone, unsigned int entries)
{
	for (unsigned int e = 0; e < entries; e++)
		if (owner.table[e].page)
			assert_true(owned_ok(zone, e));
}

static void disown_all(struct zone *zone, unsigned int entries)
{
	for (unsigned int e = 0; e < entries; e++)
		if (owner.table[e].page)
			assert_true(disown(zone, e));
}

static void test_compact(void **state)
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
				DIV_ROUND_UP(entries, capacity(zone));
			unsigned long moved;

			uzs_fault_set(UZS_FAULT_OS, 0);
			uzs_fault_set(UZS_FAULT_PAGE, 0);
			moved = compact(zone);
			/* C1 */
			assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 0);
			assert_int_equal(uzs_fault_seen(UZS_FAULT_PAGE), 0);
			assert_true(moved > 0);
			assert_true(moved < entries);
			assert_int_equal(zone->migrations_busy, 0);
			assert_int_equal(owner.put_back, 0);
			check_owned(zone, entries);
			assert_zone_sound(zone);
			assert_merged(zone);
			assert_int_equal(stat_of(zone).pages_used, entries);

			/* No more sections than are needed, and one that did
			 * not fit as a whole. */
			reclaim(zone, 0);
			assert_in_range(zone->nr_sections, need, need + 1);
			check_owned(zone, entries);
			/* Nothing is left to do. */
			if (zone->nr_sections == need)
				assert_int_equal(compact(zone), 0);
			disown_all(zone, entries);
			end_zone(zone, 0);
		}
	}
}

/* A section that is a quarter full, four times: exactly one is enough. */
static void test_compact_exact_fit(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, &owner_ops);
	unsigned int n = capacity(zone), entries = 0;
	static struct page *pages[MAX_PAGES];

	owner_reset();
	take(zone, MIGRATE_MOVABLE, 4 * n, pages);
	for (unsigned int i = 0; i < 4 * n; i++) {
		if (i % 4)
			__free_page(zone, pages[i]);
		else
			own(zone, entries++, pages[i], true);
	}
	/* Every fourth page of all is as many as a section has. */
	assert_int_equal(entries, n);
	if (n % 4) { /* then no section has exactly a quarter */
		disown_all(zone, entries);
		end_zone(zone, 0);
		skip();
	}
	assert_int_equal(compact(zone), n - n / 4);
	reclaim(zone, 0);
	assert_int_equal(zone->nr_sections, 1);
	assert_int_equal(compact(zone), 0);
	check_owned(zone, entries);
	disown_all(zone, entries);
	end_zone(zone, 0);
}

/* C3: who refuses, is busy, is locked, or is not movable, stays where it is.
 * The rest moves. */
static void test_compact_stubborn(void **state)
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
		compact(zone);
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
		assert_merged(zone);
		assert_int_equal(stat_of(zone).pages_used, entries);
		/* Now they do: as if nothing had been. */
		compact(zone);
		reclaim(zone, 0);
		assert_in_range(zone->nr_sections,
				DIV_ROUND_UP(entries, capacity(zone)),
				DIV_ROUND_UP(entries, capacity(zone)) + 1);
		disown_all(zone, entries);
		end_zone(zone, 0);
	}
}

/* Pages move only if that empties their section; each that would not is
 * counted once. */
static void test_compact_in_vain(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, &owner_ops);
	unsigned int n = capacity(zone), entries = 0;
	static struct page *pages[MAX_PAGES];
	struct page *fixed[3];

	/* Two sections, each three quarters full. */
	owner_reset();
	take(zone, MIGRATE_MOVABLE, 2 * n, pages);
	for (unsigned int i = 0; i < 2 * n; i++) {
		if (i % 4)
			own(zone, entries++, pages[i], true);
		else
			__free_page(zone, pages[i]);
	}
	assert_int_equal(compact(zone), 0);
	assert_int_equal(owner.isolated, 0);
	assert_int_equal(zone->migrations_busy, 0);

	/* One is nearly emptied: three pages, of which one does not move. */
	for (unsigned int e = 3; e < entries / 2; e++)
		assert_true(disown(zone, e));
	owner.table[1].refuse = true;
	assert_int_equal(compact(zone), 2);
	assert_int_equal(zone->migrations_busy, 1);
	owner.table[1].refuse = false;
	owner.table[1].busy = true;
	assert_int_equal(compact(zone), 0);
	assert_int_equal(zone->migrations_busy, 2);
	assert_int_equal(owner.put_back, 1);
	check_owned(zone, entries);

	/* Free pages do not hide in per-CPU lists. */
	take(zone, MIGRATE_UNMOVABLE, 3, fixed);
	give(zone, 3, fixed);
	assert_true(pages_in_pcp(zone) > 0);
	owner.table[1].busy = false;
	mutex_lock(&zone->trim_lock);
	owner.nr_steps = 0;
	assert_int_equal(uzs_zone_compact(zone), 1);
	mutex_unlock(&zone->trim_lock);
	/* but for those that were not needed */
	assert_true(pages_in_pcp(zone) < zone->pcp_batch);
	reclaim(zone, 0);
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
static void test_compact_meanwhile(void **state)
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
		compact(zone);
		owner.meanwhile = NULL;
		check_owned(zone, entries);
		assert_zone_sound(zone);
		assert_merged(zone);
		assert_int_equal(stat_of(zone).pages_used, entries + others.n);
		give(zone, others.n, others.pages);
		disown_all(zone, entries);
		end_zone(zone, 0);
	}
}

/* Only sections of movable pages are sources or targets. */
static void test_compact_types(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, &owner_ops);
	unsigned int n = capacity(zone), entries = 0;
	static struct page *pages[MAX_PAGES];
	struct page *fixed[10];

	owner_reset();
	take(zone, MIGRATE_UNMOVABLE, 2 * n, pages);
	fixed[0] = pages[0];
	fixed[1] = pages[2 * n - 1];
	give(zone, 2 * n - 2, pages + 1);
	take(zone, MIGRATE_MOVABLE, 3 * n, pages);
	for (unsigned int i = 0; i < 3 * n; i++) {
		if (i % 10)
			__free_page(zone, pages[i]);
		else
			own(zone, entries++, pages[i], true);
	}
	assert_true(compact(zone) > 0);
	for (unsigned int e = 0; e < entries; e++)
		assert_int_equal(uzs_section_of(owner.table[e].page)->type,
				 MIGRATE_MOVABLE);
	reclaim(zone, 0);
	assert_int_equal(zone->nr_sections, 3);
	check_owned(zone, entries);
	disown_all(zone, entries);
	give(zone, 2, fixed);
	end_zone(zone, 0);

	/* A zone whose owner cannot move anything, an empty one. */
	zone = new_zone(12, 0, 0, NULL);
	assert_int_equal(compact(zone), 0);
	take(zone, MIGRATE_MOVABLE, 1, pages);
	assert_int_equal(compact(zone), 0);
	__free_page(zone, pages[0]);
	end_zone(zone, 0);
	zone = new_zone(12, 0, 0, &owner_ops);
	assert_int_equal(compact(zone), 0);
	end_zone(zone, 0);
}

/* At the limit, what was moved makes room for what is moved next. */
static void test_compact_at_limit(void **state)
{
	struct rng rng;

	rng_seed(&rng, 17);
	for (unsigned int slack = 0; slack < 100; slack += 33) {
		struct zone *zone = new_zone(12, 0, SIZE_MAX, &owner_ops);
		unsigned int entries = sparse_zone(zone, 6, 5, &rng);
		unsigned long moved;

		reclaim(zone, 0); /* all that is free is cold */
		zone->limit = stat_of(zone).bytes_resident + slack * 4096;
		moved = compact(zone); /* the owner looks at the limit */
		assert_true(stat_of(zone).bytes_resident <= zone->limit);
		assert_zone_sound(zone);
		check_owned(zone, entries);
		reclaim(zone, 0);
		if (slack) {
			assert_true(moved > 0);
			assert_in_range(zone->nr_sections,
					DIV_ROUND_UP(entries, capacity(zone)),
					DIV_ROUND_UP(entries, capacity(zone)) +
						1);
		} else {
			assert_int_equal(moved, 0);
		}
		disown_all(zone, entries);
		end_zone(zone, 0);
	}
}

/* ------------------------------------------------------------------------
 * Everything at random, against a plain account of it
 */

struct load {
	unsigned int shift;
	unsigned int limit_pages; /* 0: no limit */
	unsigned int os_pages; /* ours in one of the OS; 0 is real */
	unsigned int steps;
};

/* Why a bulk may fail: there are not so many pages to be had. */
static void assert_really_full(struct zone *zone, gfp_t gfp, unsigned int n)
{
	unsigned long at_once =
		max(zone->os_page >> zone->page_shift, (size_t)1);
	unsigned long warm = zone->nr_warm + pages_in_pcp(zone);
	unsigned long cold = zone->nr_free - zone->nr_warm;
	unsigned long odd, room;

	if (!zone->limit) {
		assert_int_equal(gfp, GFP_NOWAIT);
		assert_true(warm + cold < n);
		return;
	}
	/* Pages that share one of the OS's with the head come one by one. */
	odd = zone->nr_sections * (ALIGN(zone->first, at_once) - zone->first);
	cold -= min(cold, odd);
	room = (zone->limit - stat_of(zone).bytes_resident) >> zone->page_shift;
	room -= room % at_once;
	assert_true(warm + min(cold, room) < n);
}

static void random_load(const struct load *l, u64 seed)
{
	struct zone *zone = new_zone(l->shift, 0, (size_t)1 << 20, &owner_ops);
	static unsigned int live[MAX_PAGES], unused[MAX_PAGES];
	unsigned int nr_live = 0, nr_unused, top;
	unsigned int steps = (unsigned int)uzs_test_scale((int)l->steps);
	unsigned long failures = 0;
	struct page *pages[64];
	struct rng rng;

	owner_reset();
	rng_seed(&rng, seed);
	top = min(l->limit_pages ? l->limit_pages : 5 * capacity(zone),
		  (unsigned int)MAX_PAGES);
	nr_unused = top;
	for (unsigned int i = 0; i < top; i++)
		unused[i] = i;
	if (l->os_pages) {
		zone->os_page = page_bytes(zone) * l->os_pages;
		os.unit = zone->os_page;
	}
	if (l->limit_pages)
		zone->limit = 4 * zone->head_resident +
			      l->limit_pages * page_bytes(zone) * 2 / 3;
#ifdef WATCHED_OS
	watch(zone);
#endif

	for (unsigned int step = 0; step < steps; step++) {
		struct zone_stat stat;
		unsigned int n, what = rng_below(&rng, 32);
		/* Fill and empty in turns. */
		bool filling = (step / (steps / 6 + 1)) % 2 == 0;

		if (what < (filling ? 16u : 8u)) {
			enum migratetype type = rng_below(&rng, 4)
							? MIGRATE_MOVABLE
							: MIGRATE_UNMOVABLE;
			gfp_t gfp = rng_below(&rng, 3) ? GFP_KERNEL
						       : GFP_NOWAIT;

			n = min(rng_below(&rng, 8) ? rng_range(&rng, 1, 16)
						   : rng_range(&rng, 1, 64),
				nr_unused);
			if (!uzs_alloc_pages_bulk(zone, gfp, type, n, pages)) {
				failures++;
				assert_really_full(zone, gfp, n);
				n = 0;
			}
			for (unsigned int i = 0; i < n; i++) {
				unsigned int e = unused[--nr_unused];

				assert_int_equal(page_flags(pages[i]), PG_warm);
				own(zone, e, pages[i], type == MIGRATE_MOVABLE);
				owner.table[e].refuse = !rng_below(&rng, 16);
				owner.table[e].busy = !rng_below(&rng, 16);
				live[nr_live++] = e;
			}
		} else if (what < 24) {
			n = min(rng_range(&rng, 1, filling ? 24 : 96), nr_live);
			for (unsigned int i = 0; i < n; i++) {
				unsigned int at = rng_below(&rng, nr_live);
				unsigned int e = live[at];

				live[at] = live[--nr_live];
				unused[nr_unused++] = e;
				assert_true(disown(zone, e));
			}
		} else if (what < 27) {
			size_t target = rng_below(&rng, 2) * zone->retained;

			if (rng_below(&rng, 4) == 0)
				target =
					rng_below(&rng, top) * page_bytes(zone);
			reclaim(zone, target);
			if (!l->os_pages)
				assert_true(zone->nr_warm << zone->page_shift <=
					    target);
		} else if (what < 29) {
			compact(zone);
		} else if (what < 30) {
			uzs_zone_drain_pcp(zone);
		} else {
			unsigned int at = nr_live ? rng_below(&rng, nr_live)
						  : 0;

			if (nr_live)
				assert_true(owned_ok(zone, live[at]));
		}

		assert_zone_sound(zone);
		if (step % 4 == 0)
			assert_merged(zone);
		stat = stat_of(zone);
		assert_int_equal(stat.pages_used, nr_live);
		assert_true(!zone->limit || stat.bytes_resident <= zone->limit);
		assert_true(stat.bytes_resident <= stat.bytes_mapped);
		assert_int_equal(stat.bytes_resident,
				 nr_live * page_bytes(zone) + stat.bytes_free +
					 zone->nr_sections *
						 zone->head_resident);
#ifdef WATCHED_OS
		assert_int_equal(stat.bytes_mapped, os.n * UZS_SECTION_SIZE);
		if (step % 16 == 0)
			assert_true(really_resident() <= stat.bytes_resident);
		assert_int_equal(os.bad, 0);
#endif
	}
	if (l->limit_pages && steps >= l->steps)
		assert_true(failures > 0);
	while (nr_live)
		assert_true(disown(zone, live[--nr_live]));
	reclaim(zone, 0);
	assert_int_equal(zone->nr_sections, 0);
	assert_int_equal(stat_of(zone).bytes_resident, 0);
	end_zone(zone, 0);
}

static void test_random(void **state)
{
	static const struct load loads[] = {
		{ 12, 0, 0, 1200 },    { 12, 1500, 0, 1500 },
		{ 13, 0, 0, 1200 },    { 14, 0, 0, 1200 },
		{ 14, 400, 0, 1500 },  { 15, 0, 0, 1200 },
		{ 16, 0, 0, 1200 },    { 16, 120, 0, 1500 },
		{ 12, 0, 4, 1200 },    { 12, 0, 16, 1000 },
		{ 12, 1500, 4, 1500 }, { 13, 700, 8, 1500 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(loads); i++)
		random_load(&loads[i], i + 1);
}

/* ------------------------------------------------------------------------
 * Threads: these only count, asserting is the main thread's.
 */

#define THREADS 3

struct worker {
	struct zone *zone;
	pthread_t thread;
	unsigned int id;
	unsigned int rounds;
	unsigned long bad, failures;
};

static bool stop_threads;

static void *run_owner(void *arg)
{
	struct worker *w = arg;
	const unsigned int nr = 300, base = w->id * nr;
	struct rng rng;

	rng_seed(&rng, w->id);
	for (unsigned int i = 0; i < w->rounds; i++) {
		unsigned int e = base + rng_below(&rng, nr);
		struct page *page;

		/* Nobody else takes this entry or leaves it. */
		pthread_mutex_lock(&owner.lock);
		page = owner.table[e].page;
		pthread_mutex_unlock(&owner.lock);
		if (page) {
			w->bad += !disown(w->zone, e);
			continue;
		}
		page = alloc_page(w->zone, GFP_KERNEL, MIGRATE_MOVABLE);
		if (page)
			own(w->zone, e, page, true);
		else
			w->failures++;
	}
	for (unsigned int e = base; e < base + nr; e++)
		if (owner.table[e].page)
			w->bad += !disown(w->zone, e);
	return NULL;
}

static void *run_mover(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&stop_threads, __ATOMIC_RELAXED)) {
		mutex_lock(&w->zone->trim_lock);
		uzs_zone_compact(w->zone);
		w->bad += uzs_zone_check(w->zone, tell, NULL);
		if (++w->rounds % 4 == 0)
			uzs_zone_reclaim(w->zone, 0, true);
		mutex_unlock(&w->zone->trim_lock);
		cond_resched();
	}
	return NULL;
}

/* Z3, and all of the locks: pages are taken, given and moved at once. */
static void test_threads_move(void **state)
{
	struct zone *zone = new_zone(16, 0, (size_t)1 << 20, &owner_ops);
	struct worker workers[THREADS], mover = { .zone = zone };
	unsigned long bad = 0;

	owner_reset();
	stop_threads = false;
	for (unsigned int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){
			.zone = zone,
			.id = i,
			.rounds = (unsigned int)uzs_test_scale(20000),
		};
		assert_int_equal(pthread_create(&workers[i].thread, NULL,
						run_owner, &workers[i]),
				 0);
	}
	assert_int_equal(pthread_create(&mover.thread, NULL, run_mover, &mover),
			 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		bad += workers[i].bad + workers[i].failures;
	}
	__atomic_store_n(&stop_threads, true, __ATOMIC_RELAXED);
	pthread_join(mover.thread, NULL);
	assert_int_equal(bad + mover.bad + owner.bad, 0);
	assert_int_equal(stat_of(zone).pages_used, 0);
	end_zone(zone, 0);
}

static void *run_allocator(void *arg)
{
	struct worker *w = arg;
	struct page *held[200], *bulk[24];
	u64 keys[200];
	unsigned int nr = 0;
	struct rng rng;

	rng_seed(&rng, w->id + 100);
	for (unsigned int i = 0; i < w->rounds; i++) {
		unsigned int n = rng_range(&rng, 1, 24);

		if (rng_below(&rng, 2) && nr + n <= 200) {
			if (!uzs_alloc_pages_bulk(
				    w->zone,
				    rng_below(&rng, 4) ? GFP_KERNEL
						       : GFP_NOWAIT,
				    rng_below(&rng, 2) ? MIGRATE_MOVABLE
						       : MIGRATE_UNMOVABLE,
				    n, bulk)) {
				w->failures++;
				continue;
			}
			while (n--) {
				keys[nr] = rng_next(&rng);
				mark_page(w->zone, bulk[n], keys[nr]);
				held[nr++] = bulk[n];
			}
		} else {
			n = min(n, nr);
			for (unsigned int k = 0; k < n; k++) {
				bulk[k] = held[--nr];
				w->bad += !page_marked(w->zone, bulk[k],
						       keys[nr]);
			}
			uzs_free_pages_bulk(w->zone, n, bulk);
		}
	}
	uzs_free_pages_bulk(w->zone, nr, held);
	return NULL;
}

static void *run_watcher(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&stop_threads, __ATOMIC_RELAXED)) {
		struct zone_stat stat = stat_of(w->zone);

		w->bad += stat.bytes_resident > w->zone->limit;
		w->bad += stat.bytes_resident > stat.bytes_mapped;
		if (uzs_zone_wants_reclaim(w->zone))
			uzs_zone_reclaim(w->zone, w->zone->retained, false);
		if (++w->rounds % 64 == 0)
			uzs_zone_reclaim(w->zone, 0, false);
		cond_resched();
	}
	return NULL;
}

/* Together they want more than the limit. */
static void test_threads_limit(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift += 2) {
		struct zone *zone = new_zone(shift, 0, 64 << shift, NULL);
		struct worker workers[THREADS], watcher = { .zone = zone };
		unsigned long bad = 0, failures = 0;

		zone->limit = 2 * zone->head_resident + (THREADS * 60 << shift);
		stop_threads = false;
		for (unsigned int i = 0; i < THREADS; i++) {
			workers[i] = (struct worker){
				.zone = zone,
				.id = i,
				.rounds = (unsigned int)uzs_test_scale(4000),
			};
			assert_int_equal(pthread_create(&workers[i].thread,
							NULL, run_allocator,
							&workers[i]),
					 0);
		}
		assert_int_equal(pthread_create(&watcher.thread, NULL,
						run_watcher, &watcher),
				 0);
		for (unsigned int i = 0; i < THREADS; i++) {
			pthread_join(workers[i].thread, NULL);
			bad += workers[i].bad;
			failures += workers[i].failures;
		}
		__atomic_store_n(&stop_threads, true, __ATOMIC_RELAXED);
		pthread_join(watcher.thread, NULL);
		assert_int_equal(bad + watcher.bad, 0);
		assert_true(failures > 0 || workers[0].rounds < 1000);
		assert_int_equal(stat_of(zone).pages_used, 0);
		end_zone(zone, 0);
	}
}

/* ------------------------------------------------------------------------
 * The end, the check itself, fork, AddressSanitizer
 */

static void test_destroy(void **state)
{
	for (unsigned int out = 0; out < 3000; out = out * 9 + 1) {
		struct zone *zone = new_zone(12, 0, 0, NULL);
		static struct page *pages[3000];

		take(zone, MIGRATE_MOVABLE, out, pages);
		/* Pages in per-CPU lists are not out. */
		take(zone, MIGRATE_UNMOVABLE, 40, pages + out);
		give(zone, 40, pages + out);
		end_zone(zone, out);
	}
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
static void test_check(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	struct section *section;
	struct zone_slot *slot;
	struct page *pages[200], *head;

	take(zone, MIGRATE_MOVABLE, 200, pages);
	for (int i = 0; i < 200; i += 2)
		__free_page(zone, pages[i]);
	uzs_zone_drain_pcp(zone);
	__free_page(zone, pages[1]);
	section = uzs_section_of(pages[0]);
	head = pages[0];
	while (!is_free_head(head))
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

static void test_fork(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	struct page *pages[100];
	int status = -1;
	pid_t pid;

	take(zone, MIGRATE_MOVABLE, 100, pages);
	mark_page(zone, pages[50], 50);
	give(zone, 50, pages);
	fflush(NULL);
	uzs_zone_fork_prepare(zone);
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
		ok &= uzs_zone_check(zone, tell, NULL) == 0;
		uzs_free_pages_bulk(zone, 100, pages);
		ok &= uzs_zone_destroy(zone) == 0;
		_exit(ok ? 0 : 1);
	}
	uzs_zone_fork_parent(zone);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	take(zone, MIGRATE_MOVABLE, 50, pages);
	assert_true(page_marked(zone, pages[50], 50));
	give(zone, 100, pages);
	end_zone(zone, 0);
}

#ifdef UZS_ASAN
static bool wholly_poisoned(const struct zone *zone, const struct page *page)
{
	char *mem = page_address(zone, page);

	for (size_t i = 0; i < page_bytes(zone); i += 8)
		if (!__asan_address_is_poisoned(mem + i))
			return false;
	return true;
}

static bool unpoisoned(const struct zone *zone, const struct page *page)
{
	return !__asan_region_is_poisoned(page_address(zone, page),
					  page_bytes(zone));
}

/* A page is poisoned as long as it is free, wherever it lies. */
static void test_poison(void **state)
{
	struct zone *zone = new_zone(13, 0, SIZE_MAX, &owner_ops);
	unsigned int n = capacity(zone), entries;
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
	take(zone, MIGRATE_MOVABLE, n, pages);
	for (unsigned int i = 0; i < n; i++)
		assert_true(unpoisoned(zone, pages[i]));
	uzs_free_pages_bulk(zone, n, pages);
	for (unsigned int i = 0; i < n; i++)
		assert_true(wholly_poisoned(zone, pages[i]));
	mem = page_address(zone, pages[0]);
	/* What the zone does not own any more must be usable by others. */
	reclaim(zone, 0);
	assert_int_equal(zone->nr_sections, 0);
	assert_false(__asan_address_is_poisoned(mem));

	/* A failed bulk; pages that were moved. */
	rng_seed(&rng, 1);
	entries = sparse_zone(zone, 4, 4, &rng);
	assert_false(uzs_alloc_pages_bulk(zone, GFP_NOWAIT, MIGRATE_MOVABLE,
					  4 * n - entries + 1, pages));
	assert_true(compact(zone) > 0);
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

#define single(test) cmocka_unit_test_setup_teardown(test, start, finish)
#define threaded(test) cmocka_unit_test_setup(test, start_threaded)

int main(void)
{
	const struct CMUnitTest tests[] = {
		single(test_os_map),
		single(test_os_failure),
		single(test_os_clock),
		single(test_arithmetic),
		single(test_split_and_merge),
		single(test_best_fit),
		single(test_bulk),
		single(test_pcp),
		single(test_other_cpus),
		single(test_nowait),
		single(test_types_apart),
		single(test_page_failure),
		single(test_section_failure),
		single(test_least_limit),
		single(test_warm_among_cold),
		single(test_charge),
		single(test_shrinker),
		single(test_shrinker_without_limit),
		single(test_reclaim_wanted),
		single(test_retain_all),
		single(test_unmap),
#ifdef WATCHED_OS
		single(test_limit_race),
		single(test_head_makes_room),
		single(test_discard),
		single(test_discard_ends),
		single(test_refusal),
		single(test_refusal_at_the_end),
#endif
		single(test_larger_os_pages),
		single(test_compact),
		single(test_compact_exact_fit),
		single(test_compact_stubborn),
		single(test_compact_in_vain),
		single(test_compact_meanwhile),
		single(test_compact_types),
		single(test_compact_at_limit),
		single(test_random),
		threaded(test_threads_move),
		threaded(test_threads_limit),
		single(test_destroy),
		single(test_check),
		single(test_fork),
#ifdef UZS_ASAN
		single(test_poison),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
