/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/bit_spinlock.h - a lock in one bit of a word, as handles have until
 * 5.16. There is no room for a mark that somebody waits, and a wakeup with each
 * unlock would be a system call. So who finds it locked spins, then looks again
 * every tenth of a millisecond. In the lab each unlock wakes; in virtual time,
 * where that costs, only if somebody waits for any bit. Its order is not
 * checked. */
#ifndef UZS_KERNEL_LINUX_BIT_SPINLOCK_H
#define UZS_KERNEL_LINUX_BIT_SPINLOCK_H

#include <uzs/compat.h>
#include <linux/bitops.h>
#include <linux/bug.h>

#define UZS_K_BIT_SPINS 100
#define UZS_K_BIT_NS 100000u

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the first half of a word has to have its lowest bits"
#endif

#if UZS_LAB
/* Who found a bit locked, and goes on, may come back to it without end: it does
 * so with cond_resched(). In the kernel the owner has preemption off and is soon
 * done. Here the fiber waits at that place until the bit's word has changed. */
struct uzs_k_bit_wait {
	u32 *word; /* NULL: it found none locked since it waited */
	u32 seen;
};
struct uzs_k_bit_wait *uzs_k_bit_wait_of_fiber(void);
extern unsigned int uzs_k_bit_waiters; /* fibers, now */

static inline void uzs_k_sleep_for_bit(u32 *word, u32 seen)
{
	uzs_k_bit_waiters++;
	uzs_wait_on(word, seen);
	uzs_k_bit_waiters--;
}

static inline void uzs_k_wait_for_bit(const struct uzs_place *here)
{
	struct uzs_k_bit_wait *wait = uzs_k_bit_wait_of_fiber();
	u32 *word = wait->word;

	wait->word = NULL;
	if (word)
		uzs_k_sleep_for_bit(word, wait->seen);
	uzs_lab_resched(here);
}
#undef cond_resched
#define cond_resched() uzs_k_wait_for_bit(UZS_HERE)
#endif

static inline bool bit_spin_trylock(int nr, unsigned long *word)
{
	bool taken = !test_and_set_bit((unsigned int)nr, word);

#if UZS_LAB
	*uzs_k_bit_wait_of_fiber() =
		(struct uzs_k_bit_wait){ taken ? NULL : (u32 *)word,
					 (u32)uzs_peek_word(word) };
#endif
	return taken;
}
static inline bool bit_spin_is_locked(int nr, unsigned long *word)
{
	return test_bit((unsigned int)nr, word);
}
static inline void bit_spin_lock(int nr, unsigned long *word)
{
	u32 *half = (u32 *)word, seen;

	BUG_ON(nr < 0 || nr >= 32);
	for (unsigned int spins = 0; !bit_spin_trylock(nr, word); spins++) {
#if UZS_LAB
		seen = READ_ONCE(*half);
		if (seen >> nr & 1)
			uzs_k_sleep_for_bit(half, seen);
#else
		if (spins < UZS_K_BIT_SPINS) {
			cpu_relax();
			continue;
		}
		seen = READ_ONCE(*half);
		if (seen >> nr & 1)
			uzs_wait_on_for(half, seen, UZS_K_BIT_NS);
#endif
	}
}
static inline void bit_spin_unlock(int nr, unsigned long *word)
{
	VM_BUG_ON(!bit_spin_is_locked(nr, word));
	/* (clear_bit orders nothing.) */
	test_and_clear_bit((unsigned int)nr, word);
#if UZS_SIM
	if (uzs_k_bit_waiters)
		uzs_wake_all((u32 *)word);
#elif UZS_LAB
	uzs_wake_all((u32 *)word);
#endif
}

#endif
