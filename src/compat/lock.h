/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lock.h - locks of one word each, that spin briefly and then sleep.
 *
 * Kernel origin: linux/spinlock.h, linux/rwlock.h, linux/bit_spinlock.h,
 * mm/zsmalloc.c (zspage lock, v6.15), mm/filemap.c (page lock). The kernel
 * guarantees they restore:
 *   X1 mutual exclusion; what one holder wrote the next one sees
 *   X2 somebody who waits gets the lock in the end (each type says how)
 *   X3 once an unlock has let the next holder in, the unlocker does not touch
 *      the lock's memory any more: the next holder may free it
 * Where they are simpler, all of them: nothing disables preemption or
 * interrupts, as userspace cannot. A holder that the scheduler takes off its
 * CPU would leave the others spinning for whole time slices; hence everyone
 * who has spun for UZS_SPIN_ROUNDS sleeps until woken. Who waits for what is
 * not kept in a queue; a lock says below what keeps it from starving anyone.
 *
 * Every lock is a u32 on which only atomic operations are used: TSan sees
 * them as they are. All zeroes is an unlocked lock. Slow paths keep errno.
 *
 * In the checked body (UZS_CHECKED) a lock also says what it is, and macros of
 * the same names as the functions here check first: see checked.h.
 */
#ifndef UZS_COMPAT_LOCK_H
#define UZS_COMPAT_LOCK_H

#include "base.h"
#include "checked/lockdep.h"

/* How often a waiter looks at a lock before it sleeps: a few microseconds,
 * about the price of sleeping and being woken. */
#define UZS_SPIN_ROUNDS 100

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

/* A place where others may run. Nothing, as the OS takes a thread off its CPU
 * whenever it wants to: to yield here would give a neighbour who only computes
 * a whole time slice each time, also when nobody waits. Who holds what others
 * wait for drops it and takes it again, and the lock sees to it that they get
 * their turn. (A step in the lab.) */
static inline void cond_resched(void)
{
}

/* ------------------------------------------------------------------------
 * Sleeping on a word. Kernel origin: wait_on_bit(), wake_up_bit().
 *
 * uzs_wait_on sleeps while *word == expected. It may also return for no
 * reason, so callers look again. No wakeup is lost: if *word is changed
 * before uzs_wake_* is called, a waiter with the old value returns.
 * uzs_wake_* use the address only and never the memory behind it (X3).
 * Linux: a private futex. Elsewhere, or with UZS_NO_FUTEX: a static table of
 * mutexes and condition variables, in which uzs_wake_one wakes all.
 */
void uzs_wait_on(u32 *word, u32 expected);
/* Not for longer than ns. */
void uzs_wait_on_for(u32 *word, u32 expected, u64 ns);
void uzs_wake_one(u32 *word);
void uzs_wake_all(u32 *word);

/* ------------------------------------------------------------------------
 * spinlock_t: mutual exclusion.
 *
 * X2: a newcomer may overtake those who sleep, which is what keeps the lock
 * fast; but a sleeper that was woken UZS_SPIN_PATIENCE times in vain asks for
 * the lock to be handed over, and then only sleepers get it.
 */
typedef struct {
	u32 word;
	UZS_LOCK_MAP
} spinlock_t;

#define UZS_SPIN_LOCKED 1u
#define UZS_SPIN_WAITERS 2u /* somebody may sleep */
#define UZS_SPIN_HANDOVER 4u /* only who has slept may take it */
#define UZS_SPIN_PATIENCE 4u

void uzs_spin_lock_slow(spinlock_t *lock);
void uzs_spin_unlock_slow(spinlock_t *lock);

static inline void spin_lock_init(spinlock_t *lock)
{
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELAXED);
}

/* In the child of a fork, for a lock that the thread which forked had: it is
 * unlocked, and those who waited for it are not here. */
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

/* Does somebody sleep for it? May be true a little longer than that. */
static inline bool spin_is_contended(const spinlock_t *lock)
{
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) &
	       UZS_SPIN_WAITERS;
}

/* Simpler than lockdep: that somebody holds it, not that the caller does. */
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

/* ------------------------------------------------------------------------
 * struct mutex: a spinlock under which one may sleep. Who waits spins briefly
 * here as well, as the kernel's does while the owner runs.
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
 * a reader queues behind a waiting writer.
 *
 * X2: new readers and new writers queue behind writers that wait, so that
 * neither can starve a writer, and one who drops the lock for others to take it
 * does not get it back before them. After a writer, if readers sleep, one of
 * those that wait
 * gets a turn before the next writer, so that writers cannot starve them.
 * Which of several readers or writers is the next is left to chance.
 * Known limits: 511 writers are counted (more look once a millisecond),
 * 1048575 threads can read.
 */
typedef struct {
	u32 word;
	UZS_LOCK_MAP
} rwlock_t;

#define UZS_RW_WRITER 0x80000000u
#define UZS_RW_READERS_WAIT 0x40000000u /* some reader sleeps */
#define UZS_RW_READERS_TURN 0x20000000u /* no writer until a reader got in */
#define UZS_RW_WRITERS_WAIT 0x1ff00000u /* how many writers sleep */
#define UZS_RW_WRITER_WAITS 0x00100000u /* one of them */
#define UZS_RW_READERS 0x000fffffu /* how many readers hold it, or knock */

/* What keeps out a new reader. */
#define UZS_RW_NO_READ (UZS_RW_WRITER | UZS_RW_WRITERS_WAIT)
/* What keeps out a writer that waits. */
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
	/* the last reader out lets the writers in */
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

/* Fails also while other writers wait. */
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

/* Does somebody, reader or writer, wait for it? Those who still spin do not
 * count: they show up when they go to sleep. */
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
 * pinlock_t: readers pin, for long; writers only ever try.
 *
 * A reader waits for nothing but a writer that holds it. As no writer ever
 * waits, no reader waits for a waiting one: a thread may take it for reading
 * again while it has it, and may give it back in another thread.
 * X2: a reader counts itself before it waits, which keeps every next writer
 * out: it waits for one writer at most.
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

/* False, and nothing done, when no reader has it: for who is told to give it
 * back by somebody that may be wrong. */
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

/* How many readers hold it or wait for its writer. */
static inline u32 pin_readers(const pinlock_t *lock)
{
	return __atomic_load_n(&lock->word, __ATOMIC_RELAXED) & UZS_PIN_READERS;
}

/* ------------------------------------------------------------------------
 * A lock in one bit of a word of flags, with a second bit that says that
 * somebody may sleep. Both are given as masks of one bit. Whoever changes the
 * word's other bits does so by atomic operations, with or without the lock.
 * May be unlocked in another thread.
 *
 * X2: by chance only: each unlock wakes all who sleep, and newcomers may
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
/* A body from outside: its macros for the calls that stay, by the name of a
 * header that its build gives. */
#if defined(UZS_BODY_LOCK_H) && !defined(UZS_LOCK_NATIVE)
#include UZS_BODY_LOCK_H
#endif

#endif
