/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* codec.c - see codec.h. */
#include "uzs.h"
#include "codec.h"

#include <errno.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

int uzs_codec_parse(const char *text, struct uzs_codec *codec)
{
	const char *colon = strchr(text, ':');
	size_t name = colon ? (size_t)(colon - text) : strlen(text);
	char *end;
	long level;

	*codec = (struct uzs_codec){ 0 };
	if (name == 4 && !memcmp(text, "zstd", 4)) {
		codec->algo = UZS_ALGO_ZSTD;
		codec->level = ZSTD_CLEVEL_DEFAULT;
		if (!colon)
			return 0;
		errno = 0;
		level = strtol(colon + 1, &end, 10);
		if (end == colon + 1 || *end || errno || !level ||
		    level < ZSTD_minCLevel() || level > ZSTD_maxCLevel())
			return uzs_usage(
				"store",
				"the level of zstd is from %d to %d and not 0, not '%s'",
				ZSTD_minCLevel(), ZSTD_maxCLevel(), colon + 1);
		codec->level = (int)level;
		return 0;
	}
	if (!strcmp(text, "lz4"))
		codec->algo = UZS_ALGO_LZ4;
	else if (!strcmp(text, "none"))
		codec->algo = UZS_ALGO_NONE;
	else
		return uzs_usage(
			"store",
			"--algo takes lz4, zstd, zstd:LEVEL or none, not '%s'",
			text);
	return 0;
}

void uzs_codec_name(const struct uzs_codec *codec, char *name, size_t bytes)
{
	if (codec->algo == UZS_ALGO_ZSTD)
		snprintf(name, bytes, "zstd:%d", codec->level);
	else
		snprintf(name, bytes, "%s",
			 codec->algo == UZS_ALGO_LZ4 ? "lz4" : "none");
}

int uzs_codec_open(struct uzs_codec *codec)
{
	if (codec->algo != UZS_ALGO_ZSTD)
		return 0;
	codec->compressor = ZSTD_createCCtx();
	codec->decompressor = ZSTD_createDCtx();
	if (codec->compressor && codec->decompressor)
		return 0;
	uzs_codec_close(codec);
	return uzs_fail("out of memory for zstd");
}

void uzs_codec_close(struct uzs_codec *codec)
{
	ZSTD_freeCCtx(codec->compressor);
	ZSTD_freeDCtx(codec->decompressor);
	codec->compressor = NULL;
	codec->decompressor = NULL;
}

size_t uzs_codec_bound(const struct uzs_codec *codec, size_t page_bytes)
{
	switch (codec->algo) {
	case UZS_ALGO_LZ4:
		return (size_t)LZ4_compressBound((int)page_bytes);
	case UZS_ALGO_ZSTD:
		return ZSTD_compressBound(page_bytes);
	default:
		return page_bytes;
	}
}

size_t uzs_codec_compress(const struct uzs_codec *codec, const void *page,
			  size_t page_bytes, void *to, size_t to_bytes)
{
	size_t bytes;
	int result;

	switch (codec->algo) {
	case UZS_ALGO_LZ4:
		result = LZ4_compress_default(page, to, (int)page_bytes,
					      (int)to_bytes);
		return result > 0 ? (size_t)result : 0;
	case UZS_ALGO_ZSTD:
		bytes = ZSTD_compressCCtx(codec->compressor, to, to_bytes, page,
					  page_bytes, codec->level);
		return ZSTD_isError(bytes) ? 0 : bytes;
	default:
		return page_bytes;
	}
}

bool uzs_codec_decompress(const struct uzs_codec *codec, const void *from,
			  size_t from_bytes, void *page, size_t page_bytes)
{
	size_t bytes;
	int result;

	switch (codec->algo) {
	case UZS_ALGO_LZ4:
		result = LZ4_decompress_safe(from, page, (int)from_bytes,
					     (int)page_bytes);
		return result >= 0 && (size_t)result == page_bytes;
	case UZS_ALGO_ZSTD:
		bytes = ZSTD_decompressDCtx(codec->decompressor, page,
					    page_bytes, from, from_bytes);
		return !ZSTD_isError(bytes) && bytes == page_bytes;
	default:
		return false; /* a page that does not get smaller is kept raw */
	}
}
