/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_slab.c - compat/slab.h: objects are handed out once, slabs go back to
 * the zone when they are empty, and the walk sees what is live once.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setaffinity_np */
#endif
#include "test_system.h"
#include "test_util.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/fault.h"
#include "compat/os.h"
#include "compat/slab.h"

/* What slab.c moves between a magazine and the slabs at once, and the most
 * that lie in a magazine. */
#define HALF_MAGAZINE 30u
#define MAGAZINE 60u
#define MAX_OBJS 20000
#define WORD sizeof(unsigned long)

/* ------------------------------------------------------------------------
 * Caches
 */

static void tell(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "test_slab: %s\n", text);
}

static void tell_nobody(void *arg, const char *text)
{
	unsigned long *told = arg;

	(void)text;
	++*told;
}

static struct zone *new_zone(unsigned int shift)
{
	const struct zone_options o = { .page_shift = shift,
					.retained = SIZE_MAX };
	struct zone *zone;

	/* with the per-CPU lists behind it */
	zone = aligned_alloc(64, ALIGN(sizeof(*zone) + uzs_zone_bytes(),
				       (size_t)64));
	assert_non_null(zone);
	memset(zone, 0, sizeof(*zone) + uzs_zone_bytes());
	uzs_zone_init(zone, zone + 1, &o);
	return zone;
}

static void end_zone(struct zone *zone)
{
	mutex_lock(&zone->trim_lock);
	assert_int_equal(uzs_zone_check(zone, tell, NULL), 0);
	mutex_unlock(&zone->trim_lock);
	assert_int_equal(uzs_zone_destroy(zone), 0);
	free(zone);
}

static struct kmem_cache *new_cache(struct zone *zone, unsigned int size)
{
	struct kmem_cache *cache;

	/* with the magazines behind it */
	cache = calloc(1, sizeof(*cache) + uzs_slab_bytes());
	assert_non_null(cache);
	uzs_slab_init(cache, zone, size, cache + 1);
	return cache;
}

static void end_cache(struct kmem_cache *cache)
{
	uzs_slab_destroy(cache);
	assert_int_equal(cache->nr_slabs, 0);
	free(cache);
}

static void assert_cache_sound(struct kmem_cache *cache)
{
	assert_int_equal(uzs_slab_check(cache, "test", tell, NULL), 0);
}

static unsigned long pages_used(struct zone *zone)
{
	struct zone_stat stat;

	uzs_zone_stat(zone, &stat);
	return stat.pages_used;
}

static struct page *slab_of(const struct kmem_cache *cache, const void *obj)
{
	return virt_to_page(cache->zone, obj);
}

/* Objects taken out of a slab: in use, or in a magazine. */
static unsigned int slab_inuse(const struct page *page)
{
	return page->aux & 0xffff;
}

static unsigned int list_length(const struct list_head *list)
{
	unsigned int n = 0;

	for (const struct list_head *pos = list->next; pos != list;
	     pos = pos->next)
		n++;
	return n;
}

/* uzs_slab_check empties the magazines: then the slabs show it all. */
static void flush_magazines(struct kmem_cache *cache)
{
	assert_cache_sound(cache);
}

static void shuffle(struct rng *rng, unsigned int n, void **objs)
{
	for (unsigned int i = n; i > 1; i--) {
		unsigned int other = rng_below(rng, i);
		void *obj = objs[i - 1];

		objs[i - 1] = objs[other];
		objs[other] = obj;
	}
}

/* The first word is the user's sign of life, the rest a pattern. */
static unsigned long live_word(u64 key)
{
	return 0x10000ul + (unsigned long)(key & 0xffffff) * 2;
}

static void fill(const struct kmem_cache *cache, void *obj, u64 key)
{
	WRITE_ONCE(*(unsigned long *)obj, live_word(key));
	pattern_fill((char *)obj + WORD, min(cache->size, 256u) - WORD, key);
	if (cache->size > 256)
		((unsigned char *)obj)[cache->size - 1] =
			pattern_byte(key, cache->size);
}

static bool filled(const struct kmem_cache *cache, const void *obj, u64 key)
{
	return READ_ONCE(*(const unsigned long *)obj) == live_word(key) &&
	       pattern_ok((const char *)obj + WORD,
			  min(cache->size, 256u) - WORD, key) &&
	       (cache->size <= 256 ||
		((const unsigned char *)obj)[cache->size - 1] ==
			pattern_byte(key, cache->size));
}

static void take(struct kmem_cache *cache, unsigned int n, void **objs)
{
	for (unsigned int i = 0; i < n; i++) {
		objs[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		assert_non_null(objs[i]);
	}
}

static void drop(struct kmem_cache *cache, void *obj)
{
	WRITE_ONCE(*(unsigned long *)obj, 0);
	kmem_cache_free(cache, obj);
}

static void give(struct kmem_cache *cache, unsigned int n, void **objs)
{
	for (unsigned int i = 0; i < n; i++)
		drop(cache, objs[i]);
}

static cpu_set_t all_cpus;

/* Runs on one CPU from now on, so that its magazine is the one used. False
 * where that cannot be had. */
static bool pin_to_cpu(unsigned int nth)
{
	return pin_to_nth_cpu(&all_cpus, nth);
}

static int start_threaded(void **state)
{
	uzs_fault_set(UZS_FAULT_OS, 0);
	uzs_fault_set(UZS_FAULT_PAGE, 0);
	uzs_fault_set(UZS_FAULT_SLAB, 0);
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
	return pthread_setaffinity_np(pthread_self(), sizeof(all_cpus),
				      &all_cpus);
}

/* ------------------------------------------------------------------------
 * Objects
 */

static int by_address(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (void *const *)a;
	uintptr_t y = (uintptr_t) * (void *const *)b;

	return x < y ? -1 : x > y;
}

/* Objects are aligned, lie in a slab each, and do not touch each other. */
static void one_size(unsigned int shift, unsigned int size)
{
	struct zone *zone = new_zone(shift);
	struct kmem_cache *cache = new_cache(zone, size);
	static void *objs[MAX_OBJS], *sorted[MAX_OBJS];
	unsigned int n = min(3 * cache->objs_per_slab + 1, (u32)MAX_OBJS);
	struct rng rng;

	rng_seed(&rng, size);
	assert_true(cache->size >= size && cache->size < size + WORD);
	assert_int_equal(cache->size % WORD, 0);
	assert_int_equal(cache->objs_per_slab, (1u << shift) / cache->size);
	take(cache, n, objs);
	for (unsigned int i = 0; i < n; i++)
		fill(cache, objs[i], i);
	memcpy(sorted, objs, n * sizeof(objs[0]));
	qsort(sorted, n, sizeof(sorted[0]), by_address);
	for (unsigned int i = 0; i < n; i++) {
		uintptr_t at = (uintptr_t)sorted[i] & ((1u << shift) - 1);

		assert_int_equal(at % cache->size, 0);
		assert_true(at + cache->size <= 1u << shift);
		assert_true(page_flags(slab_of(cache, sorted[i])) & PG_slab);
		assert_int_equal(uzs_section_of(sorted[i])->type,
				 MIGRATE_UNMOVABLE);
		if (i)
			assert_true((uintptr_t)sorted[i] >=
				    (uintptr_t)sorted[i - 1] + cache->size);
	}
	for (unsigned int i = 0; i < n; i++)
		assert_true(filled(cache, objs[i], i));
	assert_int_equal(pages_used(zone), cache->nr_slabs);
	assert_cache_sound(cache);
	for (unsigned int i = 0; i < n; i++)
		assert_true(filled(cache, objs[i], i));
	shuffle(&rng, n, objs);
	give(cache, n, objs);
	assert_cache_sound(cache);
	/* One empty slab is kept. */
	assert_int_equal(cache->nr_slabs, 1);
	kmem_cache_shrink(cache);
	assert_int_equal(cache->nr_slabs, 0);
	assert_int_equal(pages_used(zone), 0);
	end_cache(cache);
	end_zone(zone);
}

static void test_sizes(void **state)
{
	static const unsigned int sizes[] = { 1,   7,	8,   9,	  16,  24,
					      32,  40,	48,  64,  100, 128,
					      200, 256, 333, 512, 777, 1024 };

	for (unsigned int shift = 12; shift <= 16; shift++) {
		unsigned int page = 1u << shift;

		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
			one_size(shift, sizes[s]);
		one_size(shift, page / 2);
		one_size(shift, page / 2 + WORD); /* one in a slab */
		one_size(shift, page);
	}
}

/* Random work against a plain account of it. */
static void random_load(unsigned int shift, unsigned int size, u64 seed)
{
	struct zone *zone = new_zone(shift);
	struct kmem_cache *cache = new_cache(zone, size);
	static void *objs[MAX_OBJS];
	static u64 keys[MAX_OBJS];
	unsigned int n = 0, top = min(12 * cache->objs_per_slab, 3000u);
	int steps = uzs_test_scale(2500);
	u64 next_key = 0;
	struct rng rng;

	rng_seed(&rng, seed);
	for (int step = 0; step < steps; step++) {
		unsigned int what = rng_below(&rng, 20), k;
		bool filling = step / (steps / 5 + 1) % 2 == 0;

		if (what < (filling ? 11u : 5u)) {
			for (k = rng_below(&rng, 100); k && n < top; k--) {
				gfp_t gfp = rng_below(&rng, 2) ? GFP_KERNEL
							       : GFP_NOWAIT;
				void *obj = kmem_cache_alloc(cache, gfp);

				if (!obj) {
					assert_int_equal(gfp, GFP_NOWAIT);
					break;
				}
				fill(cache, obj, next_key);
				keys[n] = next_key++;
				objs[n++] = obj;
			}
		} else if (what < 17) {
			for (k = rng_below(&rng, 100); k && n; k--) {
				unsigned int at = rng_below(&rng, n--);

				assert_true(filled(cache, objs[at], keys[at]));
				drop(cache, objs[at]);
				objs[at] = objs[n];
				keys[at] = keys[n];
			}
		} else if (what < 18) {
			kmem_cache_shrink(cache);
			if (!n)
				assert_int_equal(cache->nr_slabs, 0);
		}
		assert_cache_sound(cache);
		assert_int_equal(pages_used(zone), cache->nr_slabs);
		assert_true(cache->nr_slabs * cache->objs_per_slab >= n);
		if (n && what >= 18) {
			k = rng_below(&rng, n);
			assert_true(filled(cache, objs[k], keys[k]));
		}
	}
	for (unsigned int i = 0; i < n; i++)
		assert_true(filled(cache, objs[i], keys[i]));
	give(cache, n, objs);
	kmem_cache_shrink(cache);
	assert_int_equal(pages_used(zone), 0);
	end_cache(cache);
	end_zone(zone);
}

static void test_random(void **state)
{
	random_load(12, 8, 1);
	random_load(12, 32, 2);
	random_load(12, 40, 3);
	random_load(12, 500, 4);
	random_load(12, 4096, 5);
	random_load(14, 8, 6);
	random_load(16, 32, 7);
	random_load(16, 3000, 8);
}

/* ------------------------------------------------------------------------
 * Magazines and lists
 */

static void test_magazine(void **state)
{
	struct zone *zone = new_zone(12);
	struct kmem_cache *cache = new_cache(zone, 32); /* 128 in a slab */
	void *objs[256], *obj;
	struct page *slab;

	assert_int_equal(cache->objs_per_slab, 128);
	obj = kmem_cache_alloc(cache, GFP_KERNEL);
	slab = slab_of(cache, obj);
	/* Half a magazine comes at once ... */
	assert_int_equal(slab_inuse(slab), HALF_MAGAZINE);
	take(cache, HALF_MAGAZINE - 1, objs);
	assert_int_equal(slab_inuse(slab), HALF_MAGAZINE);
	take(cache, 1, objs + HALF_MAGAZINE - 1);
	assert_int_equal(slab_inuse(slab), 2 * HALF_MAGAZINE);
	/* ... and what was freed last is the first to be used again. */
	drop(cache, obj);
	assert_ptr_equal(kmem_cache_alloc(cache, GFP_NOWAIT), obj);
	drop(cache, obj);
	give(cache, HALF_MAGAZINE, objs);
	flush_magazines(cache);
	assert_int_equal(slab_inuse(slab), 0);

	/* A full magazine gives its older half back. */
	take(cache, 128, objs);
	assert_int_equal(slab_inuse(slab), 128);
	give(cache, MAGAZINE, objs);
	assert_int_equal(slab_inuse(slab), 128);
	drop(cache, objs[MAGAZINE]);
	assert_int_equal(slab_inuse(slab), 128 - HALF_MAGAZINE);
	for (unsigned int i = MAGAZINE; i > MAGAZINE - HALF_MAGAZINE - 1; i--)
		assert_ptr_equal(kmem_cache_alloc(cache, GFP_NOWAIT), objs[i]);
	assert_int_equal(slab_inuse(slab), 128 - HALF_MAGAZINE);
	give(cache, 128 - HALF_MAGAZINE, objs + HALF_MAGAZINE);
	end_cache(cache);
	end_zone(zone);
}

/* Full and partial slabs are told apart, and S2. */
static void test_lists(void **state)
{
	struct zone *zone = new_zone(12);
	struct kmem_cache *cache = new_cache(zone, 256); /* 16 in a slab */
	void *objs[6 * 16], *by_slab[6][16];
	struct page *slabs[6];
	unsigned int in[6] = { 0 };

	take(cache, 6 * 16, objs);
	flush_magazines(cache);
	assert_int_equal(list_length(&cache->full), 6);
	assert_int_equal(list_length(&cache->partial), 0);
	assert_int_equal(cache->nr_slabs, 6);
	/* Which is where? */
	for (unsigned int i = 0, nr = 0; i < 6 * 16; i++) {
		struct page *slab = slab_of(cache, objs[i]);
		unsigned int s = 0;

		while (s < nr && slabs[s] != slab)
			s++;
		if (s == nr)
			slabs[nr++] = slab;
		by_slab[s][in[s]++] = objs[i];
	}
	for (unsigned int s = 0; s < 6; s++)
		assert_int_equal(in[s], 16);

	/* Who stops being full goes first. */
	for (unsigned int s = 0; s < 4; s++) {
		drop(cache, by_slab[s][0]);
		flush_magazines(cache);
		assert_int_equal(list_length(&cache->partial), s + 1);
		assert_int_equal(list_length(&cache->full), 5 - s);
		assert_ptr_equal(cache->partial.next, &slabs[s]->lru);
	}
	/* More of the first: no reason to use it sooner. */
	drop(cache, by_slab[0][1]);
	flush_magazines(cache);
	assert_ptr_equal(cache->partial.next, &slabs[3]->lru);

	/* One that is empty is kept, and used last; the next is not kept. */
	give(cache, 15, by_slab[2] + 1);
	flush_magazines(cache);
	assert_int_equal(cache->nr_empty, 1);
	assert_int_equal(cache->nr_slabs, 6);
	assert_ptr_equal(cache->partial.prev, &slabs[2]->lru);
	give(cache, 15, by_slab[1] + 1);
	flush_magazines(cache);
	assert_int_equal(cache->nr_empty, 1);
	assert_int_equal(cache->nr_slabs, 5);
	assert_int_equal(pages_used(zone), 5);
	/* Even the one, by shrinking; what is in use stays. */
	kmem_cache_shrink(cache);
	assert_int_equal(cache->nr_empty, 0);
	assert_int_equal(cache->nr_slabs, 4);
	assert_cache_sound(cache);

	give(cache, 14, by_slab[0] + 2);
	give(cache, 15, by_slab[3] + 1);
	give(cache, 16, by_slab[4]);
	give(cache, 16, by_slab[5]);
	end_cache(cache);
	end_zone(zone);
}

/* A shrunk cache holds no more than what is live; and is as good as new. */
static void test_shrink(void **state)
{
	struct zone *zone = new_zone(13);
	struct kmem_cache *cache = new_cache(zone, 64); /* 128 in a slab */
	static void *objs[40 * 128];
	unsigned int n = ARRAY_SIZE(objs);

	for (int round = 0; round < 3; round++) {
		struct page *last = NULL;
		unsigned int kept = 0;

		take(cache, n, objs);
		assert_int_equal(cache->nr_slabs, 40);
		/* Every eighth slab keeps one. */
		for (unsigned int i = 0; i < n; i++) {
			struct page *slab = slab_of(cache, objs[i]);

			if (slab != last &&
			    uzs_page_index(zone, slab) % 8 == 0 &&
			    i % 128 == 0) {
				fill(cache, objs[i], i);
				objs[kept++] = objs[i];
			} else {
				drop(cache, objs[i]);
			}
			last = slab;
		}
		kmem_cache_shrink(cache);
		assert_in_range(cache->nr_slabs, kept ? 1 : 0, kept);
		assert_int_equal(pages_used(zone), cache->nr_slabs);
		assert_cache_sound(cache);
		give(cache, kept, objs);
		kmem_cache_shrink(cache);
		kmem_cache_shrink(cache);
		assert_int_equal(pages_used(zone), 0);
	}
	end_cache(cache);
	end_zone(zone);
}

/* ------------------------------------------------------------------------
 * Failure
 */

static void test_nowait(void **state)
{
	struct zone *zone = new_zone(12);
	struct kmem_cache *cache = new_cache(zone, 1024);
	static void *objs[MAX_OBJS];
	struct page *page;
	unsigned int n = 0;

	uzs_fault_set(UZS_FAULT_OS, 0);
	assert_null(kmem_cache_alloc(cache, GFP_NOWAIT));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 0);
	assert_int_equal(cache->nr_slabs, 0);
	/* Whatever the zone has is used to the last page and object. */
	page = alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 1);
	while ((objs[n] = kmem_cache_alloc(cache, GFP_NOWAIT)))
		n++;
	assert_int_equal(n, 4 * (zone->nr_pages - zone->first - 1));
	assert_cache_sound(cache);
	assert_null(kmem_cache_alloc(cache, GFP_NOWAIT));
	/* And again as soon as there is one. */
	drop(cache, objs[77]);
	assert_ptr_equal(kmem_cache_alloc(cache, GFP_NOWAIT), objs[77]);
	__free_page(zone, page);
	for (unsigned int i = 0; i < 4; i++)
		assert_non_null(objs[n++] =
					kmem_cache_alloc(cache, GFP_NOWAIT));
	assert_null(kmem_cache_alloc(cache, GFP_NOWAIT));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 1);
	give(cache, n, objs);
	kmem_cache_shrink(cache);
	assert_int_equal(pages_used(zone), 0);
	end_cache(cache);
	end_zone(zone);
}

static void test_forced_failure(void **state)
{
	struct zone *zone = new_zone(12);
	struct kmem_cache *cache = new_cache(zone, 64);
	long failures = 0;
	void *objs[4];

	/* The Nth object. */
	for (long nth = 1;; nth++) {
		unsigned int got = 0;

		uzs_fault_set(UZS_FAULT_SLAB, nth);
		while (got < 4 &&
		       (objs[got] = kmem_cache_alloc(cache, GFP_KERNEL)))
			got++;
		uzs_fault_set(UZS_FAULT_SLAB, 0);
		assert_cache_sound(cache);
		give(cache, got, objs);
		if (got == 4)
			break;
		assert_int_equal(got, nth - 1);
		failures++;
	}
	assert_int_equal(failures, 4);
	kmem_cache_shrink(cache);
	assert_int_equal(pages_used(zone), 0);

	/* A page that cannot be had: asked for once more, after a look into
	 * the magazines. */
	uzs_fault_set(UZS_FAULT_PAGE, 1);
	take(cache, 1, objs);
	assert_int_equal(uzs_fault_seen(UZS_FAULT_PAGE), 2);
	uzs_fault_set(UZS_FAULT_PAGE, 0);
	assert_cache_sound(cache);
	drop(cache, objs[0]);
	end_cache(cache);
	end_zone(zone);
}

struct freeing {
	struct kmem_cache *cache;
	void **objs;
	unsigned int n;
	bool done;
};

static void *free_elsewhere(void *arg)
{
	struct freeing *f = arg;

	f->done = pin_to_cpu(1); /* no, where there is one CPU only */
	if (f->done)
		give(f->cache, f->n, f->objs);
	return NULL;
}

/* What lies in another CPU's magazine is found before there is no memory. */
static void test_other_cpus(void **state)
{
	struct zone *zone = new_zone(12);
	struct kmem_cache *cache = new_cache(zone, 512);
	static void *objs[MAX_OBJS], *again[10];
	struct freeing f = { .cache = cache, .objs = objs, .n = 10 };
	unsigned int n = 0, found = 0;
	pthread_t thread;

	take(cache, 1, objs);
	n = 1;
	while ((objs[n] = kmem_cache_alloc(cache, GFP_NOWAIT)))
		n++;
	assert_true(n > 8000);
	assert_int_equal(pthread_create(&thread, NULL, free_elsewhere, &f), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (f.done) {
		while (found < 10 &&
		       (again[found] = kmem_cache_alloc(cache, GFP_NOWAIT)))
			found++;
		assert_int_equal(found, 10);
		assert_null(kmem_cache_alloc(cache, GFP_NOWAIT));
		for (unsigned int i = 0; i < 10; i++) {
			unsigned int same = 0;

			for (unsigned int k = 0; k < 10; k++)
				same += again[i] == objs[k];
			assert_int_equal(same, 1);
		}
	}
	give(cache, n, objs);
	kmem_cache_shrink(cache);
	assert_int_equal(pages_used(zone), 0);
	end_cache(cache);
	end_zone(zone);
	if (!f.done)
		skip();
}

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

static void test_walk(void **state)
{
	static const unsigned int sizes[] = { 8, 40, 64, 4096 };

	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct zone *zone = new_zone(12);
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
		end_zone(zone);
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

static void test_move(void **state)
{
	struct rng rng;

	rng_seed(&rng, 21);
	for (int round = 0; round < uzs_test_scale(60); round++) {
		struct zone *zone = new_zone(12 + (unsigned int)round % 3);
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
		end_zone(zone);
	}
}

/* When it is not worth it, nothing is put aside. */
static void test_move_nothing(void **state)
{
	struct zone *zone = new_zone(12);
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
	end_zone(zone);
}

/* No page for what is moved: it stays, and so do the slabs. */
static void test_move_without_memory(void **state)
{
	struct zone *zone = new_zone(12);
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
	end_zone(zone);
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
		t->bad += uzs_slab_check(t->cache, "threads", tell, NULL);
		kmem_cache_shrink(t->cache);
		uzs_zone_reclaim(t->cache->zone, 0, false);
		sched_yield();
	}
	return NULL;
}

/* Two caches in one zone, which take each other's pages; walks, checks and
 * shrinking all the time. */
static void test_threads(void **state)
{
	struct zone *zone = new_zone(12);
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
	end_zone(zone);
}

/* ------------------------------------------------------------------------
 * The end, the check itself, fork, AddressSanitizer
 */

/* Objects in use go with the cache, those of others stay. */
static void test_destroy(void **state)
{
	struct zone *zone = new_zone(12);
	struct kmem_cache *doomed = new_cache(zone, 48);
	struct kmem_cache *other = new_cache(zone, 48);
	void *objs[500], *mine[500];

	for (unsigned int i = 0; i < 500; i++) {
		take(doomed, 1, objs + i);
		take(other, 1, mine + i);
		fill(other, mine[i], i);
	}
	give(doomed, 100, objs);
	assert_true(pages_used(zone) > other->nr_slabs);
	end_cache(doomed);
	assert_int_equal(pages_used(zone), other->nr_slabs);
	for (unsigned int i = 0; i < 500; i++)
		assert_true(filled(other, mine[i], i));
	assert_cache_sound(other);
	end_cache(other);
	assert_int_equal(pages_used(zone), 0);
	end_zone(zone);
}

static unsigned long violations(struct kmem_cache *cache)
{
	unsigned long told = 0;
	unsigned long bad = uzs_slab_check(cache, "test", tell_nobody, &told);

	assert_int_equal(bad, told);
	return bad;
}

static void test_check(void **state)
{
	struct zone *zone = new_zone(12);
	struct kmem_cache *cache = new_cache(zone, 128); /* 32 in a slab */
	struct page *partial, *full;
	unsigned long *link, old;
	void *objs[32 * 3];

	take(cache, 32 * 3, objs);
	give(cache, 10, objs);
	assert_int_equal(violations(cache), 0);
	assert_int_equal(list_length(&cache->partial), 1);
	partial = list_first_entry(&cache->partial, struct page, lru);
	full = list_first_entry(&cache->full, struct page, lru);
	link = (unsigned long *)((char *)page_address(zone, partial) +
				 (size_t)(partial->aux >> 16) * cache->size);
	uzs_unpoison(link, sizeof(*link));
	old = *link;

#define ASSERT_FOUND(change, undo)                      \
	do {                                            \
		change;                                 \
		assert_true(violations(cache) > 0);     \
		undo;                                   \
		assert_int_equal(violations(cache), 0); \
	} while (0)
	ASSERT_FOUND(cache->nr_slabs++, cache->nr_slabs--);
	ASSERT_FOUND(cache->nr_empty++, cache->nr_empty--);
	ASSERT_FOUND(partial->aux++, partial->aux--);
	ASSERT_FOUND(full->aux--, full->aux++);
	/* A free list that ends early, in a circle, or nowhere. */
	ASSERT_FOUND(*link = 0xffff, *link = old);
	ASSERT_FOUND(*link = partial->aux >> 16, *link = old);
	ASSERT_FOUND(*link = 32, *link = old);
	/* In the wrong list, in none, not marked as a slab. */
	ASSERT_FOUND(list_move(&partial->lru, &cache->full),
		     list_move(&partial->lru, &cache->partial));
	ASSERT_FOUND(list_move(&full->lru, &cache->partial),
		     list_move(&full->lru, &cache->full));
	ASSERT_FOUND(list_del(&full->lru), list_add(&full->lru, &cache->full));
	ASSERT_FOUND(page_clear(full, PG_slab), page_set(full, PG_slab));
#undef ASSERT_FOUND
	give(cache, 32 * 3 - 10, objs + 10);
	end_cache(cache);
	end_zone(zone);
}

static void test_fork(void **state)
{
	struct zone *zone = new_zone(12);
	struct kmem_cache *cache = new_cache(zone, 64);
	void *objs[300];
	int status = -1;
	pid_t pid;

	take(cache, 300, objs);
	for (unsigned int i = 0; i < 300; i++)
		fill(cache, objs[i], i);
	give(cache, 100, objs);
	fflush(NULL);
	uzs_slab_fork_prepare(cache);
	uzs_zone_lock_all(zone);
	pid = fork();
	if (pid == 0) {
		bool ok = true;

		uzs_zone_fork_child(zone);
		uzs_slab_fork_child(cache);
		for (unsigned int i = 0; i < 100; i++) {
			objs[i] = kmem_cache_alloc(cache, GFP_KERNEL);
			ok &= objs[i] != NULL;
		}
		for (unsigned int i = 100; i < 300; i++)
			ok &= filled(cache, objs[i], i);
		ok &= uzs_slab_check(cache, "child", tell, NULL) == 0;
		for (unsigned int i = 0; ok && i < 300; i++)
			kmem_cache_free(cache, objs[i]);
		uzs_slab_shrink(cache);
		ok &= cache->nr_slabs == 0;
		_exit(ok ? 0 : 1);
	}
	uzs_zone_unlock_all(zone);
	uzs_slab_fork_parent(cache);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	take(cache, 100, objs);
	give(cache, 300, objs);
	assert_cache_sound(cache);
	end_cache(cache);
	end_zone(zone);
}

#ifdef UZS_ASAN
static bool wholly_poisoned(const char *mem, size_t size)
{
	for (size_t i = 0; i < size; i += WORD)
		if (!__asan_address_is_poisoned(mem + i))
			return false;
	return true;
}

/* What is not in use is poisoned: free objects, and the rest of a slab. */
static void test_poison(void **state)
{
	struct zone *zone = new_zone(12);
	struct kmem_cache *cache = new_cache(zone, 120); /* 34, and a rest */
	char *objs[34 * 4], *rest;

	take(cache, 34 * 4, (void **)objs);
	for (unsigned int i = 0; i < 34 * 4; i++)
		assert_null(__asan_region_is_poisoned(objs[i], 120));
	rest = (char *)((uintptr_t)objs[0] & ~(uintptr_t)4095) + 34 * 120;
	assert_true(wholly_poisoned(rest, 4096 - 34 * 120));
	for (unsigned int i = 1; i < 34 * 4; i += 2) {
		drop(cache, objs[i]);
		assert_true(wholly_poisoned(objs[i], 120));
	}
	flush_magazines(cache);
	for (unsigned int i = 0; i < 34 * 4; i++) {
		if (i % 2)
			assert_true(wholly_poisoned(objs[i], 120));
		else
			assert_null(__asan_region_is_poisoned(objs[i], 120));
	}
	/* One is taken: its neighbours in the magazine are still free. */
	objs[1] = kmem_cache_alloc(cache, GFP_NOWAIT);
	assert_null(__asan_region_is_poisoned(objs[1], 120));
	drop(cache, objs[1]);
	for (unsigned int i = 0; i < 34 * 4; i += 2)
		drop(cache, objs[i]);
	kmem_cache_shrink(cache);
	assert_true(wholly_poisoned(
		(char *)((uintptr_t)objs[0] & ~(uintptr_t)4095), 4096));
	end_cache(cache);
	end_zone(zone);
}
#endif

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
	end_zone(zone);
	free(keep);
}

/* A freed object is given out again when so many others were freed, the oldest
 * first, and nothing else is written to it till then. */
static void test_delay(void **state)
{
	struct kmem_cache *cache = new_guarded(new_zone(12), 16);
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
static void test_delay_without_memory(void **state)
{
	struct kmem_cache *cache = new_guarded(new_zone(12), 16);
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
static void test_kept(void **state)
{
	struct zone *zone = new_zone(12);
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
	uzs_zone_reclaim(zone, 0, false);
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
static void test_kept_without_memory(void **state)
{
	struct kmem_cache *cache = new_guarded(new_zone(12), 16);

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

#define single(test) cmocka_unit_test_setup_teardown(test, start, finish)
#define threaded(test) cmocka_unit_test_setup(test, start_threaded)

int main(void)
{
	const struct CMUnitTest tests[] = {
		single(test_sizes),	     single(test_random),
		single(test_magazine),	     single(test_lists),
		single(test_shrink),	     single(test_nowait),
		single(test_forced_failure), single(test_other_cpus),
		single(test_walk),	     single(test_move),
		single(test_move_nothing),   single(test_move_without_memory),
		threaded(test_threads),	     single(test_destroy),
		single(test_check),	     single(test_fork),
		single(test_delay),	     single(test_delay_without_memory),
		single(test_kept),	     single(test_kept_without_memory),
#ifdef UZS_ASAN
		single(test_poison),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
