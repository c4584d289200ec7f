/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* suite.c - see suite.h. */
#include "suite.h"

struct suite suite;

void suite_skips(unsigned int rows)
{
	rows &= suite.expected.differences | LACKS_RECORD;
	if (!rows)
		fail_msg("skipped for nothing that the subject does");
	suite.skipped++;
	printf("[  REASON  ]\n");
	print_some_differences(rows, stdout);
	fflush(stdout);
}

struct subject_pool *suite_pool(bool worker)
{
	struct subject_pool *pool =
		suite.s->create(suite.page_size, suite.chain_size, worker);

	assert_non_null(pool);
	return pool;
}

void suite_end(struct subject_pool *pool)
{
	suite_settle(pool);
	suite_sound(pool);
	suite_empty(pool);
	assert_int_equal(suite.s->destroy(pool), 0);
}

unsigned long suite_malloc(struct subject_pool *pool, size_t size)
{
	unsigned long handle = suite.s->malloc(pool, size);

	if (zs_is_err(handle))
		fail_msg("an object of %zu bytes: error %d", size,
			 zs_err(handle));
	assert_int_not_equal(handle, 0);
	return handle;
}

void suite_free(struct subject_pool *pool, unsigned long handle)
{
	if (suite.s->free_deferred)
		suite.s->free_deferred(pool, handle);
	else
		suite.s->free(pool, handle);
}

void suite_settle(struct subject_pool *pool)
{
	if (suite.s->flush)
		suite.s->flush(pool);
	suite.s->drain(pool);
}

void suite_fill(struct subject_pool *pool, unsigned long handle, size_t size,
		uint64_t key)
{
	unsigned char *mem = malloc(size);

	assert_non_null(mem);
	pattern_fill(mem, size, key);
	suite.s->write(pool, handle, mem, size);
	free(mem);
}

bool segments_hold(const struct subject_segment *segments, unsigned int nr,
		   size_t size, uint64_t key)
{
	size_t at = 0;

	for (unsigned int i = 0; i < nr; i++) {
		if (pattern_differs(segments[i].data, at, segments[i].len,
				    key) != segments[i].len)
			return false;
		at += segments[i].len;
	}
	return at == size;
}

bool suite_holds(struct subject_pool *pool, unsigned long handle, size_t size,
		 uint64_t key)
{
	struct subject_segment segments[2];
	unsigned char *mem = malloc(size);
	const void *data;
	bool ok;

	assert_non_null(mem);
	data = suite.s->read_begin(pool, handle, size, mem);
	ok = data && pattern_ok(data, size, key);
	suite.s->read_end(pool, handle, size, data);
	suite.s->read(pool, handle, mem, size);
	ok &= pattern_ok(mem, size, key);
	if (suite.expected.segments) {
		unsigned int nr =
			suite.s->read_sg_begin(pool, handle, segments, size);

		ok &= segments_hold(segments, nr, size, key);
		if (nr)
			suite.s->read_sg_end(pool, handle);
	}
	free(mem);
	return ok;
}

struct subject_class suite_class(struct subject_pool *pool, unsigned int index)
{
	struct subject_class class = { 0 };

	suite.s->class_info(pool, index, &class);
	return class;
}

struct subject_class suite_class_for(struct subject_pool *pool, size_t size)
{
	return suite_class(pool, subject_class_of(suite.s, pool, size));
}

bool suite_is_used(struct subject_pool *pool, const struct subject_class *class)
{
	size_t largest = class->size - (class->huge ? 0 : sizeof(long));

	if (largest > suite.max_size)
		largest = suite.max_size;
	return subject_class_of(suite.s, pool, largest) == class->index;
}

unsigned long suite_zspage_pages(struct subject_pool *pool)
{
	unsigned long pages = 0;

	for (unsigned int i = 0; i < suite.s->class_count(pool); i++) {
		struct subject_class class = suite_class(pool, i);

		if (class.index == i)
			pages += class.objs_capacity / class.objs_per_zspage *
				 class.pages_per_zspage;
	}
	return pages;
}

void suite_pages(struct subject_pool *pool, unsigned long pages, size_t bytes)
{
	unsigned long total = suite.s->total_pages(pool);

	if (!suite.expected.counts_used) {
		assert_int_equal(total, pages);
		return;
	}
	assert_int_equal(suite_zspage_pages(pool), pages);
	assert_true(total <= pages);
	assert_true(total * suite.page_size >= bytes);
}

void suite_sums(struct subject_pool *pool, unsigned long live)
{
	unsigned long pages = 0, freeable = 0, inuse = 0;
	size_t bytes = 0;

	for (unsigned int i = 0; i < suite.s->class_count(pool); i++) {
		struct subject_class class = suite_class(pool, i);
		unsigned long zspages = 0, own;

		if (class.index != i)
			continue;
		for (unsigned int g = 0; g < suite.s->groups; g++)
			zspages += class.zspages[g];
		assert_int_equal(class.objs_capacity,
				 zspages * class.objs_per_zspage);
		assert_true(class.objs_inuse <= class.objs_capacity);
		own = (class.objs_capacity - class.objs_inuse) /
		      class.objs_per_zspage * class.pages_per_zspage;
		assert_int_equal(class.freeable_pages, own);
		pages += zspages * class.pages_per_zspage;
		freeable += own;
		inuse += class.objs_inuse;
		/* An object alone in its zspage has no more than it needs. */
		if (class.objs_per_zspage > 1)
			bytes += class.objs_inuse * class.size;
	}
	suite_pages(pool, pages, bytes);
	assert_int_equal(suite.s->shrink_count(pool), freeable);
	assert_int_equal(inuse, live);
}

void suite_sound(struct subject_pool *pool)
{
	if (suite.s->check)
		assert_int_equal(suite.s->check(pool, stderr), 0);
}

void suite_empty(struct subject_pool *pool)
{
	assert_int_equal(suite.s->total_pages(pool), 0);
	assert_int_equal(suite.s->shrink_count(pool), 0);
	for (unsigned int i = 0; i < suite.s->class_count(pool); i++) {
		struct subject_class class = suite_class(pool, i);

		assert_int_equal(class.objs_capacity, 0);
		assert_int_equal(class.objs_inuse, 0);
		for (unsigned int g = !suite.expected.counts_empty;
		     g < suite.s->groups; g++)
			assert_int_equal(class.zspages[g], 0);
	}
}
