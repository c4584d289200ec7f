/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* codec.h - compresses pages, with LZ4 or zstd, on several threads at once. */
#ifndef ZSWAP_CODEC_H
#define ZSWAP_CODEC_H

#include <pthread.h>
#include <stddef.h>

/* Memory for one compression or decompression: one for each CPU, as in the
 * kernel, used by one thread at a time. */
struct codec_context {
	pthread_mutex_t lock;
	void *work; /* of the compressor */
	void *unwork; /* of zstd's decompressor */
	char *buffer; /* codec->bound bytes: compressed page */
};

struct codec {
	int level; /* of zstd; 0: LZ4 */
	unsigned int page_size;
	size_t bound; /* most bytes of a compressed page */
	unsigned int nr_contexts;
	struct codec_context *context;
};

/* @name: "lz4", "zstd", "zstd:LEVEL". Return: 0, -EINVAL, -ENOMEM. */
int codec_init(struct codec *codec, const char *name, unsigned int page_size);
void codec_destroy(struct codec *codec);

/* Waits until a context is free. */
struct codec_context *codec_get(struct codec *codec);
void codec_put(struct codec_context *context);
/* Compresses to context->buffer. Return: bytes; 0: error. */
size_t codec_compress(const struct codec *codec, struct codec_context *context,
		      const void *page);
/* Return: 0 or -EIO: the bytes do not make a page. */
int codec_decompress(const struct codec *codec, struct codec_context *context,
		     const void *from, size_t bytes, void *page);

#endif
