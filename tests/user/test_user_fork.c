/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_fork.c - a process forks while its threads store, free, move and
 * read by refs and handles, and compact and trim. The child, where these threads
 * do not exist, uses the pool: all that was not just being changed is there, all
 * can be freed, compacted, checked, destroyed.
 *
 * An alarm ends a child that hangs. A child that finds something wrong says
 * where, and exits with 1.
 */
#include "user_util.h"

#include "user/layout.h"

#include <sys/mman.h>

#include "whole/fork_util.h"

#define NR_REFS 150u
#define NR_OWN 60u
#define STACK_BYTES ((size_t)4 << 20) /* sanitizers need much */

struct record {
	zs_ref ref;
	unsigned long handle;
	size_t size;
	uint64_t key;
};

struct hasty {
	struct crowd *c;
	pthread_t thread;
	char *stack;
	struct rng rng;
	struct record own[NR_OWN], away;
	/* Which of them a call is just changing; atomic. */
	unsigned int now;
	unsigned int wrong; /* read after the join */
	unsigned long calls; /* atomic */
	unsigned char data[20000];
};

struct crowd {
	struct zs_pool *pool;
	/* Neither written nor freed, only moved and read, while threads run. */
	struct record stable[NR_REFS];
	bool stop; /* atomic */
	struct hasty hasty[NR_THREADS];
};

static size_t any_size(struct rng *rng)
{
	return rng_below(rng, 4) ? 900u << rng_below(rng, 4)
				 : log_uniform(rng, 20000);
}

static bool record_ok(struct zs_pool *pool, struct record *r)
{
	if (r->handle)
		return object_ok(pool, r->handle, r->size, r->key);
	return ref_ok(pool, &r->ref, r->size, r->key);
}

/* ---- threads -------------------------------------------------------------------- */

static void change(struct hasty *h, struct record *r)
{
	struct zs_pool *pool = h->c->pool;
	struct record *away = &h->away;

	if (r->handle) {
		h->wrong += !record_ok(pool, r);
		zs_free(pool, r->handle);
		r->handle = 0;
		return;
	}
	switch (word_of(&r->ref) ? rng_below(&h->rng, 8) : 7) {
	case 0:
		h->wrong += !record_ok(pool, r);
		zs_ref_free(pool, &r->ref);
		return;
	case 1:
		zs_ref_free_many(pool, (zs_ref *[]){ &r->ref, NULL }, 2);
		return;
	case 2:
	case 3:
		away->size = r->size;
		away->key = r->key;
		zs_ref_move(pool, &away->ref, &r->ref);
		h->wrong += !record_ok(pool, away);
		zs_ref_move(pool, &r->ref, &away->ref);
		return;
	case 4:
		h->wrong += !record_ok(pool, r);
		return;
	}
	r->size = any_size(&h->rng);
	r->key = rng_next(&h->rng);
	pattern_fill(h->data, r->size, r->key);
	if (!word_of(&r->ref) && rng_below(&h->rng, 3) == 0) {
		r->handle = zs_malloc(pool, r->size, GFP_KERNEL, NUMA_NO_NODE);
		h->wrong += zs_is_err(r->handle);
		h->wrong += zs_obj_write(pool, r->handle, h->data, r->size) !=
			    0;
		return;
	}
	h->wrong += zs_ref_store(pool, &r->ref, h->data, r->size) != 0;
}

static void *hurry(void *arg)
{
	struct hasty *h = arg;

	while (!__atomic_load_n(&h->c->stop, __ATOMIC_RELAXED)) {
		unsigned int i = rng_below(&h->rng, NR_OWN);

		switch (rng_below(&h->rng, 60)) {
		case 0:
			zs_compact(h->c->pool);
			break;
		case 1:
			zs_trim(h->c->pool);
			break;
		case 2:
			h->wrong += zs_pool_check(h->c->pool, stderr) != 0;
			break;
		case 3:
			h->wrong += !record_ok(
				h->c->pool,
				&h->c->stable[rng_below(&h->rng, NR_REFS)]);
			break;
		default:
			__atomic_store_n(&h->now, i, __ATOMIC_SEQ_CST);
			change(h, &h->own[i]);
			__atomic_store_n(&h->now, NR_OWN, __ATOMIC_SEQ_CST);
		}
		__atomic_store_n(&h->calls, h->calls + 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void crowd_start(struct crowd *c, const struct zs_pool_options *o)
{
	static zs_ref gone[NR_REFS];
	struct rng rng;

	rng_seed(&rng, 1);
	memset(c, 0, sizeof(*c));
	c->pool = make_user_with(o);
	for (unsigned int i = 0; i < NR_REFS; i++) {
		struct record *r = &c->stable[i];

		r->size = any_size(&rng);
		r->key = i;
		assert_int_equal(ref_fill(c->pool, &gone[i], r->size, 0), 0);
		if (i % 2) {
			r->handle = must_malloc(c->pool, r->size);
			assert_true(
				object_fill(c->pool, r->handle, r->size, i));
		} else {
			assert_int_equal(ref_fill(c->pool, &r->ref, r->size, i),
					 0);
		}
	}
	for (unsigned int i = 0; i < NR_REFS; i++)
		zs_ref_free(c->pool, &gone[i]);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		struct hasty *h = &c->hasty[i];
		pthread_attr_t attr;

		h->c = c;
		h->now = NR_OWN;
		rng_seed(&h->rng, i);
		h->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_true(h->stack != MAP_FAILED);
		assert_int_equal(pthread_attr_init(&attr), 0);
		assert_int_equal(
			pthread_attr_setstack(&attr, h->stack, STACK_BYTES), 0);
		assert_int_equal(pthread_create(&h->thread, &attr, hurry, h),
				 0);
		pthread_attr_destroy(&attr);
	}
}

static bool stable_is_ok(struct crowd *c)
{
	for (unsigned int i = 0; i < NR_REFS; i++)
		if (!record_ok(c->pool, &c->stable[i]))
			return false;
	return true;
}

static void crowd_go_on(struct crowd *c)
{
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		unsigned long *calls = &c->hasty[i].calls;
		unsigned long before = __atomic_load_n(calls, __ATOMIC_RELAXED);

		while (__atomic_load_n(calls, __ATOMIC_RELAXED) < before + 5)
			sched_yield();
	}
}

static void crowd_stop(struct crowd *c)
{
	unsigned long live = NR_REFS;

	__atomic_store_n(&c->stop, true, __ATOMIC_RELAXED);
	/* All: one that still runs may move the objects of others. */
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_join(c->hasty[i].thread, NULL), 0);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		struct hasty *h = &c->hasty[i];

		assert_int_equal(h->wrong, 0);
		munmap(h->stack, STACK_BYTES);
		for (unsigned int n = 0; n < NR_OWN; n++) {
			struct record *r = &h->own[n];

			if (!r->handle && !r->ref.word)
				continue;
			live++;
			assert_true(record_ok(c->pool, r));
		}
	}
	assert_int_equal(info_of(c->pool).objs_inuse, live);
	assert_sound(c->pool);
	assert_true(stable_is_ok(c));
	assert_int_equal(zs_destroy_pool(c->pool), live);
}

/* ---- a child ----------------------------------------------------------------------- */

/* All that a pool can do, where the parent's threads were in the middle of
 * something. */
static void child_use(struct crowd *c, unsigned int seed)
{
	struct zs_pool *pool = c->pool;
	static zs_ref refs[400];
	struct zs_pool_info i;

	/* Their stacks are nobody's: the C library uses such for new threads,
	 * or unmaps them. The pool must not need what is there. */
	for (unsigned int n = 0; n < NR_THREADS; n++)
		if (seed % 2)
			mprotect(c->hasty[n].stack, STACK_BYTES, PROT_NONE);
	CHILD_CHECK(stable_is_ok(c));
	CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
	for (unsigned int n = 0; n < NR_THREADS; n++) {
		struct hasty *h = &c->hasty[n];

		for (unsigned int k = 0; k < NR_OWN; k++) {
			struct record *r = &h->own[k];

			if (k == h->now || (!r->handle && !r->ref.word))
				continue;
			CHILD_CHECK(record_ok(pool, r));
			if (k % 3 == 0) {
				zs_ref_free(pool, &r->ref);
				zs_free(pool, r->handle);
				r->handle = 0;
			}
		}
	}
	zs_compact(pool);
	CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
	for (unsigned int n = 0; n < ARRAY_SIZE(refs); n++)
		CHILD_CHECK(ref_fill(pool, &refs[n], 100 + 50 * n, n) == 0);
	for (unsigned int n = 0; n < ARRAY_SIZE(refs); n += 2)
		zs_ref_free(pool, &refs[n]);
	zs_compact(pool);
	zs_trim(pool);
	zs_drain(pool);
	CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
	for (unsigned int n = 1; n < ARRAY_SIZE(refs); n += 2)
		CHILD_CHECK(ref_ok(pool, &refs[n], 100 + 50 * n, n));
	for (unsigned int n = 0; n < NR_THREADS; n++)
		for (unsigned int k = 0; k < NR_OWN; k++) {
			struct record *r = &c->hasty[n].own[k];

			if (k != c->hasty[n].now && (r->handle || r->ref.word))
				CHILD_CHECK(record_ok(pool, r));
		}
	CHILD_CHECK(stable_is_ok(c));
	i = info_in_child(pool);
	CHILD_CHECK(i.bytes_resident <= i.bytes_mapped);
	CHILD_CHECK(i.objs_inuse >= NR_REFS + ARRAY_SIZE(refs) / 2);
	CHILD_CHECK(zs_destroy_pool(pool) == i.objs_inuse);
}

/* ---- tests --------------------------------------------------------------------------- */

static void run(const struct zs_pool_options *o)
{
	static struct crowd c;

	crowd_start(&c, o);
	for (unsigned int n = (unsigned)uzs_test_scale(16); n > 0; n--) {
		pid_t pid;

		crowd_go_on(&c);
		pid = prepared_fork(c.pool);
		if (pid == 0) {
			child_use(&c, n);
			child_exit(0);
		}
		assert_child_well(pid);
	}
	crowd_stop(&c);
}

static void test_pool_works_in_the_child(void **state)
{
	static const struct {
		unsigned int page_size, chain_size, flags;
	} pools[] = {
		{ 0, 0, 0 },
		{ 4096, 4, ZS_POOL_NO_WORKER },
		{ 16384, 8, ZS_POOL_HARDENED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
		struct zs_pool_options o = USER_OPTIONS_INIT;

		o.page_size = pools[i].page_size;
		o.chain_size = pools[i].chain_size;
		o.flags = pools[i].flags;
		o.retained_bytes = 1;
		run(&o);
	}
}

/* What a dead thread has pinned stays where it is, and can be freed. */
static void test_pins_of_the_parent_stay(void **state)
{
	enum { NR = 1000, LEN = 1500 };

	for (unsigned int hard = 0; hard < 2; hard++) {
		struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER |
						 (hard ? ZS_POOL_HARDENED : 0));
		static zs_ref refs[NR];
		static void *places[NR];
		pid_t pid;

		memset(refs, 0, sizeof(refs));
		for (unsigned int i = 0; i < NR; i++)
			assert_int_equal(ref_fill(pool, &refs[i], LEN, i), 0);
		for (unsigned int i = 0; i < NR; i += 50)
			places[i] = zs_ref_begin(pool, &refs[i]);
		pid = prepared_fork(pool);
		if (!pid) {
			for (unsigned int i = 0; i < NR; i++)
				if (i % 10)
					zs_ref_free(pool, &refs[i]);
			zs_compact(pool);
			for (unsigned int i = 0; i < NR; i += 10) {
				if (i % 50 == 0)
					CHILD_CHECK(place_of(pool, &refs[i]) ==
						    places[i]);
				CHILD_CHECK(ref_ok(pool, &refs[i], LEN, i));
			}
			for (unsigned int i = 0; i < NR; i += 10)
				zs_ref_free(pool, &refs[i]);
			CHILD_CHECK(info_in_child(pool).objs_inuse == 0);
			zs_compact(pool);
			CHILD_CHECK(info_in_child(pool).pages == 0);
			CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
			CHILD_CHECK(zs_destroy_pool(pool) == 0);
			child_exit(0);
		}
		assert_child_well(pid);
		for (unsigned int i = 0; i < NR; i += 50)
			zs_ref_end(pool, &refs[i]);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), NR);
	}
}

/* A thread that was moving objects of a class does not exist in the child: what
 * CPUs keep of the class is used there. */
static void test_classes_are_open_in_the_child(void **state)
{
	struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
	zs_ref ref = ZS_REF_INIT;
	struct user_class *class;
	void *place;
	pid_t pid;

	assert_int_equal(ref_fill(pool, &ref, 100, 1), 0);
	class = &pool->user->class[class_info_for(pool, 100).index];
	class->moving = 1; /* for a mover that is just between two holds of
			    * class->lock */
	pid = prepared_fork(pool);
	if (!pid) {
		place = place_of(pool, &ref);
		zs_ref_free(pool, &ref);
		/* It is kept, and given out again. */
		CHILD_CHECK(info_in_child(pool).pages == 1);
		CHILD_CHECK(zs_ref_alloc(pool, &ref, 100) == 0);
		CHILD_CHECK(place_of(pool, &ref) == place);
		CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
		CHILD_CHECK(zs_destroy_pool(pool) == 1);
		child_exit(0);
	}
	class->moving = 0;
	assert_child_well(pid);
	assert_int_equal(zs_destroy_pool(pool), 1);
}

static void test_failed_fork_changes_nothing(void **state)
{
	struct zs_pool_options o = USER_OPTIONS_INIT;
	static struct crowd c;

	crowd_start(&c, &o);
	for (int n = uzs_test_scale(100); n > 0; n--) {
		zs_fork_prepare(c.pool);
		zs_fork_parent(c.pool);
		if (n % 8 == 0)
			crowd_go_on(&c);
	}
	crowd_stop(&c);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool_works_in_the_child),
		cmocka_unit_test(test_pins_of_the_parent_stay),
		cmocka_unit_test(test_classes_are_open_in_the_child),
		cmocka_unit_test(test_failed_fork_changes_nothing),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("user fork", tests, NULL, NULL);
}
