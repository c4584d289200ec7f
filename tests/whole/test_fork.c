/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_fork.c - src/fork.c: the header's rule for fork. New pools work in a
 * child, whatever the parent's threads are doing. Older pools work if
 * zs_fork_prepare, zs_fork_parent and zs_fork_child were called around fork.
 *
 * An alarm ends a child that hangs. A child that finds something wrong says
 * where, and exits with 1.
 */
#include "fork_util.h"

#include <sys/wait.h>
#include <unistd.h>

/* ---- tests ---------------------------------------------------------------------- */

/* New pools need nothing. */
static void test_new_pools_work_in_the_child(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	static struct busy b;

	o.retained_bytes = 1;
	busy_start(&b, &o, NR_THREADS);
	for (unsigned int n = (unsigned)uzs_test_scale(30); n > 0; n--) {
		pid_t pid;

		busy_go_on(&b, 1);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			child_begin();
			child_use_new_pool(n);
			child_use_new_pool(n + 1);
			child_exit(0);
		}
		assert_child_well(pid);
	}
	busy_stop(&b, NR_THREADS);
}

static void run_old_pool(const struct zs_pool_options *o)
{
	static struct busy b;

	busy_start(&b, o, NR_THREADS);
	for (unsigned int n = (unsigned)uzs_test_scale(30); n > 0; n--) {
		pid_t pid;

		busy_go_on(&b, 1);
		pid = prepared_fork(b.pool);
		if (pid == 0) {
			child_use_old_pool(&b, n);
			child_use_new_pool(n);
			child_exit(0);
		}
		assert_child_well(pid);
	}
	busy_stop(&b, NR_THREADS);
}

static void test_prepared_pool_works_in_the_child(void **state)
{
	static const struct {
		enum zs_lock_scope scope;
		enum zs_defer_mode defer;
		unsigned int flags;
	} pools[] = {
		{ ZS_SCOPE_HELD, ZS_DEFER_ARRAY, 0 },
		{ ZS_SCOPE_UNLOCKED, ZS_DEFER_PERCPU, 0 },
		{ ZS_SCOPE_CLASS_IDX, ZS_DEFER_ARRAY, ZS_POOL_NO_WORKER },
		{ ZS_SCOPE_HELD, ZS_DEFER_REUSE, ZS_POOL_NO_WORKER },
		{ ZS_SCOPE_CLASS_IDX, ZS_DEFER_REUSE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

		o.retained_bytes = 1;
		o.lock_scope = pools[i].scope;
		o.defer = pools[i].defer;
		o.flags = pools[i].flags;
		run_old_pool(&o);
	}
}

/* Forks as if threads slept for each lock. */
static pid_t fork_with_waiters(struct zs_pool *pool)
{
	const u32 asleep = UZS_SPIN_WAITERS | UZS_SPIN_HANDOVER;
	struct reuse_slot *slot = uzs_per_cpu(&pool->reuse.slots, 0);
	spinlock_t *const locks[] = {
		pool->reuse.mem ? &slot->lock.spin : &pool->deferred.lock,
		&pool->deferred.hand_lock.spin,
		&pool->deferred.lock,
		&pool->deferred.bufs_lock,
		&pool->free_work_lock.spin,
		&pool->zone.gate.spin,
		&pool->zone.lock,
		&pool->handle_cache.lock,
		&pool->zspage_cache.lock,
		&pool->wq.lock,
		&pool->size_class[0]->lock,
	};
	pid_t pid;

	zs_fork_prepare(pool);
	for (size_t i = 0; i < ARRAY_SIZE(locks); i++) {
		assert_true(spin_is_locked(locks[i]));
		__atomic_fetch_or(&locks[i]->word, asleep, __ATOMIC_RELAXED);
	}
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		child_begin();
		zs_fork_child(pool);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(locks); i++)
		__atomic_fetch_and(&locks[i]->word, ~asleep, __ATOMIC_RELAXED);
	zs_fork_parent(pool);
	return pid;
}

/* Threads that slept for a lock when the parent forked, so often in vain that
 * it is to be handed over to one of them, are not here to take it. */
static void check_waiters(enum zs_defer_mode mode)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;
	unsigned long handle;
	pid_t pid;

	o.flags = ZS_POOL_NO_WORKER;
	o.defer = mode;
	pool = zs_create_pool_with("waiters", &o);
	assert_non_null(pool);
	handle = must_malloc(pool, 100);
	assert_true(zs_free_deferred(pool, must_malloc(pool, 100)));
	pid = fork_with_waiters(pool);
	if (!pid) {
		zs_free_deferred_flush(pool);
		zs_free(pool, handle);
		CHILD_CHECK(info_in_child(pool).objs_inuse == 0);
		zs_trim(pool);
		CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
		CHILD_CHECK(zs_destroy_pool(pool) == 0);
		child_exit(0);
	}
	assert_child_well(pid);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

static void test_child_has_no_waiters(void **state)
{
	check_waiters(ZS_DEFER_PERCPU);
	check_waiters(ZS_DEFER_REUSE);
}

/* A child is a parent as well. */
static void test_child_can_fork_too(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	static struct busy b;
	pid_t pid, grandchild;
	int status;

	busy_start(&b, &o, 2);
	pid = prepared_fork(b.pool);
	if (pid == 0) {
		CHILD_CHECK(stable_ok(&b));
		grandchild = prepared_fork(b.pool);
		if (grandchild) {
			CHILD_CHECK(waitpid(grandchild, &status, 0) ==
				    grandchild);
			CHILD_CHECK(
				(WIFEXITED(status) && !WEXITSTATUS(status)) ||
				hung_in_runtime(status));
		}
		child_use_old_pool(&b, grandchild != 0);
		child_exit(0);
	}
	assert_child_well(pid);
	busy_stop(&b, 2);
}

/* A fork that failed: prepare, then parent. And again, and again. */
static void test_failed_fork_changes_nothing(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	static struct busy b;

	busy_start(&b, &o, NR_THREADS);
	for (int n = uzs_test_scale(300); n > 0; n--) {
		zs_fork_prepare(b.pool);
		zs_fork_parent(b.pool);
		if (n % 8 == 0)
			busy_go_on(&b, NR_THREADS);
	}
	busy_stop(&b, NR_THREADS);
}

/* ---- through pthread_atfork ------------------------------------------------------ */

#define NR_POOLS 3

/* What a program would have: handlers for the pools that it has. */
static struct busy *atfork_pools[NR_POOLS];
static unsigned int nr_atfork_pools;

static void prepare_all(void)
{
	for (unsigned int i = 0; i < nr_atfork_pools; i++)
		zs_fork_prepare(atfork_pools[i]->pool);
}

static void parent_all(void)
{
	for (unsigned int i = nr_atfork_pools; i-- > 0;)
		zs_fork_parent(atfork_pools[i]->pool);
}

static void child_all(void)
{
	for (unsigned int i = nr_atfork_pools; i-- > 0;)
		child_take_pool(atfork_pools[i]->pool);
}

struct forker {
	unsigned int seed;
	unsigned int forks;
	unsigned int wrong;
};

static void *keep_forking(void *arg)
{
	struct forker *f = arg;

	for (unsigned int n = 0; n < f->forks; n++) {
		int status = -1;
		pid_t pid = fork();

		if (pid == 0) {
			child_begin();
			for (unsigned int i = 0; i < nr_atfork_pools; i++)
				child_use_old_pool(atfork_pools[i],
						   n + f->seed);
			child_use_new_pool(n);
			child_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid ||
		    ((!WIFEXITED(status) || WEXITSTATUS(status)) &&
		     !hung_in_runtime(status))) {
			fprintf(stderr, "a child ended with status %#x\n",
				(unsigned int)status);
			f->wrong++;
		}
	}
	return NULL;
}

/* Several pools, all busy, and several threads that fork. */
static void test_atfork_handlers_serve_many_pools(void **state)
{
	static const enum zs_defer_mode defers[NR_POOLS] = { ZS_DEFER_DEFAULT,
							     ZS_DEFER_PERCPU,
							     ZS_DEFER_REUSE };
	static struct busy b[NR_POOLS];
	struct forker f[2];
	pthread_t threads[2];

	for (unsigned int i = 0; i < NR_POOLS; i++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

		o.retained_bytes = 1;
		o.page_size = 4096u << i;
		o.defer = defers[i];
		busy_start(&b[i], &o, 1);
		atfork_pools[i] = &b[i];
	}
	nr_atfork_pools = NR_POOLS;
	assert_int_equal(pthread_atfork(prepare_all, parent_all, child_all), 0);
	for (unsigned int i = 0; i < 2; i++) {
		f[i] = (struct forker){ .seed = i,
					.forks = (unsigned)uzs_test_scale(12) };
		assert_int_equal(pthread_create(&threads[i], NULL, keep_forking,
						&f[i]),
				 0);
	}
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(f[i].wrong, 0);
	}
	/* The handlers stay for the life of the process. */
	nr_atfork_pools = 0;
	for (unsigned int i = 0; i < NR_POOLS; i++)
		busy_stop(&b[i], 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_pools_work_in_the_child),
		cmocka_unit_test(test_prepared_pool_works_in_the_child),
		cmocka_unit_test(test_child_has_no_waiters),
		cmocka_unit_test(test_child_can_fork_too),
		cmocka_unit_test(test_failed_fork_changes_nothing),
		cmocka_unit_test(test_atfork_handlers_serve_many_pools),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
