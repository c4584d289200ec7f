/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_scope_proofs.c - what the lock scopes promise, seen from inside by the
 * hooks of compat's checked body. Only in builds with UZS_CHECKED.
 *
 * Every proof runs in each scope, with pages of 4 and of 64 KiB, and with each
 * deferral, because each frees on another path: at once, from the array, from
 * the per-CPU buffers and from what is kept for reuse (in runs). For each
 * proof tests/wrong/proofs has a variant of the library with which it must
 * fail.
 *
 * usage: test_scope_proofs [PATTERN]: the proofs whose names match, * and ?.
 */
#include "class.h"
#include "kernel/access.h"
#include "kernel/zspage.h"
#include "proof.h"

#include "compat/checked/lockstat.h"

#define for_each_mode(mode)                           \
	for (enum zs_defer_mode mode = ZS_DEFER_NONE; \
	     mode <= VARIANT_LAST_DEFER; mode++)

static const char *mode_name(enum zs_defer_mode mode)
{
	static const char *const names[] = { "default", "at once", "array",
					     "per-CPU", "reuse" };

	return names[mode];
}

/* Frees handles, by now. */
static void free_by(struct zs_pool *pool, const unsigned long *handles,
		    unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (pool->deferred.mode == ZS_DEFER_NONE)
			zs_free(pool, handles[i]);
		else
			assert_true(zs_free_deferred(pool, handles[i]));
	zs_free_deferred_flush(pool);
}

/* Runs, of the per-CPU buffers or of what was kept, free late in every
 * scope. */
static bool frees_runs(enum zs_defer_mode mode)
{
	return mode == ZS_DEFER_PERCPU || mode == ZS_DEFER_REUSE;
}

static bool frees_late(enum zs_defer_mode mode)
{
	return test_scope != ZS_SCOPE_HELD || frees_runs(mode);
}

/* ---- what the hooks watch ------------------------------------------------ */

/* One zspage. A hook runs in the middle of the library, with its locks: it
 * only notes what is wrong, and the test says so afterwards. */
static struct {
	struct zs_pool *pool;
	struct size_class *class;
	struct zspage *zspage;
	struct page *page[ZS_MAX_CHAIN_SIZE];
	unsigned int pages;
	unsigned int freed; /* pages */
	unsigned int freed_in_class; /* of those, under class->lock */
	unsigned int freed_in_pool; /* under pool->lock */
	unsigned int nr_reset;
	bool reset[ZS_MAX_CHAIN_SIZE];
	bool done; /* what the hook does once */
	unsigned int scheduled; /* times */
	const struct work_struct *work; /* this work */
	char events[1024];
	char wrong[256]; /* the first that is */
} watch;

static void watch_zspage(struct zs_pool *pool, unsigned long handle)
{
	memset(&watch, 0, sizeof(watch));
	watch.pool = pool;
	watch.zspage = zspage_of(pool, handle);
	watch.class = zspage_class(pool, watch.zspage);
	watch.pages = watch.class->pages_per_zspage;
	for (unsigned int i = 0; i < watch.pages; i++)
		watch.page[i] = page_at(watch.zspage, i);
}

__attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...)
{
	va_list args;

	if (watch.wrong[0])
		return;
	va_start(args, format);
	vsnprintf(watch.wrong, sizeof(watch.wrong), format, args);
	va_end(args);
}

static void assert_nothing_wrong(enum zs_defer_mode mode)
{
	uzs_set_hooks(NULL);
	if (watch.wrong[0])
		fail_msg("%s: %s", mode_name(mode), watch.wrong);
}

/* A count that the proof is about. */
static void expect(enum zs_defer_mode mode, const char *what, unsigned long is,
		   unsigned long expected)
{
	if (is != expected)
		fail_msg("%s: %s: %lu, expected %lu", mode_name(mode), what, is,
			 expected);
}

/* Which page of the zspage it is, or watch.pages. */
static unsigned int which(const void *page)
{
	unsigned int i = 0;

	while (i < watch.pages && watch.page[i] != page)
		i++;
	return i;
}

static void count_freed(void *arg, struct zone *zone, struct page *page)
{
	if (which(page) == watch.pages)
		return;
	watch.freed++;
	watch.freed_in_class += uzs_count_held("class->lock") != 0;
	watch.freed_in_pool += uzs_count_held("pool->lock") != 0;
}

static void count_scheduled(void *arg, struct workqueue_struct *wq,
			    struct work_struct *work, bool queued)
{
	watch.scheduled += work == watch.work;
}

/* ---- where the pages go back --------------------------------------------- */

/* In `held` with class->lock held, else after it. Never under pool->lock. */
static void proof_pages_freed(void **state)
{
	const struct uzs_hooks hooks = { .page_freed = count_freed };

	for_each_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_pages(pool, 3);
		unsigned int objs = class->objs_per_zspage;
		unsigned long *handles =
			malloc_many(pool, room_of(class), objs);

		watch_zspage(pool, handles[0]);
		uzs_set_hooks(&hooks);
		free_by(pool, handles, objs);
		uzs_set_hooks(NULL);
		expect(mode, "pages freed", watch.freed, watch.pages);
		expect(mode, "pages freed under class->lock",
		       watch.freed_in_class,
		       frees_late(mode) ? 0 : watch.pages);
		expect(mode, "pages freed under pool->lock",
		       watch.freed_in_pool, 0);
		free(handles);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* ---- which locks a free takes -------------------------------------------- */

static void add_event(const struct uzs_lock_event *e, const char *sign)
{
	size_t used = strlen(watch.events);
	const char *name;

	if (e->lock == &watch.pool->lock)
		name = e->kind == UZS_LOCK_READ ? "pool-r" : "pool-w";
	else if (strcmp(e->name, "class->lock") == 0)
		name = e->lock == &watch.class->lock ? "class" : "another";
	else
		return;
	snprintf(watch.events + used, sizeof(watch.events) - used, "%s%s%s",
		 used ? " " : "", name, sign);
}

static void note_wanted(void *arg, const struct uzs_lock_event *e)
{
	add_event(e, "?");
}

static void note_taken(void *arg, const struct uzs_lock_event *e)
{
	add_event(e, "+");
}

static void note_released(void *arg, const struct uzs_lock_event *e)
{
	add_event(e, "-");
}

/* The drawing in scope.c: pool->lock to look up, class->lock before it is
 * dropped; and no pool->lock at all in class-idx. */
static void proof_lock_sequence(void **state)
{
	const struct uzs_hooks hooks = {
		.lock_wanted = note_wanted,
		.lock_taken = note_taken,
		.lock_released = note_released,
	};

	for_each_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_pages(pool, 2);
		unsigned long *handles = malloc_many(pool, room_of(class), 2);
		const char *expected;

		if (pool->scope->class_in_obj)
			expected = "class? class+ class-";
		else if (mode == ZS_DEFER_REUSE) /* for its class first */
			expected = "pool-r? pool-r+ pool-r- pool-r? pool-r+ "
				   "class? class+ class- pool-r-";
		else if (mode == ZS_DEFER_PERCPU) /* for the run's next */
			expected = "pool-r? pool-r+ class? class+ class- "
				   "pool-r-";
		else
			expected = "pool-r? pool-r+ class? class+ pool-r- "
				   "class-";
		/* Of a zspage that is left, and of one that is emptied. */
		for (int i = 0; i < 2; i++) {
			watch_zspage(pool, handles[i]);
			uzs_set_hooks(&hooks);
			free_by(pool, &handles[i], 1);
			uzs_set_hooks(NULL);
			if (strcmp(watch.events, expected) != 0)
				fail_msg("%s: locks are taken and dropped "
					 "\"%s\", expected \"%s\"",
					 mode_name(mode), watch.events,
					 expected);
		}
		free(handles);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* ---- the page locks of an emptied zspage --------------------------------- */

static void check_released(void *arg, const struct uzs_lock_event *e)
{
	unsigned int n = which(e->lock);

	if (n < watch.pages && !watch.reset[n])
		wrong("page %u was unlocked before it was reset", n);
	if (e->lock != &watch.class->lock)
		return;
	for (unsigned int i = 0; i < watch.pages; i++)
		if (!watch.reset[i] && !uzs_holds(watch.page[i]))
			wrong("class->lock was dropped, page %u not locked", i);
}

static void check_reset(void *arg, struct page *page)
{
	unsigned int n = which(page);

	if (n == watch.pages)
		return;
	if (!uzs_holds(page))
		wrong("page %u was reset without its lock", n);
	watch.reset[n] = true;
	watch.nr_reset++;
}

static void check_freed(void *arg, struct zone *zone, struct page *page)
{
	unsigned int n = which(page);

	if (n == watch.pages)
		return;
	if (!watch.reset[n] || uzs_holds(page))
		wrong("page %u was freed without having been reset", n);
	watch.freed++;
}

/* Held from before class->lock is dropped until each page is reset. */
static void proof_page_locks(void **state)
{
	const struct uzs_hooks hooks = {
		.lock_released = check_released,
		.page_reset = check_reset,
		.page_freed = check_freed,
	};

	for_each_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_pages(pool, 4);
		unsigned long handle = must_malloc(pool, room_of(class));

		watch_zspage(pool, handle);
		uzs_set_hooks(&hooks);
		free_by(pool, &handle, 1);
		assert_nothing_wrong(mode);
		expect(mode, "pages reset", watch.nr_reset, watch.pages);
		expect(mode, "pages freed", watch.freed, watch.pages);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* ---- migration in between ------------------------------------------------ */

static void help_trim(struct helper *h)
{
	zs_trim(h->pool);
}

static unsigned long page_tries_failed(void)
{
	struct uzs_lockstat s;

	assert_true(uzs_lockstat_get("page lock", false, &s));
	return s.tries_failed;
}

/* class->lock and pool->lock are dropped, the pages are not reset yet:
 * everything that moves pages or zspages passes by, from the start to the
 * end. */
static void migrate_in_between(void *arg, const struct uzs_lock_event *e)
{
	unsigned long failed = page_tries_failed();
	unsigned long moved = READ_ONCE(watch.pool->zone.pages_migrated);
	struct helper h = { .n = 0 };
	struct zpdesc *zpdesc;

	if (e->lock != &watch.class->lock && e->lock != &watch.pool->lock)
		return;
	if (uzs_holds(&watch.class->lock) || uzs_holds(&watch.pool->lock) ||
	    watch.done)
		return;
	/* Its class was only looked up: it is not being freed yet. */
	if (watch.zspage->inuse)
		return;
	watch.done = true;
	helper_start(&h, watch.pool, help_trim);
	helper_join(&h);
	zpdesc = watch.zspage->first_zpdesc;
	/* A page that was taken may be gone: it is only compared. */
	for (unsigned int i = 0; i < watch.pages; i++) {
		if (zpdesc_page(zpdesc) != watch.page[i] ||
		    !uzs_holds(watch.page[i]))
			wrong("page %u was taken by a migration", i);
		zpdesc = get_next_zpdesc(zpdesc);
	}
	if (READ_ONCE(watch.pool->zone.pages_migrated) == moved)
		wrong("nothing was migrated at all");
	if (page_tries_failed() == failed)
		wrong("no migration tried a page of the zspage");
}

/* It gives up, cleanly. (In `held` class->lock keeps it away all the time.) */
static void proof_migration(void **state)
{
	const struct uzs_hooks hooks = { .lock_released = migrate_in_between };

	for_each_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_pages(pool, 3);
		unsigned int crowd =
			(unsigned int)(3 * UZS_SECTION_SIZE / pool->page_size);
		unsigned long *handles, handle;
		unsigned int kept = 0;

		if (!frees_late(mode)) {
			zs_destroy_pool(pool);
			continue;
		}
		/* The zspage is in the sparsest section, among pages that are
		 * moved out of there. */
		handles = malloc_many(pool, pool->page_size, crowd + 8);
		for (unsigned int i = crowd; i < crowd + 8; i++)
			zs_free(pool, handles[i]);
		handle = must_malloc(pool, room_of(class));
		for (unsigned int i = crowd; i < crowd + 8; i++)
			handles[i] = must_malloc(pool, pool->page_size);
		for (unsigned int i = 0; i < crowd + 8; i++)
			if (i < crowd && i % 4)
				zs_free(pool, handles[i]);
			else
				handles[kept++] = handles[i];
		for (unsigned int i = 0; i < kept; i++)
			assert_true(object_fill(pool, handles[i],
						pool->page_size, i));
		watch_zspage(pool, handle);
		uzs_set_hooks(&hooks);
		free_by(pool, &handle, 1);
		assert_nothing_wrong(mode);
		expect(mode, "migrations in between", watch.done, 1);
		expect(mode, "pages in the pool", zs_get_total_pages(pool),
		       kept);
		assert_sound(pool);
		for (unsigned int i = 0; i < kept; i++)
			assert_true(object_ok(pool, handles[i], pool->page_size,
					      i));
		for (unsigned int i = 0; i < kept; i++)
			zs_free(pool, handles[i]);
		free(handles);
		assert_nothing_left(pool);
		zs_destroy_pool(pool);
	}
}

/* ---- an object that moves before its class is locked --------------------- */

static struct {
	unsigned long handle; /* to be freed */
	unsigned long other; /* takes its place */
	struct zspage *to;
} move;

/* As compaction does it, but of one object: to another zspage. Then somebody
 * else's object takes the place that it had. */
static void help_move(struct helper *h)
{
	struct size_class *class = watch.class;
	unsigned long from, to;

	write_lock(&h->pool->lock);
	spin_lock(&class->lock);
	from = handle_to_obj(move.handle);
	to = uzs_obj_malloc(h->pool, class, move.to, move.handle);
	uzs_obj_copy(h->pool, class, to, from);
	record_obj(move.handle, to);
	uzs_obj_free(h->pool, class, watch.zspage, from, false);
	uzs_fix_fullness_group(class, move.to);
	uzs_fix_fullness_group(class, watch.zspage);
	spin_unlock(&class->lock);
	write_unlock(&h->pool->lock);
	move.other =
		zs_malloc(h->pool, room_of(class), GFP_KERNEL, NUMA_NO_NODE);
	if (zs_is_err(move.other) || handle_to_obj(move.other) != from)
		wrong("the place was not taken again");
}

/* The class is found, but not locked yet. */
static void move_in_between(void *arg, const struct uzs_lock_event *e)
{
	struct helper h = { .n = 0 };

	if (e->lock != &watch.class->lock || watch.done)
		return;
	watch.done = true;
	if (!watch.pool->scope->class_in_obj) {
		/* It cannot. */
		if (!uzs_holds(&watch.pool->lock))
			wrong("the object could move before its class was "
			      "locked");
		return;
	}
	helper_start(&h, watch.pool, help_move);
	helper_join(&h);
}

/* The object that is freed is the one that the handle names when its class is
 * locked, wherever it was before. */
static void proof_moved_object(void **state)
{
	const struct uzs_hooks hooks = { .lock_wanted = move_in_between };

	for_each_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_pages(pool, 3);
		unsigned int objs = class->objs_per_zspage;
		size_t size = room_of(class);
		unsigned long *handles = malloc_many(pool, size, objs + 2);
		unsigned long live;

		/* The first zspage has room for one, the second two objects. */
		zs_free(pool, handles[0]);
		move.to = zspage_of(pool, handles[1]);
		move.handle = handles[objs];
		move.other = 0;
		for (unsigned int i = 1; i < objs + 2; i++)
			assert_true(object_fill(pool, handles[i], size, i));
		watch_zspage(pool, move.handle);
		uzs_set_hooks(&hooks);
		free_by(pool, &move.handle, 1);
		assert_nothing_wrong(mode);
		expect(mode, "moves in between", watch.done, 1);
		live = objs - 1 + 1 + (move.other != 0);
		expect(mode, "objects live", inuse(class), live);
		if (move.other && zspage_of(pool, move.other) != watch.zspage)
			fail_msg("%s: another object was freed",
				 mode_name(mode));
		if (zs_pool_check(pool, stderr))
			fail_msg("%s: another object was freed",
				 mode_name(mode));
		for (unsigned int i = 1; i < objs + 2; i++)
			if (i != objs)
				assert_true(
					object_ok(pool, handles[i], size, i));
		for (unsigned int i = 1; i < objs + 2; i++)
			if (i != objs)
				zs_free(pool, handles[i]);
		zs_free(pool, move.other);
		free(handles);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* ---- one page is locked -------------------------------------------------- */

/* The emptied zspage stays in group 0, counted, its other pages unlocked; the
 * work is scheduled, once. */
static void empty_with_page_locked(struct zs_pool *pool,
				   enum zs_defer_mode mode, unsigned int busy)
{
	const struct uzs_hooks hooks = { .page_freed = count_freed,
					 .work_scheduled = count_scheduled };
	struct size_class *class = class_of_pages(pool, 3);
	unsigned long handle = must_malloc(pool, room_of(class));

	watch_zspage(pool, handle);
	watch.work = &pool->free_work;
	lock_page(watch.page[busy]);
	uzs_set_hooks(&hooks);
	free_by(pool, &handle, 1);
	uzs_set_hooks(NULL);
	expect(mode, "pages freed, one being locked", watch.freed, 0);
	expect(mode, "zspages in group 0",
	       class->groups->zspages[ZS_INUSE_RATIO_0], 1);
	assert_ptr_equal(class->groups->list[ZS_INUSE_RATIO_0].next,
			 &watch.zspage->list);
	expect(mode, "objs_capacity", class->objs_capacity,
	       class->objs_per_zspage);
	expect(mode, "async work scheduled", watch.scheduled, 1);
	assert_true(work_pending(&pool->free_work));
	for (unsigned int i = 0; i < watch.pages; i++)
		expect(mode, "a page is locked", PageLocked(watch.page[i]),
		       i == busy);
	expect(mode, "locks held after it", uzs_count_held(NULL), 1);
	assert_sound(pool);
}

static void proof_page_locked(void **state)
{
	const struct uzs_hooks hooks = { .page_freed = count_freed };

	for_each_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_pages(pool, 3);

		for (unsigned int busy = 0; busy < class->pages_per_zspage;
		     busy++) {
			unsigned long handle;

			/* A later zs_malloc may take it. */
			empty_with_page_locked(pool, mode, busy);
			handle = must_malloc(pool, room_of(class));
			assert_ptr_equal(zspage_of(pool, handle), watch.zspage);
			zs_drain(pool);
			assert_ptr_equal(zspage_of(pool, handle), watch.zspage);
			unlock_page(watch.page[busy]);
			assert_sound(pool);
			free_by(pool, &handle, 1);
			expect(mode, "pages in the pool",
			       zs_get_total_pages(pool), 0);

			/* Or the work frees it, class->lock held. */
			empty_with_page_locked(pool, mode, busy);
			unlock_page(watch.page[busy]);
			uzs_set_hooks(&hooks);
			zs_drain(pool);
			uzs_set_hooks(NULL);
			expect(mode, "pages freed by the work", watch.freed,
			       watch.pages);
			expect(mode, "of those under class->lock",
			       watch.freed_in_class, watch.pages);
			expect(mode, "objs_capacity", class->objs_capacity, 0);
			assert_empty(pool);
		}
		zs_destroy_pool(pool);
	}
}

/* ---- capacity ------------------------------------------------------------ */

/* Subtracted once for each zspage, whoever frees it. */
static void proof_capacity(void **state)
{
	for_each_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		struct size_class *class = class_of_pages(pool, 2);
		unsigned int objs = class->objs_per_zspage;
		unsigned long *handles =
			malloc_many(pool, room_of(class), 5 * objs);
		struct page *page;

		expect(mode, "objs_capacity", class->objs_capacity, 5 * objs);
		free_by(pool, handles, objs);
		expect(mode, "objs_capacity, one zspage less",
		       class->objs_capacity, 4 * objs);
		/* by compaction: a zspage's worth of holes in two of them */
		free_by(pool, handles + objs, objs / 2);
		free_by(pool, handles + 2 * objs, objs - objs / 2);
		assert_true(zs_compact(pool) > 0);
		expect(mode, "objs_capacity after compaction",
		       class->objs_capacity, 3 * objs);
		/* by the async work */
		page = page_at(zspage_of(pool, handles[3 * objs]), 0);
		lock_page(page);
		free_by(pool, handles + 3 * objs, objs);
		expect(mode, "objs_capacity, a page locked",
		       class->objs_capacity, 3 * objs);
		unlock_page(page);
		zs_drain(pool);
		expect(mode, "objs_capacity after the async work",
		       class->objs_capacity, 2 * objs);
		free_by(pool, handles + objs + objs / 2, objs - objs / 2);
		free_by(pool, handles + 3 * objs - objs / 2, objs / 2);
		free_by(pool, handles + 4 * objs, objs);
		expect(mode, "objs_capacity of nothing", class->objs_capacity,
		       0);
		free(handles);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

/* ---- when the work is scheduled ------------------------------------------ */

/* The array: when half is reached, and not again until it is drained. Per-CPU
 * buffers: when one is full. */
static void proof_schedule(void **state)
{
	const struct uzs_hooks hooks = { .work_scheduled = count_scheduled };

	for_each_queue_mode(mode)
	{
		struct zs_pool *pool = make_deferring(mode, ZS_POOL_NO_WORKER);
		unsigned int n = threshold(pool);
		unsigned long handle = must_malloc(pool, TINY);

		one_cpu(pool);
		for (unsigned int round = 0; round < 2; round++) {
			watch_zspage(pool, handle);
			watch.work = &pool->deferred.work;
			uzs_set_hooks(&hooks);
			queue_many(pool, TINY, n - 1);
			expect(mode, "work scheduled before the threshold",
			       watch.scheduled, 0);
			queue_many(pool, TINY, 1);
			expect(mode, "work scheduled at the threshold",
			       watch.scheduled, 1);
			assert_true(work_due(pool));
			queue_many(pool, TINY, n - 1);
			expect(mode, "work scheduled after the threshold",
			       watch.scheduled, 1);
			uzs_set_hooks(NULL);
			zs_free_deferred_flush(pool);
			zs_drain(pool);
			assert_false(work_due(pool));
		}
		zs_free(pool, handle);
		assert_empty(pool);
		zs_destroy_pool(pool);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROOF(proof_pages_freed),  PROOF(proof_lock_sequence),
		PROOF(proof_page_locks),   PROOF(proof_migration),
		PROOF(proof_moved_object), PROOF(proof_page_locked),
		PROOF(proof_capacity),	   PROOF(proof_schedule),
	};

	return run_proofs(argc, argv, tests);
}
