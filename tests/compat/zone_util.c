/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zone_util.c - see zone_util.h. */
#include "test_system.h"
#include "zone_util.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

/* ---- the OS, watched ----------------------------------------------------- */

struct zone_os zone_os = { .lock = PTHREAD_MUTEX_INITIALIZER };

void zone_os_reset(void)
{
	zone_os.unmaps = zone_os.discards = 0;
	zone_os.unmapped_bytes = 0;
	zone_os.refuse_unmap = zone_os.refuse_discard = false;
	zone_os.unit = 0;
	zone_os.bad = 0;
	zone_os.on_map = zone_os.on_release = NULL;
}

#ifdef WATCHED_OS
int munmap(void *addr, size_t size)
{
	bool refuse = zone_os.refuse_unmap && size == UZS_SECTION_SIZE;

	if (size == UZS_SECTION_SIZE && zone_os.on_release)
		zone_os.on_release();
	pthread_mutex_lock(&zone_os.lock);
	zone_os.unmaps++;
	for (unsigned int i = 0;
	     !refuse && size == UZS_SECTION_SIZE && i < zone_os.n; i++)
		if (zone_os.sections[i] == addr)
			zone_os.sections[i] = zone_os.sections[--zone_os.n];
	if (!refuse)
		zone_os.unmapped_bytes += size;
	pthread_mutex_unlock(&zone_os.lock);
	if (refuse) {
		errno = ENOMEM;
		return -1;
	}
	return (int)syscall(SYS_munmap, addr, size);
}

int madvise(void *addr, size_t size, int advice)
{
	if (advice == MADV_NOHUGEPAGE && size == UZS_SECTION_SIZE) {
		pthread_mutex_lock(&zone_os.lock);
		if (zone_os.n < MAX_SECTIONS)
			zone_os.sections[zone_os.n++] = addr;
		else
			zone_os.bad++;
		pthread_mutex_unlock(&zone_os.lock);
		if (zone_os.on_map)
			zone_os.on_map();
	}
	if (advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED) {
		if (zone_os.on_release)
			zone_os.on_release();
		pthread_mutex_lock(&zone_os.lock);
		zone_os.discards++;
		if (zone_os.unit &&
		    (((uintptr_t)addr | size) & (zone_os.unit - 1)))
			zone_os.bad++;
		pthread_mutex_unlock(&zone_os.lock);
		if (zone_os.refuse_discard) {
			errno = EINVAL;
			return -1;
		}
	}
	return (int)syscall(SYS_madvise, addr, size, advice);
}

size_t zone_os_resident(void)
{
	static unsigned char in_core[UZS_SECTION_SIZE / 4096];
	size_t page = uzs_os_page_size(), n = UZS_SECTION_SIZE / page;
	size_t bytes = 0;

	pthread_mutex_lock(&zone_os.lock);
	for (unsigned int i = 0; i < zone_os.n; i++) {
		if (mincore(zone_os.sections[i], UZS_SECTION_SIZE, in_core))
			zone_os.bad++;
		for (size_t p = 0; p < n; p++)
			bytes += (in_core[p] & 1) * page;
	}
	pthread_mutex_unlock(&zone_os.lock);
	return bytes;
}

bool zone_page_resident(const struct zone *zone, const struct page *page)
{
	unsigned char in_core[16] = { 0 };
	size_t size = (size_t)1 << zone->page_shift;
	bool any = false;

	assert_int_equal(mincore(page_address(zone, page), size, in_core), 0);
	for (size_t p = 0; p < DIV_ROUND_UP(size, uzs_os_page_size()); p++)
		any |= in_core[p] & 1;
	return any;
}

static void look_at_figures(void)
{
	size_t real = zone_os_resident();

	zone_os.looks++;
	if (zone_stat_of(zone_os.watched).bytes_resident < real)
		zone_os.bad++;
}

void zone_os_watch(struct zone *zone)
{
	zone_os.watched = zone;
	zone_os.on_release = look_at_figures;
	zone_os.on_map = look_at_figures;
}
#endif

/* ---- zones --------------------------------------------------------------- */

void zone_tell(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "zone: %s\n", text);
}

struct zone *new_zone(unsigned int shift, size_t limit, size_t retained,
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

void assert_zone_sound(struct zone *zone)
{
	unsigned long bad;

	mutex_lock(&zone->trim_lock);
	bad = uzs_zone_check(zone, zone_tell, NULL);
	mutex_unlock(&zone->trim_lock);
	assert_int_equal(bad, 0);
}

void end_zone(struct zone *zone, unsigned long out)
{
	assert_zone_sound(zone);
	assert_int_equal(uzs_zone_destroy(zone), out);
	free(zone);
#ifdef WATCHED_OS
	assert_int_equal(zone_os.n, 0);
	assert_int_equal(zone_os.bad, 0);
#endif
	zone_os_reset();
}

unsigned long zone_pages_in_pcp(struct zone *zone)
{
	unsigned long n = 0;

	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		n += slot->count[MIGRATE_UNMOVABLE] +
		     slot->count[MIGRATE_MOVABLE];
	}
	return n;
}

size_t zone_give_back(struct zone *zone, size_t target)
{
	struct zone_stat before = zone_stat_of(zone), after;
	unsigned long counted = zone->bytes_given_back;
	size_t given = uzs_zone_give_back(zone, target, false);

	after = zone_stat_of(zone);
	assert_int_equal(given, before.bytes_resident - after.bytes_resident);
	assert_int_equal(zone->bytes_given_back - counted, given);
	assert_int_equal(before.pages_used, after.pages_used);
	return given;
}

/* ---- blocks -------------------------------------------------------------- */

#define NO_BLOCK 0xff

void zone_read_blocks(const struct zone *zone, const struct section *section,
		      unsigned char *orders)
{
	memset(orders, NO_BLOCK, zone->nr_pages);
	for (unsigned int i = zone->first; i < zone->nr_pages; i++) {
		const struct page *page = uzs_section_page(zone, section, i);

		if (is_free_block(page))
			orders[i] = (unsigned char)page->aux;
	}
}

void zone_expected_blocks(const struct zone *zone, const bool *free_pages,
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

void assert_zone_merged(struct zone *zone)
{
	unsigned char orders[1024], expected[1024];
	bool free_pages[1024];
	struct section *section;

	list_for_each_entry(section, &zone->sections, list) {
		memset(free_pages, 0, sizeof(free_pages));
		zone_read_blocks(zone, section, orders);
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
		zone_expected_blocks(zone, free_pages, expected);
		assert_memory_equal(orders, expected, zone->nr_pages);
	}
}

/* ---- pages --------------------------------------------------------------- */

void zone_take(struct zone *zone, enum migratetype type, unsigned int n,
	       struct page **pages)
{
	for (unsigned int i = 0; i < n; i++) {
		pages[i] = alloc_page(zone, GFP_KERNEL, type);
		assert_non_null(pages[i]);
	}
}

void zone_give(struct zone *zone, unsigned int n, struct page **pages)
{
	for (unsigned int i = 0; i < n; i++)
		__free_page(zone, pages[i]);
}

void shuffle_pages(struct rng *rng, unsigned int n, struct page **pages)
{
	for (unsigned int i = n; i > 1; i--) {
		unsigned int other = rng_below(rng, i);
		struct page *page = pages[i - 1];

		pages[i - 1] = pages[other];
		pages[other] = page;
	}
}

#define MARK_BYTES 48

void mark_page(const struct zone *zone, const struct page *page, u64 key)
{
	char *mem = page_address(zone, page);

	pattern_fill(mem, MARK_BYTES, key);
	pattern_fill(mem + zone_page_bytes(zone) - MARK_BYTES, MARK_BYTES,
		     ~key);
}

bool page_marked(const struct zone *zone, const struct page *page, u64 key)
{
	const char *mem = page_address(zone, page);

	return pattern_ok(mem, MARK_BYTES, key) &&
	       pattern_ok(mem + zone_page_bytes(zone) - MARK_BYTES, MARK_BYTES,
			  ~key);
}

/* ---- CPUs, and what comes before and after a test ------------------------ */

static cpu_set_t all_cpus;

bool pin_to_cpu(unsigned int nth)
{
	return pin_to_nth_cpu(&all_cpus, nth);
}

static void unpin(void)
{
	pthread_setaffinity_np(pthread_self(), sizeof(all_cpus), &all_cpus);
}

/* What a failed test left behind is not the next one's fault. */
int zone_start_threaded(void **state)
{
	zone_os.n = 0;
	zone_os_reset();
	uzs_fault_set(UZS_FAULT_OS, 0);
	uzs_fault_set(UZS_FAULT_PAGE, 0);
	uzs_fault_set(UZS_FAULT_SLAB, 0);
	return pthread_getaffinity_np(pthread_self(), sizeof(all_cpus),
				      &all_cpus);
}

int zone_start(void **state)
{
	int rc = zone_start_threaded(state);

	return rc || pin_to_cpu(0) ? rc : -1;
}

int zone_finish(void **state)
{
	unpin();
	return 0;
}
