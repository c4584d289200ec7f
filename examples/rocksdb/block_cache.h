/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* block_cache.h - a cache of compressed blocks in a pool of uzsmalloc's user
 * profile, bounded by the memory that it holds. It knows nothing of RocksDB.
 *
 * All calls may run at once, from any threads; not so creating and destroying.
 * Nothing throws: lack of memory is an error value. 64-bit only.
 *
 * An object of the pool holds a block, its key and the key's length. Rules:
 * - A new object is written before its ref is in a slot of the index.
 * - Who finds a slot under its shard's lock counts itself as a reader, and then
 *   reads the object without the lock.
 * - A slot that was taken out of the index is released by the last who uses it:
 *   who took it out, or its last reader.
 */
#ifndef UZS_ROCKSDB_BLOCK_CACHE_H
#define UZS_ROCKSDB_BLOCK_CACHE_H

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <uzsmalloc.h>

#include "codec.h"
#include "index.h"
#include "uzs_rocksdb.h"

namespace uzs
{

class block_cache
{
public:
	/* A block larger than this, of 64 MiB or more, is not kept, nor one that has more
	 * than 1 MiB when it is compressed. */
	static constexpr size_t value_max = slot::value_max;
	static constexpr size_t key_max = 255;

	/* @shards: a power of two, at most 64; 0: as many as suit the capacity.
	 * Return: NULL and *err: EINVAL: the capacity is too small; ENOMEM */
	static std::unique_ptr<block_cache> create(size_t capacity,
						   unsigned int shards,
						   compression type, int level,
						   int *err);
	~block_cache();

	/* Is the block to be inserted? Yes if the key is there, or came before
	 * and is still remembered; else it is remembered. */
	bool admits(std::string_view key);
	/* Return: 0; -EFBIG: block or key too large; -ENOMEM. After an error the
	 * key has no block. */
	int insert(std::string_view key, const char *value, size_t bytes);
	/* What lookup() gives a block to. Return: false: it cannot be used. */
	using user = bool (*)(void *arg, const char *value, size_t bytes);
	/* @take: take the block out, and remember its key.
	 * Return: was it found, and used? A block that cannot be is erased. */
	bool lookup(std::string_view key, bool take, user use, void *arg);
	void erase(std::string_view key);

	/* Evicts what is too much. With a capacity that create() refuses the cache
	 * keeps nothing. */
	void set_capacity(size_t capacity);
	size_t capacity() const
	{
		return capacity_.load(std::memory_order_relaxed);
	}
	void stats(zs::secondary_cache_stats *stats);

private:
	struct alignas(64) shard {
		std::mutex lock; /* guards the rest */
		shard_index index;
		size_t value_bytes = 0; /* of what is in the index */
		uint64_t hits = 0, misses = 0, inserts = 0, evictions = 0,
			 seen_first = 0;
	};

	block_cache(size_t capacity, compression type, int level)
		: codec_(type, level), capacity_(capacity)
	{
	}
	int init(unsigned int shards);
	bool init_seen();
	shard &shard_of(uint64_t hash)
	{
		return shard_[nr_shards_ > 1 ? hash >> shard_shift_ : 0];
	}
	void release(shard &sh, slot *s);
	void take_out(shard &sh, slot *s);
	void end_read(shard &sh, slot *s);
	int publish(uint64_t hash, zs_ref *object, size_t object_bytes,
		    size_t value_bytes);
	bool use_object(slot *s, std::string_view key, size_t object_bytes,
			size_t value_bytes, user use, void *arg, bool *other);
	size_t evict_some(size_t most);
	void keep_budget();
	size_t tune_bytes() const;
	void tune_at_times(size_t bytes);
	size_t beside_pool();
	void retune();

	codec codec_;
	struct zs_pool *pool_ = nullptr;
	std::unique_ptr<shard[]> shard_;
	unsigned int nr_shards_ = 0, shard_shift_ = 0;
	std::atomic<size_t> capacity_;
	std::atomic<bool> off_{ false }; /* keeps nothing: the capacity */
	std::atomic<size_t> index_bytes_{ 0 }, objects_bytes_{ 0 };
	/* As many bytes of objects are kept; retune() sets it. */
	std::atomic<size_t> budget_{ SIZE_MAX };
	std::atomic<size_t> since_tuned_{ 0 }; /* bytes of objects */
	std::atomic<size_t> next_victims_{ 0 }; /* of which shard */
	std::atomic<uint64_t> too_large_{ 0 }, no_memory_{ 0 };
	std::mutex tuning_; /* guards codec_bytes_ and the pool's limit */
	size_t codec_bytes_ = 0; /* the most that the codec held so far */
};

} // namespace uzs

#endif
