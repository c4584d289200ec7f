/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_refs.c - what the header says of each call on a zs_ref, one by one:
 * results, errors, rooms, pins, moving records. In every geometry. What is
 * different for handles, options and statistics in pools of the user profile:
 * test_user_pool.c.
 */
#include "user_util.h"

#include "user/hazard.h"

#include <pthread.h>

#include "compat/fault.h"

/* The largest room is the largest size and the rest of a page. */
static unsigned char buffer[ZS_USER_MAX_SIZE + 65536 + 1];

/* ---- refs that name nothing ------------------------------------------------- */

static void assert_nothing(struct zs_pool *pool, zs_ref *ref)
{
	struct zs_pool_info before = info_of(pool), after;
	zs_ref other = ZS_REF_INIT;

	assert_int_equal(zs_ref_load(pool, ref, buffer, 1), -EINVAL);
	assert_int_equal(zs_ref_load(pool, ref, buffer, 0), -EINVAL);
	assert_null(zs_ref_begin(pool, ref));
	assert_int_equal(zs_ref_room(pool, ref), 0);
	/* Hardened pools tell of it. */
	if (!pool->hardened)
		zs_ref_end(pool, ref);
	zs_ref_free(pool, ref);
	zs_ref_move(pool, &other, ref);
	assert_true(other.word == 0);
	assert_int_equal(zs_ref_free_many(pool, (zs_ref *[]){ ref, NULL }, 2),
			 0);
	assert_true(ref->word == 0);
	after = info_of(pool);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void test_ref_that_names_nothing_is_ignored(void **state)
{
	for (unsigned int flags = 0; flags < 2; flags++) {
		struct zs_pool *pool = make_user(flags ? ZS_POOL_HARDENED : 0);
		zs_ref ref = ZS_REF_INIT;

		assert_nothing(pool, &ref);
		assert_int_equal(ref_fill(pool, &ref, 100, 1), 0);
		assert_true(ref.word != 0);
		zs_ref_free(pool, &ref);
		assert_nothing(pool, &ref);
		/* To end what names nothing does not make reads slower. */
		if (!flags)
			zs_ref_end(pool, &ref);
		assert_int_equal(pool->head.slow_reads,
				 !pool->user->names_reads);
		assert_int_equal(zs_ref_alloc(pool, &ref, 100), 0);
		assert_int_equal(
			zs_ref_free_many(pool, (zs_ref *[]){ &ref, &ref }, 1),
			1);
		assert_nothing(pool, &ref);
		assert_int_equal(zs_ref_free_many(pool, NULL, 0), 0);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* ---- errors ------------------------------------------------------------------ */

static void test_wrong_arguments_are_errors(void **state)
{
	struct zs_pool *pool = make_user(0);
	zs_ref ref = ZS_REF_INIT;
	uint64_t word;

	assert_int_equal(zs_ref_alloc(pool, &ref, 0), -EINVAL);
	assert_int_equal(zs_ref_alloc(pool, &ref, ZS_USER_MAX_SIZE + 1),
			 -ENOSPC);
	assert_int_equal(zs_ref_alloc(pool, &ref, SIZE_MAX), -ENOSPC);
	assert_int_equal(zs_ref_store(pool, &ref, buffer, 0), -EINVAL);
	assert_int_equal(zs_ref_store(pool, &ref, buffer, ZS_USER_MAX_SIZE + 1),
			 -ENOSPC);
	assert_int_equal(zs_ref_store(pool, &ref, buffer, SIZE_MAX), -ENOSPC);
	assert_true(ref.word == 0);
	assert_int_equal(info_of(pool).bytes_resident, pool->meta_bytes);

	assert_int_equal(ref_fill(pool, &ref, 1000, 3), 0);
	word = ref.word;
	assert_int_equal(zs_ref_alloc(pool, &ref, 1000), -EINVAL);
	assert_int_equal(zs_ref_alloc(pool, &ref, 10), -EINVAL);
	assert_int_equal(zs_ref_store(pool, &ref, buffer, 0), -EINVAL);
	assert_int_equal(zs_ref_store(pool, &ref, buffer, ZS_USER_MAX_SIZE + 1),
			 -ENOSPC);
	assert_true(ref.word == word);
	assert_true(ref_ok(pool, &ref, 1000, 3));
	assert_int_equal(info_of(pool).objs_inuse, 1);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 1);
	/* The pool is gone, the ref was not touched. */
	assert_true(ref.word == word);
}

/* Lengths of loads: exact to the byte. */
static void test_load_is_for_1_to_room_bytes(void **state)
{
	struct zs_pool *pool = make_user(0);
	struct rng rng;

	rng_seed(&rng, 1);
	for (unsigned int i = 0; i < 300; i++) {
		size_t size = log_uniform(&rng, ZS_USER_MAX_SIZE), room;
		zs_ref ref = ZS_REF_INIT;

		assert_int_equal(ref_fill(pool, &ref, size, i), 0);
		room = zs_ref_room(pool, &ref);
		assert_true(room >= size);
		assert_int_equal(zs_ref_load(pool, &ref, buffer, 0), -ERANGE);
		assert_int_equal(zs_ref_load(pool, &ref, buffer, SIZE_MAX),
				 -ERANGE);
		buffer[0] = 0x5a;
		assert_int_equal(zs_ref_load(pool, &ref, buffer, room + 1),
				 -ERANGE);
		assert_int_equal(buffer[0], 0x5a);
		buffer[size / 2] = 0x5a;
		if (size > 1) {
			assert_int_equal(
				zs_ref_load(pool, &ref, buffer, size / 2), 0);
			assert_int_equal(buffer[size / 2], 0x5a);
		}
		buffer[room] = 0x5a;
		assert_int_equal(zs_ref_load(pool, &ref, buffer, room), 0);
		assert_int_equal(buffer[room], 0x5a);
		assert_true(pattern_ok(buffer, size, i));
		/* No pin is left. */
		assert_true(ref.word < REF_PIN);
		zs_ref_free(pool, &ref);
	}
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

static void test_other_profiles_have_no_refs(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);
	struct zs_pool *hard = make_pool(0, 0, ZS_POOL_HARDENED);

	assert_int_equal(zs_profile(pool), ZS_PROFILE_KERNEL);
	for (unsigned int i = 0; i < 2; i++) {
		struct zs_pool *p = i ? hard : pool;
		zs_ref ref = ZS_REF_INIT;

		assert_int_equal(zs_ref_alloc(p, &ref, 100), -EOPNOTSUPP);
		assert_int_equal(zs_ref_store(p, &ref, buffer, 100),
				 -EOPNOTSUPP);
		assert_nothing(p, &ref);
		/* Whatever it is, it names nothing there. */
		ref.word = 0x123456789abcdef0u;
		assert_int_equal(zs_ref_load(p, &ref, buffer, 1), -EINVAL);
		assert_null(zs_ref_begin(p, &ref));
		assert_int_equal(zs_ref_room(p, &ref), 0);
		zs_ref_end(p, &ref);
		zs_ref_free(p, &ref);
		assert_int_equal(zs_ref_free_many(p, (zs_ref *[]){ &ref }, 1),
				 0);
		assert_true(ref.word == 0x123456789abcdef0u);
		assert_int_equal(zs_destroy_pool(p), 0);
	}
}

/* ---- sizes ------------------------------------------------------------------- */

/* Bytes that an object of `size` bytes takes, its share of a full zspage. */
static double share(struct zs_pool *pool, const zs_ref *ref, size_t size)
{
	struct zs_class_info c =
		class_info_of(pool, ref_class(READ_ONCE(ref->word)));
	size_t page = info_of(pool).page_size;

	if (c.objs_per_zspage == 1)
		return (double)((size + page - 1) / page * page + USER_HEAD);
	return (double)c.pages_per_zspage * (double)page / c.objs_per_zspage +
	       (c.huge ? USER_HEAD : 0);
}

static void check_size(struct zs_pool *pool, size_t size, uint64_t key,
		       bool few)
{
	struct zs_pool_info i = info_of(pool);
	zs_ref ref = ZS_REF_INIT, stored = ZS_REF_INIT;
	double bytes, waste;
	size_t room;
	void *mem;

	assert_int_equal(zs_ref_alloc(pool, &ref, size), 0);
	room = zs_ref_room(pool, &ref);
	bytes = share(pool, &ref, size);
	waste = bytes / (double)(size + USER_HEAD);
	if (room < size || (double)(room + USER_HEAD) > bytes)
		fail_msg("an object of %zu bytes has room for %zu", size, room);
	/* What a zspage can waste, or the rest of a page. */
	if (waste > (few ? 1.06 : 1.0) * (1.0 + 0.13 * i.page_size / 4096.0) &&
	    bytes > (double)(size + USER_HEAD + i.page_size))
		fail_msg("an object of %zu bytes takes %.0f (%u, %u)", size,
			 bytes, i.page_size, i.chain_size);
	/* Small sizes are 8 bytes apart, whatever the page. */
	if (size + USER_HEAD <= 128 && room > size + 16)
		fail_msg("an object of %zu bytes takes %zu", size, room);
	mem = zs_ref_begin(pool, &ref);
	assert_non_null(mem);
	assert_int_equal((uintptr_t)mem % 8, 0);
	pattern_fill(mem, room, key); /* all of it */
	zs_ref_end(pool, &ref);
	assert_int_equal(ref_fill(pool, &stored, size, key + 1), 0);
	assert_true(ref_ok(pool, &ref, room, key));
	assert_int_equal(zs_ref_room(pool, &ref), room);
	assert_true(ref_loads(pool, &stored, size, key + 1));
	/* Another class, if the pool has grown. */
	if (ref_class(stored.word) == ref_class(ref.word))
		assert_int_equal(zs_ref_room(pool, &stored), room);
	else
		assert_true(few && zs_ref_room(pool, &stored) >= size);
	assert_int_equal((uintptr_t)place_of(pool, &stored) % 8, 0);
	zs_ref_free(pool, &ref);
	assert_true(ref_ok(pool, &stored, size, key + 1));
	zs_ref_free(pool, &stored);
}

/* Sizes at the border of each class, one below and one above. */
static void test_every_class_border_holds_its_size(void **state)
{
	for (size_t g = 0; g < 2 * ARRAY_SIZE(user_geometries); g++) {
		struct zs_pool *pool = make_user_of(&user_geometries[g / 2],
						    ZS_POOL_NO_WORKER);
		unsigned int n = zs_class_count(pool);
		bool few = g % 2;
		/* Of the large ones, which take the time, a part. */
		unsigned int step = 800 / (unsigned)uzs_test_scale(100) + 1;

		if (!few)
			use_all_classes(pool);
		for (unsigned int c = 1; c < n; c++) {
			struct zs_class_info info = class_info_of(pool, c);
			size_t size = info.size - (info.huge ? 0 : USER_HEAD);

			if (info.size > 65536 && c % step && c != n - 1)
				continue;
			for (size_t d = 0; d < 3; d++)
				if (size + d - 1 >= 1 &&
				    size + d - 1 <= ZS_USER_MAX_SIZE)
					check_size(pool, size + d - 1, c, few);
		}
		check_size(pool, 1, 1, few);
		check_size(pool, ZS_USER_MAX_SIZE, 1, few);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* All of them at once, next to each other. */
static void test_neighbours_of_all_sizes_stay_apart(void **state)
{
	enum { NR = 2600 };
	static zs_ref refs[NR];
	static size_t sizes[NR];

	for (size_t g = 0; g < ARRAY_SIZE(user_geometries); g += 3) {
		struct zs_pool *pool = make_user_of(&user_geometries[g], 0);
		unsigned int n = 0;

		memset(refs, 0, sizeof(refs));
		for (size_t size = 1; size <= 40000; size += 1 + size / 64)
			for (unsigned int i = 0; i < 5; i++) {
				assert_true(n < NR);
				assert_int_equal(
					ref_fill(pool, &refs[n], size, n), 0);
				sizes[n++] = size;
			}
		for (unsigned int i = 0; i < n; i++) {
			assert_true(ref_ok(pool, &refs[i], sizes[i], i));
			assert_true(ref_loads(pool, &refs[i], sizes[i], i));
		}
		for (unsigned int i = 0; i < n; i++)
			if (i % 5 != 2)
				zs_ref_free(pool, &refs[i]);
		zs_compact(pool);
		zs_trim(pool);
		for (unsigned int i = 2; i < n; i += 5) {
			assert_true(ref_ok(pool, &refs[i], sizes[i], i));
			/* Refilled to the last byte that it holds. */
			assert_int_equal(ref_fill(pool, &refs[i],
						  zs_ref_room(pool, &refs[i]),
						  i + 1),
					 0);
		}
		for (unsigned int i = 2; i < n; i += 5)
			assert_true(ref_ok(pool, &refs[i], sizes[i], i + 1));
		assert_int_equal(info_of(pool).objs_inuse, n / 5);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), n / 5);
	}
}

/* Full zspages of the smallest objects, of which there are most. */
static void test_zspages_can_be_full(void **state)
{
	enum { MOST = 20000 };
	static zs_ref refs[MOST];
	static zs_ref *list[MOST];

	for (size_t i = 0; i < MOST; i++)
		list[i] = &refs[i];
	for (size_t g = 0; g < ARRAY_SIZE(user_geometries); g++) {
		struct zs_pool *pool =
			make_user_of(&user_geometries[g], ZS_POOL_NO_WORKER);

		memset(refs, 0, sizeof(refs));
		for (size_t size = 1; size <= 400;
		     size += size < 120 ? 8 : 90) {
			struct zs_class_info c = class_info_for(pool, size);
			unsigned int n = 2 * c.objs_per_zspage + 1;

			assert_true(n <= MOST);
			for (unsigned int i = 0; i < n; i++) {
				void *mem;

				assert_int_equal(
					zs_ref_alloc(pool, &refs[i], size), 0);
				mem = zs_ref_begin(pool, &refs[i]);
				pattern_fill(mem, size, i);
				zs_ref_end(pool, &refs[i]);
			}
			c = class_info_for(pool, size);
			assert_int_equal(c.zspages[11], 2);
			assert_int_equal(c.objs_inuse, n);
			for (unsigned int i = 0; i < n; i++)
				assert_true(ref_ok(pool, &refs[i], size, i));
			assert_sound(pool);
			for (unsigned int i = 0; i < n; i += 3)
				zs_ref_free(pool, &refs[i]);
			zs_compact(pool);
			for (unsigned int i = 0; i < n; i++)
				if (i % 3)
					assert_true(ref_ok(pool, &refs[i], size,
							   i));
			assert_sound(pool);
			assert_int_equal(zs_ref_free_many(pool, list, n),
					 n - (n + 2) / 3);
			zs_free_deferred_flush(pool);
			assert_int_equal(info_of(pool).pages, 0);
		}
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* ---- store ------------------------------------------------------------------- */

/* Any size over any other, twice. */
static void test_store_replaces_any_size_by_any(void **state)
{
	static const size_t sizes[] = { 1,	8,	9,	 100,	 120,
					1000,	4000,	4088,	 4096,	 5000,
					32000,	40000,	65528,	 65537,	 100000,
					131072, 300000, 1048575, 1048576 };

	for (size_t g = 0; g < ARRAY_SIZE(user_geometries); g += 2) {
		struct zs_pool *pool = make_user_of(&user_geometries[g], 0);

		for (size_t a = 0; a < ARRAY_SIZE(sizes); a++)
			for (size_t b = 0; b < ARRAY_SIZE(sizes); b++) {
				zs_ref ref = ZS_REF_INIT, fresh = ZS_REF_INIT;

				assert_int_equal(
					ref_fill(pool, &ref, sizes[a], a), 0);
				assert_int_equal(ref_fill(pool, &ref, sizes[b],
							  b + 50),
						 0);
				assert_true(
					ref_ok(pool, &ref, sizes[b], b + 50));
				assert_int_equal(info_of(pool).objs_inuse, 1);
				/* It takes no more than a new one. */
				assert_int_equal(zs_ref_alloc(pool, &fresh,
							      sizes[b]),
						 0);
				assert_int_equal(zs_ref_room(pool, &ref),
						 zs_ref_room(pool, &fresh));
				zs_ref_free(pool, &fresh);
				zs_ref_free(pool, &ref);
			}
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* The object that was there is there after an error, and nothing else is
 * taken. */
static void test_failed_store_leaves_the_old_object(void **state)
{
	static const size_t sizes[] = { 1, 500, 4096, 30000, 70000, 1000000 };

	for (size_t g = 0; g < ARRAY_SIZE(user_geometries); g++) {
		struct zs_pool *pool =
			make_user_of(&user_geometries[g], ZS_POOL_NO_WORKER);

		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			zs_ref ref = ZS_REF_INIT, none = ZS_REF_INIT;
			struct zs_pool_info before, after;
			unsigned int failed = 0;
			uint64_t word;

			assert_int_equal(ref_fill(pool, &ref, 60, i), 0);
			word = ref.word;
			before = info_of(pool);
			/* Nothing is had from the OS. */
			uzs_fault_set_from(UZS_FAULT_OS, 1);
			failed += ref_fill(pool, &ref, sizes[i], i) == -ENOMEM;
			if (failed) {
				assert_int_equal(ref_fill(pool, &none, sizes[i],
							  i),
						 -ENOMEM);
				assert_int_equal(zs_ref_alloc(pool, &none,
							      sizes[i]),
						 -ENOMEM);
				assert_true(none.word == 0);
			}
			uzs_fault_set(UZS_FAULT_OS, 0);
			after = info_of(pool);
			if (failed) {
				assert_true(ref.word == word);
				assert_int_equal(before.objs_inuse,
						 after.objs_inuse);
				assert_int_equal(before.pages, after.pages);
				assert_true(ref_ok(pool, &ref, 60, i));
			}
			/* It fails if the old object is too small, and it needs a
			 * section of runs of another length. */
			assert_int_equal(
				failed,
				sizes[i] > 60 &&
					pool->user->length[class_info_for(
								   pool,
								   sizes[i])
								   .index] !=
						pool->user->length
							[class_info_for(pool, 60)
								 .index]);
			zs_ref_free(pool, &ref);
			zs_trim(pool);
			assert_sound(pool);
		}
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* ---- many -------------------------------------------------------------------- */

static void test_free_many_frees_what_it_is_given(void **state)
{
	enum { NR = 3000 };
	static zs_ref refs[NR];
	static zs_ref *list[2 * NR];
	static size_t sizes[NR];
	struct rng rng;

	rng_seed(&rng, 7);
	for (unsigned int round = 0; round < 4; round++) {
		struct zs_pool *pool =
			make_user(round % 2 ? ZS_POOL_HARDENED : 0);
		zs_ref nothing = ZS_REF_INIT;
		size_t n = 0, freed = 0;

		for (unsigned int i = 0; i < NR; i++) {
			sizes[i] = i % 50 ? 1 + rng_below(&rng, 2000)
					  : log_uniform(&rng, 300000);
			assert_int_equal(ref_fill(pool, &refs[i], sizes[i], i),
					 0);
		}
		for (unsigned int i = 0; i < NR; i += 2) {
			unsigned int other;

			if (i % 3 == 0)
				list[n++] = i % 4 ? NULL : &nothing;
			list[n++] = &refs[i];
			other = rng_below(&rng, (unsigned int)n);
			list[n - 1] = list[other];
			list[other] = &refs[i];
			freed++;
		}
		assert_int_equal(zs_ref_free_many(pool, list, n), freed);
		assert_int_equal(info_of(pool).objs_inuse, NR - freed);
		assert_sound(pool);
		for (unsigned int i = 0; i < NR; i++) {
			if (i % 2)
				assert_true(
					ref_ok(pool, &refs[i], sizes[i], i));
			else
				assert_true(refs[i].word == 0);
		}
		/* Again: they name nothing now. */
		assert_int_equal(zs_ref_free_many(pool, list, n), 0);
		zs_compact(pool);
		for (n = 0; n < NR / 2; n++)
			list[n] = &refs[2 * n + 1];
		assert_int_equal(zs_ref_free_many(pool, list, n), n);
		assert_int_equal(info_of(pool).objs_inuse, 0);
		zs_compact(pool); /* what is kept, too */
		assert_int_equal(info_of(pool).pages, 0);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* ---- moving records ---------------------------------------------------------- */

struct record {
	char before[24];
	zs_ref ref;
	size_t len;
	uint64_t key;
};

static void move_record(struct zs_pool *pool, struct record *to,
			struct record *from)
{
	*to = *from;
	to->ref.word = 0;
	zs_ref_move(pool, &to->ref, &from->ref);
	assert_true(from->ref.word == 0);
	assert_true(to->ref.word != 0);
	memset(from, 0xee, sizeof(*from));
}

/* Records wander through memory; compaction follows them. */
static void test_records_can_move(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	enum { NR = 2000, ROUNDS = 6 };
	struct zs_pool *pool = make_user(0);
	struct record *records = calloc(NR, sizeof(*records));
	struct rng rng;
	unsigned int n = NR;

	assert_non_null(records);
	rng_seed(&rng, 3);
	for (unsigned int i = 0; i < NR; i++) {
		records[i].len = i % 20 ? 300 + 600 * (i % 3)
					: log_uniform(&rng, 100000);
		records[i].key = i;
		assert_int_equal(
			ref_fill(pool, &records[i].ref, records[i].len, i), 0);
	}
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct record *old = records;

		/* The array grows, say; and a part of it goes. */
		records = calloc(NR, sizeof(*records));
		assert_non_null(records);
		for (unsigned int i = 0; i < n; i++)
			move_record(pool, &records[i], &old[n - 1 - i]);
		free(old);
		for (unsigned int i = 0; i < n; i++)
			if (rng_below(&rng, 4) == 0) {
				zs_ref_free(pool, &records[i].ref);
				if (i != --n)
					move_record(pool, &records[i],
						    &records[n]);
			}
		assert_true(zs_compact(pool) > 0);
		zs_trim(pool);
		assert_int_equal(info_of(pool).objs_inuse, n);
		for (unsigned int i = 0; i < n; i++)
			assert_true(ref_ok(pool, &records[i].ref,
					   records[i].len, records[i].key));
		assert_sound(pool);
	}
	assert_true(info_of(pool).objs_moved > 0);
	assert_int_equal(zs_destroy_pool(pool), n);
	free(records);
}

static void test_move_to_a_ref_that_names_something_does_nothing(void **state)
{
	struct zs_pool *pool = make_user(0);
	zs_ref a = ZS_REF_INIT, b = ZS_REF_INIT;
	uint64_t words[2];

	assert_int_equal(ref_fill(pool, &a, 300, 1), 0);
	assert_int_equal(ref_fill(pool, &b, 20, 2), 0);
	words[0] = a.word;
	words[1] = b.word;
	zs_ref_move(pool, &a, &b);
	zs_ref_move(pool, &a, &a);
	assert_true(a.word == words[0] && b.word == words[1]);
	assert_true(ref_ok(pool, &a, 300, 1));
	assert_true(ref_ok(pool, &b, 20, 2));
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 2);
}

/* ---- pins -------------------------------------------------------------------- */

/* What is pinned stays, and can be written; its neighbours move. */
static void test_pinned_object_stays(void **state)
{
	enum { NR = 4000, LEN = 200 };
	static zs_ref refs[NR];
	static void *places[NR];
	struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
	unsigned long kept = 0;

	for (unsigned int i = 0; i < NR; i++)
		assert_int_equal(ref_fill(pool, &refs[i], LEN, i), 0);
	for (unsigned int i = 0; i < NR; i++)
		if (i % 7)
			zs_ref_free(pool, &refs[i]);
	/* Not in all zspages. */
	for (unsigned int i = 0; i < NR / 2; i += 7 * 16)
		places[i] = zs_ref_begin(pool, &refs[i]);
	assert_true(zs_compact(pool) > 0);
	zs_trim(pool);
	assert_true(info_of(pool).objs_moved > 0);
	for (unsigned int i = 0; i < NR; i += 7) {
		kept++;
		if (!places[i])
			continue;
		assert_true(pattern_ok(places[i], LEN, i));
		pattern_fill(places[i], LEN, i + 1);
		assert_ptr_equal(place_of(pool, &refs[i]), places[i]);
		zs_ref_end(pool, &refs[i]);
		assert_true(refs[i].word < REF_PIN);
	}
	/* Now that nothing is pinned, it is as dense as can be. */
	zs_compact(pool);
	assert_int_equal(info_of(pool).freeable_pages, 0);
	for (unsigned int i = 0; i < NR; i += 7)
		assert_true(ref_ok(pool, &refs[i], LEN, i + !!places[i]));
	assert_int_equal(info_of(pool).objs_inuse, kept);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), kept);
}

/* Where the OS refuses the barrier, nothing moves: who reads is not known. */
static void test_nothing_moves_without_a_barrier(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	enum { NR = 400, STEP = 25, LEN = 500 };
	static zs_ref refs[NR];
	struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
	const void *mem;

	memset(refs, 0, sizeof(refs));
	for (unsigned int i = 0; i < NR; i++)
		assert_int_equal(ref_fill(pool, &refs[i], LEN, i), 0);
	for (unsigned int i = 0; i < NR; i++)
		if (i % STEP)
			zs_ref_free(pool, &refs[i]);
	mem = zs_ref_begin(pool, &refs[STEP]);
	for (unsigned int i = 0; pool->user->names_reads && i < 4; i++) {
		uzs_fault_set_from(UZS_FAULT_BARRIER, 1);
		if (i % 2)
			zs_trim(pool);
		else
			zs_compact(pool);
		assert_int_equal(info_of(pool).objs_moved, 0);
		assert_true(pattern_ok(mem, LEN, STEP));
		assert_int_equal(pool->head.slow_reads, 0);
	}
	uzs_fault_set(UZS_FAULT_BARRIER, 0);
	assert_true(zs_compact(pool) > 0);
	assert_true(pattern_ok(mem, LEN, STEP));
	zs_ref_end(pool, &refs[STEP]);
	for (unsigned int i = 0; i < NR; i += STEP)
		assert_true(ref_ok(pool, &refs[i], LEN, i));
	assert_sound(pool);
	zs_destroy_pool(pool);
}

/* More reads than a thread has hazard pointers, begun before and during
 * compaction, ended in another order. */
static void test_many_reads_of_one_thread(void **state)
{
	enum { NR = 400, OPEN = 4 * UZS_HAZARDS };
	static zs_ref refs[NR];
	struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
	void *places[OPEN];
	struct rng rng;

	rng_seed(&rng, 11);
	memset(refs, 0, sizeof(refs));
	for (unsigned int i = 0; i < NR; i++)
		assert_int_equal(ref_fill(pool, &refs[i], 500, i), 0);
	/* What is read lies in zspages that could be freed. */
	for (unsigned int i = 0; i < NR; i++)
		if (i % 25)
			zs_ref_free(pool, &refs[i]);
	for (unsigned int round = 0; round < 50; round++) {
		for (unsigned int i = 0; i < OPEN; i++) {
			places[i] = zs_ref_begin(pool, &refs[i * 25]);
			if (i == OPEN / 2)
				zs_compact(pool);
		}
		zs_compact(pool);
		for (unsigned int n = OPEN; n > 0; n--) {
			unsigned int i = rng_below(&rng, OPEN);

			while (!places[i])
				i = (i + 1) % OPEN;
			assert_true(pattern_ok(places[i], 500, i * 25));
			zs_ref_end(pool, &refs[i * 25]);
			assert_ptr_equal(place_of(pool, &refs[i * 25]),
					 places[i]);
			places[i] = NULL;
			if (n % 5 == 0)
				zs_compact(pool);
		}
		for (unsigned int i = 0; i < OPEN; i++)
			assert_true(refs[i * 25].word < REF_PIN);
		assert_sound(pool);
	}
	zs_compact(pool);
	assert_int_equal(info_of(pool).freeable_pages, 0);
	zs_destroy_pool(pool);
}

struct end_all {
	struct zs_pool *pool;
	zs_ref *refs;
	unsigned int nr, step;
};

static void *end_all(void *arg)
{
	const struct end_all *e = arg;

	for (unsigned int i = 0; i < e->nr; i += e->step)
		zs_ref_end(e->pool, &e->refs[i]);
	return NULL;
}

/* What another thread has ended moves again. */
static void test_ended_by_another_thread_moves(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	enum { NR = 400, STEP = 25 };
	static zs_ref refs[NR];
	struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
	struct end_all e = { pool, refs, NR, STEP };

	memset(refs, 0, sizeof(refs));
	for (unsigned int round = 0; round < 3; round++) {
		pthread_t thread;

		for (unsigned int i = 0; i < NR; i++)
			assert_int_equal(ref_fill(pool, &refs[i], 500, i), 0);
		for (unsigned int i = 0; i < NR; i++)
			if (i % STEP)
				zs_ref_free(pool, &refs[i]);
		for (unsigned int i = 0; i < NR; i += STEP)
			assert_non_null(zs_ref_begin(pool, &refs[i]));
		assert_int_equal(pthread_create(&thread, NULL, end_all, &e), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		zs_compact(pool);
		assert_int_equal(info_of(pool).freeable_pages, 0);
		for (unsigned int i = 0; i < NR; i += STEP) {
			assert_true(refs[i].word < REF_PIN);
			assert_true(ref_ok(pool, &refs[i], 500, i));
			zs_ref_free(pool, &refs[i]);
		}
	}
	assert_true(info_of(pool).objs_moved > 0);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

struct one_more {
	struct zs_pool *pool;
	zs_ref *ref, *other;
	void *got; /* atomic */
};

static void *begin_one_more(void *arg)
{
	struct one_more *more = arg;
	void *mem;

	/* This thread, too, has no hazard pointer left. */
	for (unsigned int i = 0; i < UZS_HAZARDS; i++)
		zs_ref_begin(more->pool, more->other);
	mem = zs_ref_begin(more->pool, more->ref);
	__atomic_store_n(&more->got, mem, __ATOMIC_RELEASE);
	return NULL;
}

/* A word has room for 255 pins; the next begin waits for an end. */
static void test_begin_waits_when_the_word_is_full(void **state)
{
	for (unsigned int flags = 0; flags < 2; flags++) {
		struct zs_pool *pool = make_user(flags ? ZS_POOL_HARDENED : 0);
		const struct timespec moment = { 0, 20000000 };
		zs_ref ref = ZS_REF_INIT, other = ZS_REF_INIT;
		struct one_more more = { .pool = pool,
					 .ref = &ref,
					 .other = &other };
		unsigned int most =
			255 + (pool->user->names_reads ? UZS_HAZARDS : 0);
		pthread_t thread;
		void *mem;

		assert_int_equal(ref_fill(pool, &ref, 50, 1), 0);
		assert_int_equal(ref_fill(pool, &other, 60, 2), 0);
		mem = zs_ref_begin(pool, &ref);
		for (unsigned int i = 1; i < most; i++)
			assert_ptr_equal(zs_ref_begin(pool, &ref), mem);
		assert_int_equal(pthread_create(&thread, NULL, begin_one_more,
						&more),
				 0);
		nanosleep(&moment, NULL);
		assert_null(__atomic_load_n(&more.got, __ATOMIC_ACQUIRE));
		/* The first ends are those of this thread's hazard pointers. */
		for (unsigned int i = 255; i <= most; i++)
			zs_ref_end(pool, &ref);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_ptr_equal(more.got, mem);
		for (unsigned int i = 0; i < 255; i++)
			zs_ref_end(pool, &ref);
		for (unsigned int i = 0; i < UZS_HAZARDS; i++)
			zs_ref_end(pool, &other);
		assert_true(ref.word < REF_PIN);
		assert_true(other.word < REF_PIN);
		for (unsigned int i = 0; pool->user->names_reads && i < 2; i++)
			assert_false(uzs_hazards_has(&pool->user->hazards,
						     i ? &other : &ref));
		zs_ref_free(pool, &ref);
		zs_ref_free(pool, &other);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* An end without a begin changes nothing. */
static void test_end_without_begin_is_ignored(void **state)
{
	struct zs_pool *pool = make_user(0);
	zs_ref ref = ZS_REF_INIT;
	uint64_t word;

	assert_int_equal(ref_fill(pool, &ref, 50, 1), 0);
	word = ref.word;
	for (unsigned int i = 0; i < 300; i++)
		zs_ref_end(pool, &ref);
	assert_true(ref.word == word);
	assert_true(ref_ok(pool, &ref, 50, 1));
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

struct ender {
	struct zs_pool *pool;
	zs_ref *refs;
	unsigned int nr;
	bool runs, stop; /* atomic */
};

/* Ends what has not begun. */
static void *keep_ending(void *arg)
{
	struct ender *e = arg;

	for (unsigned int i = 0; !__atomic_load_n(&e->stop, __ATOMIC_RELAXED);
	     i = (i + 1) % e->nr) {
		zs_ref_end(e->pool, &e->refs[i]);
		__atomic_store_n(&e->runs, true, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Nor while the object is just moved, nor by several threads at once. */
static void test_end_without_begin_beside_a_mover(void **state)
{
	enum { NR = 200, LEN = 6000 };
	static zs_ref refs[NR], gone[NR];
	for (int round = uzs_test_scale(300); round > 0; round--) {
		/* From the first of these ends on all reads pin. */
		struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
		struct ender e = { .pool = pool, .refs = refs, .nr = NR };
		pthread_t threads[2];

		for (unsigned int i = 0; i < NR; i++) {
			assert_int_equal(ref_fill(pool, &gone[i], LEN, i), 0);
			assert_int_equal(ref_fill(pool, &refs[i], LEN, i), 0);
		}
		for (unsigned int i = 0; i < NR; i++)
			zs_ref_free(pool, &gone[i]);
		for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++)
			assert_int_equal(pthread_create(&threads[i], NULL,
							keep_ending, &e),
					 0);
		while (!__atomic_load_n(&e.runs, __ATOMIC_RELAXED))
			sched_yield();
		assert_true(zs_compact(pool) > 0);
		__atomic_store_n(&e.stop, true, __ATOMIC_RELAXED);
		for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		for (unsigned int i = 0; i < NR; i++) {
			assert_true(refs[i].word < REF_MOVING);
			assert_true(ref_ok(pool, &refs[i], LEN, i));
			zs_ref_free(pool, &refs[i]);
		}
		assert_true(info_of(pool).objs_moved > 0);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ref_that_names_nothing_is_ignored),
		cmocka_unit_test(test_wrong_arguments_are_errors),
		cmocka_unit_test(test_load_is_for_1_to_room_bytes),
		cmocka_unit_test(test_other_profiles_have_no_refs),
		cmocka_unit_test(test_every_class_border_holds_its_size),
		cmocka_unit_test(test_neighbours_of_all_sizes_stay_apart),
		cmocka_unit_test(test_zspages_can_be_full),
		cmocka_unit_test(test_store_replaces_any_size_by_any),
		cmocka_unit_test(test_failed_store_leaves_the_old_object),
		cmocka_unit_test(test_free_many_frees_what_it_is_given),
		cmocka_unit_test(test_records_can_move),
		cmocka_unit_test(
			test_move_to_a_ref_that_names_something_does_nothing),
		cmocka_unit_test(test_pinned_object_stays),
		cmocka_unit_test(test_nothing_moves_without_a_barrier),
		cmocka_unit_test(test_many_reads_of_one_thread),
		cmocka_unit_test(test_ended_by_another_thread_moves),
		cmocka_unit_test(test_begin_waits_when_the_word_is_full),
		cmocka_unit_test(test_end_without_begin_is_ignored),
		cmocka_unit_test(test_end_without_begin_beside_a_mover),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("user refs", tests, NULL, NULL);
}
