/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_reuse_pool.c - reuse.c and the rest of a pool: flush and destruction,
 * the memory limit, objects that move while they are kept, another deferral.
 *
 * usage: test_reuse_pool [PATTERN]: the tests whose names match, * and ?.
 */
#include "test_system.h"

#include "kernel/migrate.h"
#include "test_reuse.h"

#include <errno.h>

#include "compat/fault.h"

/* ---- flush and destruction ----------------------------------------------- */

/* Every class, staged or not, taken meanwhile or not. */
static void test_flush_frees_all_that_is_kept(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	unsigned long queued = 0, taken = 0;

	zs_free_deferred_flush(pool);
	assert_nothing_left(pool);
	for (unsigned int round = 0; round < 3 * STAGED; round++) {
		unsigned long *h[NR_SIZES];

		for (unsigned int s = 0; s < NR_SIZES; s++) {
			unsigned int n = round % (s + 3);

			h[s] = malloc_many(pool, nth_size(s), n + 1);
			keep(pool, h[s], n);
			queued += n;
		}
		for (unsigned int s = 0; s < NR_SIZES; s++) {
			unsigned int kept = stack_of(pool, nth_size(s))->nr;

			if (kept) {
				zs_free(pool, must_malloc(pool, nth_size(s)));
				taken++;
			}
		}
		assert_int_equal(info_of(pool).deferred_reused, taken);
		zs_free_deferred_flush(pool);
		assert_kept(pool, 0);
		assert_int_equal(info_of(pool).deferred_queued, queued);
		assert_int_equal(info_of(pool).objs_inuse, NR_SIZES);
		for (unsigned int s = 0; s < NR_SIZES; s++) {
			zs_free(pool, h[s][round % (s + 3)]);
			free(h[s]);
		}
		assert_nothing_left(pool);
	}
	assert_true(taken > 0);
	zs_destroy_pool(pool);
}

/* Only what really is live counts. (A worker may just have the slot; then an
 * object is freed at once.) */
static void test_only_live_objects_count_at_the_end(void **state)
{
	for (unsigned int n = 0; n <= 2 * STAGED; n++) {
		struct zs_pool *pool =
			make_reuse(n % 2 ? 0 : ZS_POOL_NO_WORKER);
		unsigned long *h = malloc_many(pool, 1000, 20);

		for (unsigned int i = 0; i < n; i++)
			zs_free_deferred(pool, h[i]);
		assert_int_equal(zs_destroy_pool(pool), 20 - n);
		free(h);
	}
}

/* Statistics and walks show what is kept as in use, as the header says. */
static void test_kept_objects_are_shown_in_use(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	unsigned long *h = malloc_many(pool, 1000, 12);
	struct live live;

	keep(pool, h, 10);
	live = live_of(pool, h, 12);
	assert_int_equal(live.total, 12);
	for (unsigned int i = 0; i < 12; i++)
		assert_true(live.seen[i]);
	zs_free_deferred_flush(pool);
	live = live_of(pool, h, 12);
	assert_int_equal(live.total, 2);
	for (unsigned int i = 0; i < 12; i++)
		assert_int_equal(live.seen[i], i >= 10);
	assert_int_equal(zs_destroy_pool(pool), 2);
	free(h);
}

/* ---- memory limit -------------------------------------------------------- */

/* Objects of a page each, until no more fits, then with 12 of them kept. */
static struct zs_pool *make_full(unsigned long *kept)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;
	unsigned int n = 0;

	o.page_size = test_page_size;
	o.lock_scope = test_scope;
	o.defer = ZS_DEFER_REUSE;
	o.flags = ZS_POOL_NO_WORKER;
	o.memory_limit = (size_t)12 << 20;
	pool = zs_create_pool_with("limited", &o);
	assert_non_null(pool);
	one_cpu(pool);
	for (;; n++) {
		unsigned long handle = zs_malloc(pool, test_page_size,
						 GFP_KERNEL, NUMA_NO_NODE);

		if (zs_is_err(handle))
			break;
		kept[n % 12] = handle;
	}
	assert_true(n > 12);
	keep(pool, kept, 12);
	assert_kept(pool, 12);
	return pool;
}

static long malloc_fails(struct zs_pool *pool, size_t size, gfp_t gfp)
{
	unsigned long handle = zs_malloc(pool, size, gfp, NUMA_NO_NODE);

	return zs_is_err(handle) ? zs_err(handle) : 0;
}

static void help_malloc(struct helper *h)
{
	h->result = zs_malloc(h->pool, h->result, GFP_KERNEL, NUMA_NO_NODE);
}

/* What is kept does not stand in the way of other classes. */
static void test_malloc_gets_what_is_kept(void **state)
{
	struct helper h = { 0 };
	size_t other = nth_size(2);
	unsigned long kept[12];
	struct zs_pool *pool = make_full(kept);
	unsigned long resident = info_of(pool).bytes_resident;
	unsigned long live = info_of(pool).objs_inuse - 12;
	struct reuse_slot *slot = uzs_per_cpu(&pool->reuse.slots, 0);

	assert_true(resident <= (size_t)12 << 20);
	/* The same class has no need of memory. */
	assert_int_equal(zs_malloc(pool, test_page_size, GFP_NOWAIT,
				   NUMA_NO_NODE),
			 kept[3]);
	keep(pool, kept + 3, 1);
	/* Who may not wait gets what is there. */
	assert_int_equal(malloc_fails(pool, other, GFP_NOWAIT), -ENOMEM);
	assert_kept(pool, 12);
	/* The slot is another's for a moment: that is waited for. */
	lock_queue(pool);
	h.result = other;
	helper_start(&h, pool, help_malloc);
	while (!gate_at(&h.done) && !spin_is_contended(&slot->lock.spin))
		sched_yield();
	assert_false(gate_at(&h.done));
	unlock_queue(pool);
	helper_join(&h);
	assert_false(zs_is_err(h.result));
	assert_kept(pool, 0);
	assert_int_equal(info_of(pool).objs_inuse, live + 1);
	assert_true(info_of(pool).bytes_resident <= resident);
	assert_int_equal(zs_destroy_pool(pool), live + 1);
}

/* Nothing is kept: the answer is the same as ever. */
static void test_with_nothing_kept_the_answer_is_the_same(void **state)
{
	unsigned long kept[12];
	struct zs_pool *pool = make_full(kept);
	unsigned int n = 0;

	while (!malloc_fails(pool, test_page_size, GFP_KERNEL))
		n++;
	assert_int_equal(n, 12);
	assert_kept(pool, 0);
	assert_int_equal(malloc_fails(pool, test_page_size, GFP_KERNEL),
			 -ENOMEM);
	assert_false(uzs_reuse_flush(pool));
	zs_destroy_pool(pool);
}

/* ---- objects that move while they are kept ------------------------------- */

/* Where each of them is. */
static void note_places(const unsigned long *handles, unsigned int n,
			unsigned long *places)
{
	for (unsigned int i = 0; i < n; i++)
		places[i] = handle_to_obj(handles[i]);
}

static unsigned int count_moved(const unsigned long *handles, unsigned int n,
				const unsigned long *places)
{
	unsigned int moved = 0;

	for (unsigned int i = 0; i < n; i++)
		moved += handle_to_obj(handles[i]) != places[i];
	return moved;
}

/* All of them are taken, in reverse, and hold what is written to them, as
 * others do that were there. */
static void take_and_fill(struct zs_pool *pool, size_t size,
			  const unsigned long *kept, unsigned int n,
			  const unsigned long *others, unsigned int nr_others)
{
	for (unsigned int i = n; i-- > 0;) {
		must_take(pool, size, kept[i]);
		assert_true(object_fill(pool, kept[i], size, i));
	}
	for (unsigned int i = 0; i < n; i++)
		assert_true(object_ok(pool, kept[i], size, i));
	for (unsigned int i = 0; i < nr_others; i++)
		assert_true(object_ok(pool, others[i], size, 1000 + i));
	assert_sound(pool);
}

/* Of each zspage some objects are kept, some are live, the rest is free. */
static void test_kept_objects_are_compacted(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	struct size_class *class = class_of_few(pool, 3);
	unsigned int objs = class->objs_per_zspage, n = 0, nr_live = 0;
	unsigned int most = most_kept(pool, class);
	unsigned long *h = malloc_many(pool, room_of(class), 6 * objs);
	unsigned long kept[REUSE_KEPT], places[REUSE_KEPT];
	unsigned long *live = calloc(6 * objs, sizeof(*live));

	assert_non_null(live);
	for (unsigned int i = 0; i < 6 * objs; i++) {
		if (i % 4 == 0 && n < most) {
			kept[n++] = h[i];
		} else if (i % 4 == 2) {
			assert_true(object_fill(pool, h[i], room_of(class),
						1000 + nr_live));
			live[nr_live++] = h[i];
		} else {
			zs_free(pool, h[i]);
		}
	}
	keep(pool, kept, n);
	unstage(pool);
	note_places(kept, n, places);
	assert_true(zs_compact(pool) > 0);
	assert_true(count_moved(kept, n, places) > 0);
	assert_kept(pool, n + STAGED);
	take_and_fill(pool, room_of(class), kept, n, live, nr_live);
	/* Again, and freed where they are now. */
	keep(pool, kept, n);
	zs_compact(pool);
	zs_free_deferred_flush(pool);
	assert_kept(pool, 0);
	assert_int_equal(inuse(class), nr_live);
	for (unsigned int i = 0; i < nr_live; i++)
		zs_free(pool, live[i]);
	assert_nothing_left(pool);
	zs_destroy_pool(pool);
	free(live);
	free(h);
}

/* Objects of a page each, a third of them live and some kept: zs_trim moves
 * their pages together. */
static void test_kept_objects_are_trimmed(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	unsigned int objs =
		(unsigned int)(3 * UZS_SECTION_SIZE / 2) / test_page_size;
	unsigned long *h = malloc_many(pool, test_page_size, objs);
	unsigned long kept[4], places[4];
	unsigned int n = 0, nr_live = 0;

	for (unsigned int i = 0; i < objs; i++) {
		if (i % 3 == 0) {
			assert_true(object_fill(pool, h[i], test_page_size,
						1000 + nr_live));
			h[nr_live++] = h[i];
		} else if (i > n * (objs - 1) / 3 && n < 4) {
			kept[n++] = h[i];
		} else if (i + 2 >= objs && n < 4) {
			kept[n++] = h[i];
		} else {
			zs_free(pool, h[i]);
		}
	}
	assert_int_equal(n, 4);
	keep(pool, kept, n);
	unstage(pool);
	note_places(kept, n, places);
	zs_trim(pool);
	assert_true(info_of(pool).pages_migrated > 0);
	assert_true(count_moved(kept, n, places) > 0);
	assert_kept(pool, n + STAGED);
	take_and_fill(pool, test_page_size, kept, n, h, nr_live);
	zs_free_deferred_flush(pool);
	assert_int_equal(zs_destroy_pool(pool), n + nr_live);
	free(h);
}

/* Pages of what is kept are moved one by one, staged or not. */
static void test_pages_of_kept_objects_migrate(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	struct zone *zone = &pool->zone;
	struct size_class *class = class_of_few(pool, 2);
	unsigned int n = min(most_kept(pool, class), 5u);
	unsigned long *h = malloc_many(pool, room_of(class), n);

	keep(pool, h, n);
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < n; i++) {
			struct page *src =
				page_at(zspage_of(pool, h[i]), i % 2);
			struct page *dst =
				alloc_page(zone, GFP_KERNEL, MIGRATE_MOVABLE);

			assert_non_null(dst);
			lock_page(src);
			lock_page(dst);
			assert_true(uzs_movable_ops.isolate_page(zone, src));
			assert_int_equal(uzs_movable_ops.migrate_page(zone, dst,
								      src),
					 0);
			unlock_page(dst);
			unlock_page(src);
			__free_page(zone, src);
			assert_ptr_equal(page_at(zspage_of(pool, h[i]), i % 2),
					 dst);
		}
		assert_sound(pool);
		if (!round)
			unstage(pool);
	}
	take_and_fill(pool, room_of(class), h, n, NULL, 0);
	zs_free_deferred_flush(pool);
	assert_int_equal(zs_destroy_pool(pool), n);
	free(h);
}

/* ---- another deferral ---------------------------------------------------- */

/* Per-CPU buffers, asked for later: nothing stays kept, nor is kept or taken
 * any more; the counters go on. */
static void test_buffers_end_keeping(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	unsigned long *h = malloc_many(pool, 1000, 10);
	size_t mapped = info_of(pool).bytes_mapped;

	keep(pool, h, 5);
	unstage(pool);
	keep(pool, h + 5, 4);
	must_take(pool, 1000, h[4]);
	/* It fails, and all is as before but that nothing is kept. */
	uzs_fault_set(UZS_FAULT_OS, 1);
	assert_int_equal(zs_pool_enable_deferred_free(pool, NULL, NULL),
			 -ENOMEM);
	uzs_fault_set(UZS_FAULT_OS, 0);
	assert_int_equal(info_of(pool).bytes_mapped, mapped);
	assert_int_equal(pool->deferred.mode, ZS_DEFER_REUSE);
	zs_free_deferred_flush(pool);
	assert_kept(pool, 0);
	keep(pool, h + 4, 1);
	unstage(pool);
	must_take(pool, 1000, h[4]);
	assert_int_equal(zs_pool_enable_deferred_free(pool, NULL, NULL), 0);
	assert_kept(pool, 0);
	assert_int_equal(info_of(pool).objs_inuse, 2);
	assert_true(info_of(pool).bytes_mapped >= mapped + (256 << 10));
	one_cpu(pool);
	assert_true(zs_free_deferred(pool, h[4]));
	assert_true(zs_defer_push(pool, h[9]));
	assert_int_equal(slot_of(pool, 0)->buf->count, 2);
	h[5] = h[9];
	zs_free(pool, must_malloc_new(pool, 1000, h + 4, 2));
	assert_int_equal(info_of(pool).objs_inuse, 2);
	zs_free_deferred_flush(pool);
	assert_counts(pool, 9 + STAGED + 1 + STAGED + 2, 0, 0,
		      9 + 2 * STAGED + 1, 0);
	assert_int_equal(info_of(pool).deferred_reused, 2);
	assert_int_equal(zs_pool_enable_deferred_free(pool, NULL, NULL),
			 -EBUSY);
	/* The look that was due finds nothing. */
	zs_drain(pool);
	assert_false(look_due(pool));
	assert_nothing_left(pool);
	free(h);
	zs_destroy_pool(pool);
}

static void help_enable(struct helper *h)
{
	h->result = (unsigned long)-zs_pool_enable_deferred_free(h->pool, NULL,
								 NULL);
}

/* Others may allocate meanwhile: they take what is kept, or something else. */
static void test_malloc_beside_enable_loses_nothing(void **state)
{
	for (int round = uzs_test_scale(20); round > 0; round--) {
		struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
		unsigned long *h = malloc_many(pool, 1000, 15);
		struct helper enabler = { 0 };
		unsigned long live = 0, taken;

		keep(pool, h, 15);
		helper_start(&enabler, pool, help_enable);
		do {
			assert_true(object_fill(pool, must_malloc(pool, 1000),
						1000, live));
			live++;
		} while (!gate_at(&enabler.done));
		helper_join(&enabler);
		assert_int_equal(enabler.result, 0);
		taken = info_of(pool).deferred_reused;
		assert_true(taken <= 15);
		assert_int_equal(info_of(pool).deferred_drained, 15 - taken);
		assert_kept(pool, 0);
		assert_int_equal(zs_destroy_pool(pool), live);
		free(h);
	}
}

/* What is kept costs memory of its own, which is counted. */
static void test_memory_of_what_is_kept_is_counted(void **state)
{
	struct zs_pool *none = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	struct zs_pool *pool =
		make_deferring(ZS_DEFER_REUSE, ZS_POOL_NO_WORKER);
	size_t more = info_of(pool).bytes_mapped - info_of(none).bytes_mapped;

	assert_true(more >= pool->reuse.slots.slots * pool->nr_classes *
				    sizeof(struct reuse_stack));
	assert_int_equal(more, pool->reuse.mem_bytes);
	assert_int_equal(info_of(pool).bytes_resident -
				 info_of(none).bytes_resident,
			 more);
	zs_destroy_pool(pool);
	zs_destroy_pool(none);
}

/* The least limit that is accepted is enough for one object of any size. */
static void test_least_limit_holds_an_object(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool = NULL;

	o.page_size = test_page_size;
	o.lock_scope = test_scope;
	o.defer = ZS_DEFER_REUSE;
	while (!pool) {
		o.memory_limit += 4096;
		pool = zs_create_pool_with("least", &o);
		if (!pool)
			assert_int_equal(errno, EINVAL);
	}
	for (unsigned int n = 0; n < NR_SIZES; n++)
		zs_free_deferred(pool, must_malloc(pool, nth_size(n)));
	zs_destroy_pool(pool);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least_limit_holds_an_object),
		cmocka_unit_test(test_flush_frees_all_that_is_kept),
		cmocka_unit_test(test_only_live_objects_count_at_the_end),
		cmocka_unit_test(test_kept_objects_are_shown_in_use),
		cmocka_unit_test(test_malloc_gets_what_is_kept),
		cmocka_unit_test(test_with_nothing_kept_the_answer_is_the_same),
		cmocka_unit_test(test_kept_objects_are_compacted),
		cmocka_unit_test(test_kept_objects_are_trimmed),
		cmocka_unit_test(test_pages_of_kept_objects_migrate),
		cmocka_unit_test(test_buffers_end_keeping),
		cmocka_unit_test(test_malloc_beside_enable_loses_nothing),
		cmocka_unit_test(test_memory_of_what_is_kept_is_counted),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return run_in_every_variant(tests);
}
