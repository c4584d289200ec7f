/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_slab_walk.c - compat/slab.h: the walk sees what is live once, objects can
 * be moved out of sparse slabs, and both go on beside threads that allocate and
 * free.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setaffinity_np */
#endif
#include "test_system.h"
#include "slab_util.h"

#include <pthread.h>
#include <sched.h>

/* ------------------------------------------------------------------------
 * The walk
 */

struct walk {
	struct kmem_cache *cache;
	unsigned long visits; /* objects shown */
	unsigned long live; /* of those, with a sign of life */
	unsigned long stop_after; /* 0: never */
	unsigned char *seen; /* by key */
	unsigned int bad;
	void **free_these; /* one at each call */
	unsigned int nr_free_these;
	void **taken; /* allocated in the callback */
	unsigned int nr_taken;
};

static int see(void *arg, void *obj, unsigned long word)
{
	struct walk *w = arg;

	w->visits++;
	if (word >= 0x10000) {
		unsigned long key = (word - 0x10000) / 2;

		w->live++;
		w->bad += word % 2 || w->seen[key]++;
	}
	if (w->stop_after && w->visits == w->stop_after)
		return -77;
	return 0;
}

static int see_and_free(void *arg, void *obj, unsigned long word)
{
	struct walk *w = arg;

	if (word >= 0x10000) {
		w->live++;
		drop(w->cache, obj);
	}
	return 0;
}

static int see_and_meddle(void *arg, void *obj, unsigned long word)
{
	struct walk *w = arg;

	see(arg, obj, word);
	if (w->nr_free_these)
		drop(w->cache, w->free_these[--w->nr_free_these]);
	if (w->nr_taken < 1000) {
		void *new = kmem_cache_alloc(w->cache, GFP_KERNEL);

		/* no sign of life: it may be seen or not */
		w->bad += !new;
		if (new) {
			WRITE_ONCE(*(unsigned long *)new, 0);
			w->taken[w->nr_taken++] = new;
		}
	}
	return 0;
}

static int walk(struct kmem_cache *cache,
		int (*fn)(void *arg, void *obj, unsigned long word),
		struct walk *w)
{
	int rc;

	w->cache = cache;
	mutex_lock(&cache->zone->trim_lock);
	rc = uzs_slab_walk(cache, fn, w);
	mutex_unlock(&cache->zone->trim_lock);
	return rc;
}

static void test_walk_shows_live_objects_once(void **state)
{
	static const unsigned int sizes[] = { 8, 40, 64, 4096 };

	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
		struct kmem_cache *cache = new_cache(zone, sizes[s]);
		struct kmem_cache *other = new_cache(zone, sizes[s]);
		static void *objs[6000], *others[300], *taken[1000];
		static unsigned char seen[6000];
		unsigned int n = 6000 / (s + 1), live = n;
		struct walk w = { .seen = seen };
		struct rng rng;

		rng_seed(&rng, s);
		memset(seen, 0, sizeof(seen));
		assert_int_equal(walk(cache, see, &w), 0);
		assert_int_equal(w.visits, 0);

		/* Slabs of another cache lie between. */
		for (unsigned int i = 0; i < n; i++) {
			take(cache, 1, objs + i);
			fill(cache, objs[i], i);
			if (i % 20 == 0) {
				take(other, 1, others + i / 20);
				fill(other, others[i / 20], 5999);
			}
		}
		shuffle(&rng, n, objs);
		live = n / 3;
		give(cache, n - live, objs + live);
		assert_int_equal(walk(cache, see, &w), 0);
		assert_int_equal(w.live, live);
		assert_int_equal(w.visits,
				 cache->nr_slabs * cache->objs_per_slab);
		assert_int_equal(w.bad, 0);
		/* The same with the magazines empty. */
		flush_magazines(cache);
		memset(seen, 0, sizeof(seen));
		w.live = w.visits = 0;
		assert_int_equal(walk(cache, see, &w), 0);
		assert_int_equal(w.live, live);
		assert_int_equal(w.bad, 0);

		/* It stops where it is told to. */
		for (unsigned int at = 1; at < 200 && at <= live; at += 63) {
			w.visits = 0;
			w.stop_after = at;
			memset(seen, 0, sizeof(seen));
			assert_int_equal(walk(cache, see, &w), -77);
			assert_int_equal(w.visits, at);
		}
		w.stop_after = 0;

		/* Whoever stays live is seen, whatever else is done. */
		memset(seen, 0, sizeof(seen));
		w.live = 0;
		w.taken = taken;
		w.free_these = objs + live / 2;
		w.nr_free_these = live - live / 2;
		assert_int_equal(walk(cache, see_and_meddle, &w), 0);
		assert_int_equal(w.bad, 0);
		assert_true(w.live >= live / 2);
		while (w.nr_free_these)
			drop(cache, w.free_these[--w.nr_free_these]);
		live /= 2;
		for (unsigned int i = 0; i < live; i++) {
			unsigned long word = *(unsigned long *)objs[i];

			assert_int_equal(seen[(word - 0x10000) / 2], 1);
		}
		give(cache, w.nr_taken, taken);
		assert_cache_sound(cache);

		/* The callback may free all that it sees, slab by slab. */
		w.live = 0;
		assert_int_equal(walk(cache, see_and_free, &w), 0);
		assert_int_equal(w.live, live);
		kmem_cache_shrink(cache);
		assert_int_equal(cache->nr_slabs, 0);

		/* All this was none of the other's business. */
		memset(seen, 0, sizeof(seen));
		w.live = 0;
		assert_int_equal(walk(other, see_and_free, &w), 0);
		assert_int_equal(w.live, DIV_ROUND_UP(n, 20));
		end_cache(other);
		end_cache(cache);
		end_zone(zone, 0);
	}
}

/* ------------------------------------------------------------------------
 * Objects that their user moves
 */

/* Moves what lies in sparse slabs. Return: objects moved. */
static unsigned int move_sparse(struct kmem_cache *cache, unsigned int n,
				void **objs, unsigned int most)
{
	unsigned int moved = 0;

	for (unsigned int i = 0; i < n && moved < most; i++) {
		void *to;

		if (!uzs_slab_is_sparse(cache, objs[i]))
			continue;
		to = uzs_slab_move_target(cache);
		if (!to)
			break;
		assert_false(uzs_slab_is_sparse(cache, to));
		memcpy(to, objs[i], cache->size);
		WRITE_ONCE(*(unsigned long *)objs[i], 0);
		uzs_slab_put_moved(cache, objs[i]);
		objs[i] = to;
		moved++;
	}
	return moved;
}

/* Set aside is what is in use, but at most half; nothing else is marked. */
static void assert_set_aside(struct kmem_cache *cache, bool some)
{
	struct page *page;

	list_for_each_entry(page, &cache->sparse, lru) {
		assert_true(page_flags(page) & PG_isolated);
		assert_in_range(slab_inuse(page), 1, cache->objs_per_slab / 2);
	}
	list_for_each_entry(page, &cache->partial, lru) {
		assert_false(page_flags(page) & PG_isolated);
		if (some && slab_inuse(page))
			assert_true(slab_inuse(page) >
				    cache->objs_per_slab / 2);
	}
	list_for_each_entry(page, &cache->full, lru)
		assert_false(page_flags(page) & PG_isolated);
	assert_int_equal(!list_empty(&cache->sparse), some);
}

static void test_moved_objects_free_their_slabs(void **state)
{
	struct rng rng;

	rng_seed(&rng, 21);
	for (int round = 0; round < uzs_test_scale(60); round++) {
		struct zone *zone = new_zone(12 + (unsigned int)round % 3, 0,
					     SIZE_MAX, NULL);
		struct kmem_cache *cache =
			new_cache(zone, 24 + 16 * ((unsigned int)round % 7));
		static void *objs[MAX_OBJS];
		unsigned int n =
			min(12 * cache->objs_per_slab, (unsigned int)MAX_OBJS);
		unsigned int live, moved, spare;
		unsigned long slabs;

		take(cache, n, objs);
		shuffle(&rng, n, objs);
		live = n / rng_range(&rng, 3, 20);
		if (round % 4 == 3) {
			/* Some slabs stay dense. */
			struct page *dense = slab_of(cache, objs[0]);

			for (unsigned int i = live; i < n; i++)
				if (slab_of(cache, objs[i]) == dense && i % 5) {
					void *obj = objs[live];

					objs[live++] = objs[i];
					objs[i] = obj;
				}
		}
		give(cache, n - live, objs + live);
		for (unsigned int i = 0; i < live; i++)
			fill(cache, objs[i], i);
		kmem_cache_shrink(cache);
		slabs = cache->nr_slabs;

		mutex_lock(&zone->trim_lock);
		assert_true(uzs_slab_isolate_sparse(cache));
		assert_set_aside(cache, true);
		assert_cache_sound(cache);
		/* Freed as usual meanwhile, also from a sparse slab. */
		spare = live / 10;
		for (unsigned int i = 0; i < spare; i++) {
			assert_true(filled(cache, objs[i], i));
			drop(cache, objs[i]);
		}
		/* And allocated, but not there once the magazine is empty. */
		flush_magazines(cache);
		if (spare) {
			void *obj = kmem_cache_alloc(cache, GFP_KERNEL);

			assert_non_null(obj);
			assert_false(uzs_slab_is_sparse(cache, obj));
			drop(cache, obj);
		}
		moved = move_sparse(cache, live - spare, objs + spare,
				    round % 3 ? UINT_MAX : live / 2);
		assert_cache_sound(cache);
		uzs_slab_unisolate(cache);
		assert_set_aside(cache, false);
		mutex_unlock(&zone->trim_lock);

		for (unsigned int i = spare; i < live; i++)
			assert_true(filled(cache, objs[i], i));
		kmem_cache_shrink(cache);
		assert_cache_sound(cache);
		assert_true(moved > 0);
		if (round % 3) {
			/* All were moved: as few slabs as that takes, and
			 * those that were more than half full. */
			assert_true(cache->nr_slabs < slabs);
			assert_true((live - spare) * 2 >
				    (cache->nr_slabs - 1) *
					    cache->objs_per_slab);
		}
		assert_int_equal(pages_used(zone), cache->nr_slabs);
		give(cache, live - spare, objs + spare);
		kmem_cache_shrink(cache);
		assert_int_equal(cache->nr_slabs, 0);
		end_cache(cache);
		end_zone(zone, 0);
	}
}

/* When it is not worth it, nothing is put aside. */
static void test_nothing_is_put_aside_without_gain(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	struct kmem_cache *cache = new_cache(zone, 256); /* 16 in a slab */
	void *objs[16 * 3];

	mutex_lock(&zone->trim_lock);
	assert_false(uzs_slab_isolate_sparse(cache)); /* nothing at all */
	take(cache, 16, objs);
	assert_false(uzs_slab_isolate_sparse(cache)); /* full */
	drop(cache, objs[0]);
	assert_false(uzs_slab_isolate_sparse(cache)); /* nearly full */
	give(cache, 14, objs + 1);
	assert_false(uzs_slab_isolate_sparse(cache)); /* the only one */
	assert_int_equal(list_length(&cache->sparse), 0);
	assert_cache_sound(cache);
	uzs_slab_unisolate(cache); /* of none */
	assert_cache_sound(cache);
	mutex_unlock(&zone->trim_lock);
	drop(cache, objs[15]);
	end_cache(cache);
	end_zone(zone, 0);
}

/* No page for what is moved: it stays, and so do the slabs. */
static void test_without_page_objects_stay(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	struct kmem_cache *cache = new_cache(zone, 256); /* 16 in a slab */
	static struct page *hoard[1024];
	void *objs[16 * 8];
	unsigned int n = 0, kept = 0;

	take(cache, 16 * 8, objs);
	/* Each slab a quarter full, none with more: all is sparse. */
	for (unsigned int i = 0; i < 16 * 8; i++) {
		if (i % 4) {
			drop(cache, objs[i]);
		} else {
			fill(cache, objs[i], kept);
			objs[kept++] = objs[i];
		}
	}
	kmem_cache_shrink(cache);
	while ((hoard[n] = alloc_page(zone, GFP_NOWAIT, MIGRATE_UNMOVABLE)))
		n++;
	mutex_lock(&zone->trim_lock);
	assert_true(uzs_slab_isolate_sparse(cache));
	assert_int_equal(move_sparse(cache, kept, objs, UINT_MAX), 0);
	uzs_slab_unisolate(cache);
	mutex_unlock(&zone->trim_lock);
	assert_cache_sound(cache);
	assert_int_equal(cache->nr_slabs, 8);
	for (unsigned int i = 0; i < kept; i++)
		assert_true(filled(cache, objs[i], i));

	/* With a page, it works. */
	while (n)
		__free_page(zone, hoard[--n]);
	mutex_lock(&zone->trim_lock);
	assert_true(uzs_slab_isolate_sparse(cache));
	assert_int_equal(move_sparse(cache, kept, objs, UINT_MAX), kept);
	uzs_slab_unisolate(cache);
	mutex_unlock(&zone->trim_lock);
	for (unsigned int i = 0; i < kept; i++)
		assert_true(filled(cache, objs[i], i));
	kmem_cache_shrink(cache);
	assert_int_equal(cache->nr_slabs, 2);
	give(cache, kept, objs);
	end_cache(cache);
	end_zone(zone, 0);
}

/* ------------------------------------------------------------------------
 * Threads: these only count, asserting is the main thread's.
 */

#define THREADS 3
#define EXCHANGE 64

struct traffic {
	struct kmem_cache *cache;
	unsigned int id;
	unsigned long *exchange; /* objects on their way to other threads */
	unsigned int rounds;
	unsigned long bad, failures;
	pthread_t thread;
};

static bool stop_threads;

/* A sign of life that says whose cache it is. */
static unsigned long cache_word(unsigned int id)
{
	return (id + 1ul) << 24;
}

static void *run_traffic(void *arg)
{
	struct traffic *t = arg;
	void *held[100];
	unsigned int n = 0;
	struct rng rng;

	rng_seed(&rng, t->id + t->cache->size);
	for (unsigned int i = 0; i < t->rounds; i++) {
		unsigned int burst = rng_range(&rng, 1, 90);

		for (; burst && n < 100; burst--) {
			unsigned long *obj = kmem_cache_alloc(
				t->cache,
				rng_below(&rng, 8) ? GFP_KERNEL : GFP_NOWAIT);

			if (!obj) {
				t->failures++;
				break;
			}
			WRITE_ONCE(*obj, cache_word(t->cache->size));
			memset(obj + 1, (int)(t->cache->size + 1),
			       t->cache->size - WORD);
			held[n++] = obj;
		}
		/* Some are freed by another thread. */
		for (burst = rng_range(&rng, 1, 90); burst && n; burst--) {
			unsigned char *obj = held[--n];

			if (rng_below(&rng, 2))
				obj = (unsigned char *)__atomic_exchange_n(
					&t->exchange[rng_below(&rng, EXCHANGE)],
					(unsigned long)obj, __ATOMIC_ACQ_REL);
			if (!obj)
				continue;
			t->bad += READ_ONCE(*(unsigned long *)obj) !=
				  cache_word(t->cache->size);
			for (unsigned int b = WORD; b < t->cache->size; b++)
				t->bad += obj[b] !=
					  (unsigned char)(t->cache->size + 1);
			drop(t->cache, obj);
		}
	}
	give(t->cache, n, held);
	return NULL;
}

static int see_no_other(void *arg, void *obj, unsigned long word)
{
	struct traffic *t = arg;

	/* Its own, or none. */
	if (word >= 0x10000 && word != cache_word(t->cache->size))
		t->bad++;
	t->rounds++;
	return 0;
}

static void *run_walk(void *arg)
{
	struct traffic *t = arg;

	while (!__atomic_load_n(&stop_threads, __ATOMIC_RELAXED)) {
		mutex_lock(&t->cache->zone->trim_lock);
		uzs_slab_walk(t->cache, see_no_other, t);
		mutex_unlock(&t->cache->zone->trim_lock);
		t->bad += uzs_slab_check(t->cache, "threads", zone_tell, NULL);
		kmem_cache_shrink(t->cache);
		uzs_zone_give_back(t->cache->zone, 0, false);
		sched_yield();
	}
	return NULL;
}

/* Two caches in one zone, which take each other's pages; walks, checks and
 * shrinking all the time. */
static void test_caches_of_one_zone_beside_each_other(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
	struct kmem_cache *caches[2] = { new_cache(zone, 40),
					 new_cache(zone, 72) };
	static unsigned long exchange[2][EXCHANGE];
	struct traffic t[2][THREADS], walks[2];
	unsigned long bad = 0;

	stop_threads = false;
	memset(exchange, 0, sizeof(exchange));
	for (unsigned int c = 0; c < 2; c++) {
		for (unsigned int i = 0; i < THREADS; i++) {
			t[c][i] = (struct traffic){
				.cache = caches[c],
				.id = i,
				.exchange = exchange[c],
				.rounds = (unsigned int)uzs_test_scale(4000),
			};
			assert_int_equal(pthread_create(&t[c][i].thread, NULL,
							run_traffic, &t[c][i]),
					 0);
		}
		walks[c] = (struct traffic){ .cache = caches[c] };
		assert_int_equal(pthread_create(&walks[c].thread, NULL,
						run_walk, &walks[c]),
				 0);
	}
	for (unsigned int c = 0; c < 2; c++)
		for (unsigned int i = 0; i < THREADS; i++) {
			pthread_join(t[c][i].thread, NULL);
			bad += t[c][i].bad;
		}
	__atomic_store_n(&stop_threads, true, __ATOMIC_RELAXED);
	for (unsigned int c = 0; c < 2; c++) {
		pthread_join(walks[c].thread, NULL);
		bad += walks[c].bad;
		for (unsigned int i = 0; i < EXCHANGE; i++)
			if (exchange[c][i])
				drop(caches[c], (void *)exchange[c][i]);
		assert_cache_sound(caches[c]);
		kmem_cache_shrink(caches[c]);
		assert_int_equal(caches[c]->nr_slabs, 0);
		end_cache(caches[c]);
	}
	assert_int_equal(bad, 0);
	assert_int_equal(pages_used(zone), 0);
	end_zone(zone, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		single(test_walk_shows_live_objects_once),
		single(test_moved_objects_free_their_slabs),
		single(test_nothing_is_put_aside_without_gain),
		single(test_without_page_objects_stay),
		threaded(test_caches_of_one_zone_beside_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
