/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_handle.c - handle.c and the words it owns: what makes a handle a
 * handle, and how obj is packed into its word.
 */
#include "test_util.h"

#include "compat/fault.h"
#include "handle.h"
#include "kernel/obj.h"

static int compare(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a;
	unsigned long y = *(const unsigned long *)b;

	return (x > y) - (x < y);
}

/* H1, and that nobody else has the word. */
static void test_live_handles_differ(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned int n = (unsigned int)uzs_test_scale(5000);
	unsigned long *h = calloc(n, sizeof(*h));

	assert_non_null(h);
	/* Twice: words that were in use before are as good as new ones. */
	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < n; i++) {
			h[i] = uzs_alloc_handle(pool, GFP_KERNEL);
			assert_int_not_equal(h[i], 0);
			assert_int_equal(h[i] % sizeof(long), 0);
			assert_int_equal(h[i] & OBJ_ALLOCATED_TAG, 0);
			assert_false(zs_is_err(h[i]));
			assert_int_equal(handle_to_obj(h[i]), 0);
			record_obj(h[i], ~(unsigned long)i);
		}
		for (unsigned int i = 0; i < n; i++)
			assert_int_equal(handle_to_obj(h[i]),
					 ~(unsigned long)i);
		qsort(h, n, sizeof(*h), compare);
		for (unsigned int i = 1; i < n; i++)
			assert_true(h[i] - h[i - 1] >= sizeof(long));
		for (unsigned int i = 0; i < n; i++) {
			record_obj(h[i], 0); /* as who frees the object */
			uzs_free_handle(pool, h[i]);
		}
		assert_sound(pool);
	}
	free(h);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* H2: one aligned word, nothing beside it is touched. */
static void test_record_touches_its_word_only(void **state)
{
	unsigned long words[3] = { 1, 2, 3 };

	record_obj((unsigned long)&words[1], ~0UL);
	assert_int_equal(words[0], 1);
	assert_true(words[1] == ~0UL);
	assert_int_equal(words[2], 3);
	assert_true(handle_to_obj((unsigned long)&words[1]) == ~0UL);
}

static void test_without_memory_there_is_no_handle(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long handle;

	/* A new pool has nothing: GFP_NOWAIT may not ask the OS. */
	assert_int_equal(uzs_alloc_handle(pool, GFP_NOWAIT), 0);
	uzs_fault_set(UZS_FAULT_SLAB, 1);
	assert_int_equal(uzs_alloc_handle(pool, GFP_KERNEL), 0);
	assert_int_equal(uzs_fault_seen(UZS_FAULT_SLAB), 1);
	uzs_fault_set(UZS_FAULT_SLAB, 0);
	handle = uzs_alloc_handle(pool, GFP_KERNEL);
	assert_int_not_equal(handle, 0);
	uzs_free_handle(pool, handle);
	assert_sound(pool);
	zs_destroy_pool(pool);
}

/* Most objects that any zspage of the pool has. */
static unsigned int densest(const struct zs_pool *pool)
{
	unsigned int objs = 0;

	for (unsigned int i = 0; i < pool->nr_classes; i++)
		objs = max(objs, pool->size_class[i]->objs_per_zspage);
	return objs;
}

/* Location and obj lead to each other, with every index that a zspage can
 * have, for the first and the last page of a section. */
static void test_location_and_obj_lead_to_each_other(void **state)
{
	for (unsigned int size = 4096; size <= 65536; size *= 2) {
		struct zs_pool *pool = make_pool(size, 16, ZS_POOL_NO_WORKER);
		unsigned int last = densest(pool) - 1;
		unsigned long handle = must_malloc(pool, 100);
		struct zpdesc *some =
			obj_to_zpdesc(pool, handle_to_obj(handle));
		struct section *section = uzs_section_of(some);
		unsigned int indices[] = { pool->zone.first,
					   pool->zone.nr_pages - 1 };

		assert_true(last < 1UL << pool->obj_class_shift);
		assert_true(last < OBJ_NONE);
		for (size_t i = 0; i < ARRAY_SIZE(indices); i++) {
			struct zpdesc *zpdesc = page_zpdesc(uzs_section_page(
				&pool->zone, section, indices[i]));
			unsigned long first = location_to_obj(pool, zpdesc, 0);

			for (unsigned int idx = 0; idx <= last; idx++) {
				unsigned long obj =
					location_to_obj(pool, zpdesc, idx);

				assert_ptr_equal(obj_to_zpdesc(pool, obj),
						 zpdesc);
				assert_int_equal(obj_to_index(pool, obj), idx);
				assert_true(uzs_handle_word_live(pool, obj));
				assert_int_equal(obj - first, idx);
			}
			assert_ptr_equal((char *)section +
						 (size_t)indices[i] * size,
					 zpdesc_address(pool, zpdesc));
		}
		zs_free(pool, handle);
		zs_destroy_pool(pool);
	}
}

/* A dead word is 0, or the number of a place in the slab. */
static void test_dead_word_is_0_or_a_place_in_the_slab(void **state)
{
	for (unsigned int size = 4096; size <= 65536; size *= 2) {
		struct zs_pool *pool = make_pool(size, 16, ZS_POOL_NO_WORKER);

		for (unsigned long word = 0; word <= size / sizeof(long);
		     word++)
			assert_false(uzs_handle_word_live(pool, word));
		zs_destroy_pool(pool);
	}
}

struct walk {
	unsigned long *handles; /* sorted */
	unsigned int n, seen;
	bool *found;
};

static int see(unsigned long handle, void *arg)
{
	struct walk *walk = arg;
	unsigned long *at = bsearch(&handle, walk->handles, walk->n,
				    sizeof(handle), compare);

	assert_non_null(at);
	assert_false(walk->found[at - walk->handles]);
	walk->found[at - walk->handles] = true;
	walk->seen++;
	return 0;
}

/* Exactly the live ones, after many were freed and taken again. */
static void test_live_ones_are_told(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned int n = (unsigned int)uzs_test_scale(3000);
	struct walk walk = { calloc(n, sizeof(long)), 0, 0,
			     calloc(n, sizeof(bool)) };
	struct rng rng;

	assert_non_null(walk.handles);
	assert_non_null(walk.found);
	rng_seed(&rng, 5);
	for (int round = 0; round < 5; round++) {
		while (walk.n < n)
			walk.handles[walk.n++] =
				must_malloc(pool, rng_range(&rng, 1, 200));
		/* A random half, then, in the last round, all. */
		for (unsigned int i = 0; i < walk.n;) {
			if (round < 4 && rng_below(&rng, 2)) {
				i++;
				continue;
			}
			zs_free(pool, walk.handles[i]);
			walk.handles[i] = walk.handles[--walk.n];
		}
		qsort(walk.handles, walk.n, sizeof(long), compare);
		memset(walk.found, 0, n * sizeof(bool));
		walk.seen = 0;
		assert_int_equal(zs_for_each_live(pool, see, &walk), 0);
		assert_int_equal(walk.seen, walk.n);
	}
	assert_int_equal(walk.n, 0);
	free(walk.handles);
	free(walk.found);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live_handles_differ),
		cmocka_unit_test(test_record_touches_its_word_only),
		cmocka_unit_test(test_without_memory_there_is_no_handle),
		cmocka_unit_test(test_location_and_obj_lead_to_each_other),
		cmocka_unit_test(test_dead_word_is_0_or_a_place_in_the_slab),
		cmocka_unit_test(test_live_ones_are_told),
	};

	return run_in_every_scope(tests);
}
