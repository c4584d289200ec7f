/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* streams.h - memory for compressing and decompressing: an algorithm's working
 * memory and buffers, one set for each CPU.
 *
 * Kernel origin: drivers/block/zram/zcomp.c. Differs: a thread whose CPU's
 * stream is busy takes a free one of another CPU before it waits.
 * Locks: a stream's own, inside a slot's lock; no other is taken inside it.
 */
#ifndef UZRAM_STREAMS_H
#define UZRAM_STREAMS_H

#include <pthread.h>
#include <stddef.h>
#include "codec.h"

struct stream {
	/* so that two CPUs do not share a cache line */
	_Alignas(64) pthread_mutex_t lock;
	void *state; /* guard: lock */
	void *out; /* guard: lock. Compressed bytes */
	void *copy; /* guard: lock. An object that lies in two pages */
	void *block; /* guard: lock. A block, if only a part is wanted */
};

struct streams {
	struct codec_choice algo; /* guard: const after create */
	size_t block, limit; /* bytes; guard: const after create */
	unsigned int nr; /* guard: const after create */
	struct stream *streams;
};

/* A stream's memory is taken when it is first used. Only the first stream has
 * it from the start, so that there is always one.
 * @limit: results with more compressed bytes are not wanted.
 * Return: 0 or -ENOMEM. */
int streams_init(struct streams *streams, const struct codec_choice *algo,
		 size_t block, size_t limit);
void streams_destroy(struct streams *streams);

/* A stream that is the caller's until streams_put. Waits; never NULL. */
struct stream *streams_get(struct streams *streams);
void streams_put(struct stream *stream);

#endif
