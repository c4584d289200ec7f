/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios_lock.c - compat's own locks, which the lab's body stands for
 * everywhere else: their algorithms as they are, each access of a lock's word a
 * step, and a futex a wait in the lab. What they guard are words that are read
 * and written by relaxed accesses. So where memory is not sc, a lock that orders
 * too little lets a CPU read a word that is too old.
 */
#ifndef UZS_LOCK_NATIVE
#define UZS_LOCK_NATIVE
#endif
/* Another source in the place of ours: for wrong variants (tests/wrong). */
#ifndef UZS_LAB_LOCK_C
#define UZS_LAB_LOCK_C "compat/lock.c"
#endif
#ifndef UZS_SPIN_ROUNDS
#define UZS_SPIN_ROUNDS 1
#endif
#include <sys/syscall.h>
#include <unistd.h>

/* The system call of lock.c. */
#define syscall(nr, word, op, val, timeout, ...) \
	lab_futex((word), (op), (val), (timeout))
struct futex_time;
static void lab_futex(unsigned int *word, int op, unsigned int val,
		      const struct futex_time *timeout);
#include UZS_LAB_LOCK_C

#include "scenario.h"

static void lab_futex(u32 *word, int op, u32 val,
		      const struct futex_time *timeout)
{
	u64 ns = timeout ? (u64)timeout->sec * NSEC_PER_SEC + (u64)timeout->nsec
			 : 0;

	if (op == FUTEX_WAIT_PRIVATE)
		uzs_lab_wait_on(word, val, ns, UZS_LAB_PLACE("word"));
	else
		uzs_lab_wake_on(word, val != 1, UZS_LAB_PLACE("word"));
}

/* Locks of this file's kind in the words of the world. */
static spinlock_t *spin_of(struct lab_world *w)
{
	return (spinlock_t *)&w->lock[0];
}

static rwlock_t *rw_of(struct lab_world *w)
{
	return (rwlock_t *)&w->lock[0];
}

static pinlock_t *pin_of(struct lab_world *w)
{
	return (pinlock_t *)&w->lock[0].word;
}

static u32 *flags_of(struct lab_world *w)
{
	return &w->lock[0].word;
}

static void clear(struct lab_world *w)
{
	memset(&w->lock[0], 0, sizeof(w->lock[0]));
}

/* Two words that are always equal for who has the lock. */
static void add_one(struct lab_world *w)
{
	WRITE_ONCE(w->word[0], READ_ONCE(w->word[0]) + 1);
	WRITE_ONCE(w->word[1], READ_ONCE(w->word[1]) + 1);
}

static void look_at_both(struct lab_world *w)
{
	unsigned long one = READ_ONCE(w->word[0]);
	unsigned long other = READ_ONCE(w->word[1]);

	if (one != other)
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "under the lock the words are %lu and %lu", one,
			      other);
}

/* word[2]: how many times they were added to. */
static void check_sum(struct lab_world *w)
{
	if (w->word[0] != w->word[2] || w->word[1] != w->word[2])
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "the words are %lu and %lu, not %lu", w->word[0],
			      w->word[1], w->word[2]);
}

#define SETUP(name, times)                    \
	static void name(struct lab_world *w) \
	{                                     \
		clear(w);                     \
		w->word[2] = (times);         \
	}
SETUP(one_addition, 1)
SETUP(two_additions, 2)

#define LOCK_SCENARIO(id, text, about, first, second, set_up) \
	const struct lab_scenario lab_scenario_lock_##id = {  \
		.name = "lock-" text,                         \
		.summary = about,                             \
		.setup = set_up,                              \
		.cpu = { first, second, NULL },               \
		.check = check_sum,                           \
		.defers = LAB_DEFER(ZS_DEFER_NONE),           \
		.flags = LAB_QUICK | LAB_USER,                \
	}

static void add_with_spin(struct lab_world *w)
{
	spin_lock(spin_of(w));
	add_one(w);
	spin_unlock(spin_of(w));
}

static void look_with_spin(struct lab_world *w)
{
	spin_lock(spin_of(w));
	look_at_both(w);
	spin_unlock(spin_of(w));
}

static void look_if_free(struct lab_world *w)
{
	if (!spin_trylock(spin_of(w)))
		return;
	look_at_both(w);
	spin_unlock(spin_of(w));
}

static void add_with_polled(struct lab_world *w)
{
	spin_lock_polled(spin_of(w));
	add_one(w);
	spin_unlock_polled(spin_of(w));
}

static void look_with_polled(struct lab_world *w)
{
	spin_lock_polled(spin_of(w));
	look_at_both(w);
	spin_unlock_polled(spin_of(w));
}

static void add_with_write(struct lab_world *w)
{
	write_lock(rw_of(w));
	add_one(w);
	write_unlock(rw_of(w));
}

static void look_with_read(struct lab_world *w)
{
	read_lock(rw_of(w));
	look_at_both(w);
	read_unlock(rw_of(w));
}

static void add_with_read(struct lab_world *w)
{
	read_lock(rw_of(w));
	add_one(w);
	read_unlock(rw_of(w));
}

static void look_with_write(struct lab_world *w)
{
	write_lock(rw_of(w));
	look_at_both(w);
	write_unlock(rw_of(w));
}

static void add_with_pin_write(struct lab_world *w)
{
	if (!pin_write_trylock(pin_of(w))) {
		w->word[2]--; /* this one is not done */
		return;
	}
	add_one(w);
	pin_write_unlock(pin_of(w));
}

static void look_with_pin(struct lab_world *w)
{
	pin_read_lock(pin_of(w));
	look_at_both(w);
	pin_read_unlock(pin_of(w));
}

/* One reader may write what others only read, as long as it has the pin. */
static void add_with_pin(struct lab_world *w)
{
	pin_read_lock(pin_of(w));
	add_one(w);
	pin_read_unlock(pin_of(w));
}

static void look_with_pin_write(struct lab_world *w)
{
	if (!pin_write_trylock(pin_of(w)))
		return;
	look_at_both(w);
	pin_write_unlock(pin_of(w));
}

static void add_with_bit(struct lab_world *w)
{
	uzs_bit_lock(flags_of(w), 1, 2);
	add_one(w);
	uzs_bit_unlock(flags_of(w), 1, 2);
}

static void look_with_bit(struct lab_world *w)
{
	uzs_bit_lock(flags_of(w), 1, 2);
	look_at_both(w);
	uzs_bit_unlock(flags_of(w), 1, 2);
}

LOCK_SCENARIO(add, "add", "two CPUs take a spin lock, and both write",
	      add_with_spin, add_with_spin, two_additions);
LOCK_SCENARIO(spin, "spin", "two CPUs take a spin lock, and one writes",
	      add_with_spin, look_with_spin, one_addition);
LOCK_SCENARIO(try, "try", "a spin lock is taken, and tried", add_with_spin,
	      look_if_free, one_addition);
LOCK_SCENARIO(polled, "polled", "a spin lock that is given back by a store",
	      add_with_polled, look_with_polled, one_addition);
LOCK_SCENARIO(write, "write", "two writers of a read-write lock",
	      add_with_write, add_with_write, two_additions);
LOCK_SCENARIO(read, "read", "a writer and a reader of a read-write lock",
	      add_with_write, look_with_read, one_addition);
LOCK_SCENARIO(pin, "pin", "a pin beside who moves what is pinned",
	      add_with_pin_write, look_with_pin, one_addition);
LOCK_SCENARIO(shared, "shared", "a writer of the lock sees what a reader wrote",
	      add_with_read, look_with_write, one_addition);
LOCK_SCENARIO(pinned, "pinned",
	      "who moves what was pinned sees what was written", add_with_pin,
	      look_with_pin_write, one_addition);
LOCK_SCENARIO(bit, "bit", "two CPUs take a lock that is a bit", add_with_bit,
	      look_with_bit, one_addition);
