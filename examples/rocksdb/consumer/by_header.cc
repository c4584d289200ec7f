// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// A program that makes the cache by the functions of the header.
#include <cstdio>
#include <rocksdb/cache.h>
#include <rocksdb/secondary_cache.h>
#include <uzs_rocksdb.h>

int main()
{
	zs::secondary_cache_options cold;
	zs::secondary_cache_stats stats;
	rocksdb::LRUCacheOptions hot;

	cold.capacity = 8 << 20;
	hot.capacity = 1 << 20;
	hot.secondary_cache = zs::new_secondary_cache(cold);
	if (!hot.secondary_cache) {
		perror("new_secondary_cache");
		return 1;
	}
	if (!rocksdb::NewLRUCache(hot) ||
	    !zs::get_stats(hot.secondary_cache.get(), &stats) ||
	    stats.memory_bytes > cold.capacity)
		return 1;
	puts("by_header: ok");
	return 0;
}
