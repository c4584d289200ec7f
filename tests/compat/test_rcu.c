/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_rcu.c - compat/rcu.h: guarantees G1 to G3. Readers use plain accesses
 * on what a writer frees: ASan sees a reader that comes too late, TSan one
 * that is not ordered. A thread that waits for ever ends the program by
 * alarm.
 */
#include "test_process.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "compat/rcu.h"

#define NR_READERS 3
#define POISON 0x6b6b6b6bul
/* Each takes liburcu up to 20 ms while there are always readers. */
#define REPLACEMENTS 50ul

struct thing {
	unsigned long a, b; /* plain; equal and not POISON */
	struct list_head list;
};

struct world {
	struct thing *thing; /* RCU */
	struct list_head things; /* RCU, written by the main thread */
	unsigned long epoch; /* plain; see the last two tests */
	unsigned int ready; /* atomic: readers that have begun */
	unsigned long wrong; /* atomic */
	unsigned long seen; /* atomic: things that were looked at */
	bool stop; /* atomic */
	bool done; /* atomic: synchronize_rcu returned */
};

static struct thing *new_thing(unsigned long value)
{
	struct thing *t = malloc(sizeof(*t));

	assert_non_null(t);
	t->a = value;
	t->b = value;
	return t;
}

static void free_thing(struct thing *t)
{
	/* without ASan a late reader notices this */
	t->a = POISON;
	t->b = POISON + 1;
	free(t);
}

static void look_at(struct world *w, const struct thing *t)
{
	if (t->a != t->b)
		__atomic_fetch_add(&w->wrong, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&w->seen, 1, __ATOMIC_RELAXED);
}

static void wait_ready(struct world *w)
{
	while (smp_load_acquire(&w->ready) != NR_READERS)
		sched_yield();
}

/* ------------------------------------------------------------------------
 * A pointer
 */

static void *read_pointer(void *arg)
{
	struct world *w = arg;
	bool first = true;

	do {
		rcu_read_lock();
		look_at(w, rcu_dereference(w->thing));
		/* nested; the inner end does not end it */
		rcu_read_lock();
		rcu_read_unlock();
		look_at(w, rcu_dereference(w->thing));
		rcu_read_unlock();
		if (first)
			__atomic_fetch_add(&w->ready, 1, __ATOMIC_RELEASE);
		first = false;
	} while (!smp_load_acquire(&w->stop));
	return NULL;
}

static void test_readers_see_old_or_new(void **state)
{
	pthread_t readers[NR_READERS];
	struct world w = { .thing = new_thing(1) };

	for (unsigned int i = 0; i < NR_READERS; i++)
		readers[i] = start(read_pointer, &w);
	wait_ready(&w);
	for (unsigned long i = 2; i < REPLACEMENTS; i++) {
		struct thing *old = w.thing;

		rcu_assign_pointer(w.thing, new_thing(i));
		synchronize_rcu();
		free_thing(old);
	}
	smp_store_release(&w.stop, true);
	for (unsigned int i = 0; i < NR_READERS; i++)
		join(readers[i]);
	assert_int_equal(w.wrong, 0);
	assert_true(w.seen >= 2 * NR_READERS);
	assert_int_equal(w.thing->a, REPLACEMENTS - 1);
	free(w.thing);
}

/* ------------------------------------------------------------------------
 * A list
 */

static void *read_list(void *arg)
{
	struct world *w = arg;
	bool first = true;
	struct thing *t;

	do {
		unsigned long last = ULONG_MAX;

		rcu_read_lock();
		list_for_each_entry_rcu(t, &w->things, list)
		{
			look_at(w, t);
			/* new ones come at the head */
			if (t->a >= last)
				__atomic_fetch_add(&w->wrong, 1,
						   __ATOMIC_RELAXED);
			last = t->a;
		}
		rcu_read_unlock();
		if (first)
			__atomic_fetch_add(&w->ready, 1, __ATOMIC_RELEASE);
		first = false;
	} while (!smp_load_acquire(&w->stop));
	return NULL;
}

static void test_list_is_walked_in_order(void **state)
{
	LIST_HEAD(head);
	struct thing things[4];
	struct thing *t;
	unsigned int nr = 0;

	list_for_each_entry_rcu(t, &head, list) fail();
	for (unsigned int i = 0; i < 4; i++) {
		things[i].a = i;
		list_add_rcu(&things[i].list, &head);
	}
	list_for_each_entry_rcu(t, &head, list)
		assert_int_equal(t->a, 3 - nr++);
	assert_int_equal(nr, 4);
	list_del_rcu(&things[3].list);
	list_del_rcu(&things[1].list);
	/* who is at a removed one gets on from there */
	assert_ptr_equal(things[1].list.next, &things[0].list);
	nr = 0;
	list_for_each_entry_rcu(t, &head, list)
		assert_int_equal(t->a, nr++ ? 0 : 2);
	assert_int_equal(nr, 2);
	/* both directions are whole for writers */
	assert_ptr_equal(head.prev, &things[0].list);
	assert_ptr_equal(things[0].list.prev, &things[2].list);
	assert_ptr_equal(things[2].list.prev, &head);
	list_del_rcu(&things[0].list);
	list_del_rcu(&things[2].list);
	assert_true(list_empty(&head));
}

static void test_list_is_walked_while_it_changes(void **state)
{
	pthread_t readers[NR_READERS];
	struct thing *live[5] = { NULL };
	struct world w = { 0 };
	unsigned int left = 0;
	struct thing *t;

	INIT_LIST_HEAD(&w.things);
	for (unsigned int i = 0; i < NR_READERS; i++)
		readers[i] = start(read_list, &w);
	wait_ready(&w);
	for (unsigned long i = 1; i < REPLACEMENTS; i++) {
		struct thing **slot = &live[i * i % 5];

		if (*slot) {
			list_del_rcu(&(*slot)->list);
			synchronize_rcu();
			free_thing(*slot);
		}
		*slot = new_thing(i);
		list_add_rcu(&(*slot)->list, &w.things);
	}
	smp_store_release(&w.stop, true);
	for (unsigned int i = 0; i < NR_READERS; i++)
		join(readers[i]);
	assert_int_equal(w.wrong, 0);
	for (unsigned int i = 0; i < 5; i++)
		left += live[i] != NULL;
	list_for_each_entry_rcu(t, &w.things, list) left--;
	assert_int_equal(left, 0);
	for (unsigned int i = 0; i < 5; i++)
		free(live[i]);
}

/* ------------------------------------------------------------------------
 * Who waits for whom
 */

static void *synchronize(void *arg)
{
	struct world *w = arg;

	smp_store_release(&w->stop, true);
	synchronize_rcu();
	/* plain: G1 orders it after what the reader wrote */
	if (w->epoch != 2)
		__atomic_fetch_add(&w->wrong, 1, __ATOMIC_RELAXED);
	smp_store_release(&w->done, true);
	return NULL;
}

/* G1: it does not return while a reader that began before it is there. */
static void test_synchronize_waits_for_earlier_readers(void **state)
{
	struct world w = { .epoch = 1 };
	pthread_t writer;

	rcu_read_lock();
	writer = start(synchronize, &w);
	while (!smp_load_acquire(&w.stop))
		sched_yield();
	/* time enough to return wrongly */
	for (unsigned int i = 0; i < 100; i++)
		sched_yield();
	assert_false(smp_load_acquire(&w.done));
	w.epoch = 2;
	rcu_read_unlock();
	join(writer);
	assert_true(w.done);
	assert_int_equal(w.wrong, 0);
}

/* G2: a reader that finds itself begun after synchronize_rcu has, as done
 * tells without ordering, sees by plain access what came before it. */
static void *read_epoch(void *arg)
{
	struct world *w = arg;

	/* the first time takes a mutex, which would order more than G2 does */
	rcu_read_lock();
	rcu_read_unlock();
	__atomic_fetch_add(&w->ready, 1, __ATOMIC_RELEASE);
	while (!READ_ONCE(w->done))
		sched_yield();
	rcu_read_lock();
	if (w->epoch != 7)
		__atomic_fetch_add(&w->wrong, 1, __ATOMIC_RELAXED);
	rcu_read_unlock();
	return NULL;
}

static void test_later_reader_sees_the_change(void **state)
{
	pthread_t readers[NR_READERS];
	struct world w = { 0 };

	for (unsigned int i = 0; i < NR_READERS; i++)
		readers[i] = start(read_epoch, &w);
	wait_ready(&w);
	w.epoch = 7;
	synchronize_rcu();
	WRITE_ONCE(w.done, true);
	for (unsigned int i = 0; i < NR_READERS; i++)
		join(readers[i]);
	assert_int_equal(w.wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readers_see_old_or_new),
		cmocka_unit_test(test_list_is_walked_in_order),
		cmocka_unit_test(test_list_is_walked_while_it_changes),
		cmocka_unit_test(test_synchronize_waits_for_earlier_readers),
		cmocka_unit_test(test_later_reader_sees_the_change),
	};

	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
