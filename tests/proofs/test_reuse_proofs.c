/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_reuse_proofs.c - what reuse.c promises about its locks, seen from
 * inside by the hooks of compat's checked body. Only in builds with
 * UZS_CHECKED.
 *
 * tests/wrong/proofs has variants of the library with which a proof must fail.
 *
 * usage: test_reuse_proofs [PATTERN]: the proofs whose names match, * and ?.
 */
#include "proof.h"
#include "test_reports.h"
#include "test_reuse.h"

/* A hook runs in the middle of the library: it only notes. */
static struct {
	struct zs_pool *pool;
	struct zspage *zspage;
	struct page *page[ZS_MAX_CHAIN_SIZE];
	unsigned int pages;
	unsigned int freed; /* of those */
	unsigned int freed_late; /* without class->lock and pool->lock */
	unsigned int freed_in_slot; /* the slot's lock held */
	unsigned int waited; /* for a slot */
	unsigned int taken; /* slots, by whichever way */
	unsigned int in_order; /* of those, the next one by number */
	unsigned int held; /* most slots at a time */
	unsigned int inside; /* a slot was wanted inside other locks */
} watch;

static void watch_slots(struct zs_pool *pool)
{
	memset(&watch, 0, sizeof(watch));
	watch.pool = pool;
}

/* Which slot's lock it is, or how many there are. */
static unsigned int which_slot(const void *lock)
{
	unsigned int i = 0;

	while (i < watch.pool->reuse.slots.slots &&
	       lock != &reuse_slot_of(watch.pool, i)->lock.spin)
		i++;
	return i;
}

static bool is_slot(const void *lock)
{
	return which_slot(lock) < watch.pool->reuse.slots.slots;
}

static unsigned int slots_held(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < watch.pool->reuse.slots.slots; i++)
		n += uzs_holds(&reuse_slot_of(watch.pool, i)->lock.spin);
	return n;
}

static void note_wanted(void *arg, const struct uzs_lock_event *e)
{
	if (!is_slot(e->lock))
		return;
	watch.waited++;
	/* hand_lock may be held, and slots before this one. */
	if (uzs_count_held(NULL) >
	    slots_held() + uzs_count_held("d->hand_lock"))
		watch.inside++;
}

static void note_taken(void *arg, const struct uzs_lock_event *e)
{
	if (!is_slot(e->lock))
		return;
	watch.in_order += which_slot(e->lock) == watch.taken;
	watch.taken++;
	watch.held = max(watch.held, slots_held());
}

static void note_freed(void *arg, struct zone *zone, struct page *page)
{
	for (unsigned int i = 0; i < watch.pages; i++) {
		if (watch.page[i] != page)
			continue;
		watch.freed++;
		watch.freed_late += !uzs_count_held("class->lock") &&
				    !uzs_count_held("pool->lock");
		watch.freed_in_slot += slots_held() == 1;
	}
}

static void expect(const char *what, unsigned long is, unsigned long expected)
{
	if (is != expected) {
		uzs_set_hooks(NULL);
		fail_msg("%s: %lu, expected %lu", what, is, expected);
	}
}

/* ---- nobody waits -------------------------------------------------------- */

/* Keeping and taking, staging, overflow and all, never wait for a slot: they
 * try. */
static void proof_never_waits(void **state)
{
	const struct uzs_hooks hooks = { .lock_wanted = note_wanted,
					 .lock_taken = note_taken };
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	unsigned long *h = malloc_many(pool, 1000, 60);

	watch_slots(pool);
	uzs_set_hooks(&hooks);
	keep(pool, h, 60);
	for (unsigned int i = 0; i < 30; i++)
		must_malloc(pool, 1000);
	uzs_set_hooks(NULL);
	expect("waits for a slot", watch.waited, 0);
	expect("slots taken", watch.taken, 60 + 30);
	assert_int_equal(zs_destroy_pool(pool), 30);
	free(h);
}

/* ---- who takes all slots ------------------------------------------------- */

static void check_pool(struct zs_pool *pool)
{
	assert_sound(pool);
}

static void prepare_fork(struct zs_pool *pool)
{
	zs_fork_prepare(pool);
	zs_fork_parent(pool);
}

static void look_once(struct zs_pool *pool)
{
	assert_true(zs_drain(pool) > 0);
}

/* Each slot, in order, and before any other lock but hand_lock; all at once
 * where the whole pool must stand still. */
static void proof_all_slots(void **state)
{
	static const struct {
		const char *name;
		void (*call)(struct zs_pool *pool);
		bool at_once;
	} calls[] = {
		{ "zs_pool_check", check_pool, true },
		{ "zs_fork_prepare", prepare_fork, true },
		{ "the worker's look", look_once, false },
		{ "zs_free_deferred_flush", zs_free_deferred_flush, false },
	};
	const struct uzs_hooks hooks = { .lock_wanted = note_wanted,
					 .lock_taken = note_taken };
	struct zs_pool *pool =
		make_deferring(ZS_DEFER_REUSE, ZS_POOL_NO_WORKER);
	unsigned int slots = pool->reuse.slots.slots;

	queue_many(pool, 1000, 2 * STAGED);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		print_message("%s\n", calls[i].name);
		watch_slots(pool);
		uzs_set_hooks(&hooks);
		calls[i].call(pool);
		uzs_set_hooks(NULL);
		expect("slots waited for", watch.waited, slots);
		expect("slots taken", watch.taken, slots);
		expect("slots taken in order", watch.in_order, slots);
		expect("slots held at once", watch.held,
		       calls[i].at_once ? slots : 1);
		expect("slots wanted inside other locks", watch.inside, 0);
	}
	assert_int_equal(zs_destroy_pool(pool), 0);
}

static int free_and_malloc(unsigned long handle, void *arg)
{
	struct zs_pool *pool = arg;

	assert_true(zs_free_deferred(pool, handle));
	assert_false(
		zs_is_err(zs_malloc(pool, 1000, GFP_KERNEL, NUMA_NO_NODE)));
	return 1;
}

static int flush_in_walk(unsigned long handle, void *arg)
{
	assert_int_equal(uzs_count_held(NULL), 0);
	zs_free_deferred_flush(arg);
	zs_drain(arg);
	zs_trim(arg);
	return 1;
}

/* A walk over live objects holds nothing during its callback: that may free,
 * allocate, flush and trim. */
static void proof_rank(void **state)
{
	struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
	unsigned long *h = malloc_many(pool, 1000, 10);

	collect_reports(NULL);
	assert_int_equal(zs_for_each_live(pool, free_and_malloc, pool), 1);
	assert_int_equal(zs_for_each_live(pool, flush_in_walk, pool), 1);
	expect_no_report();
	assert_int_equal(end_reports(NULL), 0);
	assert_int_equal(zs_destroy_pool(pool), 10);
	free(h);
}

/* ---- where the pages go back --------------------------------------------- */

static void overflow(struct zs_pool *pool, const unsigned long *more,
		     unsigned int n)
{
	keep(pool, more, n);
}

static void flush(struct zs_pool *pool, const unsigned long *more,
		  unsigned int n)
{
	zs_free_deferred_flush(pool);
}

static void relieve(struct zs_pool *pool, const unsigned long *more,
		    unsigned int n)
{
	assert_true(uzs_reuse_flush(pool));
}

static void grow_old(struct zs_pool *pool, const unsigned long *more,
		     unsigned int n)
{
	zs_drain(pool);
	zs_drain(pool);
}

/* By whichever way: after class->lock and pool->lock are dropped, in each
 * scope, and before the slot is. */
static void proof_pages_freed(void **state)
{
	static void (*const ways[])(
		struct zs_pool * pool, const unsigned long *more,
		unsigned int n) = { overflow, flush, relieve, grow_old };
	const struct uzs_hooks hooks = { .page_freed = note_freed };

	for (size_t w = 0; w < ARRAY_SIZE(ways); w++) {
		struct zs_pool *pool = make_reuse(ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_pages(pool, 3);
		unsigned int objs = class->objs_per_zspage;
		unsigned int n = most_kept(pool, class) + STAGED;
		unsigned long *h = malloc_many(pool, room_of(class), objs + n);

		/* The first zspage has no other object. */
		for (unsigned int i = 1; i < objs; i++)
			zs_free(pool, h[i]);
		watch_slots(pool);
		watch.zspage = zspage_of(pool, h[0]);
		watch.pages = class->pages_per_zspage;
		for (unsigned int i = 0; i < watch.pages; i++)
			watch.page[i] = page_at(watch.zspage, i);
		keep(pool, h, 1);
		uzs_set_hooks(&hooks);
		ways[w](pool, h + objs, n);
		uzs_set_hooks(NULL);
		expect("pages freed", watch.freed, watch.pages);
		expect("pages freed without class->lock and pool->lock",
		       watch.freed_late, watch.pages);
		expect("pages freed with the slot", watch.freed_in_slot,
		       watch.pages);
		assert_sound(pool);
		zs_destroy_pool(pool);
		free(h);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROOF(proof_never_waits),
		PROOF(proof_all_slots),
		PROOF(proof_rank),
		PROOF(proof_pages_freed),
	};

	return run_proofs(argc, argv, tests);
}
