/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* codec.h - the compression algorithms, all with the same calls.
 *
 * Kernel origin: drivers/block/zram/backend_*.c.
 */
#ifndef UZRAM_CODEC_H
#define UZRAM_CODEC_H

#include <stdbool.h>
#include <stddef.h>

struct codec {
	const char *name;
	int level_min, level_max;
	int level_default; /* 0: depends on the block's size */
	/* Makes the state for one thread at a time.
	 * Return: NULL if there is no memory. */
	void *(*create)(int level, size_t block);
	void (*destroy)(void *state);
	/* Bytes of room that compress() needs to write at most `limit`. */
	size_t (*room)(size_t block, size_t limit);
	/* Return: bytes written, or 0 if they would be more than limit. */
	size_t (*compress)(void *state, int level, const void *src, size_t len,
			   void *dst, size_t limit);
	/* Decompresses to exactly len bytes, the block's size.
	 * Return: false if src is damaged. */
	bool (*decompress)(void *state, const void *src, size_t src_len,
			   void *dst, size_t len);
};

/* An algorithm and its level, as in "zstd:5". */
struct codec_choice {
	const struct codec *codec; /* NULL: none */
	int level;
};

/* Return: 0, or -EINVAL for an unknown name or a level out of range. */
int codec_parse(const char *text, struct codec_choice *choice);

/* "lz4[:1..65537] ...", for messages and --help. */
const char *codec_list(void);

#endif
