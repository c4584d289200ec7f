/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_harden.c - hardened pools of the user profile: each misuse of a ref
 * with each call, and of a handle, is told, does nothing, and leaves the pool
 * sound. That a correct program is told nothing: test_user_threads.c.
 */
#include "user_util.h"

#include <pthread.h>
#include <signal.h>

#include "test_harden.h"
#include "user/places.h"

#define LEN 100u

static struct told told;
static unsigned char buffer[65536];
static const struct user_geometry *geometry;

static struct zs_pool *make_hard(void)
{
	struct zs_pool_options o = USER_OPTIONS_INIT;

	o.flags = ZS_POOL_HARDENED | ZS_POOL_NO_WORKER;
	o.page_size = geometry->page_size;
	o.chain_size = geometry->chain_size;
	o.misuse = tell;
	o.misuse_arg = &told;
	told_reset(&told);
	return make_user_with(&o);
}

/* ---- every call that takes a ref -------------------------------------------- */

/* It returns what it answers for a bad ref. */
struct call {
	const char *name;
	bool (*refused)(struct zs_pool *pool, zs_ref *ref);
	bool drops; /* what is being read must not be given to it */
};

static bool refused_free(struct zs_pool *pool, zs_ref *ref)
{
	zs_ref_free(pool, ref);
	return true;
}

static bool refused_free_many(struct zs_pool *pool, zs_ref *ref)
{
	zs_ref *refs[] = { NULL, ref };

	return zs_ref_free_many(pool, refs, 2) == 0;
}

static bool refused_store(struct zs_pool *pool, zs_ref *ref)
{
	return zs_ref_store(pool, ref, buffer, LEN) == -EINVAL;
}

static bool refused_store_large(struct zs_pool *pool, zs_ref *ref)
{
	return zs_ref_store(pool, ref, buffer, sizeof(buffer)) == -EINVAL;
}

static bool refused_move(struct zs_pool *pool, zs_ref *ref)
{
	zs_ref to = ZS_REF_INIT;

	zs_ref_move(pool, &to, ref);
	return to.word == 0;
}

static bool refused_alloc(struct zs_pool *pool, zs_ref *ref)
{
	return zs_ref_alloc(pool, ref, LEN) == -EINVAL;
}

static bool refused_load(struct zs_pool *pool, zs_ref *ref)
{
	memset(buffer, 0x77, LEN);
	return zs_ref_load(pool, ref, buffer, 1) == -EINVAL &&
	       buffer[0] == 0x77;
}

static bool refused_begin(struct zs_pool *pool, zs_ref *ref)
{
	return !zs_ref_begin(pool, ref);
}

static bool refused_end(struct zs_pool *pool, zs_ref *ref)
{
	zs_ref_end(pool, ref);
	return true;
}

static bool refused_room(struct zs_pool *pool, zs_ref *ref)
{
	return zs_ref_room(pool, ref) == 0;
}

static const struct call calls[] = {
	{ "zs_ref_free", refused_free, true },
	{ "zs_ref_free_many", refused_free_many, true },
	{ "zs_ref_store", refused_store, true },
	{ "zs_ref_store", refused_store_large, true },
	{ "zs_ref_move", refused_move, true },
	{ "zs_ref_alloc", refused_alloc, false },
	{ "zs_ref_load", refused_load, false },
	{ "zs_ref_begin", refused_begin, false },
	{ "zs_ref_end", refused_end, false },
	{ "zs_ref_room", refused_room, false },
};
#define END (&calls[8])

/* The call is told of, once, and does nothing. */
static void assert_told(struct zs_pool *pool, const struct call *call,
			zs_ref *ref, enum zs_misuse_kind what)
{
	struct zs_pool_info before = info_of(pool), after;
	uint64_t word = ref->word;

	told_reset(&told);
	if (!call->refused(pool, ref))
		fail_msg("%s does not refuse %#lx", call->name,
			 (unsigned long)word);
	if (told.nr != 1)
		fail_msg("%s of %#lx is told %u times, not once", call->name,
			 (unsigned long)word, told.nr);
	assert_string_equal(told.last.call, call->name);
	assert_ptr_equal(told.last.pool, pool);
	assert_true(told.last.handle == (unsigned long)ref);
	if (told.last.what != what)
		fail_msg("%s of %#lx is told as %s", call->name,
			 (unsigned long)word, told.last.text);
	assert_true(ref->word == word);
	after = info_of(pool);
	assert_memory_equal(&before, &after, sizeof(before));
	told_reset(&told);
}

static void assert_all_told(struct zs_pool *pool, uint64_t word)
{
	zs_ref ref = { .word = word };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		assert_told(pool, &calls[i], &ref, ZS_MISUSE_NO_HANDLE);
}

/* ---- refs that name nothing of theirs ----------------------------------------- */

/* In each state of the object that the original names. */
static void test_copied_ref_is_told(void **state)
{
	struct zs_pool *pool = make_hard();
	zs_ref ref = ZS_REF_INIT, others[40] = { ZS_REF_INIT };
	uint64_t copy;

	assert_int_equal(ref_fill(pool, &ref, LEN, 1), 0);
	copy = ref.word;
	assert_all_told(pool, copy);
	assert_true(ref_ok(pool, &ref, LEN, 1));
	/* While it is being read. */
	assert_non_null(zs_ref_begin(pool, &ref));
	assert_all_told(pool, copy);
	assert_all_told(pool, ref.word);
	zs_ref_end(pool, &ref);
	/* Freed, and kept. */
	zs_ref_free(pool, &ref);
	assert_all_told(pool, copy);
	/* Another's. */
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(ref_fill(pool, &others[i], LEN, i), 0);
	assert_true(others[0].word == copy);
	assert_all_told(pool, copy);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_true(ref_ok(pool, &others[i], LEN, i));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		zs_ref_free(pool, &others[i]);
	assert_all_told(pool, copy);
	/* Freed; then its memory is given back. */
	zs_free_deferred_flush(pool);
	assert_all_told(pool, copy);
	zs_trim(pool);
	assert_all_told(pool, copy);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* Moved by compaction: where the object was is not where it is. */
static void test_ref_from_before_a_move_is_told(void **state)
{
	enum { NR = 3000 };
	static zs_ref refs[NR], old[NR];
	struct zs_pool *pool = make_hard();
	unsigned int moved = 0;

	memset(refs, 0, sizeof(refs));
	for (unsigned int i = 0; i < NR; i++)
		assert_int_equal(ref_fill(pool, &refs[i], 3000, i), 0);
	memcpy(old, refs, sizeof(old));
	for (unsigned int i = 0; i < NR; i++)
		if (i % 3)
			zs_ref_free(pool, &refs[i]);
	assert_true(zs_compact(pool) > 0);
	zs_trim(pool);
	for (unsigned int i = 0; i < NR; i += 3) {
		if (refs[i].word == old[i].word)
			continue;
		if (++moved <= 20)
			assert_all_told(pool, old[i].word);
	}
	assert_true(moved > 20);
	/* The program writes an old word back into its record. */
	for (unsigned int i = 0; i < NR; i += 3) {
		zs_ref now = refs[i];

		if (now.word == old[i].word)
			continue;
		refs[i] = old[i];
		for (size_t c = 0; c < ARRAY_SIZE(calls); c++)
			assert_told(pool, &calls[c], &refs[i],
				    ZS_MISUSE_NO_HANDLE);
		refs[i] = now;
		assert_true(ref_ok(pool, &refs[i], 3000, i));
		if (!--moved)
			break;
		if (moved > 20)
			moved = 20;
	}
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), NR / 3);
}

static void test_ref_of_another_pool_is_told(void **state)
{
	struct zs_pool *pool = make_hard(), *hard = make_hard();
	struct zs_pool *other = make_user(0), *kernel = make_pool(0, 0, 0);
	zs_ref of_hard = ZS_REF_INIT, of_other = ZS_REF_INIT, own = ZS_REF_INIT;
	unsigned long handle = must_malloc(pool, LEN);

	assert_int_equal(ref_fill(hard, &of_hard, LEN, 1), 0);
	assert_int_equal(ref_fill(other, &of_other, LEN, 2), 0);
	assert_int_equal(ref_fill(pool, &own, LEN, 3), 0);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_told(pool, &calls[i], &of_hard, ZS_MISUSE_NO_HANDLE);
		assert_told(pool, &calls[i], &of_other, ZS_MISUSE_NO_HANDLE);
	}
	assert_all_told(pool, must_malloc(kernel, LEN));
	/* A handle, in place of a ref; and what it names. */
	assert_all_told(pool, handle);
	assert_all_told(pool, *(u64 *)handle);
	assert_true(ref_ok(hard, &of_hard, LEN, 1));
	assert_true(ref_ok(other, &of_other, LEN, 2));
	assert_true(ref_ok(pool, &own, LEN, 3));
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 2);
	assert_int_equal(zs_destroy_pool(hard), 1);
	assert_int_equal(zs_destroy_pool(other), 1);
	assert_int_equal(zs_destroy_pool(kernel), 1);
}

/* Any 64 bits. */
static void test_garbage_is_told(void **state)
{
	struct zs_pool *pool = make_hard();
	zs_ref refs[50] = { ZS_REF_INIT };
	struct rng rng;

	rng_seed(&rng, 4);
	for (size_t i = 0; i < ARRAY_SIZE(refs); i++)
		assert_int_equal(ref_fill(pool, &refs[i], 1 + i * i * i, i), 0);
	for (int i = uzs_test_scale(2000); i > 0; i--) {
		zs_ref *ref = &refs[rng_below(&rng, ARRAY_SIZE(refs))];
		uint64_t word = rng_next(&rng);

		switch (rng_below(&rng, 4)) {
		case 0: /* a small number, or few bits */
			word >>= rng_below(&rng, 63);
			break;
		case 1: /* into the pool, of any class, with any pins */
			word = (ref->word & ~(u64)0x1fffff) ^
			       (word & (0xffcu << 20 | 0x1fffff));
			break;
		case 2: /* of that class, anywhere in the section */
			word = ref->word ^ (word & 0x7ffff);
			break;
		}
		/* A section's memory has no ref of its address. */
		if (word)
			assert_all_told(pool, word);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refs); i++)
		assert_true(ref_ok(pool, &refs[i], 1 + i * i * i, i));
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), ARRAY_SIZE(refs));
}

/* The record's own word, with a bit of its address or class flipped, or with
 * the one that says that it is being moved. (The pins look like pins.) */
static void test_flipped_bits_are_told(void **state)
{
	static const size_t sizes[] = { 1, 100, 5000, 60000, 300000 };
	zs_ref refs[ARRAY_SIZE(sizes)] = { ZS_REF_INIT };
	struct zs_pool *pool = make_hard();

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		zs_ref *ref = &refs[i];

		assert_int_equal(ref_fill(pool, ref, sizes[i], i), 0);
		for (unsigned int bit = 0; bit < 56; bit++) {
			ref->word ^= (u64)1 << bit;
			for (size_t c = 0; c < ARRAY_SIZE(calls); c++)
				assert_told(pool, &calls[c], ref,
					    ZS_MISUSE_NO_HANDLE);
			ref->word ^= (u64)1 << bit;
		}
		assert_true(ref_ok(pool, ref, sizes[i], i));
	}
	assert_int_equal(told.nr, 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), ARRAY_SIZE(sizes));
}

/* An object that contains what looks like the first word of one: in other pools, of
 * another class, of another ref. */
static void test_contents_are_no_objects(void **state)
{
	struct zs_pool *pool = make_hard();
	zs_ref ref = ZS_REF_INIT, fake = ZS_REF_INIT;
	unsigned int class;
	u64 *data;

	assert_int_equal(zs_ref_alloc(pool, &ref, 4000), 0);
	data = zs_ref_begin(pool, &ref);
	assert_non_null(data);
	class = ref_class(ref.word);
	for (unsigned int i = 0; i < 500; i++)
		switch (i % 3) {
		case 0:
			data[i] = (uintptr_t)&fake | USER_ALLOCATED;
			break;
		case 1: /* of which no fake is, below */
			data[i] = user_owner(pool, class + 500, &fake.word);
			break;
		default:
			data[i] = user_owner(pool, class, &ref.word);
		}
	assert_true(data[0] != user_owner(pool, class, &fake.word));
	for (unsigned int i = 0; i < 500; i += 7)
		for (size_t c = 0; c < ARRAY_SIZE(calls); c++) {
			fake.word = (uintptr_t)&data[i] >> 3 |
				    (u64)(i + 1) << REF_ADDRESS_BITS;
			assert_told(pool, &calls[c], &fake,
				    ZS_MISUSE_NO_HANDLE);
			/* Of the same class. */
			fake.word = ((uintptr_t)&data[i] >> 3) |
				    (ref.word & REF_CLASS << REF_ADDRESS_BITS);
			assert_told(pool, &calls[c], &fake,
				    ZS_MISUSE_NO_HANDLE);
		}
	zs_ref_end(pool, &ref);
	assert_int_equal(told.nr, 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

/* A store of another size is refused while the object is read, by this thread or
 * another one, and takes nothing for itself: not from what the CPU keeps, nor what it
 * does not keep yet. */
static void test_store_of_what_is_read_takes_nothing(void **state)
{
	static const size_t sizes[] = { 50, 4095, 4096, 4097, 30000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned int kept = 0; kept < 2; kept++) {
			struct zs_pool *pool = make_hard();
			zs_ref ref = ZS_REF_INIT, other = ZS_REF_INIT;
			struct zs_pool_info before, after;
			char data[30000];

			memset(data, 7, sizeof(data));
			assert_int_equal(ref_fill(pool, &ref, 1000, 1), 0);
			if (kept) {
				assert_int_equal(zs_ref_alloc(pool, &other,
							      sizes[i]),
						 0);
				zs_ref_free(pool, &other);
			}
			assert_non_null(zs_ref_begin(pool, &ref));
			before = info_of(pool);
			told_reset(&told);
			assert_int_equal(zs_ref_store(pool, &ref, data,
						      sizes[i]),
					 -EINVAL);
			assert_int_equal(told.nr, 1);
			assert_int_equal(told.last.what, ZS_MISUSE_READ);
			assert_string_equal(told.last.call, "zs_ref_store");
			after = info_of(pool);
			assert_memory_equal(&before, &after, sizeof(before));
			told_reset(&told);
			zs_ref_end(pool, &ref);
			assert_true(ref_ok(pool, &ref, 1000, 1));
			/* Now it may be replaced. */
			assert_int_equal(
				zs_ref_store(pool, &ref, data, sizes[i]), 0);
			assert_int_equal(zs_ref_load(pool, &ref, data, 1), 0);
			assert_int_equal(told.nr, 0);
			assert_sound(pool);
			assert_int_equal(zs_destroy_pool(pool), 1);
		}
}

/* One that is read among others: these are freed. One ref twice: once. */
static void test_free_many_passes_over_what_is_read(void **state)
{
	struct zs_pool *pool = make_hard();
	zs_ref refs[3] = { ZS_REF_INIT };
	zs_ref *many[] = { &refs[0], &refs[1], &refs[2], &refs[0] };

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ref_fill(pool, &refs[i], 100, i), 0);
	assert_non_null(zs_ref_begin(pool, &refs[1]));
	told_reset(&told);
	assert_int_equal(zs_ref_free_many(pool, many, ARRAY_SIZE(many)), 2);
	assert_int_equal(told.nr, 1);
	assert_true(told.last.handle == (unsigned long)&refs[1]);
	assert_int_equal(told.last.what, ZS_MISUSE_READ);
	told_reset(&told);
	assert_true(!refs[0].word && refs[1].word && !refs[2].word);
	zs_ref_end(pool, &refs[1]);
	assert_true(ref_ok(pool, &refs[1], 100, 1));
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

/* Moved without zs_ref_move: the record is copied, its old place reused. */
static void test_record_moved_by_hand_is_told(void **state)
{
	struct zs_pool *pool = make_hard();
	zs_ref ref = ZS_REF_INIT, copy, to = ZS_REF_INIT;

	assert_int_equal(ref_fill(pool, &ref, LEN, 1), 0);
	copy = ref;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		assert_told(pool, &calls[i], &copy, ZS_MISUSE_NO_HANDLE);
	/* The new place was not set to nothing. */
	to = ref;
	zs_ref_move(pool, &to, &ref);
	assert_int_equal(told.nr, 1);
	assert_true(told.last.handle == (unsigned long)&to);
	assert_int_equal(told.last.what, ZS_MISUSE_NO_HANDLE);
	to.word = 0;
	told_reset(&told);
	zs_ref_move(pool, &to, &ref);
	assert_int_equal(told.nr, 0);
	assert_true(ref_ok(pool, &to, LEN, 1));
	/* Its own old word is stale now. */
	assert_all_told(pool, to.word);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

/* In any pool: memory that a record has left without zs_ref_move is not written
 * by a mover, and the others' objects are right. */
static void test_mover_leaves_foreign_memory_alone(void **state)
{
	enum { NR = 3000 };
	static zs_ref refs[NR];

	for (unsigned int hard = 0; hard < 2; hard++) {
		struct zs_pool *pool =
			hard ? make_hard()
			     : make_user_of(geometry, ZS_POOL_NO_WORKER);

		memset(refs, 0, sizeof(refs));
		for (unsigned int i = 0; i < NR; i++)
			assert_int_equal(ref_fill(pool, &refs[i], 200, i), 0);
		for (unsigned int i = 0; i < NR; i++) {
			if (i % 5 == 1) /* the program forgets it */
				refs[i].word = 0xabcdef0123456789u + i;
			else if (i % 5 > 1)
				zs_ref_free(pool, &refs[i]);
		}
		zs_compact(pool);
		zs_trim(pool);
		for (unsigned int i = 0; i < NR; i++) {
			if (i % 5 == 0)
				assert_true(ref_ok(pool, &refs[i], 200, i));
			else if (i % 5 == 1)
				assert_true(refs[i].word ==
					    0xabcdef0123456789u + i);
		}
		/* That is what the check is for. */
		{
			FILE *null = fopen("/dev/null", "w");

			assert_non_null(null);
			assert_true(zs_pool_check(pool, null) > 0);
			fclose(null);
		}
		assert_int_equal(zs_destroy_pool(pool), NR / 5 * 2);
	}
}

/* ---- reads -------------------------------------------------------------------- */

static void test_dropping_what_is_read_is_told(void **state)
{
	struct zs_pool *pool = make_hard();
	zs_ref ref = ZS_REF_INIT;
	void *mem;

	assert_int_equal(ref_fill(pool, &ref, LEN, 5), 0);
	for (unsigned int pins = 1; pins <= 3; pins++) {
		mem = zs_ref_begin(pool, &ref);
		assert_non_null(mem);
		for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
			if (calls[i].drops)
				assert_told(pool, &calls[i], &ref,
					    ZS_MISUSE_READ);
		assert_true(pattern_ok(mem, LEN, 5));
	}
	for (unsigned int pins = 1; pins <= 3; pins++)
		zs_ref_end(pool, &ref);
	assert_int_equal(told.nr, 0);
	assert_true(ref_ok(pool, &ref, LEN, 5));
	assert_int_equal(ref_fill(pool, &ref, 10, 6), 0);
	zs_ref_free(pool, &ref);
	assert_int_equal(told.nr, 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

static void test_end_without_begin_is_told(void **state)
{
	struct zs_pool *pool = make_hard();
	zs_ref ref = ZS_REF_INIT, other = ZS_REF_INIT;

	/* A begin that answers NULL is none. */
	assert_null(zs_ref_begin(pool, &ref));
	assert_told(pool, END, &ref, ZS_MISUSE_NOT_BEGUN);
	assert_int_equal(ref_fill(pool, &ref, LEN, 5), 0);
	assert_int_equal(ref_fill(pool, &other, LEN, 6), 0);
	/* A neighbour's begin is not taken for one. This one has its name in a row; all
	 * begins behind the first wrong end pin. */
	assert_non_null(zs_ref_begin(pool, &other));
	assert_true(!pool->user->names_reads || !pool->head.slow_reads);
	assert_told(pool, END, &ref, ZS_MISUSE_NOT_BEGUN);
	assert_int_equal(zs_ref_load(pool, &ref, buffer, 0), -ERANGE);
	assert_told(pool, END, &ref, ZS_MISUSE_NOT_BEGUN);
	zs_ref_end(pool, &other);
	assert_told(pool, END, &other, ZS_MISUSE_NOT_BEGUN);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 2);
}

/* One end for each begin: of reads that are named, and then of reads that pin. */
static void test_one_end_for_each_begin(void **state)
{
	struct zs_pool *pool = make_hard();
	zs_ref ref = ZS_REF_INIT;

	assert_int_equal(ref_fill(pool, &ref, LEN, 5), 0);
	for (unsigned int pins = 0; pins < 2; pins++) {
		assert_non_null(zs_ref_begin(pool, &ref));
		assert_non_null(zs_ref_begin(pool, &ref));
		zs_ref_end(pool, &ref);
		zs_ref_end(pool, &ref);
		assert_int_equal(told.nr, 0);
		assert_told(pool, END, &ref, ZS_MISUSE_NOT_BEGUN);
		assert_true(ref_ok(pool, &ref, LEN, 5));
	}
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

/* The record is overwritten while its object is read: the end tells. */
static void test_record_damaged_in_a_read_is_told(void **state)
{
	struct zs_pool *pool = make_hard();
	zs_ref ref = ZS_REF_INIT, other = ZS_REF_INIT;
	uint64_t word;

	assert_int_equal(ref_fill(pool, &ref, LEN, 5), 0);
	assert_int_equal(ref_fill(pool, &other, LEN, 6), 0);
	word = ref.word;
	for (unsigned int way = 0; way < 3; way++) {
		assert_non_null(zs_ref_begin(pool, &ref));
		ref.word = way == 0 ? 0 : way == 1 ? other.word : ~word;
		told_reset(&told);
		zs_ref_end(pool, &ref);
		assert_int_equal(told.nr, 1);
		assert_string_equal(told.last.call, "zs_ref_end");
		/* A pin would have been lost with the word. */
		ref.word = word;
		told_reset(&told);
	}
	zs_ref_free(pool, &ref);
	zs_ref_free(pool, &other);
	assert_int_equal(told.nr, 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

struct elsewhere {
	struct zs_pool *pool;
	zs_ref *ref;
	bool begins; /* or ends */
};

static void *use_elsewhere(void *arg)
{
	const struct elsewhere *e = arg;

	if (e->begins)
		return zs_ref_begin(e->pool, e->ref);
	zs_ref_end(e->pool, e->ref);
	return NULL;
}

/* In a thread that is over then. Return: what begin answered. */
static void *in_thread(struct zs_pool *pool, zs_ref *ref, bool begins)
{
	struct elsewhere e = { pool, ref, begins };
	pthread_t thread;
	void *mem;

	assert_int_equal(pthread_create(&thread, NULL, use_elsewhere, &e), 0);
	assert_int_equal(pthread_join(thread, &mem), 0);
	return mem;
}

/* A read is open, whichever thread has begun it, and any thread may end it. What
 * no thread has begun is told, whether the reads of others are known or not. */
static void test_reads_of_other_threads_are_known(void **state)
{
	struct zs_pool *pool = make_hard();
	zs_ref ref = ZS_REF_INIT, other = ZS_REF_INIT;

	assert_int_equal(ref_fill(pool, &ref, LEN, 5), 0);
	assert_int_equal(ref_fill(pool, &other, LEN, 6), 0);
	for (unsigned int round = 0; round < 3; round++) {
		assert_non_null(in_thread(pool, &ref, true));
		assert_int_equal(told.nr, 0);
		for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
			if (calls[i].drops)
				assert_told(pool, &calls[i], &ref,
					    ZS_MISUSE_READ);
		assert_told(pool, END, &other, ZS_MISUSE_NOT_BEGUN);
		told_reset(&told);
		in_thread(pool, &other, false);
		assert_int_equal(told.nr, 1);
		assert_int_equal(told.last.what, ZS_MISUSE_NOT_BEGUN);
		told_reset(&told);
		/* In the first round this thread, then another one. */
		if (round)
			in_thread(pool, &ref, false);
		else
			zs_ref_end(pool, &ref);
		assert_int_equal(told.nr, 0);
		assert_told(pool, END, &ref, ZS_MISUSE_NOT_BEGUN);
		/* Replaced, so nothing was left. */
		assert_int_equal(ref_fill(pool, &ref, LEN + round, 5), 0);
		/* This thread's own read ends in another one. */
		assert_non_null(zs_ref_begin(pool, &ref));
		in_thread(pool, &ref, false);
		assert_int_equal(told.nr, 0);
		assert_told(pool, END, &ref, ZS_MISUSE_NOT_BEGUN);
		told_reset(&told);
	}
	zs_ref_free(pool, &ref);
	zs_ref_free(pool, &other);
	assert_int_equal(told.nr, 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ---- handles -------------------------------------------------------------------- */

static unsigned int tell_all(struct zs_pool *pool, unsigned long handle,
			     enum zs_misuse_kind what)
{
	struct zs_obj_place place = ZS_OBJ_PLACE_INIT;
	struct iovec iov[2];

	told_reset(&told);
	assert_null(zs_obj_read_begin(pool, handle, 1, buffer));
	assert_int_equal(zs_obj_place(pool, handle, &place), -EINVAL);
	assert_int_equal(zs_obj_read_sg_begin(pool, handle, iov, 1), 0);
	assert_int_equal(zs_obj_write(pool, handle, buffer, 1), -EINVAL);
	assert_int_equal(zs_obj_room(pool, handle), 0);
	zs_obj_read_end(pool, handle, 1, buffer);
	zs_obj_read_sg_end(pool, handle);
	zs_free(pool, handle);
	zs_free_deferred(pool, handle);
	assert_int_equal(zs_free_many(pool, &handle, 1), 0);
	assert_int_equal(told.last.what, what);
	assert_true(told.last.handle == handle);
	return told.nr;
}

static void test_misuse_of_handles_is_told(void **state)
{
	struct zs_pool *pool = make_hard(), *other = make_hard();
	unsigned long handle = must_malloc(pool, LEN), more[100];
	unsigned long of_other = must_malloc(other, LEN);
	zs_ref ref = ZS_REF_INIT;
	void *mem;

	assert_int_equal(ref_fill(pool, &ref, LEN, 1), 0);
	/* Freed: kept; really; and with others allocated. */
	zs_free(pool, handle);
	assert_int_equal(tell_all(pool, handle, ZS_MISUSE_FREED), 10);
	zs_free_deferred_flush(pool);
	assert_int_equal(tell_all(pool, handle, ZS_MISUSE_FREED), 10);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		more[i] = must_malloc(pool, LEN);
		assert_true(more[i] != handle);
	}
	assert_int_equal(tell_all(pool, handle, ZS_MISUSE_FREED), 10);
	/* Another's, a ref, garbage. */
	assert_int_equal(tell_all(pool, of_other, ZS_MISUSE_NO_HANDLE), 10);
	assert_int_equal(
		tell_all(pool, (unsigned long)&ref, ZS_MISUSE_NO_HANDLE), 10);
	assert_int_equal(tell_all(pool, more[0] + 2, ZS_MISUSE_NO_HANDLE), 10);
	assert_int_equal(tell_all(pool, more[0] ^ 8, ZS_MISUSE_NO_HANDLE), 10);
	assert_int_equal(tell_all(pool, (unsigned long)place_of(pool, &ref),
				  ZS_MISUSE_NO_HANDLE),
			 10);
	assert_int_equal(tell_all(pool, ref.word, ZS_MISUSE_NO_HANDLE), 10);
	assert_int_equal(
		tell_all(pool, 0x4141414141414140u, ZS_MISUSE_NO_HANDLE), 10);
	/* Freed while it is being read; an end without a begin. */
	mem = zs_obj_read_begin(pool, more[0], LEN, NULL);
	assert_non_null(mem);
	told_reset(&told);
	zs_free(pool, more[0]);
	zs_free_deferred(pool, more[0]);
	assert_int_equal(zs_free_many(pool, more, 1), 0);
	assert_int_equal(told.nr, 3);
	assert_int_equal(told.last.what, ZS_MISUSE_READ);
	told_reset(&told);
	zs_obj_read_end(pool, more[0], LEN, mem);
	assert_int_equal(told.nr, 0);
	zs_obj_read_end(pool, more[0], LEN, mem);
	zs_obj_read_sg_end(pool, more[1]);
	assert_int_equal(told.nr, 2);
	assert_int_equal(told.last.what, ZS_MISUSE_NOT_BEGUN);
	assert_int_equal(info_of(pool).objs_inuse, ARRAY_SIZE(more) + 1);
	assert_true(ref_ok(pool, &ref, LEN, 1));
	assert_sound(pool);
	/* Not ended. */
	assert_non_null(zs_obj_read_begin(pool, more[5], 1, NULL));
	assert_non_null(zs_obj_read_begin(pool, more[6], 1, NULL));
	told_reset(&told);
	assert_int_equal(zs_destroy_pool(pool), ARRAY_SIZE(more) + 1);
	assert_int_equal(told.nr, 2);
	assert_int_equal(told.last.what, ZS_MISUSE_NOT_ENDED);
	assert_int_equal(zs_destroy_pool(other), 1);
}

/* ---- the line, and abort --------------------------------------------------------- */

static void abort_copy(struct zs_pool *pool, unsigned long ref)
{
	zs_ref *copy = (zs_ref *)ref;

	zs_ref_begin(pool, copy);
}

static void test_without_callback_it_aborts(void **state)
{
	struct zs_pool *pool = make_user(ZS_POOL_HARDENED | ZS_POOL_NO_WORKER);
	zs_ref ref = ZS_REF_INIT, copy;
	char output[4096], line[256];

	assert_int_equal(ref_fill(pool, &ref, LEN, 1), 0);
	copy = ref;
	assert_true(dies_by_abort(abort_copy, pool, (unsigned long)&copy,
				  output, sizeof(output)));
	snprintf(
		line, sizeof(line),
		"uzsmalloc: pool user: zs_ref_begin: handle %#lx: no handle of this pool\n",
		(unsigned long)&copy);
	assert_string_equal(output, line);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copied_ref_is_told),
		cmocka_unit_test(test_ref_from_before_a_move_is_told),
		cmocka_unit_test(test_ref_of_another_pool_is_told),
		cmocka_unit_test(test_garbage_is_told),
		cmocka_unit_test(test_flipped_bits_are_told),
		cmocka_unit_test(test_contents_are_no_objects),
		cmocka_unit_test(test_store_of_what_is_read_takes_nothing),
		cmocka_unit_test(test_free_many_passes_over_what_is_read),
		cmocka_unit_test(test_record_moved_by_hand_is_told),
		cmocka_unit_test(test_mover_leaves_foreign_memory_alone),
		cmocka_unit_test(test_dropping_what_is_read_is_told),
		cmocka_unit_test(test_end_without_begin_is_told),
		cmocka_unit_test(test_one_end_for_each_begin),
		cmocka_unit_test(test_record_damaged_in_a_read_is_told),
		cmocka_unit_test(test_reads_of_other_threads_are_known),
		cmocka_unit_test(test_misuse_of_handles_is_told),
		cmocka_unit_test(test_without_callback_it_aborts),
	};
	int failed = 0;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	for (size_t g = 0; g < ARRAY_SIZE(user_geometries); g += 3) {
		char name[40];

		geometry = &user_geometries[g];
		snprintf(name, sizeof(name), "user harden, %u, %u",
			 geometry->page_size, geometry->chain_size);
		failed += cmocka_run_group_tests_name(name, tests, NULL, NULL);
	}
	return failed;
}
