/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* codec.h - compresses single pages, with LZ4, zstd or nothing. */
#ifndef UZS_CODEC_H
#define UZS_CODEC_H

#include <stdbool.h>
#include <stddef.h>

enum uzs_algo { UZS_ALGO_LZ4, UZS_ALGO_ZSTD, UZS_ALGO_NONE };

struct uzs_codec {
	enum uzs_algo algo;
	int level; /* of zstd */
	void *compressor; /* zstd's contexts */
	void *decompressor;
};

/* Takes "lz4", "zstd", "zstd:LEVEL" or "none". Return: 0 or UZS_USAGE. */
int uzs_codec_parse(const char *text, struct uzs_codec *codec);
/* Writes the name as uzs_codec_parse takes it, with the level. */
void uzs_codec_name(const struct uzs_codec *codec, char *name, size_t bytes);
/* Return: 0 or an exit status. */
int uzs_codec_open(struct uzs_codec *codec);
void uzs_codec_close(struct uzs_codec *codec);
/* Most bytes that a compressed page of @page_bytes can have. */
size_t uzs_codec_bound(const struct uzs_codec *codec, size_t page_bytes);
/* @to has room for uzs_codec_bound() bytes. Return: bytes of the compressed
 * page; @page_bytes or more if it does not get smaller; 0: the compressor
 * failed. */
size_t uzs_codec_compress(const struct uzs_codec *codec, const void *page,
			  size_t page_bytes, void *to, size_t to_bytes);
/* Return: true if @from became exactly @page_bytes. */
bool uzs_codec_decompress(const struct uzs_codec *codec, const void *from,
			  size_t from_bytes, void *page, size_t page_bytes);

#endif
