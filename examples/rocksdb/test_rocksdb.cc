// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// test_rocksdb.cc - the cache as RocksDB sees it: what its interface promises, and
// databases of real data on it.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/secondary_cache.h>
#include <rocksdb/statistics.h>
#include <rocksdb/table.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <vector>

#include "records.h"
#include "test_common.h"
#include "uzs_rocksdb.h"

using rocksdb::Cache;
using rocksdb::SecondaryCache;
using rocksdb::Status;

static constexpr size_t mib = 1 << 20;
static std::string directory; // for databases; main() removes it
static size_t nr_keys;

static std::shared_ptr<SecondaryCache> by_string(const std::string &text,
						 Status *status = nullptr)
{
	std::shared_ptr<SecondaryCache> cache;
	Status s = SecondaryCache::CreateFromString(rocksdb::ConfigOptions(),
						    text, &cache);

	if (status)
		*status = s;
	else
		CHECK(s.ok() && cache);
	return cache;
}

static zs::secondary_cache_stats
stats_of(const std::shared_ptr<SecondaryCache> &cache)
{
	zs::secondary_cache_stats stats;

	CHECK(zs::get_stats(cache.get(), &stats));
	return stats;
}

// What the block cache stores, for these tests: a string.
static size_t size_of(void *object)
{
	return static_cast<std::string *>(object)->size();
}

static Status save(void *object, size_t offset, size_t length, void *out)
{
	memcpy(out, static_cast<std::string *>(object)->data() + offset,
	       length);
	return Status::OK();
}

static Status save_not(void *, size_t, size_t, void *)
{
	return Status::IOError("not now");
}

static void remove_object(const rocksdb::Slice &, void *object)
{
	delete static_cast<std::string *>(object);
}

static const Cache::CacheItemHelper helper(size_of, save, remove_object);
static const Cache::CacheItemHelper helper_not(size_of, save_not,
					       remove_object);
static const Cache::CacheItemHelper helper_none;

static const Cache::CreateCallback create = [](const void *data, size_t bytes,
					       void **object, size_t *charge) {
	*object = new std::string(static_cast<const char *>(data), bytes);
	*charge = bytes;
	return Status::OK();
};

static void by_strings()
{
	Status s;
	size_t capacity;

	for (const char *text :
	     { "uzs://capacity=20M",
	       "uzs://capacity=20971520;compression_type=kZSTD;"
	       "compression_level=3;num_shard_bits=2",
	       "uzs://compression_type=kNoCompression;capacity=20M",
	       "id=uzs; capacity=20M; compression_type=kZSTD" }) {
		auto cache = by_string(text);

		CHECK(strcmp(cache->Name(), "uzs") == 0);
		CHECK(cache->GetCapacity(capacity).ok());
		CHECK(capacity == 20 * mib);
		CHECK(cache->SupportForceErase());
		CHECK(cache->GetPrintableOptions().find(
			      "capacity : 20971520") != std::string::npos);
	}
	for (const char *text :
	     { "uzs://", "uzs", "uzs://capacity=1", "uzs://capacity=20M;x=1",
	       "uzs://capacity=many", "uzs://capacity=20M;num_shard_bits=7",
	       "uzs://capacity=20M;compression_type=kZlibCompression" }) {
		auto cache = by_string(text, &s);

		CHECK(s.IsInvalidArgument());
		// RocksDB may hand it out all the same: it keeps nothing.
		if (!cache)
			continue;
		std::string block = "b";
		bool kept;
		CHECK(cache->Insert("k", &block, &helper).ok());
		CHECK(cache->Insert("k", &block, &helper).ok());
		CHECK(!cache->Lookup("k", create, true, false, kept));
		cache->Erase("k");
		CHECK(!cache->SetCapacity(mib).ok());
		CHECK(!cache->GetCapacity(capacity).ok());
		CHECK(cache->GetPrintableOptions().empty());
	}
	// The cache of another kind has no figures of ours.
	zs::secondary_cache_stats stats;
	auto other = rocksdb::NewCompressedSecondaryCache(mib);
	CHECK(!zs::get_stats(other.get(), &stats));
	CHECK(!zs::get_stats(nullptr, &stats));

	zs::secondary_cache_options options;
	CHECK(!zs::new_secondary_cache(options) && errno == EINVAL);
	options.capacity = 8 * mib;
	CHECK(zs::new_secondary_cache(options));
	options.compression_type = rocksdb::kSnappyCompression;
	CHECK(!zs::new_secondary_cache(options) && errno == EINVAL);
}

static void contract()
{
	auto cache = by_string("uzs://capacity=8M");
	std::string block = make_value("b", 1, 5000, 40);
	bool kept = true;

	CHECK(!cache->Lookup("k", create, true, false, kept) && !kept);
	CHECK(cache->Insert("k", nullptr, &helper).IsInvalidArgument());
	CHECK(cache->Insert("k", &block, nullptr).IsInvalidArgument());
	CHECK(cache->Insert("k", &block, &helper_none).IsInvalidArgument());
	// The first time it is only remembered.
	CHECK(cache->Insert("k", &block, &helper).ok());
	CHECK(!cache->Lookup("k", create, true, false, kept));
	CHECK(cache->Insert("k", &block, &helper).ok());

	for (bool wait : { true, false }) {
		kept = false;
		auto result = cache->Lookup("k", create, wait, false, kept);
		CHECK(result && kept && result->IsReady());
		result->Wait();
		cache->WaitAll({ result.get() });
		std::unique_ptr<std::string> got(
			static_cast<std::string *>(result->Value()));
		CHECK(*got == block && result->Size() == block.size());
	}
	// Advised to erase, it does, and takes the block back at once.
	kept = true;
	auto result = cache->Lookup("k", create, true, true, kept);
	CHECK(result && !kept);
	delete static_cast<std::string *>(result->Value());
	CHECK(!cache->Lookup("k", create, true, false, kept));
	CHECK(cache->Insert("k", &block, &helper).ok());
	result = cache->Lookup("k", create, true, false, kept);
	CHECK(result && kept);
	delete static_cast<std::string *>(result->Value());
	cache->Erase("k");
	cache->Erase("k");
	CHECK(!cache->Lookup("k", create, true, false, kept) && !kept);

	CHECK(cache->SetCapacity(0).ok());
	cache->Insert("z", &block, &helper);
	cache->Insert("z", &block, &helper);
	CHECK(!cache->Lookup("z", create, true, false, kept));
	CHECK(cache->SetCapacity(8 * mib).ok());
}

// Callbacks that fail: no handle, no status but theirs, no exception, nothing left.
static void callbacks_that_fail()
{
	auto cache = by_string("uzs://capacity=8M");
	std::string block(3000, 'x');
	bool kept = true;
	auto fails = [](const void *, size_t, void **, size_t *) {
		return Status::Corruption("not mine");
	};
	auto throws = [](const void *, size_t, void **, size_t *) -> Status {
		throw std::runtime_error("thrown");
	};

	cache->Insert("k", &block, &helper);
	CHECK(cache->Insert("k", &block, &helper_not).IsIOError());
	cache->Insert("k", &block, &helper);
	cache->Insert("k", &block, &helper);
	for (const Cache::CreateCallback &bad :
	     { Cache::CreateCallback(fails), Cache::CreateCallback(throws) }) {
		for (bool erase : { false, true }) {
			cache->Insert("k", &block, &helper);
			cache->Insert("k", &block, &helper);
			CHECK(stats_of(cache).entries == 1);
			CHECK(!cache->Lookup("k", bad, true, erase, kept));
			CHECK(!kept && stats_of(cache).entries == 0);
		}
	}
	CHECK(stats_of(cache).stored_bytes == 0);
}

struct database {
	std::unique_ptr<rocksdb::DB> db;
	std::shared_ptr<SecondaryCache> cache;
	std::shared_ptr<rocksdb::Statistics> statistics;
};

static database open_database(const std::string &name,
			      std::shared_ptr<SecondaryCache> cache,
			      size_t block_cache_bytes, bool partitioned)
{
	database d;
	rocksdb::DB *db;
	rocksdb::Options options;
	rocksdb::BlockBasedTableOptions table;
	rocksdb::LRUCacheOptions lru;

	d.cache = std::move(cache);
	d.statistics = rocksdb::CreateDBStatistics();
	lru.capacity = block_cache_bytes;
	lru.num_shard_bits = 2;
	lru.secondary_cache = d.cache;
	table.block_cache = rocksdb::NewLRUCache(lru);
	table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
	table.cache_index_and_filter_blocks = true;
	if (partitioned) {
		table.index_type =
			rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
		table.partition_filters = true;
		table.metadata_block_size = 1024;
	}
	options.table_factory.reset(NewBlockBasedTableFactory(table));
	options.create_if_missing = true;
	options.statistics = d.statistics;
	options.write_buffer_size = 4 * mib;
	options.compression = rocksdb::kLZ4Compression;
	Status s = rocksdb::DB::Open(options, directory + "/" + name, &db);
	if (!s.ok())
		fprintf(stderr, "%s\n", s.ToString().c_str());
	CHECK(s.ok());
	d.db.reset(db);
	return d;
}

// Key n has a value that was made for key n + shift.
static void fill(database &d, size_t keys, size_t shift = 0)
{
	record_source source;
	rocksdb::WriteOptions fast;
	std::string value;

	fast.disableWAL = true;
	CHECK(source.open("/usr/lib:/usr/share"));
	for (size_t n = 0; n < keys; n++) {
		std::string key = record_key(n);

		CHECK(source.next(record_key(n + shift), &value));
		CHECK(d.db->Put(fast, key, value).ok());
	}
	CHECK(d.db->Flush({}).ok());
	CHECK(d.db->CompactRange({}, nullptr, nullptr).ok());
}

// Half of the reads go to a tenth of the keys.
static std::string some_key(random_numbers &random, size_t keys)
{
	uint64_t n = random.below(keys);

	if (random.below(2))
		n = n / 10 * 10;
	return record_key(n);
}

static void right(const std::string &key, const Status &s,
		  const std::string &value)
{
	CHECK(s.ok());
	CHECK(record_right(key, value.data(), value.size()));
}

static void real_data(const std::string &options, bool partitioned)
{
	size_t keys = nr_keys;
	random_numbers random = { 1 };
	std::string value;
	auto d = open_database("real", by_string(options), mib, partitioned);

	fill(d, keys);
	for (size_t i = 0; i < keys * 2; i++) {
		std::string key = some_key(random, keys);
		Status s = d.db->Get({}, key, &value);

		right(key, s, value);
	}
	// Many at once: with handles that are not waited for.
	for (size_t i = 0; i < keys / 32; i++) {
		std::vector<std::string> names(32), values;
		std::vector<rocksdb::Slice> slices;
		rocksdb::ReadOptions read;

		for (auto &name : names)
			name = some_key(random, keys);
		for (auto &name : names)
			slices.emplace_back(name);
		read.async_io = i % 2;
		auto s = d.db->MultiGet(read, slices, &values);
		for (size_t n = 0; n < names.size(); n++)
			right(names[n], s[n], values[n]);
	}
	// All in order, through the caches.
	size_t n = 0;
	std::unique_ptr<rocksdb::Iterator> it(d.db->NewIterator({}));
	for (it->SeekToFirst(); it->Valid(); it->Next())
		right(record_key(n++), it->status(), it->value().ToString());
	CHECK(it->status().ok() && n == keys);

	auto s = stats_of(d.cache);
	CHECK(s.hits > keys / 10);
	CHECK(d.statistics->getTickerCount(rocksdb::SECONDARY_CACHE_HITS) > 0);
	CHECK(s.inserts > 0 && s.memory_bytes <= 8 * mib);
	CHECK(s.no_memory == 0);
	it.reset();
	d.db.reset();
	rocksdb::DestroyDB(directory + "/real", {});
}

static void real_data_lz4()
{
	real_data("uzs://capacity=8M", false);
}

static void real_data_zstd_partitioned()
{
	real_data("uzs://capacity=8M;compression_type=kZSTD", true);
}

static void readers_and_writers()
{
	size_t keys = nr_keys / 2 + 1, ops = nr_keys;
	auto d = open_database("both",
			       by_string("uzs://capacity=6M;num_shard_bits=2"),
			       mib / 2, false);
	std::vector<std::thread> threads;
	std::atomic<size_t> running{ 2 };

	fill(d, keys);
	for (uint64_t t = 0; t < 2; t++)
		threads.emplace_back([&, t] { // writers
			record_source source;
			random_numbers random = { t };
			rocksdb::WriteOptions fast;
			std::string value;

			fast.disableWAL = true;
			CHECK(source.open("/usr/share"));
			for (size_t i = 0; i < ops / 2; i++) {
				std::string key =
					record_key(random.below(keys));

				CHECK(source.next(key, &value));
				CHECK(d.db->Put(fast, key, value).ok());
				if (i % (ops / 8 + 1) == 0)
					CHECK(d.db->Flush({}).ok());
			}
			running--;
		});
	for (uint64_t t = 0; t < 2; t++)
		threads.emplace_back([&, t] { // readers
			random_numbers random = { 100 + t };
			std::string value;

			for (size_t i = 0; i < ops || running; i++) {
				std::string key = some_key(random, keys);
				Status s = d.db->Get({}, key, &value);

				right(key, s, value);
				if (t == 0 && i % 8192 == 4096)
					d.cache->SetCapacity(
						(2 + i / 8192 % 5) * mib);
			}
		});
	for (auto &thread : threads)
		thread.join();
	CHECK(stats_of(d.cache).hits > 0);
	CHECK(stats_of(d.cache).memory_bytes <= 6 * mib);
	CHECK(d.db->VerifyChecksum().ok());
	d.db.reset();
	rocksdb::DestroyDB(directory + "/both", {});
}

// Two databases, one after the other, on one cache: values of the first do not show.
// The second has others under the same keys.
static void one_cache_for_two()
{
	auto cache = by_string("uzs://capacity=8M");
	std::string value;

	for (int round = 0; round < 2; round++) {
		auto d = open_database("two" + std::to_string(round), cache,
				       mib / 4, false);
		random_numbers random = { 7 };
		size_t shift = static_cast<size_t>(round) * nr_keys;

		fill(d, nr_keys / 4 + 1, shift);
		for (size_t i = 0; i < nr_keys / 2; i++) {
			std::string key = some_key(random, nr_keys / 4 + 1);
			Status s = d.db->Get({}, key, &value);

			right(record_key(std::stoull(key) + shift), s, value);
		}
		d.db.reset();
		rocksdb::DestroyDB(directory + "/two" + std::to_string(round),
				   {});
	}
}

int main(int argc, char **argv)
{
	const char *where = getenv("TMPDIR");
	std::string name =
		std::string(where ? where : "/tmp") + "/uzs-rocksdb-XXXXXX";

	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		fprintf(stderr, "usage: test_rocksdb [KEYS]\n");
		return 2;
	}
	nr_keys = argc == 2 ? strtoul(argv[1], nullptr, 10) : scaled(30000);
	CHECK(nr_keys > 0 && mkdtemp(&name[0]));
	directory = name;
	// A check that fails ends the program: then, too.
	atexit([] { std::filesystem::remove_all(directory); });
	RUN(by_strings);
	RUN(contract);
	RUN(callbacks_that_fail);
	RUN(real_data_lz4);
	RUN(real_data_zstd_partitioned);
	RUN(readers_and_writers);
	RUN(one_cache_for_two);
	return 0;
}
