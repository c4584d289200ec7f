/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* suite_memory.c - conformance: what is answered, and what is left as it was,
 * when there is no memory; that the shrinker is asked then.
 *
 * Needs the subject's run_out(); a test that fails leaves it on, as the process
 * will end.
 */
#include <errno.h>

#include "suite.h"

#define ENOMEM_HANDLE ((unsigned long)-ENOMEM)

/* What no failure may change. */
static void same_figures(struct subject_pool *pool, unsigned long pages,
			 const struct subject_class *before)
{
	struct subject_class after = suite_class(pool, before->index);

	assert_int_equal(suite.s->total_pages(pool), pages);
	assert_int_equal(after.objs_inuse, before->objs_inuse);
	assert_int_equal(after.objs_capacity, before->objs_capacity);
	for (unsigned int g = !suite.expected.counts_empty; g < suite.s->groups;
	     g++)
		assert_int_equal(after.zspages[g], before->zspages[g]);
	suite_sound(pool);
}

/* Allocates an object for which a zspage has to be made, first without
 * anything, then with one thing more each time. Return: how often there was
 * too little. */
static unsigned int fail_until_there_is_enough(struct subject_pool *pool,
					       enum subject_lack lack,
					       size_t size)
{
	struct subject_class before = suite_class_for(pool, size);
	unsigned long pages = suite.s->total_pages(pool), handle;
	unsigned int failed = 0;

	for (;;) {
		suite.s->run_out(lack, failed + 1);
		handle = suite.s->malloc(pool, size);
		suite.s->run_out(lack, 0);
		if (!zs_is_err(handle))
			break;
		assert_int_equal(handle, ENOMEM_HANDLE);
		same_figures(pool, pages, &before);
		assert_true(++failed < 100);
	}
	assert_int_equal(suite_class(pool, before.index).objs_inuse,
			 before.objs_inuse + 1);
	suite_fill(pool, handle, size, size);
	assert_true(suite_holds(pool, handle, size, size));
	suite_free(pool, handle);
	suite_settle(pool);
	same_figures(pool, pages, &before);
	return failed;
}

static void test_no_memory_for_an_object(void **state)
{
	const size_t sizes[] = { suite.page_size / 40,
				 suite.page_size / 2 + 100,
				 suite.page_size * 3 / 4, suite.max_size };
	const size_t kept_size = suite.page_size / 4;
	unsigned int sections = 0, nr_slabs = 0;
	struct subject_pool *pool;
	unsigned long kept;

	if (!suite.s->run_out)
		skip_for(LACKS_RUN_OUT);
	pool = suite_pool(false);
	kept = suite_malloc(pool, kept_size);
	suite_fill(pool, kept, kept_size, 1);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct subject_class class = suite_class_for(pool, sizes[i]);
		bool own = suite.expected.own_sections;

		if (own)
			sections += fail_until_there_is_enough(
				pool, SUBJECT_NO_MEMORY, sizes[i]);
		assert_int_equal(fail_until_there_is_enough(
					 pool, SUBJECT_NO_PAGE, sizes[i]),
				 own ? 0 : class.pages_per_zspage);
		nr_slabs += fail_until_there_is_enough(pool, SUBJECT_NO_SLAB,
						       sizes[i]);
	}
	/* Each time its handle, and its zspage's own. */
	assert_int_equal(nr_slabs,
			 ARRAY_SIZE(sizes) * (!suite.expected.own_words +
					      !suite.expected.own_sections));
	assert_int_equal(sections > 0, suite.expected.own_sections);
	assert_true(suite_holds(pool, kept, kept_size, 1));
	suite_free(pool, kept);
	suite_end(pool);
}

/* Neither compacting nor freeing wants memory; moving a page does. */
static void test_no_page_to_move_to(void **state)
{
	enum { N = 400 };
	size_t size = suite.page_size / 4 + 8;
	unsigned long handles[N];
	struct subject_pool *pool;

	if (!suite.s->run_out || !suite.s->move_pages)
		skip_for(LACKS_RUN_OUT | LACKS_MOVE_PAGES);
	pool = suite_pool(false);
	for (unsigned int i = 0; i < N; i++) {
		handles[i] = suite_malloc(pool, size);
		suite_fill(pool, handles[i], size, i);
	}
	suite.s->run_out(SUBJECT_NO_PAGE, 1);
	suite.s->run_out(SUBJECT_NO_SLAB, 1);
	assert_int_equal(suite.s->move_pages(pool, N), 0);
	suite_sound(pool);
	for (unsigned int i = 0; i < N; i++)
		if (i % 3)
			suite_free(pool, handles[i]);
	suite_settle(pool);
	assert_true(suite.s->compact(pool) > 0);
	suite.s->run_out(SUBJECT_NO_PAGE, 0);
	suite.s->run_out(SUBJECT_NO_SLAB, 0);
	assert_true(suite.s->move_pages(pool, N) > 0);
	for (unsigned int i = 0; i < N; i += 3) {
		assert_true(suite_holds(pool, handles[i], size, i));
		suite_free(pool, handles[i]);
	}
	suite_end(pool);
}

/* As many as there is memory for, at most `most`. Return: how many. */
static unsigned int use_up(struct subject_pool *pool, size_t size,
			   unsigned long *handles, unsigned int most)
{
	unsigned int nr;

	for (nr = 0; nr < most; nr++) {
		handles[nr] = suite.s->malloc(pool, size);
		if (zs_is_err(handles[nr]))
			break;
	}
	assert_true(nr < most);
	assert_int_equal(handles[nr], ENOMEM_HANDLE);
	return nr;
}

/* Bytes of an object for which memory is short when objects of `size` have taken
 * all: of a page, so that pages that are left are too few for one of those. What
 * comes in sections is for zspages of one length; there it is of another class
 * with zspages of that length. */
static size_t size_for_relief(struct subject_pool *pool, size_t size)
{
	struct subject_class class = suite_class_for(pool, size);

	if (!suite.expected.own_sections)
		return suite.page_size;
	for (size_t other = size + 1; other <= suite.max_size; other++) {
		struct subject_class c = suite_class_for(pool, other);

		if (c.index != class.index &&
		    c.pages_per_zspage == class.pages_per_zspage)
			return other;
	}
	fail_msg("no other class has such zspages");
	return 0;
}

/* When the OS has no memory and all that was had is used, the pool is asked
 * to shrink: thinned out, it has pages to give. */
static void test_shrinker_is_asked(void **state)
{
	enum { MOST = 40000, LAST = 200, PAGES = 3 };
	static unsigned long handles[MOST], last[LAST];
	size_t size = suite.page_size / 8 - 16, whole_size;
	unsigned long whole[PAGES], before;
	struct subject_pool *pool;
	unsigned int nr, nr_last;

	if (!suite.s->run_out)
		skip_for(LACKS_RUN_OUT);
	pool = suite_pool(false);
	whole_size = size_for_relief(pool, size);
	handles[0] = suite_malloc(pool, size);
	suite.s->run_out(SUBJECT_NO_MEMORY, 1);
	nr = 1 + use_up(pool, size, handles + 1, MOST - 1);
	/* Pages that are too few for a zspage of those. */
	nr_last = use_up(pool, whole_size, last, LAST);
	for (unsigned int i = 0; i < nr; i++)
		if (i % 4)
			suite_free(pool, handles[i]);
		else
			suite_fill(pool, handles[i], size, i);
	suite_settle(pool);
	before = suite.s->pages_compacted(pool);
	for (unsigned int i = 0; i < PAGES; i++)
		whole[i] = suite_malloc(pool, whole_size);
	assert_true(suite.s->pages_compacted(pool) >= before + PAGES);
	suite.s->run_out(SUBJECT_NO_MEMORY, 0);
	suite_sound(pool);
	for (unsigned int i = 0; i < PAGES; i++)
		suite_free(pool, whole[i]);
	for (unsigned int i = 0; i < nr_last; i++)
		suite_free(pool, last[i]);
	for (unsigned int i = 0; i < nr; i += 4) {
		assert_true(suite_holds(pool, handles[i], size, i));
		suite_free(pool, handles[i]);
	}
	suite_end(pool);
}

/* A pool that is made in spite of it (some of what it makes is not needed)
 * leaves as little as one that is not. */
static void test_no_memory_for_a_pool(void **state)
{
	/* More in a row than what is not needed. */
	enum { ENOUGH = 16, MOST = 4000 };
	unsigned int failed = 0;

	if (!suite.s->run_out)
		skip_for(LACKS_RUN_OUT);
	for (long nth = 1, made = 0; made < ENOUGH; nth++) {
		struct subject_pool *pool;

		assert_true(nth < MOST);
		suite.s->run_out(SUBJECT_NO_MEMORY, nth);
		pool = suite.s->create(suite.page_size, suite.chain_size,
				       false);
		if (!pool)
			assert_int_equal(errno, ENOMEM);
		suite.s->run_out(SUBJECT_NO_MEMORY, 0);
		if (pool)
			assert_int_equal(suite.s->destroy(pool), 0);
		failed += !pool;
		made = pool ? made + 1 : 0;
	}
	assert_true(failed > 0);
	suite_end(suite_pool(false));
}

/* A pool without its file in debugfs, or without its directory, is as good as
 * any. */
static void test_no_debugfs(void **state)
{
	size_t size = suite.page_size / 2;

	if (!suite.s->run_out)
		skip_for(LACKS_RUN_OUT);
	for (long nth = 1; nth <= 3; nth++) {
		struct subject_pool *pool;
		unsigned long handle;

		suite.s->run_out(SUBJECT_NO_DEBUGFS, nth);
		pool = suite_pool(false);
		suite.s->run_out(SUBJECT_NO_DEBUGFS, 0);
		handle = suite_malloc(pool, size);
		suite_fill(pool, handle, size, 1);
		assert_true(suite_holds(pool, handle, size, 1));
		suite_free(pool, handle);
		suite_end(pool);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_no_memory_for_an_object),
	cmocka_unit_test(test_no_page_to_move_to),
	cmocka_unit_test(test_shrinker_is_asked),
	cmocka_unit_test(test_no_memory_for_a_pool),
	cmocka_unit_test(test_no_debugfs),
};

const struct suite_part suite_memory = { "no memory", tests,
					 ARRAY_SIZE(tests) };
