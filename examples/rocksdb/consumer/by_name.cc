// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// A program that names the cache in a string, and calls nothing of the library.
#include <cstdio>
#include <memory>
#include <rocksdb/convenience.h>
#include <rocksdb/secondary_cache.h>

int main()
{
	std::shared_ptr<rocksdb::SecondaryCache> cache;
	rocksdb::Status s = rocksdb::SecondaryCache::CreateFromString(
		rocksdb::ConfigOptions(), "uzs://capacity=8M", &cache);

	// RocksDB says OK, too, where nobody has loaded the library.
	if (!s.ok() || !cache) {
		fprintf(stderr, "no uzs:// cache: %s\n", s.ToString().c_str());
		return 1;
	}
	puts("by_name: ok");
	return 0;
}
