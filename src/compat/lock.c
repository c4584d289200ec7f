/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lock.c - the slow paths of the locks in lock.h: waiting and waking. Owns no
 * state, except where there is no futex.
 *
 * Kernel origin: kernel/futex.c's contract, kernel/locking/qrwlock.c's
 * purpose; differs: see lock.h.
 * Locks: none of its own. Sleeps: yes, all but the unlocks.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* syscall */
#endif
#define UZS_LOCK_NATIVE /* the checks call this file, not the reverse */
#include "lock.h"

#define NSEC_PER_SEC 1000000000u

/* How long a writer sleeps at most if there are too many to be counted. */
#define TOO_MANY_NS 1000000u

#if defined(__linux__) && !defined(UZS_NO_FUTEX)
#include <sys/syscall.h>
#include <unistd.h>

#include "futex.h"
/* The system call takes a time of two longs, except on 32-bit machines that
 * have only the call for 64-bit times. */
#ifdef SYS_futex
struct futex_time {
	long sec;
	long nsec;
};
#else
#define SYS_futex SYS_futex_time64
struct futex_time {
	int64_t sec;
	int64_t nsec;
};
#endif

static void futex(u32 *word, int op, u32 val, const struct futex_time *timeout)
{
	int saved = errno;

	syscall(SYS_futex, word, op, val, timeout, NULL, 0);
	errno = saved;
}

void uzs_wait_on(u32 *word, u32 expected)
{
	futex(word, FUTEX_WAIT_PRIVATE, expected, NULL);
}

void uzs_wait_on_for(u32 *word, u32 expected, u64 ns)
{
	const struct futex_time timeout = {
		.sec = (long)(ns / NSEC_PER_SEC),
		.nsec = (long)(ns % NSEC_PER_SEC),
	};

	futex(word, FUTEX_WAIT_PRIVATE, expected, &timeout);
}

void uzs_wake_one(u32 *word)
{
	futex(word, FUTEX_WAKE_PRIVATE, 1, NULL);
}

void uzs_wake_all(u32 *word)
{
	futex(word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL);
}

#else
#include <pthread.h>
#include <time.h>
#include <unistd.h>

/* The places where threads sleep, chosen by the address of the word. Several
 * words may share a place. So a wakeup wakes all threads of the place; each
 * checks its word and may sleep again. */
#define NR_PLACES 16

static struct place {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	unsigned int sleepers; /* guard: mutex */
} places[NR_PLACES];
static pthread_once_t places_once = PTHREAD_ONCE_INIT;

/* The clock of timeouts: one that nobody sets, where conditions can have it. */
#if defined(_POSIX_CLOCK_SELECTION) && _POSIX_CLOCK_SELECTION > 0
#define PLACES_CLOCK CLOCK_MONOTONIC
#else
#define PLACES_CLOCK CLOCK_REALTIME
#endif

static void init_places(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
#if defined(_POSIX_CLOCK_SELECTION) && _POSIX_CLOCK_SELECTION > 0
	pthread_condattr_setclock(&attr, PLACES_CLOCK);
#endif
	for (unsigned int i = 0; i < NR_PLACES; i++) {
		pthread_mutex_init(&places[i].mutex, NULL);
		pthread_cond_init(&places[i].cond, &attr);
		places[i].sleepers = 0;
	}
	pthread_condattr_destroy(&attr);
}

static void init_places_once(void)
{
	init_places();
	/* The one thread of a child sleeps nowhere. Threads that are not in
	 * the child may have held a mutex at the time of the fork. */
	pthread_atfork(NULL, NULL, init_places);
}

static struct place *place_of(const u32 *word)
{
	uintptr_t hash = (uintptr_t)word / sizeof(*word) * 0x9e3779b1u;

	pthread_once(&places_once, init_places_once);
	return &places[hash >> 16 & (NR_PLACES - 1)];
}

/* @until: NULL: without a timeout. */
static void wait_until(u32 *word, u32 expected, const struct timespec *until)
{
	struct place *place = place_of(word);
	int cancel;

	/* Waiting on a condition is a cancellation point; a futex call is
	 * not. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_mutex_lock(&place->mutex);
	if (__atomic_load_n(word, __ATOMIC_RELAXED) == expected) {
		place->sleepers++;
		if (until)
			pthread_cond_timedwait(&place->cond, &place->mutex,
					       until);
		else
			pthread_cond_wait(&place->cond, &place->mutex);
		place->sleepers--;
	}
	pthread_mutex_unlock(&place->mutex);
	pthread_setcancelstate(cancel, NULL);
}

void uzs_wait_on(u32 *word, u32 expected)
{
	wait_until(word, expected, NULL);
}

void uzs_wait_on_for(u32 *word, u32 expected, u64 ns)
{
	struct timespec until;

	clock_gettime(PLACES_CLOCK, &until);
	ns += (u64)until.tv_nsec;
	until.tv_sec += (time_t)(ns / NSEC_PER_SEC);
	until.tv_nsec = (long)(ns % NSEC_PER_SEC);
	wait_until(word, expected, &until);
}

void uzs_wake_all(u32 *word)
{
	struct place *place = place_of(word);

	/* A thread that read the old value sleeps by now, or it still has to
	 * take the mutex and then reads the new value. */
	pthread_mutex_lock(&place->mutex);
	if (place->sleepers)
		pthread_cond_broadcast(&place->cond);
	pthread_mutex_unlock(&place->mutex);
}

void uzs_wake_one(u32 *word)
{
	uzs_wake_all(word);
}
#endif

static u32 look(const u32 *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* If it fails, *old is the present value. May fail for no reason. */
static bool change(u32 *word, u32 *old, u32 new, int order)
{
	return __atomic_compare_exchange_n(word, old, new, true, order,
					   __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------------
 * spinlock_t
 *
 * While nobody sleeps: 0 -> LOCKED -> 0. A thread that goes to sleep sets
 * WAITERS, and the unlocker wakes one sleeping thread. That thread cannot know
 * whether it was the last one. So it always sets WAITERS again: together with
 * LOCKED when it gets the lock, or when it goes back to sleep.
 *
 * Handover: a thread that was woken too often sets HANDOVER. Then the unlocker
 * does not store 0 but leaves HANDOVER, without LOCKED. Only a thread that has
 * slept may then take the lock, which clears HANDOVER.
 * Why the lock is always taken: HANDOVER is set only by a thread that has
 * slept, and cleared only by one that gets the lock. While it is set, the
 * thread that set it last still waits. It sleeps, and then a wakeup will come;
 * or it is about to check again.
 */
void uzs_spin_lock_slow(spinlock_t *lock)
{
	unsigned int rounds = 0;
	unsigned int slept = 0;
	u32 v, next;

	for (;;) {
		v = look(&lock->word);
		if (!(v & UZS_SPIN_LOCKED) &&
		    (slept || !(v & UZS_SPIN_HANDOVER))) {
			next = UZS_SPIN_LOCKED | (slept ? UZS_SPIN_WAITERS : 0);
			if (change(&lock->word, &v, next, __ATOMIC_ACQUIRE))
				return;
			continue;
		}
		if (rounds++ < UZS_SPIN_ROUNDS) {
			cpu_relax();
			continue;
		}
		next = v | UZS_SPIN_WAITERS;
		if (slept >= UZS_SPIN_PATIENCE)
			next |= UZS_SPIN_HANDOVER;
		if (next != v &&
		    !change(&lock->word, &v, next, __ATOMIC_RELAXED))
			continue;
		uzs_wait_on(&lock->word, next);
		slept++;
		rounds = 0;
	}
}

/* How long a thread that waits for a polled lock sleeps at most. */
#define POLL_NS (50 * 1000u)

void uzs_spin_lock_polled(spinlock_t *lock)
{
	unsigned int rounds = 0;

	while (!spin_trylock(lock)) {
		if (rounds++ < UZS_SPIN_ROUNDS)
			cpu_relax();
		else
			uzs_wait_on_for(&lock->word, UZS_SPIN_LOCKED, POLL_NS);
	}
}

void uzs_spin_unlock_slow(spinlock_t *lock)
{
	u32 v = look(&lock->word);
	u32 next;

	do {
		next = 0;
		if (v & UZS_SPIN_HANDOVER)
			next = UZS_SPIN_HANDOVER | UZS_SPIN_WAITERS;
	} while (!change(&lock->word, &v, next, __ATOMIC_RELEASE));
	uzs_wake_one(&lock->word);
}

/* ------------------------------------------------------------------------
 * rwlock_t
 *
 * A reader first counts itself and then checks whether it may read. If not, it
 * takes its count away again. So the count can be too high for a moment while a
 * writer holds the lock or waits for it. That only delays a writer for that
 * moment, as the count is taken away by a read_unlock, with its wakeup.
 *
 * WRITERS_WAIT counts the writers that sleep or are about to, each from before
 * its first sleep until it gets the lock. It keeps new readers out.
 * READERS_WAIT is set only while WRITER is set or a writer waits. Both end only
 * with a write_unlock, which replaces READERS_WAIT by READERS_TURN.
 * READERS_TURN keeps writers out until a waiting reader takes the lock and
 * clears it.
 * Why the lock is always taken: at most one of the two bits is set, and while
 * it is, a reader waits that clears READERS_TURN when it checks again. No
 * reader sleeps while READERS_TURN is set, but takes the lock, so none misses
 * its turn.
 *
 * A thread that makes it possible for others to continue wakes them: readers
 * are woken by write_unlock; writers by write_unlock and by the last reader.
 */
void uzs_read_lock_slow(rwlock_t *lock)
{
	unsigned int rounds = 0;
	u32 v, next;

	read_unlock(lock);
	for (;;) {
		v = look(&lock->word);
		if (!(v & UZS_RW_NO_READ) || (v & UZS_RW_READERS_TURN)) {
			next = (v & ~UZS_RW_READERS_TURN) + 1;
			if (change(&lock->word, &v, next, __ATOMIC_ACQUIRE))
				return;
		} else if (rounds++ < UZS_SPIN_ROUNDS) {
			cpu_relax();
		} else {
			next = v | UZS_RW_READERS_WAIT;
			if (next == v ||
			    change(&lock->word, &v, next, __ATOMIC_RELAXED))
				uzs_wait_on(&lock->word, next);
		}
	}
}

void uzs_write_lock_slow(rwlock_t *lock)
{
	unsigned int rounds = 0;
	u32 queued = 0; /* what this thread has added to WRITERS_WAIT */
	u32 v;

	for (;;) {
		/* A newcomer also waits for the writers that are counted. */
		u32 wait = UZS_RW_NO_WRITE | (queued ? 0 : UZS_RW_WRITERS_WAIT);

		v = look(&lock->word);
		if (!(v & wait)) {
			if (change(&lock->word, &v,
				   (v - queued) | UZS_RW_WRITER,
				   __ATOMIC_ACQUIRE))
				return;
		} else if (rounds++ < UZS_SPIN_ROUNDS) {
			cpu_relax();
		} else if (queued) {
			uzs_wait_on(&lock->word, v);
		} else if ((v & UZS_RW_WRITERS_WAIT) == UZS_RW_WRITERS_WAIT) {
			/* too many to count */
			uzs_wait_on_for(&lock->word, v, TOO_MANY_NS);
		} else if (change(&lock->word, &v, v + UZS_RW_WRITER_WAITS,
				  __ATOMIC_RELAXED)) {
			queued = UZS_RW_WRITER_WAITS;
		}
	}
}

void uzs_write_unlock_slow(rwlock_t *lock)
{
	u32 v = look(&lock->word);
	u32 next;

	do {
		VM_BUG_ON(!(v & UZS_RW_WRITER));
		next = v & ~(UZS_RW_WRITER | UZS_RW_READERS_WAIT);
		if (v & UZS_RW_READERS_WAIT)
			next |= UZS_RW_READERS_TURN;
	} while (!change(&lock->word, &v, next, __ATOMIC_RELEASE));
	if (v & (UZS_RW_READERS_WAIT | UZS_RW_WRITERS_WAIT))
		uzs_wake_all(&lock->word);
}

/* ------------------------------------------------------------------------
 * pinlock_t: the caller is counted as a reader already. So it has the lock as
 * soon as the writer has released it.
 */
void uzs_pin_read_lock_slow(pinlock_t *lock)
{
	unsigned int rounds = 0;
	u32 v, next;

	for (;;) {
		v = __atomic_load_n(&lock->word, __ATOMIC_ACQUIRE);
		if (!(v & UZS_PIN_WRITER))
			return;
		if (rounds++ < UZS_SPIN_ROUNDS) {
			cpu_relax();
			continue;
		}
		next = v | UZS_PIN_WAITERS;
		if (next == v ||
		    change(&lock->word, &v, next, __ATOMIC_RELAXED))
			uzs_wait_on(&lock->word, next);
	}
}

/* ------------------------------------------------------------------------
 * Bit lock: an unlock clears the waiters' bit and wakes all of them. A waiter
 * sets the bit again when it goes back to sleep.
 */
void uzs_bit_lock_slow(u32 *flags, u32 locked_bit, u32 waiters_bit)
{
	unsigned int rounds = 0;
	u32 v, next;

	for (;;) {
		v = look(flags);
		if (!(v & locked_bit)) {
			if (uzs_bit_trylock(flags, locked_bit))
				return;
			continue;
		}
		if (rounds++ < UZS_SPIN_ROUNDS) {
			cpu_relax();
			continue;
		}
		next = v | waiters_bit;
		if (next == v || change(flags, &v, next, __ATOMIC_RELAXED))
			uzs_wait_on(flags, next);
	}
}
