/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_poison.c - with AddressSanitizer the memory of an object is poisoned
 * except while it is read: any other access is reported. (In other builds
 * nothing is tested.)
 */
#include "test_harden.h"

#include "types.h"

#define LEN 100u

static unsigned char buffer[4096];

/* ---- what is reported --------------------------------------------------- */

static volatile unsigned char seen;

static void ends_first(struct zs_pool *pool, unsigned long handle)
{
	unsigned char *mem = zs_obj_read_begin(pool, handle, LEN, NULL);

	zs_obj_read_end(pool, handle, LEN, mem);
	seen = mem[0];
}

static void ends_one_of_two(struct zs_pool *pool, unsigned long handle)
{
	unsigned char *mem = zs_obj_read_begin(pool, handle, LEN, NULL);

	zs_obj_read_begin(pool, handle, LEN, NULL);
	zs_obj_read_end(pool, handle, LEN, mem);
	seen = mem[LEN - 1]; /* the other goes on */
	zs_obj_read_end(pool, handle, LEN, mem);
	seen = mem[LEN - 1];
}

static void reads_beyond(struct zs_pool *pool, unsigned long handle)
{
	unsigned char *mem = zs_obj_read_begin(pool, handle, LEN, NULL);

	seen = mem[LEN - 1];
	seen = mem[LEN];
}

static void reads_before(struct zs_pool *pool, unsigned long handle)
{
	unsigned char *mem = zs_obj_read_begin(pool, handle, LEN, NULL);

	seen = mem[-1];
}

static void writes_beyond(struct zs_pool *pool, unsigned long handle)
{
	unsigned char *mem = zs_obj_read_begin(pool, handle, 3, NULL);

	memset(mem, 1, LEN);
}

static void reads_freed(struct zs_pool *pool, unsigned long handle)
{
	unsigned char *mem = zs_obj_read_begin(pool, handle, LEN, NULL);

	zs_free(pool, handle);
	seen = mem[0];
}

static void reads_with_freed_handle(struct zs_pool *pool, unsigned long handle)
{
	zs_free(pool, handle);
	zs_obj_read_begin(pool, handle, LEN, NULL);
}

static void frees_twice(struct zs_pool *pool, unsigned long handle)
{
	zs_free(pool, handle);
	zs_free(pool, handle);
}

static void reads_after_write(struct zs_pool *pool, unsigned long handle)
{
	unsigned char *mem = zs_obj_read_begin(pool, handle, LEN, NULL);

	zs_obj_read_end(pool, handle, LEN, mem);
	zs_obj_write(pool, handle, buffer, LEN);
	seen = mem[0];
}

static void reads_given_back(struct zs_pool *pool, unsigned long handle)
{
	struct iovec iov[2];

	zs_obj_read_sg_begin(pool, handle, iov, LEN);
	zs_obj_read_sg_end(pool, handle);
	zs_free(pool, handle);
	seen = *(unsigned char *)iov[0].iov_base;
}

static void reads_neighbour(struct zs_pool *pool, unsigned long handle)
{
	unsigned char *mem;

	/* the next place of the zspage, free */
	mem = zs_obj_read_begin(pool, handle, LEN, NULL);
	seen = mem[LEN + 32];
}

static void test_stray_access_is_reported(void **state)
{
	static void (*const wrong[])(struct zs_pool * pool,
				     unsigned long handle) = {
		ends_first,
		ends_one_of_two,
		reads_beyond,
		reads_before,
		writes_beyond,
		reads_freed,
		reads_with_freed_handle,
		frees_twice,
		reads_after_write,
		reads_given_back,
		reads_neighbour,
	};
	static char output[1 << 16];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
		unsigned long handle = must_malloc(pool, LEN);
		int status;

		assert_int_equal(zs_obj_write(pool, handle, buffer, LEN), 0);
		status = run_in_child(wrong[i], pool, handle, output,
				      sizeof(output));
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			fail_msg("number %zu is not reported", i);
		if (!strstr(output, "use-after-poison"))
			fail_msg("number %zu ends otherwise: %s", i, output);
		assert_int_equal(zs_destroy_pool(pool), 1);
	}
}

/* ---- what is not -------------------------------------------------------- */

/* Each byte of a mem_len that is begun, in one page or two, in a huge one, by
 * two at once, of lengths that are no multiple of anything; also when the
 * object has been moved. */
static void test_access_to_what_is_read_is_not_reported(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	static const size_t lens[] = { 1,    7,	   8,	 9,    24,   100,
				       1000, 2000, 2500, 3000, 3500, 4096 };
	enum { N = 200 };
	unsigned long handles[ARRAY_SIZE(lens)][N];

	for (size_t l = 0; l < ARRAY_SIZE(lens); l++)
		for (size_t i = 0; i < N; i++) {
			handles[l][i] = must_malloc(pool, lens[l]);
			assert_true(
				object_fill(pool, handles[l][i], lens[l], i));
		}
	for (size_t l = 0; l < ARRAY_SIZE(lens); l++)
		for (size_t i = 0; i < N; i++) {
			if (i % 3)
				zs_free(pool, handles[l][i]);
		}
	zs_compact(pool);
	zs_trim(pool);
	for (size_t l = 0; l < ARRAY_SIZE(lens); l++)
		for (size_t i = 0; i < N; i += 3) {
			unsigned char copy[4096];
			size_t len = lens[l];
			void *mem = zs_obj_read_begin(pool, handles[l][i], len,
						      copy);

			assert_true(object_ok(pool, handles[l][i], len, i));
			assert_int_equal(pattern_differs(mem, 0, len, i), len);
			zs_obj_read_end(pool, handles[l][i], len, mem);
			assert_true(object_ok(pool, handles[l][i], 1, i));
		}
	assert_sound(pool);
	zs_destroy_pool(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#if UZS_POISONS_OBJECTS
		cmocka_unit_test(test_stray_access_is_reported),
#endif
		cmocka_unit_test(test_access_to_what_is_read_is_not_reported),
	};

	(void)test_stray_access_is_reported;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
