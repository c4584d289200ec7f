/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* slots.c - memory of the slot table, and waiting for a slot's lock. */
#define _GNU_SOURCE
#include "slots.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Tries before a waiter sleeps: about the time of an uncompressed copy. */
#define SPINS 64

int slot_table_init(struct slot_table *table, size_t nr)
{
	void *map;

	if (nr > SIZE_MAX / sizeof(struct slot))
		return -ENOMEM;
	map = mmap(NULL, nr * sizeof(struct slot), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return -ENOMEM;
	table->slots = map;
	table->nr = nr;
	return 0;
}

void slot_table_destroy(struct slot_table *table)
{
	if (table->slots)
		munmap(table->slots, table->nr * sizeof(struct slot));
	table->slots = NULL;
}

static inline void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

static void futex(struct slot *slot, int op, uint32_t value)
{
	syscall(SYS_futex, &slot->word, op, value, NULL, NULL, 0);
}

/* Takes the lock with the waiters' bit set: there may be others asleep. */
void slot_lock_wait(struct slot *slot)
{
	uint32_t word;

	for (int i = 0; i < SPINS; i++) {
		if (!(slot_word(slot) & SLOT_LOCKED) && slot_trylock(slot))
			return;
		pause_cpu();
	}
	word = slot_word(slot);
	for (;;) {
		uint32_t want = word | SLOT_LOCKED | SLOT_WAITERS;

		if (word != want &&
		    !atomic_compare_exchange_weak_explicit(
			    &slot->word, &word, want, memory_order_acquire,
			    memory_order_relaxed))
			continue;
		if (!(word & SLOT_LOCKED))
			return;
		futex(slot, FUTEX_WAIT_PRIVATE, want);
		word = slot_word(slot);
	}
}

void slot_unlock_wake(struct slot *slot)
{
	futex(slot, FUTEX_WAKE_PRIVATE, 1);
}
