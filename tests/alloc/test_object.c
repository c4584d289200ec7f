/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_object.c - object.c: where an object's bytes lie, read in place, by
 * copy and by segments, written in one part or two, moved as a whole. Every
 * place that an object can have is tried: each class, each index.
 */
#include "test_util.h"

#include "class.h"
#include "kernel/geometry.h"
#include "kernel/access.h"
#include "kernel/obj.h"

static const struct {
	unsigned int page_size, chain_size;
} geometries[] = { { 4096, 8 }, { 4096, 16 }, { 8192, 5 }, { 65536, 4 } };

#define MAX_PAGE 65536u
/* Bytes behind a buffer that must stay as they are. */
#define GUARD 64u

static unsigned char buffer[MAX_PAGE + GUARD];

/* One zspage of one class, every object of it live. */
struct full {
	struct zs_pool *pool;
	struct size_class *class;
	struct zspage *zspage;
	size_t room; /* bytes of data in an object */
	size_t head; /* bytes in front of them */
	unsigned int objs;
	unsigned long handles[1 << OBJ_BITS]; /* by object index */
};

static void fill_one(struct full *f, struct zs_pool *pool,
		     struct size_class *class)
{
	f->pool = pool;
	f->class = class;
	f->head = class->huge ? 0 : sizeof(long);
	f->room = class->size - f->head;
	f->objs = class->objs_per_zspage;
	for (unsigned int i = 0; i < f->objs; i++) {
		unsigned long obj;

		f->handles[i] = must_malloc(pool, f->room);
		obj = handle_to_obj(f->handles[i]);
		if (i == 0)
			f->zspage = obj_to_zpdesc(pool, obj)->zspage;
		assert_ptr_equal(obj_to_zpdesc(pool, obj)->zspage, f->zspage);
		assert_int_equal(obj_to_index(pool, obj), i);
	}
}

static void empty_one(struct full *f)
{
	for (unsigned int i = 0; i < f->objs; i++)
		zs_free(f->pool, f->handles[i]);
	assert_int_equal(zs_get_total_pages(f->pool), 0);
}

/* The address of byte `at` of the zspage, which the test may look at. */
static unsigned char *zspage_byte(const struct full *f, size_t at)
{
	struct zpdesc *zpdesc = f->zspage->first_zpdesc;
	unsigned char *page;

	for (size_t n = at / f->pool->page_size; n; n--)
		zpdesc = get_next_zpdesc(zpdesc);
	page = zpdesc_address(f->pool, zpdesc);
	if (UZS_POISONS_OBJECTS)
		uzs_unpoison(page, f->pool->page_size);
	return page + at % f->pool->page_size;
}

static u32 pins(const struct full *f)
{
	return pin_readers(&f->zspage->lock);
}

/* Runs fn on a full zspage of each distinct class of each geometry. */
static void with_every_class(void (*fn)(struct full *f))
{
	static struct full f;

	for (size_t g = 0; g < ARRAY_SIZE(geometries); g++) {
		struct zs_pool *pool = make_pool(geometries[g].page_size,
						 geometries[g].chain_size,
						 ZS_POOL_NO_WORKER);

		for (unsigned int i = 0; i < pool->nr_classes; i++) {
			if (!uzs_class_is_own(pool, i))
				continue;
			fill_one(&f, pool, pool->size_class[i]);
			fn(&f);
			empty_one(&f);
		}
		zs_destroy_pool(pool);
	}
}

/* Bytes of the object's data in the page it starts in. */
static size_t first_part(const struct full *f, unsigned int idx)
{
	size_t at = (size_t)idx * f->class->size + f->head;
	size_t left = f->pool->page_size - at % f->pool->page_size;

	return left < f->room ? left : f->room;
}

/* Lengths worth trying: around the border between two pages. */
static unsigned int lengths_of(const struct full *f, unsigned int idx,
			       size_t lengths[8])
{
	size_t border = first_part(f, idx);
	const size_t wanted[] = { 1,	      border - 1,  border,
				  border + 1, f->room - 1, f->room };
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (wanted[i] >= 1 && wanted[i] <= f->room)
			lengths[n++] = wanted[i];
	return n;
}

/* ---- places -------------------------------------------------------------- */

/* O2, and that no other byte of the zspage is written: the data of object i
 * lies from i * size + handle word on, through one or two pages. */
static void check_write(struct full *f)
{
	size_t step = f->objs > 64 ? f->objs / 64 : 1;

	for (unsigned int i = 0; i < f->objs; i++) {
		pattern_fill(buffer, f->room, i);
		assert_int_equal(zs_obj_write(f->pool, f->handles[i], buffer,
					      f->room),
				 0);
	}
	for (unsigned int i = 0; i < f->objs; i++) {
		size_t at = (size_t)i * f->class->size;
		size_t first = first_part(f, i);

		if (!f->class->huge)
			assert_true(*(unsigned long *)zspage_byte(f, at) ==
				    (f->handles[i] | 1));
		at += f->head;
		assert_int_equal(pattern_differs(zspage_byte(f, at), 0, first,
						 i),
				 first);
		if (first < f->room)
			assert_int_equal(
				pattern_differs(zspage_byte(f, at + first),
						first, f->room - first, i),
				f->room - first);
	}
	/* Shorter writes leave the rest of the object as it was. */
	for (unsigned int i = 0; i < f->objs; i += (unsigned int)step) {
		size_t lengths[8];
		unsigned int n = lengths_of(f, i, lengths);

		for (unsigned int k = 0; k < n; k++) {
			size_t at = (size_t)i * f->class->size + f->head;
			size_t len = lengths[k];
			size_t last = at + len - 1;

			pattern_fill(buffer, len, i + 7777 + k);
			assert_int_equal(zs_obj_write(f->pool, f->handles[i],
						      buffer, len),
					 0);
			assert_int_equal(*zspage_byte(f, at),
					 pattern_byte(i + 7777 + k, 0));
			assert_int_equal(*zspage_byte(f, last),
					 pattern_byte(i + 7777 + k, len - 1));
			if (len < f->room)
				assert_int_equal(*zspage_byte(f, last + 1),
						 pattern_byte(i, len));
			pattern_fill(buffer, f->room, i);
			zs_obj_write(f->pool, f->handles[i], buffer, f->room);
		}
		/* Nor the next object. */
		if (i + 1 < f->objs)
			assert_true(object_ok(f->pool, f->handles[i + 1],
					      f->room, i + 1));
	}
	assert_int_equal(pins(f), 0);
}

static void test_write_touches_its_bytes_only(void **state)
{
	with_every_class(check_write);
}

/* A pointer into the page if the length asked for ends there, else the copy,
 * of which no byte too many is written. */
static void check_read(struct full *f)
{
	for (unsigned int i = 0; i < f->objs; i++)
		assert_true(object_fill(f->pool, f->handles[i], f->room, i));
	for (unsigned int i = 0; i < f->objs; i++) {
		size_t at = (size_t)i * f->class->size + f->head;
		size_t lengths[8];
		unsigned int n = lengths_of(f, i, lengths);

		for (unsigned int k = 0; k < n; k++) {
			size_t len = lengths[k];
			bool whole = len <= first_part(f, i);
			unsigned char *data;

			memset(buffer, 0xa5, len + GUARD);
			data = zs_obj_read_begin(f->pool, f->handles[i], len,
						 buffer);
			assert_int_equal(pins(f), 1);
			assert_ptr_equal(data,
					 whole ? zspage_byte(f, at) : buffer);
			assert_true(pattern_ok(data, len, i));
			for (size_t b = whole ? 0 : len; b < len + GUARD; b++)
				assert_int_equal(buffer[b], 0xa5);
			zs_obj_read_end(f->pool, f->handles[i], len, data);
			assert_int_equal(pins(f), 0);

			/* Without a buffer: only what lies in one page. */
			data = zs_obj_read_begin(f->pool, f->handles[i], len,
						 NULL);
			assert_ptr_equal(data,
					 whole ? zspage_byte(f, at) : NULL);
			assert_int_equal(pins(f), whole);
			zs_obj_read_end(f->pool, f->handles[i], len, data);
			assert_int_equal(pins(f), 0);
		}
	}
}

static void test_read_in_place_or_copies(void **state)
{
	with_every_class(check_read);
}

static void check_segments(struct full *f)
{
	for (unsigned int i = 0; i < f->objs; i++)
		assert_true(object_fill(f->pool, f->handles[i], f->room, i));
	for (unsigned int i = 0; i < f->objs; i++) {
		size_t at = (size_t)i * f->class->size + f->head;
		size_t lengths[8];
		unsigned int n = lengths_of(f, i, lengths);

		for (unsigned int k = 0; k < n; k++) {
			size_t len = lengths[k], first = first_part(f, i);
			struct iovec iov[2] = { 0 };
			unsigned int segments;

			segments = zs_obj_read_sg_begin(f->pool, f->handles[i],
							iov, len);
			assert_int_equal(pins(f), 1);
			assert_int_equal(segments, len <= first ? 1 : 2);
			first = min(len, first);
			assert_ptr_equal(iov[0].iov_base, zspage_byte(f, at));
			assert_int_equal(iov[0].iov_len, first);
			assert_int_equal(pattern_differs(iov[0].iov_base, 0,
							 first, i),
					 first);
			if (segments == 2) {
				size_t rest = len - first;

				assert_ptr_equal(iov[1].iov_base,
						 zspage_byte(f, at + first));
				assert_int_equal(iov[1].iov_len, rest);
				assert_int_equal(
					pattern_differs(iov[1].iov_base, first,
							rest, i),
					rest);
			}
			zs_obj_read_sg_end(f->pool, f->handles[i]);
			assert_int_equal(pins(f), 0);
		}
	}
}

static void test_segments_are_the_object(void **state)
{
	with_every_class(check_segments);
}

/* Every distance from a border that objects of a pool can have occurs in the
 * tests above: here the counting of it, so that they cannot become empty. */
static unsigned long whole_objs, split_objs;

static void count_splits(struct full *f)
{
	for (unsigned int i = 0; i < f->objs; i++) {
		if (first_part(f, i) < f->room)
			split_objs++;
		else
			whole_objs++;
		/* P2: at least the handle word is in the first page, and
		 * bytes of data behind it. */
		assert_true(first_part(f, i) >= sizeof(long) ||
			    f->room < sizeof(long));
	}
}

static void test_whole_and_split_objects_are_tried(void **state)
{
	whole_objs = 0;
	split_objs = 0;
	with_every_class(count_splits);
	assert_true(whole_objs > 10000);
	assert_true(split_objs > 1000);
}

/* ---- answers ------------------------------------------------------------- */

static void check_bad_lengths(struct full *f)
{
	unsigned long handle = f->handles[f->objs - 1];
	const size_t lengths[] = { 0, f->room + 1, f->class->size + 1,
				   f->pool->page_size + 1, SIZE_MAX };

	assert_true(object_fill(f->pool, handle, f->room, 5));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct iovec iov[2];

		assert_null(
			zs_obj_read_begin(f->pool, handle, lengths[i], buffer));
		assert_int_equal(zs_obj_read_sg_begin(f->pool, handle, iov,
						      lengths[i]),
				 0);
		assert_int_equal(zs_obj_write(f->pool, handle, buffer,
					      lengths[i]),
				 -ERANGE);
		assert_int_equal(pins(f), 0);
	}
	assert_true(object_ok(f->pool, handle, f->room, 5));
}

static void test_bad_lengths_are_refused(void **state)
{
	with_every_class(check_bad_lengths);
}

static void test_bad_handles_are_refused(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	const unsigned long handles[] = { 0, (unsigned long)-ENOMEM,
					  (unsigned long)-EINVAL,
					  (unsigned long)-4095L };

	for (size_t i = 0; i < ARRAY_SIZE(handles); i++) {
		struct iovec iov[2];

		assert_null(zs_obj_read_begin(pool, handles[i], 1, buffer));
		zs_obj_read_end(pool, handles[i], 1, NULL);
		assert_int_equal(zs_obj_read_sg_begin(pool, handles[i], iov, 1),
				 0);
		zs_obj_read_sg_end(pool, handles[i]);
		assert_int_equal(zs_obj_write(pool, handles[i], buffer, 1),
				 -EINVAL);
	}
	zs_destroy_pool(pool);
}

/* ---- pins ---------------------------------------------------------------- */

/* O1's counting: each begin pins once, until its own end; the whole zspage,
 * and no other. */
static void test_each_begin_pins_once(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long a, b, other;
	struct zspage *zspage;
	void *pa, *pb;
	struct iovec iov[2];

	a = must_malloc(pool, 100);
	b = must_malloc(pool, 100);
	other = must_malloc(pool, 1000);
	zspage = obj_to_zpdesc(pool, handle_to_obj(a))->zspage;
	assert_ptr_equal(obj_to_zpdesc(pool, handle_to_obj(b))->zspage, zspage);

	pa = zs_obj_read_begin(pool, a, 100, buffer);
	assert_int_equal(pin_readers(&zspage->lock), 1);
	pb = zs_obj_read_begin(pool, b, 100, buffer);
	assert_int_equal(pin_readers(&zspage->lock), 2);
	assert_int_equal(zs_obj_read_sg_begin(pool, a, iov, 100), 1);
	assert_int_equal(pin_readers(&zspage->lock), 3);
	assert_int_equal(pin_readers(&obj_to_zpdesc(pool, handle_to_obj(other))
					      ->zspage->lock),
			 0);
	/* Allowed between begin and end: all that does not touch a or b. */
	assert_true(object_fill(pool, other, 1000, 1));
	assert_int_equal(pin_readers(&zspage->lock), 3);
	zs_free(pool, other);
	zs_obj_read_end(pool, a, 100, pa);
	assert_int_equal(pin_readers(&zspage->lock), 2);
	zs_obj_read_sg_end(pool, a);
	zs_obj_read_end(pool, b, 100, pb);
	assert_int_equal(pin_readers(&zspage->lock), 0);
	zs_free(pool, a);
	zs_free(pool, b);
	/* pool->lock, too, is free again: this takes it for writing. */
	assert_sound(pool);
	zs_destroy_pool(pool);
}

/* An end too many is no pin less than none: the object can be moved and read
 * as before. */
static void test_end_too_many_does_no_harm(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long handle = must_malloc(pool, 100);
	struct zspage *zspage =
		obj_to_zpdesc(pool, handle_to_obj(handle))->zspage;
	struct iovec iov[2];
	void *mem;

	assert_int_equal(zs_obj_read_sg_begin(pool, handle, iov, 0), 0);
	zs_obj_read_sg_end(pool, handle);
	assert_int_equal(zspage->lock.word, 0);
	assert_int_equal(zs_obj_read_sg_begin(pool, handle, iov, 1 << 20), 0);
	zs_obj_read_sg_end(pool, handle);
	zs_obj_read_end(pool, handle, 100, buffer);
	assert_int_equal(zspage->lock.word, 0);

	mem = zs_obj_read_begin(pool, handle, 100, buffer);
	assert_non_null(mem);
	zs_obj_read_end(pool, handle, 100, mem);
	zs_obj_read_end(pool, handle, 100, mem);
	assert_int_equal(zspage->lock.word, 0);
	assert_true(pin_write_trylock(&zspage->lock));
	pin_write_unlock(&zspage->lock);
	assert_true(object_fill(pool, handle, 100, 3));
	assert_true(object_ok(pool, handle, 100, 3));
	assert_sound(pool);
	zs_destroy_pool(pool);
}

/* ---- copies of whole objects --------------------------------------------- */

/* From every index to every other (to 40 of them where there are many): the
 * class size in bytes, handle word and all, and not a byte more. */
static void check_copy(struct full *f)
{
	unsigned int step = f->objs > 40 ? f->objs / 40 : 1;

	if (f->class->huge)
		return;
	for (unsigned int i = 0; i < f->objs; i++)
		assert_true(object_fill(f->pool, f->handles[i], f->room, i));
	for (unsigned int from = 0; from < f->objs; from += step)
		for (unsigned int to = 0; to < f->objs; to += step) {
			unsigned long src = handle_to_obj(f->handles[from]);
			unsigned long dst = handle_to_obj(f->handles[to]);
			size_t at = (size_t)to * f->class->size;

			if (from == to)
				continue;
			uzs_obj_copy(f->pool, f->class, dst, src);
			assert_true(*(unsigned long *)zspage_byte(f, at) ==
				    (f->handles[from] | 1));
			*(unsigned long *)zspage_byte(f, at) = f->handles[to] |
							       1;
			assert_true(object_ok(f->pool, f->handles[to], f->room,
					      from));
			assert_true(object_ok(f->pool, f->handles[from],
					      f->room, from));
			if (to + 1 < f->objs && to + 1 != from)
				assert_true(object_ok(f->pool,
						      f->handles[to + 1],
						      f->room, to + 1));
			assert_true(object_fill(f->pool, f->handles[to],
						f->room, to));
		}
	assert_sound(f->pool);
}

static void test_copy_moves_the_whole_object(void **state)
{
	static struct full f;
	static const unsigned int wanted[] = { 32,   48,   112,	 208,
					       1104, 2080, 2720, 3264,
					       3504, 3408, 3632 };
	struct zs_pool *pool = make_pool(4096, 16, ZS_POOL_NO_WORKER);

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		fill_one(&f, pool,
			 pool->size_class[uzs_class_index(pool, wanted[i])]);
		check_copy(&f);
		empty_one(&f);
	}
	zs_destroy_pool(pool);
	pool = make_pool(65536, 8, ZS_POOL_NO_WORKER);
	fill_one(&f, pool, pool->size_class[uzs_class_index(pool, 52000)]);
	check_copy(&f);
	empty_one(&f);
	zs_destroy_pool(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_touches_its_bytes_only),
		cmocka_unit_test(test_read_in_place_or_copies),
		cmocka_unit_test(test_segments_are_the_object),
		cmocka_unit_test(test_whole_and_split_objects_are_tried),
		cmocka_unit_test(test_bad_lengths_are_refused),
		cmocka_unit_test(test_bad_handles_are_refused),
		cmocka_unit_test(test_each_begin_pins_once),
		cmocka_unit_test(test_end_too_many_does_no_harm),
		cmocka_unit_test(test_copy_moves_the_whole_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
