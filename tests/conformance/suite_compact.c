/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* suite_compact.c - conformance: compaction, the shrinker, moved pages. */
#include "suite.h"

struct objects {
	unsigned int nr;
	struct object {
		unsigned long handle;
		unsigned int size;
	} * o;
};

/* Few sizes, so that there is something to compact, and all of them; small
 * ones more often, they take many to fill a zspage. */
static void fill_pool(struct subject_pool *pool, struct objects *objects,
		      unsigned int nr)
{
	struct rng rng;

	rng_seed(&rng, suite.page_size + suite.chain_size);
	objects->nr = nr;
	objects->o = calloc(nr, sizeof(*objects->o));
	assert_non_null(objects->o);
	for (unsigned int i = 0; i < nr; i++) {
		struct object *o = &objects->o[i];

		if (rng_below(&rng, 4))
			o->size = suite.page_size / 16 * rng_range(&rng, 1, 12);
		else
			o->size = rng_range(&rng, 1,
					    rng_below(&rng, 2)
						    ? (unsigned int)suite.span
						    : 300);
		o->handle = suite_malloc(pool, o->size);
		suite_fill(pool, o->handle, o->size, i);
	}
}

/* Frees all but one of `of`, at random. */
static void thin_out(struct subject_pool *pool, struct objects *objects,
		     unsigned int of)
{
	struct rng rng;

	rng_seed(&rng, of);
	for (unsigned int i = 0; i < objects->nr; i++)
		if (objects->o[i].handle && rng_below(&rng, of)) {
			suite_free(pool, objects->o[i].handle);
			objects->o[i].handle = 0;
		}
	suite_settle(pool);
}

static void verify(struct subject_pool *pool, const struct objects *objects)
{
	for (unsigned int i = 0; i < objects->nr; i++) {
		const struct object *o = &objects->o[i];

		if (o->handle)
			assert_true(suite_holds(pool, o->handle, o->size, i));
	}
}

static void empty_pool(struct subject_pool *pool, struct objects *objects)
{
	verify(pool, objects);
	for (unsigned int i = 0; i < objects->nr; i++)
		if (objects->o[i].handle)
			suite_free(pool, objects->o[i].handle);
	free(objects->o);
	suite_end(pool);
}

/* Random holes in every class: afterwards nothing is freeable, the data is
 * right, as many pages are gone as were told before and after. */
static void test_all_classes(void **state)
{
	struct subject_pool *pool = suite_pool(false);
	unsigned long pages, own, count, freed, told = 0;
	struct objects objects;

	fill_pool(pool, &objects, 3000);
	for (unsigned int of = 2; of <= 4; of++) {
		thin_out(pool, &objects, of);
		pages = suite_zspage_pages(pool);
		own = suite.s->total_pages(pool);
		count = suite.s->shrink_count(pool);
		freed = suite.s->compact(pool);
		assert_true(freed > 0);
		assert_int_equal(freed, count);
		suite_pages(pool, pages - freed, 0);
		/* (Where few of them were used, as few are gone.) */
		assert_true(suite.s->total_pages(pool) <= own);
		assert_int_equal(suite.s->shrink_count(pool), 0);
		told += freed;
		assert_int_equal(suite.s->pages_compacted(pool), told);
		verify(pool, &objects);
		/* There is nothing more to gain. */
		assert_int_equal(suite.s->compact(pool), 0);
	}
	empty_pool(pool, &objects);
}

static void compact_to_densest(struct subject_pool *pool)
{
	suite.s->compact(pool);
	for (unsigned int i = 0; i < suite.s->class_count(pool); i++) {
		struct subject_class class = suite_class(pool, i);
		unsigned long most;

		if (class.index != i)
			continue;
		most = (class.objs_inuse + class.objs_per_zspage - 1) /
		       class.objs_per_zspage * class.objs_per_zspage;
		assert_int_equal(class.objs_capacity, most);
	}
}

/* What remains needs no more zspages than it takes: after a few holes in zspages
 * that stay nearly full, and after many. */
static void test_densest(void **state)
{
	struct subject_pool *pool = suite_pool(false);
	struct objects objects;

	fill_pool(pool, &objects, 2000);
	for (unsigned int i = 0; i < objects.nr; i += 10) {
		suite_free(pool, objects.o[i].handle);
		objects.o[i].handle = 0;
	}
	suite_settle(pool);
	compact_to_densest(pool);
	thin_out(pool, &objects, 5);
	compact_to_densest(pool);
	empty_pool(pool, &objects);
}

static void test_nothing_to_gain(void **state)
{
	struct subject_pool *pool = suite_pool(false);
	unsigned long handles[50];

	assert_int_equal(suite.s->compact(pool), 0);
	assert_int_equal(suite.s->shrink_count(pool), 0);
	assert_true(suite.s->shrink_scan(pool, 1) == ~0UL);
	for (int i = 0; i < 50; i++)
		handles[i] = suite_malloc(pool, suite.page_size / 7);
	assert_int_equal(suite.s->compact(pool), 0);
	assert_int_equal(suite.s->pages_compacted(pool), 0);
	for (int i = 0; i < 50; i++)
		suite_free(pool, handles[i]);
	suite_end(pool);
}

/* The shrinker's scan compacts, all there is whatever is asked for, and stops
 * when nothing is gained. */
static void test_shrinker(void **state)
{
	static const unsigned long nrs[] = { 0, 1, ~0UL };

	for (size_t n = 0; n < ARRAY_SIZE(nrs); n++) {
		struct subject_pool *pool = suite_pool(false);
		struct objects objects;
		unsigned long count;

		fill_pool(pool, &objects, 600);
		thin_out(pool, &objects, 4);
		count = suite.s->shrink_count(pool);
		assert_true(count > 10);
		assert_int_equal(suite.s->shrink_scan(pool, nrs[n]), count);
		assert_int_equal(suite.s->shrink_count(pool), 0);
		assert_int_equal(suite.s->pages_compacted(pool), count);
		assert_true(suite.s->shrink_scan(pool, nrs[n]) == ~0UL);
		empty_pool(pool, &objects);
	}
}

/* What is being read stays where it is, compaction or not. */
static void test_open_stays(void **state)
{
	enum { OPEN = 40 };
	struct subject_pool *pool;
	struct objects objects;
	const void *data[OPEN];
	unsigned char *copies;
	unsigned int which[OPEN], n = 0;

	if (!suite.expected.nested_reads)
		skip_for(SUBJECT_ONE_OPEN_OBJECT);
	pool = suite_pool(false);
	fill_pool(pool, &objects, 1500);
	thin_out(pool, &objects, 3);
	copies = malloc((size_t)OPEN * suite.span);
	assert_non_null(copies);
	for (unsigned int i = 0; i < objects.nr && n < OPEN; i += 7) {
		const struct object *o = &objects.o[i];

		if (!o->handle)
			continue;
		which[n] = i;
		data[n] = suite.s->read_begin(pool, o->handle, o->size,
					      copies + n * suite.span);
		n++;
	}
	suite.s->compact(pool);
	if (suite.s->move_pages)
		suite.s->move_pages(pool, 100);
	for (unsigned int k = 0; k < n; k++) {
		const struct object *o = &objects.o[which[k]];

		assert_true(pattern_ok(data[k], o->size, which[k]));
		suite.s->read_end(pool, o->handle, o->size, data[k]);
	}
	free(copies);
	/* Now it goes. */
	suite.s->compact(pool);
	assert_int_equal(suite.s->shrink_count(pool), 0);
	empty_pool(pool, &objects);
}

/* Pages move; the statistics do not notice, and all data is there. */
static void test_moved_pages(void **state)
{
	struct subject_pool *pool;
	struct subject_class before[260];
	struct objects objects;
	unsigned long pages;

	if (!suite.s->move_pages)
		skip_for(LACKS_MOVE_PAGES);
	pool = suite_pool(false);
	fill_pool(pool, &objects, 800);
	thin_out(pool, &objects, 2);
	pages = suite.s->total_pages(pool);
	for (unsigned int i = 0; i < suite.s->class_count(pool); i++)
		before[i] = suite_class(pool, i);
	assert_int_equal(suite.s->move_pages(pool, 5), 5);
	/* Nobody reads: none of them is busy. */
	assert_true(suite.s->move_pages(pool, 2 * pages) >= pages / 2);
	assert_int_equal(suite.s->total_pages(pool), pages);
	for (unsigned int i = 0; i < suite.s->class_count(pool); i++) {
		struct subject_class after = suite_class(pool, i);

		assert_memory_equal(before[i].zspages, after.zspages,
				    sizeof(after.zspages));
		assert_int_equal(before[i].objs_inuse, after.objs_inuse);
	}
	suite_sound(pool);
	verify(pool, &objects);
	/* What lies elsewhere can be freed, allocated, compacted. */
	thin_out(pool, &objects, 2);
	assert_true(suite.s->compact(pool) > 0);
	suite.s->move_pages(pool, pages);
	empty_pool(pool, &objects);
}

/* What a compacted pool no longer needs goes back to the OS, for which pages
 * move, or objects; who reads them does not notice. */
static void test_trim(void **state)
{
	struct subject_pool *pool;
	struct objects objects;
	unsigned long pages, moved;

	if (!suite.s->trim)
		skip_for(LACKS_TRIM);
	pool = suite_pool(false);
	/* So many that they lie in several sections of memory. */
	fill_pool(pool, &objects, 16000 / (suite.page_size / 4096));
	thin_out(pool, &objects, 6);
	suite.s->compact(pool);
	pages = suite.s->total_pages(pool);
	moved = suite.s->trim(pool);
	if (suite.expected.trims_objects) {
		assert_int_equal(moved, 0);
		assert_true(suite.s->total_pages(pool) < pages);
		pages = suite.s->total_pages(pool);
	} else {
		assert_true(moved <= pages);
		assert_int_equal(suite.s->total_pages(pool), pages);
	}
	suite_sound(pool);
	verify(pool, &objects);
	assert_int_equal(suite.s->trim(pool), 0);
	assert_int_equal(suite.s->total_pages(pool), pages);
	empty_pool(pool, &objects);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_all_classes),
	cmocka_unit_test(test_densest),
	cmocka_unit_test(test_nothing_to_gain),
	cmocka_unit_test(test_shrinker),
	cmocka_unit_test(test_open_stays),
	cmocka_unit_test(test_moved_pages),
	cmocka_unit_test(test_trim),
};

const struct suite_part suite_compact = { "compaction", tests,
					  ARRAY_SIZE(tests) };
