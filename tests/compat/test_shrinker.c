/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_shrinker.c - compat/shrinker.h: who is asked for how much, and
 * guarantees S1 to S3. An alarm ends the program if a thread waits for ever.
 */
#include "test_process.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "compat/shrinker.h"

/* A shrinker with objects to free. */
struct store {
	struct shrinker shrinker;
	unsigned long objs; /* what count says */
	unsigned long answer; /* what scan says, if not 0; else frees nr */
	unsigned long asked; /* nr of the last scan */
	unsigned int counts, scans; /* calls */
};

static unsigned long store_count(struct shrinker *s)
{
	struct store *store = container_of(s, struct store, shrinker);

	store->counts++;
	return store->objs;
}

static unsigned long store_scan(struct shrinker *s, unsigned long nr)
{
	struct store *store = s->private_data;

	store->scans++;
	store->asked = nr;
	if (store->answer)
		return store->answer;
	store->objs -= nr;
	return nr;
}

static void store_init(struct store *store, unsigned long objs)
{
	*store = (struct store){
		.shrinker = { .count_objects = store_count,
			      .scan_objects = store_scan,
			      .private_data = store },
		.objs = objs,
	};
}

static void test_empty_list_frees_nothing(void **state)
{
	struct shrinker_list l;

	uzs_shrinker_list_init(&l);
	assert_int_equal(uzs_shrink_all(&l, 100), 0);
}

/* In order of registration, as many as are still wanted, no more than each
 * has; nobody once there is enough. */
static void test_each_is_asked_for_its_share(void **state)
{
	struct shrinker_list l;
	struct store a, b, c;

	uzs_shrinker_list_init(&l);
	store_init(&a, 10);
	store_init(&b, 10);
	store_init(&c, 10);
	uzs_shrinker_register(&l, &a.shrinker);
	uzs_shrinker_register(&l, &b.shrinker);
	uzs_shrinker_register(&l, &c.shrinker);
	assert_int_equal(uzs_shrink_all(&l, 0), 0);
	assert_int_equal(a.counts, 0);
	assert_int_equal(uzs_shrink_all(&l, 15), 15);
	assert_int_equal(a.asked, 10);
	assert_int_equal(b.asked, 5);
	assert_int_equal(c.counts, 0);
	/* a has nothing left: it is counted, not scanned */
	assert_int_equal(uzs_shrink_all(&l, 100), 15);
	assert_int_equal(a.counts, 2);
	assert_int_equal(a.scans, 1);
	assert_int_equal(b.asked, 5);
	assert_int_equal(c.asked, 10);
	assert_int_equal(uzs_shrink_all(&l, 100), 0);
	uzs_shrinker_unregister(&l, &a.shrinker);
	uzs_shrinker_unregister(&l, &b.shrinker);
	uzs_shrinker_unregister(&l, &c.shrinker);
	assert_true(list_empty(&l.head));
}

static void test_empty_and_stop_are_respected(void **state)
{
	struct shrinker_list l;
	struct store a, b, c;

	uzs_shrinker_list_init(&l);
	store_init(&a, SHRINK_EMPTY);
	store_init(&b, 7);
	b.answer = SHRINK_STOP;
	store_init(&c, 3);
	uzs_shrinker_register(&l, &a.shrinker);
	uzs_shrinker_register(&l, &b.shrinker);
	uzs_shrinker_register(&l, &c.shrinker);
	assert_int_equal(uzs_shrink_all(&l, 5), 3);
	assert_int_equal(a.counts, 1);
	assert_int_equal(a.scans, 0);
	assert_int_equal(b.scans, 1);
	assert_int_equal(b.asked, 5);
	assert_int_equal(c.asked, 3);
	/* more than was wanted, and more than it said it had */
	b.answer = 1000;
	c.objs = 3;
	c.scans = 0;
	assert_int_equal(uzs_shrink_all(&l, 5), 1000);
	assert_int_equal(c.scans, 0);
	/* as much as there is */
	b.objs = 0;
	assert_int_equal(uzs_shrink_all(&l, ULONG_MAX), 3);
}

static void test_unregistered_is_not_asked(void **state)
{
	struct shrinker_list l;
	struct store a, b;

	uzs_shrinker_list_init(&l);
	store_init(&a, 10);
	store_init(&b, 10);
	uzs_shrinker_register(&l, &a.shrinker);
	uzs_shrinker_register(&l, &b.shrinker);
	uzs_shrinker_unregister(&l, &a.shrinker);
	assert_int_equal(uzs_shrink_all(&l, 20), 10);
	assert_int_equal(a.counts, 0);
	/* and comes back, as the last */
	b.objs = 10;
	uzs_shrinker_register(&l, &a.shrinker);
	assert_int_equal(uzs_shrink_all(&l, 15), 15);
	assert_int_equal(b.objs, 0);
	assert_int_equal(a.objs, 5);
}

/* S2: a callback that registers, unregisters and shrinks. */
static struct shrinker_list *nest_list;
static struct store nest_new, nest_old;
static unsigned long nest_freed;

static unsigned long nest_scan(struct shrinker *s, unsigned long nr)
{
	assert_false(spin_is_locked(&nest_list->lock));
	s->scan_objects = store_scan; /* nests once only */
	uzs_shrinker_unregister(nest_list, &nest_old.shrinker);
	uzs_shrinker_register(nest_list, &nest_new.shrinker);
	nest_freed = uzs_shrink_all(nest_list, 4);
	return 0;
}

static void test_scan_may_shrink_again(void **state)
{
	struct shrinker_list l;
	struct store a;

	uzs_shrinker_list_init(&l);
	nest_list = &l;
	store_init(&a, 3);
	a.shrinker.scan_objects = nest_scan;
	store_init(&nest_old, 50);
	store_init(&nest_new, 10);
	uzs_shrinker_register(&l, &a.shrinker);
	uzs_shrinker_register(&l, &nest_old.shrinker);
	assert_int_equal(uzs_shrink_all(&l, 6), 6);
	/* the inner one had a's 3 and 1 of the new one's, the outer one went
	 * on to the new one */
	assert_int_equal(nest_freed, 4);
	assert_int_equal(nest_old.counts, 0);
	assert_int_equal(nest_new.objs, 10 - 1 - 6);
}

/* ------------------------------------------------------------------------
 * Threads
 */

struct meeting {
	struct shrinker shrinker;
	struct shrinker_list list;
	u32 inside; /* atomic: threads in the callback; slept on */
	u32 wanted; /* atomic: how many leave together; slept on */
	unsigned long freed; /* atomic */
	bool gone; /* atomic: unregister returned */
};

static unsigned long meeting_count(struct shrinker *s)
{
	return 1;
}

/* Stays until enough threads are inside. */
static unsigned long meeting_scan(struct shrinker *s, unsigned long nr)
{
	struct meeting *m = s->private_data;
	u32 inside = __atomic_add_fetch(&m->inside, 1, __ATOMIC_ACQ_REL);

	uzs_wake_all(&m->inside);
	while (inside < smp_load_acquire(&m->wanted)) {
		uzs_wait_on(&m->inside, inside);
		inside = smp_load_acquire(&m->inside);
	}
	return 1;
}

static void meeting_init(struct meeting *m, u32 wanted)
{
	*m = (struct meeting){
		.shrinker = { .count_objects = meeting_count,
			      .scan_objects = meeting_scan,
			      .private_data = m },
		.wanted = wanted,
	};
	uzs_shrinker_list_init(&m->list);
	uzs_shrinker_register(&m->list, &m->shrinker);
}

static void *shrink(void *arg)
{
	struct meeting *m = arg;

	__atomic_fetch_add(&m->freed, uzs_shrink_all(&m->list, 1),
			   __ATOMIC_RELAXED);
	return NULL;
}

static void *unregister(void *arg)
{
	struct meeting *m = arg;

	uzs_shrinker_unregister(&m->list, &m->shrinker);
	smp_store_release(&m->gone, true);
	return NULL;
}

/* S1: each waits inside for the others, so all are there at once. */
static void test_several_shrink_at_once(void **state)
{
	pthread_t threads[3];
	struct meeting m;

	meeting_init(&m, 3);
	for (unsigned int i = 0; i < 3; i++)
		threads[i] = start(shrink, &m);
	for (unsigned int i = 0; i < 3; i++)
		join(threads[i]);
	assert_int_equal(m.freed, 3);
	assert_int_equal(m.shrinker.users, 0);
	uzs_shrinker_unregister(&m.list, &m.shrinker);
}

/* S3: two are inside and wait for a third that never comes. */
static void test_unregister_waits_for_who_is_inside(void **state)
{
	pthread_t threads[2], leaver;
	struct meeting m;
	bool leaving;

	meeting_init(&m, 3);
	for (unsigned int i = 0; i < 2; i++)
		threads[i] = start(shrink, &m);
	while (smp_load_acquire(&m.inside) != 2)
		sched_yield();
	leaver = start(unregister, &m);
	do {
		sched_yield();
		spin_lock(&m.list.lock);
		leaving = m.shrinker.leaving;
		spin_unlock(&m.list.lock);
	} while (!leaving);
	/* it is not asked any more */
	assert_int_equal(uzs_shrink_all(&m.list, 1), 0);
	assert_int_equal(smp_load_acquire(&m.inside), 2);
	assert_false(smp_load_acquire(&m.gone));
	smp_store_release(&m.wanted, 0);
	__atomic_fetch_add(&m.inside, 1, __ATOMIC_RELEASE);
	uzs_wake_all(&m.inside);
	for (unsigned int i = 0; i < 2; i++)
		join(threads[i]);
	join(leaver);
	assert_int_equal(m.freed, 2);
	assert_true(list_empty(&m.list.head));
}

/* Shrinkers come and go while others shrink; each writes to itself without a
 * lock before it comes and after it has gone (S3, seen by TSan). */
struct traffic {
	struct shrinker_list list;
	unsigned long freed; /* atomic */
	bool stop; /* atomic */
};

struct passer {
	struct shrinker shrinker;
	bool here; /* plain */
	unsigned long wrong; /* atomic */
	unsigned long freed; /* atomic */
};

static unsigned long passer_count(struct shrinker *s)
{
	struct passer *p = s->private_data;

	return p->here;
}

static unsigned long passer_scan(struct shrinker *s, unsigned long nr)
{
	struct passer *p = s->private_data;

	if (!p->here)
		__atomic_fetch_add(&p->wrong, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&p->freed, nr, __ATOMIC_RELAXED);
	return nr;
}

static void *traffic_shrink(void *arg)
{
	struct traffic *t = arg;

	while (!smp_load_acquire(&t->stop))
		__atomic_fetch_add(&t->freed, uzs_shrink_all(&t->list, 2),
				   __ATOMIC_RELAXED);
	return NULL;
}

static void test_shrinkers_come_and_go_meanwhile(void **state)
{
	struct traffic t = { .stop = false };
	struct passer passers[3] = { 0 };
	pthread_t threads[2];
	unsigned long freed = 0;

	uzs_shrinker_list_init(&t.list);
	for (unsigned int i = 0; i < 2; i++)
		threads[i] = start(traffic_shrink, &t);
	for (unsigned int i = 0; i < 3000; i++) {
		struct passer *p = &passers[i % 3];

		if (p->here) {
			uzs_shrinker_unregister(&t.list, &p->shrinker);
			p->here = false;
		}
		if (i % 5 == 0)
			continue;
		p->here = true;
		p->shrinker.count_objects = passer_count;
		p->shrinker.scan_objects = passer_scan;
		p->shrinker.private_data = p;
		uzs_shrinker_register(&t.list, &p->shrinker);
		if (i % 64 == 1)
			sched_yield();
	}
	smp_store_release(&t.stop, true);
	for (unsigned int i = 0; i < 2; i++)
		join(threads[i]);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(passers[i].wrong, 0);
		freed += passers[i].freed;
	}
	assert_int_equal(t.freed, freed);
	assert_true(freed > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_list_frees_nothing),
		cmocka_unit_test(test_each_is_asked_for_its_share),
		cmocka_unit_test(test_empty_and_stop_are_respected),
		cmocka_unit_test(test_unregistered_is_not_asked),
		cmocka_unit_test(test_scan_may_shrink_again),
		cmocka_unit_test(test_several_shrink_at_once),
		cmocka_unit_test(test_unregister_waits_for_who_is_inside),
		cmocka_unit_test(test_shrinkers_come_and_go_meanwhile),
	};

	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
