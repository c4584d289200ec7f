/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* suite_access.c - conformance: reading and writing. */
#include <errno.h>

#include "suite.h"

/* A zspage full of one class, so that objects lie at every distance from a
 * page's border that there is. */
struct full {
	struct subject_pool *pool;
	size_t size; /* of an object: all of its room */
	size_t header; /* bytes before it */
	unsigned int objs;
	unsigned long *handles;
};

static void fill_zspage(struct full *f, struct subject_pool *pool,
			const struct subject_class *class)
{
	f->pool = pool;
	f->header = class->huge ? 0 : sizeof(long);
	f->size = class->size - f->header;
	/* What the largest class has besides is for no one. */
	if (f->size > suite.max_size)
		f->size = suite.max_size;
	f->objs = class->objs_per_zspage;
	f->handles = calloc(f->objs, sizeof(*f->handles));
	assert_non_null(f->handles);
	for (unsigned int i = 0; i < f->objs; i++) {
		f->handles[i] = suite_malloc(pool, f->size);
		suite_fill(pool, f->handles[i], f->size, i);
	}
	suite_pages(pool, class->pages_per_zspage,
		    (size_t)f->objs * (f->size + f->header));
}

static void with_every_class(void (*fn)(struct full *f))
{
	struct subject_pool *pool = suite_pool(false);

	for (unsigned int i = 0; i < suite.s->class_count(pool); i++) {
		struct subject_class class = suite_class(pool, i);
		struct full f;

		/* A small pool may use only some of its classes. */
		if (class.index != i || !suite_is_used(pool, &class))
			continue;
		fill_zspage(&f, pool, &class);
		fn(&f);
		for (unsigned int n = 0; n < f.objs; n++) {
			assert_true(suite_holds(pool, f.handles[n], f.size, n));
			suite_free(pool, f.handles[n]);
		}
		free(f.handles);
		suite_settle(pool);
	}
	suite_end(pool);
}

/* Every object that lies in two pages, and some that do not: lengths from the
 * beginning, of which some end in the first page. */
static void read_lengths(struct full *f)
{
	size_t step = f->size / 7 + 1;
	unsigned char *buf = malloc(f->size + 64);
	const unsigned char *data;

	assert_non_null(buf);
	for (unsigned int i = 0; i < f->objs; i += f->objs / 40 + 1)
		for (size_t len = 1; len <= f->size; len += step) {
			memset(buf, 0xa5, f->size + 64);
			suite.s->read(f->pool, f->handles[i], buf, len);
			assert_true(pattern_ok(buf, len, i));
			for (size_t b = len; b < len + 64; b++)
				assert_int_equal(buf[b], 0xa5);
			data = suite.s->read_begin(f->pool, f->handles[i], len,
						   buf);
			assert_non_null(data);
			assert_true(pattern_ok(data, len, i));
			suite.s->read_end(f->pool, f->handles[i], len, data);
		}
	free(buf);
}

static void test_read(void **state)
{
	with_every_class(read_lengths);
}

/* What is written is there, and none of the others changes. */
static void write_all(struct full *f)
{
	for (unsigned int i = 0; i < f->objs; i += f->objs / 40 + 1) {
		suite_fill(f->pool, f->handles[i], f->size, 1000 + i);
		assert_true(
			suite_holds(f->pool, f->handles[i], f->size, 1000 + i));
		if (i)
			assert_true(suite_holds(f->pool, f->handles[i - 1],
						f->size, i - 1));
		if (i + 1 < f->objs)
			assert_true(suite_holds(f->pool, f->handles[i + 1],
						f->size, i + 1));
		suite_fill(f->pool, f->handles[i], f->size, i);
	}
}

static void test_write(void **state)
{
	with_every_class(write_all);
}

/* A shorter write leaves the rest as it was. */
static void write_part(struct full *f)
{
	unsigned char *buf = malloc(f->size);
	size_t step = f->size / 5 + 1;

	assert_non_null(buf);
	for (unsigned int i = 0; i < f->objs; i += f->objs / 40 + 1)
		for (size_t len = 1; len < f->size; len += step) {
			pattern_fill(buf, len, 77);
			suite.s->write(f->pool, f->handles[i], buf, len);
			suite.s->read(f->pool, f->handles[i], buf, f->size);
			assert_true(pattern_ok(buf, len, 77));
			assert_int_equal(pattern_differs(buf + len, len,
							 f->size - len, i),
					 f->size - len);
			suite_fill(f->pool, f->handles[i], f->size, i);
		}
	free(buf);
}

static void test_write_part(void **state)
{
	/* Mapped for writing, what is not written is undefined. */
	if (!suite.expected.nested_reads)
		skip_for(SUBJECT_ONE_OPEN_OBJECT);
	with_every_class(write_part);
}

/* Objects by how many segments they were read in, and in huge classes. */
static unsigned int seen[3], seen_huge;

/* One segment, or two that meet where a page begins. In one piece, too, it lies
 * behind those before it. */
static void read_segment_lengths(struct full *f)
{
	const size_t page = suite.page_size, step = f->size / 7 + 1;
	struct subject_segment at[2];

	for (unsigned int i = 0; i < f->objs; i += f->objs / 40 + 1)
		for (size_t len = 1; len <= f->size; len += step) {
			/* As its zspage was filled, object by object. */
			size_t begin = i * (f->size + f->header) + f->header;
			size_t end = begin + len;
			unsigned int nr = suite.s->read_sg_begin(
				f->pool, f->handles[i], at, len);

			assert_in_range(nr, 1, 2);
			if (suite.expected.one_piece)
				assert_int_equal(nr, 1);
			else
				assert_int_equal(nr, (end - 1) / page -
							     begin / page + 1);
			assert_true(segments_hold(at, nr, len, i));
			assert_int_equal((uintptr_t)at[0].data % page,
					 begin % page);
			if (nr == 2) {
				assert_int_equal(at[0].len,
						 page - begin % page);
				assert_int_equal((uintptr_t)at[1].data % page,
						 0);
			}
			suite.s->read_sg_end(f->pool, f->handles[i]);
			seen[nr]++;
			seen_huge += !f->header;
		}
}

static void test_read_segments(void **state)
{
	if (!suite.expected.segments)
		skip_for(SUBJECT_NO_SEGMENTS);
	seen[1] = seen[2] = seen_huge = 0;
	with_every_class(read_segment_lengths);
	assert_true(seen[1]);
	assert_int_equal(seen[2] > 0, !suite.expected.one_piece);
	assert_true(seen_huge);
}

/* A class, and an object of its zspages that lies in so many pages. */
static unsigned int find_object(unsigned int pages, struct subject_class *class)
{
	struct subject_pool *pool = suite_pool(false);
	unsigned int nr = suite.s->class_count(pool);

	for (unsigned int i = 0; i < nr; i++) {
		*class = suite_class(pool, i);
		for (unsigned int k = 1; k < class->objs_per_zspage; k++) {
			size_t begin = k * class->size + sizeof(long);
			size_t last = (k + 1) * class->size - 1;

			if (last / suite.page_size - begin / suite.page_size +
				    1 ==
			    pages) {
				suite_end(pool);
				return k;
			}
		}
	}
	fail_msg("no object lies in %u pages", pages);
	return 0;
}

static const void *segment_address(struct subject_pool *pool,
				   unsigned long handle, size_t size)
{
	struct subject_segment at[2] = { { NULL, 0 } };

	assert_true(suite.s->read_sg_begin(pool, handle, at, size));
	suite.s->read_sg_end(pool, handle);
	return at[0].data;
}

/* Compacts while the only object of the second zspage is read. Where that holds
 * its zspage, nothing is gained; else the others come to it. */
static void compact_around(struct subject_pool *pool,
			   const struct subject_class *class)
{
	assert_int_equal(suite.s->compact(pool),
			 suite.expected.pins_objects ? class->pages_per_zspage
						     : 0);
}

/* The others have come to it, and its zspage is full. Puts others in their
 * place, into a zspage that is fuller in the end. */
static void replace_others(struct subject_pool *pool, unsigned long *handles,
			   unsigned int objs, size_t size)
{
	unsigned long *others = calloc(objs, sizeof(*others));

	assert_non_null(others);
	for (unsigned int i = 0; i < objs; i++) {
		others[i] = suite_malloc(pool, size);
		suite_fill(pool, others[i], size, i);
	}
	suite_free(pool, others[0]);
	for (unsigned int i = 1; i < objs; i++) {
		assert_true(suite_holds(pool, handles[i], size, i));
		suite_free(pool, handles[i]);
		handles[i] = others[i];
	}
	suite_settle(pool);
	free(others);
}

/* Between begin and end it stays where it is, whatever wants to move it;
 * afterwards it moves. */
static void stays(unsigned int pages)
{
	struct subject_class class = { 0 };
	unsigned int k = find_object(pages, &class);
	unsigned int segments = suite.expected.one_piece ? 1 : pages;
	unsigned int objs = class.objs_per_zspage, one = objs + k;
	size_t size = class.size - sizeof(long);
	unsigned long *handles = calloc(2 * objs, sizeof(*handles));
	struct subject_pool *pool = suite_pool(false);
	struct subject_segment at[2];
	const void *before;

	assert_non_null(handles);
	for (unsigned int i = 0; i < 2 * objs; i++) {
		handles[i] = suite_malloc(pool, size);
		suite_fill(pool, handles[i], size, i);
	}
	/* One in the second zspage, and room for it in the first one. */
	suite_free(pool, handles[0]);
	for (unsigned int i = objs; i < 2 * objs; i++)
		if (i != one)
			suite_free(pool, handles[i]);
	suite_settle(pool);

	assert_int_equal(suite.s->read_sg_begin(pool, handles[one], at, size),
			 segments);
	before = at[0].data;
	compact_around(pool, &class);
	if (suite.s->move_pages)
		suite.s->move_pages(pool, ~0ul);
	assert_true(segments_hold(at, segments, size, one));
	assert_ptr_equal(segment_address(pool, handles[one], size), before);
	suite.s->read_sg_end(pool, handles[one]);

	if (suite.s->move_pages) {
		suite.s->move_pages(pool, ~0ul);
		assert_ptr_not_equal(segment_address(pool, handles[one], size),
				     before);
		before = segment_address(pool, handles[one], size);
	}
	if (suite.expected.pins_objects)
		replace_others(pool, handles, objs, size);
	assert_int_equal(suite.s->compact(pool), class.pages_per_zspage);
	assert_ptr_not_equal(segment_address(pool, handles[one], size), before);
	handles[0] = handles[one];
	assert_true(suite_holds(pool, handles[0], size, one));
	suite_free(pool, handles[0]);
	for (unsigned int i = 1; i < objs; i++) {
		assert_true(suite_holds(pool, handles[i], size, i));
		suite_free(pool, handles[i]);
	}
	free(handles);
	suite_end(pool);
}

static void test_segments_stay(void **state)
{
	if (!suite.expected.segments)
		skip_for(SUBJECT_NO_SEGMENTS);
	stays(1);
	stays(2);
}

/* Many objects are open at a time, each more than once, and all of them hold
 * what they held; others come and go meanwhile. */
static void test_open_many(void **state)
{
	enum { N = 60 };
	struct subject_pool *pool;
	unsigned long handles[N], other;
	unsigned char *copies;
	const void *data[2][N];
	size_t size = suite.page_size / 3;

	if (!suite.expected.nested_reads)
		skip_for(SUBJECT_ONE_OPEN_OBJECT);
	pool = suite_pool(false);
	copies = malloc(2 * N * size);
	assert_non_null(copies);
	for (unsigned int i = 0; i < N; i++) {
		handles[i] = suite_malloc(pool, size);
		suite_fill(pool, handles[i], size, i);
	}
	for (unsigned int k = 0; k < 2; k++)
		for (unsigned int i = 0; i < N; i++)
			data[k][i] = suite.s->read_begin(pool, handles[i], size,
							 copies + (k * N + i) *
									  size);
	other = suite_malloc(pool, size);
	suite_fill(pool, other, size, 99);
	suite_free(pool, other);
	suite_settle(pool);
	for (unsigned int k = 0; k < 2; k++)
		for (unsigned int i = 0; i < N; i++) {
			assert_true(pattern_ok(data[k][i], size, i));
			suite.s->read_end(pool, handles[i], size, data[k][i]);
		}
	for (unsigned int i = 0; i < N; i++)
		suite_free(pool, handles[i]);
	free(copies);
	suite_end(pool);
}

/* Where it is checked: nothing is read or written, nothing is to be ended. */
static void test_bad_access(void **state)
{
	unsigned char buf[64] = { 0 };
	struct subject_pool *pool;
	unsigned long handle;
	struct subject_segment at[2];
	const unsigned long bad[] = { 0, (unsigned long)-ENOMEM,
				      (unsigned long)-4095L };

	if (!suite.expected.bad_access)
		skip_for(SUBJECT_UNCHECKED_ACCESS);
	pool = suite_pool(false);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_null(suite.s->read_begin(pool, bad[i], 1, buf));
		suite.s->write(pool, bad[i], buf, 1);
		if (suite.expected.segments)
			assert_int_equal(
				suite.s->read_sg_begin(pool, bad[i], at, 1), 0);
	}
	handle = suite_malloc(pool, 24);
	suite_fill(pool, handle, 24, 1);
	assert_null(suite.s->read_begin(pool, handle, 0, buf));
	assert_null(suite.s->read_begin(pool, handle, suite.max_size + 1, buf));
	if (suite.expected.segments) {
		assert_int_equal(suite.s->read_sg_begin(pool, handle, at, 0),
				 0);
		assert_int_equal(suite.s->read_sg_begin(pool, handle, at,
							suite.max_size + 1),
				 0);
	}
	suite.s->write(pool, handle, buf, 0);
	assert_true(suite_holds(pool, handle, 24, 1));
	suite_free(pool, handle);
	suite_end(pool);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_read),
	cmocka_unit_test(test_write),
	cmocka_unit_test(test_write_part),
	cmocka_unit_test(test_read_segments),
	cmocka_unit_test(test_segments_stay),
	cmocka_unit_test(test_open_many),
	cmocka_unit_test(test_bad_access),
};

const struct suite_part suite_access = { "access", tests, ARRAY_SIZE(tests) };
