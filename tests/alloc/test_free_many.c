/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_free_many.c - zs_free_many frees what it is given and nothing else;
 * zs_obj_room says how much an object holds; scopes and deferrals have names.
 */
#include "test_defer.h"

#define NR_OBJS 3000u

struct object {
	unsigned long handle;
	size_t len;
	uint64_t key;
};

static void allocate(struct zs_pool *pool, struct rng *rng,
		     struct object *objects)
{
	for (unsigned int i = 0; i < NR_OBJS; i++) {
		struct object *o = &objects[i];

		/* Few large ones, so that classes have many objects. */
		o->len = 1 + rng_below(rng, i % 8 ? 300 : test_page_size);
		o->key = i;
		o->handle = must_malloc(pool, o->len);
		assert_true(object_fill(pool, o->handle, o->len, o->key));
	}
}

/* Half of the objects are freed by one call, among values that name nothing.
 * The others stay as they are, and the pool is sound. */
static void test_frees_what_it_is_given(void **state)
{
	static struct object objects[NR_OBJS];
	static unsigned long list[2 * NR_OBJS];
	const unsigned long nothing[] = { 0, (unsigned long)-ENOMEM };
	struct rng rng;

	rng_seed(&rng, 7);
	for_each_keeping_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, 0);
		size_t n = 0, freed = 0;

		allocate(pool, &rng, objects);
		for (unsigned int i = 0; i < NR_OBJS; i++) {
			unsigned int other = rng_below(&rng, NR_OBJS);
			struct object o = objects[i];

			objects[i] = objects[other];
			objects[other] = o;
		}
		for (unsigned int i = 0; i < NR_OBJS; i += 2) {
			if (i % 3 == 0)
				list[n++] = nothing[i / 6 % 2];
			list[n++] = objects[i].handle;
			freed++;
		}
		assert_int_equal(zs_free_many(pool, list, n), freed);
		assert_int_equal(info_of(pool).objs_inuse, NR_OBJS - freed);
		assert_sound(pool);
		for (unsigned int i = 1; i < NR_OBJS; i += 2)
			assert_true(object_ok(pool, objects[i].handle,
					      objects[i].len, objects[i].key));
		assert_int_equal(zs_free_many(pool, list, 0), 0);
		assert_int_equal(zs_free_many(pool, nothing, 2), 0);
		assert_int_equal(info_of(pool).objs_inuse, NR_OBJS - freed);
		zs_compact(pool);
		n = 0;
		for (unsigned int i = 1; i < NR_OBJS; i += 2)
			list[n++] = objects[i].handle;
		assert_int_equal(zs_free_many(pool, list, n), n);
		assert_int_equal(info_of(pool).pages, 0);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

static unsigned int told;

static void count_misuse(const struct zs_misuse *misuse, void *arg)
{
	assert_int_equal(misuse->what, ZS_MISUSE_FREED);
	assert_string_equal(misuse->call, "zs_free_many");
	told++;
}

/* A handle that is in the list twice is freed once, and told once. */
static void test_hardened_pool_tells_of_what_is_twice(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	unsigned long list[600];
	struct zs_pool *pool;

	o.flags = ZS_POOL_HARDENED;
	o.lock_scope = test_scope;
	o.page_size = test_page_size;
	o.misuse = count_misuse;
	pool = zs_create_pool_with("twice", &o);
	assert_non_null(pool);
	for (unsigned int i = 0; i < 599; i++)
		list[i] = must_malloc(pool, 1 + i);
	list[599] = list[3];
	zs_free(pool, list[5]);
	list[5] = list[4]; /* both are claimed before one is freed */
	told = 0;
	assert_int_equal(zs_free_many(pool, list, 600), 598);
	assert_int_equal(told, 2);
	assert_int_equal(info_of(pool).objs_inuse, 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* An object holds as many bytes as its room, not one more, and at least what
 * was asked for. */
static void test_room_is_what_can_be_written(void **state)
{
	static unsigned char data[65536 + 1], copy[65536];

	for (unsigned int flags = 0; flags < 2; flags++) {
		struct zs_pool *pool = make_deferring(
			ZS_DEFER_NONE, flags ? ZS_POOL_HARDENED : 0);
		struct rng rng;

		rng_seed(&rng, 11);
		for (unsigned int i = 0; i < 400; i++) {
			size_t size = i ? 1 + rng_below(&rng, test_page_size)
					: test_page_size;
			unsigned long handle = must_malloc(pool, size);
			size_t room = zs_obj_room(pool, handle);
			unsigned char *read;

			assert_true(room >= size);
			assert_true(room <= test_page_size);
			pattern_fill(data, room, i);
			assert_int_equal(zs_obj_write(pool, handle, data,
						      room + 1),
					 -ERANGE);
			assert_int_equal(zs_obj_write(pool, handle, data, room),
					 0);
			read = zs_obj_read_begin(pool, handle, room, copy);
			assert_non_null(read);
			/* While it is read, too. */
			assert_int_equal(zs_obj_room(pool, handle), room);
			assert_memory_equal(read, data, room);
			zs_obj_read_end(pool, handle, room, read);
			if (i % 2)
				zs_free(pool, handle);
		}
		assert_int_equal(zs_obj_room(pool, 0), 0);
		assert_int_equal(zs_obj_room(pool, (unsigned long)-ENOMEM), 0);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 200);
	}
}

struct freer {
	struct zs_pool *pool;
	unsigned long *handles;
	bool done; /* atomic */
};

static void *free_them(void *arg)
{
	struct freer *f = arg;

	for (unsigned int i = 0; i < NR_OBJS; i += 500)
		if (zs_free_many(f->pool, f->handles + i, 500) != 500)
			break;
	__atomic_store_n(&f->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* While pages are on their way to the zone no check finds the pool unsound. */
static void test_pool_is_sound_beside_it(void **state)
{
	static unsigned long handles[NR_OBJS];

	for (int round = uzs_test_scale(10); round > 0; round--) {
		struct zs_pool *pool = make_deferring(ZS_DEFER_NONE, 0);
		struct freer f = { pool, handles, false };
		pthread_t thread;

		/* A zspage each. */
		for (unsigned int i = 0; i < NR_OBJS; i++)
			handles[i] = must_malloc(pool, test_page_size);
		assert_int_equal(pthread_create(&thread, NULL, free_them, &f),
				 0);
		do
			assert_sound(pool);
		while (!__atomic_load_n(&f.done, __ATOMIC_ACQUIRE));
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(info_of(pool).pages, 0);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

#define EXPECT_SCOPE(word, text) \
	assert_string_equal(zs_lock_scope_name(ZS_SCOPE_##word), text);
#define EXPECT_DEFER(word, text) \
	assert_string_equal(zs_defer_mode_name(ZS_DEFER_##word), text);

static void test_each_scope_and_deferral_has_its_name(void **state)
{
	VARIANT_SCOPES(EXPECT_SCOPE)
	VARIANT_DEFERS(EXPECT_DEFER)
	assert_string_equal(zs_lock_scope_name(ZS_SCOPE_DEFAULT), "default");
	assert_string_equal(zs_defer_mode_name(ZS_DEFER_DEFAULT), "default");
	assert_null(zs_lock_scope_name(
		(enum zs_lock_scope)(VARIANT_LAST_SCOPE + 1)));
	assert_null(zs_defer_mode_name(
		(enum zs_defer_mode)(VARIANT_LAST_DEFER + 1)));
	assert_null(zs_lock_scope_name((enum zs_lock_scope) - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frees_what_it_is_given),
		cmocka_unit_test(test_hardened_pool_tells_of_what_is_twice),
		cmocka_unit_test(test_pool_is_sound_beside_it),
		cmocka_unit_test(test_room_is_what_can_be_written),
		cmocka_unit_test(test_each_scope_and_deferral_has_its_name),
	};

	return run_in_every_variant(tests);
}
