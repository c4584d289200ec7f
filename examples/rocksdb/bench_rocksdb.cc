// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// bench_rocksdb.cc - one workload on RocksDB with a secondary cache: ours, or
// RocksDB's own. `bench` runs it for each by turns.
//
// What counts as memory is the process's anonymous RSS. What the benchmark itself
// needs to count blocks lies in shared memory, which is not in it.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/secondary_cache.h>
#include <rocksdb/table.h>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <vector>

#include "records.h"
#include "uzs_rocksdb.h"

using rocksdb::Cache;
using rocksdb::SecondaryCache;
using rocksdb::SecondaryCacheResultHandle;
using rocksdb::Slice;
using rocksdb::Status;

static void die(const char *what, const std::string &why)
{
	fprintf(stderr, "bench_rocksdb: %s: %s\n", what, why.c_str());
	exit(1);
}

static void must(const char *what, const Status &s)
{
	if (!s.ok())
		die(what, s.ToString());
}

struct settings {
	std::string db, cache = "uzs", compression = "lz4";
	uint64_t keys = 1000000, warm = 1000000, churn = 0, ops = 1000000;
	size_t capacity = size_t{ 64 } << 20, block_cache = size_t{ 8 } << 20;
	size_t block_size = 4096;
	unsigned int threads = 1;
	double skew = 0.9;
	uint64_t seed = 1;
	bool build = false;
};

// Zipf's distribution: number n of `count` comes in proportion to 1 / (n + 1)^skew.
// By inverting the integral, which is close enough: there is no table.
class zipf
{
public:
	zipf(uint64_t count, double skew)
		: count_(count), power_(1 - skew),
		  span_(std::pow(static_cast<double>(count), power_) - 1)
	{
	}
	uint64_t operator()(uint64_t random) const
	{
		double u = static_cast<double>(random >> 11) * 0x1p-53;
		double n = std::pow(1 + u * span_, 1 / power_) - 1;

		return std::min(static_cast<uint64_t>(n), count_ - 1);
	}

private:
	uint64_t count_;
	double power_, span_;
};

struct random_numbers {
	uint64_t state;

	uint64_t next()
	{
		uint64_t z = state += 0x9e3779b97f4a7c15u; // splitmix64

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		return z ^ z >> 31;
	}
};

// Passes everything on, counts, and notes the key of each block that comes, so that
// the blocks can be counted that are there in the end.
class counting final : public SecondaryCache
{
public:
	explicit counting(std::shared_ptr<SecondaryCache> inner)
		: inner_(std::move(inner))
	{
		void *place = mmap(nullptr, room * sizeof(*keys_),
				   PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
				   -1, 0);

		if (place == MAP_FAILED)
			die("mmap", strerror(errno));
		keys_ = static_cast<noted *>(place);
	}
	const char *Name() const override
	{
		return "counting";
	}
	Status Insert(const Slice &key, void *value,
		      const Cache::CacheItemHelper *helper) override
	{
		note(key);
		return inner_->Insert(key, value, helper);
	}
	std::unique_ptr<SecondaryCacheResultHandle>
	Lookup(const Slice &key, const Cache::CreateCallback &create, bool wait,
	       bool erase, bool &kept) override
	{
		auto result = inner_->Lookup(key, create, wait, erase, kept);

		(result ? hits_ : misses_)
			.fetch_add(1, std::memory_order_relaxed);
		return result;
	}
	bool SupportForceErase() const override
	{
		return inner_->SupportForceErase();
	}
	void Erase(const Slice &key) override
	{
		inner_->Erase(key);
	}
	void WaitAll(std::vector<SecondaryCacheResultHandle *> handles) override
	{
		inner_->WaitAll(std::move(handles));
	}

	// Looks for each block that ever came. Return: how many are there.
	size_t blocks(size_t *bytes)
	{
		size_t found = 0;

		*bytes = 0;
		for (size_t i = 0; i < room; i++) {
			bool kept;

			if (!keys_[i].used)
				continue;
			auto count = [bytes](const void *, size_t size,
					     void **object, size_t *charge) {
				*object = bytes; // not NULL: it is there
				*charge = size;
				*bytes += size;
				return Status::OK();
			};
			found += inner_->Lookup(Slice(keys_[i].key, 16), count,
						true, false, kept) != nullptr;
		}
		return found;
	}
	void start_again()
	{
		hits_ = misses_ = 0;
	}
	uint64_t hits() const
	{
		return hits_;
	}
	uint64_t misses() const
	{
		return misses_;
	}

private:
	static constexpr size_t room = size_t{ 1 } << 22;
	struct noted {
		char key[16];
		std::atomic<uint32_t> used;
	};

	void note(const Slice &key)
	{
		size_t n;

		if (key.size() != 16)
			die("a key", "it has not 16 bytes");
		n = std::hash<std::string_view>{}({ key.data(), 16 });
		for (;; n++) {
			noted &k = keys_[n & (room - 1)];
			uint32_t was = k.used.load(std::memory_order_acquire);

			// 1: being written; 2: written
			if (!was && k.used.compare_exchange_strong(was, 1)) {
				memcpy(k.key, key.data(), 16);
				k.used.store(2, std::memory_order_release);
				return;
			}
			while (k.used.load(std::memory_order_acquire) == 1)
				;
			if (!memcmp(k.key, key.data(), 16))
				return;
		}
	}

	std::shared_ptr<SecondaryCache> inner_;
	noted *keys_;
	std::atomic<uint64_t> hits_{ 0 }, misses_{ 0 };
};

static std::shared_ptr<SecondaryCache> make_cache(const settings &set)
{
	rocksdb::CompressedSecondaryCacheOptions theirs;
	zs::secondary_cache_options ours;
	auto type = set.compression == "zstd" ? rocksdb::kZSTD
					      : rocksdb::kLZ4Compression;

	if (set.cache == "uzs") {
		ours.capacity = set.capacity;
		ours.compression_type = type;
		auto cache = zs::new_secondary_cache(ours);
		if (!cache)
			die("uzs", strerror(errno));
		return cache;
	}
	if (set.cache != "rocksdb" && set.cache != "rocksdb-split")
		die("--cache", set.cache + ": not uzs, rocksdb, rocksdb-split "
					   "or none");
	theirs.capacity = set.capacity;
	theirs.compression_type = type;
	theirs.enable_custom_split_merge = set.cache == "rocksdb-split";
	return rocksdb::NewCompressedSecondaryCache(theirs);
}

static std::unique_ptr<rocksdb::DB>
open_db(const settings &set, std::shared_ptr<SecondaryCache> cache)
{
	rocksdb::DB *db;
	rocksdb::Options options;
	rocksdb::BlockBasedTableOptions table;
	rocksdb::LRUCacheOptions lru;

	lru.capacity = set.block_cache;
	lru.secondary_cache = std::move(cache);
	table.block_cache = rocksdb::NewLRUCache(lru);
	table.block_size = set.block_size;
	options.table_factory.reset(NewBlockBasedTableFactory(table));
	options.create_if_missing = set.build;
	options.error_if_exists = set.build;
	options.compression = rocksdb::kLZ4Compression;
	options.max_open_files = -1;
	must(set.db.c_str(), rocksdb::DB::Open(options, set.db, &db));
	return std::unique_ptr<rocksdb::DB>(db);
}

static void build(const settings &set)
{
	auto db = open_db(set, nullptr);
	record_source source;
	rocksdb::WriteOptions fast;
	std::string value;

	fast.disableWAL = true;
	if (!source.open("/usr/lib:/usr/share:/usr/include:/usr/bin"))
		die("records", "no files");
	for (uint64_t n = 0; n < set.keys; n++) {
		std::string key = record_key(n);

		if (!source.next(key, &value))
			die("records", "no file can be read");
		must("put", db->Put(fast, key, value));
	}
	must("flush", db->Flush({}));
	must("compact", db->CompactRange({}, nullptr, nullptr));
}

// The process's anonymous memory in bytes.
static size_t rss()
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	size_t kib = 0;

	if (!file)
		die("/proc/self/status", strerror(errno));
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %zu", &kib) == 1)
			break;
	fclose(file);
	if (!kib)
		die("/proc/self/status", "no RssAnon");
	return kib * 1024;
}

// The CPU time of all threads so far, in seconds.
static double cpu_seconds()
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return static_cast<double>(now.tv_sec) +
	       static_cast<double>(now.tv_nsec) / 1e9;
}

struct times {
	std::vector<uint32_t> histogram = std::vector<uint32_t>(4096);

	// 64 places for each octave of nanoseconds.
	static size_t place(uint64_t ns)
	{
		unsigned int top;

		if (ns < 64)
			return ns;
		top = 63 - static_cast<unsigned int>(__builtin_clzll(ns));
		return std::min<size_t>(
			(top - 5) * 64 + ((ns >> (top - 6)) & 63), 4095);
	}
	static uint64_t of(size_t place)
	{
		return place < 64 ? place
				  : (64 + place % 64) << (place / 64 - 1);
	}
};

static uint64_t percentile(const std::vector<times> &all, double part)
{
	uint64_t sum = 0, seen = 0;

	for (auto &t : all)
		for (uint32_t n : t.histogram)
			sum += n;
	for (size_t i = 0; i < 4096; i++) {
		for (auto &t : all)
			seen += t.histogram[i];
		if (static_cast<double>(seen) >=
		    part * static_cast<double>(sum))
			return times::of(i);
	}
	return 0;
}

// Reads keys by Zipf's distribution. Which keys are the frequent ones depends on
// `round`; with `drift` others take their place, 50 times.
static double read_keys(rocksdb::DB *db, const settings &set, uint64_t ops,
			uint64_t round, bool drift, std::vector<times> *took)
{
	std::vector<std::thread> threads;
	auto began = std::chrono::steady_clock::now();

	took->assign(set.threads, {});
	for (unsigned int t = 0; t < set.threads; t++)
		threads.emplace_back([&, t] {
			using clock = std::chrono::steady_clock;
			random_numbers random = { set.seed * 1000003 +
						  round * 1009 + t };
			zipf rank(set.keys, set.skew);
			rocksdb::ReadOptions options;
			rocksdb::PinnableSlice value;
			uint64_t each = ops / set.threads;

			for (uint64_t i = 0; i < each; i++) {
				uint64_t n = rank(random.next());

				if (drift)
					n += i / (each / 50 + 1) *
					     (set.keys / 50);
				n = ((n + round) * 0x9e3779b97f4a7c15u >> 20) %
				    set.keys;
				std::string key = record_key(n);
				auto from = clock::now();
				Status s = db->Get(options,
						   db->DefaultColumnFamily(),
						   key, &value);
				auto ns = std::chrono::duration_cast<
						  std::chrono::nanoseconds>(
						  clock::now() - from)
						  .count();

				must("get", s);
				(*took)[t].histogram[times::place(
					static_cast<uint64_t>(ns))]++;
				value.Reset();
			}
		});
	for (auto &thread : threads)
		thread.join();
	return std::chrono::duration<double>(std::chrono::steady_clock::now() -
					     began)
		.count();
}

static void usage(FILE *out)
{
	fprintf(out,
		"usage: bench_rocksdb --db DIR --build [--keys N] [--block-size N]\n"
		"       bench_rocksdb --db DIR [OPTION]...\n"
		"Makes a database of this machine's files; or reads it by Zipf's\n"
		"distribution, and prints one line of JSON.\n"
		"  --cache NAME        uzs, rocksdb, rocksdb-split or none (uzs)\n"
		"  --capacity BYTES    of the secondary cache (64 MiB)\n"
		"  --block-cache BYTES of the block cache (8 MiB)\n"
		"  --compression NAME  lz4 or zstd (lz4)\n"
		"  --keys N            as the database was made with (1000000)\n"
		"  --block-size BYTES  (4096)\n"
		"  --warm N            reads before, not measured (1000000)\n"
		"  --churn N           then reads while the frequent keys change (0)\n"
		"  --ops N             reads that are measured (1000000)\n"
		"  --threads N         (1)\n"
		"  --skew X            of the distribution, not 1 (0.9)\n"
		"  --seed N            (1)\n"
		"Example: bench_rocksdb --db /tmp/db --cache rocksdb --threads 2\n");
}

static settings parse(int argc, char **argv)
{
	settings set;

	for (int i = 1; i < argc; i++) {
		std::string name = argv[i];
		const char *text = i + 1 < argc ? argv[i + 1] : nullptr;
		char *end = nullptr;
		double number;

		if (name == "--help" || name == "-h") {
			usage(stdout);
			exit(0);
		}
		if (name == "--build") {
			set.build = true;
			continue;
		}
		if (!text) {
			usage(stderr);
			exit(2);
		}
		i++;
		number = strtod(text, &end);
		if (name == "--db")
			set.db = text;
		else if (name == "--cache")
			set.cache = text;
		else if (name == "--compression" &&
			 (!strcmp(text, "lz4") || !strcmp(text, "zstd")))
			set.compression = text;
		else if (end == text || *end || number < 0)
			die(name.c_str(), std::string(text) + ": no number");
		else if (name == "--capacity")
			set.capacity = static_cast<size_t>(number);
		else if (name == "--block-cache")
			set.block_cache = static_cast<size_t>(number);
		else if (name == "--block-size")
			set.block_size = static_cast<size_t>(number);
		else if (name == "--keys")
			set.keys = static_cast<uint64_t>(number);
		else if (name == "--warm")
			set.warm = static_cast<uint64_t>(number);
		else if (name == "--churn")
			set.churn = static_cast<uint64_t>(number);
		else if (name == "--ops")
			set.ops = static_cast<uint64_t>(number);
		else if (name == "--threads")
			set.threads = static_cast<unsigned int>(number);
		else if (name == "--skew")
			set.skew = number;
		else if (name == "--seed")
			set.seed = static_cast<uint64_t>(number);
		else
			die(name.c_str(), "no such option");
	}
	if (set.db.empty() || !set.keys || !set.threads || set.skew == 1) {
		usage(stderr);
		exit(2);
	}
	return set;
}

int main(int argc, char **argv)
{
	settings set = parse(argc, argv);
	std::shared_ptr<SecondaryCache> cache;
	std::shared_ptr<counting> counted;
	zs::secondary_cache_stats stats = {};
	size_t blocks = 0, bytes = 0;
	std::vector<times> took;

	if (set.build) {
		build(set);
		return 0;
	}
	if (set.cache != "none") {
		cache = make_cache(set);
		counted = std::make_shared<counting>(cache);
	}
	auto db = open_db(set, counted);
	size_t empty = rss();
	read_keys(db.get(), set, set.warm, 0, false, &took);
	size_t warm = rss();
	double churn_s = 0;
	if (set.churn)
		churn_s = read_keys(db.get(), set, set.churn, 1, true, &took);
	if (counted)
		counted->start_again();
	double cpu = cpu_seconds();
	double s = set.ops ? read_keys(db.get(), set, set.ops, 2, false, &took)
			   : 0;
	cpu = cpu_seconds() - cpu;
	uint64_t hits = counted ? counted->hits() : 0;
	uint64_t misses = counted ? counted->misses() : 0;
	size_t after = rss();
	if (cache)
		zs::get_stats(cache.get(), &stats);
	if (counted)
		blocks = counted->blocks(&bytes);
	printf("{\"cache\": \"%s\", \"compression\": \"%s\", \"capacity\": %zu, "
	       "\"block_cache\": %zu, \"threads\": %u, \"skew\": %g, "
	       "\"keys\": %llu, \"ops\": %llu, \"churn\": %llu, \"seed\": %llu, "
	       "\"rss_empty\": %zu, \"rss_warm\": %zu, \"rss\": %zu, "
	       "\"blocks\": %zu, \"block_bytes\": %zu, "
	       "\"hits\": %llu, \"misses\": %llu, "
	       "\"ops_s\": %.0f, \"cpu_ns\": %.0f, \"p50_ns\": %llu, \"p99_ns\": %llu, "
	       "\"churn_ops_s\": %.0f, "
	       "\"stored_bytes\": %llu, \"memory_bytes\": %llu, "
	       "\"index_bytes\": %llu}\n",
	       set.cache.c_str(), set.compression.c_str(), set.capacity,
	       set.block_cache, set.threads, set.skew,
	       static_cast<unsigned long long>(set.keys),
	       static_cast<unsigned long long>(set.ops),
	       static_cast<unsigned long long>(set.churn),
	       static_cast<unsigned long long>(set.seed), empty, warm, after,
	       blocks, bytes, static_cast<unsigned long long>(hits),
	       static_cast<unsigned long long>(misses),
	       s > 0 ? static_cast<double>(set.ops) / s : 0,
	       s > 0 ? cpu / static_cast<double>(set.ops) * 1e9 : 0,
	       static_cast<unsigned long long>(percentile(took, 0.5)),
	       static_cast<unsigned long long>(percentile(took, 0.99)),
	       churn_s > 0 ? static_cast<double>(set.churn) / churn_s : 0,
	       static_cast<unsigned long long>(stats.stored_bytes),
	       static_cast<unsigned long long>(stats.memory_bytes),
	       static_cast<unsigned long long>(stats.index_bytes));
	return 0;
}
