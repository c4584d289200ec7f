/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_class.c - class.c and geometry.c: the class table against its
 * definition, fullness groups, and the lists that decide which zspage is
 * chosen. No pool is made: a table needs no pages, and a list no objects.
 * (conformance/ compares with the tables of the real allocator.)
 */
#include "test_util.h"

#include "class.h"
#include "kernel/geometry.h"
#include "kernel/plan.h"
#include "profile.h"

/* A geometry and its class table, and nothing else of a pool. */
struct table {
	struct zs_pool *pool;
	struct size_class *classes;
	unsigned int distinct;
};

static void *zeroed(size_t size)
{
	void *mem = aligned_alloc(128, ALIGN(size, 128));

	assert_non_null(mem);
	return memset(mem, 0, size);
}

static struct table make_planned(unsigned int page_size,
				 unsigned int chain_size, size_t expected)
{
	struct table t;

	t.pool = zeroed(sizeof(*t.pool) +
			ZS_MAX_CLASSES * sizeof(t.pool->size_class[0]));
	t.pool->profile = &uzs_kernel_profile;
	t.pool->page_size = page_size;
	t.pool->chain_size = chain_size;
	t.pool->expected_bytes = expected;
	uzs_plan_geometry(t.pool);
	t.distinct = uzs_count_distinct_classes(t.pool);
	t.classes = zeroed(uzs_classes_bytes(t.pool));
	uzs_init_classes(t.pool, t.classes);
	return t;
}

static struct table make_table(unsigned int page_size, unsigned int chain_size)
{
	return make_planned(page_size, chain_size, 0);
}

static void drop_table(struct table *t)
{
	free(t->classes);
	free(t->pool);
}

#define for_each_geometry(page_size, chain_size)                    \
	for (unsigned int page_size = 4096; page_size <= 65536;     \
	     page_size *= 2)                                        \
		for (unsigned int chain_size = 4; chain_size <= 16; \
		     chain_size++)

/* ---- the table ----------------------------------------------------------- */

static void test_constants_follow_the_geometry(void **state)
{
	for_each_geometry(page_size, chain_size) {
		struct table t = make_table(page_size, chain_size);
		unsigned int delta = page_size / 256;
		/* An object index and a PFN share the obj word. */
		unsigned int index_bits =
			(unsigned int)(8 * sizeof(long)) -
			((sizeof(long) == 8 ? 52 : 32) - t.pool->page_shift);

		assert_int_equal(1u << t.pool->page_shift, page_size);
		assert_int_equal(1u << t.pool->class_delta_shift, delta);
		assert_int_equal(t.pool->obj_index_bits, index_bits);
		assert_int_equal(t.pool->min_alloc_size, 32);
		assert_int_equal(t.pool->nr_classes,
				 (page_size - 32 + delta - 1) / delta + 1);
		assert_true(t.pool->nr_classes <= ZS_MAX_CLASSES);
		drop_table(&t);
	}
}

/* The definition, in other words than the code's: of all zspages that waste
 * as little as can be, the shortest. */
static void test_zspage_wastes_least_then_is_shortest(void **state)
{
	for_each_geometry(page_size, chain_size) {
		unsigned int delta = page_size / 256;

		for (unsigned int size = 32; size <= page_size; size += delta) {
			unsigned int got = uzs_pages_per_zspage(size, page_size,
								chain_size);
			unsigned int waste = got * page_size % size;

			assert_in_range(got, 1, chain_size);
			if (!(size & (size - 1))) {
				assert_int_equal(got, 1);
				continue;
			}
			for (unsigned int p = 1; p <= chain_size; p++) {
				assert_true(p * page_size % size >= waste);
				if (p < got)
					assert_true(p * page_size % size >
						    waste);
			}
		}
	}
}

/* Not left to the definition: figures one can work out by hand. */
static void test_classes_worked_out_by_hand(void **state)
{
	/* 3 * 4096 = 256 * 48; one page of 4096 would waste 16. */
	assert_int_equal(uzs_pages_per_zspage(48, 4096, 8), 3);
	assert_int_equal(uzs_pages_per_zspage(32, 4096, 8), 1);
	assert_int_equal(uzs_pages_per_zspage(2048, 4096, 8), 1);
	assert_int_equal(uzs_pages_per_zspage(4096, 4096, 8), 1);
	/* 2720 * 3 = 8160: 32 wasted in two pages; 0 only in 85. */
	assert_int_equal(uzs_pages_per_zspage(2720, 4096, 8), 2);
	/* Larger than half a page and alone in it: nothing to gain. */
	assert_int_equal(uzs_pages_per_zspage(4080, 4096, 16), 1);
	/* 3264 * 5 = 16320 in 4 pages, what chain size 4 can do at most. */
	assert_int_equal(uzs_pages_per_zspage(3264, 4096, 4), 4);
}

/* Every index: its class is the largest index of those with its geometry, all
 * in one run; no two classes next to each other have the same one. */
static void test_classes_of_one_geometry_are_merged(void **state)
{
	for_each_geometry(page_size, chain_size) {
		struct table t = make_table(page_size, chain_size);
		unsigned int delta = page_size / 256, distinct = 0;
		struct size_class *above = NULL;

		for (unsigned int i = t.pool->nr_classes; i-- > 0;) {
			unsigned int size = min(32 + i * delta, page_size);
			unsigned int pages = uzs_pages_per_zspage(
				size, page_size, chain_size);
			unsigned int objs = pages * page_size / size;
			struct size_class *class = t.pool->size_class[i];

			assert_non_null(class);
			assert_int_equal(class->pages_per_zspage, pages);
			assert_int_equal(class->objs_per_zspage, objs);
			assert_int_equal(class->huge, pages == 1 && objs == 1);
			assert_int_equal(uzs_class_is_own(t.pool, i),
					 class != above);
			if (class == above) {
				assert_true(class->size > size);
				continue;
			}
			if (above)
				assert_false(above->pages_per_zspage == pages &&
					     above->objs_per_zspage == objs);
			assert_int_equal(class->index, i);
			assert_int_equal(class->size, size);
			assert_ptr_equal(class, &t.classes[distinct]);
			for (int g = 0; g < NR_FULLNESS_GROUPS; g++)
				assert_true(
					list_empty(&class->groups->list[g]));
			above = class;
			distinct++;
		}
		assert_int_equal(distinct, t.distinct);
		drop_table(&t);
	}
}

/* The watermark less 1 lands in a class of several objects or pages, the
 * watermark itself not. Sizes are requests: without the handle word. */
static void test_huge_class_size_is_the_watermark(void **state)
{
	for_each_geometry(page_size, chain_size) {
		struct table t = make_table(page_size, chain_size);
		size_t mark = t.pool->huge_class_size;

		assert_in_range(mark, page_size / 2, page_size);
		for (size_t size = mark - page_size / 256; size <= page_size;
		     size++) {
			unsigned int i =
				uzs_class_index(t.pool, size + ZS_HANDLE_SIZE);
			struct size_class *class = t.pool->size_class[i];

			assert_int_equal(class->huge, size >= mark);
		}
		drop_table(&t);
	}
}

/* Of all indices whose class is large enough, the smallest; for a request
 * that is too large with its handle word, the last. */
static void test_class_is_the_smallest_that_fits(void **state)
{
	for_each_geometry(page_size, chain_size) {
		struct table t = make_table(page_size, chain_size);
		unsigned int delta = page_size / 256, i = 0;
		size_t step = chain_size == 8 ? 1 : 7;

		assert_int_equal(uzs_class_index(t.pool, 0), 0);
		for (size_t size = 1; size <= page_size + ZS_HANDLE_SIZE;
		     size += step) {
			while (i < t.pool->nr_classes - 1 &&
			       32 + i * delta < size)
				i++;
			assert_int_equal(uzs_class_index(t.pool, size), i);
		}
		assert_int_equal(uzs_class_index(t.pool, SIZE_MAX / 2),
				 t.pool->nr_classes - 1);
		drop_table(&t);
	}
}

/* Largest first, every index once, told whether it shares the one before. */
struct seen {
	const struct zs_pool *pool;
	unsigned int next; /* index + 1 */
	unsigned int own;
};

static void see(const struct class_geometry *g, void *arg)
{
	struct seen *seen = arg;

	assert_int_equal(g->index, seen->next - 1);
	seen->next = g->index;
	assert_int_equal(g->size,
			 min(32 + g->index * (seen->pool->page_size / 256),
			     seen->pool->page_size));
	assert_int_equal(g->merged, !uzs_class_is_own(seen->pool, g->index));
	seen->own += !g->merged;
}

static void test_walk_shows_each_class_once(void **state)
{
	for_each_geometry(page_size, chain_size) {
		struct table t = make_table(page_size, chain_size);
		struct seen seen = { t.pool, t.pool->nr_classes, 0 };

		uzs_walk_geometry(t.pool, see, &seen);
		assert_int_equal(seen.next, 0);
		assert_int_equal(seen.own, t.distinct);
		drop_table(&t);
	}
}

/* ---- fullness groups ----------------------------------------------------- */

static unsigned int group_of(unsigned int inuse, unsigned int objs)
{
	struct size_class class = { .objs_per_zspage = objs };

	return uzs_fullness_group(&class, inuse);
}

static void test_group_follows_the_share_in_use(void **state)
{
	/* The densest zspage there is: 16 pages of 64 KiB, 288 bytes. */
	for (unsigned int objs = 1; objs <= 16 * 65536 / 288; objs++) {
		assert_int_equal(group_of(0, objs), 0);
		assert_int_equal(group_of(objs, objs), 11);
		for (unsigned int inuse = 1; inuse < objs; inuse++) {
			unsigned int percent = 100 * inuse / objs;
			unsigned int group = group_of(inuse, objs);

			/* Group g has 10 (g - 1) to 10 g - 1 percent. */
			if (group < 1 || group > 10 ||
			    percent < 10 * (group - 1) || percent >= 10 * group)
				fail_msg("%u of %u objects: group %u", inuse,
					 objs, group);
		}
	}
	assert_int_equal(group_of(1, 2), 6);
	assert_int_equal(group_of(1, 3), 4);
	assert_int_equal(group_of(2, 3), 7);
	assert_int_equal(group_of(1, 10), 2);
	assert_int_equal(group_of(9, 10), 10);
	assert_int_equal(group_of(1, 128), 1);
	assert_int_equal(group_of(127, 128), 10);
	/* Each division drops its rest: 9.99 % is group 1. */
	assert_int_equal(group_of(99, 991), 1);
	assert_int_equal(group_of(100, 1000), 2);
}

static void test_freeable_pages_are_of_whole_zspages(void **state)
{
	struct size_class class = { .objs_per_zspage = 10,
				    .pages_per_zspage = 3 };
	static const struct {
		unsigned long capacity, inuse, pages;
	} cases[] = {
		{ 0, 0, 0 },
		{ 10, 10, 0 },
		{ 10, 1, 0 },
		{ 20, 11, 0 },
		{ 20, 10, 3 },
		{ 20, 1, 3 },
		{ 30, 11, 3 },
		{ 30, 10, 6 },
		{ 100, 1, 27 },
		{ 10, 0, 3 },
		/* Read without a lock, the two may not fit together. */
		{ 10, 11, 0 },
		{ 0, 1, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		class.objs_capacity = cases[i].capacity;
		class.objs_inuse = cases[i].inuse;
		assert_int_equal(uzs_freeable_pages(&class), cases[i].pages);
	}
}

/* ---- lists --------------------------------------------------------------- */

#define OBJS 100 /* a percent each */

static struct size_class *make_class(void)
{
	struct size_class *class = zeroed(sizeof(*class));
	struct groups_store *store =
		zeroed(sizeof(*store) + sizeof(store->each[0]));

	class->store = store;
	class->groups = &store->none;
	for (int g = 0; g < NR_FULLNESS_GROUPS; g++)
		INIT_LIST_HEAD(&store->none.list[g]);
	spin_lock_init(&class->lock);
	class->objs_per_zspage = OBJS;
	class->pages_per_zspage = 1;
	spin_lock(&class->lock);
	return class;
}

static void drop_class(struct size_class *class)
{
	spin_unlock(&class->lock);
	free(class->store);
	free(class);
}

static void insert(struct size_class *class, struct zspage *zspage,
		   unsigned int inuse)
{
	zspage->inuse = inuse;
	uzs_insert_zspage(class, zspage, uzs_fullness_group(class, inuse));
}

/* The group's list is exactly that, and so are its count and their groups. */
static void assert_list(struct size_class *class, unsigned int group,
			unsigned int n, struct zspage *const *expected)
{
	struct zspage *zspage;
	unsigned int i = 0;

	assert_int_equal(class->groups->zspages[group], n);
	list_for_each_entry(zspage, &class->groups->list[group], list) {
		assert_in_range(i, 0, n - 1);
		assert_ptr_equal(zspage, expected[i++]);
		assert_int_equal(zspage->fullness, group);
	}
	assert_int_equal(i, n);
}

#define LIST(...)                                                             \
	ARRAY_SIZE(((struct zspage *[]){ __VA_ARGS__ })), (struct zspage *[]) \
	{                                                                     \
		__VA_ARGS__                                                   \
	}

static void test_zspages_are_inserted_at_the_head(void **state)
{
	struct size_class *class = make_class();
	struct zspage z[3] = { 0 };

	insert(class, &z[0], 50);
	assert_list(class, 6, LIST(&z[0]));
	insert(class, &z[1], 50);
	insert(class, &z[2], 59);
	assert_list(class, 6, LIST(&z[2], &z[1], &z[0]));
	uzs_remove_zspage(class, &z[1]);
	assert_list(class, 6, LIST(&z[2], &z[0]));
	uzs_remove_zspage(class, &z[2]);
	uzs_remove_zspage(class, &z[0]);
	assert_list(class, 6, 0, NULL);
	drop_class(class);
}

/* A zspage stays where it is in its list unless its group changed: then it is
 * the first of the new group. */
static void test_zspage_moves_only_to_another_group(void **state)
{
	struct size_class *class = make_class();
	struct zspage z[3] = { 0 }, other = { 0 };

	for (int i = 0; i < 3; i++)
		insert(class, &z[i], 50);
	insert(class, &other, 60);
	for (unsigned int inuse = 50; inuse < 60; inuse++) {
		z[1].inuse = inuse;
		assert_int_equal(uzs_fix_fullness_group(class, &z[1]), 6);
		assert_list(class, 6, LIST(&z[2], &z[1], &z[0]));
	}
	z[1].inuse = 60;
	assert_int_equal(uzs_fix_fullness_group(class, &z[1]), 7);
	assert_list(class, 6, LIST(&z[2], &z[0]));
	assert_list(class, 7, LIST(&z[1], &other));
	z[1].inuse = 59;
	assert_int_equal(uzs_fix_fullness_group(class, &z[1]), 6);
	assert_list(class, 6, LIST(&z[1], &z[2], &z[0]));
	assert_list(class, 7, LIST(&other));
	z[0].inuse = OBJS;
	assert_int_equal(uzs_fix_fullness_group(class, &z[0]), 11);
	assert_list(class, 11, LIST(&z[0]));
	z[2].inuse = 0;
	assert_int_equal(uzs_fix_fullness_group(class, &z[2]), 0);
	assert_list(class, 0, LIST(&z[2]));
	assert_list(class, 6, LIST(&z[1]));
	drop_class(class);
}

/* One zspage in each group: taken from 99 % down to empty, never a full one;
 * of several in a group the first. */
static void test_fullest_zspage_is_found(void **state)
{
	struct size_class *class = make_class();
	struct zspage z[NR_FULLNESS_GROUPS] = { 0 }, second = { 0 };

	assert_null(uzs_find_zspage(class));
	insert(class, &z[11], OBJS);
	assert_null(uzs_find_zspage(class));
	/* Lowest first and highest last, then the other way round, so that the
	 * answer cannot come from the order of insertion. */
	for (unsigned int g = 0; g <= 10; g++) {
		insert(class, &z[g], g ? 10 * (g - 1) + 1 : 0);
		assert_ptr_equal(uzs_find_zspage(class), &z[g]);
	}
	for (int g = 9; g >= 0; g--) {
		uzs_remove_zspage(class, &z[g]);
		insert(class, &z[g], z[g].inuse);
		assert_ptr_equal(uzs_find_zspage(class), &z[10]);
	}
	for (unsigned int g = 10; g <= 10; g--) {
		assert_ptr_equal(uzs_find_zspage(class), &z[g]);
		insert(class, &second, z[g].inuse);
		assert_ptr_equal(uzs_find_zspage(class), &second);
		/* Looking changes nothing. */
		assert_list(class, g, LIST(&second, &z[g]));
		uzs_remove_zspage(class, &second);
		uzs_remove_zspage(class, &z[g]);
	}
	assert_null(uzs_find_zspage(class));
	drop_class(class);
}

/* ---- tables for so many bytes ---------------------------------------------- */

/* Fewer classes, each of them one of the whole table's, and every size has one. */
static void test_planned_classes_are_some_of_all(void **state)
{
	for_each_geometry(page_size, chain_size) {
		struct table all = make_table(page_size, chain_size);
		unsigned int before = 1;

		for (size_t bytes = 65536; bytes; bytes <<= 6) {
			struct table t =
				make_planned(page_size, chain_size, bytes);

			assert_in_range(t.distinct, before, all.distinct);
			before = t.distinct;
			assert_int_equal(t.pool->nr_classes,
					 all.pool->nr_classes);
			/* What shares a zspage, and what has a page alone. */
			assert_int_equal(t.pool->huge_class_size,
					 all.pool->huge_class_size);
			for (unsigned int i = 0; i < t.pool->nr_classes; i++) {
				const struct size_class *c =
					t.pool->size_class[i];
				const struct size_class *own =
					all.pool->size_class[c->index];

				assert_true(c->index >= i);
				assert_int_equal(own->index, c->index);
				assert_int_equal(own->size, c->size);
				assert_int_equal(own->pages_per_zspage,
						 c->pages_per_zspage);
				assert_int_equal(own->huge, c->huge);
				assert_int_equal(c->huge,
						 all.pool->size_class[i]->huge);
			}
			drop_table(&t);
		}
		/* Enough bytes for all. */
		if (sizeof(size_t) > 4)
			assert_int_equal(before, all.distinct);
		drop_table(&all);
	}
}

/* What zspages take for sizes spread evenly, more or less. */
static size_t pages_taken(size_t expected, size_t bytes)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;
	size_t taken;
	u32 seed = 1;

	o.expected_bytes = expected;
	pool = zs_create_pool_with("planned", &o);
	assert_non_null(pool);
	while (bytes) {
		size_t size = (seed = seed * 1103515245 + 12345) / 65536 % 4096;

		size = min(size + 1, bytes);
		assert_false(zs_is_err(
			zs_malloc(pool, size, GFP_KERNEL, NUMA_NO_NODE)));
		bytes -= size;
	}
	taken = zs_get_total_pages(pool) * 4096;
	assert_true(zs_pool_check(pool, NULL) == 0);
	assert_true(zs_destroy_pool(pool) > 0);
	return taken;
}

static void test_small_pools_take_less_when_told(void **state)
{
	static const struct {
		size_t mib;
		double most; /* of what it takes when not told */
	} rows[] = { { 1, 0.70 }, { 4, 0.92 }, { 16, 0.99 }, { 256, 1.01 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t bytes = rows[i].mib << 20;
		double told = (double)pages_taken(bytes, bytes),
		       untold = (double)pages_taken(0, bytes);

		if (told > untold * rows[i].most)
			fail_msg("%zu MiB: %.0f bytes, not told %.0f",
				 rows[i].mib, told, untold);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_constants_follow_the_geometry),
		cmocka_unit_test(test_zspage_wastes_least_then_is_shortest),
		cmocka_unit_test(test_classes_worked_out_by_hand),
		cmocka_unit_test(test_classes_of_one_geometry_are_merged),
		cmocka_unit_test(test_huge_class_size_is_the_watermark),
		cmocka_unit_test(test_class_is_the_smallest_that_fits),
		cmocka_unit_test(test_walk_shows_each_class_once),
		cmocka_unit_test(test_group_follows_the_share_in_use),
		cmocka_unit_test(test_freeable_pages_are_of_whole_zspages),
		cmocka_unit_test(test_zspages_are_inserted_at_the_head),
		cmocka_unit_test(test_zspage_moves_only_to_another_group),
		cmocka_unit_test(test_fullest_zspage_is_found),
		cmocka_unit_test(test_planned_classes_are_some_of_all),
		cmocka_unit_test(test_small_pools_take_less_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
