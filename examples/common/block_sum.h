/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* block_sum.h - a checksum of a block that is kept in a file. */
#ifndef UZS_BLOCK_SUM_H
#define UZS_BLOCK_SUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Fletcher's checksum on words: finds bytes that differ and bytes that moved.
 * @place: where the block is, so that one of another place differs.
 * @bytes: a multiple of 4. */
static inline uint32_t block_sum(const void *block, size_t bytes,
				 uint64_t place)
{
	const unsigned char *from = block; /* may lie anywhere */
	uint64_t a = 1 + place, b = place >> 32;
	uint32_t word;

	for (size_t i = 0; i < bytes / sizeof(word); i++) {
		memcpy(&word, from + i * sizeof(word), sizeof(word));
		a += word;
		b += a;
	}
	return (uint32_t)(a ^ a >> 32 ^ b * 31 ^ b >> 29);
}

#endif
