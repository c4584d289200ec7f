/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* slots.h - the slot table: what a block of the device is stored as.
 *
 *  slot      handle                            word
 *  -------   -------------------------------   ------------------------------
 *  empty     0                                 size 0
 *  SAME      the value that fills the block    size 0
 *  WB        number of the backing block       size 0
 *  else      the pool's handle                 compressed size; with HUGE the
 *                                              block as it is, size = block
 *
 * Kernel origin: drivers/block/zram/zram_drv.c, struct zram_table_entry and
 * the slot lock. Differs: the lock sleeps on a futex, since its holder may
 * read the backing file.
 * Nobody reads a slot of a chunk that has no filled ones: see chunks.h.
 * Locks: each slot's own, never two at once; inside it that of the chunks.
 */
#ifndef UZRAM_SLOTS_H
#define UZRAM_SLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunks.h"

/* Slots in a chunk: a page of 4 KiB of them. */
#define SLOT_CHUNK 256

/* The word of a slot. */
#define SLOT_SIZE_MASK 0x0001ffffu /* compressed bytes, at most 64 KiB */
#define SLOT_SAME 0x00020000u /* filled with one value */
#define SLOT_WB 0x00040000u /* written back to the backing file */
/* selected for post-processing; cleared by a thread that changes or reads the
 * block */
#define SLOT_PP_SLOT 0x00080000u
#define SLOT_HUGE 0x00100000u /* does not compress: stored raw */
#define SLOT_IDLE 0x00200000u /* not used since it was marked */
#define SLOT_INCOMPRESSIBLE 0x00400000u /* recomp_algo did not help either */
#define SLOT_RECOMP 0x00800000u /* compressed with recomp_algo */
#define SLOT_LOCKED 0x40000000u
#define SLOT_WAITERS 0x80000000u /* a thread sleeps for the lock */

struct slot {
	unsigned long handle; /* guard: slot lock */
	_Atomic uint32_t word; /* atomic; changed with the slot lock held */
	_Atomic uint32_t used; /* atomic, relaxed: second of the last access */
};

struct slot_table {
	struct slot *slots; /* guard: const after create */
	size_t nr; /* guard: const after create */
	size_t bytes; /* of the mapping. guard: const after create */
	struct chunks chunks;
};

/* Memory for the table is taken as slots are first filled, also by a process
 * that has locked its memory.
 * Return: 0 or -ENOMEM. */
int slot_table_init(struct slot_table *table, size_t nr);
void slot_table_destroy(struct slot_table *table);
/* Gives the memory back. All slots must be empty, and no thread may use
 * them. */
void slot_table_empty(struct slot_table *table);

/* May the slot be filled? If not, reading it would take memory for nothing.
 * True once the call that filled it has returned. */
static inline bool slot_table_used(const struct slot_table *table, size_t index)
{
	return chunks_used(&table->chunks, index / SLOT_CHUNK);
}

/* Walks all slots that may be filled: starts at the first one at or behind
 * `index`, goes on behind the current one. Return: nr at the end. */
size_t slot_table_first(const struct slot_table *table, size_t index);

static inline size_t slot_table_after(const struct slot_table *table,
				      size_t index)
{
	index++;
	return index % SLOT_CHUNK ? index : slot_table_first(table, index);
}

/* enter: an empty slot will be filled; leave: it was emptied. Locks: needs the
 * slot's. */
static inline void slot_table_enter(struct slot_table *table,
				    const struct slot *slot)
{
	chunks_enter(&table->chunks,
		     (size_t)(slot - table->slots) / SLOT_CHUNK);
}

static inline void slot_table_leave(struct slot_table *table,
				    const struct slot *slot)
{
	chunks_leave(&table->chunks,
		     (size_t)(slot - table->slots) / SLOT_CHUNK);
}

void slot_lock_wait(struct slot *slot); /* takes the lock, slow path */
void slot_unlock_wake(struct slot *slot); /* drops the lock, slow path */

static inline uint32_t slot_word(const struct slot *slot)
{
	return atomic_load_explicit(&slot->word, memory_order_relaxed);
}

static inline bool slot_trylock(struct slot *slot)
{
	return !(atomic_fetch_or_explicit(&slot->word, SLOT_LOCKED,
					  memory_order_acquire) &
		 SLOT_LOCKED);
}

static inline void slot_lock(struct slot *slot)
{
	if (!slot_trylock(slot))
		slot_lock_wait(slot);
}

static inline void slot_unlock(struct slot *slot)
{
	uint32_t old = atomic_fetch_and_explicit(&slot->word,
						 ~(SLOT_LOCKED | SLOT_WAITERS),
						 memory_order_release);

	if (old & SLOT_WAITERS)
		slot_unlock_wake(slot);
}

/* Changes the word of a locked slot. All changes are of single bits or from
 * zero, so a waiter's bit is never lost. */
static inline void slot_set(struct slot *slot, uint32_t flags_and_size)
{
	atomic_fetch_or_explicit(&slot->word, flags_and_size,
				 memory_order_relaxed);
}

static inline void slot_clear(struct slot *slot, uint32_t flags)
{
	atomic_fetch_and_explicit(&slot->word, ~flags, memory_order_relaxed);
}

/* Empties the word in one masked write. Return: the word before. */
static inline uint32_t slot_take_all(struct slot *slot)
{
	return atomic_fetch_and_explicit(
		&slot->word, SLOT_LOCKED | SLOT_WAITERS, memory_order_relaxed);
}

static inline size_t slot_size(uint32_t word)
{
	return word & SLOT_SIZE_MASK;
}

/* Is anything stored in the slot? */
static inline bool slot_filled(uint32_t word)
{
	return word & (SLOT_SIZE_MASK | SLOT_SAME | SLOT_WB);
}

/* Is it stored in an object of the pool? */
static inline bool slot_in_pool(uint32_t word)
{
	return slot_size(word) != 0;
}

#endif
