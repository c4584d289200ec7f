/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_defer.h - what the tests of lock scopes and deferred free share: every
 * variant, the counters, and threads that stop at a lock which the test holds.
 */
#ifndef UZS_TEST_DEFER_H
#define UZS_TEST_DEFER_H

#include "test_objects.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compat/fault.h"
#include "free.h"
#include "kernel/geometry.h"
#include "kernel/reuse.h"
#include "kernel/obj.h"

/* ---- variants ------------------------------------------------------------ */

/* Of the pools that make_deferring makes. */
static unsigned int test_page_size;

/* Runs an array of struct CMUnitTest in each lock scope, with pages of 4 and
 * of 64 KiB. Return: failures. */
#define run_in_every_variant(tests)                                          \
	({                                                                   \
		int failed_ = 0;                                             \
                                                                             \
		for (test_scope = ZS_SCOPE_HELD;                             \
		     test_scope <= VARIANT_LAST_SCOPE; test_scope++)         \
			for (test_page_size = 4096; test_page_size <= 65536; \
			     test_page_size *= 16) {                         \
				char name_[64];                              \
                                                                             \
				snprintf(name_, sizeof(name_), "%s, %u KiB", \
					 variant_scope_name(test_scope),     \
					 test_page_size / 1024);             \
				failed_ += cmocka_run_group_tests_name(      \
					name_, tests, NULL, NULL);           \
			}                                                    \
		failed_;                                                     \
	})

/* The two kinds of queue, for loops. */
#define for_each_queue_mode(mode)                      \
	for (enum zs_defer_mode mode = ZS_DEFER_ARRAY; \
	     mode <= VARIANT_LAST_QUEUE; mode++)
/* And the one that keeps objects without a queue. */
#define for_each_keeping_mode(mode)                    \
	for (enum zs_defer_mode mode = ZS_DEFER_ARRAY; \
	     mode <= VARIANT_LAST_DEFER; mode++)

static inline struct zs_pool *make_deferring(enum zs_defer_mode mode,
					     unsigned int flags)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.page_size = test_page_size;
	o.lock_scope = test_scope;
	o.defer = mode;
	o.flags = flags;
	pool = zs_create_pool_with("deferring", &o);
	assert_non_null(pool);
	return pool;
}

/* What the OS has to give when a pool is made that defers, one thing after the
 * other: the pool, and the queue with it. Without one of them there is no pool.
 * Return: the pool, when there is. */
static inline struct zs_pool *make_deferring_of(enum zs_defer_mode mode,
						long things)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool = NULL;
	long n;

	o.page_size = test_page_size;
	o.lock_scope = test_scope;
	o.defer = mode;
	for (n = 1; !pool; n++) {
		uzs_fault_set(UZS_FAULT_OS, n);
		errno = 0;
		pool = zs_create_pool_with("deferring", &o);
		if (!pool)
			assert_int_equal(errno, ENOMEM);
	}
	uzs_fault_set(UZS_FAULT_OS, 0);
	assert_int_equal(n, things + 2);
	return pool;
}

/* As on a machine with one CPU: it does not depend on where the threads run
 * which buffer they push to, or who keeps what they free. Only while nothing
 * is queued or kept. */
static inline void one_cpu(struct zs_pool *pool)
{
	if (pool->deferred.mode == ZS_DEFER_PERCPU)
		pool->deferred.slots.slots = 1;
	if (pool->reuse.mem)
		pool->reuse.slots.slots = 1;
}

/* Handles that a buffer of the ready set of callbacks takes. */
static inline unsigned int buf_room(const struct zs_pool *pool)
{
	return pool->page_size / (unsigned int)sizeof(unsigned long);
}

/* The queueing that schedules the work, if nothing is queued before. */
static inline unsigned int threshold(const struct zs_pool *pool)
{
	if (pool->deferred.mode == ZS_DEFER_ARRAY)
		return pool->deferred.capacity / 2;
	return buf_room(pool);
}

/* ---- looking into queues ------------------------------------------------- */

static inline bool work_due(const struct zs_pool *pool)
{
	return work_pending(&pool->deferred.work);
}

static inline unsigned int reserve(struct zs_pool *pool)
{
	return (256u << 10) / pool->page_size;
}

/* Pages that wait to become a CPU's buffer, and buffers that wait to be
 * drained. */
static inline unsigned int length(const struct list_head *list)
{
	const struct list_head *pos;
	unsigned int n = 0;

	for (pos = list->next; pos != list; pos = pos->next)
		n++;
	return n;
}

static inline struct defer_slot *slot_of(struct zs_pool *pool, unsigned int n)
{
	return uzs_per_cpu(&pool->deferred.slots, n);
}

/* One run of the work, not what it leaves for the next. */
static inline void run_once(struct zs_pool *pool)
{
	uzs_workqueue_drain(&pool->wq);
}

/* What a CPU keeps for reuse. */
static inline struct reuse_slot *reuse_slot_of(struct zs_pool *pool,
					       unsigned int n)
{
	return uzs_per_cpu(&pool->reuse.slots, n);
}

/* Objects of a class that a CPU keeps at most, but for those staged. */
static inline unsigned int most_kept(const struct zs_pool *pool,
				     const struct size_class *class)
{
	return min(15u, 4 * pool->page_size / class->size);
}

/* ---- counters ------------------------------------------------------------ */

/* All five. What was queued or not adds up to what was asked for, in each test
 * that says how often it called. */
#define assert_counts(pool, queued, busy, full, drained, scheduled) \
	do {                                                        \
		struct zs_pool_info i_ = info_of(pool);             \
                                                                    \
		assert_int_equal(i_.deferred_queued, queued);       \
		assert_int_equal(i_.deferred_sync_busy, busy);      \
		assert_int_equal(i_.deferred_sync_full, full);      \
		assert_int_equal(i_.deferred_drained, drained);     \
		assert_int_equal(i_.deferred_scheduled, scheduled); \
	} while (0)

/* So many objects are kept for reuse, by whatever CPU, and counted. Nobody
 * else uses the pool. */
static inline void assert_kept(struct zs_pool *pool, unsigned long n)
{
	struct zs_pool_info i = info_of(pool);
	struct reuse_slot *slot;
	unsigned long held = 0;

	for_each_reuse_slot(slot, &pool->reuse) held += slot->held;
	if (held != n)
		fail_msg("%lu objects are kept, expected %lu", held, n);
	assert_int_equal(i.deferred_queued,
			 i.deferred_drained + i.deferred_reused + n);
	assert_true(i.objs_inuse >= n);
	assert_sound(pool);
}

/* Nothing is queued, nothing is live, and nothing is left. */
static inline void assert_empty(struct zs_pool *pool)
{
	struct zs_pool_info i = info_of(pool);

	assert_int_equal(i.deferred_queued,
			 i.deferred_drained + i.deferred_reused);
	assert_int_equal(i.objs_inuse, 0);
	assert_int_equal(i.objs_capacity, 0);
	assert_int_equal(i.pages, 0);
	assert_sound(pool);
}

/* Not even handle words and zspage structures: what is left can be given back,
 * all of it. */
static inline void assert_nothing_left(struct zs_pool *pool)
{
	assert_empty(pool);
	zs_trim(pool);
	assert_int_equal(info_of(pool).slab_pages, 0);
	assert_int_equal(info_of(pool).bytes_free, 0);
	assert_sound(pool);
}

/* ---- objects ------------------------------------------------------------- */

/* Of class 0, the densest. */
#define TINY (ZS_MIN_ALLOC_SIZE - ZS_HANDLE_SIZE)

static inline struct size_class *class_for(struct zs_pool *pool, size_t size)
{
	return pool->size_class[uzs_class_index(pool, size + ZS_HANDLE_SIZE)];
}

/* The first class whose zspages have that many pages at least. */
static inline struct size_class *class_of_pages(struct zs_pool *pool,
						unsigned int pages)
{
	unsigned int i = 0;

	while (pool->size_class[i]->pages_per_zspage < pages)
		assert_true(++i < pool->nr_classes);
	return pool->size_class[i];
}

/* A class of few objects in each zspage, so that many zspages are emptied. */
static inline struct size_class *class_of_few(struct zs_pool *pool,
					      unsigned int pages)
{
	unsigned int i = 0;

	while (pool->size_class[i]->pages_per_zspage != pages ||
	       pool->size_class[i]->objs_per_zspage > 20)
		assert_true(++i < pool->nr_classes);
	return pool->size_class[i];
}

/* The largest request that the class serves. */
static inline size_t room_of(const struct size_class *class)
{
	return class->size - (class->huge ? 0 : ZS_HANDLE_SIZE);
}

/* Allocates n objects. Return: their handles, to be freed by free(). */
static inline unsigned long *malloc_many(struct zs_pool *pool, size_t size,
					 unsigned int n)
{
	unsigned long *handles = calloc(n, sizeof(*handles));

	assert_non_null(handles);
	for (unsigned int i = 0; i < n; i++)
		handles[i] = must_malloc(pool, size);
	return handles;
}

/* Queues n new objects, all of which must find room. */
static inline void queue_many(struct zs_pool *pool, size_t size, unsigned int n)
{
	while (n--)
		assert_true(zs_free_deferred(pool, must_malloc(pool, size)));
}

static inline unsigned long inuse(const struct size_class *class)
{
	return READ_ONCE(class->objs_inuse);
}

/* ---- locks that the test holds ------------------------------------------- */

/* Returns when somebody sleeps for it. */
static inline void wait_for_waiter(const spinlock_t *lock)
{
	while (!(__atomic_load_n(&lock->word, __ATOMIC_RELAXED) &
		 UZS_SPIN_WAITERS))
		sched_yield();
}

/* What zs_free_deferred tries. */
static inline void lock_queue(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	if (d->mode == ZS_DEFER_ARRAY)
		spin_lock(&d->lock);
	if (pool->reuse.mem)
		uzs_reuse_lock(pool);
	for (unsigned int i = 0; i < d->slots.slots; i++)
		spin_lock(
			&((struct defer_slot *)uzs_per_cpu(&d->slots, i))->lock);
}

static inline void unlock_queue(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	if (d->mode == ZS_DEFER_ARRAY)
		spin_unlock(&d->lock);
	if (pool->reuse.mem)
		uzs_reuse_unlock(pool);
	for (unsigned int i = 0; i < d->slots.slots; i++)
		spin_unlock(
			&((struct defer_slot *)uzs_per_cpu(&d->slots, i))->lock);
}

/* ---- threads ------------------------------------------------------------- */

/* A number that threads raise and wait for. */
struct gate {
	u32 at;
};

static inline u32 gate_at(const struct gate *gate)
{
	return __atomic_load_n(&gate->at, __ATOMIC_ACQUIRE);
}

static inline void gate_raise(struct gate *gate)
{
	__atomic_fetch_add(&gate->at, 1, __ATOMIC_ACQ_REL);
	uzs_wake_all(&gate->at);
}

static inline void gate_await(struct gate *gate, u32 n)
{
	u32 at;

	while ((at = gate_at(gate)) < n)
		uzs_wait_on(&gate->at, at);
}

/* A thread that does one thing. */
struct helper {
	void (*func)(struct helper *h);
	struct zs_pool *pool;
	const unsigned long *handles;
	unsigned int n;
	unsigned long result;
	struct gate done;
	struct gate tid; /* as the OS numbers it; 0: not begun */
	pthread_t thread;
};

static inline void *helper_main(void *arg)
{
	struct helper *h = arg;

	__atomic_store_n(&h->tid.at, (u32)syscall(SYS_gettid),
			 __ATOMIC_RELEASE);
	h->func(h);
	gate_raise(&h->done);
	return NULL;
}

static inline void helper_start(struct helper *h, struct zs_pool *pool,
				void (*func)(struct helper *h))
{
	h->func = func;
	h->pool = pool;
	h->done.at = h->tid.at = 0;
	assert_int_equal(pthread_create(&h->thread, NULL, helper_main, h), 0);
}

static inline void helper_join(struct helper *h)
{
	assert_int_equal(pthread_join(h->thread, NULL), 0);
}

/* Until the helper sleeps at the lock of drains, or did not have to. */
static inline void await_drain_lock(struct zs_pool *pool, struct helper *h)
{
	const u32 *word = &pool->deferred.drain_lock.spin.word;

	while (!gate_at(&h->done) && !(READ_ONCE(*word) & UZS_SPIN_WAITERS))
		sched_yield();
}

/* Until the helper sleeps, wherever that is, or is done. */
static inline void await_sleep(struct helper *h)
{
	char path[64], line[256] = "", *state = line;
	FILE *file;

	while (!gate_at(&h->done)) {
		snprintf(path, sizeof(path), "/proc/self/task/%u/stat",
			 gate_at(&h->tid));
		file = fopen(path, "r");
		if (file) {
			/* Its state is behind its name. */
			if (fgets(line, sizeof(line), file))
				state = strrchr(line, ')');
			fclose(file);
			if (state && !strncmp(state, ") S", 3))
				return;
		}
		sched_yield();
	}
}

static inline void help_free(struct helper *h)
{
	for (unsigned int i = 0; i < h->n; i++)
		zs_free(h->pool, h->handles[i]);
}

static inline void help_free_run(struct helper *h)
{
	uzs_free_many(h->pool, h->handles, h->n);
}

static inline void help_flush(struct helper *h)
{
	zs_free_deferred_flush(h->pool);
}

/* The two ways to free handles, as helpers. */
static void (*const free_ways[])(struct helper *h) = { help_free,
						       help_free_run };
#define for_each_way(way) \
	for (size_t way = 0; way < ARRAY_SIZE(free_ways); way++)

/* Starts a thread that frees, and returns when it stops at the class's lock,
 * which the caller must release. */
static inline void helper_start_stopped(struct helper *h, struct zs_pool *pool,
					void (*func)(struct helper *h),
					struct size_class *class)
{
	spin_lock(&class->lock);
	helper_start(h, pool, func);
	wait_for_waiter(&class->lock);
}

#endif
