/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_slab.c - compat/slab.h: objects are handed out once, and slabs go back to
 * the zone when they are empty; lack of memory; the end, the check, fork.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setaffinity_np */
#endif
#include "test_system.h"
#include "slab_util.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/fault.h"
#include "compat/os.h"

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
	struct zone *zone = new_zone(shift, 0, SIZE_MAX, NULL);
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
	end_zone(zone, 0);
}

static void test_every_size_is_handed_out_once(void **state)
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
	struct zone *zone = new_zone(shift, 0, SIZE_MAX, NULL);
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
	end_zone(zone, 0);
}

static void test_random_load_loses_nothing(void **state)
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

static void test_magazine_moves_half_at_once(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
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
	end_zone(zone, 0);
}

/* Full and partial slabs are told apart, and B2. */
static void test_full_and_partial_slabs_are_told_apart(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
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
	end_zone(zone, 0);
}

/* A shrunk cache holds no more than what is live; and is as good as new. */
static void test_shrunk_cache_holds_only_what_is_live(void **state)
{
	struct zone *zone = new_zone(13, 0, SIZE_MAX, NULL);
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
	end_zone(zone, 0);
}

/* ------------------------------------------------------------------------
 * Failure
 */

static void test_nowait_asks_the_os_for_nothing(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
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
	end_zone(zone, 0);
}

static void test_nth_failure_loses_nothing(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
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
	end_zone(zone, 0);
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
static void test_other_cpus_magazine_is_found(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
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
	end_zone(zone, 0);
	if (!f.done)
		skip();
}

/* ------------------------------------------------------------------------
 * The end, the check itself, fork, AddressSanitizer
 */

/* Objects in use go with the cache, those of others stay. */
static void test_destroy_takes_own_objects_only(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
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
	end_zone(zone, 0);
}

static unsigned long violations(struct kmem_cache *cache)
{
	unsigned long told = 0;
	unsigned long bad = uzs_slab_check(cache, "test", tell_nobody, &told);

	assert_int_equal(bad, told);
	return bad;
}

static void test_check_finds_each_wrong_figure(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
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
	end_zone(zone, 0);
}

static void test_child_can_use_the_cache(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
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
		ok &= uzs_slab_check(cache, "child", zone_tell, NULL) == 0;
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
	end_zone(zone, 0);
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
static void test_what_is_not_in_use_is_poisoned(void **state)
{
	struct zone *zone = new_zone(12, 0, SIZE_MAX, NULL);
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
	end_zone(zone, 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		single(test_every_size_is_handed_out_once),
		single(test_random_load_loses_nothing),
		single(test_magazine_moves_half_at_once),
		single(test_full_and_partial_slabs_are_told_apart),
		single(test_shrunk_cache_holds_only_what_is_live),
		single(test_nowait_asks_the_os_for_nothing),
		single(test_nth_failure_loses_nothing),
		single(test_other_cpus_magazine_is_found),
		single(test_destroy_takes_own_objects_only),
		single(test_check_finds_each_wrong_figure),
		single(test_child_can_use_the_cache),
#ifdef UZS_ASAN
		single(test_what_is_not_in_use_is_poisoned),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
