/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_hooks.c - compat's checked body: where hooks are called, with which
 * arguments and in which order, and trylocks that are made to fail. Only in
 * builds with UZS_CHECKED.
 */
#include "jobs.h"
#include "test_defer.h"
#include "test_reports.h"

#include "compat/fault.h"
#include "compat/checked/hooks.h"

/* ---- what happened ------------------------------------------------------- */

enum what { WANTED, TAKEN, RELEASED, RESET, FREED, SCHEDULED };

struct event {
	enum what what;
	const void *about; /* lock, page or work */
	const char *name; /* of a lock's class */
	int line;
	int detail; /* kind of lock, or the answer */
};

#define MAX_EVENTS 256

static struct {
	struct event event[MAX_EVENTS];
	unsigned int nr;
	spinlock_t *touch; /* lock that a hook takes and gives back */
} happened;

static void note(enum what what, const void *about, const char *name, int line,
		 int detail)
{
	if (happened.nr < MAX_EVENTS)
		happened.event[happened.nr] =
			(struct event){ what, about, name, line, detail };
	happened.nr++;
	if (happened.touch) {
		spin_lock(happened.touch);
		spin_unlock(happened.touch);
	}
}

static void on_wanted(void *arg, const struct uzs_lock_event *e)
{
	assert_ptr_equal(arg, &happened);
	note(WANTED, e->lock, e->name, e->place->line, (int)e->kind);
}

static void on_taken(void *arg, const struct uzs_lock_event *e)
{
	assert_true(uzs_holds(e->lock));
	note(TAKEN, e->lock, e->name, e->place->line, (int)e->kind);
}

static void on_released(void *arg, const struct uzs_lock_event *e)
{
	assert_false(uzs_holds(e->lock));
	note(RELEASED, e->lock, e->name, e->place->line, (int)e->kind);
}

static void on_reset(void *arg, struct page *page)
{
	assert_false(page_flags(page) & PG_movable);
	note(RESET, page, NULL, 0, 0);
}

static void on_freed(void *arg, struct zone *zone, struct page *page)
{
	note(FREED, page, NULL, 0, 0);
}

static void on_scheduled(void *arg, struct workqueue_struct *wq,
			 struct work_struct *work, bool queued)
{
	note(SCHEDULED, work, NULL, 0, queued);
}

static const struct uzs_hooks all_hooks = {
	.lock_wanted = on_wanted,
	.lock_taken = on_taken,
	.lock_released = on_released,
	.page_reset = on_reset,
	.page_freed = on_freed,
	.work_scheduled = on_scheduled,
	.arg = &happened,
};

static void listen(const struct uzs_hooks *hooks)
{
	happened.nr = 0;
	happened.touch = NULL;
	uzs_set_hooks(hooks);
}

static int stop(void **state)
{
	uzs_set_hooks(NULL);
	uzs_fault_set_trylock(NULL, 0);
	return 0;
}

static void assert_event(unsigned int n, enum what what, const void *about,
			 int line)
{
	assert_true(n < happened.nr);
	assert_int_equal(happened.event[n].what, what);
	assert_ptr_equal(happened.event[n].about, about);
	if (line)
		assert_int_equal(happened.event[n].line, line);
}

/* ---- locks --------------------------------------------------------------- */

static void test_locks_call_their_hooks(void **state)
{
	struct page page = { 0 };
	spinlock_t spin;
	rwlock_t rw;
	pinlock_t pin;
	int l1, l2;

	spin_lock_init(&spin);
	rwlock_init(&rw);
	pinlock_init(&pin);
	listen(&all_hooks);
	AT(l1, spin_lock(&spin));
	AT(l2, spin_unlock(&spin));
	assert_int_equal(happened.nr, 3);
	assert_event(0, WANTED, &spin, l1);
	assert_event(1, TAKEN, &spin, l1);
	assert_event(2, RELEASED, &spin, l2);
	assert_string_equal(happened.event[0].name, "spin");
	assert_int_equal(happened.event[0].detail, UZS_LOCK_SPIN);

	/* Who tries wants nothing. */
	listen(&all_hooks);
	AT(l1, assert_true(write_trylock(&rw)));
	assert_false(read_trylock(&rw));
	write_unlock(&rw);
	assert_int_equal(happened.nr, 2);
	assert_event(0, TAKEN, &rw, l1);
	assert_event(1, RELEASED, &rw, 0);
	assert_int_equal(happened.event[0].detail, UZS_LOCK_WRITE);

	listen(&all_hooks);
	read_lock(&rw);
	read_unlock(&rw);
	lock_page(&page);
	unlock_page(&page);
	assert_true(pin_write_trylock(&pin));
	pin_write_unlock(&pin);
	assert_int_equal(happened.nr, 8);
	assert_int_equal(happened.event[1].detail, UZS_LOCK_READ);
	assert_event(4, TAKEN, &page, 0);
	assert_string_equal(happened.event[4].name, "page lock");
	assert_int_equal(happened.event[6].detail, UZS_LOCK_PIN);

	/* None: nothing. */
	listen(NULL);
	spin_lock(&spin);
	spin_unlock(&spin);
	assert_int_equal(happened.nr, 0);
	/* Some: those. */
	listen(&(struct uzs_hooks){ .lock_taken = on_taken, .arg = &happened });
	spin_lock(&spin);
	spin_unlock(&spin);
	uzs_set_hooks(NULL);
	assert_int_equal(happened.nr, 1);
}

/* What a hook does itself calls no hooks. */
static void test_no_hooks_inside(void **state)
{
	spinlock_t spin, other;

	spin_lock_init(&spin);
	spin_lock_init(&other);
	listen(&all_hooks);
	happened.touch = &other;
	spin_lock(&spin);
	spin_unlock(&spin);
	assert_int_equal(happened.nr, 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_ptr_equal(happened.event[i].about, &spin);
}

/* ---- pages and work ------------------------------------------------------ */

/* One free that empties a zspage: each of its pages is locked, reset, unlocked
 * and given back, in that order. */
static void test_emptied_zspage_calls_hooks_in_order(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	struct size_class *class = class_of_pages(pool, 3);
	unsigned long handle = must_malloc(pool, room_of(class));
	struct zspage *zspage = zspage_of(pool, handle);
	struct page *pages[ZS_MAX_CHAIN_SIZE];
	unsigned int n = class->pages_per_zspage;

	for (unsigned int i = 0; i < n; i++)
		pages[i] = page_at(zspage, i);
	listen(&all_hooks);
	zs_free(pool, handle);
	uzs_set_hooks(NULL);
	assert_in_range(happened.nr, 1, MAX_EVENTS);
	for (unsigned int i = 0; i < n; i++) {
		enum what expected[] = { TAKEN, RESET, RELEASED, FREED };
		unsigned int next = 0;

		for (unsigned int e = 0; e < happened.nr; e++) {
			if (happened.event[e].about != pages[i])
				continue;
			assert_true(next < ARRAY_SIZE(expected));
			assert_int_equal(happened.event[e].what,
					 expected[next++]);
		}
		assert_int_equal(next, ARRAY_SIZE(expected));
	}
	zs_destroy_pool(pool);
}

static void test_scheduled_work_calls_its_hook(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	const struct uzs_hooks hooks = { .work_scheduled = on_scheduled };

	listen(&hooks);
	uzs_kick_free(pool);
	uzs_kick_free(pool); /* it is queued already */
	uzs_set_hooks(NULL);
	assert_int_equal(happened.nr, 2);
	assert_event(0, SCHEDULED, &pool->free_work, 0);
	assert_event(1, SCHEDULED, &pool->free_work, 0);
	assert_true(happened.event[0].detail);
	assert_false(happened.event[1].detail);
	zs_drain(pool);
	zs_destroy_pool(pool);
}

/* ---- tries that fail ----------------------------------------------------- */

static void test_nth_trylock_fails(void **state)
{
	struct page page = { 0 };
	spinlock_t one, two;

	spin_lock_init(&one);
	spin_lock_init(&two);
	for (long nth = 1; nth <= 4; nth++) {
		uzs_fault_set_trylock(NULL, nth);
		for (long i = 1; i <= 3; i++) {
			bool got = spin_trylock(&one);

			assert_int_equal(got, i != nth);
			assert_int_equal(spin_is_locked(&one), got);
			assert_int_equal(uzs_fault_seen(UZS_FAULT_TRYLOCK), i);
			if (got)
				spin_unlock(&one);
		}
		/* Who waits does not try. */
		spin_lock(&one);
		spin_unlock(&one);
		assert_int_equal(uzs_fault_seen(UZS_FAULT_TRYLOCK), 3);
	}
	/* Of one class only. */
	uzs_fault_set_trylock("two", 1);
	assert_true(spin_trylock(&one));
	assert_true(trylock_page(&page));
	assert_false(spin_trylock(&two));
	assert_true(spin_trylock(&two));
	assert_int_equal(uzs_fault_seen(UZS_FAULT_TRYLOCK), 2);
	spin_unlock(&one);
	spin_unlock(&two);
	unlock_page(&page);
	/* The page lock, too. */
	uzs_fault_set_trylock("page lock", 1);
	assert_false(trylock_page(&page));
	assert_true(trylock_page(&page));
	unlock_page(&page);
}

int main(void)
{
#define HOOK(test) cmocka_unit_test_teardown(test, stop)
	const struct CMUnitTest tests[] = {
		HOOK(test_locks_call_their_hooks),
		HOOK(test_no_hooks_inside),
		HOOK(test_emptied_zspage_calls_hooks_in_order),
		HOOK(test_scheduled_work_calls_its_hook),
		HOOK(test_nth_trylock_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
