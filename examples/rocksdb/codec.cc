// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// codec.cc - see codec.h.
#include <climits>
#include <lz4.h>
#include <zstd.h>

#include "codec.h"

namespace uzs
{

static size_t size_of_writer(const void *context)
{
	return ZSTD_sizeof_CCtx(static_cast<const ZSTD_CCtx *>(context));
}

static size_t size_of_reader(const void *context)
{
	return ZSTD_sizeof_DCtx(static_cast<const ZSTD_DCtx *>(context));
}

codec::~codec()
{
	while (void *writer = take(&writers_, size_of_writer))
		ZSTD_freeCCtx(static_cast<ZSTD_CCtx *>(writer));
	while (void *reader = take(&readers_, size_of_reader))
		ZSTD_freeDCtx(static_cast<ZSTD_DCtx *>(reader));
}

// Return: a context, or NULL if none is kept.
void *codec::take(stash *from, size_t (*size)(const void *))
{
	for (auto &place : from->kept) {
		// Acquire: its last user has written it.
		void *context =
			place.exchange(nullptr, std::memory_order_acquire);

		if (context) {
			memory_ -= size(context);
			return context;
		}
	}
	return nullptr;
}

// Return: false: enough are kept, and the caller frees it.
bool codec::keep(stash *to, void *context, size_t (*size)(const void *))
{
	size_t bytes = size(context);

	memory_ += bytes;
	for (auto &place : to->kept) {
		void *empty = nullptr;

		// Release: for who takes it.
		if (place.compare_exchange_strong(empty, context,
						  std::memory_order_release,
						  std::memory_order_relaxed))
			return true;
	}
	memory_ -= bytes;
	return false;
}

size_t codec::compress(const char *from, size_t bytes, char *to, size_t room)
{
	if (type_ == compression::lz4) {
		if (bytes > LZ4_MAX_INPUT_SIZE)
			return 0;
		if (room > INT_MAX)
			room = INT_MAX;
		return static_cast<size_t>(
			LZ4_compress_default(from, to, static_cast<int>(bytes),
					     static_cast<int>(room)));
	}
	if (type_ == compression::zstd) {
		void *context = take(&writers_, size_of_writer);
		auto *writer = context ? static_cast<ZSTD_CCtx *>(context)
				       : ZSTD_createCCtx();
		size_t got;

		if (!writer)
			return 0;
		got = ZSTD_compressCCtx(writer, to, room, from, bytes, level_);
		if (!keep(&writers_, writer, size_of_writer))
			ZSTD_freeCCtx(writer);
		return ZSTD_isError(got) ? 0 : got;
	}
	return 0;
}

bool codec::decompress(const char *from, size_t bytes, char *to,
		       size_t value_bytes)
{
	if (type_ == compression::lz4) {
		return LZ4_decompress_safe(from, to, static_cast<int>(bytes),
					   static_cast<int>(value_bytes)) ==
		       static_cast<int>(value_bytes);
	}
	if (type_ == compression::zstd) {
		void *context = take(&readers_, size_of_reader);
		auto *reader = context ? static_cast<ZSTD_DCtx *>(context)
				       : ZSTD_createDCtx();
		size_t got;

		if (!reader)
			return false;
		got = ZSTD_decompressDCtx(reader, to, value_bytes, from, bytes);
		if (!keep(&readers_, reader, size_of_reader))
			ZSTD_freeDCtx(reader);
		return got == value_bytes;
	}
	return false;
}

} // namespace uzs
