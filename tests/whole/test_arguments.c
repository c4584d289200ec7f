/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_arguments.c - every error that uzsmalloc.h documents, told from its
 * neighbours, and that a call which answers one has changed nothing.
 *
 * Whole, as it follows the header from top to bottom: what is missing shows.
 */
#include "test_system.h"
#include "test_util.h"

#include <errno.h>
#include <limits.h>

#include "compat/fault.h"
#include "kernel/obj.h"

#define ERR(e) ((unsigned long)(long)-(e))

static const unsigned int page_sizes[] = { 4096, 8192, 16384, 32768, 65536 };

/* That a failed call has left the pool as it was. */
static void assert_same(const struct zs_pool_info *a,
			const struct zs_pool_info *b)
{
	assert_int_equal(a->pages, b->pages);
	assert_int_equal(a->objs_inuse, b->objs_inuse);
	assert_int_equal(a->objs_capacity, b->objs_capacity);
}

static void assert_create_fails(const struct zs_pool_options *o, int error)
{
	struct zs_pool *pool;

	errno = 0;
	pool = zs_create_pool_with("bad", o);
	assert_null(pool);
	assert_int_equal(errno, error);
}

static void assert_create_works(const struct zs_pool_options *o)
{
	struct zs_pool *pool = zs_create_pool_with("good", o);

	assert_non_null(pool);
	zs_free(pool, must_malloc(pool, 100));
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ---- values -------------------------------------------------------------- */

static void test_version_is_the_headers(void **state)
{
	char version[32];

	snprintf(version, sizeof(version), "%d.%d.%d", ZS_VERSION_MAJOR,
		 ZS_VERSION_MINOR, ZS_VERSION_PATCH);
	assert_string_equal(zs_version(), version);
}

static void test_error_values_are_no_handles(void **state)
{
	assert_false(zs_is_err(0));
	assert_false(zs_is_err(2));
	assert_false(zs_is_err(LONG_MAX));
	assert_false(zs_is_err((unsigned long)-4096L));
	assert_true(zs_is_err((unsigned long)-4095L));
	assert_true(zs_is_err((unsigned long)-1L));
	assert_int_equal(zs_err(0), 0);
	assert_int_equal(zs_err((unsigned long)-4096L), 0);
	assert_int_equal(zs_err((unsigned long)-4095L), -4095);
	assert_int_equal(zs_err((unsigned long)-1L), -1);
	assert_int_equal(zs_err(ERR(ENOMEM)), -ENOMEM);
}

/* ---- creating ------------------------------------------------------------ */

static void test_bad_options_are_refused(void **state)
{
	static const unsigned int bad_pages[] = { 1,	 2048,	   4095,
						  4097,	 5000,	   131072,
						  65537, UINT_MAX, 1u << 31 };
	static const unsigned int bad_chains[] = { 1, 2, 3, 17, 64, UINT_MAX };
	static const unsigned int bad_flags[] = { 8, 15, 1u << 31, UINT_MAX };
	const struct zs_pool_options init = ZS_POOL_OPTIONS_INIT;
	struct zs_pool_options o;

	for (size_t i = 0; i < ARRAY_SIZE(bad_pages); i++) {
		o = init;
		o.page_size = bad_pages[i];
		assert_create_fails(&o, EINVAL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_chains); i++) {
		o = init;
		o.chain_size = bad_chains[i];
		assert_create_fails(&o, EINVAL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_flags); i++) {
		o = init;
		o.flags = bad_flags[i];
		assert_create_fails(&o, EINVAL);
	}
	for (int i = -1; i <= 5; i++) {
		o = init;
		o.lock_scope = (enum zs_lock_scope)i;
		if (i < 0 || i > (int)VARIANT_LAST_SCOPE)
			assert_create_fails(&o, EINVAL);
		else
			assert_create_works(&o);
		o = init;
		o.defer = (enum zs_defer_mode)i;
		if (i < 0 || i > ZS_DEFER_REUSE)
			assert_create_fails(&o, EINVAL);
		else
			assert_create_works(&o);
	}
	/* The good ones beside the bad. */
	for (unsigned int c = 4; c <= 16; c++) {
		o = init;
		o.chain_size = c;
		assert_create_works(&o);
	}
	for (size_t i = 0; i < ARRAY_SIZE(page_sizes); i++) {
		o = init;
		o.page_size = page_sizes[i];
		assert_create_works(&o);
	}
	o = init;
	o.flags = ZS_POOL_NO_WORKER;
	assert_create_works(&o);
	o.flags = ZS_POOL_HARDENED;
	assert_create_works(&o);
	o.flags |= ZS_POOL_NO_WORKER | ZS_POOL_NO_HUGE_PAGES;
	assert_create_works(&o);
	o.retained_bytes = SIZE_MAX;
	assert_create_works(&o);
	o.retained_bytes = 1;
	assert_create_works(&o);
}

static void test_options_of_each_known_size_are_read(void **state)
{
	struct {
		struct zs_pool_options o;
		unsigned char later[24];
	} tagged = { ZS_POOL_OPTIONS_INIT, { 0 } };
	const size_t first_version =
		offsetof(struct zs_pool_options, retained_bytes) +
		sizeof(tagged.o.retained_bytes);

	/* None, and less than the first version's. */
	tagged.o.struct_size = 0;
	assert_create_fails(&tagged.o, EINVAL);
	tagged.o.struct_size = sizeof(tagged.o.struct_size);
	assert_create_fails(&tagged.o, EINVAL);
	tagged.o.struct_size = first_version - 1;
	assert_create_fails(&tagged.o, EINVAL);

	/* The first version's: what came later is not even looked at. */
	memset(&tagged.o.misuse, 0x80, sizeof(tagged.o.misuse));
	memset(&tagged.o.misuse_arg, 0x80, sizeof(tagged.o.misuse_arg));
	for (size_t size = first_version; size < sizeof(tagged.o); size++) {
		tagged.o.struct_size = size;
		assert_create_works(&tagged.o);
	}
	tagged.o.misuse = NULL;
	tagged.o.misuse_arg = NULL;

	/* A later version's, with nothing new asked for. */
	tagged.o.struct_size = sizeof(tagged);
	assert_create_works(&tagged.o);
	tagged.o.struct_size = sizeof(tagged.o) + 1;
	assert_create_works(&tagged.o);

	/* With something that is not known here, wherever it stands. */
	for (size_t i = 0; i < sizeof(tagged.later); i++) {
		memset(tagged.later, 0, sizeof(tagged.later));
		tagged.later[i] = 0x80;
		tagged.o.struct_size = sizeof(tagged.o) + i + 1;
		assert_create_fails(&tagged.o, E2BIG);
		/* Not there as far as the caller says. */
		tagged.o.struct_size = sizeof(tagged.o) + i;
		assert_create_works(&tagged.o);
	}
}

/* The least limit that is accepted holds an object of any size, one at a time;
 * so does every larger one. */
static void assert_limit_holds_any(const struct zs_pool_options *o)
{
	struct zs_pool *pool = zs_create_pool_with("low", o);
	unsigned int step = o->page_size / 256;

	assert_non_null(pool);
	for (unsigned int s = step; s <= o->page_size; s += step) {
		struct zs_pool_info i;

		zs_free(pool, must_malloc(pool, s));
		i = info_of(pool);
		assert_true(i.bytes_resident <= o->memory_limit);
		assert_int_equal(i.memory_limit_bytes, o->memory_limit);
	}
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

static void test_memory_limit_below_least_is_refused(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++) {
		for (unsigned int c = 4; c <= 16; c += 4) {
			struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
			size_t step = page_sizes[p] / 4, least = 0;
			struct zs_pool *pool;

			o.page_size = page_sizes[p];
			o.chain_size = c;
			o.flags = ZS_POOL_NO_WORKER;
			o.memory_limit = 1;
			assert_create_fails(&o, EINVAL);
			for (size_t n = 1; !least; n++) {
				o.memory_limit = n * step;
				errno = 0;
				pool = zs_create_pool_with("low", &o);
				if (pool) {
					least = o.memory_limit;
					zs_destroy_pool(pool);
				} else {
					assert_int_equal(errno, EINVAL);
				}
			}
			/* Something to hold, besides the pool itself. */
			assert_true(least >= (c + 2) * page_sizes[p]);
			assert_true(least <= 64 * (size_t)page_sizes[p] +
						     uzs_nr_cpu_slots() * 2048);
			assert_limit_holds_any(&o);
			o.memory_limit += step;
			assert_limit_holds_any(&o);
			o.memory_limit *= 2;
			assert_limit_holds_any(&o);
		}
	}
}

static void test_create_without_memory_says_so(void **state)
{
	for (int mode = 0; mode <= VARIANT_NR_DEFERS; mode++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		struct zs_pool *pool = NULL;
		long n = 0;

		o.defer = (enum zs_defer_mode)mode;
		while (!pool) {
			errno = 0;
			uzs_fault_set(UZS_FAULT_OS, ++n);
			pool = zs_create_pool_with("nomem", &o);
			uzs_fault_set(UZS_FAULT_OS, 0);
			if (!pool)
				assert_int_equal(errno, ENOMEM);
		}
		/* The pool itself, and what the mode needs. */
		assert_int_equal(n - 1, mode >= ZS_DEFER_ARRAY ? 2 : 1);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* What the reader of a check's output sees of a name. */
static void assert_name(const char *given, const char *expected)
{
	struct zs_pool *pool;
	char *name = given ? strdup(given) : NULL;
	char *text = NULL, *line = NULL;
	size_t size = 0, room = strlen(expected) + 64;
	FILE *out;

	pool = zs_create_pool(name);
	assert_non_null(pool);
	/* It was copied. */
	if (name)
		memset(name, '#', strlen(name));
	free(name);

	out = open_memstream(&text, &size);
	pool->size_class[0]->objs_inuse++;
	assert_int_equal(zs_pool_check(pool, out), 1);
	pool->size_class[0]->objs_inuse--;
	fclose(out);
	line = malloc(room);
	snprintf(line, room, "uzsmalloc: pool %s: I4: ", expected);
	assert_memory_equal(text, line, strlen(line));
	free(line);
	free(text);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

static void test_name_is_cut_to_63_bytes(void **state)
{
	char longest[1001], cut[64];

	memset(longest, 'n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memset(cut, 'n', sizeof(cut) - 1);
	cut[sizeof(cut) - 1] = '\0';
	assert_name(NULL, "");
	assert_name("", "");
	assert_name("x", "x");
	assert_name(cut, cut); /* 63 bytes */
	assert_name(longest, cut);
	assert_name("100% %s %n", "100% %s %n");
}

static void test_destroy_answers_live_objects(void **state)
{
	struct zs_pool *pool;

	assert_int_equal(zs_destroy_pool(NULL), 0);
	pool = make_pool(0, 0, 0);
	assert_int_equal(zs_destroy_pool(pool), 0);
	pool = make_pool(0, 0, 0);
	for (int i = 1; i <= 5; i++)
		must_malloc(pool, (size_t)i * 800);
	assert_int_equal(zs_destroy_pool(pool), 5);
}

/* What is asked for, but that the last, which is the default, falls back where
 * a word is too short. */
static void test_scope_is_what_was_asked_for(void **state)
{
	static const enum zs_lock_scope expected[] = {
		sizeof(long) == 8 ? ZS_SCOPE_CLASS_IDX : ZS_SCOPE_UNLOCKED,
		ZS_SCOPE_HELD, ZS_SCOPE_UNLOCKED,
		sizeof(long) == 8 ? ZS_SCOPE_CLASS_IDX : ZS_SCOPE_UNLOCKED
	};

	for (int scope = 0; scope < 4; scope++) {
		for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++) {
			struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
			struct zs_pool *pool;

			o.lock_scope = (enum zs_lock_scope)scope;
			o.page_size = page_sizes[p];
			o.chain_size = 16;
			pool = zs_create_pool_with(NULL, &o);
			assert_non_null(pool);
			assert_int_equal(zs_pool_scope(pool), expected[scope]);
			zs_destroy_pool(pool);
		}
	}
}

/* ---- freeing later ------------------------------------------------------- */

static enum zs_push_result push_nothing(void *buf, unsigned int count,
					unsigned long value)
{
	return ZS_PUSH_FULL;
}

static void drain_nothing(void *private_data, void *buf, unsigned int count)
{
}

static void test_deferred_arguments_are_checked(void **state)
{
	static const struct zs_deferred_ops ops = { push_nothing,
						    drain_nothing },
					    no_push = { NULL, drain_nothing },
					    no_drain = { push_nothing, NULL };
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long handle = must_malloc(pool, 100);

	assert_false(zs_free_deferred(pool, 0));
	for (long e = 1; e <= 4095; e += 7)
		assert_false(zs_free_deferred(pool, (unsigned long)-e));
	assert_false(zs_free_deferred(pool, (unsigned long)-4095L));
	/* No per-CPU buffers: nothing is stored. */
	assert_false(zs_defer_push(pool, handle));
	assert_int_equal(info_of(pool).objs_inuse, 1);
	assert_int_equal(info_of(pool).deferred_queued, 0);

	assert_int_equal(zs_pool_enable_deferred_free(pool, &no_push, NULL),
			 -EINVAL);
	assert_int_equal(zs_pool_enable_deferred_free(pool, &no_drain, NULL),
			 -EINVAL);
	uzs_fault_set(UZS_FAULT_OS, 1);
	assert_int_equal(zs_pool_enable_deferred_free(pool, &ops, NULL),
			 -ENOMEM);
	uzs_fault_set(UZS_FAULT_OS, 0);
	/* It goes on with what it had. */
	assert_true(zs_free_deferred(pool, must_malloc(pool, 100)));
	assert_int_equal(zs_pool_enable_deferred_free(pool, &ops, NULL), 0);
	assert_int_equal(info_of(pool).objs_inuse, 1);
	assert_int_equal(zs_pool_enable_deferred_free(pool, &ops, NULL),
			 -EBUSY);
	assert_int_equal(zs_pool_enable_deferred_free(pool, NULL, NULL),
			 -EBUSY);
	/* A callback that takes nothing: left to the caller. */
	assert_false(zs_defer_push(pool, 5));
	/* With callbacks of the caller's, handles are freed at once. */
	assert_false(zs_free_deferred(pool, handle));
	assert_int_equal(info_of(pool).objs_inuse, 0);
	zs_free_deferred_flush(pool);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

static void test_each_defer_mode_answers_as_told(void **state)
{
	for (int mode = 0; mode <= VARIANT_NR_DEFERS; mode++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		struct zs_pool *pool;

		o.defer = (enum zs_defer_mode)mode;
		o.flags = ZS_POOL_NO_WORKER;
		pool = zs_create_pool_with("defer", &o);
		assert_non_null(pool);
		zs_free_deferred_flush(pool);
		assert_int_equal(zs_free_deferred(pool, must_malloc(pool, 99)),
				 mode != ZS_DEFER_NONE);
		assert_int_equal(info_of(pool).objs_inuse,
				 mode != ZS_DEFER_NONE);
		assert_int_equal(info_of(pool).deferred_queued,
				 mode != ZS_DEFER_NONE);
		zs_free_deferred_flush(pool);
		assert_int_equal(info_of(pool).objs_inuse, 0);
		assert_int_equal(info_of(pool).deferred_drained,
				 mode != ZS_DEFER_NONE);
		/* What is queued is not live any more at the end. */
		zs_free_deferred(pool, must_malloc(pool, 99));
		must_malloc(pool, 99);
		assert_int_equal(zs_destroy_pool(pool), 1);
	}
}

/* ---- allocating ---------------------------------------------------------- */

static void test_malloc_arguments_are_checked(void **state)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_NOWAIT };
	static const gfp_t bad_gfps[] = { 0, 3, 4, 0x100, ~(gfp_t)0 };

	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++) {
		struct zs_pool *pool =
			make_pool(page_sizes[p], 0, ZS_POOL_NO_WORKER);
		size_t max = page_sizes[p];
		struct zs_pool_info before, after;

		/* So that GFP_NOWAIT finds some. */
		must_malloc(pool, 1);
		must_malloc(pool, max);
		before = info_of(pool);
		for (size_t g = 0; g < ARRAY_SIZE(gfps); g++) {
			assert_int_equal(zs_malloc(pool, 0, gfps[g], -1),
					 ERR(EINVAL));
			assert_int_equal(zs_malloc(pool, max + 1, gfps[g], -1),
					 ERR(ENOSPC));
			assert_int_equal(zs_malloc(pool, max + 8, gfps[g], -1),
					 ERR(ENOSPC));
			assert_int_equal(zs_malloc(pool, SIZE_MAX, gfps[g], -1),
					 ERR(ENOSPC));
			assert_int_equal(zs_malloc(pool, SIZE_MAX - 7, gfps[g],
						   -1),
					 ERR(ENOSPC));
			if (sizeof(size_t) > 4)
				assert_int_equal(
					zs_malloc(pool,
						  (size_t)UINT32_MAX + 100,
						  gfps[g], -1),
					ERR(ENOSPC));
		}
		for (size_t g = 0; g < ARRAY_SIZE(bad_gfps); g++) {
			assert_int_equal(zs_malloc(pool, 100, bad_gfps[g], -1),
					 ERR(EINVAL));
			assert_int_equal(zs_malloc(pool, 0, bad_gfps[g], -1),
					 ERR(EINVAL));
		}
		after = info_of(pool);
		assert_same(&before, &after);
		assert_int_equal(before.bytes_resident, after.bytes_resident);

		for (int nid = -3; nid <= 3; nid++) {
			unsigned long handle =
				zs_malloc(pool, max, GFP_KERNEL, nid);

			assert_int_equal(zs_err(handle), 0);
			assert_int_equal(handle & 1, 0);
			assert_true(handle);
			zs_free(pool, handle);
		}
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 2);
	}
}

/* GFP_NOWAIT asks the OS for nothing. */
static void test_nowait_asks_the_os_for_nothing(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	struct zs_pool_info before = info_of(pool), after;
	unsigned long handle, got = 0;

	uzs_fault_set(UZS_FAULT_OS, 0);
	for (size_t size = 1; size <= 4096; size += 63)
		assert_int_equal(zs_malloc(pool, size, GFP_NOWAIT, -1),
				 ERR(ENOMEM));
	after = info_of(pool);
	assert_same(&before, &after);
	assert_int_equal(before.bytes_mapped, after.bytes_mapped);
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 0);
	assert_sound(pool);

	/* Once there is something, it is used to the last page: two sections'
	 * worth of it, and not a page more. */
	must_malloc(pool, 4096);
	uzs_fault_set(UZS_FAULT_OS, 0);
	while (!zs_is_err(handle = zs_malloc(pool, 4096, GFP_NOWAIT, -1)))
		got++;
	assert_int_equal(handle, ERR(ENOMEM));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 0);
	after = info_of(pool);
	assert_true(got > 1000);
	assert_int_equal(after.objs_inuse, got + 1);
	/* The OS is asked again when that is allowed. */
	must_malloc(pool, 4096);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), got + 2);
}

/* Never compacts, either. */
static void test_nowait_does_not_compact(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;
	unsigned long handles[4096];
	unsigned int n = 0;

	o.memory_limit = 4u << 20;
	o.flags = ZS_POOL_NO_WORKER;
	pool = zs_create_pool_with("nowait", &o);
	assert_non_null(pool);
	for (;; n++) {
		assert_true(n < ARRAY_SIZE(handles));
		handles[n] = zs_malloc(pool, 2000, GFP_KERNEL, -1);
		if (zs_is_err(handles[n]))
			break;
	}
	for (unsigned int i = 0; i < n; i += 2)
		zs_free(pool, handles[i]);
	assert_true(zs_shrink_count(pool) > 0);
	/* Whatever stray pages there are go first. */
	while (!zs_is_err(zs_malloc(pool, 4096, GFP_NOWAIT, -1)))
		;
	assert_int_equal(zs_malloc(pool, 4096, GFP_NOWAIT, -1), ERR(ENOMEM));
	/* Only the failed allocation above has compacted, at most. */
	assert_int_equal(info_of(pool).objs_moved, 0);
	must_malloc(pool, 4096);
	assert_true(info_of(pool).objs_moved > 0);
	assert_sound(pool);
	zs_destroy_pool(pool);
}

static void test_malloc_without_memory_says_so(void **state)
{
	static const enum uzs_fault_kind kinds[] = { UZS_FAULT_OS,
						     UZS_FAULT_PAGE,
						     UZS_FAULT_SLAB };
	unsigned int failed = 0;

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (long n = 1;; n++) {
			struct zs_pool *pool =
				make_pool(0, 0, ZS_POOL_NO_WORKER);
			struct zs_pool_info before = info_of(pool), after;
			unsigned long handle;
			long tries;

			uzs_fault_set(kinds[k], n);
			handle = zs_malloc(pool, 3000, GFP_KERNEL, -1);
			tries = uzs_fault_seen(kinds[k]);
			uzs_fault_set(kinds[k], 0);
			assert_true(tries > 0);
			/* One that is asked for again may be had then. */
			if (zs_is_err(handle)) {
				failed++;
				assert_int_equal(zs_err(handle), -ENOMEM);
				after = info_of(pool);
				assert_same(&before, &after);
				assert_sound(pool);
			}
			/* The failure was passing. */
			must_malloc(pool, 3000);
			assert_sound(pool);
			zs_destroy_pool(pool);
			if (n > tries)
				break;
		}
	}
	assert_true(failed > 0);
}

static void test_free_of_no_handle_does_nothing(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);
	struct zs_pool_info before, after;

	must_malloc(pool, 100);
	before = info_of(pool);
	zs_free(pool, 0);
	for (long e = 1; e <= 4095; e++)
		zs_free(pool, (unsigned long)-e);
	after = info_of(pool);
	assert_same(&before, &after);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

/* ---- access -------------------------------------------------------------- */

/* Pins on the zspage of an object. */
static unsigned int pins(struct zs_pool *pool, unsigned long handle)
{
	return pin_readers(
		&obj_to_zpdesc(pool, handle_to_obj(handle))->zspage->lock);
}

/* Bytes that an object has room for, by its class. */
static size_t room_of(struct zs_pool *pool, size_t size)
{
	struct zs_class_info c = ZS_CLASS_INFO_INIT;
	size_t with_word = size + sizeof(unsigned long);

	assert_int_equal(zs_class_info(pool,
				       zs_lookup_class_index(
					       pool, (unsigned int)with_word),
				       &c),
			 0);
	return c.huge ? c.size : c.size - sizeof(unsigned long);
}

static void assert_access_fails(struct zs_pool *pool, unsigned long handle,
				size_t len, int write_error)
{
	unsigned char copy[64] = { 0 };
	struct iovec iov[2];

	assert_null(zs_obj_read_begin(pool, handle, len, copy));
	assert_null(zs_obj_read_begin(pool, handle, len, NULL));
	zs_obj_read_end(pool, handle, len, NULL);
	assert_int_equal(zs_obj_read_sg_begin(pool, handle, iov, len), 0);
	assert_int_equal(zs_obj_write(pool, handle, copy, len), write_error);
}

static void test_access_of_no_handle_is_refused(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);

	must_malloc(pool, 32);
	for (size_t len = 0; len <= 32; len += 32) {
		assert_access_fails(pool, 0, len, -EINVAL);
		for (long e = 1; e <= 4095; e += 89)
			assert_access_fails(pool, (unsigned long)-e, len,
					    -EINVAL);
		assert_access_fails(pool, (unsigned long)-4095L, len, -EINVAL);
	}
	/* Ending what never began. */
	zs_obj_read_end(pool, 0, 10, NULL);
	zs_obj_read_sg_end(pool, 0);
	zs_obj_read_sg_end(pool, ERR(ENOMEM));
	assert_sound(pool);
	zs_destroy_pool(pool);
}

/* Every length there is: 1 to the object's room works, all else answers an
 * error and neither pins nor writes. */
static void test_lengths_beyond_the_object_are_refused(void **state)
{
	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p += 2) {
		struct zs_pool *pool =
			make_pool(page_sizes[p], 0, ZS_POOL_NO_WORKER);
		unsigned char *copy = malloc(page_sizes[p] + 1);
		size_t step = page_sizes[p] / 256;

		for (size_t size = 1; size <= page_sizes[p];
		     size += size == 1 ? step - 1 : step) {
			unsigned long handle = must_malloc(pool, size);
			size_t room = room_of(pool, size);
			const size_t bad[] = {
				0,	  room + 1,	page_sizes[p] + 1,
				SIZE_MAX, SIZE_MAX - 7, (size_t)1 << 31
			};
			const size_t good[] = { 1, size, room };

			assert_true(room >= size);
			assert_true(object_fill(pool, handle, room, size));
			for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
				assert_access_fails(pool, handle, bad[i],
						    -ERANGE);
			assert_int_equal(pins(pool, handle), 0);
			assert_true(object_ok(pool, handle, room, size));
			for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
				void *mem = zs_obj_read_begin(pool, handle,
							      good[i], copy);

				assert_non_null(mem);
				assert_true(pattern_ok(mem, good[i], size));
				assert_int_equal(pins(pool, handle), 1);
				zs_obj_read_end(pool, handle, good[i], mem);
			}
			/* What is written beyond a shorter length is old. */
			copy[0] = (unsigned char)~pattern_byte(size, 0);
			assert_int_equal(zs_obj_write(pool, handle, copy, 1),
					 0);
			copy[0] = pattern_byte(size, 0);
			assert_false(object_ok(pool, handle, room, size));
			assert_int_equal(zs_obj_write(pool, handle, copy, 1),
					 0);
			assert_true(object_ok(pool, handle, room, size));
			assert_int_equal(pins(pool, handle), 0);
		}
		assert_sound(pool);
		zs_destroy_pool(pool);
		free(copy);
	}
}

/* An object in two pages: no pointer without a buffer, and then no pin. */
static void test_read_without_copy_needs_one_page(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);
	unsigned char copy[3000];
	unsigned int split = 0, whole = 0;

	for (int i = 0; i < 200; i++) {
		unsigned long handle = must_malloc(pool, 3000);
		struct iovec iov[2] = { { 0 } };
		unsigned int n;
		void *mem;

		assert_true(object_fill(pool, handle, 3000, (unsigned)i));
		n = zs_obj_read_sg_begin(pool, handle, iov, 3000);
		assert_in_range(n, 1, 2);
		assert_int_equal(pins(pool, handle), 1);
		zs_obj_read_sg_end(pool, handle);
		assert_int_equal(iov[0].iov_len + (n == 2 ? iov[1].iov_len : 0),
				 3000);
		mem = zs_obj_read_begin(pool, handle, 3000, NULL);
		if (n == 2) {
			split++;
			assert_null(mem);
			assert_int_equal(pins(pool, handle), 0);
			/* As much as lies in the first page can be had. */
			mem = zs_obj_read_begin(pool, handle, iov[0].iov_len,
						NULL);
			assert_ptr_equal(mem, iov[0].iov_base);
			zs_obj_read_end(pool, handle, iov[0].iov_len, mem);
			assert_null(zs_obj_read_begin(
				pool, handle, iov[0].iov_len + 1, NULL));
			mem = zs_obj_read_begin(pool, handle, 3000, copy);
			assert_ptr_equal(mem, copy);
		} else {
			whole++;
			assert_ptr_equal(mem, iov[0].iov_base);
			zs_obj_read_end(pool, handle, 3000, mem);
			/* The buffer is not touched. */
			memset(copy, 0xee, sizeof(copy));
			mem = zs_obj_read_begin(pool, handle, 3000, copy);
			assert_ptr_equal(mem, iov[0].iov_base);
			assert_int_equal(copy[0], 0xee);
			assert_int_equal(copy[2999], 0xee);
		}
		assert_true(pattern_ok(mem, 3000, (unsigned)i));
		zs_obj_read_end(pool, handle, 3000, mem);
		assert_int_equal(pins(pool, handle), 0);
	}
	assert_true(split > 20 && whole > 20);
	zs_destroy_pool(pool);
}

/* ---- statistics ---------------------------------------------------------- */

static void test_pool_info_of_each_known_size(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);
	struct {
		struct zs_pool_info info;
		unsigned char later[16];
	} tagged;
	/* What the library's first version knew, at least. */
	const size_t first = offsetof(struct zs_pool_info, bytes_given_back) +
			     sizeof(tagged.info.bytes_given_back);

	for (size_t size = 0; size < first; size++) {
		memset(&tagged, 0xee, sizeof(tagged));
		tagged.info.struct_size = size;
		assert_int_equal(zs_pool_info(pool, &tagged.info), -EINVAL);
		assert_int_equal(tagged.info.struct_size, size);
		for (size_t b = sizeof(size_t); b < sizeof(tagged); b++)
			assert_int_equal(((unsigned char *)&tagged)[b], 0xee);
	}
	/* Never more than it has room for, nor more than is known here. */
	for (size_t size = first; size <= sizeof(tagged); size += 8) {
		size_t known = size < sizeof(tagged.info) ? size
							  : sizeof(tagged.info);

		memset(&tagged, 0xee, sizeof(tagged));
		tagged.info.struct_size = size;
		assert_int_equal(zs_pool_info(pool, &tagged.info), 0);
		assert_int_equal(tagged.info.struct_size, size);
		assert_int_equal(tagged.info.page_size, 4096);
		assert_int_equal(tagged.info.bytes_given_back, 0);
		for (size_t b = first; b < known; b++)
			assert_int_equal(((unsigned char *)&tagged)[b], 0);
		for (size_t b = known; b < sizeof(tagged); b++)
			assert_int_equal(((unsigned char *)&tagged)[b], 0xee);
	}
	zs_destroy_pool(pool);
}

static void test_class_info_arguments_are_checked(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);
	unsigned int count = zs_class_count(pool);
	struct zs_class_info info = ZS_CLASS_INFO_INIT;
	struct {
		struct zs_class_info info;
		unsigned char later[16];
	} tagged;

	assert_int_equal(count, 255);
	assert_int_equal(zs_class_info(pool, 0, &info), 0);
	assert_int_equal(zs_class_info(pool, count - 1, &info), 0);
	assert_int_equal(info.size, 4096);
	assert_true(info.huge);
	assert_int_equal(zs_class_info(pool, count, &info), -ERANGE);
	assert_int_equal(zs_class_info(pool, count + 1, &info), -ERANGE);
	assert_int_equal(zs_class_info(pool, UINT_MAX, &info), -ERANGE);

	info.struct_size = 0;
	assert_int_equal(zs_class_info(pool, 0, &info), -EINVAL);
	info.struct_size = offsetof(struct zs_class_info, freeable_pages);
	assert_int_equal(zs_class_info(pool, 0, &info), -EINVAL);

	memset(&tagged, 0xee, sizeof(tagged));
	tagged.info.struct_size = sizeof(tagged);
	assert_int_equal(zs_class_info(pool, 3, &tagged.info), 0);
	assert_int_equal(tagged.info.struct_size, sizeof(tagged));
	for (size_t b = 0; b < sizeof(tagged.later); b++)
		assert_int_equal(tagged.later[b], 0xee);
	zs_destroy_pool(pool);
}

static int count_zspages(const struct zs_zspage_info *info, void *arg)
{
	(*(int *)arg)++;
	return info->inuse == UINT_MAX;
}

static void test_for_each_zspage_arguments_are_checked(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);
	unsigned int count = zs_class_count(pool);
	unsigned int index = zs_lookup_class_index(pool, 1000 + 8);
	int calls = 0;

	must_malloc(pool, 1000);
	assert_int_equal(zs_for_each_zspage(pool, count, count_zspages, &calls),
			 -ERANGE);
	assert_int_equal(zs_for_each_zspage(pool, UINT_MAX, count_zspages,
					    &calls),
			 -ERANGE);
	uzs_fault_set(UZS_FAULT_OS, 1);
	assert_int_equal(zs_for_each_zspage(pool, index, count_zspages, &calls),
			 -ENOMEM);
	uzs_fault_set(UZS_FAULT_OS, 0);
	assert_int_equal(calls, 0);
	assert_int_equal(zs_for_each_zspage(pool, index, count_zspages, &calls),
			 0);
	assert_int_equal(calls, 1);
	zs_destroy_pool(pool);
}

static void test_lookup_answers_the_class_used(void **state)
{
	for (size_t p = 0; p < ARRAY_SIZE(page_sizes); p++) {
		struct zs_pool *pool = make_pool(page_sizes[p], 0, 0);
		unsigned int last = zs_class_count(pool) - 1, prev = 0;

		assert_int_equal(zs_lookup_class_index(pool, 0),
				 zs_lookup_class_index(pool, 1));
		assert_int_equal(zs_lookup_class_index(pool, page_sizes[p]),
				 last);
		assert_int_equal(zs_lookup_class_index(pool, page_sizes[p] + 1),
				 last);
		assert_int_equal(zs_lookup_class_index(pool, UINT_MAX), last);
		for (unsigned int s = 0; s <= page_sizes[p]; s += 7) {
			struct zs_class_info c = ZS_CLASS_INFO_INIT;
			unsigned int i = zs_lookup_class_index(pool, s);

			assert_true(i >= prev && i <= last);
			prev = i;
			assert_int_equal(zs_class_info(pool, i, &c), 0);
			assert_int_equal(c.index, i);
			assert_true(c.size >= s);
		}
		/* From the watermark on, a page each. */
		for (size_t s = zs_huge_class_size(pool); s <= page_sizes[p];
		     s++)
			assert_int_equal(room_of(pool, s), page_sizes[p]);
		assert_true(room_of(pool, zs_huge_class_size(pool) - 1) <
			    page_sizes[p]);
		zs_destroy_pool(pool);
	}
}

/* ---- giving memory back -------------------------------------------------- */

static void test_calls_without_work_answer_0(void **state)
{
	struct zs_pool_stats stats = { 17 };
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	assert_int_equal(zs_compact(pool), 0);
	assert_int_equal(zs_trim(pool), 0);
	assert_int_equal(zs_drain(pool), 0);
	assert_int_equal(zs_shrink_count(pool), 0);
	assert_int_equal(zs_shrink_scan(pool, 0), ZS_SHRINK_STOP);
	assert_int_equal(zs_shrink_scan(pool, 1), ZS_SHRINK_STOP);
	assert_int_equal(zs_shrink_scan(pool, ULONG_MAX), ZS_SHRINK_STOP);
	assert_int_equal(zs_get_total_pages(pool), 0);
	zs_pool_stats(pool, &stats);
	assert_int_equal(stats.pages_compacted, 0);
	assert_int_equal(zs_pool_check(pool, NULL), 0);
	out = open_memstream(&text, &size);
	assert_int_equal(zs_pool_check(pool, out), 0);
	fclose(out);
	assert_int_equal(size, 0);
	free(text);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_is_the_headers),
		cmocka_unit_test(test_error_values_are_no_handles),
		cmocka_unit_test(test_bad_options_are_refused),
		cmocka_unit_test(test_options_of_each_known_size_are_read),
		cmocka_unit_test(test_memory_limit_below_least_is_refused),
		cmocka_unit_test(test_create_without_memory_says_so),
		cmocka_unit_test(test_name_is_cut_to_63_bytes),
		cmocka_unit_test(test_destroy_answers_live_objects),
		cmocka_unit_test(test_scope_is_what_was_asked_for),
		cmocka_unit_test(test_deferred_arguments_are_checked),
		cmocka_unit_test(test_each_defer_mode_answers_as_told),
		cmocka_unit_test(test_malloc_arguments_are_checked),
		cmocka_unit_test(test_nowait_asks_the_os_for_nothing),
		cmocka_unit_test(test_nowait_does_not_compact),
		cmocka_unit_test(test_malloc_without_memory_says_so),
		cmocka_unit_test(test_free_of_no_handle_does_nothing),
		cmocka_unit_test(test_access_of_no_handle_is_refused),
		cmocka_unit_test(test_lengths_beyond_the_object_are_refused),
		cmocka_unit_test(test_read_without_copy_needs_one_page),
		cmocka_unit_test(test_pool_info_of_each_known_size),
		cmocka_unit_test(test_class_info_arguments_are_checked),
		cmocka_unit_test(test_for_each_zspage_arguments_are_checked),
		cmocka_unit_test(test_lookup_answers_the_class_used),
		cmocka_unit_test(test_calls_without_work_answer_0),
	};

	return cmocka_run_group_tests_name("arguments", tests, NULL, NULL);
}
