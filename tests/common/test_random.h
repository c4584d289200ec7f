/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_random.h - random numbers and patterns, for tests and for the programs
 * of tests/conformance.
 */
#ifndef UZS_TEST_RANDOM_H
#define UZS_TEST_RANDOM_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- random numbers ------------------------------------------------------ */

/* xorshift64*: the same numbers for the same seed, everywhere. */
struct rng {
	uint64_t state;
};

static inline void rng_seed(struct rng *rng, uint64_t seed)
{
	/* Near seeds must not give near numbers, and 0 is no state. */
	seed = (seed + 1) * 0x9e3779b97f4a7c15u;
	seed ^= seed >> 32;
	rng->state = seed ? seed : 1;
}

static inline uint64_t rng_next(struct rng *rng)
{
	rng->state ^= rng->state >> 12;
	rng->state ^= rng->state << 25;
	rng->state ^= rng->state >> 27;
	return rng->state * 0x2545f4914f6cdd1du;
}

/* 0 to n - 1. */
static inline unsigned int rng_below(struct rng *rng, unsigned int n)
{
	return (unsigned int)((rng_next(rng) >> 32) * n >> 32);
}

/* low to high, both included. */
static inline unsigned int rng_range(struct rng *rng, unsigned int low,
				     unsigned int high)
{
	return low + rng_below(rng, high - low + 1);
}

/* ---- patterns ------------------------------------------------------------ */

/* Bytes 8 * n to 8 * n + 7 of the pattern `key`, the lowest first. Neighbouring
 * bytes, positions one page apart and different keys differ: data that is
 * shifted, torn at a page border or another object's shows. */
static inline uint64_t pattern_word(uint64_t key, size_t n)
{
	uint64_t x = (key + 1) * 0x9e3779b97f4a7c15u + n;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return x ^ x >> 32;
}

static inline unsigned char pattern_byte(uint64_t key, size_t pos)
{
	return (unsigned char)(pattern_word(key, pos / 8) >> pos % 8 * 8);
}

/* Whole words where there are, for time: also of builds that optimize nothing. */
static inline void pattern_fill(void *mem, size_t len, uint64_t key)
{
	unsigned char *bytes = mem;
	size_t words = len / 8;

	for (size_t n = 0; n < words; n++) {
		uint64_t word = htole64(pattern_word(key, n));

		memcpy(bytes + 8 * n, &word, 8);
	}
	for (size_t i = 8 * words; i < len; i++)
		bytes[i] = pattern_byte(key, i);
}

/* Where `mem`, which should hold the pattern from position `start` on, first
 * differs from it: len if nowhere. */
static inline size_t pattern_differs(const void *mem, size_t start, size_t len,
				     uint64_t key)
{
	const unsigned char *bytes = mem;
	size_t i = 0;

	while (i < len) {
		if ((start + i) % 8 == 0 && len - i >= 8) {
			uint64_t word;

			/* Not memcmp(), which is a call for each word here. */
			memcpy(&word, bytes + i, sizeof(word));
			if (le64toh(word) ==
			    pattern_word(key, (start + i) / 8)) {
				i += 8;
				continue;
			}
		}
		if (bytes[i] != pattern_byte(key, start + i))
			return i;
		i++;
	}
	return len;
}

static inline bool pattern_ok(const void *mem, size_t len, uint64_t key)
{
	return pattern_differs(mem, 0, len, key) == len;
}

#endif
