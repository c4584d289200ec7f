/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_harden.c - hardened pools: each misuse of a handle with each call, in
 * each lock scope and deferral, is told, does nothing, and leaves the pool
 * sound. That a correct program is told nothing: test_harden_threads.c.
 *
 * Whole, as each part tries all calls of the first one.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setaffinity_np */
#endif
#include "test_harden.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test_system.h"

#include "types.h"

#define LEN 100u

static struct told told;
static enum zs_defer_mode test_defer;

static struct zs_pool *make_hard(enum zs_defer_mode defer)
{
	return make_hardened(test_scope, defer, ZS_POOL_NO_WORKER, &told);
}

/* Of reuse: what is staged is looked at now. */
static void look(struct zs_pool *pool)
{
	zs_free_deferred_flush(pool);
}

/* ---- every call that takes a handle ------------------------------------- */

/* It returns what it answers for a bad handle. */
struct call {
	const char *name;
	bool (*refused)(struct zs_pool *pool, unsigned long handle);
	bool late; /* with reuse only told some frees later */
};

static unsigned char buffer[65536];

static bool refused_free(struct zs_pool *pool, unsigned long handle)
{
	zs_free(pool, handle);
	return true;
}

static bool refused_free_deferred(struct zs_pool *pool, unsigned long handle)
{
	/* Kept, with reuse, until it is looked at. */
	return !zs_free_deferred(pool, handle) || test_defer == ZS_DEFER_REUSE;
}

static bool refused_defer_push(struct zs_pool *pool, unsigned long handle)
{
	return !zs_defer_push(pool, handle);
}

static bool refused_read_begin(struct zs_pool *pool, unsigned long handle)
{
	return !zs_obj_read_begin(pool, handle, 1, buffer);
}

static bool refused_read_end(struct zs_pool *pool, unsigned long handle)
{
	zs_obj_read_end(pool, handle, 1, buffer);
	return true;
}

static bool refused_sg_begin(struct zs_pool *pool, unsigned long handle)
{
	struct iovec iov[2];

	return !zs_obj_read_sg_begin(pool, handle, iov, 1);
}

static bool refused_sg_end(struct zs_pool *pool, unsigned long handle)
{
	zs_obj_read_sg_end(pool, handle);
	return true;
}

static bool refused_write(struct zs_pool *pool, unsigned long handle)
{
	return zs_obj_write(pool, handle, buffer, 1) == -EINVAL;
}

static bool refused_place(struct zs_pool *pool, unsigned long handle)
{
	struct zs_obj_place place = ZS_OBJ_PLACE_INIT, before = place;

	return zs_obj_place(pool, handle, &place) == -EINVAL &&
	       !memcmp(&place, &before, sizeof(place));
}

static const struct call calls[] = {
	{ "zs_free", refused_free, false },
	{ "zs_free_deferred", refused_free_deferred, true },
	{ "zs_defer_push", refused_defer_push, false },
	{ "zs_obj_read_begin", refused_read_begin, false },
	{ "zs_obj_read_end", refused_read_end, false },
	{ "zs_obj_read_sg_begin", refused_sg_begin, false },
	{ "zs_obj_read_sg_end", refused_sg_end, false },
	{ "zs_obj_write", refused_write, false },
	{ "zs_obj_place", refused_place, false },
};

#define NR_FREES 3 /* the first of them */

/* Does the pool have it? */
static bool has_call(const struct call *call)
{
	return call->refused != refused_defer_push ||
	       test_defer == ZS_DEFER_PERCPU;
}

/* The call is told of, once, and does nothing. */
static void assert_told(struct zs_pool *pool, const struct call *call,
			unsigned long handle, enum zs_misuse_kind what)
{
	struct zs_pool_info before = info_of(pool), after;

	told_reset(&told);
	if (!call->refused(pool, handle))
		fail_msg("%s does not refuse %#lx", call->name, handle);
	if (call->late && test_defer == ZS_DEFER_REUSE)
		look(pool);
	if (told.nr != 1)
		fail_msg("%s of %#lx is told %u times, not once", call->name,
			 handle, told.nr);
	assert_string_equal(told.last.call, call->name);
	assert_ptr_equal(told.last.pool, pool);
	assert_string_equal(told.last.pool_name, "hard");
	assert_true(told.last.handle == handle);
	assert_int_equal(told.last.struct_size, sizeof(told.last));
	if (told.last.what != what)
		fail_msg("%s of %#lx is told as %s", call->name, handle,
			 told.last.text);
	after = info_of(pool);
	assert_int_equal(before.objs_inuse, after.objs_inuse);
	assert_sound(pool);
}

static void assert_all_told(struct zs_pool *pool, unsigned long handle,
			    enum zs_misuse_kind what)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (has_call(&calls[i]))
			assert_told(pool, &calls[i], handle, what);
}

/* ---- freed handles ------------------------------------------------------ */

/* With whatever it was freed, and whatever is called then, also when others
 * were allocated since, and when it was really freed. */
static void test_freed_handle_is_told(void **state)
{
	for (size_t by = 0; by < NR_FREES; by++) {
		struct zs_pool *pool = make_hard(test_defer);
		unsigned long others[100], handle = must_malloc(pool, LEN);

		if (!has_call(&calls[by])) {
			zs_destroy_pool(pool);
			continue;
		}
		told_reset(&told);
		if (by == 0)
			zs_free(pool, handle);
		else if (by == 1)
			zs_free_deferred(pool, handle);
		else
			assert_true(zs_defer_push(pool, handle));
		assert_int_equal(told.nr, 0);
		/* With reuse it is known once it is looked at. */
		if (test_defer == ZS_DEFER_REUSE)
			look(pool);
		assert_all_told(pool, handle, ZS_MISUSE_FREED);
		for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
			others[i] = must_malloc(pool, LEN);
			assert_true(others[i] != handle);
		}
		assert_all_told(pool, handle, ZS_MISUSE_FREED);
		zs_free_deferred_flush(pool);
		assert_all_told(pool, handle, ZS_MISUSE_FREED);
		/* Each of these is freed on top of the one in question. */
		for (size_t i = 0; i < ARRAY_SIZE(others); i++)
			zs_free(pool, others[i]);
		assert_int_equal(told.nr, 1);
		assert_all_told(pool, handle, ZS_MISUSE_FREED);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* What a handle of reuse goes through: staged, kept, given out again. The
 * second free of a staged one is told at once, as else the first might have
 * given it out again by the time that the second is looked at. */
static void test_second_free_is_told_in_each_state(void **state)
{
	struct zs_pool *pool = make_hard(ZS_DEFER_REUSE);
	unsigned long handle = must_malloc(pool, LEN), more[REUSE_STAGED];
	cpu_set_t all;

	assert_int_equal(
		pthread_getaffinity_np(pthread_self(), sizeof(all), &all), 0);
	if (!pin_to_nth_cpu(&all, 0))
		skip();
	for (size_t i = 0; i < REUSE_STAGED; i++)
		more[i] = must_malloc(pool, LEN);
	told_reset(&told);
	assert_true(zs_free_deferred(pool, handle));
	assert_int_equal(told.nr, 0);
	assert_false(zs_free_deferred(pool, handle));
	assert_int_equal(told.nr, 1);
	assert_int_equal(told.last.what, ZS_MISUSE_FREED);
	/* Freed really, and found when it is looked at. */
	told_reset(&told);
	assert_true(zs_free_deferred(pool, more[0]));
	zs_free(pool, more[0]);
	assert_int_equal(told.nr, 0);
	for (size_t i = 1; i < REUSE_STAGED; i++)
		assert_true(zs_free_deferred(pool, more[i]));
	assert_int_equal(told.nr, 0);
	assert_true(zs_free_deferred(pool, must_malloc(pool, 2 * LEN)));
	assert_int_equal(told.nr, 1);
	assert_true(told.last.handle == more[0]);
	assert_string_equal(told.last.call, "zs_free_deferred");
	/* Kept, it is known as freed; taken again, it is not. */
	assert_told(pool, &calls[7], handle, ZS_MISUSE_FREED);
	told_reset(&told);
	assert_true(must_malloc(pool, LEN) == handle);
	assert_int_equal(zs_obj_write(pool, handle, buffer, LEN), 0);
	zs_free(pool, handle);
	assert_int_equal(told.nr, 0);
	assert_sound(pool);
	zs_destroy_pool(pool);
	assert_int_equal(told.nr, 0);
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
}

/* A handle is not given out again before so many others were freed. */
static void test_freed_handle_is_not_given_out_soon(void **state)
{
	struct zs_pool *pool = make_hard(test_defer);
	unsigned long handle = must_malloc(pool, LEN);

	zs_free(pool, handle);
	for (unsigned int i = 0; i < UZS_SLAB_DELAY - 1; i++) {
		unsigned long other = must_malloc(pool, LEN);

		if (other == handle)
			fail_msg("given out again after %u frees", i);
		zs_free(pool, other);
	}
	assert_told(pool, &calls[0], handle, ZS_MISUSE_FREED);
	zs_destroy_pool(pool);
}

/* ---- no handles --------------------------------------------------------- */

static void test_handle_of_another_pool_is_told(void **state)
{
	struct zs_pool *pool = make_hard(test_defer);
	struct zs_pool *other = make_pool(0, 0, ZS_POOL_NO_WORKER);
	struct zs_pool *hard = make_hard(test_defer);
	unsigned long of_other = must_malloc(other, LEN);
	unsigned long of_hard = must_malloc(hard, LEN);

	must_malloc(pool, LEN);
	assert_true(object_fill(other, of_other, LEN, 1));
	assert_true(object_fill(hard, of_hard, LEN, 2));
	assert_all_told(pool, of_other, ZS_MISUSE_NO_HANDLE);
	assert_all_told(pool, of_hard, ZS_MISUSE_NO_HANDLE);
	assert_true(object_ok(other, of_other, LEN, 1));
	assert_true(object_ok(hard, of_hard, LEN, 2));
	assert_int_equal(zs_destroy_pool(pool), 1);
	assert_int_equal(zs_destroy_pool(other), 1);
	assert_int_equal(zs_destroy_pool(hard), 1);
}

static unsigned long unmapped_address(void)
{
	void *mem = mmap(NULL, UZS_SECTION_SIZE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(mem != MAP_FAILED);
	munmap(mem, UZS_SECTION_SIZE);
	return (unsigned long)mem + 64;
}

static void test_what_was_never_a_handle_is_told(void **state)
{
	struct zs_pool *pool = make_hard(test_defer);
	unsigned long handle = must_malloc(pool, LEN);
	unsigned long local[4] = { 0 };
	struct iovec iov[2];
	unsigned long no_handles[] = {
		/* beside one */
		handle + 1, handle + 2, handle + 4, handle + 8, handle ^ 16,
		/* in the same section, but no word */
		handle & ~(UZS_SECTION_SIZE - 1),
		(handle & ~(UZS_SECTION_SIZE - 1)) + 128,
		(handle & ~4095UL) + 4096, (handle & ~4095UL) - 16,
		(handle | (UZS_SECTION_SIZE - 1)) - 15,
		/* somewhere */
		16, 4096, (unsigned long)local & ~15UL, (unsigned long)pool,
		(unsigned long)buffer & ~15UL, unmapped_address(),
		LONG_MAX & ~15UL, (unsigned long)LONG_MIN, ~0UL << 16,
		(unsigned long)0xdeadbeefdeadbee0u,
		/* the object's data; the last */
		0
	};
	size_t n = ARRAY_SIZE(no_handles);

	assert_true(object_fill(pool, handle, LEN, 7));
	assert_int_equal(zs_obj_read_sg_begin(pool, handle, iov, LEN), 1);
	no_handles[n - 1] = (unsigned long)iov[0].iov_base;
	zs_obj_read_sg_end(pool, handle);
	for (size_t i = 0; i < n; i++)
		assert_all_told(pool, no_handles[i], ZS_MISUSE_NO_HANDLE);
	assert_true(object_ok(pool, handle, LEN, 7));
	assert_int_equal(zs_destroy_pool(pool), 1);
}

/* Of memory that the pool has given back: nothing is touched that is not
 * there, and nothing that is somebody else's by now is taken for a handle. */
static void test_handle_in_unmapped_memory_is_told(void **state)
{
	struct zs_pool *pool = make_hard(test_defer);
	unsigned int n = (unsigned int)uzs_test_scale(3000);
	unsigned long *handles = calloc(n, sizeof(*handles));

	assert_non_null(handles);
	for (unsigned int i = 0; i < n; i++)
		handles[i] = must_malloc(pool, 3000);
	for (unsigned int i = 0; i < n; i++)
		zs_free(pool, handles[i]);
	zs_compact(pool);
	zs_trim(pool);
	assert_int_equal(info_of(pool).slab_pages, 0);
	if (!os_pages_are_large())
		assert_int_equal(info_of(pool).bytes_free, 0);
	told_reset(&told);
	for (unsigned int i = 0; i < n; i++) {
		assert_true(refused_read_begin(pool, handles[i]));
		zs_free(pool, handles[i]);
		assert_int_equal(told.nr, 2 * (i + 1));
	}
	/* Its pages are used for objects now, full of what might be words. */
	memset(buffer, 0x40, sizeof(buffer));
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(zs_obj_write(pool, must_malloc(pool, 3000),
					      buffer, 3000),
				 0);
	told_reset(&told);
	assert_int_equal(zs_destroy_pool(pool), n);
	assert_int_equal(told.nr, 0);
	free(handles);
}

/* ---- reads -------------------------------------------------------------- */

static void test_end_without_begin_is_told(void **state)
{
	struct zs_pool *pool = make_hard(test_defer);
	unsigned long handle = must_malloc(pool, LEN);
	unsigned long neighbour = must_malloc(pool, LEN);
	struct iovec iov[2];
	void *mem, *other;

	assert_told(pool, &calls[4], handle, ZS_MISUSE_NOT_BEGUN);
	assert_told(pool, &calls[6], handle, ZS_MISUSE_NOT_BEGUN);
	/* A begin that answers 0 is none. */
	assert_int_equal(zs_obj_read_sg_begin(pool, handle, iov, 4097), 0);
	assert_told(pool, &calls[6], handle, ZS_MISUSE_NOT_BEGUN);
	assert_null(zs_obj_read_begin(pool, handle, 0, buffer));
	assert_told(pool, &calls[4], handle, ZS_MISUSE_NOT_BEGUN);
	assert_int_equal(zs_obj_write(pool, handle, buffer, 0), -ERANGE);
	assert_told(pool, &calls[4], handle, ZS_MISUSE_NOT_BEGUN);
	/* Somebody else's pin of the same zspage is not taken for one. */
	other = zs_obj_read_begin(pool, neighbour, LEN, NULL);
	assert_non_null(other);
	assert_told(pool, &calls[4], handle, ZS_MISUSE_NOT_BEGUN);
	/* One end for each begin. */
	mem = zs_obj_read_begin(pool, handle, LEN, NULL);
	assert_non_null(zs_obj_read_begin(pool, handle, LEN, NULL));
	told_reset(&told);
	zs_obj_read_end(pool, handle, LEN, mem);
	zs_obj_read_sg_end(pool, handle);
	assert_int_equal(told.nr, 0);
	assert_told(pool, &calls[6], handle, ZS_MISUSE_NOT_BEGUN);
	told_reset(&told);
	zs_obj_read_end(pool, neighbour, LEN, other);
	/* Nothing to be told of. */
	zs_obj_read_end(pool, handle, LEN, NULL);
	zs_obj_read_sg_end(pool, 0);
	zs_free(pool, 0);
	assert_false(zs_free_deferred(pool, (unsigned long)-ENOMEM));
	assert_int_equal(told.nr, 0);
	assert_int_equal(zs_destroy_pool(pool), 2);
	assert_int_equal(told.nr, 0);
}

static void test_free_of_what_is_read_is_told(void **state)
{
	struct zs_pool *pool = make_hard(test_defer);
	unsigned long handle = must_malloc(pool, LEN);
	void *mem;

	assert_true(object_fill(pool, handle, LEN, 5));
	mem = zs_obj_read_begin(pool, handle, LEN, buffer);
	assert_non_null(mem);
	for (size_t i = 0; i < NR_FREES; i++)
		if (has_call(&calls[i]))
			assert_told(pool, &calls[i], handle, ZS_MISUSE_READ);
	/* It lives on, and can be freed afterwards. */
	assert_int_equal(pattern_differs(mem, 0, LEN, 5), LEN);
	told_reset(&told);
	zs_obj_read_end(pool, handle, LEN, mem);
	assert_true(object_ok(pool, handle, LEN, 5));
	zs_free(pool, handle);
	assert_int_equal(told.nr, 0);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

static void test_forgotten_ends_are_told_at_the_end(void **state)
{
	struct zs_pool *pool = make_hard(test_defer);
	unsigned long handles[40];

	for (size_t i = 0; i < ARRAY_SIZE(handles); i++) {
		handles[i] = must_malloc(pool, LEN);
		if (i % 2)
			assert_non_null(zs_obj_read_begin(pool, handles[i], LEN,
							  buffer));
	}
	zs_obj_read_end(pool, handles[1], LEN, buffer);
	told_reset(&told);
	assert_int_equal(zs_destroy_pool(pool), ARRAY_SIZE(handles));
	assert_int_equal(told.nr, ARRAY_SIZE(handles) / 2 - 1);
	assert_int_equal(told.last.what, ZS_MISUSE_NOT_ENDED);
	assert_string_equal(told.last.call, "zs_destroy_pool");
}

/* ---- values of the caller's, and failed pushes -------------------------- */

static enum zs_push_result push_none(void *buf, unsigned int count,
				     unsigned long value)
{
	return ZS_PUSH_FULL;
}

static void drain_none(void *private_data, void *buf, unsigned int count)
{
}

static void test_values_are_no_handles(void **state)
{
	static const struct zs_deferred_ops ops = { push_none, drain_none };
	struct zs_pool *pool = make_hard(ZS_DEFER_NONE);

	assert_int_equal(zs_pool_enable_deferred_free(pool, &ops, NULL), 0);
	told_reset(&told);
	assert_false(zs_defer_push(pool, 12345));
	assert_int_equal(told.nr, 0);
	zs_destroy_pool(pool);
}

/* A push that finds no room leaves the handle as it was. */
static void test_failed_push_leaves_the_handle(void **state)
{
	struct zs_pool *pool = make_hard(ZS_DEFER_PERCPU);
	unsigned long handle = must_malloc(pool, LEN);

	told_reset(&told);
	while (zs_defer_push(pool, handle))
		handle = must_malloc(pool, LEN);
	assert_int_equal(told.nr, 0);
	assert_int_equal(zs_obj_write(pool, handle, buffer, LEN), 0);
	zs_free(pool, handle);
	assert_int_equal(told.nr, 0);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ---- memory ------------------------------------------------------------- */

/* Objects of 32 bytes until there is no more memory. Return: how many. */
static unsigned long fill(struct zs_pool *pool, unsigned long *handles,
			  unsigned long most)
{
	unsigned long n;

	for (n = 0; n < most; n++) {
		handles[n] = zs_malloc(pool, 32, GFP_KERNEL, NUMA_NO_NODE);
		if (zs_is_err(handles[n]))
			break;
	}
	assert_true(n < most);
	return n;
}

/* Words that are held back are there when nothing else is; of memory they take
 * no more than themselves. */
static void test_held_back_words_are_used_in_need(void **state)
{
	enum { MOST = 1 << 16 };
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	/* What CPUs hold back, and magazines, as objects. */
	unsigned long spare = uzs_nr_cpu_slots() * (UZS_SLAB_DELAY + 64);
	unsigned long *handles = calloc(MOST, sizeof(*handles)), n, again;
	struct zs_pool *pool;

	assert_non_null(handles);
	o.lock_scope = test_scope;
	o.defer = test_defer;
	o.flags = ZS_POOL_NO_WORKER | ZS_POOL_HARDENED;
	o.memory_limit = (size_t)4 << 20;
	pool = zs_create_pool_with("hard", &o);
	assert_non_null(pool);
	n = fill(pool, handles, MOST);
	assert_true(n > 1000);
	for (int round = 0; round < 3; round++) {
		for (unsigned long i = 0; i < n; i++)
			zs_free(pool, handles[i]);
		again = fill(pool, handles, MOST);
		if (again + spare < n)
			fail_msg("room for %lu objects, then for %lu", n,
				 again);
		n = again;
		assert_true(info_of(pool).bytes_resident <= o.memory_limit);
	}
	/* One by one at the limit. */
	for (unsigned long i = 0; i < n; i++) {
		zs_free(pool, handles[i]);
		handles[i] = must_malloc(pool, 32);
	}
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), n);
	free(handles);
}

/* The least limit that is accepted holds an object of any size, and what the
 * pool needs beside it is counted. */
static void test_least_limit_holds_an_object(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool = NULL;

	o.lock_scope = test_scope;
	o.defer = ZS_DEFER_NONE;
	o.flags = ZS_POOL_NO_WORKER | ZS_POOL_HARDENED;
	o.misuse = tell;
	o.misuse_arg = &told;
	while (!pool) {
		o.memory_limit += 1024;
		pool = zs_create_pool_with("hard", &o);
	}
	told_reset(&told);
	for (unsigned int size = 8; size <= 4096; size += 8) {
		zs_free(pool, must_malloc(pool, size));
		assert_true(info_of(pool).bytes_resident <= o.memory_limit);
	}
	assert_true(info_of(pool).bytes_resident <= info_of(pool).bytes_mapped);
	assert_int_equal(told.nr, 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ---- the line, and abort ------------------------------------------------ */

static void abort_free(struct zs_pool *pool, unsigned long handle)
{
	zs_free(pool, handle);
	zs_free(pool, handle);
}

static void abort_read(struct zs_pool *pool, unsigned long handle)
{
	zs_free(pool, handle);
	zs_obj_read_begin(pool, handle, LEN, buffer);
}

static void abort_end(struct zs_pool *pool, unsigned long handle)
{
	zs_obj_read_sg_end(pool, handle);
}

static void abort_pinned(struct zs_pool *pool, unsigned long handle)
{
	zs_obj_read_begin(pool, handle, LEN, buffer);
	zs_free_deferred(pool, handle);
	zs_free_deferred_flush(pool);
}

static void abort_garbage(struct zs_pool *pool, unsigned long handle)
{
	zs_obj_write(pool, handle + sizeof(long) / 2, buffer, LEN);
}

static void abort_destroy(struct zs_pool *pool, unsigned long handle)
{
	for (int i = 0; i < 12; i++)
		zs_obj_read_begin(pool, i ? must_malloc(pool, LEN) : handle,
				  LEN, buffer);
	zs_destroy_pool(pool);
}

static void assert_aborts(void (*misuse)(struct zs_pool *pool,
					 unsigned long handle),
			  const char *call, const char *text, unsigned long at)
{
	struct zs_pool *pool =
		make_hardened(test_scope, test_defer, ZS_POOL_NO_WORKER, NULL);
	unsigned long handle = must_malloc(pool, LEN);
	char output[4096], line[256];

	assert_true(
		dies_by_abort(misuse, pool, handle, output, sizeof(output)));
	snprintf(line, sizeof(line),
		 "uzsmalloc: pool hard: %s: handle %#lx: %s\n", call,
		 handle + at, text);
	assert_string_equal(output, line);
	zs_destroy_pool(pool);
}

static void test_without_callback_it_aborts(void **state)
{
	assert_aborts(abort_free, "zs_free", "freed already", 0);
	assert_aborts(abort_read, "zs_obj_read_begin", "freed already", 0);
	assert_aborts(abort_end, "zs_obj_read_sg_end",
		      "a read ends that has not begun", 0);
	assert_aborts(abort_pinned, "zs_free_deferred",
		      "freed while it is being read", 0);
	assert_aborts(abort_garbage, "zs_obj_write", "no handle of this pool",
		      sizeof(long) / 2);
}

/* A line for each of the first ten, and how many more. */
static void test_ten_lines_then_how_many_more(void **state)
{
	struct zs_pool *pool =
		make_hardened(test_scope, test_defer, ZS_POOL_NO_WORKER, NULL);
	static const char more[] =
		"uzsmalloc: pool hard: zs_destroy_pool: 2 more like that\n";
	unsigned int lines = 0;
	char output[4096];

	assert_true(dies_by_abort(abort_destroy, pool, must_malloc(pool, LEN),
				  output, sizeof(output)));
	for (const char *at = output;
	     (at = strstr(at, ": a read has begun and not ended\n")); at++)
		lines++;
	assert_int_equal(lines, 10);
	assert_true(strlen(output) > strlen(more));
	assert_string_equal(output + strlen(output) - strlen(more), more);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

/* ------------------------------------------------------------------------ */

static int run_in_every_deferral(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_freed_handle_is_told),
		cmocka_unit_test(test_freed_handle_is_not_given_out_soon),
		cmocka_unit_test(test_handle_of_another_pool_is_told),
		cmocka_unit_test(test_what_was_never_a_handle_is_told),
		cmocka_unit_test(test_handle_in_unmapped_memory_is_told),
		cmocka_unit_test(test_end_without_begin_is_told),
		cmocka_unit_test(test_free_of_what_is_read_is_told),
		cmocka_unit_test(test_forgotten_ends_are_told_at_the_end),
		cmocka_unit_test(test_held_back_words_are_used_in_need),
		cmocka_unit_test(test_without_callback_it_aborts),
		cmocka_unit_test(test_ten_lines_then_how_many_more),
	};
	int failed = 0;

	for (test_scope = ZS_SCOPE_HELD; test_scope <= VARIANT_LAST_SCOPE;
	     test_scope++)
		for (test_defer = ZS_DEFER_NONE;
		     test_defer <= VARIANT_LAST_DEFER; test_defer++) {
			char name[64];

			snprintf(name, sizeof(name), "%s+%s",
				 variant_scope_name(test_scope),
				 variant_defer_name(test_defer));
			failed += cmocka_run_group_tests_name(name, tests, NULL,
							      NULL);
		}
	return failed;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_free_is_told_in_each_state),
		cmocka_unit_test(test_values_are_no_handles),
		cmocka_unit_test(test_failed_push_leaves_the_handle),
		cmocka_unit_test(test_least_limit_holds_an_object),
	};
	int failed;

	/* One test, for tests/wrong. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	failed = run_in_every_deferral();
	test_scope = ZS_SCOPE_DEFAULT;
	test_defer = ZS_DEFER_DEFAULT;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
