/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_zspage.c - zspage.c: chains of pages, the free list in them, page
 * locks, and what becomes of a zspage that is emptied while one of its pages
 * is locked.
 */
#include "test_objects.h"

#include <pthread.h>
#include <sched.h>

#include "compat/fault.h"
#include "class.h"
#include "kernel/geometry.h"
#include "kernel/obj.h"
#include "kernel/zspage.h"

static const struct {
	unsigned int page_size, chain_size;
} geometries[] = { { 4096, 8 },	 { 4096, 4 },  { 4096, 16 }, { 8192, 8 },
		   { 16384, 5 }, { 32768, 8 }, { 65536, 4 }, { 65536, 16 } };

/* Every distinct class of every geometry. */
#define for_each_class(pool, class)                                            \
	for (size_t geo_ = 0; geo_ < ARRAY_SIZE(geometries); geo_++)           \
		for (struct zs_pool *pool = make_pool(                         \
			     geometries[geo_].page_size,                       \
			     geometries[geo_].chain_size, ZS_POOL_NO_WORKER);  \
		     pool; zs_destroy_pool(pool), pool = NULL)                 \
			for (unsigned int i_ = 0; i_ < pool->nr_classes; i_++) \
				for (struct size_class *class =                \
					     uzs_class_is_own(pool, i_)        \
						     ? pool->size_class[i_]    \
						     : NULL;                   \
				     class; class = NULL)

static struct zspage *must_alloc_zspage(struct zs_pool *pool,
					struct size_class *class)
{
	struct zspage *zspage = uzs_alloc_zspage(pool, class, GFP_KERNEL);

	assert_non_null(zspage);
	return zspage;
}

/* The opposite, for a zspage without objects that was not published, or not
 * withdrawn: its pages are locked. */
static void free_locked_unlisted(struct zs_pool *pool, struct zspage *zspage)
{
	struct size_class *class = zspage_class(pool, zspage);

	pool->pages_allocated += class->pages_per_zspage;
	uzs_release_zspage(pool, class, zspage);
}

static void free_unlisted(struct zs_pool *pool, struct zspage *zspage)
{
	uzs_lock_zspage(zspage);
	free_locked_unlisted(pool, zspage);
}

static void publish(struct zs_pool *pool, struct zspage *zspage)
{
	struct size_class *class = zspage_class(pool, zspage);

	spin_lock(&class->lock);
	uzs_publish_zspage(pool, class, zspage);
	spin_unlock(&class->lock);
}

/* Withdraws and frees it. */
static void withdraw_and_free(struct zs_pool *pool, struct zspage *zspage)
{
	struct size_class *class = zspage_class(pool, zspage);
	bool freed;

	spin_lock(&class->lock);
	freed = uzs_free_zspage(pool, class, zspage);
	spin_unlock(&class->lock);
	assert_true(freed);
}

static unsigned long pages_out(struct zs_pool *pool)
{
	struct zone_stat stat;

	uzs_zone_stat(&pool->zone, &stat);
	return stat.pages_used;
}

/* ---- the chain ----------------------------------------------------------- */

static void test_chain_has_all_pages_in_order(void **state)
{
	for_each_class(pool, class) {
		struct zspage *zspage = must_alloc_zspage(pool, class);
		struct zpdesc *zpdesc = zspage->first_zpdesc;
		unsigned int n = 0;

		assert_int_equal(zspage->inuse, 0);
		assert_int_equal(zspage->freeobj, 0);
		assert_int_equal(zspage->lock.word, 0);
		for (; zpdesc; zpdesc = get_next_zpdesc(zpdesc), n++) {
			unsigned int start = n * pool->page_size, first = 0;

			/* The first object that starts at or behind start. */
			while (first * class->size < start)
				first++;
			assert_ptr_equal(zpdesc->zspage, zspage);
			assert_ptr_equal(zpdesc_class(pool, zpdesc), class);
			assert_int_equal(zpdesc->huge, class->huge);
			assert_int_equal(zpdesc->first_obj_offset,
					 first * class->size - start);
			/* Not for migration before it is in a list. */
			assert_int_equal(page_flags(zpdesc_page(zpdesc)) &
						 (PG_movable | PG_locked),
					 0);
		}
		assert_int_equal(n, class->pages_per_zspage);
		publish(pool, zspage);
		for (unsigned int i = 0; i < n; i++)
			assert_true(page_flags(page_at(zspage, i)) &
				    PG_movable);
		withdraw_and_free(pool, zspage);
	}
}

/* The iterator goes through all objects in order; so does the way by index. */
static void test_iterator_shows_objects_in_order(void **state)
{
	for_each_class(pool, class) {
		struct zspage *zspage = must_alloc_zspage(pool, class);
		struct obj_iter it;
		unsigned int idx = 0;

		uzs_obj_iter_start(&it, pool, zspage);
		do {
			unsigned int at = idx * class->size;
			struct page *page =
				page_at(zspage, at / pool->page_size);
			char *head = page_address(&pool->zone, page);

			head += at % pool->page_size;
			assert_int_equal(it.idx, idx);
			assert_ptr_equal(it.zpdesc, page);
			assert_int_equal(it.offset, at % pool->page_size);
			assert_int_equal(uzs_obj_iter_handle(&it), 0);
			if (!class->huge)
				assert_ptr_equal(uzs_obj_head_at(pool, zspage,
								 idx),
						 head);
			idx++;
		} while (uzs_obj_iter_next(&it));
		assert_int_equal(idx, class->objs_per_zspage);
		free_unlisted(pool, zspage);
	}
}

/* What lies there; it may be poisoned. */
static unsigned long head_at(struct zs_pool *pool, struct zspage *zspage,
			     unsigned int idx)
{
	return uzs_read_head(uzs_obj_head_at(pool, zspage, idx));
}

/* ---- the free list ------------------------------------------------------- */

/* The first words as they lie in the pages: index of the next << 1, and
 * -1 << 1 in the last. */
static void test_new_free_list_is_in_index_order(void **state)
{
	for_each_class(pool, class) {
		struct zspage *zspage = must_alloc_zspage(pool, class);
		unsigned int last = class->objs_per_zspage - 1;

		if (class->huge) {
			/* Nothing of the page is used for it. */
			assert_int_equal(zspage->first_zpdesc->handle, 0);
			free_unlisted(pool, zspage);
			continue;
		}
		for (unsigned int idx = 0; idx < last; idx++)
			assert_int_equal(head_at(pool, zspage, idx),
					 (idx + 1) << 1);
		assert_true(head_at(pool, zspage, last) == (unsigned long)-1L
								   << 1);
		free_unlisted(pool, zspage);
	}
}

/* Stands in for handles: words at even addresses. */
static unsigned long words[1 << OBJ_BITS];

/* First 0, then 1, 2, ...; then, of those freed, the latest first. */
static void test_last_freed_is_first_given(void **state)
{
	static unsigned int stack[1 << OBJ_BITS];
	struct rng rng;

	rng_seed(&rng, 3);
	for_each_class(pool, class) {
		struct zspage *zspage = must_alloc_zspage(pool, class);
		unsigned int objs = class->objs_per_zspage, n = 0;

		for (unsigned int i = 0; i < objs; i++) {
			unsigned long handle = (unsigned long)&words[i];
			unsigned int at = i * class->size;
			unsigned long obj =
				uzs_obj_malloc(pool, class, zspage, handle);

			assert_ptr_equal(obj_to_zpdesc(pool, obj),
					 page_at(zspage, at / pool->page_size));
			assert_int_equal(obj_to_index(pool, obj), i);
			assert_true(head_at(pool, zspage, i) == (handle | 1));
			assert_int_equal(zspage->inuse, i + 1);
			words[i] = obj;
		}
		assert_int_equal(zspage->freeobj, OBJ_NONE);

		/* Free each with probability 1/2, from a random one on. */
		for (unsigned int k = 0, from = rng_below(&rng, objs); k < objs;
		     k++) {
			unsigned int i = (from + k) % objs;
			unsigned long link = n ? (unsigned long)stack[n - 1]
							     << 1
					       : (unsigned long)-1L << 1;

			if (objs > 1 && rng_below(&rng, 2))
				continue;
			uzs_obj_free(pool, class, zspage, words[i], true);
			if (!class->huge)
				assert_true(head_at(pool, zspage, i) == link);
			else
				assert_int_equal(zspage->first_zpdesc->handle,
						 0);
			stack[n++] = i;
			assert_int_equal(zspage->inuse, objs - n);
			assert_int_equal(zspage->freeobj, i);
		}
		while (n) {
			unsigned long handle =
				(unsigned long)&words[stack[--n]];
			unsigned long obj =
				uzs_obj_malloc(pool, class, zspage, handle);

			assert_int_equal(obj_to_index(pool, obj), stack[n]);
			assert_true(obj == words[stack[n]]);
		}
		assert_int_equal(zspage->freeobj, OBJ_NONE);
		assert_int_equal(zspage->inuse, objs);
		for (unsigned int i = 0; i < objs; i++)
			uzs_obj_free(pool, class, zspage, words[i], true);
		free_unlisted(pool, zspage);
	}
}

/* The handle of a huge object is in the descriptor; the page is its own. */
static void test_huge_page_is_untouched(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	struct size_class *class = pool->size_class[pool->nr_classes - 1];
	struct zspage *zspage;
	unsigned long obj;
	char *mem;

	assert_true(class->huge);
	zspage = must_alloc_zspage(pool, class);
	mem = zpdesc_address(pool, zspage->first_zpdesc);
	uzs_unpoison(mem, 4096);
	pattern_fill(mem, 4096, 1);
	obj = uzs_obj_malloc(pool, class, zspage, (unsigned long)&words[1]);
	assert_true(zspage->first_zpdesc->handle ==
		    ((unsigned long)&words[1] | 1));
	assert_int_equal(obj_to_index(pool, obj), 0);
	assert_null(get_next_zpdesc(zspage->first_zpdesc));
	assert_true(pattern_ok(mem, 4096, 1));
	uzs_obj_free(pool, class, zspage, obj, true);
	uzs_unpoison(mem, 4096);
	assert_true(pattern_ok(mem, 4096, 1));
	free_unlisted(pool, zspage);
	zs_destroy_pool(pool);
}

/* ---- memory -------------------------------------------------------------- */

static void test_without_page_there_is_no_zspage(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	struct size_class *class = pool->size_class[uzs_class_index(pool, 112)];
	unsigned long before;
	struct zspage *zspage;

	assert_int_equal(class->pages_per_zspage, 7);
	assert_null(uzs_alloc_zspage(pool, class, GFP_NOWAIT));
	/* What the caches hold stays: count from after a first one. */
	free_unlisted(pool, must_alloc_zspage(pool, class));
	before = pages_out(pool);
	for (long n = 1; n <= 7; n++) {
		uzs_fault_set(UZS_FAULT_PAGE, n);
		assert_null(uzs_alloc_zspage(pool, class, GFP_KERNEL));
		uzs_fault_set(UZS_FAULT_PAGE, 0);
		assert_int_equal(pages_out(pool), before);
		assert_sound(pool);
	}
	uzs_fault_set(UZS_FAULT_SLAB, 1);
	assert_null(uzs_alloc_zspage(pool, class, GFP_KERNEL));
	uzs_fault_set(UZS_FAULT_SLAB, 0);
	assert_int_equal(pages_out(pool), before);
	zspage = must_alloc_zspage(pool, class);
	assert_int_equal(pages_out(pool), before + 7);
	free_unlisted(pool, zspage);
	assert_int_equal(pages_out(pool), before);
	assert_sound(pool);
	zs_destroy_pool(pool);
}

/* ---- page locks ---------------------------------------------------------- */

/* All or none: the one that somebody else has stays his. */
static void test_trylock_is_all_or_nothing(void **state)
{
	for_each_class(pool, class) {
		struct zspage *zspage = must_alloc_zspage(pool, class);
		unsigned int n = class->pages_per_zspage;

		for (unsigned int busy = 0; busy < n; busy++) {
			lock_page(page_at(zspage, busy));
			assert_false(uzs_trylock_zspage(zspage));
			for (unsigned int i = 0; i < n; i++)
				assert_int_equal(PageLocked(page_at(zspage, i)),
						 i == busy);
			unlock_page(page_at(zspage, busy));
		}
		assert_true(uzs_trylock_zspage(zspage));
		for (unsigned int i = 0; i < n; i++)
			assert_true(PageLocked(page_at(zspage, i)));
		free_locked_unlisted(pool, zspage);
	}
}

/* Return: how many of its pages it then has locked. */
static void *lock_in_thread(void *arg)
{
	struct zspage *zspage = arg;
	struct zpdesc *zpdesc = zspage->first_zpdesc;
	uintptr_t n = 0;

	uzs_lock_zspage(zspage);
	for (; zpdesc; zpdesc = get_next_zpdesc(zpdesc)) {
		n += PageLocked(zpdesc_page(zpdesc));
		unlock_page(zpdesc_page(zpdesc));
	}
	return (void *)n;
}

static void test_lock_waits_for_each_page(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	struct size_class *class = pool->size_class[uzs_class_index(pool, 112)];
	struct zspage *zspage = must_alloc_zspage(pool, class);
	unsigned int n = class->pages_per_zspage;

	for (unsigned int busy = 0; busy < n; busy++) {
		struct page *page = page_at(zspage, busy);
		pthread_t thread;
		void *locked;

		lock_page(page);
		assert_int_equal(pthread_create(&thread, NULL, lock_in_thread,
						zspage),
				 0);
		/* It sleeps for that page, and keeps migration away. */
		while (!(page_flags(page) & PG_waiters))
			sched_yield();
		assert_int_equal(pin_readers(&zspage->lock), 1);
		assert_false(pin_write_trylock(&zspage->lock));
		for (unsigned int i = busy + 1; i < n; i++)
			assert_false(PageLocked(page_at(zspage, i)));
		unlock_page(page);
		assert_int_equal(pthread_join(thread, &locked), 0);
		assert_int_equal((uintptr_t)locked, n);
		assert_int_equal(pin_readers(&zspage->lock), 0);
	}
	free_unlisted(pool, zspage);
	zs_destroy_pool(pool);
}

/* What a page was is gone when it is free: flags that would let migration
 * have it, the zspage it belonged to. */
static void test_freed_pages_are_reset(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	struct size_class *class = pool->size_class[uzs_class_index(pool, 112)];
	struct zspage *zspage = must_alloc_zspage(pool, class);
	unsigned int n = class->pages_per_zspage;
	struct page *pages[ZS_MAX_CHAIN_SIZE];

	publish(pool, zspage);
	for (unsigned int i = 0; i < n; i++)
		pages[i] = page_at(zspage, i);
	withdraw_and_free(pool, zspage);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(page_flags(pages[i]) &
					 (PG_movable | PG_locked | PG_isolated),
				 0);
	assert_sound(pool);
	zs_destroy_pool(pool);
}

/* ---- emptied while a page is locked -------------------------------------- */

static struct size_class *class_for(struct zs_pool *pool, size_t size)
{
	return pool->size_class[uzs_class_index(pool, size + ZS_HANDLE_SIZE)];
}

static unsigned long async_freed(struct zs_pool *pool)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	assert_int_equal(zs_pool_info(pool, &info), 0);
	return info.zspages_async_freed;
}

/* For comparison: nobody has a page locked. */
static void test_unlocked_zspage_is_freed_at_once(void **state)
{
	for_each_class(pool, class) {
		size_t size = class->size - (class->huge ? 0 : ZS_HANDLE_SIZE);
		unsigned long before = pages_out(pool);
		unsigned long handle = must_malloc(pool, size);
		unsigned long slabs =
			pages_out(pool) - before - class->pages_per_zspage;

		assert_int_equal(zs_get_total_pages(pool),
				 class->pages_per_zspage);
		assert_int_equal(class->objs_capacity, class->objs_per_zspage);
		assert_int_equal(class->objs_inuse, 1);
		zs_free(pool, handle);
		assert_int_equal(zs_get_total_pages(pool), 0);
		assert_int_equal(class->objs_capacity, 0);
		assert_int_equal(class->objs_inuse, 0);
		for (int g = 0; g < NR_FULLNESS_GROUPS; g++) {
			assert_int_equal(class->groups->zspages[g], 0);
			assert_true(list_empty(&class->groups->list[g]));
		}
		assert_int_equal(pages_out(pool), before + slabs);
		assert_false(work_pending(&pool->free_work));
	}
}

/* Whichever page is locked: the zspage stays, in group 0 and counted, until
 * the work frees it. */
static void test_locked_zspage_waits_for_the_work(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	static const size_t sizes[] = { 104, 24, 4096, 1500 };

	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct size_class *class = class_for(pool, sizes[s]);
		unsigned int n = class->pages_per_zspage;

		for (unsigned int busy = 0; busy < n; busy++) {
			unsigned long handle = must_malloc(pool, sizes[s]);
			struct zspage *zspage = zspage_of(pool, handle);
			struct page *page = page_at(zspage, busy);
			unsigned long freed = async_freed(pool);
			unsigned long out = pages_out(pool);

			lock_page(page);
			zs_free(pool, handle);
			assert_int_equal(zspage->inuse, 0);
			assert_int_equal(class->groups->zspages[0], 1);
			assert_ptr_equal(class->groups->list[0].next,
					 &zspage->list);
			assert_int_equal(class->objs_inuse, 0);
			assert_int_equal(class->objs_capacity,
					 class->objs_per_zspage);
			assert_int_equal(zs_get_total_pages(pool), n);
			assert_int_equal(pages_out(pool), out);
			assert_true(work_pending(&pool->free_work));
			assert_sound(pool);

			unlock_page(page);
			assert_int_equal(async_freed(pool), freed);
			assert_int_equal(zs_drain(pool), 1);
			assert_int_equal(class->groups->zspages[0], 0);
			assert_int_equal(class->objs_capacity, 0);
			assert_int_equal(zs_get_total_pages(pool), 0);
			assert_int_equal(pages_out(pool), out - n);
			assert_int_equal(async_freed(pool), freed + 1);
			assert_false(work_pending(&pool->free_work));
			assert_sound(pool);
		}
	}
	zs_destroy_pool(pool);
}

/* A zspage in group 0 is as good as any, the last resort: it is handed out
 * again, first to last object as its free list has them, and the work then
 * finds nothing to free. */
static void test_waiting_zspage_can_be_used_again(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	struct size_class *class = class_for(pool, 104);
	unsigned long a = must_malloc(pool, 104), b = must_malloc(pool, 104);
	struct zspage *zspage = zspage_of(pool, a);
	struct page *page = page_at(zspage, 2);

	lock_page(page);
	zs_free(pool, a);
	zs_free(pool, b);
	assert_int_equal(class->groups->zspages[0], 1);
	a = must_malloc(pool, 104);
	assert_ptr_equal(zspage_of(pool, a), zspage);
	/* The one of b, freed last. */
	assert_int_equal(obj_to_index(pool, handle_to_obj(a)), 1);
	assert_int_equal(class->groups->zspages[0], 0);
	assert_int_equal(zspage->fullness, ZS_INUSE_RATIO_10);
	assert_int_equal(zs_get_total_pages(pool), class->pages_per_zspage);
	assert_sound(pool);
	/* The lock is still held: the work must not even wait for it. */
	assert_int_equal(zs_drain(pool), 1);
	assert_int_equal(async_freed(pool), 0);
	assert_int_equal(zs_get_total_pages(pool), class->pages_per_zspage);
	unlock_page(page);
	zs_free(pool, a);
	assert_int_equal(zs_get_total_pages(pool), 0);
	zs_destroy_pool(pool);
}

/* Group 0 comes last: a zspage with objects is preferred to an empty one. */
static void test_empty_one_is_taken_last(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	struct size_class *class = class_for(pool, 2000);
	unsigned long h[6];
	struct page *page;
	struct zspage *empty;

	/* Two objects each. */
	assert_int_equal(class->objs_per_zspage, 2);
	for (int i = 0; i < 6; i++)
		h[i] = must_malloc(pool, 2000);
	empty = zspage_of(pool, h[0]);
	page = page_at(empty, 0);
	lock_page(page);
	zs_free(pool, h[2]);
	zs_free(pool, h[0]);
	zs_free(pool, h[1]);
	assert_int_equal(class->groups->zspages[0], 1);
	h[2] = must_malloc(pool, 2000);
	assert_ptr_equal(zspage_of(pool, h[2]), zspage_of(pool, h[3]));
	h[0] = must_malloc(pool, 2000);
	assert_ptr_equal(zspage_of(pool, h[0]), empty);
	unlock_page(page);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 5);
}

/* Several of several classes: one run of the work frees all of them. */
static void test_one_run_frees_all_that_wait(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	static const size_t sizes[] = { 104, 104, 40, 1500, 4000, 4000, 3000 };
	unsigned long h[ARRAY_SIZE(sizes)], live;
	struct page *pages[ARRAY_SIZE(sizes)];
	unsigned int zspages = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		h[i] = must_malloc(pool, sizes[i]);
		pages[i] = page_at(zspage_of(pool, h[i]), 0);
	}
	live = must_malloc(pool, 700);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		zspages += trylock_page(pages[i]);
	assert_int_equal(zspages, 6); /* the two of 104 share one */
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		zs_free(pool, h[i]);
	for (size_t i = 1; i < ARRAY_SIZE(sizes); i++)
		unlock_page(pages[i]);
	assert_sound(pool);
	assert_int_equal(zs_drain(pool), 1);
	assert_int_equal(async_freed(pool), 6);
	assert_int_equal(zs_get_total_pages(pool),
			 class_for(pool, 700)->pages_per_zspage);
	assert_sound(pool);
	zs_free(pool, live);
	zs_destroy_pool(pool);
}

/* The worker thread waits for the page lock, without being told when. */
static void test_worker_waits_for_the_page_lock(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);
	unsigned long handle = must_malloc(pool, 104);
	struct zspage *zspage = zspage_of(pool, handle);
	struct page *page = page_at(zspage, 3);

	lock_page(page);
	zs_free(pool, handle);
	while (!(page_flags(page) & PG_waiters))
		sched_yield();
	assert_int_equal(async_freed(pool), 0);
	/* It has the zspage in hand, so no one else gets it. */
	handle = must_malloc(pool, 104);
	assert_ptr_not_equal(zspage_of(pool, handle), zspage);
	assert_int_equal(zs_get_total_pages(pool), 14);
	unlock_page(page);
	zs_drain(pool);
	assert_int_equal(async_freed(pool), 1);
	assert_int_equal(zs_get_total_pages(pool), 7);
	assert_sound(pool);
	zs_free(pool, handle);
	zs_destroy_pool(pool);
}

/* Destroying a pool runs what is queued, or does without. */
static void test_destroy_frees_what_waits(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long handle = must_malloc(pool, 104);
	struct page *page = page_at(zspage_of(pool, handle), 6);

	must_malloc(pool, 2000);
	lock_page(page);
	zs_free(pool, handle);
	unlock_page(page);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain_has_all_pages_in_order),
		cmocka_unit_test(test_iterator_shows_objects_in_order),
		cmocka_unit_test(test_new_free_list_is_in_index_order),
		cmocka_unit_test(test_last_freed_is_first_given),
		cmocka_unit_test(test_huge_page_is_untouched),
		cmocka_unit_test(test_without_page_there_is_no_zspage),
		cmocka_unit_test(test_trylock_is_all_or_nothing),
		cmocka_unit_test(test_lock_waits_for_each_page),
		cmocka_unit_test(test_freed_pages_are_reset),
		cmocka_unit_test(test_unlocked_zspage_is_freed_at_once),
		cmocka_unit_test(test_locked_zspage_waits_for_the_work),
		cmocka_unit_test(test_waiting_zspage_can_be_used_again),
		cmocka_unit_test(test_empty_one_is_taken_last),
		cmocka_unit_test(test_one_run_frees_all_that_wait),
		cmocka_unit_test(test_worker_waits_for_the_page_lock),
		cmocka_unit_test(test_destroy_frees_what_waits),
	};

	return run_in_every_scope(tests);
}
