/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fork_util.c - see fork_util.h. */
#include "fork_util.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Lines that a child executed count as well. */
void __gcov_dump(void) __attribute__((weak));

/* ---- children ------------------------------------------------------------- */

void child_exit(int status)
{
	if (__gcov_dump)
		__gcov_dump();
	_exit(status);
}

void sleep_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* AddressSanitizer's runtime does not release its own locks in a child. A child
 * that is forked while another thread is in malloc hangs as soon as it starts a
 * thread or allocates (gcc 12: GetFromAllocator waits for a mutex). That is
 * rare. A hang of ours would show in other builds, and often in this one. */
bool hung_in_runtime(int status)
{
#if UNDER_ASAN
	static unsigned int hung; /* atomic */

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM ||
	    __atomic_add_fetch(&hung, 1, __ATOMIC_RELAXED) > 2)
		return false;
	print_message("a child hung, perhaps in AddressSanitizer\n");
	return true;
#else
	(void)status;
	return false;
#endif
}

void assert_child_well(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (hung_in_runtime(status))
		return;
	if (WIFSIGNALED(status))
		fail_msg("a child ended by signal %d%s", WTERMSIG(status),
			 WTERMSIG(status) == SIGALRM ? ": it hung" : "");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

void child_begin(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
	alarm(CHILD_SECONDS);
}

void child_use_new_pool(unsigned int seed)
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

void child_take_pool(struct zs_pool *pool)
{
	zs_fork_child(pool);
	if (CHILD_POOL_FLAGS & ZS_POOL_NO_WORKER)
		pool->wq.worker = UZS_WORKER_NEVER;
}

/* ---- threads that keep a pool busy ------------------------------------------ */

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

void busy_start(struct busy *b, const struct zs_pool_options *o,
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

bool stable_ok(struct busy *b)
{
	for (unsigned int i = 0; i < NR_STABLE; i++)
		if (!object_ok(b->pool, b->stable[i], stable_size(i), i))
			return false;
	return true;
}

void busy_stop(struct busy *b, unsigned int threads)
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

void busy_go_on(struct busy *b, unsigned int threads)
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

struct zs_pool_info info_in_child(struct zs_pool *pool)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;

	CHILD_CHECK(zs_pool_info(pool, &i) == 0);
	return i;
}

void child_use_old_pool(struct busy *b, unsigned int seed)
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

pid_t prepared_fork(struct zs_pool *pool)
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
