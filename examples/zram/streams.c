/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* streams.c - compression streams, one for each CPU. */
#define _GNU_SOURCE
#include "streams.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int stream_fill(struct streams *streams, struct stream *stream)
{
	const struct codec *codec = streams->algo.codec;

	if (!stream->state)
		stream->state =
			codec->create(streams->algo.level, streams->block);
	if (!stream->out)
		stream->out =
			malloc(codec->room(streams->block, streams->limit));
	if (!stream->copy)
		stream->copy = malloc(streams->block);
	if (!stream->block)
		stream->block = malloc(streams->block);
	return stream->state && stream->out && stream->copy && stream->block
		       ? 0
		       : -ENOMEM;
}

int streams_init(struct streams *streams, const struct codec_choice *algo,
		 size_t block, size_t limit)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t bytes;
	int err;

	streams->algo = *algo;
	streams->block = block;
	streams->limit = limit;
	streams->nr = cpus > 0 ? (unsigned int)cpus : 1;
	bytes = streams->nr * sizeof(struct stream);
	streams->streams = aligned_alloc(_Alignof(struct stream), bytes);
	if (!streams->streams)
		return -ENOMEM;
	memset(streams->streams, 0, bytes);
	for (unsigned int i = 0; i < streams->nr; i++)
		pthread_mutex_init(&streams->streams[i].lock, NULL);
	err = stream_fill(streams, &streams->streams[0]);
	if (err)
		streams_destroy(streams);
	return err;
}

void streams_destroy(struct streams *streams)
{
	if (!streams->streams)
		return;
	for (unsigned int i = 0; i < streams->nr; i++) {
		struct stream *stream = &streams->streams[i];

		if (stream->state)
			streams->algo.codec->destroy(stream->state);
		free(stream->out);
		free(stream->copy);
		free(stream->block);
		pthread_mutex_destroy(&stream->lock);
	}
	free(streams->streams);
	streams->streams = NULL;
}

struct stream *streams_get(struct streams *streams)
{
	int cpu = sched_getcpu();
	unsigned int first = cpu > 0 ? (unsigned int)cpu % streams->nr : 0;
	struct stream *stream = NULL;

	for (unsigned int i = 0; i < streams->nr; i++) {
		stream = &streams->streams[(first + i) % streams->nr];
		if (pthread_mutex_trylock(&stream->lock) == 0)
			goto taken;
	}
	stream = &streams->streams[first];
	pthread_mutex_lock(&stream->lock);
taken:
	if (stream_fill(streams, stream) == 0)
		return stream;
	pthread_mutex_unlock(&stream->lock);
	stream = &streams->streams[0];
	pthread_mutex_lock(&stream->lock);
	return stream;
}

void streams_put(struct stream *stream)
{
	pthread_mutex_unlock(&stream->lock);
}
