/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_compose.c - several pools, their callbacks and fork together. A
 * callback of one pool that uses another pool does not keep a fork from
 * preparing both. A callback may call its own pool. What holds up one pool for
 * long holds up no other.
 */
#include "test_system.h"
#include "kernel/zspage.h"
#include "test_defer.h"

#include <setjmp.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_VALUES 3u

/* The library's calls of it, too. */
static unsigned int yields;

int sched_yield(void)
{
	__atomic_fetch_add(&yields, 1, __ATOMIC_RELAXED);
	usleep(50);
	return 0;
}

/* A callback of pool b that is inside, and then uses pool a. */
static struct {
	struct zs_pool *a, *b;
	struct gate entered, leave;
	unsigned int seen; /* values drained */
	unsigned long sum;
} both;

static void use_the_other(void)
{
	unsigned long handle;

	gate_raise(&both.entered);
	gate_await(&both.leave, 1);
	handle = zs_malloc(both.a, 100, GFP_KERNEL, NUMA_NO_NODE);
	assert_false(zs_is_err(handle));
	zs_free(both.a, handle);
}

static int use_in_walk(unsigned long handle, void *arg)
{
	use_the_other();
	return 1;
}

static void help_walk(struct helper *h)
{
	h->result = (unsigned long)zs_for_each_live(h->pool, use_in_walk, NULL);
}

static enum zs_push_result push(void *buf, unsigned int count,
				unsigned long value)
{
	((unsigned long *)buf)[count] = value;
	return ZS_PUSH_OK;
}

static void drain(void *private_data, void *buf, unsigned int count)
{
	use_the_other();
	for (unsigned int i = 0; i < count; i++)
		both.sum += ((unsigned long *)buf)[i];
	both.seen += count;
}

static const struct zs_deferred_ops ops = { push, drain };

static void make_both(bool own_values)
{
	memset(&both, 0, sizeof(both));
	both.a = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	both.b = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	must_malloc(both.b, 1000);
	if (!own_values)
		return;
	assert_int_equal(zs_pool_enable_deferred_free(both.b, &ops, NULL), 0);
	one_cpu(both.b);
	for (unsigned long i = 1; i <= NR_VALUES; i++)
		assert_true(zs_defer_push(both.b, i));
}

static void child_uses(struct zs_pool *pool)
{
	unsigned long handle = zs_malloc(pool, 500, GFP_KERNEL, NUMA_NO_NODE);

	if (zs_is_err(handle) || !object_fill(pool, handle, 500, 1) ||
	    !object_ok(pool, handle, 500, 1) || zs_pool_check(pool, NULL))
		_exit(2);
	zs_free(pool, handle);
	zs_compact(pool);
	zs_trim(pool);
}

static void assert_child_well(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Prepares a, lets the callback of b run into it, and prepares b. */
static pid_t fork_both(void)
{
	pid_t pid;

	gate_await(&both.entered, 1);
	zs_fork_prepare(both.a);
	gate_raise(&both.leave);
	zs_fork_prepare(both.b);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid) {
		zs_fork_parent(both.b);
		zs_fork_parent(both.a);
		return pid;
	}
	alarm(60);
	zs_fork_child(both.b);
	zs_fork_child(both.a);
	child_uses(both.a);
	child_uses(both.b);
	return 0;
}

/* The child's end, and the parent's: b has an object left. */
static bool both_end_well(void)
{
	return zs_destroy_pool(both.b) == 1 && zs_destroy_pool(both.a) == 0;
}

static void assert_both_end_well(pid_t child)
{
	assert_child_well(child);
	assert_sound(both.a);
	assert_sound(both.b);
	assert_true(both_end_well());
}

static void test_fork_does_not_wait_for_a_walk(void **state)
{
	struct helper h = { 0 };
	pid_t pid;

	make_both(false);
	helper_start(&h, both.b, help_walk);
	pid = fork_both();
	if (!pid)
		_exit(!both_end_well());
	helper_join(&h);
	assert_int_equal(h.result, 1);
	assert_both_end_well(pid);
}

/* What a callback was given is its parent's; the child counts it as drained,
 * and can go on pushing and flushing. */
static void test_child_counts_a_running_drain_as_done(void **state)
{
	struct helper h = { 0 };
	pid_t pid;

	make_both(true);
	helper_start(&h, both.b, help_flush);
	pid = fork_both();
	if (!pid) {
		if (info_of(both.b).deferred_drained != NR_VALUES ||
		    both.seen || !zs_defer_push(both.b, 77))
			_exit(3);
		zs_free_deferred_flush(both.b);
		if (both.seen != 1 || both.sum != 77)
			_exit(4);
		_exit(!both_end_well());
	}
	helper_join(&h);
	assert_int_equal(both.seen, NR_VALUES);
	assert_int_equal(both.sum, 1 + 2 + 3);
	/* This drain is none that frees. */
	both.b->deferred.nr_idle_drains = 0;
	assert_both_end_well(pid);
}

/* A callback that needs no time but that of the fork is waited for: nothing is
 * lost then. */
static void quick(void *private_data, void *buf, unsigned int count)
{
	gate_raise(&both.entered);
	usleep(2000);
	both.seen += count;
}

static const struct zs_deferred_ops quick_ops = { push, quick };

static bool fork_beside_quick_drain(void)
{
	struct zs_pool *pool;
	bool waited;
	struct helper h = { 0 };

	memset(&both, 0, sizeof(both));
	pool = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	assert_int_equal(zs_pool_enable_deferred_free(pool, &quick_ops, NULL),
			 0);
	assert_true(zs_defer_push(pool, 5));
	helper_start(&h, pool, help_flush);
	gate_await(&both.entered, 1);
	zs_fork_prepare(pool);
	waited = !pool->deferred.calling;
	zs_fork_parent(pool);
	helper_join(&h);
	assert_int_equal(both.seen, 1);
	zs_destroy_pool(pool);
	return waited;
}

/* Unless the machine is so busy that 2 ms become 20, again and again. */
static void test_fork_waits_for_a_quick_drain(void **state)
{
	int attempts = 0;

	while (!fork_beside_quick_drain())
		assert_true(++attempts < 50);
}

/* ---- a callback and its own pool --------------------------------------------- */

static int count_one(unsigned long handle, void *arg)
{
	++*(unsigned int *)arg;
	return 0;
}

static int call_anything(unsigned long handle, void *arg)
{
	struct zs_pool *pool = arg;
	unsigned int n = 0;
	pid_t pid;

	zs_free_deferred_flush(pool);
	zs_drain(pool);
	zs_trim(pool);
	zs_compact(pool);
	assert_sound(pool);
	assert_int_equal(zs_for_each_live(pool, count_one, &n), 0);
	assert_int_equal(n, 10);
	zs_fork_prepare(pool);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		alarm(60);
		zs_fork_child(pool);
		child_uses(pool);
		return 7; /* the child ends its walk, too */
	}
	zs_fork_parent(pool);
	assert_child_well(pid);
	return 1;
}

static void test_walk_callback_may_call_its_pool(void **state)
{
	for (enum zs_defer_mode mode = ZS_DEFER_DEFAULT;
	     mode <= VARIANT_LAST_DEFER; mode++) {
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		unsigned long *h = malloc_many(pool, 1000, 10);
		int rc = zs_for_each_live(pool, call_anything, pool);

		if (rc == 7) {
			zs_trim(pool);
			_exit(zs_destroy_pool(pool) != 10);
		}
		assert_int_equal(rc, 1);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 10);
		free(h);
	}
}

static jmp_buf out;

static int jump_out(unsigned long handle, void *arg)
{
	longjmp(out, 1);
}

/* A walk that is left by a jump leaves a section pinned, and no lock taken. */
static void test_walk_left_by_a_jump_holds_no_lock(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	struct zs_pool *pool = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	unsigned long *h = malloc_many(pool, 1000, 10);
	unsigned int n = 0;

	if (!setjmp(out))
		zs_for_each_live(pool, jump_out, NULL);
	zs_compact(pool);
	zs_trim(pool);
	assert_int_equal(zs_for_each_live(pool, count_one, &n), 0);
	assert_int_equal(n, 10);
	zs_fork_prepare(pool);
	zs_fork_parent(pool);
	for (unsigned int i = 0; i < 10; i++)
		zs_free(pool, h[i]);
	zs_trim(pool);
	/* Of the section only its head stays. */
	assert_int_equal(pool->zone.nr_sections, 1);
	assert_int_equal(info_of(pool).bytes_free, 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
	free(h);
}

/* ---- long work and others ---------------------------------------------------- */

/* A pool that takes long to compact. */
static struct zs_pool *make_gaps(unsigned int n)
{
	struct zs_pool *pool = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	unsigned long *h = malloc_many(pool, 1000, n);

	for (unsigned int i = 0; i < n; i++)
		if (i % 3)
			zs_free(pool, h[i]);
	free(h);
	return pool;
}

static void help_compact(struct helper *h)
{
	h->result = zs_compact(h->pool);
}

/* A fork comes in between two zspages of a compaction, and the child has the
 * right to compact. */
static void test_fork_comes_in_between_zspages(void **state)
{
	unsigned int objects = 40000, inside = 0;

	for (int attempt = 0; attempt < 20 && !inside; attempt++) {
		struct zs_pool *pool = make_gaps(objects);
		struct helper h = { 0 };
		pid_t pid;

		helper_start(&h, pool, help_compact);
		while (!gate_at(&h.done) &&
		       !spin_is_locked(&pool->compact_lock.spin))
			usleep(1);
		zs_fork_prepare(pool);
		inside = spin_is_locked(&pool->compact_lock.spin);
		fflush(NULL);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid) {
			alarm(60);
			zs_fork_child(pool);
			if (inside && !zs_compact(pool))
				_exit(5);
			child_uses(pool);
			_exit(0);
		}
		zs_fork_parent(pool);
		helper_join(&h);
		assert_true(h.result > 0);
		assert_child_well(pid);
		assert_sound(pool);
		zs_destroy_pool(pool);
		objects *= inside ? 1 : 2;
	}
	assert_true(inside);
}

/* Nobody waits: there is nothing to give up the CPU for. */
static void test_alone_nobody_yields(void **state)
{
	struct zs_pool *pool = make_gaps(20000);

	__atomic_store_n(&yields, 0, __ATOMIC_RELAXED);
	assert_true(zs_compact(pool) > 0);
	zs_trim(pool);
	zs_fork_prepare(pool);
	zs_fork_parent(pool);
	assert_int_equal(__atomic_load_n(&yields, __ATOMIC_RELAXED), 0);
	zs_destroy_pool(pool);
}

/* An object of the zspage that compaction would empty first. */
static unsigned long first_source(struct zs_pool *pool, size_t size)
{
	struct size_class *class = class_for(pool, size);

	for (int g = ZS_INUSE_RATIO_10; g <= ZS_INUSE_RATIO_99; g++) {
		struct obj_iter it;

		if (list_empty(&class->groups->list[g]))
			continue;
		uzs_obj_iter_start(&it, pool,
				   list_first_entry(&class->groups->list[g],
						    struct zspage, list));
		while (!uzs_obj_iter_handle(&it))
			assert_true(uzs_obj_iter_next(&it));
		return uzs_obj_iter_handle(&it);
	}
	return 0;
}

/* One object that is read keeps zs_compact from a class, as in the kernel; not
 * zs_malloc that finds no memory. */
static void test_pinned_class_gives_malloc_its_rest(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	static unsigned long h[20000];
	unsigned int n = 0, pages = 0;
	unsigned long pinned;
	struct zs_pool *pool;
	char copy[8];

	o.flags = ZS_POOL_NO_WORKER;
	o.memory_limit = 8 << 20;
	o.lock_scope = test_scope;
	pool = zs_create_pool_with("pinned", &o);
	assert_non_null(pool);
	for (; n < ARRAY_SIZE(h); n++) {
		h[n] = zs_malloc(pool, 1000, GFP_KERNEL, NUMA_NO_NODE);
		if (zs_is_err(h[n]))
			break;
	}
	for (unsigned int i = 0; i < n; i++)
		if (i % 3)
			zs_free(pool, h[i]);
	pinned = first_source(pool, 1000);
	assert_non_null(zs_obj_read_begin(pool, pinned, 8, copy));
	assert_true(zs_shrink_count(pool) > 1000);
	assert_int_equal(zs_compact(pool), 0);
	while (!zs_is_err(zs_malloc(pool, 4096, GFP_KERNEL, NUMA_NO_NODE)))
		pages++;
	assert_true(pages > 1000);
	zs_obj_read_end(pool, pinned, 8, copy);
	assert_sound(pool);
	zs_destroy_pool(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fork_does_not_wait_for_a_walk),
		cmocka_unit_test(test_child_counts_a_running_drain_as_done),
		cmocka_unit_test(test_fork_waits_for_a_quick_drain),
		cmocka_unit_test(test_walk_callback_may_call_its_pool),
		cmocka_unit_test(test_walk_left_by_a_jump_holds_no_lock),
		cmocka_unit_test(test_fork_comes_in_between_zspages),
		cmocka_unit_test(test_alone_nobody_yields),
		cmocka_unit_test(test_pinned_class_gives_malloc_its_rest),
	};

	alarm(240);
	return cmocka_run_group_tests_name("compose", tests, NULL, NULL);
}
