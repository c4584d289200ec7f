/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* chunks.h - which chunks of the slot table have filled slots. So neither a
 * walk over all slots nor a request to a block that was never written has to
 * read the other chunks.
 *
 * Each chunk counts its filled slots. A bit for each chunk says that there are
 * some, a bit in the level above for each 64 of those bits, and so on up to one
 * word. Where the bit above is not set, nothing is read, and no memory is
 * taken.
 * Guarantee: while a slot is filled, the bits of its chunk are set.
 * Locks: its own, inside a slot's lock.
 */
#ifndef UZRAM_CHUNKS_H
#define UZRAM_CHUNKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_LEVELS 11 /* 64^11 chunks are more than there can be */

struct chunks {
	size_t nr; /* guard: const after init */
	unsigned int top; /* the level of one word. guard: const after init */
	/* atomic; a bit for each chunk, then for each word of the level below.
	 * guard: lock to change */
	_Atomic uint64_t *levels[CHUNK_LEVELS];
	/* atomic; for each chunk its filled slots, and CHUNK_USED. guard of
	 * CHUNK_USED: lock to change */
	_Atomic uint16_t *counts;
	/* held while the bits of a chunk are set or cleared */
	pthread_mutex_t lock;
};

/* Bytes of memory that chunks_init needs for `nr` chunks. */
size_t chunks_bytes(size_t nr);
/* @memory: chunks_bytes(nr) bytes, all 0, aligned for any type. */
void chunks_init(struct chunks *chunks, size_t nr, void *memory);
void chunks_destroy(struct chunks *chunks);

/* enter: a slot of the chunk will be filled; leave: it was emptied. */
void chunks_enter(struct chunks *chunks, size_t chunk);
void chunks_leave(struct chunks *chunks, size_t chunk);

/* Return: the first chunk from `chunk` on whose bits are set; nr if none. */
size_t chunks_next(const struct chunks *chunks, size_t chunk);

static inline bool chunks_used(const struct chunks *chunks, size_t chunk)
{
	for (unsigned int level = chunks->top + 1; level-- > 0;) {
		size_t bit = chunk >> 6 * level;
		uint64_t word = atomic_load_explicit(
			&chunks->levels[level][bit / 64], memory_order_acquire);

		if (!(word >> bit % 64 & 1))
			return false;
	}
	return true;
}

#endif
