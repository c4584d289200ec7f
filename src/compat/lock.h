/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lock.h - locks of one word each. A waiter spins briefly and then sleeps.
 *
 * Kernel origin: linux/spinlock.h, linux/rwlock.h, linux/bit_spinlock.h,
 * mm/filemap.c (page lock). The same guarantees as there:
 *   X1 mutual exclusion; each holder sees what earlier holders wrote
 *   X2 a thread that waits gets the lock in the end (each type says how)
 *   X3 once an unlock has let in the next holder, the unlocker does not touch
 *      the lock's memory any more: the next holder may free it
 * Simpler: nothing disables preemption or interrupts, as userspace cannot. If
 * the scheduler takes the holder off its CPU, spinning would waste whole time
 * slices. So a waiter that has spun UZS_SPIN_ROUNDS times sleeps until it is
 * woken. There is no queue of waiters; each type says below why no waiter
 * starves.
 *
 * Every lock is a u32, and every access to it is atomic, so TSan understands
 * the locks without annotations. A lock of all zeroes is unlocked. Slow paths
 * preserve errno.
 *
 * In the checked body (UZS_CHECKED) a lock also knows its class, and macros
 * with the names of these functions check first: see checked/checked.h.
 */
#ifndef UZS_COMPAT_LOCK_H
#define UZS_COMPAT_LOCK_H

#include "base.h"
#include "checked/lockdep.h"

/* How often a waiter reads a lock before it sleeps. Takes a few microseconds,
 * about as long as sleeping and being woken. */
#ifndef UZS_SPIN_ROUNDS /* the lab has fewer */
#define UZS_SPIN_ROUNDS 100
#endif

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("isb" ::: "memory");
#else
	__asm__ __volatile__("" ::: "memory");
#endif
}

/* A point where other threads may run. Does nothing, as the OS can take a
 * thread off its CPU at any time. A yield here would cost a whole time slice
 * whenever another thread computes on this CPU, even if nobody waits. A thread
 * that holds a lock that others wait for unlocks and locks it again; X2 then
 * gives them their turn. (In the lab this is a step.) */
static inline void cond_resched(void)
{
}

/* ------------------------------------------------------------------------
 * Sleeping on a word. Kernel origin: wait_on_bit(), wake_up_bit().
 *
 * uzs_wait_on sleeps while *word == expected. It may also return for no
 * reason, so callers check again. No wakeup is lost: if *word is changed before
 * uzs_wake_* is called, a waiter for the old value returns. uzs_wake_* use only
 * the address, never the memory behind it (X3).
 * Linux: a private futex. Elsewhere, or with UZS_NO_FUTEX: a static table of
 * mutexes and condition variables, in which uzs_wake_one wakes all.
 */
void uzs_wait_on(u32 *word, u32 expected);
/* Sleeps for `ns` at most. */
void uzs_wait_on_for(u32 *word, u32 expected, u64 ns);
void uzs_wake_one(u32 *word);
void uzs_wake_all(u32 *word);

/* ------------------------------------------------------------------------
 * spinlock_t: mutual exclusion.
 *
 * X2: a newcomer may overtake threads that sleep, which keeps the lock fast. A
 * thread that was woken UZS_SPIN_PATIENCE times and did not get the lock asks
 * for a handover: then only threads that have slept get it.
 */
typedef struct {
	u32 word;
	UZS_LOCK_MAP
} spinlock_t;

#define UZS_SPIN_LOCKED 1u
#define UZS_SPIN_WAITERS 2u /* somebody may sleep */
#define UZS_SPIN_HANDOVER 4u /* only a thread that has slept may take it */
#define UZS_SPIN_PATIENCE 4u

void uzs_spin_lock_slow(spinlock_t *lock);
void uzs_spin_unlock_slow(spinlock_t *lock);

static inline void spin_lock_init(spinlock_t *lock)
{
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
}

/* In the child of a fork: unlocks a lock that the thread which forked held.
 * Other threads' waiting is forgotten, as they do not exist in the child. */
static inline void spin_lock_renew(spinlock_t *lock)
{
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
}

static inline bool spin_trylock(spinlock_t *lock)
{
	u32 v = 0;

	return __atomic_compare_exchange_n(&lock->word, &v, UZS_SPIN_LOCKED,
					   false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static inline void spin_lock(spinlock_t *lock)
{
	if (unlikely(!spin_trylock(lock)))
		uzs_spin_lock_slow(lock);
}

static inline bool spin_is_locked(const spinlock_t *lock)
{
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) & UZS_SPIN_LOCKED;
}

/* Does a thread sleep for it? May stay true a little longer. */
static inline bool spin_is_contended(const spinlock_t *lock)
{
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) &
	       UZS_SPIN_WAITERS;
}

/* Simpler than lockdep: checks that somebody holds it, not that the caller
 * does. */
#define assert_spin_locked(lock) VM_BUG_ON(!spin_is_locked(lock))

static inline void spin_unlock(spinlock_t *lock)
{
	u32 v = UZS_SPIN_LOCKED;

	assert_spin_locked(lock);
	if (unlikely(!__atomic_compare_exchange_n(&lock->word, &v, 0, false,
						  __ATOMIC_RELEASE,
						  __ATOMIC_RELAXED)))
		uzs_spin_unlock_slow(lock);
}

/* For a spinlock that nearly all threads only try. Whoever has to wait looks
 * again from time to time, and nobody wakes it. So unlocking is a plain store: a
 * locked instruction would wait until all stores before it are in the cache.
 * Such a lock is locked and unlocked by these two only. */
void uzs_spin_lock_polled(spinlock_t *lock);
static inline void spin_lock_polled(spinlock_t *lock)
{
	if (unlikely(!spin_trylock(lock)))
		uzs_spin_lock_polled(lock);
}

static inline void spin_unlock_polled(spinlock_t *lock)
{
	assert_spin_locked(lock);
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
}

/* ------------------------------------------------------------------------
 * struct mutex: as a spinlock, but its holder may sleep. A waiter spins briefly
 * here too, as the kernel's does while the owner runs.
 */
struct mutex {
	spinlock_t spin;
};

static inline void mutex_init(struct mutex *lock)
{
	spin_lock_init(&lock->spin);
}

/* As spin_lock_renew. */
static inline void mutex_renew(struct mutex *lock)
{
	spin_lock_renew(&lock->spin);
}

/* May sleep. */
static inline void mutex_lock(struct mutex *lock)
{
	spin_lock(&lock->spin);
}

/* Return: is it locked now? (pthread_mutex_trylock answers the opposite.) */
static inline bool mutex_trylock(struct mutex *lock)
{
	return spin_trylock(&lock->spin);
}

static inline void mutex_unlock(struct mutex *lock)
{
	spin_unlock(&lock->spin);
}

/* ------------------------------------------------------------------------
 * rwlock_t: many readers or one writer. Not recursive, not even for readers:
 * a new reader waits behind a waiting writer.
 *
 * X2: new readers and new writers wait behind writers that wait already. So
 * nobody starves a writer, and a thread that unlocks to let others in gets the
 * lock back after them. If readers sleep when a writer unlocks, one of the
 * waiting readers comes before the next writer, so writers do not starve
 * readers. Which of several waiting readers or writers comes next is chance.
 * Known limits: 511 waiting writers are counted; further ones check once a
 * millisecond. At most 1048575 threads can read.
 */
typedef struct {
	u32 word;
	UZS_LOCK_MAP
} rwlock_t;

#define UZS_RW_WRITER 0x80000000u
#define UZS_RW_READERS_WAIT 0x40000000u /* some reader sleeps */
#define UZS_RW_READERS_TURN 0x20000000u /* a reader comes before any writer */
#define UZS_RW_WRITERS_WAIT 0x1ff00000u /* how many writers sleep */
#define UZS_RW_WRITER_WAITS 0x00100000u /* one of them */
#define UZS_RW_READERS 0x000fffffu /* how many readers hold it, or try to */

/* Bits that keep a new reader out. */
#define UZS_RW_NO_READ (UZS_RW_WRITER | UZS_RW_WRITERS_WAIT)
/* Bits that keep a waiting writer out. */
#define UZS_RW_NO_WRITE (UZS_RW_WRITER | UZS_RW_READERS_TURN | UZS_RW_READERS)

void uzs_read_lock_slow(rwlock_t *lock);
void uzs_write_lock_slow(rwlock_t *lock);
void uzs_write_unlock_slow(rwlock_t *lock);

static inline void rwlock_init(rwlock_t *lock)
{
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
}

/* As spin_lock_renew. */
static inline void rwlock_renew(rwlock_t *lock)
{
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
}

static inline void read_unlock(rwlock_t *lock)
{
	u32 v = __atomic_sub_fetch(&lock->word, 1, __ATOMIC_RELEASE);

	VM_BUG_ON((v & UZS_RW_READERS) == UZS_RW_READERS);
	/* The last reader wakes the writers. */
	if (unlikely(v & UZS_RW_WRITERS_WAIT) && !(v & UZS_RW_NO_WRITE))
		uzs_wake_all(&lock->word);
}

static inline void read_lock(rwlock_t *lock)
{
	u32 v = __atomic_fetch_add(&lock->word, 1, __ATOMIC_ACQUIRE);

	if (unlikely(v & UZS_RW_NO_READ))
		uzs_read_lock_slow(lock);
}

static inline bool read_trylock(rwlock_t *lock)
{
	u32 v = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);

	do {
		if (v & UZS_RW_NO_READ)
			return false;
	} while (!__atomic_compare_exchange_n(&lock->word, &v, v + 1, true,
					      __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

/* Also fails while other writers wait. */
static inline bool write_trylock(rwlock_t *lock)
{
	u32 v = 0;

	return __atomic_compare_exchange_n(&lock->word, &v, UZS_RW_WRITER,
					   false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static inline void write_lock(rwlock_t *lock)
{
	if (unlikely(!write_trylock(lock)))
		uzs_write_lock_slow(lock);
}

static inline void write_unlock(rwlock_t *lock)
{
	u32 v = UZS_RW_WRITER;

	if (unlikely(!__atomic_compare_exchange_n(&lock->word, &v, 0, false,
						  __ATOMIC_RELEASE,
						  __ATOMIC_RELAXED)))
		uzs_write_unlock_slow(lock);
}

/* Does a reader or a writer wait for it? Threads that still spin do not count;
 * they count once they sleep. */
static inline bool rwlock_is_contended(const rwlock_t *lock)
{
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) &
	       (UZS_RW_READERS_WAIT | UZS_RW_WRITERS_WAIT);
}

static inline bool rwlock_is_write_locked(const rwlock_t *lock)
{
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) & UZS_RW_WRITER;
}

/* ------------------------------------------------------------------------
 * pinlock_t: a lock on something that moves. Readers pin it in place and may
 * hold the lock for long; writers move it, and only ever try to take the lock.
 *
 * Kernel origin: none; its files build such locks themselves.
 *
 * As writers never wait, a reader waits for a writer that holds the lock and
 * for nothing else. So a thread may take it for reading several times at once,
 * and another thread may release it.
 * X2: a reader counts itself before it waits, which keeps further writers out.
 * So it waits for one writer at most.
 */
typedef struct {
	u32 word;
} pinlock_t;

#define UZS_PIN_WRITER 0x80000000u
#define UZS_PIN_WAITERS 0x40000000u /* some reader sleeps */
#define UZS_PIN_READERS 0x3fffffffu

void uzs_pin_read_lock_slow(pinlock_t *lock);

static inline void pinlock_init(pinlock_t *lock)
{
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
}

static inline void pin_read_lock(pinlock_t *lock)
{
	u32 v = __atomic_fetch_add(&lock->word, 1, __ATOMIC_ACQUIRE);

	if (unlikely(v & UZS_PIN_WRITER))
		uzs_pin_read_lock_slow(lock);
}

/* As pin_read_unlock, but does nothing if no reader holds it. For a caller
 * whose own caller may be wrong. Return: did a reader hold it? */
static inline bool pin_read_tryunlock(pinlock_t *lock)
{
	u32 v = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);

	do {
		if (unlikely(!(v & UZS_PIN_READERS)))
			return false;
	} while (!__atomic_compare_exchange_n(&lock->word, &v, v - 1, true,
					      __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return true;
}

static inline void pin_read_unlock(pinlock_t *lock)
{
	u32 v = __atomic_fetch_sub(&lock->word, 1, __ATOMIC_RELEASE);

	VM_BUG_ON(!(v & UZS_PIN_READERS));
	(void)v;
}

static inline bool pin_write_trylock(pinlock_t *lock)
{
	u32 v = 0;

	return __atomic_compare_exchange_n(&lock->word, &v, UZS_PIN_WRITER,
					   false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static inline void pin_write_unlock(pinlock_t *lock)
{
	u32 v = __atomic_fetch_and(&lock->word,
				   ~(UZS_PIN_WRITER | UZS_PIN_WAITERS),
				   __ATOMIC_RELEASE);

	VM_BUG_ON(!(v & UZS_PIN_WRITER));
	if (unlikely(v & UZS_PIN_WAITERS))
		uzs_wake_all(&lock->word);
}

/* How many readers hold it or wait for the writer. */
static inline u32 pin_readers(const pinlock_t *lock)
{
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) & UZS_PIN_READERS;
}

/* ------------------------------------------------------------------------
 * A lock in one bit of a word of flags. A second bit says that a thread may
 * sleep for it. Both are given as masks of one bit. The word's other bits may
 * be changed with or without the lock, but only by atomic operations. Another
 * thread may unlock it.
 *
 * X2: by chance only. Each unlock wakes all sleeping threads, and newcomers may
 * overtake them.
 */
void uzs_bit_lock_slow(u32 *flags, u32 locked_bit, u32 waiters_bit);

static inline bool uzs_bit_trylock(u32 *flags, u32 locked_bit)
{
	return !(__atomic_fetch_or(flags, locked_bit, __ATOMIC_ACQUIRE) &
		 locked_bit);
}

static inline void uzs_bit_lock(u32 *flags, u32 locked_bit, u32 waiters_bit)
{
	VM_BUG_ON(!is_power_of_2(locked_bit) || !is_power_of_2(waiters_bit));
	if (unlikely(!uzs_bit_trylock(flags, locked_bit)))
		uzs_bit_lock_slow(flags, locked_bit, waiters_bit);
}

static inline void uzs_bit_unlock(u32 *flags, u32 locked_bit, u32 waiters_bit)
{
	u32 v = __atomic_fetch_and(flags, ~(locked_bit | waiters_bit),
				   __ATOMIC_RELEASE);

	VM_BUG_ON(!(v & locked_bit));
	if (unlikely(v & waiters_bit))
		uzs_wake_all(flags);
}

#if UZS_CHECKED && !defined(UZS_LOCK_NATIVE)
#include "checked/checked.h"
#endif
/* A body from outside (README.md): its macros for the other calls, in the
 * header that its build names. */
#if defined(UZS_BODY_LOCK_H) && !defined(UZS_LOCK_NATIVE)
#include UZS_BODY_LOCK_H
#endif

#endif
