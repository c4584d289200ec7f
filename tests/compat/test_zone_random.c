/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_zone_random.c - compat/zone.h and zone_compact.c: random operations,
 * checked against a plain account of them; then by several threads at once.
 */
#include "zone_owner.h"

#include <sched.h>

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
	unsigned long warm = zone->nr_warm + zone_pages_in_pcp(zone);
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
	room = (zone->limit - zone_stat_of(zone).bytes_resident) >>
	       zone->page_shift;
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
	top = min(l->limit_pages ? l->limit_pages : 5 * zone_capacity(zone),
		  (unsigned int)MAX_PAGES);
	nr_unused = top;
	for (unsigned int i = 0; i < top; i++)
		unused[i] = i;
	if (l->os_pages) {
		zone->os_page = zone_page_bytes(zone) * l->os_pages;
		zone_os.unit = zone->os_page;
	}
	if (l->limit_pages)
		zone->limit = zone->limit_wanted =
			4 * zone->head_resident +
			l->limit_pages * zone_page_bytes(zone) * 2 / 3;
#ifdef WATCHED_OS
	zone_os_watch(zone);
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
				own_page(zone, e, pages[i],
					 type == MIGRATE_MOVABLE);
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
				assert_true(disown_page(zone, e));
			}
		} else if (what < 27) {
			size_t target = rng_below(&rng, 2) * zone->retained;

			if (rng_below(&rng, 4) == 0)
				target = rng_below(&rng, top) *
					 zone_page_bytes(zone);
			zone_give_back(zone, target);
			if (!l->os_pages)
				assert_true(zone->nr_warm << zone->page_shift <=
					    target);
		} else if (what < 29) {
			owner_compact(zone);
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
			assert_zone_merged(zone);
		stat = zone_stat_of(zone);
		assert_int_equal(stat.pages_used, nr_live);
		assert_true(!zone->limit || stat.bytes_resident <= zone->limit);
		assert_true(stat.bytes_resident <= stat.bytes_mapped);
		assert_int_equal(
			stat.bytes_resident,
			nr_live * zone_page_bytes(zone) + stat.bytes_free +
				zone->nr_sections * zone->head_resident);
#ifdef WATCHED_OS
		assert_int_equal(stat.bytes_mapped,
				 zone_os.n * UZS_SECTION_SIZE);
		if (step % 16 == 0)
			assert_true(zone_os_resident() <= stat.bytes_resident);
		assert_int_equal(zone_os.bad, 0);
#endif
	}
	if (l->limit_pages && steps >= l->steps)
		assert_true(failures > 0);
	while (nr_live)
		assert_true(disown_page(zone, live[--nr_live]));
	zone_give_back(zone, 0);
	assert_int_equal(zone->nr_sections, 0);
	assert_int_equal(zone_stat_of(zone).bytes_resident, 0);
	end_zone(zone, 0);
}

static void test_agrees_with_a_plain_account(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

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
			w->bad += !disown_page(w->zone, e);
			continue;
		}
		page = alloc_page(w->zone, GFP_KERNEL, MIGRATE_MOVABLE);
		if (page)
			own_page(w->zone, e, page, true);
		else
			w->failures++;
	}
	for (unsigned int e = base; e < base + nr; e++) {
		bool mine;

		pthread_mutex_lock(&owner.lock);
		mine = owner.table[e].page != NULL;
		pthread_mutex_unlock(&owner.lock);
		if (mine)
			w->bad += !disown_page(w->zone, e);
	}
	return NULL;
}

static void *run_mover(void *arg)
{
	struct worker *w = arg;

	while (!__atomic_load_n(&stop_threads, __ATOMIC_RELAXED)) {
		mutex_lock(&w->zone->trim_lock);
		uzs_zone_compact(w->zone);
		w->bad += uzs_zone_check(w->zone, zone_tell, NULL);
		if (++w->rounds % 4 == 0)
			uzs_zone_give_back(w->zone, 0, true);
		mutex_unlock(&w->zone->trim_lock);
		sched_yield();
	}
	return NULL;
}

/* Z3, and all of the locks: pages are taken, given and moved at once. */
static void test_pages_move_while_threads_use_them(void **state)
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
	assert_int_equal(zone_stat_of(zone).pages_used, 0);
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
		struct zone_stat stat = zone_stat_of(w->zone);

		w->bad += stat.bytes_resident > w->zone->limit;
		w->bad += stat.bytes_resident > stat.bytes_mapped;
		if (uzs_zone_wants_give_back(w->zone))
			uzs_zone_give_back(w->zone, w->zone->retained, false);
		if (++w->rounds % 64 == 0)
			uzs_zone_give_back(w->zone, 0, false);
		sched_yield();
	}
	return NULL;
}

/* Together they want more than the limit. */
static void test_threads_keep_the_limit(void **state)
{
	for (unsigned int shift = MIN_SHIFT; shift <= MAX_SHIFT; shift += 2) {
		struct zone *zone = new_zone(shift, 0, 64 << shift, NULL);
		struct worker workers[THREADS], watcher = { .zone = zone };
		unsigned long bad = 0, failures = 0;

		zone->limit = zone->limit_wanted =
			2 * zone->head_resident + (THREADS * 60 << shift);
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
		assert_int_equal(zone_stat_of(zone).pages_used, 0);
		end_zone(zone, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		single(test_agrees_with_a_plain_account),
		threaded(test_pages_move_while_threads_use_them),
		threaded(test_threads_keep_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
