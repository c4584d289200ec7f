/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lock.c - compat/lock.h: every lock keeps out whom it should, lets in
 * whom it should, and forgets nobody. A thread that waits for ever ends the
 * program by alarm. Threads only count; asserting is the main thread's.
 *
 * Whole, as test_lock_portable.c is all of it once more.
 */
/* In every body of compat: the locks themselves. */
#define UZS_LOCK_NATIVE
#include "test_process.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compat/lock.h"

#define MAX_THREADS 8

static u32 word_of(const u32 *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void wait_bits(const u32 *word, u32 bits)
{
	while ((word_of(word) & bits) != bits)
		sched_yield();
}

static void run_threads(unsigned int nr, void *(*func)(void *), void *arg)
{
	pthread_t threads[MAX_THREADS];

	for (unsigned int i = 0; i < nr; i++)
		threads[i] = start(func, arg);
	for (unsigned int i = 0; i < nr; i++)
		join(threads[i]);
}

static bool aborted(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* ------------------------------------------------------------------------
 * Sleeping on a word
 */

static u32 gate;

static void *sleeper(void *arg)
{
	unsigned long *through = arg;

	while (__atomic_load_n(&gate, __ATOMIC_ACQUIRE) == 0)
		uzs_wait_on(&gate, 0);
	__atomic_fetch_add(through, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void test_wait_on_another_value_returns(void **state)
{
	u32 word = 7;

	errno = 1234;
	uzs_wait_on(&word, 8);
	uzs_wake_one(&word);
	uzs_wake_all(&word);
	assert_int_equal(errno, 1234);
	assert_int_equal(word, 7);
}

/* The library's clock_gettime (linked with --wrap): the clock of the day is set
 * back by an hour just after it was read. */
static bool is_set_back;
int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	int result = __real_clock_gettime(clock, t);

	if (is_set_back && clock == CLOCK_REALTIME)
		t->tv_sec += 3600;
	return result;
}

static void test_wait_ends_though_the_clock_is_set(void **state)
{
	struct timespec before, after;
	u32 word = 7;

	is_set_back = true;
	__real_clock_gettime(CLOCK_MONOTONIC, &before);
	uzs_wait_on_for(&word, 7, 20000000); /* else the alarm ends it */
	__real_clock_gettime(CLOCK_MONOTONIC, &after);
	is_set_back = false;
	assert_true(after.tv_sec - before.tv_sec < 100);
}

static void test_wake_reaches_every_sleeper(void **state)
{
	pthread_t threads[MAX_THREADS];
	unsigned long through;

	for (unsigned int all = 0; all < 2; all++) {
		gate = 0;
		through = 0;
		for (unsigned int i = 0; i < MAX_THREADS; i++)
			threads[i] = start(sleeper, &through);
		__atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
		if (all)
			uzs_wake_all(&gate);
		else
			for (unsigned int i = 0; i < MAX_THREADS; i++)
				uzs_wake_one(&gate);
		for (unsigned int i = 0; i < MAX_THREADS; i++)
			join(threads[i]);
		assert_int_equal(through, MAX_THREADS);
	}
}

/* Two threads pass a token back and forth: each sleeps until it is woken. */
#define TURNS 2000
static void *ping(void *arg)
{
	u32 me = *(u32 *)arg;
	u32 v;

	for (u32 turn = me; turn < TURNS; turn += 2) {
		while ((v = __atomic_load_n(&gate, __ATOMIC_ACQUIRE)) != turn)
			uzs_wait_on(&gate, v);
		__atomic_store_n(&gate, turn + 1, __ATOMIC_RELEASE);
		uzs_wake_one(&gate);
	}
	return NULL;
}

static void test_two_threads_wake_each_other(void **state)
{
	u32 even = 0, odd = 1;
	pthread_t a, b;

	gate = 0;
	a = start(ping, &even);
	b = start(ping, &odd);
	join(a);
	join(b);
	assert_int_equal(gate, TURNS);
}

/* ------------------------------------------------------------------------
 * spinlock_t
 */

struct counted {
	spinlock_t lock;
	unsigned long count; /* guard: lock */
	bool got; /* atomic */
};

static void test_spin_lock_and_trylock(void **state)
{
	spinlock_t lock = { .word = 0x55 };

	assert_int_equal(sizeof(lock), UZS_CHECKED ? sizeof(lock) : 4);
	spin_lock_init(&lock);
	assert_int_equal(lock.word, 0);
	assert_false(spin_is_locked(&lock));
	spin_lock(&lock);
	assert_true(spin_is_locked(&lock));
	assert_spin_locked(&lock);
	assert_false(spin_trylock(&lock));
	spin_unlock(&lock);
	assert_false(spin_is_locked(&lock));
	assert_true(spin_trylock(&lock));
	assert_false(spin_trylock(&lock));
	spin_unlock(&lock);
	assert_int_equal(lock.word, 0);
}

static void unlock_unlocked(void)
{
	spinlock_t lock = { 0 };

	fclose(stderr);
	spin_unlock(&lock);
}

static void assert_unlocked(void)
{
	spinlock_t lock = { 0 };

	fclose(stderr);
	assert_spin_locked(&lock);
	(void)lock;
}

static void test_spin_misuse_aborts(void **state)
{
	if (!UZS_DEBUG)
		skip();
	assert_true(aborted(in_child(assert_unlocked, 20)));
	assert_true(aborted(in_child(unlock_unlocked, 20)));
}

#define SPIN_ROUNDS 20000
static void *spin_counter(void *arg)
{
	struct counted *c = arg;

	for (unsigned int i = 0; i < SPIN_ROUNDS; i++) {
		if (i % 4 || !spin_trylock(&c->lock))
			spin_lock(&c->lock);
		c->count++;
		if (i % 256 == 0)
			sched_yield(); /* makes the others sleep */
		spin_unlock(&c->lock);
	}
	return NULL;
}

static void test_spin_excludes(void **state)
{
	struct counted c = { 0 };

	run_threads(4, spin_counter, &c);
	assert_int_equal(c.count, 4ul * SPIN_ROUNDS);
	assert_false(spin_is_locked(&c.lock));
}

static void *spin_getter(void *arg)
{
	struct counted *c = arg;

	spin_lock(&c->lock);
	smp_store_release(&c->got, true);
	c->count++;
	spin_unlock(&c->lock);
	return NULL;
}

static void test_spin_waiters_sleep_and_are_woken(void **state)
{
	struct counted c = { 0 };
	pthread_t a, b;

	spin_lock(&c.lock);
	a = start(spin_getter, &c);
	b = start(spin_getter, &c);
	wait_bits(&c.lock.word, UZS_SPIN_WAITERS);
	assert_false(READ_ONCE(c.got));
	spin_unlock(&c.lock);
	join(a);
	join(b);
	assert_int_equal(c.count, 2);
}

/* X2: whoever takes the lock again the moment it gave it back, so that a
 * sleeper is woken in vain, can do so UZS_SPIN_PATIENCE times. */
static void test_spin_sleeper_is_not_starved(void **state)
{
	struct counted c = { 0 };
	pthread_t a;

	spin_lock(&c.lock);
	a = start(spin_getter, &c);
	for (unsigned int i = 0; i < UZS_SPIN_PATIENCE; i++) {
		wait_bits(&c.lock.word, UZS_SPIN_WAITERS);
		/* unlock and lock, with nothing in between */
		__atomic_exchange_n(&c.lock.word, UZS_SPIN_LOCKED,
				    __ATOMIC_ACQ_REL);
		uzs_wake_one(&c.lock.word);
	}
	wait_bits(&c.lock.word, UZS_SPIN_HANDOVER);
	assert_false(READ_ONCE(c.got));
	spin_unlock(&c.lock);
	spin_lock(&c.lock);
	assert_true(smp_load_acquire(&c.got));
	spin_unlock(&c.lock);
	join(a);
	assert_int_equal(c.count, 1);
	assert_false(spin_is_locked(&c.lock));
}

/* While the lock is being handed over nobody holds it, but it is not free. */
static void test_spin_handover_is_not_free(void **state)
{
	struct counted c = { .lock = { UZS_SPIN_HANDOVER | UZS_SPIN_WAITERS } };
	pthread_t a;

	assert_false(spin_is_locked(&c.lock));
	assert_false(spin_trylock(&c.lock));
	/* a newcomer has to sleep first, which ends at once, then it may */
	a = start(spin_getter, &c);
	while (!READ_ONCE(c.got))
		uzs_wake_all(&c.lock.word);
	join(a);
	assert_int_equal(c.count, 1);
}

/* ------------------------------------------------------------------------
 * rwlock_t
 */

struct pair {
	rwlock_t lock;
	pinlock_t pin;
	unsigned long a, b; /* guard: lock or pin; equal when not locked */
	unsigned long torn; /* atomic: times that they were not */
	unsigned long tries_lost; /* atomic */
	unsigned int order; /* atomic: who got it when */
	unsigned int reader_was, writer_was; /* their place in order */
	bool got; /* atomic */
	bool stop; /* atomic */
};

static void look_at_pair(struct pair *p)
{
	if (p->a != p->b)
		__atomic_fetch_add(&p->torn, 1, __ATOMIC_RELAXED);
}

static void test_rw_lock_and_trylock(void **state)
{
	rwlock_t lock = { .word = 0x55 };

	assert_int_equal(sizeof(lock), UZS_CHECKED ? sizeof(lock) : 4);
	rwlock_init(&lock);
	assert_int_equal(lock.word, 0);
	read_lock(&lock);
	assert_true(read_trylock(&lock));
	assert_false(write_trylock(&lock));
	assert_false(rwlock_is_contended(&lock));
	read_unlock(&lock);
	assert_false(write_trylock(&lock));
	read_unlock(&lock);
	assert_true(write_trylock(&lock));
	assert_false(write_trylock(&lock));
	assert_false(read_trylock(&lock));
	assert_false(rwlock_is_contended(&lock));
	write_unlock(&lock);
	write_lock(&lock);
	assert_false(read_trylock(&lock));
	write_unlock(&lock);
	assert_int_equal(lock.word, 0);
}

#define RW_ROUNDS 10000
static void *rw_mixer(void *arg)
{
	struct pair *p = arg;
	unsigned long lost = 0;

	for (unsigned int i = 0; i < RW_ROUNDS; i++) {
		switch (i % 8) {
		case 0:
			write_lock(&p->lock);
			break;
		case 1:
			if (!write_trylock(&p->lock)) {
				lost++;
				continue;
			}
			break;
		case 2:
			if (!read_trylock(&p->lock))
				continue;
			look_at_pair(p);
			read_unlock(&p->lock);
			continue;
		default:
			read_lock(&p->lock);
			look_at_pair(p);
			/* makes the writers sleep */
			if (i % 64 == 3)
				sched_yield();
			read_unlock(&p->lock);
			continue;
		}
		p->a++;
		if (i % 64 == 0)
			sched_yield(); /* makes everyone sleep */
		p->b++;
		write_unlock(&p->lock);
	}
	__atomic_fetch_add(&p->tries_lost, lost, __ATOMIC_RELAXED);
	return NULL;
}

static void test_rw_excludes(void **state)
{
	struct pair p = { 0 };

	run_threads(6, rw_mixer, &p);
	assert_int_equal(p.torn, 0);
	assert_int_equal(p.a, p.b);
	assert_int_equal(p.a, 6ul * (RW_ROUNDS / 8) * 2 - p.tries_lost);
	/* nothing is left behind: no count, no waiting, no turn */
	assert_int_equal(p.lock.word, 0);
}

static void *rw_reader(void *arg)
{
	struct pair *p = arg;

	read_lock(&p->lock);
	look_at_pair(p);
	p->reader_was = __atomic_add_fetch(&p->order, 1, __ATOMIC_RELAXED);
	smp_store_release(&p->got, true);
	read_unlock(&p->lock);
	return NULL;
}

static void *rw_writer(void *arg)
{
	struct pair *p = arg;

	write_lock(&p->lock);
	p->a++;
	p->b++;
	p->writer_was = __atomic_add_fetch(&p->order, 1, __ATOMIC_RELAXED);
	smp_store_release(&p->got, true);
	write_unlock(&p->lock);
	return NULL;
}

static void wait_contended(const rwlock_t *lock)
{
	while (!rwlock_is_contended(lock))
		sched_yield();
}

/* Each kind of holder, each kind of waiter. */
static void test_rw_every_waiter_gets_in(void **state)
{
	void *(*const waiters[])(void *) = { rw_reader, rw_writer, rw_writer };
	const bool for_write[] = { true, true, false };

	for (unsigned int i = 0; i < 3; i++) {
		struct pair p = { 0 };
		pthread_t a;

		if (for_write[i])
			write_lock(&p.lock);
		else
			read_lock(&p.lock);
		assert_false(rwlock_is_contended(&p.lock));
		a = start(waiters[i], &p);
		wait_contended(&p.lock);
		assert_false(READ_ONCE(p.got));
		if (for_write[i])
			write_unlock(&p.lock);
		else
			read_unlock(&p.lock);
		join(a);
		assert_true(p.got);
		assert_false(rwlock_is_contended(&p.lock));
		assert_int_equal(p.lock.word, 0);
	}
}

/* X2: a writer that waits keeps new readers out, and is the next. */
static void test_rw_waiting_writer_keeps_readers_out(void **state)
{
	struct pair p = { 0 };
	pthread_t writer, reader;

	read_lock(&p.lock);
	writer = start(rw_writer, &p);
	wait_bits(&p.lock.word, UZS_RW_WRITER_WAITS);
	assert_false(read_trylock(&p.lock));
	reader = start(rw_reader, &p);
	wait_bits(&p.lock.word, UZS_RW_READERS_WAIT);
	read_unlock(&p.lock);
	join(writer);
	join(reader);
	assert_int_equal(p.writer_was, 1);
	assert_int_equal(p.reader_was, 2);
	assert_int_equal(p.lock.word, 0);
}

static void *rw_stream(void *arg)
{
	struct pair *p = arg;

	while (!smp_load_acquire(&p->stop)) {
		read_lock(&p->lock);
		look_at_pair(p);
		/* long enough that the readers nearly always overlap */
		for (unsigned int i = 0; i < 50; i++)
			cpu_relax();
		read_unlock(&p->lock);
	}
	return NULL;
}

static void test_rw_writer_gets_into_a_stream_of_readers(void **state)
{
	struct pair p = { 0 };
	pthread_t readers[4];

	for (unsigned int i = 0; i < 4; i++)
		readers[i] = start(rw_stream, &p);
	for (unsigned int i = 0; i < 300; i++) {
		write_lock(&p.lock);
		p.a++;
		p.b++;
		write_unlock(&p.lock);
	}
	smp_store_release(&p.stop, true);
	for (unsigned int i = 0; i < 4; i++)
		join(readers[i]);
	assert_int_equal(p.torn, 0);
	assert_int_equal(p.lock.word, 0);
}

/* X2: a reader that sleeps gets in after the present writer, whether the next
 * one is the same again ... */
static void test_rw_reader_precedes_the_same_writer(void **state)
{
	for (unsigned int i = 0; i < 20; i++) {
		struct pair p = { 0 };
		pthread_t reader;

		write_lock(&p.lock);
		reader = start(rw_reader, &p);
		wait_bits(&p.lock.word, UZS_RW_READERS_WAIT);
		write_unlock(&p.lock);
		write_lock(&p.lock);
		assert_true(smp_load_acquire(&p.got));
		write_unlock(&p.lock);
		join(reader);
		assert_int_equal(p.lock.word, 0);
	}
}

/* ... or has been waiting, too. */
static void test_rw_reader_precedes_another_writer(void **state)
{
	for (unsigned int i = 0; i < 20; i++) {
		struct pair p = { 0 };
		pthread_t reader, writer;

		write_lock(&p.lock);
		writer = start(rw_writer, &p);
		wait_bits(&p.lock.word, UZS_RW_WRITER_WAITS);
		reader = start(rw_reader, &p);
		wait_bits(&p.lock.word, UZS_RW_READERS_WAIT);
		write_unlock(&p.lock);
		join(writer);
		join(reader);
		assert_int_equal(p.reader_was, 1);
		assert_int_equal(p.writer_was, 2);
		assert_int_equal(p.lock.word, 0);
	}
}

/* As many writers wait as can be counted: one more waits all the same. */
static void test_rw_more_writers_than_can_be_counted(void **state)
{
	struct pair p = { .lock = { UZS_RW_WRITER | UZS_RW_WRITERS_WAIT } };
	pthread_t writer = start(rw_writer, &p);

	for (unsigned int i = 0; i < 200; i++)
		sched_yield();
	assert_false(READ_ONCE(p.got));
	assert_int_equal(word_of(&p.lock.word),
			 UZS_RW_WRITER | UZS_RW_WRITERS_WAIT);
	__atomic_store_n(&p.lock.word, 0, __ATOMIC_RELEASE);
	uzs_wake_all(&p.lock.word);
	join(writer);
	assert_int_equal(p.a, 1);
	assert_int_equal(p.lock.word, 0);
}

/* ------------------------------------------------------------------------
 * pinlock_t
 */

static void *pin_unlocker(void *arg)
{
	struct pair *p = arg;

	pin_read_unlock(&p->pin);
	return NULL;
}

static void *pin_locker(void *arg)
{
	struct pair *p = arg;

	pin_read_lock(&p->pin);
	look_at_pair(p);
	smp_store_release(&p->got, true);
	return NULL; /* and leaves it locked */
}

static void test_pin_readers_and_write_trylock(void **state)
{
	struct pair p = { .pin = { 0x55 } };

	assert_int_equal(sizeof(p.pin), 4);
	pinlock_init(&p.pin);
	assert_int_equal(p.pin.word, 0);
	/* twice in one thread, back in another */
	pin_read_lock(&p.pin);
	pin_read_lock(&p.pin);
	assert_int_equal(pin_readers(&p.pin), 2);
	assert_false(pin_write_trylock(&p.pin));
	join(start(pin_unlocker, &p));
	assert_int_equal(pin_readers(&p.pin), 1);
	assert_false(pin_write_trylock(&p.pin));
	pin_read_unlock(&p.pin);
	assert_true(pin_write_trylock(&p.pin));
	assert_false(pin_write_trylock(&p.pin));
	assert_int_equal(pin_readers(&p.pin), 0);
	/* one too many takes nothing from a writer, or from nobody */
	assert_false(pin_read_tryunlock(&p.pin));
	assert_false(pin_write_trylock(&p.pin));
	pin_write_unlock(&p.pin);
	assert_int_equal(p.pin.word, 0);
	assert_false(pin_read_tryunlock(&p.pin));
	assert_int_equal(p.pin.word, 0);
	pin_read_lock(&p.pin);
	assert_true(pin_read_tryunlock(&p.pin));
	assert_int_equal(p.pin.word, 0);
}

static void test_pin_readers_sleep_and_are_woken(void **state)
{
	struct pair p = { 0 };
	pthread_t a, b;

	assert_true(pin_write_trylock(&p.pin));
	a = start(pin_locker, &p);
	b = start(pin_locker, &p);
	while (pin_readers(&p.pin) != 2)
		sched_yield();
	wait_bits(&p.pin.word, UZS_PIN_WAITERS);
	assert_false(READ_ONCE(p.got));
	p.a = p.b = 1;
	pin_write_unlock(&p.pin);
	/* whoever waited comes before any next writer */
	assert_false(pin_write_trylock(&p.pin));
	join(a);
	join(b);
	assert_int_equal(p.torn, 0);
	assert_int_equal(pin_readers(&p.pin), 2);
	pin_read_unlock(&p.pin);
	pin_read_unlock(&p.pin);
	assert_int_equal(p.pin.word, 0);
}

#define PIN_ROUNDS 20000
static void *pin_mixer(void *arg)
{
	struct pair *p = arg;

	for (unsigned int i = 0; i < PIN_ROUNDS; i++) {
		if (i % 4 == 0 && pin_write_trylock(&p->pin)) {
			p->a++;
			if (i % 128 == 0)
				sched_yield(); /* makes readers sleep */
			p->b++;
			pin_write_unlock(&p->pin);
			continue;
		}
		pin_read_lock(&p->pin);
		look_at_pair(p);
		if (i % 16 == 1) {
			pin_read_lock(&p->pin);
			look_at_pair(p);
			pin_read_unlock(&p->pin);
		}
		pin_read_unlock(&p->pin);
	}
	return NULL;
}

static void test_pin_excludes(void **state)
{
	struct pair p = { 0 };

	run_threads(4, pin_mixer, &p);
	assert_int_equal(p.torn, 0);
	assert_true(p.a > 0);
	assert_int_equal(p.a, p.b);
	assert_int_equal(p.pin.word, 0);
}

/* ------------------------------------------------------------------------
 * Bit lock
 */

#define FLAG_LOCKED 0x4u
#define FLAG_WAITERS 0x100u
#define FLAG_OTHER 0x20u
#define FLAG_UNDER_LOCK 0x80000000u

struct flagged {
	u32 flags;
	unsigned long count; /* guard: FLAG_LOCKED */
	unsigned long wrong; /* atomic */
	bool stop; /* atomic */
};

static void *bit_unlocker(void *arg)
{
	struct flagged *f = arg;

	uzs_bit_unlock(&f->flags, FLAG_LOCKED, FLAG_WAITERS);
	return NULL;
}

static void test_bit_lock_and_trylock(void **state)
{
	struct flagged f = { .flags = FLAG_OTHER };

	assert_true(uzs_bit_trylock(&f.flags, FLAG_LOCKED));
	assert_int_equal(f.flags, FLAG_OTHER | FLAG_LOCKED);
	assert_false(uzs_bit_trylock(&f.flags, FLAG_LOCKED));
	uzs_bit_unlock(&f.flags, FLAG_LOCKED, FLAG_WAITERS);
	assert_int_equal(f.flags, FLAG_OTHER);
	uzs_bit_lock(&f.flags, FLAG_LOCKED, FLAG_WAITERS);
	assert_int_equal(f.flags, FLAG_OTHER | FLAG_LOCKED);
	join(start(bit_unlocker, &f));
	assert_int_equal(f.flags, FLAG_OTHER);
}

static void *bit_getter(void *arg)
{
	struct flagged *f = arg;

	uzs_bit_lock(&f->flags, FLAG_LOCKED, FLAG_WAITERS);
	f->count++;
	uzs_bit_unlock(&f->flags, FLAG_LOCKED, FLAG_WAITERS);
	return NULL;
}

static void test_bit_waiters_sleep_and_are_woken(void **state)
{
	struct flagged f = { 0 };
	pthread_t a, b;

	uzs_bit_lock(&f.flags, FLAG_LOCKED, FLAG_WAITERS);
	a = start(bit_getter, &f);
	b = start(bit_getter, &f);
	wait_bits(&f.flags, FLAG_WAITERS);
	/* a change of other bits neither wakes for good nor loses a sleeper */
	__atomic_fetch_or(&f.flags, FLAG_OTHER, __ATOMIC_RELAXED);
	wait_bits(&f.flags, FLAG_WAITERS);
	assert_int_equal(f.count, 0);
	uzs_bit_unlock(&f.flags, FLAG_LOCKED, FLAG_WAITERS);
	join(a);
	join(b);
	assert_int_equal(f.count, 2);
	assert_int_equal(f.flags, FLAG_OTHER);
}

#define BIT_ROUNDS 20000
static void *bit_counter(void *arg)
{
	struct flagged *f = arg;
	u32 v;

	for (unsigned int i = 0; i < BIT_ROUNDS; i++) {
		uzs_bit_lock(&f->flags, FLAG_LOCKED, FLAG_WAITERS);
		f->count++;
		v = __atomic_fetch_or(&f->flags, FLAG_UNDER_LOCK,
				      __ATOMIC_RELAXED);
		if (v & FLAG_UNDER_LOCK)
			__atomic_fetch_add(&f->wrong, 1, __ATOMIC_RELAXED);
		if (i % 256 == 0)
			sched_yield(); /* makes the others sleep */
		__atomic_fetch_and(&f->flags, ~FLAG_UNDER_LOCK,
				   __ATOMIC_RELAXED);
		uzs_bit_unlock(&f->flags, FLAG_LOCKED, FLAG_WAITERS);
	}
	return NULL;
}

/* Owns FLAG_OTHER, which the lock's operations must leave as it is. */
static void *bit_toggler(void *arg)
{
	struct flagged *f = arg;
	u32 v;

	while (!smp_load_acquire(&f->stop)) {
		v = __atomic_fetch_or(&f->flags, FLAG_OTHER, __ATOMIC_RELAXED);
		if (v & FLAG_OTHER)
			__atomic_fetch_add(&f->wrong, 1, __ATOMIC_RELAXED);
		v = __atomic_fetch_and(&f->flags, ~FLAG_OTHER,
				       __ATOMIC_RELAXED);
		if (!(v & FLAG_OTHER))
			__atomic_fetch_add(&f->wrong, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_bit_lock_keeps_other_bits(void **state)
{
	struct flagged f = { 0 };
	pthread_t toggler = start(bit_toggler, &f);

	run_threads(3, bit_counter, &f);
	smp_store_release(&f.stop, true);
	join(toggler);
	assert_int_equal(f.count, 3ul * BIT_ROUNDS);
	assert_int_equal(f.wrong, 0);
	assert_int_equal(f.flags, 0);
}

/* ------------------------------------------------------------------------
 * All at once
 */

/* Locks that are held across yields, so that everyone sleeps all the time: a
 * wakeup that got lost would leave somebody asleep. */
struct all_locks {
	spinlock_t spin;
	rwlock_t rw;
	pinlock_t pin;
	u32 flags;
	unsigned long count[3]; /* guard: spin, rw, flags */
};

#define SLEEPY_ROUNDS 100
static void *sleepy(void *arg)
{
	struct all_locks *l = arg;

	for (unsigned int i = 0; i < SLEEPY_ROUNDS; i++) {
		spin_lock(&l->spin);
		l->count[0]++;
		sched_yield();
		spin_unlock(&l->spin);

		write_lock(&l->rw);
		l->count[1]++;
		sched_yield();
		write_unlock(&l->rw);

		read_lock(&l->rw);
		sched_yield();
		pin_read_lock(&l->pin);
		read_unlock(&l->rw);
		sched_yield();
		pin_read_unlock(&l->pin);
		if (pin_write_trylock(&l->pin)) {
			sched_yield();
			pin_write_unlock(&l->pin);
		}

		uzs_bit_lock(&l->flags, FLAG_LOCKED, FLAG_WAITERS);
		l->count[2]++;
		sched_yield();
		uzs_bit_unlock(&l->flags, FLAG_LOCKED, FLAG_WAITERS);
	}
	return NULL;
}

static void test_no_wakeup_is_lost(void **state)
{
	struct all_locks l = { 0 };

	run_threads(MAX_THREADS, sleepy, &l);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(l.count[i],
				 (unsigned long)MAX_THREADS * SLEEPY_ROUNDS);
	assert_false(spin_is_locked(&l.spin));
	assert_int_equal(l.rw.word, 0);
	assert_int_equal(l.pin.word, 0);
	assert_int_equal(l.flags, 0);
}

/* A child can wait for locks although threads slept at the time of the fork,
 * of which it has none. */
static void child_waits(void)
{
	u32 word = 1;

	uzs_wait_on(&word, 0);
	uzs_wake_all(&word);
	uzs_wake_all(&gate);
}

static void test_child_can_wait_for_locks(void **state)
{
	unsigned long through = 0;
	pthread_t a;
	int status;

	gate = 0;
	a = start(sleeper, &through);
	status = in_child(child_waits, 20);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	__atomic_store_n(&gate, 1, __ATOMIC_RELEASE);
	uzs_wake_one(&gate);
	join(a);
	assert_int_equal(through, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wait_on_another_value_returns),
		cmocka_unit_test(test_wait_ends_though_the_clock_is_set),
		cmocka_unit_test(test_wake_reaches_every_sleeper),
		cmocka_unit_test(test_two_threads_wake_each_other),
		cmocka_unit_test(test_spin_lock_and_trylock),
		cmocka_unit_test(test_spin_misuse_aborts),
		cmocka_unit_test(test_spin_excludes),
		cmocka_unit_test(test_spin_waiters_sleep_and_are_woken),
		cmocka_unit_test(test_spin_sleeper_is_not_starved),
		cmocka_unit_test(test_spin_handover_is_not_free),
		cmocka_unit_test(test_rw_lock_and_trylock),
		cmocka_unit_test(test_rw_excludes),
		cmocka_unit_test(test_rw_every_waiter_gets_in),
		cmocka_unit_test(test_rw_waiting_writer_keeps_readers_out),
		cmocka_unit_test(test_rw_writer_gets_into_a_stream_of_readers),
		cmocka_unit_test(test_rw_reader_precedes_the_same_writer),
		cmocka_unit_test(test_rw_reader_precedes_another_writer),
		cmocka_unit_test(test_rw_more_writers_than_can_be_counted),
		cmocka_unit_test(test_pin_readers_and_write_trylock),
		cmocka_unit_test(test_pin_readers_sleep_and_are_woken),
		cmocka_unit_test(test_pin_excludes),
		cmocka_unit_test(test_bit_lock_and_trylock),
		cmocka_unit_test(test_bit_waiters_sleep_and_are_woken),
		cmocka_unit_test(test_bit_lock_keeps_other_bits),
		cmocka_unit_test(test_no_wakeup_is_lost),
		cmocka_unit_test(test_child_can_wait_for_locks),
	};

	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
