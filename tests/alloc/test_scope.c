/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_scope.c - scope.c: the obj word of each scope, which locks a free takes
 * and when it drops them.
 *
 * Who holds what when is seen without hooks: the test holds the lock at which
 * the free is to stop, and looks around.
 */
#include "class.h"
#include "kernel/scope.h"
#include "kernel/zspage.h"
#include "test_defer.h"
#include "test_layout.h"

/* ---- the obj word -------------------------------------------------------- */

static bool class_in_word(enum zs_lock_scope scope)
{
	return scope == ZS_SCOPE_CLASS_IDX && BITS_PER_LONG == 64;
}

/* Puts an index in the page and takes all out of the word again. */
static void check_word(struct zs_pool *pool, struct size_class *class,
		       struct zpdesc *zpdesc, unsigned int idx)
{
	unsigned long obj = location_to_obj(pool, zpdesc, idx);

	assert_ptr_equal(obj_to_zpdesc(pool, obj), zpdesc);
	assert_int_equal(obj_to_index(pool, obj), idx);
	assert_true(obj >> pool->obj_index_bits ==
		    page_to_pfn(&pool->zone, zpdesc_page(zpdesc)));
	if (pool->scope->class_in_obj)
		assert_ptr_equal(obj_to_class(pool, obj), class);
	/* No handle word that is dead, or in the hands of a slab, looks like
	 * this. */
	assert_true(uzs_handle_word_live(pool, obj));
}

/* PFN, class and index have room, whatever the geometry, and each comes back
 * out as it went in. */
static void check_words(unsigned int page_size, unsigned int chain_size)
{
	struct zs_pool *pool =
		make_pool(page_size, chain_size, ZS_POOL_NO_WORKER);
	unsigned int shift = pool->obj_class_shift;

	assert_int_equal(pool->scope->class_in_obj, class_in_word(test_scope));
	assert_int_equal(pool->obj_index_bits,
			 BITS_PER_LONG - MAX_ADDRESS_BITS + pool->page_shift);
	if (pool->scope->class_in_obj) {
		assert_true(shift + 9 <= pool->obj_index_bits);
		assert_true(pool->nr_classes - 1 <= pool->obj_class_mask);
	} else {
		assert_int_equal(shift, pool->obj_index_bits);
		assert_int_equal(pool->obj_class_mask, 0);
	}
	for (unsigned int i = 0; i < pool->nr_classes; i++) {
		struct size_class *class = pool->size_class[i];
		unsigned int last = class->objs_per_zspage - 1;
		unsigned long handle;
		struct zspage *zspage;

		if (!uzs_class_is_own(pool, i))
			continue;
		assert_true(last < 1ul << shift);
		handle = must_malloc(pool, room_of(class));
		zspage = zspage_of(pool, handle);
		assert_ptr_equal(zspage_class(pool, zspage), class);
		for (unsigned int n = 0; n < class->pages_per_zspage; n++) {
			struct page *page = page_at(zspage, n);

			check_word(pool, class, page_zpdesc(page), 0);
			check_word(pool, class, page_zpdesc(page), last / 2);
			check_word(pool, class, page_zpdesc(page), last);
		}
		/* The word is made like that, and not otherwise. */
		assert_true(handle_to_obj(handle) ==
			    location_to_obj(pool, zspage->first_zpdesc, 0));
		zs_free(pool, handle);
	}
	assert_int_equal(zs_get_total_pages(pool), 0);
	zs_destroy_pool(pool);
}

static void test_obj_word_keeps_all_its_parts(void **state)
{
	for (unsigned int chain = ZS_MIN_CHAIN_SIZE; chain <= ZS_MAX_CHAIN_SIZE;
	     chain++)
		check_words(test_page_size, chain);
	/* Those between are done once each. */
	if (test_page_size == 4096)
		for (unsigned int size = 8192; size < 65536; size *= 2)
			for (unsigned int chain = 4; chain <= 16; chain += 3)
				check_words(size, chain);
}

/* Every index of the zspage with the most objects. */
static void test_densest_zspage_fits_the_word(void **state)
{
	struct zs_pool *pool = make_pool(test_page_size, 16, ZS_POOL_NO_WORKER);
	struct size_class *class = pool->size_class[0];
	unsigned long *handles;
	unsigned int n;

	for (unsigned int i = 0; i < pool->nr_classes; i++)
		if (pool->size_class[i]->objs_per_zspage >
		    class->objs_per_zspage)
			class = pool->size_class[i];
	n = class->objs_per_zspage;
	handles = malloc_many(pool, room_of(class), n);
	for (unsigned int i = 0; i < n; i++) {
		unsigned long obj = handle_to_obj(handles[i]);

		assert_int_equal(obj_to_index(pool, obj), i);
		assert_ptr_equal(zspage_of(pool, handles[i]),
				 zspage_of(pool, handles[0]));
		check_word(pool, class, obj_to_zpdesc(pool, obj), i);
	}
	assert_sound(pool);
	for (unsigned int i = 0; i < n; i++)
		zs_free(pool, handles[i]);
	assert_empty(pool);
	free(handles);
	zs_destroy_pool(pool);
}

/* ---- which scope a pool has ---------------------------------------------- */

static void test_pool_has_the_scope_asked_for(void **state)
{
	struct zs_pool *pool = make_deferring(ZS_DEFER_NONE, 0);
	enum zs_lock_scope expected = test_scope;

	if (expected == ZS_SCOPE_CLASS_IDX && BITS_PER_LONG == 32)
		expected = ZS_SCOPE_UNLOCKED;
	assert_int_equal(zs_pool_scope(pool), expected);
	zs_destroy_pool(pool);

	pool = zs_create_pool("default");
	assert_non_null(pool);
	assert_int_equal(zs_pool_scope(pool), BITS_PER_LONG == 64
						      ? ZS_SCOPE_CLASS_IDX
						      : ZS_SCOPE_UNLOCKED);
	zs_destroy_pool(pool);
}

/* The class has 9 bits; an index in the densest zspage as many as the bits for
 * chain_size pages and for page_size / 32 objects in each. One bit less, and
 * class-idx falls back; on 32-bit machines always. */
static void test_class_idx_falls_back_where_it_does_not_fit(void **state)
{
	static struct zs_pool geometry;
	struct zs_pool *pool = &geometry;

	for (unsigned int chain = 4; chain <= 16; chain++) {
		unsigned int bits = 0, need;

		while (1u << bits < chain)
			bits++;
		pool->page_size = test_page_size;
		pool->chain_size = chain;
		pool->page_shift = ilog2(test_page_size);
		need = 9 + bits + pool->page_shift - 5;

		pool->obj_index_bits = need;
		assert_int_equal(uzs_find_scope(pool, ZS_SCOPE_CLASS_IDX)->id,
				 BITS_PER_LONG == 64 ? ZS_SCOPE_CLASS_IDX
						     : ZS_SCOPE_UNLOCKED);
		pool->obj_index_bits = need - 1;
		assert_int_equal(uzs_find_scope(pool, ZS_SCOPE_CLASS_IDX)->id,
				 ZS_SCOPE_UNLOCKED);
		/* All of a 32-bit word that the PFN leaves. */
		pool->obj_index_bits = pool->page_shift;
		assert_int_equal(uzs_find_scope(pool, ZS_SCOPE_CLASS_IDX)->id,
				 ZS_SCOPE_UNLOCKED);
		assert_int_equal(uzs_find_scope(pool, ZS_SCOPE_UNLOCKED)->id,
				 ZS_SCOPE_UNLOCKED);
		assert_int_equal(uzs_find_scope(pool, ZS_SCOPE_HELD)->id,
				 ZS_SCOPE_HELD);
		/* No room: what class-idx falls back to. */
		assert_int_equal(uzs_find_scope(pool, ZS_SCOPE_DEFAULT)->id,
				 ZS_SCOPE_UNLOCKED);
		assert_null(uzs_find_scope(
			pool, (enum zs_lock_scope)(VARIANT_LAST_SCOPE + 1)));
	}
}

/* ---- pool->lock ---------------------------------------------------------- */

/* While the test holds pool->lock for writing, as compaction does: class-idx
 * frees, the others wait. */
static void test_only_class_idx_frees_under_pool_lock(void **state)
{
	for_each_way(way)
	{
		struct zs_pool *pool =
			make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_pages(pool, 2);
		unsigned long *handles = malloc_many(pool, room_of(class), 40);
		struct helper h = { .handles = handles, .n = 40 };
		bool takes_it = !pool->scope->class_in_obj;

		write_lock(&pool->lock);
		helper_start(&h, pool, free_ways[way]);
		while (!gate_at(&h.done) && !rwlock_is_contended(&pool->lock))
			sched_yield();
		assert_int_equal(rwlock_is_contended(&pool->lock), takes_it);
		assert_int_equal(inuse(class), takes_it ? 40 : 0);
		write_unlock(&pool->lock);
		helper_join(&h);
		assert_empty(pool);
		free(handles);
		zs_destroy_pool(pool);
	}
}

/* Between finding the class and locking it pool->lock keeps the object in its
 * place; but in class-idx, where it may move. With class->lock it is dropped,
 * except by a run, which looks up the next handle under it. */
static void test_pool_lock_keeps_the_object_in_place(void **state)
{
	for_each_way(way)
	{
		struct zs_pool *pool =
			make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_pages(pool, 2);
		unsigned long *handles = malloc_many(pool, room_of(class), 2);
		struct helper h = { .handles = handles, .n = 1 };
		bool takes_it = !pool->scope->class_in_obj;

		helper_start_stopped(&h, pool, free_ways[way], class);
		assert_int_equal(write_trylock(&pool->lock), !takes_it);
		if (!takes_it)
			write_unlock(&pool->lock);
		spin_unlock(&class->lock);
		helper_join(&h);
		assert_true(write_trylock(&pool->lock));
		write_unlock(&pool->lock);
		assert_int_equal(inuse(class), 1);
		assert_sound(pool);
		zs_free(pool, handles[1]);
		assert_empty(pool);
		free(handles);
		zs_destroy_pool(pool);
	}
}

/* ---- where the pages go back --------------------------------------------- */

static void lock_zone_slots(struct zs_pool *pool)
{
	unsigned int i;

	for_each_slot(i, &pool->zone.slots) local_lock(
		&((struct zone_slot *)uzs_per_cpu(&pool->zone.slots, i))->lock);
}

static void unlock_zone_slots(struct zs_pool *pool)
{
	unsigned int i;

	for_each_slot(i, &pool->zone.slots) local_unlock(
		&((struct zone_slot *)uzs_per_cpu(&pool->zone.slots, i))->lock);
}

/* Returns when somebody gives pages back to the zone, and cannot. */
static void wait_for_page_free(struct zs_pool *pool)
{
	for (unsigned int i = 0;; i = (i + 1) % pool->zone.slots.slots) {
		const struct zone_slot *slot =
			uzs_per_cpu(&pool->zone.slots, i);

		if (READ_ONCE(slot->lock.word) & UZS_SPIN_WAITERS)
			return;
		sched_yield();
	}
}

/* The pages of an emptied zspage are given back with class->lock held in the
 * scope held, and after it in the others; and by a run after it in all. By
 * then the class does not count the zspage any more, the pool still does. */
static void test_pages_are_freed_where_the_scope_says(void **state)
{
	for_each_way(way)
	{
		struct zs_pool *pool =
			make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_pages(pool, 3);
		unsigned int objs = class->objs_per_zspage;
		unsigned int pages = class->pages_per_zspage;
		bool held = way == 0 && test_scope == ZS_SCOPE_HELD;
		unsigned long *handles =
			malloc_many(pool, room_of(class), objs + 2);
		struct helper h = { .handles = handles, .n = objs };
		struct page *first =
			page_at(zspage_of(pool, handles[0]), pages - 1);

		assert_int_equal(zs_get_total_pages(pool), 2 * pages);
		lock_zone_slots(pool);
		helper_start(&h, pool, free_ways[way]);
		wait_for_page_free(pool);
		assert_int_equal(spin_trylock(&class->lock), !held);
		assert_int_equal(READ_ONCE(class->objs_capacity), objs);
		assert_int_equal(inuse(class), 2);
		assert_int_equal(zs_get_total_pages(pool), 2 * pages);
		/* They are no pages of a zspage any more when they leave. */
		assert_false(page_flags(first) & (PG_movable | PG_locked));
		if (!held) {
			spin_unlock(&class->lock);
			/* Others go on in that class. */
			zs_free(pool, handles[objs]);
			assert_int_equal(inuse(class), 1);
			assert_false(
				zs_is_err(zs_malloc(pool, room_of(class),
						    GFP_NOWAIT, NUMA_NO_NODE)));
			assert_int_equal(inuse(class), 2);
			assert_int_equal(READ_ONCE(class->objs_capacity), objs);
		}
		unlock_zone_slots(pool);
		helper_join(&h);
		assert_int_equal(zs_get_total_pages(pool), pages);
		assert_int_equal(class->objs_capacity, objs);
		assert_sound(pool);
		free(handles);
		assert_int_equal(zs_destroy_pool(pool), 2);
	}
}

/* A run holds class->lock over several handles, but not over any number. */
static void test_runs_have_a_bounded_length(void **state)
{
	struct zs_pool *pool = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	struct size_class *class = pool->size_class[pool->nr_classes - 1];
	unsigned long *handles = malloc_many(pool, room_of(class), 500);
	struct helper h = { .handles = handles, .n = 500 };

	/* Each empties a zspage, so that the first run stops at its end. */
	assert_true(class->huge);
	lock_zone_slots(pool);
	helper_start(&h, pool, help_free_run);
	wait_for_page_free(pool);
	assert_in_range(500 - inuse(class), 2, 250);
	assert_int_equal(READ_ONCE(class->objs_capacity), inuse(class));
	assert_int_equal(zs_get_total_pages(pool), 500);
	unlock_zone_slots(pool);
	helper_join(&h);
	assert_empty(pool);
	free(handles);
	zs_destroy_pool(pool);
}

#define MIXED_OBJS 3000u
#define MIXED_FREED 2000u /* several times what is sorted at once */

/* Objects of many classes, a part of them freed at random: one by one, or all
 * at once. The layout has numbers of objects instead of handles. */
static void layout_after_free(struct layout *layout, bool at_once)
{
	struct zs_pool *pool = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	unsigned long handles[MIXED_OBJS], order[MIXED_OBJS];
	struct rng rng;

	rng_seed(&rng, 1);
	for (unsigned int i = 0; i < MIXED_OBJS; i++) {
		handles[i] = must_malloc(pool, rng_range(&rng, 1, 4096));
		order[i] = handles[i];
	}
	for (unsigned int i = 0; i < MIXED_FREED; i++) {
		unsigned int other = rng_range(&rng, i, MIXED_OBJS - 1);
		unsigned long handle = order[other];

		order[other] = order[i];
		order[i] = handle;
	}
	if (at_once)
		uzs_free_many(pool, order, MIXED_FREED);
	for (unsigned int i = 0; i < MIXED_FREED && !at_once; i++)
		zs_free(pool, order[i]);
	assert_sound(pool);
	layout_take(layout, pool);
	for (size_t w = 0; w < layout->n; w++)
		for (unsigned int i = 0; i < MIXED_OBJS; i++)
			if (layout->words[w] == handles[i])
				layout->words[w] = i;
	assert_int_equal(zs_destroy_pool(pool), MIXED_OBJS - MIXED_FREED);
}

/* Sorted by class or not: each class is left as if they had been freed one by
 * one, lists and all. */
static void test_runs_leave_classes_as_single_frees(void **state)
{
	struct layout one_by_one = { 0 }, at_once = { 0 };

	layout_after_free(&one_by_one, false);
	layout_after_free(&at_once, true);
	assert_true(layout_same(&one_by_one, &at_once));
	layout_drop(&one_by_one);
	layout_drop(&at_once);
}

/* ---- emptied while a page is locked -------------------------------------- */

/* Whichever page it is, and however it was freed: the zspage stays in group 0,
 * counted, for the work, or for the next who allocates. */
static void check_page_locked(size_t way, bool taken_again)
{
	struct zs_pool *pool = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	struct size_class *class = class_of_pages(pool, 3);
	unsigned int pages = class->pages_per_zspage;
	unsigned long async = 0;

	for (unsigned int busy = 0; busy < pages; busy++) {
		unsigned long handle = must_malloc(pool, room_of(class));
		struct zspage *zspage = zspage_of(pool, handle);
		struct page *page = page_at(zspage, busy);
		struct helper h = { .pool = pool, .handles = &handle, .n = 1 };

		lock_page(page);
		free_ways[way](&h);
		assert_int_equal(class->groups->zspages[ZS_INUSE_RATIO_0], 1);
		assert_ptr_equal(class->groups->list[ZS_INUSE_RATIO_0].next,
				 &zspage->list);
		assert_int_equal(class->objs_inuse, 0);
		assert_int_equal(class->objs_capacity, class->objs_per_zspage);
		assert_int_equal(zs_get_total_pages(pool), pages);
		assert_true(work_pending(&pool->free_work));
		/* All or none: the others are not locked. */
		for (unsigned int i = 0; i < pages; i++)
			assert_int_equal(PageLocked(page_at(zspage, i)),
					 i == busy);
		assert_sound(pool);
		if (taken_again) {
			handle = must_malloc(pool, room_of(class));
			assert_ptr_equal(zspage_of(pool, handle), zspage);
			assert_int_equal(zs_drain(pool), 1);
			unlock_page(page);
			h.handles = &handle;
			free_ways[way](&h);
		} else {
			unlock_page(page);
			assert_int_equal(zs_drain(pool), 1);
			async++;
		}
		assert_int_equal(info_of(pool).zspages_async_freed, async);
		assert_empty(pool);
	}
	zs_destroy_pool(pool);
}

static void test_locked_page_leaves_zspage_to_the_work(void **state)
{
	for_each_way(way)
	{
		check_page_locked(way, false);
		check_page_locked(way, true);
	}
}

/* L2: from before class->lock is dropped until each page is reset its lock is
 * held, and nobody else finds the zspage: neither migration nor compaction,
 * the work or who allocates. */
static void test_detached_is_left_alone(void **state)
{
	struct zs_pool *pool = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	struct size_class *class = class_of_pages(pool, 3);
	unsigned int pages = class->pages_per_zspage, n = 0;
	unsigned int crowd =
		(unsigned int)(3 * UZS_SECTION_SIZE / pool->page_size);
	unsigned long *handles = malloc_many(pool, pool->page_size, crowd);
	unsigned long handle = must_malloc(pool, room_of(class)), total;
	struct page *page[ZS_MAX_CHAIN_SIZE];
	struct zspage *zspage = zspage_of(pool, handle);

	for (unsigned int i = 0; i < crowd; i++)
		if (i % 16)
			zs_free(pool, handles[i]);
		else
			n++;
	for (unsigned int i = 0; i < pages; i++)
		page[i] = page_at(zspage, i);
	/* Emptied, and then as between the two halves of freeing it. */
	lock_page(page[0]);
	zs_free(pool, handle);
	unlock_page(page[0]);
	spin_lock(&class->lock);
	assert_true(uzs_detach_zspage(class, zspage));
	spin_unlock(&class->lock);
	uzs_park_locks(); /* another thread's */
	assert_int_equal(class->objs_capacity, 0);
	assert_int_equal(class->groups->zspages[ZS_INUSE_RATIO_0], 0);
	total = zs_get_total_pages(pool);
	assert_int_equal(total, n + pages);
	for (unsigned int i = 0; i < pages; i++)
		assert_false(trylock_page(page[i]));

	zs_trim(pool);
	assert_true(info_of(pool).pages_migrated > 0);
	zs_compact(pool);
	assert_true(work_pending(&pool->free_work));
	zs_drain(pool);
	assert_int_equal(info_of(pool).zspages_async_freed, 0);
	handle = must_malloc(pool, room_of(class));
	assert_ptr_not_equal(zspage_of(pool, handle), zspage);
	for (unsigned int i = 0; i < pages; i++) {
		assert_ptr_equal(page_at(zspage, i), page[i]);
		assert_true(PageLocked(page[i]));
		assert_ptr_equal(page_zpdesc(page[i])->zspage, zspage);
	}
	assert_int_equal(zs_get_total_pages(pool), total + pages);

	uzs_release_zspage(pool, class, zspage);
	assert_int_equal(zs_get_total_pages(pool), total);
	for (unsigned int i = 0; i < pages; i++)
		assert_false(page_flags(page[i]) & (PG_movable | PG_locked));
	assert_sound(pool);
	zs_trim(pool);
	assert_sound(pool);
	free(handles);
	assert_int_equal(zs_destroy_pool(pool), n + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_obj_word_keeps_all_its_parts),
		cmocka_unit_test(test_densest_zspage_fits_the_word),
		cmocka_unit_test(test_pool_has_the_scope_asked_for),
		cmocka_unit_test(
			test_class_idx_falls_back_where_it_does_not_fit),
		cmocka_unit_test(test_only_class_idx_frees_under_pool_lock),
		cmocka_unit_test(test_pool_lock_keeps_the_object_in_place),
		cmocka_unit_test(test_pages_are_freed_where_the_scope_says),
		cmocka_unit_test(test_runs_have_a_bounded_length),
		cmocka_unit_test(test_runs_leave_classes_as_single_frees),
		cmocka_unit_test(test_locked_page_leaves_zspage_to_the_work),
		cmocka_unit_test(test_detached_is_left_alone),
	};

	return run_in_every_variant(tests);
}
