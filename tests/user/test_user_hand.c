/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_hand.c - user/hand.h: frees, allocations and replaces that do not wait
 * for a mover which has lost its CPU in the middle of its work. Here it is a thread
 * that has the locks of classes and does nothing.
 */
#include "user_util.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/hand.h"
#include "user/slots.h"
#include "whole/fork_util.h"

#define NR 40u
#define LEN 1000u

/* A mover in the classes of `refs`, as it is between two objects. */
struct mover {
	struct zs_pool *pool;
	struct size_class *class[2];
	const u64 *follows; /* or NULL */
	sem_t begun, go_on;
	pthread_t thread;
};

static void *stand_still(void *arg)
{
	struct mover *m = arg;

	for (unsigned int i = 0; i < 2 && m->class[i]; i++) {
		spin_lock(&m->class[i] -> lock);
		uzs_take_handed(m->pool, m->class[i]);
	}
	if (m->follows)
		m->pool->user->hand[m->class[0] -> index].followed = m->follows;
	sem_post(&m->begun);
	sem_wait(&m->go_on);
	for (unsigned int i = 2; i-- > 0;)
		if (m->class[i])
			spin_unlock(&m->class[i] -> lock);
	return NULL;
}

static struct size_class *class_of(const struct zs_pool *pool,
				   const zs_ref *ref)
{
	return pool->size_class[ref_class(word_of(ref))];
}

static void mover_begin(struct mover *m, struct zs_pool *pool,
			struct size_class *class, struct size_class *second)
{
	m->pool = pool;
	m->class[0] = class;
	m->class[1] = second;
	for (unsigned int i = 0; i < 2 && m->class[i]; i++) {
		uzs_change_moving(pool, m->class[i], 1);
		uzs_slots_flush(pool, m->class[i]);
	}
	sem_init(&m->begun, 0, 0);
	sem_init(&m->go_on, 0, 0);
	assert_int_equal(pthread_create(&m->thread, NULL, stand_still, m), 0);
	sem_wait(&m->begun);
}

static void mover_go_on(struct mover *m)
{
	sem_post(&m->go_on);
	assert_int_equal(pthread_join(m->thread, NULL), 0);
}

static void mover_end(struct mover *m)
{
	for (unsigned int i = 0; i < 2 && m->class[i]; i++)
		uzs_change_moving(m->pool, m->class[i], -1);
	sem_destroy(&m->begun);
	sem_destroy(&m->go_on);
}

static unsigned int count_handed(struct zs_pool *pool,
				 const struct size_class *class)
{
	unsigned int n = 0;

	for (const char *o = pool->user->hand[class->index].first; o; n++)
		o = (const char *)uzs_read_head(
			(const unsigned long *)(o + USER_HEAD));
	return n;
}

static void fill(struct zs_pool *pool, zs_ref refs[NR], size_t len)
{
	for (unsigned int i = 0; i < NR; i++) {
		refs[i].word = 0;
		assert_int_equal(ref_fill(pool, &refs[i], len, i), 0);
	}
}

/* ---- tests -------------------------------------------------------------------- */

static void frees(struct zs_pool *pool, size_t len)
{
	struct size_class *class;
	struct mover m = { 0 };
	zs_ref refs[NR];

	fill(pool, refs, len);
	class = class_of(pool, &refs[0]);
	mover_begin(&m, pool, class, NULL);
	for (unsigned int i = 0; i < NR; i += 2) {
		zs_ref_free(pool, &refs[i]);
		assert_int_equal(refs[i].word, 0);
	}
	assert_int_equal(count_handed(pool, class), NR / 2);
	assert_int_equal(class->objs_inuse, NR);
	mover_go_on(&m);
	/* It is in nobody's way: walks and the check pass over it. */
	assert_int_equal(zs_pool_check(pool, stderr), 0);
	mover_end(&m);
	assert_int_equal(count_handed(pool, class), 0);
	assert_int_equal(class->objs_inuse, NR / 2);
	assert_int_equal(zs_pool_check(pool, stderr), 0);
	zs_compact(pool);
	for (unsigned int i = 1; i < NR; i += 2)
		assert_true(ref_ok(pool, &refs[i], len, i));
	assert_int_equal(zs_destroy_pool(pool), NR / 2);
}

static void test_a_free_does_not_wait(void **state)
{
	/* Free places are bits; a list. */
	frees(make_user(ZS_POOL_NO_WORKER), LEN);
	frees(make_user(ZS_POOL_NO_WORKER), 40);
	frees(make_user(ZS_POOL_NO_WORKER), 8);
}

struct late {
	struct zs_pool *pool;
	zs_ref *ref;
	bool done; /* atomic */
};

static void *free_late(void *arg)
{
	struct late *late = arg;

	zs_ref_free(late->pool, late->ref);
	__atomic_store_n(&late->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void wait_for_own(struct zs_pool *pool, bool all)
{
	struct late late = { .pool = pool };
	struct mover m = { 0 };
	pthread_t thread;
	zs_ref refs[NR];

	fill(pool, refs, LEN);
	late.ref = &refs[3];
	m.follows = all ? NULL : &refs[3].word;
	uzs_follow_all(pool, all);
	mover_begin(&m, pool, class_of(pool, &refs[3]), NULL);
	if (!all) {
		zs_ref_free(pool, &refs[4]); /* another one */
		assert_int_equal(count_handed(pool, m.class[0]), 1);
	}
	assert_int_equal(pthread_create(&thread, NULL, free_late, &late), 0);
	nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000000 }, NULL);
	assert_false(__atomic_load_n(&late.done, __ATOMIC_ACQUIRE));
	mover_go_on(&m);
	assert_int_equal(pthread_join(thread, NULL), 0);
	uzs_follow_all(pool, false);
	assert_int_equal(refs[3].word, 0);
	mover_end(&m);
	assert_int_equal(zs_pool_check(pool, stderr), 0);
	assert_int_equal(zs_destroy_pool(pool), all ? NR - 1 : NR - 2);
}

static void test_a_free_waits_for_its_own_word(void **state)
{
	wait_for_own(make_user(ZS_POOL_NO_WORKER), false);
	/* The check and fork look at all words. */
	wait_for_own(make_user(ZS_POOL_NO_WORKER), true);
}

static void test_stores_take_the_next_larger_class(void **state)
{
	struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
	struct size_class *class, *larger;
	struct mover m = { 0 };
	zs_ref refs[NR], others[NR], one = ZS_REF_INIT;

	fill(pool, refs, LEN);
	class = class_of(pool, &refs[0]);
	larger = user_class(pool, class->size + 1);
	fill(pool, others, larger->size - USER_HEAD);
	assert_ptr_equal(class_of(pool, &others[0]), larger);
	zs_ref_free(pool, &others[0]);
	zs_ref_free(pool, &others[1]);
	uzs_slots_flush(pool, NULL);
	mover_begin(&m, pool, class, NULL);
	/* New; in place of another size; in its own place. */
	assert_int_equal(ref_fill(pool, &one, LEN, 100), 0);
	assert_int_equal(ref_fill(pool, &others[2], LEN, 101), 0);
	assert_int_equal(ref_fill(pool, &refs[5], LEN, 102), 0);
	assert_ptr_equal(class_of(pool, &one), larger);
	assert_ptr_equal(class_of(pool, &others[2]), larger);
	assert_true(ref_ok(pool, &one, LEN, 100));
	assert_true(ref_ok(pool, &others[2], LEN, 101));
	/* The new object is of a free class, the old one is handed over. */
	assert_int_equal(ref_fill(pool, &refs[6], LEN / 2, 103), 0);
	assert_int_equal(count_handed(pool, class), 1);
	mover_go_on(&m);
	mover_end(&m);
	assert_int_equal(count_handed(pool, class), 0);
	assert_true(word_of(&refs[6]) < REF_PIN);
	assert_true(ref_ok(pool, &refs[6], LEN / 2, 103));
	/* And it may move from now on: its first word names it. */
	assert_int_equal(zs_pool_check(pool, stderr), 0);
	zs_compact(pool);
	assert_true(ref_ok(pool, &refs[5], LEN, 102));
	assert_true(ref_ok(pool, &refs[6], LEN / 2, 103));
	assert_int_equal(zs_pool_check(pool, stderr), 0);
	assert_int_equal(zs_destroy_pool(pool), 2 * NR - 2 + 1);
}

/* The mover does not exist in the child. */
static void test_the_child_frees_what_was_handed_over(void **state)
{
	struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
	struct mover m = { 0 };
	zs_ref refs[NR];
	int status;
	pid_t pid;

	fill(pool, refs, LEN);
	mover_begin(&m, pool, class_of(pool, &refs[0]), NULL);
	zs_ref_free(pool, &refs[0]);
	zs_ref_free(pool, &refs[1]);
	mover_go_on(&m);
	zs_fork_prepare(pool);
	pid = fork();
	if (!pid) {
		zs_fork_child(pool);
		CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
		CHILD_CHECK(zs_destroy_pool(pool) == NR - 2);
		child_exit(0);
	}
	zs_fork_parent(pool);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	mover_end(&m);
	assert_int_equal(zs_destroy_pool(pool), NR - 2);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_free_does_not_wait),
		cmocka_unit_test(test_a_free_waits_for_its_own_word),
		cmocka_unit_test(test_stores_take_the_next_larger_class),
		cmocka_unit_test(test_the_child_frees_what_was_handed_over),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("user hand", tests, NULL, NULL);
}
