/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* codec.c - see codec.h. */
#include <errno.h>
#include <lz4.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "codec.h"

static int parse_name(struct codec *codec, const char *name)
{
	char *end;
	long level = 1;

	if (!strcmp(name, "lz4"))
		return 0;
	if (strncmp(name, "zstd", 4) || (name[4] && name[4] != ':'))
		return -EINVAL;
	if (name[4]) {
		level = strtol(name + 5, &end, 10);
		if (end == name + 5 || *end || !level ||
		    level < ZSTD_minCLevel() || level > ZSTD_maxCLevel())
			return -EINVAL;
	}
	codec->level = (int)level;
	return 0;
}

int codec_init(struct codec *codec, const char *name, unsigned int page_size)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	int err;

	*codec = (struct codec){ .page_size = page_size };
	err = parse_name(codec, name);
	if (err)
		return err;
	codec->bound = codec->level ? ZSTD_compressBound(page_size)
				    : (size_t)LZ4_compressBound((int)page_size);
	codec->nr_contexts = cpus > 0 ? (unsigned int)cpus : 1;
	codec->context = calloc(codec->nr_contexts, sizeof(*codec->context));
	if (!codec->context)
		return -ENOMEM;
	for (unsigned int i = 0; i < codec->nr_contexts; i++) {
		struct codec_context *context = &codec->context[i];

		pthread_mutex_init(&context->lock, NULL);
		context->buffer = malloc(codec->bound);
		if (codec->level) {
			context->work = ZSTD_createCCtx();
			context->unwork = ZSTD_createDCtx();
		} else {
			context->work = malloc((size_t)LZ4_sizeofState());
		}
		if (!context->buffer || !context->work ||
		    (codec->level && !context->unwork)) {
			codec->nr_contexts = i + 1;
			codec_destroy(codec);
			return -ENOMEM;
		}
	}
	return 0;
}

void codec_destroy(struct codec *codec)
{
	for (unsigned int i = 0; i < codec->nr_contexts; i++) {
		struct codec_context *context = &codec->context[i];

		if (codec->level) {
			ZSTD_freeCCtx(context->work);
			ZSTD_freeDCtx(context->unwork);
		} else {
			free(context->work);
		}
		free(context->buffer);
		pthread_mutex_destroy(&context->lock);
	}
	free(codec->context);
	codec->context = NULL;
	codec->nr_contexts = 0;
}

struct codec_context *codec_get(struct codec *codec)
{
	int cpu = sched_getcpu();
	unsigned int first = cpu > 0 ? (unsigned int)cpu : 0;
	struct codec_context *context;

	/* The CPU's own context is in its cache. A thread that has it may be
	 * preempted. */
	for (unsigned int i = 0; i < codec->nr_contexts; i++) {
		context = &codec->context[(first + i) % codec->nr_contexts];
		if (!pthread_mutex_trylock(&context->lock))
			return context;
	}
	context = &codec->context[first % codec->nr_contexts];
	pthread_mutex_lock(&context->lock);
	return context;
}

void codec_put(struct codec_context *context)
{
	pthread_mutex_unlock(&context->lock);
}

size_t codec_compress(const struct codec *codec, struct codec_context *context,
		      const void *page)
{
	size_t bytes;
	int result;

	if (codec->level) {
		bytes = ZSTD_compressCCtx(context->work, context->buffer,
					  codec->bound, page, codec->page_size,
					  codec->level);
		return ZSTD_isError(bytes) ? 0 : bytes;
	}
	result = LZ4_compress_fast_extState(context->work, page,
					    context->buffer,
					    (int)codec->page_size,
					    (int)codec->bound, 1);
	return result > 0 ? (size_t)result : 0;
}

int codec_decompress(const struct codec *codec, struct codec_context *context,
		     const void *from, size_t bytes, void *page)
{
	size_t result;

	if (codec->level)
		result = ZSTD_decompressDCtx(context->unwork, page,
					     codec->page_size, from, bytes);
	else
		result = (size_t)LZ4_decompress_safe(from, page, (int)bytes,
						     (int)codec->page_size);
	return result == codec->page_size ? 0 : -EIO;
}
