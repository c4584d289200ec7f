/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lockdep.c - compat's checked body: each rule of lockdep.h on order and
 * owners (N1 to N3) is broken on purpose. The report must name both places.
 * Only in builds with UZS_CHECKED.
 */
#undef UZS_LOCKS_OF_OTHERS
#define UZS_LOCKS_OF_OTHERS 0 /* the locks of these tests have an order */
#include "test_reports.h"

#include "compat/lock.h"
#include "compat/zone.h"

/* ---- N1: order ----------------------------------------------------------- */

static void test_wrong_rank_is_reported(void **state)
{
	spinlock_t outer, inner;
	int first, second;

	spin_lock_init(&outer);
	lock_set_rank(&outer, 10);
	spin_lock_init(&inner);
	lock_set_rank(&inner, 20);
	spin_lock(&outer);
	spin_lock(&inner);
	spin_unlock(&inner);
	spin_unlock(&outer);
	expect_no_report();

	AT(first, spin_lock(&inner));
	AT(second, spin_lock(&outer));
	/* Learned, too, but what the ranks say is said once. */
	expect_report(UZS_REPORT_RANK, second, first);
	spin_unlock(&outer);
	spin_unlock(&inner);
}

/* The ranks speak without that the right order was ever seen. */
static void test_ranks_hold_for_every_kind_of_lock(void **state)
{
	rwlock_t outer;
	struct mutex mutex;
	struct page page = { 0 };
	int first, second;

	rwlock_init(&outer);
	lock_set_rank(&outer, UZS_RANK_PAGE - 1);
	AT(first, lock_page(&page));
	AT(second, read_lock(&outer));
	expect_report(UZS_REPORT_RANK, second, first);
	read_unlock(&outer);
	AT(second, write_lock(&outer));
	expect_report(UZS_REPORT_RANK, second, first);
	write_unlock(&outer);
	mutex_init(&mutex);
	lock_set_rank(&mutex.spin, UZS_RANK_PAGE - 1);
	AT(second, mutex_lock(&mutex));
	expect_report(UZS_REPORT_RANK, second, first);
	mutex_unlock(&mutex);
	unlock_page(&page);
}

/* Without ranks: the order is what was seen first. */
static void test_order_is_learned_without_ranks(void **state)
{
	spinlock_t a, b;
	int a1, b1, a2, b2;
	struct seen_report *r;

	spin_lock_init(&a);
	spin_lock_init(&b);
	AT(a1, spin_lock(&a));
	AT(b1, spin_lock(&b));
	spin_unlock(&a); /* in any order */
	spin_unlock(&b);
	expect_no_report();

	for (int again = 0; again < 2; again++) {
		AT(b2, spin_lock(&b));
		AT(a2, spin_lock(&a));
		r = expect_report(UZS_REPORT_ORDER, a2, b2);
		/* And where the other order was seen. */
		assert_place(
			r, &(struct uzs_place){ .file = __FILE__, .line = a1 },
			__FILE__, a1);
		assert_place(
			r, &(struct uzs_place){ .file = __FILE__, .line = b1 },
			__FILE__, b1);
		assert_says(r, "takes a (");
		assert_says(r, "holds b (");
		spin_unlock(&a);
		spin_unlock(&b);
	}
	/* The right order is still right. */
	spin_lock(&a);
	spin_lock(&b);
	spin_unlock(&b);
	spin_unlock(&a);
	expect_no_report();
}

static rwlock_t ring_a, ring_b;
static spinlock_t ring_c;

static void *take_a_then_b(void *arg)
{
	read_lock(&ring_a);
	write_lock(&ring_b);
	write_unlock(&ring_b);
	read_unlock(&ring_a);
	return NULL;
}

static void *take_b_then_c(void *arg)
{
	read_lock(&ring_b);
	spin_lock(&ring_c);
	spin_unlock(&ring_c);
	read_unlock(&ring_b);
	return NULL;
}

/* In other threads, through a third lock; readers count as writers. */
static void test_order_through_a_third_lock(void **state)
{
	struct seen_report *r;
	int first, second;

	rwlock_init(&ring_a);
	rwlock_init(&ring_b);
	spin_lock_init(&ring_c);
	in_thread(take_a_then_b, NULL);
	in_thread(take_b_then_c, NULL);
	expect_no_report();
	AT(first, spin_lock(&ring_c));
	AT(second, read_lock(&ring_a));
	r = expect_report(UZS_REPORT_ORDER, second, first);
	assert_says(r, "before, held ring_a (");
	assert_says(r, "before, held ring_b (");
	read_unlock(&ring_a);
	spin_unlock(&ring_c);
}

/* Who tries does not wait. What he takes then has to fit. */
static void test_trylock_has_no_order(void **state)
{
	spinlock_t a, b, c;
	int tried, taken;

	spin_lock_init(&a);
	lock_set_rank(&a, 10);
	spin_lock_init(&b);
	lock_set_rank(&b, 20);
	spin_lock_init(&c);
	lock_set_rank(&c, 15);
	spin_lock(&b);
	assert_true(spin_trylock(&a));
	expect_no_report();
	spin_unlock(&b);
	AT(taken, spin_lock(&b));
	spin_unlock(&a);
	expect_no_report();
	spin_unlock(&b);

	AT(tried, assert_true(spin_trylock(&b)));
	AT(taken, spin_lock(&c));
	expect_report(UZS_REPORT_RANK, taken, tried);
	spin_unlock(&c);
	spin_unlock(&b);
	assert_true(spin_trylock(&b)); /* it was given back, all of it */
	spin_unlock(&b);
}

/* ---- N2: several of a class ---------------------------------------------- */

static void init_siblings(spinlock_t *locks, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		spin_lock_init(&locks[i]);
		lock_set_order(&locks[i], i + 1);
	}
}

static void init_plain(spinlock_t *locks, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		spin_lock_init(&locks[i]);
}

static void init_subclasses(spinlock_t *locks, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		spin_lock_init(&locks[i]);
		lock_set_subclass(&locks[i], i);
	}
}

static void test_siblings_are_taken_in_order(void **state)
{
	spinlock_t s[3];
	int first, second;

	init_siblings(s, 3);
	spin_lock(&s[0]);
	spin_lock(&s[1]);
	spin_lock(&s[2]);
	spin_unlock(&s[2]);
	spin_unlock(&s[1]);
	spin_unlock(&s[0]);
	expect_no_report();
	AT(first, spin_lock(&s[2]));
	AT(second, spin_lock(&s[1]));
	expect_report(UZS_REPORT_NESTED, second, first);
	spin_unlock(&s[1]);
	spin_unlock(&s[2]);

	/* No numbers: never two of them. */
	init_plain(s, 2);
	AT(first, spin_lock(&s[0]));
	AT(second, spin_lock(&s[1]));
	expect_report(UZS_REPORT_NESTED, second, first);
	spin_unlock(&s[1]);
	spin_unlock(&s[0]);

	/* Classes of their own: an order that is learned. */
	init_subclasses(s, 3);
	spin_lock(&s[1]);
	spin_lock(&s[0]);
	spin_unlock(&s[0]);
	spin_unlock(&s[1]);
	expect_no_report();
	AT(first, spin_lock(&s[0]));
	AT(second, spin_lock(&s[1]));
	expect_report(UZS_REPORT_ORDER, second, first);
	spin_unlock(&s[1]);
	spin_unlock(&s[0]);
}

/* ---- N3: owners ---------------------------------------------------------- */

/* Taken by its owner once more: is not waited for for ever, and given back as
 * often as it was taken. */
static void test_own_lock_taken_again_is_reported(void **state)
{
	struct page page = { 0 };
	struct mutex mutex;
	spinlock_t spin;
	rwlock_t rw;
	int first, second;

	spin_lock_init(&spin);
	AT(first, spin_lock(&spin));
	AT(second, spin_lock(&spin));
	expect_report(UZS_REPORT_RECURSION, second, first);
	spin_unlock(&spin);
	assert_true(uzs_holds(&spin));
	spin_unlock(&spin);
	assert_false(uzs_holds(&spin));
	assert_false(spin_is_locked(&spin));
	expect_no_report();

	rwlock_init(&rw);
	AT(first, read_lock(&rw));
	AT(second, read_lock(&rw)); /* behind a writer that waits: for ever */
	expect_report(UZS_REPORT_RECURSION, second, first);
	read_unlock(&rw);
	AT(second, write_lock(&rw));
	expect_report(UZS_REPORT_RECURSION, second, first);
	write_unlock(&rw);
	read_unlock(&rw);
	assert_int_equal(rw.word, 0);

	mutex_init(&mutex);
	AT(first, mutex_lock(&mutex));
	AT(second, mutex_lock(&mutex));
	expect_report(UZS_REPORT_RECURSION, second, first);
	mutex_unlock(&mutex);
	mutex_unlock(&mutex);

	AT(first, lock_page(&page));
	AT(second, lock_page(&page));
	expect_report(UZS_REPORT_RECURSION, second, first);
	unlock_page(&page);
	unlock_page(&page);
	assert_false(PageLocked(&page));

	/* To try is allowed, and in vain. */
	spin_lock(&spin);
	assert_false(spin_trylock(&spin));
	spin_unlock(&spin);
	expect_no_report();
}

struct owned {
	spinlock_t spin;
	rwlock_t rw;
	struct mutex mutex;
	pinlock_t pin;
	struct page page;
	int line;
};

/* Each AT: another thread's lock, given back by this one. */
static void *give_back_spin(void *arg)
{
	struct owned *o = arg;

	AT(o->line, spin_unlock(&o->spin));
	return NULL;
}

static void *give_back_read(void *arg)
{
	struct owned *o = arg;

	AT(o->line, read_unlock(&o->rw));
	return NULL;
}

static void *give_back_write(void *arg)
{
	struct owned *o = arg;

	AT(o->line, write_unlock(&o->rw));
	return NULL;
}

static void *give_back_mutex(void *arg)
{
	struct owned *o = arg;

	AT(o->line, mutex_unlock(&o->mutex));
	return NULL;
}

static void *give_back_page(void *arg)
{
	struct owned *o = arg;

	AT(o->line, unlock_page(&o->page));
	return NULL;
}

static void *give_back_pin(void *arg)
{
	struct owned *o = arg;

	AT(o->line, pin_write_unlock(&o->pin));
	return NULL;
}

/* It is not given back: its owner still has it. */
static void test_unlock_by_another_is_reported(void **state)
{
	struct owned o = { .line = 0 };
	struct seen_report *r;
	int taken;

	spin_lock_init(&o.spin);
	rwlock_init(&o.rw);
	mutex_init(&o.mutex);
	pinlock_init(&o.pin);

	AT(taken, spin_lock(&o.spin));
	in_thread(give_back_spin, &o);
	r = expect_report(UZS_REPORT_OWNER, o.line, taken);
	assert_says(r, "held by another thread");
	assert_true(spin_is_locked(&o.spin));
	spin_unlock(&o.spin);

	AT(taken, read_lock(&o.rw));
	in_thread(give_back_read, &o);
	expect_report(UZS_REPORT_OWNER, o.line, taken);
	read_unlock(&o.rw);
	assert_int_equal(o.rw.word, 0);

	AT(taken, write_lock(&o.rw));
	in_thread(give_back_write, &o);
	expect_report(UZS_REPORT_OWNER, o.line, taken);
	write_unlock(&o.rw);

	AT(taken, mutex_lock(&o.mutex));
	in_thread(give_back_mutex, &o);
	expect_report(UZS_REPORT_OWNER, o.line, taken);
	mutex_unlock(&o.mutex);

	AT(taken, lock_page(&o.page));
	in_thread(give_back_page, &o);
	expect_report(UZS_REPORT_OWNER, o.line, taken);
	assert_true(PageLocked(&o.page));
	unlock_page(&o.page);

	AT(taken, assert_true(pin_write_trylock(&o.pin)));
	in_thread(give_back_pin, &o);
	expect_report(UZS_REPORT_OWNER, o.line, taken);
	pin_write_unlock(&o.pin);
}

static void test_unlock_of_a_free_lock_is_reported(void **state)
{
	struct seen_report *r;
	spinlock_t spin;
	rwlock_t rw;
	int taken, given;

	spin_lock_init(&spin);
	AT(given, spin_unlock(&spin));
	r = expect_report(UZS_REPORT_OWNER, given, 0);
	assert_says(r, "held by nobody");

	rwlock_init(&rw);
	AT(taken, read_lock(&rw));
	AT(given, write_unlock(&rw));
	expect_report(UZS_REPORT_OWNER, given, taken);
	read_unlock(&rw);
	AT(taken, write_lock(&rw));
	AT(given, read_unlock(&rw));
	expect_report(UZS_REPORT_OWNER, given, taken);
	write_unlock(&rw);
	assert_int_equal(rw.word, 0);
}

static void *check_held(void *arg)
{
	struct owned *o = arg;

	AT(o->line, uzs_assert_held(&o->spin));
	return NULL;
}

static void test_wrong_assertions_are_reported(void **state)
{
	struct owned o = { .line = 0 };
	struct seen_report *r;
	int taken, here;

	spin_lock_init(&o.spin);
	uzs_assert_not_held(&o.spin);
	AT(here, uzs_assert_held(&o.spin));
	r = expect_report(UZS_REPORT_NOT_HELD, here, 0);
	assert_says(r, "&o.spin is not held");
	AT(taken, spin_lock(&o.spin));
	uzs_assert_held(&o.spin);
	assert_spin_locked(&o.spin);
	expect_no_report();
	AT(here, uzs_assert_not_held(&o.spin));
	expect_report(UZS_REPORT_HELD, here, taken);
	/* By another: that is not enough. */
	in_thread(check_held, &o);
	expect_report(UZS_REPORT_NOT_HELD, o.line, taken);
	spin_unlock(&o.spin);
}

static void test_questions_are_answered(void **state)
{
	spinlock_t a, b[2];
	rwlock_t rw;

	spin_lock_init(&a);
	init_siblings(b, 2);
	rwlock_init(&rw);
	assert_int_equal(uzs_count_held(NULL), 0);
	read_lock(&rw);
	spin_lock(&b[0]);
	spin_lock(&b[1]);
	assert_int_equal(uzs_count_held(NULL), 3);
	assert_int_equal(uzs_count_held("locks[i]"), 2);
	assert_int_equal(uzs_count_held("rw"), 1);
	assert_int_equal(uzs_count_held("a"), 0);
	assert_true(uzs_holds(&b[1]));
	assert_false(uzs_holds(&a));
	spin_unlock(&b[0]);
	assert_int_equal(uzs_count_held("locks[i]"), 1);
	assert_false(uzs_holds(&b[0]));
	assert_true(uzs_holds(&b[1]));
	spin_unlock(&b[1]);
	read_unlock(&rw);
}

int main(void)
{
#define RULE(test) \
	cmocka_unit_test_setup_teardown(test, collect_reports, end_reports)
	const struct CMUnitTest tests[] = {
		RULE(test_wrong_rank_is_reported),
		RULE(test_ranks_hold_for_every_kind_of_lock),
		RULE(test_order_is_learned_without_ranks),
		RULE(test_order_through_a_third_lock),
		RULE(test_trylock_has_no_order),
		RULE(test_siblings_are_taken_in_order),
		RULE(test_own_lock_taken_again_is_reported),
		RULE(test_unlock_by_another_is_reported),
		RULE(test_unlock_of_a_free_lock_is_reported),
		RULE(test_wrong_assertions_are_reported),
		RULE(test_questions_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
