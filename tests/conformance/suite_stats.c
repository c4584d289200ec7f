/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* suite_stats.c - conformance: size classes and statistics. */
#include "suite.h"

/* The largest object of a class, its handle word included. */
static size_t holds(const struct subject_class *class)
{
	return class->size + (class->huge ? sizeof(long) : 0);
}

/* Indices go up with the size; the class is large enough, and no smaller one
 * is. */
static void test_lookup(void **state)
{
	struct subject_pool *pool = suite_pool(false);
	unsigned int last = suite.s->class_count(pool) - 1, before;
	unsigned int adds = suite.expected.lookup_adds;
	/* With the word in front of it, if that counts. */
	size_t most = suite.max_size;

	if (suite.expected.own_classes)
		most += sizeof(long);
	before = suite.s->lookup_class_index(pool, 1);
	/* The first one there is. */
	assert_int_equal(before, suite_class(pool, 0).index);
	for (unsigned int size = 1 + adds; size <= most; size++) {
		unsigned int i = suite.s->lookup_class_index(pool, size - adds);
		struct subject_class class = suite_class(pool, i);

		assert_in_range(i, before, last);
		assert_int_equal(class.index, i);
		assert_true(holds(&class) >= size);
		if (i > before) {
			class = suite_class(pool, before);
			assert_true(holds(&class) < size);
		}
		before = i;
	}
	assert_int_equal(before, last);
	assert_int_equal(suite.s->lookup_class_index(pool,
						     (unsigned int)most + 8),
			 last);
	assert_int_equal(suite.s->lookup_class_index(pool,
						     (unsigned int)(2 * most)),
			 last);
	suite_end(pool);
}

/* In a zspage of a large page: what can be counted in 12 bits. */
#define MOST_OBJS 4095u

/* Where classes are the subject's own: the memory that zspages of a length fill
 * together. What is left of it is less than one of them. */
#define SECTION_BYTES ((double)(4u << 20))

/* No other number of pages that it may have, for two objects at least, would leave a smaller share of a
 * zspage, and of the memory that zspages fill together, unused. */
static void expect_least_waste(const struct subject_class *class)
{
	double own = (double)class->pages_per_zspage * suite.page_size;
	double share = 1 - (double)class->objs_per_zspage * class->size / own;
	/* the seven longest */
	unsigned int least = suite.chain_size > 7 ? suite.chain_size - 6 : 1;

	assert_in_range(class->pages_per_zspage, least, suite.chain_size);
	for (unsigned int n = least; n <= suite.chain_size; n++) {
		size_t bytes = (size_t)n * suite.page_size;
		size_t objs = bytes / class->size;
		double left = (double)bytes / (SECTION_BYTES - (double)bytes);

		if (objs > 1 && objs <= MOST_OBJS)
			assert_true(
				share <=
				1 - (double)objs * class->size / (double)bytes +
					left);
	}
}

/* What the geometry of a class should be, by its size. */
static void expect_geometry(const struct subject_class *class)
{
	size_t bytes = (size_t) class->pages_per_zspage * suite.page_size;
	unsigned int objs = (unsigned int)(bytes / class->size);

	if (!suite.expected.own_classes) {
		assert_in_range(class->pages_per_zspage, 1, suite.chain_size);
		assert_int_equal(class->objs_per_zspage, objs);
		assert_int_equal(class->huge,
				 class->pages_per_zspage == 1 && objs == 1);
		return;
	}
	assert_int_equal(class->objs_per_zspage,
			 objs < MOST_OBJS ? objs : MOST_OBJS);
	if (class->huge) {
		/* Whole pages, or halves: nothing is left. */
		assert_int_equal(class->size % (suite.page_size / 2), 0);
		assert_int_equal(objs * class->size, bytes);
		return;
	}
	assert_true(objs > 1);
	if (objs < MOST_OBJS)
		expect_least_waste(class);
}

static void test_classes(void **state)
{
	struct subject_pool *pool = suite_pool(false);
	unsigned int size = 0;

	for (unsigned int i = 0; i < suite.s->class_count(pool); i++) {
		struct subject_class class = suite_class(pool, i);

		/* A merged one shows the class that serves it. */
		assert_true(class.index >= i);
		if (class.index != i) {
			/* Of its own only the first stands for the next. */
			assert_true(!suite.expected.own_classes || !i);
			continue;
		}
		assert_true(class.size > size);
		size = class.size;
		expect_geometry(&class);
	}
	if (suite.expected.own_classes)
		assert_in_range(size, suite.max_size,
				suite.max_size + suite.page_size);
	else
		assert_int_equal(size, suite.page_size);
	suite_end(pool);
}

/* From the watermark on, an object has a page of its own. Or, where objects may
 * be larger, pages; some smaller ones have, too. */
static void huge_is_alone(struct subject_pool *pool, unsigned long mark)
{
	assert_in_range(mark, suite.page_size / 2, suite.max_size);
	assert_true(suite_class_for(pool, mark - 1).objs_per_zspage > 1);
	for (size_t size = mark; size <= suite.max_size; size++)
		assert_int_equal(suite_class_for(pool, size).objs_per_zspage,
				 1);
	suite_end(pool);
}

static void test_huge_class_size(void **state)
{
	struct subject_pool *pool = suite_pool(false);
	unsigned long mark = suite.s->huge_class_size(pool);

	if (suite.expected.own_classes) {
		huge_is_alone(pool, mark);
		return;
	}
	assert_in_range(mark, suite.page_size / 2, suite.page_size);
	for (size_t size = mark - suite.page_size / 64; size <= suite.page_size;
	     size++)
		assert_int_equal(suite_class_for(pool, size).huge,
				 size >= mark);
	suite_end(pool);
}

static unsigned int group_of(unsigned int inuse, unsigned int objs)
{
	if (!inuse)
		return 0;
	if (inuse == objs)
		return 11;
	return 100 * inuse / objs / 10 + 1;
}

static void expect_one(struct subject_pool *pool, unsigned int index,
		       unsigned int inuse)
{
	struct subject_class class = suite_class(pool, index);

	assert_int_equal(class.objs_inuse, inuse);
	assert_int_equal(class.objs_capacity,
			 inuse ? class.objs_per_zspage : 0);
	assert_int_equal(class.freeable_pages, 0);
	for (unsigned int g = 0; g < suite.s->groups; g++)
		assert_int_equal(class.zspages[g],
				 inuse && g == group_of(inuse,
							class.objs_per_zspage));
}

/* One zspage of a class passes through every group, up and down. */
static void test_groups(void **state)
{
	struct subject_pool *pool;

	if (!suite.expected.twelve_groups)
		skip_for(SUBJECT_FOUR_GROUPS);
	pool = suite_pool(false);
	for (size_t size = 8; size <= suite.max_size; size += size / 4 + 1) {
		struct subject_class class = suite_class_for(pool, size);
		unsigned int objs = class.objs_per_zspage;
		unsigned long *handles = calloc(objs, sizeof(*handles));

		assert_non_null(handles);
		for (unsigned int i = 0; i < objs; i++) {
			handles[i] = suite_malloc(pool, size);
			expect_one(pool, class.index, i + 1);
		}
		for (unsigned int i = objs; i-- > 0;) {
			suite_free(pool, handles[i]);
			suite_settle(pool);
			expect_one(pool, class.index, i);
		}
		free(handles);
	}
	suite_end(pool);
}

/* What the classes say adds up to what the pool says, whatever happened. */
static void test_sums(void **state)
{
	enum { N = 700 };
	struct subject_pool *pool = suite_pool(false);
	static unsigned long handles[N];
	unsigned long live = 0;
	struct rng rng;

	rng_seed(&rng, suite.page_size);
	memset(handles, 0, sizeof(handles));
	suite_sums(pool, 0);
	for (int step = 0; step < 60; step++) {
		for (int i = 0; i < 50; i++) {
			unsigned int at = rng_below(&rng, N);

			if (handles[at]) {
				suite_free(pool, handles[at]);
				handles[at] = 0;
				live--;
			} else {
				handles[at] = suite_malloc(
					pool,
					rng_range(&rng, 1,
						  (unsigned int)suite.span));
				live++;
			}
		}
		suite_settle(pool);
		suite_sums(pool, live);
		if (step % 10 == 9) {
			suite.s->compact(pool);
			suite_sums(pool, live);
		}
	}
	for (int i = 0; i < N; i++)
		if (handles[i])
			suite_free(pool, handles[i]);
	suite_end(pool);
}

/* One number of each row of the `classes` table, by its columns: class, size,
 * then the groups, objects allocated and used, pages used, ... */
static bool read_row(const char *line, unsigned long *row, unsigned int columns)
{
	const char *at = line;
	int len;

	for (unsigned int i = 0; i < columns; i++) {
		if (sscanf(at, " %lu%n", &row[i], &len) != 1)
			return false;
		at += len;
	}
	return true;
}

/* The debugfs file shows what the classes say. */
static void test_print_classes(void **state)
{
	enum { COLUMNS = 18 };
	struct subject_pool *pool;
	unsigned long handles[64], row[COLUMNS];
	unsigned int rows = 0;
	char *text = NULL, *line, *next;
	size_t size = 0;
	FILE *out;

	/* With other groups it has other columns. */
	if (!suite.s->print_classes || !suite.expected.twelve_groups)
		skip_for(LACKS_TABLE | SUBJECT_FOUR_GROUPS);
	pool = suite_pool(false);
	for (int i = 0; i < 64; i++)
		handles[i] = suite_malloc(
			pool, 1 + (size_t)(i % 9) * (suite.page_size / 10));
	out = open_memstream(&text, &size);
	assert_non_null(out);
	assert_int_equal(suite.s->print_classes(pool, out), 0);
	fclose(out);
	for (line = text; *line; line = next) {
		struct subject_class class;

		next = line + strcspn(line, "\n");
		next += *next == '\n';
		if (!read_row(line, row, COLUMNS))
			continue;
		class = suite_class(pool, (unsigned int)row[0]);
		assert_int_equal(class.index, row[0]);
		assert_int_equal(class.size, row[1]);
		for (unsigned int g = 1; g < 12; g++)
			assert_int_equal(class.zspages[g], row[1 + g]);
		assert_int_equal(class.objs_capacity, row[13]);
		assert_int_equal(class.objs_inuse, row[14]);
		assert_int_equal(class.objs_capacity / class.objs_per_zspage *
					 class.pages_per_zspage,
				 row[15]);
		assert_int_equal(class.pages_per_zspage, row[16]);
		assert_int_equal(class.freeable_pages, row[17]);
		rows++;
	}
	assert_true(rows >= 9);
	assert_non_null(strstr(text, "Total"));
	free(text);
	for (int i = 0; i < 64; i++)
		suite_free(pool, handles[i]);
	suite_end(pool);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_lookup),
	cmocka_unit_test(test_classes),
	cmocka_unit_test(test_huge_class_size),
	cmocka_unit_test(test_groups),
	cmocka_unit_test(test_sums),
	cmocka_unit_test(test_print_classes),
};

const struct suite_part suite_stats = { "statistics", tests,
					ARRAY_SIZE(tests) };
