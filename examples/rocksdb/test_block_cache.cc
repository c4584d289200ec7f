// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// test_block_cache.cc - the cache without RocksDB, so that all of it is instrumented
// under each sanitizer. The linker gives malloc's calls to the functions here
// (--wrap), which can fail.
#include <algorithm>
#include <cerrno>
#include <new>
#include <thread>
#include <unordered_map>
#include <vector>

#include "block_cache.h"
#include "test_common.h"

using uzs::block_cache;
using uzs::compression;

static constexpr size_t mib = 1 << 20;

// Which allocation of this thread fails: counts down to it; 0: none.
static thread_local long fail_at;
static thread_local long fail_more; // and so many after it

static bool fails()
{
	if (!fail_at || --fail_at)
		return false;
	if (fail_more) {
		fail_more--;
		fail_at = 1;
	}
	return true;
}

extern "C" {
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
	return fails() ? nullptr : __real_malloc(bytes);
}

void *__wrap_calloc(size_t n, size_t bytes)
{
	return fails() ? nullptr : __real_calloc(n, bytes);
}

void *__wrap_realloc(void *old, size_t bytes)
{
	return fails() ? nullptr : __real_realloc(old, bytes);
}
}

static std::unique_ptr<block_cache> make(size_t capacity,
					 compression type = compression::lz4,
					 unsigned int shards = 0)
{
	int err;
	auto cache = block_cache::create(capacity, shards, type, 1, &err);

	CHECK(cache && !err);
	return cache;
}

static bool copy_out(void *arg, const char *value, size_t bytes)
{
	static_cast<std::string *>(arg)->assign(value, bytes);
	return true;
}

static bool refuse(void *, const char *, size_t)
{
	return false;
}

static bool get(block_cache &cache, const std::string &key, std::string *value,
		bool take = false)
{
	return cache.lookup(key, take, copy_out, value);
}

static bool has(block_cache &cache, const std::string &key,
		const std::string &value)
{
	std::string got;

	return get(cache, key, &got) && got == value;
}

static int put(block_cache &cache, const std::string &key,
	       const std::string &value)
{
	return cache.insert(key, value.data(), value.size());
}

static zs::secondary_cache_stats stats_of(block_cache &cache)
{
	zs::secondary_cache_stats stats;

	cache.stats(&stats);
	return stats;
}

// The second time a key comes its block is wanted; and at once after it was taken.
static void admission()
{
	auto cache = make(16 * mib);
	std::string got;

	CHECK(!cache->admits("a"));
	CHECK(!cache->admits("b"));
	CHECK(cache->admits("a"));
	CHECK(!cache->admits("a")); // was not inserted: it is new again
	CHECK(put(*cache, "a", "block a") == 0);
	CHECK(cache->admits("a") && cache->admits("a"));
	CHECK(get(*cache, "a", &got, true) && got == "block a");
	CHECK(!get(*cache, "a", &got));
	CHECK(cache->admits("a"));
	CHECK(stats_of(*cache).seen_first == 3);
	CHECK(stats_of(*cache).hits == 1 && stats_of(*cache).misses == 1);

	// The last keys are remembered, one for each 4 KiB, not all.
	size_t known = 0, many = 1000000;
	for (size_t i = 0; i < many; i++)
		cache->admits("key" + std::to_string(i));
	for (size_t i = many - 1000; i < many; i++)
		known += cache->admits("key" + std::to_string(i));
	CHECK(known > 800);
	known = 0;
	for (size_t i = 0; i < 4000; i++)
		known += cache->admits("key" + std::to_string(i));
	CHECK(known < 100);
}

// By the highest bits of the lower half they are in different sets, if there are any.
static uint64_t spread_key(uint64_t nr)
{
	return nr << 40 | nr << 28;
}

static void index_remembers()
{
	uzs::shard_index index;

	CHECK(index.init(0) && index.memory() == 8); // one set all the same
	CHECK(index.init(4) && index.memory() == 8);
	for (uint64_t nr : { 1, 4, 8, 12, 15 })
		index.remember(spread_key(nr));
	CHECK(!index.forget(spread_key(1))); // the oldest gave way
	CHECK(index.forget(spread_key(8)));
	CHECK(!index.forget(spread_key(8)));
	CHECK(index.forget(spread_key(4)));
	CHECK(index.forget(spread_key(15)));
	CHECK(index.forget(spread_key(12)));
	CHECK(!index.forget(spread_key(12)));

	// Two sets: 1 to 7, and 8 to 15. Each forgets its own oldest.
	CHECK(index.init(5) && index.memory() == 16);
	for (uint64_t nr : { 1, 8, 2, 9, 3, 10, 4, 11, 5 })
		index.remember(spread_key(nr));
	CHECK(!index.forget(spread_key(1)));
	for (uint64_t nr : { 2, 3, 4, 5, 8, 9, 10, 11 })
		CHECK(index.forget(spread_key(nr)));
}

static void values_of_all_sizes()
{
	for (compression type :
	     { compression::none, compression::lz4, compression::zstd }) {
		auto cache = make(32 * mib, type);
		size_t sum = 0;

		for (size_t bytes : { 0, 1, 2, 17, 100, 4096, 4097, 8191, 16384,
				      100000, 500000, 1048000 }) {
			sum += bytes;
			for (unsigned int noise : { 0, 30, 100 }) {
				std::string key = "k" + std::to_string(bytes);
				std::string value =
					make_value(key, bytes, bytes, noise);

				CHECK(put(*cache, key, value) == 0);
				CHECK(has(*cache, key, value));
			}
		}
		CHECK(stats_of(*cache).entries == 12);
		CHECK(stats_of(*cache).value_bytes == sum);
	}
}

static void too_large()
{
	auto cache = make(16 * mib);
	std::string large(3 * mib, 'x');
	std::string noise = make_value("l", 1, 3 * mib / 2, 100);
	std::string huge(block_cache::value_max + 1, 'x');

	// What counts is the compressed size.
	CHECK(put(*cache, "l", large) == 0 && has(*cache, "l", large));
	CHECK(put(*cache, "h", std::string(block_cache::value_max, 'x')) == 0);
	CHECK(stats_of(*cache).value_bytes ==
	      large.size() + block_cache::value_max);
	CHECK(has(*cache, "h", std::string(block_cache::value_max, 'x')));
	CHECK(put(*cache, "l", noise) == -EFBIG);
	CHECK(!has(*cache, "l", large)); // nothing old remains
	CHECK(put(*cache, "h", huge) == -EFBIG);
	std::string key(block_cache::key_max, 'k'), got;
	CHECK(put(*cache, key, "v") == 0 && has(*cache, key, "v"));
	key += 'k';
	CHECK(put(*cache, key, "v") == -EFBIG && !get(*cache, key, &got));
	CHECK(stats_of(*cache).too_large == 3);
}

// The index has 32 bits of a key's hash. Two keys with the same drive each other out,
// and neither is taken for the other.
static void keys_with_one_hash()
{
	auto cache = make(8 * mib, compression::lz4, 1);
	std::unordered_map<uint32_t, std::string> seen;
	std::string one, two, got;

	for (size_t i = 0; two.empty(); i++) {
		std::string key = std::to_string(i);
		auto hash = static_cast<uint32_t>(
			std::hash<std::string_view>{}(key));
		auto there = seen.emplace(hash, key);

		if (!there.second) {
			one = there.first->second;
			two = key;
		}
	}
	CHECK(put(*cache, one, "of one") == 0);
	CHECK(!get(*cache, two, &got) && has(*cache, one, "of one"));
	CHECK(put(*cache, two, "of two") == 0);
	CHECK(!get(*cache, one, &got) && has(*cache, two, "of two"));
	CHECK(stats_of(*cache).entries == 1);
	CHECK(!get(*cache, one, &got, true) && !get(*cache, two, &got));
}

static void replaced_and_erased()
{
	auto cache = make(8 * mib);
	std::string one(5000, '1'), two(300, '2'), got;

	CHECK(put(*cache, "k", one) == 0 && put(*cache, "k", two) == 0);
	CHECK(has(*cache, "k", two));
	CHECK(stats_of(*cache).entries == 1);
	cache->erase("k");
	cache->erase("k");
	CHECK(!get(*cache, "k", &got));
	CHECK(stats_of(*cache).entries == 0);
	CHECK(stats_of(*cache).stored_bytes == 0);
	// A block that cannot be used is erased.
	CHECK(put(*cache, "k", one) == 0);
	CHECK(!cache->lookup("k", false, refuse, nullptr));
	CHECK(!get(*cache, "k", &got));
}

static void memory_is_bounded()
{
	for (size_t capacity : { 3 * mib, 40 * mib }) {
		auto cache = make(capacity);
		random_numbers random = { capacity };
		size_t n = scaled(capacity / 200), most = 0;

		// Blocks of 1 to 8 KiB; their sizes change as time goes by.
		for (size_t i = 0; i < n; i++) {
			std::string key = std::to_string(random.below(n));
			size_t bytes = 1000 + random.below(1 + 7000 * i / n);

			CHECK(put(*cache, key, make_value(key, i, bytes, 50)) ==
			      0);
			if (i % 64 == 0)
				most = std::max<size_t>(
					most, stats_of(*cache).memory_bytes);
		}
		auto s = stats_of(*cache);
		CHECK(most <= capacity);
		CHECK(s.memory_bytes <= capacity);
		CHECK(s.index_bytes < s.memory_bytes / 10);
		// It was filled, and is well used. Few MiB are less so, and now
		// and then when the pool has just not closed its gaps.
		if (s.evictions) {
			CHECK(most > capacity / 10 * 9);
			CHECK(s.stored_bytes >
			      capacity / 100 * (capacity < 8 * mib ? 50 : 75));
		}
	}
}

// What the index of a shard has had room for once, it keeps: if the shards did not stay
// about equally full, each would have been larger at some time, and all of them take a
// quarter more.
static void index_stays_small()
{
	auto cache = make(12 * mib, compression::lz4, 16);
	random_numbers random = { 16 };
	auto s = stats_of(*cache);
	size_t n = 0;

	while (s.evictions <= scaled(30) * s.entries) {
		for (unsigned int i = 0; i < 4096; i++) {
			std::string key = std::to_string(n++);
			size_t bytes = 200 + random.below(400);

			CHECK(put(*cache, key, make_value(key, n, bytes, 60)) ==
			      0);
		}
		s = stats_of(*cache);
	}
	CHECK(s.entries > 20000);
	CHECK(s.index_bytes < 36 * s.entries);
}

// CLOCK: what is used stays, where what comes once goes by.
static void used_blocks_stay()
{
	auto cache = make(8 * mib);
	size_t n = 20000, hot = 200, there = 0;
	std::string got;

	for (size_t i = 0; i < n; i++) {
		std::string key = std::to_string(i);

		CHECK(put(*cache, key, make_value(key, 1, 4000, 40)) == 0);
		for (size_t h = i % 10; i >= hot && h < hot; h += 10)
			get(*cache, std::to_string(h), &got);
	}
	for (size_t h = 0; h < hot; h++)
		there += get(*cache, std::to_string(h), &got);
	CHECK(there == hot);
	CHECK(stats_of(*cache).evictions > n / 2);
}

static void capacity_changes()
{
	auto cache = make(32 * mib);
	std::string got;
	size_t n = 20000;

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < n; i++) {
			std::string key = std::to_string(i);

			put(*cache, key, make_value(key, 1, 3000, 60));
		}
		auto full = stats_of(*cache);
		CHECK(full.memory_bytes > 28 * mib);
		cache->set_capacity(8 * mib);
		auto less = stats_of(*cache);
		CHECK(less.memory_bytes <= 8 * mib);
		CHECK(less.entries > full.entries / 8);
		cache->set_capacity(0);
		CHECK(stats_of(*cache).entries == 0);
		CHECK(stats_of(*cache).memory_bytes < 2 * mib);
		CHECK(!cache->admits("x") && !cache->admits("x"));
		put(*cache, "x", "y");
		CHECK(!get(*cache, "x", &got));
		CHECK(cache->capacity() == 0);
		cache->set_capacity(32 * mib);
	}
}

static void wrong_options()
{
	int err;

	CHECK(!block_cache::create(0, 0, compression::lz4, 1, &err) &&
	      err == EINVAL);
	CHECK(!block_cache::create(100000, 0, compression::lz4, 1, &err) &&
	      err == EINVAL);
	CHECK(!block_cache::create(mib * 64, 3, compression::lz4, 1, &err) &&
	      err == EINVAL);
	CHECK(!block_cache::create(mib * 64, 128, compression::lz4, 1, &err) &&
	      err == EINVAL);
}

// Each allocation fails once, and from each on three do: nothing is wrong then but
// the answer, and the cache goes on.
static void no_memory()
{
	long most = 0;

	for (long more : { 0, 3 })
		for (long at = 1;; at++) {
			int err;

			fail_at = at;
			fail_more = more;
			auto cache = block_cache::create(
				16 * mib, 2, compression::zstd, 1, &err);
			bool failed = !fail_at || (more && fail_more < more);
			fail_at = fail_more = 0;
			CHECK(cache ? !err : failed && err == ENOMEM);
			if (!failed)
				break;
			most = std::max(most, at);
		}
	CHECK(most > 1);

	auto cache = make(16 * mib, compression::zstd, 2);
	size_t not_stored = 0, not_read = 0;
	std::vector<std::string> keys;
	for (size_t i = 0; i < 3000; i++) {
		std::string key = std::to_string(i), got;
		std::string value =
			make_value(key, 1, i % 3 ? 20000 : 2000, 30);

		fail_at = 1 + static_cast<long>(i % 2);
		fail_more = i % 2;
		int err = put(*cache, key, value);
		fail_at = fail_more = 0;
		CHECK(!err || err == -ENOMEM);
		CHECK(get(*cache, key, &got) == !err);
		not_stored += err != 0;
		if (err)
			continue;
		CHECK(got == value);
		fail_at = 1;
		bool read = get(*cache, key, &got);
		fail_at = 0;
		CHECK(!read || got == value);
		not_read += !read;
	}
	CHECK(not_stored > 100 && not_read > 100);
	CHECK(stats_of(*cache).no_memory >= not_stored);
}

// Buckets that were had where a slot was not are memory, too: the cache is full, and
// gives way at once.
static void index_grows_in_vain()
{
	auto cache = make(16 * mib, compression::lz4, 1);
	size_t grown = 0;

	for (size_t i = 0; i < 8000; i++) {
		std::string key = "large " + std::to_string(i);

		put(*cache, key, make_value(key, 1, 4000, 100));
	}
	CHECK(stats_of(*cache).evictions > 0);
	for (size_t i = 0; i < 60000; i++) {
		std::string key = std::to_string(i), value(100, 'x');
		size_t entries = stats_of(*cache).entries;

		if (entries < 16384 || (entries & (entries - 1))) {
			CHECK(put(*cache, key, value) == 0);
			continue;
		}
		// First come the buckets; the next allocation is the chunk's.
		size_t before = stats_of(*cache).index_bytes;
		fail_at = 2;
		int err = put(*cache, key, value);
		fail_at = 0;
		auto s = stats_of(*cache);
		if (err != -ENOMEM || s.index_bytes <= before)
			continue;
		grown++;
		CHECK(s.memory_bytes <= 16 * mib);
	}
	CHECK(grown > 0);
}

static void many_threads()
{
	auto cache = make(6 * mib, compression::lz4, 4);
	size_t ops = scaled(60000), keys = 4000;
	std::vector<std::thread> threads;
	std::atomic<uint64_t> hits{ 0 };

	for (uint64_t t = 0; t < 4; t++)
		threads.emplace_back([&, t] {
			random_numbers random = { t };

			for (size_t i = 0; i < ops; i++) {
				std::string key =
					std::to_string(random.below(keys));
				uint64_t seed = random.below(4);
				// A key's values differ in what they hold.
				size_t bytes = 500 + seed * 1000;
				std::string got;

				switch (random.below(8)) {
				case 0:
				case 1:
				case 2:
					if (cache->admits(key))
						put(*cache, key,
						    make_value(key, seed, bytes,
							       50));
					break;
				case 3:
					cache->erase(key);
					break;
				default:
					if (!get(*cache, key, &got,
						 random.below(2)))
						break;
					hits++;
					seed = (got.size() - 500) / 1000;
					CHECK(got == make_value(key, seed,
								got.size(),
								50));
				}
				if (t == 0 && i % 8192 == 0)
					cache->set_capacity((4 + i % 3) * mib);
			}
		});
	for (auto &thread : threads)
		thread.join();
	auto s = stats_of(*cache);
	CHECK(hits > ops / 10);
	CHECK(s.hits >= hits);
	CHECK(s.memory_bytes <= 6 * mib);
	cache->set_capacity(0);
	CHECK(stats_of(*cache).stored_bytes == 0);
	CHECK(stats_of(*cache).value_bytes == 0);
}

int main()
{
	RUN(admission);
	RUN(index_remembers);
	RUN(values_of_all_sizes);
	RUN(too_large);
	RUN(keys_with_one_hash);
	RUN(replaced_and_erased);
	RUN(memory_is_bounded);
	RUN(index_stays_small);
	RUN(used_blocks_stay);
	RUN(capacity_changes);
	RUN(wrong_options);
	RUN(no_memory);
	RUN(index_grows_in_vain);
	RUN(many_threads);
	return 0;
}
