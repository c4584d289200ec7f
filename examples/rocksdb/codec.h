/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* codec.h - compresses blocks with LZ4 or ZSTD. Owns ZSTD's contexts: a few are
 * kept for the next calls. All calls may run at once. */
#ifndef UZS_ROCKSDB_CODEC_H
#define UZS_ROCKSDB_CODEC_H

#include <atomic>
#include <cstddef>

namespace uzs
{

enum class compression { none, lz4, zstd };

class codec
{
public:
	/* @level: ZSTD's. */
	codec(compression type, int level) : type_(type), level_(level)
	{
	}
	codec(const codec &) = delete;
	codec &operator=(const codec &) = delete;
	~codec();

	/* @room: bytes at @to.
	 * Return: bytes written; 0: it gets no smaller than that, or no memory
	 * for a context. */
	size_t compress(const char *from, size_t bytes, char *to, size_t room);
	/* @bytes: what compress() returned, @value_bytes: what it was given.
	 * Return: false: what is there is damaged, or no memory. */
	bool decompress(const char *from, size_t bytes, char *to,
			size_t value_bytes);
	/* What the contexts that are kept take, in bytes. */
	size_t memory() const
	{
		return memory_.load(std::memory_order_relaxed);
	}

private:
	/* Contexts that nobody uses just now, of one kind. */
	static constexpr size_t most_kept = 4;
	struct stash {
		std::atomic<void *> kept[most_kept] = {};
	};
	void *take(stash *from, size_t (*size)(const void *));
	bool keep(stash *to, void *context, size_t (*size)(const void *));

	const compression type_;
	const int level_;
	stash writers_, readers_;
	std::atomic<size_t> memory_{ 0 };
};

} // namespace uzs

#endif
