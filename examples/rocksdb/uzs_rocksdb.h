/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs_rocksdb.h - a secondary cache for RocksDB's block cache that keeps blocks
 * compressed in a pool of uzsmalloc. For programs in C++; those that configure
 * RocksDB by strings need only link or preload libuzs_rocksdb.so: see README.md. */
#ifndef UZS_ROCKSDB_H
#define UZS_ROCKSDB_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <rocksdb/compression_type.h>

namespace rocksdb
{
class SecondaryCache;
}

namespace zs
{

struct secondary_cache_options {
	/* Bytes of memory that the cache may hold: pool, index and all. Not in it
	 * is what one call needs while it runs: a block, compressed and not. */
	size_t capacity = 0;
	/* kLZ4Compression, kZSTD or kNoCompression */
	rocksdb::CompressionType compression_type = rocksdb::kLZ4Compression;
	int compression_level = 1; /* of ZSTD */
	/* 2^this shards of the index, at most 6; -1: as suits the capacity */
	int num_shard_bits = -1;
};

struct secondary_cache_stats {
	uint64_t entries; /* blocks */
	uint64_t value_bytes; /* their bytes, uncompressed */
	uint64_t stored_bytes; /* compressed, with their keys */
	uint64_t memory_bytes; /* memory held, all of it */
	uint64_t index_bytes; /* of it, the index */
	uint64_t hits, misses, inserts, evictions;
	uint64_t seen_first; /* blocks that were not stored: their keys came for
			      * the first time */
	uint64_t too_large; /* not stored: more than 1 MiB compressed */
	uint64_t no_memory; /* not stored, or not read: no memory */
};

/* Return: the cache, for rocksdb::LRUCacheOptions::secondary_cache; NULL with
 * errno: EINVAL: an option out of its range, or the capacity is too small (1 MiB and
 * 40 KiB for each CPU will do); ENOMEM. */
__attribute__((visibility("default"))) std::shared_ptr<rocksdb::SecondaryCache>
new_secondary_cache(const secondary_cache_options &options);

/* @cache: one of new_secondary_cache(), or of CreateFromString("uzs://...").
 * Return: false: it is another kind of cache. */
__attribute__((visibility("default"))) bool
get_stats(rocksdb::SecondaryCache *cache, secondary_cache_stats *stats);

} // namespace zs

#endif
