/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* chunks.c - the summary of the slot table. */
#include "chunks.h"

/* Flag in a chunk's count: its bits are set. */
#define CHUNK_USED 0x8000u

/* Words of a level with so many bits. */
static size_t words_of(size_t bits)
{
	return bits / 64 + (bits % 64 ? 1 : 0);
}

size_t chunks_bytes(size_t nr)
{
	size_t words = 0, bits = nr;

	do {
		bits = words_of(bits);
		words += bits;
	} while (bits > 1);
	return words * sizeof(uint64_t) + nr * sizeof(uint16_t);
}

void chunks_init(struct chunks *chunks, size_t nr, void *memory)
{
	_Atomic uint64_t *word = memory;
	unsigned int level = 0;
	size_t words = words_of(nr);

	for (;; words = words_of(words)) {
		chunks->levels[level] = word;
		word += words;
		if (words <= 1)
			break;
		level++;
	}
	chunks->nr = nr;
	chunks->top = level;
	chunks->counts = (_Atomic uint16_t *)word;
	pthread_mutex_init(&chunks->lock, NULL);
}

void chunks_destroy(struct chunks *chunks)
{
	pthread_mutex_destroy(&chunks->lock);
}

/* Locks: needs chunks->lock. */
static void set_bits(struct chunks *chunks, size_t chunk)
{
	for (unsigned int level = 0; level <= chunks->top; level++) {
		size_t bit = chunk >> 6 * level;

		if (atomic_fetch_or_explicit(&chunks->levels[level][bit / 64],
					     UINT64_C(1) << bit % 64,
					     memory_order_release))
			break; /* the word's bit in the level above is set
				* already */
	}
}

/* Locks: needs chunks->lock. */
static void clear_bits(struct chunks *chunks, size_t chunk)
{
	for (unsigned int level = 0; level <= chunks->top; level++) {
		size_t bit = chunk >> 6 * level;
		uint64_t mask = UINT64_C(1) << bit % 64;

		if (atomic_fetch_and_explicit(&chunks->levels[level][bit / 64],
					      ~mask,
					      memory_order_release) != mask)
			break;
	}
}

void chunks_enter(struct chunks *chunks, size_t chunk)
{
	_Atomic uint16_t *count = &chunks->counts[chunk];
	uint16_t old = atomic_load_explicit(count, memory_order_acquire);

	while (old & CHUNK_USED)
		if (atomic_compare_exchange_weak_explicit(
			    count, &old, (uint16_t)(old + 1),
			    memory_order_acquire, memory_order_acquire))
			return;
	pthread_mutex_lock(&chunks->lock);
	if (!(atomic_load_explicit(count, memory_order_relaxed) & CHUNK_USED)) {
		set_bits(chunks, chunk);
		/* from here on others enter without the lock */
		atomic_store_explicit(count, CHUNK_USED, memory_order_release);
	}
	atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
	pthread_mutex_unlock(&chunks->lock);
}

void chunks_leave(struct chunks *chunks, size_t chunk)
{
	_Atomic uint16_t *count = &chunks->counts[chunk];
	uint16_t none = CHUNK_USED;

	if (atomic_fetch_sub_explicit(count, 1, memory_order_release) !=
	    CHUNK_USED + 1)
		return;
	pthread_mutex_lock(&chunks->lock);
	/* unless another thread entered meanwhile */
	if (atomic_compare_exchange_strong_explicit(count, &none, 0,
						    memory_order_acquire,
						    memory_order_relaxed))
		clear_bits(chunks, chunk);
	pthread_mutex_unlock(&chunks->lock);
}

size_t chunks_next(const struct chunks *chunks, size_t chunk)
{
	unsigned int level = chunks->top;

	while (chunk < chunks->nr) {
		size_t bit = chunk >> 6 * level;
		uint64_t word =
			atomic_load_explicit(&chunks->levels[level][bit / 64],
					     memory_order_acquire) >>
			bit % 64;

		if (word & 1) {
			if (!level)
				return chunk;
			level--;
			continue;
		}
		/* Go to the next bit of the word, or to the first bit behind
		 * the word. Start again from the top level: that bit may not be
		 * set above. */
		bit += word ? (size_t)__builtin_ctzll(word) : 64 - bit % 64;
		if (bit > (SIZE_MAX >> 6 * level))
			break;
		chunk = bit << 6 * level;
		level = chunks->top;
	}
	return chunks->nr;
}
