/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_fork.c - src/fork.c: the header's rule for fork. New pools work in a
 * child whatever the parent's threads are doing; older ones do if
 * zs_fork_prepare, zs_fork_parent and zs_fork_child were called around it.
 *
 * A child that hangs is ended by alarm; one that finds something wrong says
 * where and exits with 1.
 */
#include "test_system.h"
#include "test_util.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "words.h"

#define CHILD_SECONDS 60

/* TSan knows no threads in a child of a process with threads: there, pools are
 * used without a worker. */
#if UNDER_TSAN
#define CHILD_POOL_FLAGS ZS_POOL_NO_WORKER
#else
#define CHILD_POOL_FLAGS 0
#endif

/* Lines that a child executed count as well. */
void __gcov_dump(void) __attribute__((weak));

/* ---- children ------------------------------------------------------------- */

static __attribute__((noreturn)) void child_exit(int status)
{
	if (__gcov_dump)
		__gcov_dump();
	_exit(status);
}

#define CHILD_CHECK(cond)                                                    \
	do {                                                                 \
		if (!(cond)) {                                               \
			fprintf(stderr, "%s:%d: in a child: %s\n", __FILE__, \
				__LINE__, #cond);                            \
			child_exit(1);                                       \
		}                                                            \
	} while (0)

static void sleep_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* AddressSanitizer's runtime has locks of its own (allocator, threads), which
 * it does not release in a child: one that is forked while another thread is
 * inside malloc or pthread_create may hang there. That is rare; a hang of
 * ours would show in other builds, and again and again in this one. */
static bool hung_in_runtime(int status)
{
#if UNDER_ASAN
	static unsigned int hung;

	return WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM &&
	       ++hung <= 2;
#else
	(void)status;
	return false;
#endif
}

static void assert_child_well(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (hung_in_runtime(status)) {
		print_message("a child hung, perhaps in AddressSanitizer\n");
		return;
	}
	if (WIFSIGNALED(status))
		fail_msg("a child ended by signal %d%s", WTERMSIG(status),
			 WTERMSIG(status) == SIGALRM ? ": it hung" : "");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A child's first steps. A crash must end it, not the test that it is a copy
 * of: those signals are the test runner's. */
static void child_begin(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
	alarm(CHILD_SECONDS);
}

/* Uses a pool that is the child's own, all of it. */
static void child_use_new_pool(unsigned int seed)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	static unsigned long handles[1500];
	static unsigned char copy[4096];
	struct zs_pool *pool;
	unsigned int live = 0;

	o.retained_bytes = 1;
	o.flags = CHILD_POOL_FLAGS;
	o.lock_scope = (enum zs_lock_scope)(seed % 4);
	o.defer = (enum zs_defer_mode)(seed / 4 % 5);
	pool = zs_create_pool_with("child", &o);
	CHILD_CHECK(pool);
	for (unsigned int i = 0; i < ARRAY_SIZE(handles); i++) {
		unsigned int size = 1000 + i % 3 * 1500;

		handles[i] = zs_malloc(pool, size, GFP_KERNEL, NUMA_NO_NODE);
		CHILD_CHECK(!zs_is_err(handles[i]));
		memcpy(copy, &handles[i], sizeof(handles[i]));
		CHILD_CHECK(!zs_obj_write(pool, handles[i], copy, size));
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(handles); i++) {
		void *mem = zs_obj_read_begin(pool, handles[i], 1000, copy);

		CHILD_CHECK(mem &&
			    !memcmp(mem, &handles[i], sizeof(handles[i])));
		zs_obj_read_end(pool, handles[i], 1000, mem);
		if (i % 11 == 0)
			live++;
		else if (i % 11 == 1)
			zs_free_deferred(pool, handles[i]);
		else
			zs_free(pool, handles[i]);
	}
	zs_free_deferred_flush(pool);
	CHILD_CHECK(zs_compact(pool) > 0);
	zs_drain(pool); /* the worker was needed */
	CHILD_CHECK(zs_trim(pool) > 0);
	CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
	CHILD_CHECK(zs_destroy_pool(pool) == live);
}

/* Makes a pool of the parent's usable. */
static void child_take_pool(struct zs_pool *pool)
{
	zs_fork_child(pool);
	if (CHILD_POOL_FLAGS & ZS_POOL_NO_WORKER)
		pool->wq.worker = UZS_WORKER_NEVER;
}

/* ---- threads that keep a pool busy ------------------------------------------ */

#define NR_THREADS 3
#define NR_STABLE 300
#define MAX_OWN 150

struct busy {
	struct zs_pool *pool;
	/* Neither written nor freed, only moved, while threads run. */
	unsigned long stable[NR_STABLE];
	bool stop; /* atomic */
	struct hammer {
		struct busy *b;
		pthread_t thread;
		struct rng rng;
		unsigned long handle[MAX_OWN];
		unsigned int size[MAX_OWN];
		unsigned int nr;
		unsigned int wrong; /* read after the join */
		unsigned long calls; /* atomic */
		unsigned char data[4096];
	} hammer[NR_THREADS];
};

static unsigned int stable_size(unsigned int i)
{
	return 1 + i * 1237 % 4096;
}

static void hammer_alloc(struct hammer *h)
{
	struct zs_pool *pool = h->b->pool;
	unsigned int size = rng_below(&h->rng, 3)
				    ? 512 * rng_range(&h->rng, 1, 6)
				    : rng_range(&h->rng, 1, 4096);
	unsigned long handle;

	if (h->nr == MAX_OWN)
		return;
	handle = zs_malloc(pool, size, GFP_KERNEL, NUMA_NO_NODE);
	if (zs_is_err(handle)) {
		h->wrong++;
		return;
	}
	/* A byte at each end, for its own reading. */
	memset(h->data, (int)(handle >> 4 & 0xff), size);
	h->wrong += zs_obj_write(pool, handle, h->data, size) != 0;
	h->handle[h->nr] = handle;
	h->size[h->nr++] = size;
}

static void hammer_free(struct hammer *h)
{
	struct zs_pool *pool = h->b->pool;
	unsigned long handle;
	unsigned int i;
	unsigned char *mem;

	if (!h->nr)
		return;
	i = rng_below(&h->rng, h->nr);
	handle = h->handle[i];
	mem = zs_obj_read_begin(pool, handle, h->size[i], h->data);
	h->wrong += !mem || mem[0] != (handle >> 4 & 0xff) ||
		    mem[h->size[i] - 1] != (handle >> 4 & 0xff);
	zs_obj_read_end(pool, handle, h->size[i], mem);
	h->handle[i] = h->handle[--h->nr];
	h->size[i] = h->size[h->nr];
	if (rng_below(&h->rng, 8))
		zs_free(pool, handle);
	else
		zs_free_deferred(pool, handle);
}

/* Large enough to start zspages and sections, and wake the worker. */
static void hammer_burst(struct hammer *h)
{
	static __thread unsigned long handles[400];

	for (unsigned int i = 0; i < ARRAY_SIZE(handles); i++)
		handles[i] =
			zs_malloc(h->b->pool, 4096, GFP_KERNEL, NUMA_NO_NODE);
	for (unsigned int i = 0; i < ARRAY_SIZE(handles); i++)
		zs_free(h->b->pool, handles[i]);
}

static void *hammer(void *arg)
{
	struct hammer *h = arg;
	struct zs_pool *pool = h->b->pool;

	while (!READ_ONCE(h->b->stop)) {
		unsigned int dice = rng_below(&h->rng, 200);

		if (dice < 90)
			hammer_alloc(h);
		else if (dice < 180)
			hammer_free(h);
		else if (dice < 188)
			zs_compact(pool);
		else if (dice < 191)
			zs_trim(pool);
		else if (dice < 194)
			zs_drain(pool);
		else if (dice < 196)
			zs_free_deferred_flush(pool);
		else if (dice < 198)
			h->wrong += zs_pool_check(pool, stderr) != 0;
		else
			hammer_burst(h);
		WRITE_ONCE(h->calls, h->calls + 1);
	}
	return NULL;
}

static void busy_start(struct busy *b, const struct zs_pool_options *o,
		       unsigned int threads)
{
	memset(b, 0, sizeof(*b));
	b->pool = zs_create_pool_with("parent", o);
	assert_non_null(b->pool);
	for (unsigned int i = 0; i < NR_STABLE; i++) {
		unsigned long gone = must_malloc(b->pool, stable_size(i));

		b->stable[i] = must_malloc(b->pool, stable_size(i));
		assert_true(
			object_fill(b->pool, b->stable[i], stable_size(i), i));
		zs_free(b->pool, gone);
	}
	for (unsigned int i = 0; i < threads; i++) {
		struct hammer *h = &b->hammer[i];

		h->b = b;
		rng_seed(&h->rng, i);
		assert_int_equal(pthread_create(&h->thread, NULL, hammer, h),
				 0);
	}
}

static bool stable_ok(struct busy *b)
{
	for (unsigned int i = 0; i < NR_STABLE; i++)
		if (!object_ok(b->pool, b->stable[i], stable_size(i), i))
			return false;
	return true;
}

/* The parent goes on as if nothing had been. */
static void busy_stop(struct busy *b, unsigned int threads)
{
	WRITE_ONCE(b->stop, true);
	for (unsigned int i = 0; i < threads; i++) {
		struct hammer *h = &b->hammer[i];

		assert_int_equal(pthread_join(h->thread, NULL), 0);
		assert_int_equal(h->wrong, 0);
		while (h->nr)
			hammer_free(h);
		assert_int_equal(h->wrong, 0);
	}
	zs_free_deferred_flush(b->pool);
	assert_sound(b->pool);
	assert_true(stable_ok(b));
	assert_int_equal(zs_destroy_pool(b->pool), NR_STABLE);
}

/* Lets the threads get somewhere else between two forks. */
static void busy_go_on(struct busy *b, unsigned int threads)
{
	for (unsigned int i = 0; i < threads; i++) {
		unsigned long calls = READ_ONCE(b->hammer[i].calls);

		while (READ_ONCE(b->hammer[i].calls) == calls)
			sched_yield();
	}
}

/* ---- an old pool in a child --------------------------------------------------- */

struct live_seen {
	struct zs_pool *pool;
	unsigned long n;
	unsigned long unreadable;
	bool free;
};

static int look_at_live(unsigned long handle, void *arg)
{
	struct live_seen *s = arg;
	void *mem = zs_obj_read_begin(s->pool, handle, 1, NULL);

	s->n++;
	s->unreadable += !mem;
	zs_obj_read_end(s->pool, handle, 1, mem);
	if (s->free)
		zs_free(s->pool, handle);
	return 0;
}

static struct zs_pool_info info_in_child(struct zs_pool *pool)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;

	CHILD_CHECK(zs_pool_info(pool, &i) == 0);
	return i;
}

/* Everything that can be done with a pool, in a child that got it from a
 * parent whose threads were in the middle of something. */
static void child_use_old_pool(struct busy *b, unsigned int seed)
{
	struct zs_pool *pool = b->pool;
	struct live_seen seen = { .pool = pool };
	static unsigned long handles[600];
	struct zs_pool_info i;

	CHILD_CHECK(stable_ok(b));
	CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
	/* What the parent's threads had queued. */
	zs_free_deferred_flush(pool);
	zs_drain(pool);
	i = info_in_child(pool);
	CHILD_CHECK(i.objs_inuse >= NR_STABLE);
	CHILD_CHECK(zs_for_each_live(pool, look_at_live, &seen) == 0);
	CHILD_CHECK(seen.unreadable == 0);
	/* What a free had in hand is freed or not, nothing between. */
	CHILD_CHECK(seen.n == i.objs_inuse);

	for (unsigned int n = 0; n < ARRAY_SIZE(handles); n++) {
		handles[n] = zs_malloc(pool, 700 + n, GFP_KERNEL, NUMA_NO_NODE);
		CHILD_CHECK(!zs_is_err(handles[n]));
		CHILD_CHECK(object_fill(pool, handles[n], 700 + n, n));
	}
	for (unsigned int n = 0; n < ARRAY_SIZE(handles); n += 2)
		zs_free(pool, handles[n]);
	CHILD_CHECK(zs_compact(pool) > 0);
	zs_trim(pool);
	CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
	for (unsigned int n = 1; n < ARRAY_SIZE(handles); n += 2)
		CHILD_CHECK(object_ok(pool, handles[n], 700 + n, n));
	CHILD_CHECK(stable_ok(b));
	hammer_burst(&b->hammer[0]); /* the worker is started anew */
	zs_drain(pool);
	CHILD_CHECK(zs_pool_check(pool, stderr) == 0);

	if (seed % 2) {
		/* Freed by the walk, the parent's and its own. */
		seen.n = 0;
		seen.free = true;
		CHILD_CHECK(zs_for_each_live(pool, look_at_live, &seen) == 0);
		i = info_in_child(pool);
		CHILD_CHECK(i.objs_inuse == 0);
		CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
		CHILD_CHECK(zs_destroy_pool(pool) == 0);
	} else {
		i = info_in_child(pool);
		CHILD_CHECK(zs_destroy_pool(pool) == i.objs_inuse);
	}
}

/* ---- tests ---------------------------------------------------------------------- */

/* New pools need nothing. */
static void test_new_pools(void **state)
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

static pid_t prepared_fork(struct zs_pool *pool)
{
	pid_t pid;

	zs_fork_prepare(pool);
	pid = fork();
	if (pid == 0) {
		child_begin();
		child_take_pool(pool);
	} else {
		zs_fork_parent(pool);
	}
	assert_true(pid >= 0);
	return pid;
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

static void test_old_pool(void **state)
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

static void test_waiters_stay_behind(void **state)
{
	check_waiters(ZS_DEFER_PERCPU);
	check_waiters(ZS_DEFER_REUSE);
}

/* A child is a parent as well. */
static void test_grandchild(void **state)
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
			CHILD_CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
		}
		child_use_old_pool(&b, grandchild != 0);
		child_exit(0);
	}
	assert_child_well(pid);
	busy_stop(&b, 2);
}

/* A fork that failed: prepare, then parent. And again, and again. */
static void test_failed_fork(void **state)
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

struct knocker {
	struct zs_pool *pool;
	unsigned long handle;
	void (*call)(struct knocker *k);
	bool entered; /* atomic */
	bool left; /* atomic */
};

static void knock_malloc(struct knocker *k)
{
	k->handle = zs_malloc(k->pool, 100, GFP_KERNEL, NUMA_NO_NODE);
}

static void knock_free(struct knocker *k)
{
	zs_free(k->pool, k->handle);
}

static void knock_free_deferred(struct knocker *k)
{
	zs_free_deferred(k->pool, k->handle);
}

static void knock_read(struct knocker *k)
{
	void *mem = zs_obj_read_begin(k->pool, k->handle, 1, NULL);

	zs_obj_read_end(k->pool, k->handle, 1, mem);
}

static void knock_write(struct knocker *k)
{
	zs_obj_write(k->pool, k->handle, k, 8);
}

static void knock_check(struct knocker *k)
{
	zs_pool_check(k->pool, stderr);
}

static void knock_print(struct knocker *k)
{
	FILE *null = fopen("/dev/null", "w");

	zs_print_classes(k->pool, null);
	fclose(null);
}

static int count_calls(unsigned long handle, void *arg)
{
	return 0;
}

static void knock_walk(struct knocker *k)
{
	zs_for_each_live(k->pool, count_calls, NULL);
}

static void knock_prepare(struct knocker *k)
{
	zs_fork_prepare(k->pool);
	zs_fork_parent(k->pool);
}

static void *knock(void *arg)
{
	struct knocker *k = arg;

	__atomic_store_n(&k->entered, true, __ATOMIC_SEQ_CST);
	k->call(k);
	__atomic_store_n(&k->left, true, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Between prepare and parent nobody gets in; then everybody does. */
static void check_keeps_out(enum zs_defer_mode mode)
{
	static void (*const calls[])(struct knocker *) = {
		knock_malloc, knock_free,  knock_free_deferred,
		knock_read,   knock_write, knock_check,
		knock_print,  knock_walk,  knock_prepare
	};
	struct knocker k[ARRAY_SIZE(calls)];
	pthread_t threads[ARRAY_SIZE(calls)];
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.defer = mode;
	pool = zs_create_pool_with("closed", &o);
	assert_non_null(pool);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		k[i] = (struct knocker){ .pool = pool,
					 .handle = must_malloc(pool, 100),
					 .call = calls[i] };
	zs_fork_prepare(pool);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, knock, &k[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		while (!__atomic_load_n(&k[i].entered, __ATOMIC_SEQ_CST))
			sched_yield();
	sleep_ms(50);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (__atomic_load_n(&k[i].left, __ATOMIC_SEQ_CST))
			fail_msg("call %zu got in", i);
	zs_fork_parent(pool);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	zs_free_deferred_flush(pool);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), ARRAY_SIZE(calls) - 1);
}

static void test_keeps_out(void **state)
{
	check_keeps_out(ZS_DEFER_DEFAULT);
	check_keeps_out(ZS_DEFER_REUSE);
}

/* Work that was queued when the fork came is done in both. */
static void test_queued_work(void **state)
{
	for (int mode = ZS_DEFER_ARRAY; mode <= (int)VARIANT_LAST_DEFER;
	     mode++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		struct zs_pool *pool;
		struct page *page;
		unsigned long held;
		pid_t pid;

		o.flags = ZS_POOL_NO_WORKER;
		o.defer = (enum zs_defer_mode)mode;
		pool = zs_create_pool_with("queued", &o);
		for (int i = 0; i < 100; i++)
			assert_true(
				zs_free_deferred(pool, must_malloc(pool, 500)));
		held = must_malloc(pool, 4096);
		page = zpdesc_page(obj_to_zpdesc(pool, handle_to_obj(held)));
		lock_page(page);
		zs_free(pool, held);
		unlock_page(page);
		pid = prepared_fork(pool);
		zs_free_deferred_flush(pool);
		/* At least what frees the zspage that was held up. */
		if (pid == 0) {
			CHILD_CHECK(zs_drain(pool) >= 1);
			CHILD_CHECK(info_in_child(pool).objs_inuse == 0);
			CHILD_CHECK(info_in_child(pool).pages == 0);
			CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
			CHILD_CHECK(zs_destroy_pool(pool) == 0);
			child_exit(0);
		}
		assert_child_well(pid);
		assert_true(zs_drain(pool) >= 1);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* Return: is all of what was kept taken again, and room for data? */
static bool take_kept(struct zs_pool *pool, const unsigned long *handles,
		      unsigned int n)
{
	bool ok = true;

	for (unsigned int i = n; i-- > 0;)
		ok &= zs_malloc(pool, 500, GFP_KERNEL, NUMA_NO_NODE) ==
			      handles[i] &&
		      object_fill(pool, handles[i], 500, i);
	for (unsigned int i = 0; i < n; i++)
		ok &= object_ok(pool, handles[i], 500, i);
	return ok;
}

/* What was kept for reuse when the fork came is there for both, and for each
 * alone. */
static void test_kept(void **state)
{
	for (int scope = ZS_SCOPE_HELD; scope <= (int)VARIANT_LAST_SCOPE;
	     scope++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		unsigned long handles[15];
		struct zs_pool *pool;
		pid_t pid;

		o.flags = ZS_POOL_NO_WORKER;
		o.lock_scope = (enum zs_lock_scope)scope;
		o.defer = ZS_DEFER_REUSE;
		pool = zs_create_pool_with("kept", &o);
		assert_non_null(pool);
		pool->reuse.slots.slots = 1; /* whichever CPU it runs on */
		for (int i = 0; i < 15; i++)
			handles[i] = must_malloc(pool, 500);
		for (int i = 0; i < 15; i++)
			assert_true(zs_free_deferred(pool, handles[i]));
		/* Those that are staged are of another class. */
		for (int i = 0; i < 8; i++)
			assert_true(
				zs_free_deferred(pool, must_malloc(pool, 100)));
		pid = prepared_fork(pool);
		if (pid == 0) {
			CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
			CHILD_CHECK(take_kept(pool, handles, 15));
			for (int i = 0; i < 12; i++)
				CHILD_CHECK(zs_free_deferred(pool, handles[i]));
			zs_free_deferred_flush(pool);
			CHILD_CHECK(info_in_child(pool).objs_inuse == 3);
			CHILD_CHECK(info_in_child(pool).deferred_reused == 15);
			CHILD_CHECK(info_in_child(pool).deferred_drained == 20);
			CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
			CHILD_CHECK(zs_destroy_pool(pool) == 3);
			child_exit(0);
		}
		assert_child_well(pid);
		assert_int_equal(info_of(pool).deferred_reused, 0);
		assert_true(take_kept(pool, handles, 15));
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 15);
	}
}

/* A look that was due at the fork comes in the child, too, once the pool is
 * used there: what it keeps gets old. */
static void test_kept_gets_old(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	const struct timespec nap = { 0, 10000000 };
	struct zs_pool *pool;
	unsigned long one;
	pid_t pid;

	if (CHILD_POOL_FLAGS & ZS_POOL_NO_WORKER)
		return;
	o.defer = ZS_DEFER_REUSE;
	pool = zs_create_pool_with("old", &o);
	assert_non_null(pool);
	pool->reuse.slots.slots = 1; /* whichever CPU it runs on */
	one = must_malloc(pool, 500);
	for (int i = 0; i < 10; i++)
		assert_true(zs_free_deferred(pool, must_malloc(pool, 300)));
	pid = prepared_fork(pool);
	if (pid == 0) {
		CHILD_CHECK(zs_free_deferred(pool, one));
		while (info_in_child(pool).objs_inuse)
			nanosleep(&nap, NULL); /* or the alarm comes */
		CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
		CHILD_CHECK(zs_destroy_pool(pool) == 0);
		child_exit(0);
	}
	assert_child_well(pid);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

/* ---- reads across a fork -------------------------------------------------------- */

#define NR_PINNED 40

struct pinner {
	struct zs_pool *pool;
	unsigned long handle[NR_PINNED];
	void *mem[NR_PINNED];
	bool pinned, end; /* atomic */
};

static void *pin_and_wait(void *arg)
{
	struct pinner *p = arg;

	for (int i = 0; i < NR_PINNED; i++)
		p->mem[i] = zs_obj_read_begin(p->pool, p->handle[i], 8, NULL);
	__atomic_store_n(&p->pinned, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&p->end, __ATOMIC_ACQUIRE))
		sleep_ms(1);
	for (int i = 0; i < NR_PINNED; i++)
		zs_obj_read_end(p->pool, p->handle[i], 8, p->mem[i]);
	return NULL;
}

/* Reads of other threads do not hold a fork up, and pin for ever in the
 * child: not compacted, nor migrated, but freed and destroyed. */
static void test_reads_of_others(void **state)
{
	static struct pinner p;
	unsigned long fill[400], obj[NR_PINNED];
	struct zs_pool *pool = make_pool(0, 0, 0);
	pthread_t thread;
	pid_t pid;

	/* A zspage for each pinned object, nearly empty in the end. */
	p = (struct pinner){ .pool = pool };
	for (int i = 0; i < 400; i++) {
		fill[i] = must_malloc(pool, 504);
		assert_true(object_fill(pool, fill[i], 504, (unsigned)i));
	}
	for (int i = 0; i < 400; i++) {
		if (i % 10 == 0)
			p.handle[i / 10] = fill[i];
		else if (i % 10 != 5)
			zs_free(pool, fill[i]);
	}
	assert_int_equal(pthread_create(&thread, NULL, pin_and_wait, &p), 0);
	while (!__atomic_load_n(&p.pinned, __ATOMIC_ACQUIRE))
		sched_yield();
	for (int i = 0; i < NR_PINNED; i++)
		obj[i] = handle_to_obj(p.handle[i]);
	pid = prepared_fork(pool);
	if (pid == 0) {
		zs_compact(pool);
		zs_trim(pool);
		CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
		for (int i = 0; i < NR_PINNED; i++) {
			CHILD_CHECK(handle_to_obj(p.handle[i]) == obj[i]);
			CHILD_CHECK(object_ok(pool, p.handle[i], 504,
					      (unsigned)i * 10));
			/* What the thread was given is still that. */
			CHILD_CHECK(pattern_ok(p.mem[i], 8, (unsigned)i * 10));
		}
		/* Still of use: its zspages' other places, too. */
		for (int i = 0; i < 300; i++)
			CHILD_CHECK(!zs_is_err(zs_malloc(pool, 504, GFP_KERNEL,
							 NUMA_NO_NODE)));
		for (int i = 0; i < NR_PINNED; i++)
			zs_free(pool, p.handle[i]);
		for (int i = 5; i < 400; i += 10)
			zs_free(pool, fill[i]);
		CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
		CHILD_CHECK(zs_destroy_pool(pool) == 300);
		child_exit(0);
	}
	assert_child_well(pid);
	__atomic_store_n(&p.end, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* In the parent the pins went with the reads. */
	assert_true(zs_compact(pool) > 0);
	assert_int_equal(zs_shrink_count(pool), 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 80);
}

/* The forking thread's own reads are ended in both. */
static void test_own_reads(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);
	unsigned long handles[100], count;
	void *mem[100];
	pid_t pid;

	for (int i = 0; i < 100; i++) {
		handles[i] = must_malloc(pool, 1000);
		assert_true(object_fill(pool, handles[i], 1000, (unsigned)i));
	}
	for (int i = 0; i < 100; i++)
		if (i % 4)
			zs_free(pool, handles[i]);
	for (int i = 0; i < 100; i += 4) {
		mem[i] = zs_obj_read_begin(pool, handles[i], 8, NULL);
		assert_non_null(mem[i]);
	}
	pid = prepared_fork(pool);
	for (int i = 0; i < 100; i += 4)
		zs_obj_read_end(pool, handles[i], 8, mem[i]);
	count = zs_shrink_count(pool);
	if (pid == 0) {
		CHILD_CHECK(count > 0);
		CHILD_CHECK(zs_compact(pool) == count);
		for (int i = 0; i < 100; i += 4)
			CHILD_CHECK(
				object_ok(pool, handles[i], 1000, (unsigned)i));
		CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
		CHILD_CHECK(zs_destroy_pool(pool) == 25);
		child_exit(0);
	}
	assert_child_well(pid);
	assert_int_equal(zs_compact(pool), count);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 25);
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
		    !WIFEXITED(status) || WEXITSTATUS(status)) {
			fprintf(stderr, "a child ended with status %#x\n",
				(unsigned int)status);
			f->wrong++;
		}
	}
	return NULL;
}

/* Several pools, all busy, and several threads that fork. */
static void test_atfork(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_pools),
		cmocka_unit_test(test_old_pool),
		cmocka_unit_test(test_waiters_stay_behind),
		cmocka_unit_test(test_grandchild),
		cmocka_unit_test(test_failed_fork),
		cmocka_unit_test(test_keeps_out),
		cmocka_unit_test(test_queued_work),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_kept_gets_old),
		cmocka_unit_test(test_reads_of_others),
		cmocka_unit_test(test_own_reads),
		cmocka_unit_test(test_atfork),
	};

	return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
