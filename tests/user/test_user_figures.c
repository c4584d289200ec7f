/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_figures.c - what the header says of struct zs_pool_info holds after
 * threads wanted the first zspages of a class at the same time.
 */
#include "user_util.h"

#include <pthread.h>

#define THREADS 4u
#define OBJECTS 3u

static pthread_barrier_t start;

struct first {
	struct zs_pool *pool;
	pthread_t thread;
	zs_ref refs[OBJECTS];
	int rc;
};

static void *allocate(void *arg)
{
	struct first *f = arg;

	pthread_barrier_wait(&start);
	for (unsigned int i = 0; i < OBJECTS && !f->rc; i++)
		f->rc = zs_ref_alloc(f->pool, &f->refs[i], 1000);
	return NULL;
}

/* Each of them maps a section and makes a zspage of many pages; one will do. */
static void test_one_zspage_for_all(void **state)
{
	int rounds = uzs_test_scale(1000);

	assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (int round = 0; round < rounds; round++) {
		struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
		struct first f[THREADS];
		struct zs_pool_info info;

		for (unsigned int i = 0; i < THREADS; i++) {
			f[i] = (struct first){ .pool = pool };
			assert_int_equal(pthread_create(&f[i].thread, NULL,
							allocate, &f[i]),
					 0);
		}
		for (unsigned int i = 0; i < THREADS; i++) {
			assert_int_equal(pthread_join(f[i].thread, NULL), 0);
			assert_int_equal(f[i].rc, 0);
		}
		info = info_of(pool);
		assert_int_equal(info.objs_inuse, THREADS * OBJECTS);
		assert_true(info.freeable_pages <= info.pages);
		assert_int_equal(info.freeable_pages, 0);
		assert_true(info.pages <= info.peak_pages);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), THREADS * OBJECTS);
	}
	pthread_barrier_destroy(&start);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_zspage_for_all),
	};

	return cmocka_run_group_tests_name("user figures", tests, NULL, NULL);
}
