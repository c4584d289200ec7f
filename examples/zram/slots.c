/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* slots.c - memory of the slot table, walks over it, waits for a slot's
 * lock. */
#define _GNU_SOURCE
#include "slots.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Tries before a waiter sleeps: about the time in which a block is copied. */
#define SPINS 64

/* Reserves address space; memory is taken when it is used. Also under
 * mlockall(MCL_FUTURE), which nbdkit --swap calls: a mapping without access
 * rights is not filled in, and mlock2 then locks only the memory that is
 * used. */
static void *reserve(size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	bool locked;

	if (map == MAP_FAILED)
		return NULL;
	locked = msync(map, 1, MS_ASYNC | MS_INVALIDATE) && errno == EBUSY;
	if ((locked && mlock2(map, bytes, MLOCK_ONFAULT)) ||
	    mprotect(map, bytes, PROT_READ | PROT_WRITE)) {
		munmap(map, bytes);
		return NULL;
	}
	/* one used slot must not take 2 MiB; old kernels lack this call */
	madvise(map, bytes, MADV_NOHUGEPAGE);
	return map;
}

int slot_table_init(struct slot_table *table, size_t nr)
{
	size_t chunks = nr / SLOT_CHUNK + (nr % SLOT_CHUNK ? 1 : 0);
	size_t bytes = nr * sizeof(struct slot);

	/* the summary is smaller than the slots, so it fits, too */
	if (nr > SIZE_MAX / 2 / sizeof(struct slot))
		return -ENOMEM;
	table->bytes = bytes + chunks_bytes(chunks);
	table->slots = reserve(table->bytes);
	if (!table->slots)
		return -ENOMEM;
	table->nr = nr;
	chunks_init(&table->chunks, chunks, table->slots + nr);
	return 0;
}

void slot_table_destroy(struct slot_table *table)
{
	if (!table->slots)
		return;
	munmap(table->slots, table->bytes);
	chunks_destroy(&table->chunks);
	table->slots = NULL;
}

void slot_table_empty(struct slot_table *table)
{
	/* this fails on locked memory, which then stays as it was */
	madvise(table->slots, table->bytes, MADV_DONTNEED);
}

size_t slot_table_first(const struct slot_table *table, size_t index)
{
	size_t chunk = chunks_next(&table->chunks, index / SLOT_CHUNK);

	if (chunk == table->chunks.nr)
		return table->nr;
	return chunk == index / SLOT_CHUNK ? index : chunk * SLOT_CHUNK;
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

/* Takes the lock with the waiters' bit set, because other waiters may sleep. */
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
