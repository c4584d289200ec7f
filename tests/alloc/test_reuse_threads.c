/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_reuse_threads.c - reuse.c under many threads: no object is lost or
 * given to two threads, objects may move at any time, and the limit holds.
 * Written for TSan.
 *
 * Threads only note what they find wrong; the main thread asserts.
 */
#include "test_failures.h"
#include "test_reuse.h"

#define MAX_LIVE 400u
#define NR_USERS 3u

struct stress {
	struct zs_pool *pool;
	unsigned int rounds; /* of each thread */
	bool limited; /* memory may run out */
	bool stop; /* atomic */
	struct failures failures;
};

struct user {
	struct stress *s;
	pthread_t thread;
	struct rng rng;
	unsigned int n;
	struct {
		unsigned long handle;
		unsigned int size;
		uint64_t key;
	} live[MAX_LIVE];
	unsigned long kept, not_kept, refused; /* what it did */
};

static bool stopped(const bool *stop)
{
	return __atomic_load_n(stop, __ATOMIC_RELAXED);
}

static void stop_all(bool *stop)
{
	__atomic_store_n(stop, true, __ATOMIC_RELAXED);
}

/* The whole object is written, or a lot of it: another who has it, too, would
 * see that. */
static size_t data_bytes(unsigned int size)
{
	return min(size, 5000u);
}

static void allocate(struct user *u)
{
	unsigned int page_size = u->s->pool->page_size, size;
	unsigned long handle;
	uint64_t key;

	size = rng_below(&u->rng, 8) ? page_size / 8 * rng_range(&u->rng, 1, 8)
				     : rng_range(&u->rng, 1, page_size);
	handle = zs_malloc(u->s->pool, size, GFP_KERNEL, NUMA_NO_NODE);
	if (zs_is_err(handle)) {
		u->refused++;
		CHECK(u->s, u->s->limited);
		return;
	}
	key = rng_next(&u->rng);
	CHECK(u->s, object_fill(u->s->pool, handle, data_bytes(size), key));
	u->live[u->n].handle = handle;
	u->live[u->n].size = size;
	u->live[u->n++].key = key;
}

static void release(struct user *u)
{
	unsigned int i = rng_below(&u->rng, u->n);
	unsigned long handle = u->live[i].handle;

	CHECK(u->s, object_ok(u->s->pool, handle, data_bytes(u->live[i].size),
			      u->live[i].key));
	u->live[i] = u->live[--u->n];
	if (!rng_below(&u->rng, 16))
		zs_free(u->s->pool, handle);
	else if (zs_free_deferred(u->s->pool, handle))
		u->kept++;
	else
		u->not_kept++;
}

/* Replaces objects, most of the time; now and then there are many more or
 * fewer. Who has the slot may lose its CPU for all these rounds: then they go on,
 * until one object was kept. */
static void *use(void *arg)
{
	struct user *u = arg;
	unsigned int most_rounds = u->s->rounds * 1000;

	for (unsigned int i = 0;
	     i < u->s->rounds || (!u->kept && i < most_rounds); i++) {
		unsigned int most = rng_range(&u->rng, 0, MAX_LIVE);

		for (unsigned int tries = MAX_LIVE; tries && u->n < most;
		     tries--)
			allocate(u);
		while (u->n > most)
			release(u);
		for (unsigned int n = 0; n < 200 && u->n; n++) {
			release(u);
			allocate(u);
		}
	}
	while (u->n)
		release(u);
	return NULL;
}

/* All that moves what is kept, frees it or looks at it. */
static void *disturb(void *arg)
{
	struct user *u = arg;
	struct zs_pool *pool = u->s->pool;
	struct zs_pool_info i = ZS_POOL_INFO_INIT;

	while (!stopped(&u->s->stop)) {
		switch (rng_below(&u->rng, 8)) {
		case 0:
			CHECK(u->s, zs_pool_check(pool, stderr) == 0);
			break;
		case 1:
			zs_free_deferred_flush(pool);
			break;
		case 2:
			zs_drain(pool);
			break;
		case 3:
			zs_trim(pool);
			break;
		case 4:
			uzs_reuse_flush(pool);
			break;
		case 5:
			zs_pool_info(pool, &i);
			CHECK(u->s,
			      !i.memory_limit_bytes ||
				      i.bytes_resident <= i.memory_limit_bytes);
			break;
		default:
			zs_compact(pool);
		}
		sched_yield();
	}
	return NULL;
}

static void start(struct user *u, struct stress *s, unsigned int seed,
		  void *(*func)(void *))
{
	memset(u, 0, sizeof(*u));
	u->s = s;
	rng_seed(&u->rng, seed);
	assert_int_equal(pthread_create(&u->thread, NULL, func, u), 0);
}

/* Everybody uses one slot, or each CPU its own. */
static void run_stress(struct stress *s, bool one_slot)
{
	static struct user users[NR_USERS], disturbers[2];
	unsigned long kept = 0, not_kept = 0, refused = 0;
	struct zs_pool_info i;

	if (one_slot)
		one_cpu(s->pool);
	s->rounds = (unsigned int)uzs_test_scale(20);
	for (unsigned int n = 0; n < NR_USERS; n++)
		start(&users[n], s, n, use);
	for (unsigned int n = 0; n < ARRAY_SIZE(disturbers); n++)
		start(&disturbers[n], s, 100 + n, disturb);
	for (unsigned int n = 0; n < NR_USERS; n++) {
		assert_int_equal(pthread_join(users[n].thread, NULL), 0);
		kept += users[n].kept;
		not_kept += users[n].not_kept;
		refused += users[n].refused;
	}
	stop_all(&s->stop);
	for (unsigned int n = 0; n < ARRAY_SIZE(disturbers); n++)
		assert_int_equal(pthread_join(disturbers[n].thread, NULL), 0);
	assert_no_failures(&s->failures);
	i = info_of(s->pool);
	assert_int_equal(i.deferred_queued, kept);
	assert_int_equal(i.deferred_sync_busy, not_kept);
	zs_free_deferred_flush(s->pool);
	i = info_of(s->pool);
	print_message(
		"             %lu kept, %lu busy; %lu taken, %lu freed; %lu objects and %lu pages moved; %lu allocations refused\n",
		kept, not_kept, i.deferred_reused, i.deferred_drained,
		i.objs_moved, i.pages_migrated, refused);
	assert_true(kept > 0);
	/* None either, as long as the pool is full of gaps. */
	assert_int_equal(i.deferred_drained, kept - i.deferred_reused);
	zs_drain(s->pool);
	assert_nothing_left(s->pool);
	assert_int_equal(zs_destroy_pool(s->pool), 0);
}

static void test_none_lost(void **state)
{
	for (int n = 0; n < 4; n++) {
		struct stress s = { 0 };

		s.pool = make_deferring(ZS_DEFER_REUSE,
					n & 1 ? ZS_POOL_NO_WORKER : 0);
		run_stress(&s, n & 2);
	}
}

/* There is not room for all. */
static void test_limit_holds(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct stress s = { .limited = true };

	o.page_size = test_page_size;
	o.lock_scope = test_scope;
	o.defer = ZS_DEFER_REUSE;
	o.memory_limit = test_page_size == 4096 ? (size_t)3 << 20
						: (size_t)16 << 20;
	s.pool = zs_create_pool_with("limited", &o);
	assert_non_null(s.pool);
	run_stress(&s, false);
}

/* ---- who kept it knows that a flush freed it ------------------------------ */

struct owner {
	struct zs_pool *pool;
	pthread_t thread;
	size_t size; /* nobody else's */
	unsigned int loops;
	unsigned long failures;
};

/* After the flush all that were kept before are freed, but for those that were
 * taken again, which are live here. */
static void *keep_take_and_flush(void *arg)
{
	struct owner *o = arg;
	struct size_class *class = class_for(o->pool, o->size);
	unsigned long live[40];

	for (unsigned int i = 0; i < o->loops; i++) {
		unsigned int n = 1 + i % ARRAY_SIZE(live), left = 0;

		for (unsigned int k = 0; k < n; k++)
			live[k] = zs_malloc(o->pool, o->size, GFP_KERNEL,
					    NUMA_NO_NODE);
		for (unsigned int k = 0; k < n; k++)
			zs_free_deferred(o->pool, live[k]);
		for (; left < n / 2; left++)
			live[left] = zs_malloc(o->pool, o->size, GFP_KERNEL,
					       NUMA_NO_NODE);
		zs_free_deferred_flush(o->pool);
		o->failures += inuse(class) != left;
		while (left)
			zs_free(o->pool, live[--left]);
		o->failures += inuse(class) != 0;
	}
	return NULL;
}

static void test_flush_keeps_its_word(void **state)
{
	for (int one = 0; one < 2; one++) {
		struct zs_pool *pool = make_deferring(ZS_DEFER_REUSE, 0);
		struct owner owners[4];

		if (one)
			one_cpu(pool);
		for (unsigned int n = 0; n < ARRAY_SIZE(owners); n++) {
			owners[n] = (struct owner){
				.pool = pool,
				.size = pool->page_size / 16 * (n + 1),
				.loops = (unsigned)uzs_test_scale(1000),
			};
			assert_int_equal(pthread_create(&owners[n].thread, NULL,
							keep_take_and_flush,
							&owners[n]),
					 0);
		}
		for (unsigned int n = 0; n < ARRAY_SIZE(owners); n++) {
			assert_int_equal(pthread_join(owners[n].thread, NULL),
					 0);
			assert_int_equal(owners[n].failures, 0);
		}
		assert_nothing_left(pool);
		zs_destroy_pool(pool);
	}
}

/* ---- who looks at all slots waits for who has one ------------------------- */

static void help_check(struct helper *h)
{
	h->result = zs_pool_check(h->pool, stderr);
}

static void help_look(struct helper *h)
{
	h->result = !zs_drain(h->pool);
}

/* They wait for a slot that is another's, and then do what they are to: what
 * was kept is not passed over. */
static void test_flush_and_relief_wait_for_a_slot(void **state)
{
	static void (*const calls[])(struct helper *
				     h) = { help_check, help_look, help_flush };

	for (size_t c = 0; c < ARRAY_SIZE(calls); c++) {
		struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
		struct reuse_slot *slot = reuse_slot_of(pool, 0);
		unsigned long *h = malloc_many(pool, 1000, 10);
		struct helper helper = { 0 };

		keep(pool, h, 10);
		mutex_lock(&slot->lock);
		helper_start(&helper, pool, calls[c]);
		wait_for_waiter(&slot->lock.spin);
		assert_int_equal(slot->held, 10);
		assert_int_equal(gate_at(&helper.done), 0);
		mutex_unlock(&slot->lock);
		helper_join(&helper);
		assert_int_equal(helper.result, 0);
		assert_kept(pool, calls[c] == help_flush ? 0 : 10);
		zs_destroy_pool(pool);
		free(h);
	}
}

/* Keeps and takes all the time, in the slot that others want to empty. */
static void *toggle(void *arg)
{
	struct helper *h = arg;

	while (!gate_at(&h->done)) {
		mutex_lock(&reuse_slot_of(h->pool, 0)->lock);
		mutex_unlock(&reuse_slot_of(h->pool, 0)->lock);
	}
	return NULL;
}

/* At the limit what is kept is not passed over because its slot is used. */
static void test_relief_takes_from_a_slot_in_use(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	struct helper user = { .pool = pool };
	unsigned int rounds = (unsigned int)uzs_test_scale(1000), freed = 0;

	assert_int_equal(pthread_create(&user.thread, NULL, toggle, &user), 0);
	for (unsigned int i = 0; i < rounds; i++) {
		unsigned long one = must_malloc(pool, 1000);

		while (!zs_free_deferred(pool, one))
			one = must_malloc(pool, 1000);
		freed += uzs_reuse_flush(pool);
	}
	assert_int_equal(freed, rounds);
	gate_raise(&user.done);
	assert_int_equal(pthread_join(user.thread, NULL), 0);
	zs_free_deferred_flush(pool);
	assert_nothing_left(pool);
	zs_destroy_pool(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_lost),
		cmocka_unit_test(test_limit_holds),
		cmocka_unit_test(test_flush_keeps_its_word),
		cmocka_unit_test(test_flush_and_relief_wait_for_a_slot),
		cmocka_unit_test(test_relief_takes_from_a_slot_in_use),
	};

	return run_in_every_variant(tests);
}
