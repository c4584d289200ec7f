// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// secondary_cache.cc - the block cache as RocksDB's SecondaryCache, and its entry in
// RocksDB's library of objects, so that strings can name it.
//
// Lookups are answered at once, also with wait == false: what is in memory need not
// be waited for.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>
#include <rocksdb/convenience.h>
#include <rocksdb/secondary_cache.h>
#include <rocksdb/utilities/object_registry.h>
#include <rocksdb/utilities/options_type.h>

#include "block_cache.h"
#include "scratch.h"

namespace uzs
{

using rocksdb::Cache;
using rocksdb::ConfigOptions;
using rocksdb::Slice;
using rocksdb::Status;

static const char scheme[] = "uzs://";

class ready_result final : public rocksdb::SecondaryCacheResultHandle
{
public:
	bool IsReady() override
	{
		return true;
	}
	void Wait() override
	{
	}
	void *Value() override
	{
		return value;
	}
	size_t Size() override
	{
		return charge;
	}

	void *value = nullptr;
	size_t charge = 0;
	const Cache::CreateCallback *create = nullptr; // for make() only
};

// Exceptions must not leave a secondary cache, whatever the callback is.
static bool make(void *arg, const char *value, size_t bytes)
{
	ready_result *result = static_cast<ready_result *>(arg);

	try {
		return (*result->create)(value, bytes, &result->value,
					 &result->charge)
			.ok();
	} catch (...) {
		return false;
	}
}

static std::string_view view(const Slice &key)
{
	return { key.data(), key.size() };
}

class secondary_cache final : public rocksdb::SecondaryCache
{
public:
	explicit secondary_cache(const zs::secondary_cache_options &options);

	static const char *kClassName()
	{
		return "uzs";
	}
	const char *Name() const override
	{
		return kClassName();
	}
	Status PrepareOptions(const ConfigOptions &config) override;
	std::string GetPrintableOptions() const override;

	Status Insert(const Slice &key, void *value,
		      const Cache::CacheItemHelper *helper) override;
	std::unique_ptr<rocksdb::SecondaryCacheResultHandle>
	Lookup(const Slice &key, const Cache::CreateCallback &create, bool wait,
	       bool advise_erase, bool &is_in_sec_cache) override;
	bool SupportForceErase() const override
	{
		return true;
	}
	void Erase(const Slice &key) override;
	void
	WaitAll(std::vector<rocksdb::SecondaryCacheResultHandle *>) override
	{
	}
	Status SetCapacity(size_t capacity) override;
	Status GetCapacity(size_t &capacity) override;

	// Return: a positive errno, and *what is wrong, or 0.
	int open(const char **what);
	bool stats(zs::secondary_cache_stats *stats) const
	{
		if (cache_)
			cache_->stats(stats);
		return cache_ != nullptr;
	}

private:
	zs::secondary_cache_options options_;
	// Made by open(). RocksDB hands out caches, too, for which that failed.
	std::unique_ptr<block_cache> cache_;
};

secondary_cache::secondary_cache(const zs::secondary_cache_options &options)
	: options_(options)
{
	using rocksdb::OptionType;
	using rocksdb::OptionTypeInfo;
	using opt = zs::secondary_cache_options;
	static const std::unordered_map<std::string, OptionTypeInfo> info = {
		{ "capacity",
		  OptionTypeInfo(offsetof(opt, capacity), OptionType::kSizeT) },
		{ "compression_type",
		  OptionTypeInfo(offsetof(opt, compression_type),
				 OptionType::kCompressionType) },
		{ "compression_level",
		  OptionTypeInfo(offsetof(opt, compression_level),
				 OptionType::kInt) },
		{ "num_shard_bits",
		  OptionTypeInfo(offsetof(opt, num_shard_bits),
				 OptionType::kInt) },
	};

	RegisterOptions(kClassName(), &options_, &info);
}

int secondary_cache::open(const char **what)
{
	compression type;
	int err;

	switch (options_.compression_type) {
	case rocksdb::kNoCompression:
		type = compression::none;
		break;
	case rocksdb::kLZ4Compression:
		type = compression::lz4;
		break;
	case rocksdb::kZSTD:
		type = compression::zstd;
		break;
	default:
		*what = "compression_type is not kNoCompression, "
			"kLZ4Compression or kZSTD";
		return EINVAL;
	}
	if (options_.num_shard_bits < -1 || options_.num_shard_bits > 6) {
		*what = "num_shard_bits is not -1 to 6";
		return EINVAL;
	}
	cache_ = block_cache::create(
		options_.capacity,
		options_.num_shard_bits < 0 ? 0 : 1u << options_.num_shard_bits,
		type, options_.compression_level, &err);
	*what = err == EINVAL ? "capacity is too small" : "no memory";
	return err;
}

// Called when the options are set, by whatever string they came.
Status secondary_cache::PrepareOptions(const ConfigOptions &config)
{
	const char *what;
	int err;

	if (cache_)
		return Status::InvalidArgument(
			"uzs: options cannot be changed, but by SetCapacity");
	err = open(&what);
	if (err == ENOMEM)
		return Status::MemoryLimit("uzs", what);
	if (err)
		return Status::InvalidArgument("uzs", what);
	return SecondaryCache::PrepareOptions(config);
}

Status secondary_cache::Insert(const Slice &key, void *value,
			       const Cache::CacheItemHelper *helper)
{
	// No status has a text here: a text takes memory, and throws without it.
	if (!value || !helper || !helper->size_cb || !helper->saveto_cb)
		return Status::InvalidArgument();
	if (!cache_ || !cache_->admits(view(key)))
		return Status::OK();
	try {
		size_t bytes = helper->size_cb(value);
		scratch saved(bytes);

		if (!saved.data())
			return Status::MemoryLimit();
		Status s = helper->saveto_cb(value, 0, bytes, saved.data());
		if (!s.ok())
			return s;
		// A cache may refuse: that is no error.
		cache_->insert(view(key), saved.data(), bytes);
		return s;
	} catch (...) {
		return Status::Aborted(); // a callback threw
	}
}

std::unique_ptr<rocksdb::SecondaryCacheResultHandle>
secondary_cache::Lookup(const Slice &key, const Cache::CreateCallback &create,
			bool /*wait*/, bool advise_erase, bool &is_in_sec_cache)
{
	std::unique_ptr<ready_result> result(new (std::nothrow) ready_result);

	is_in_sec_cache = false;
	if (!result)
		return nullptr;
	result->create = &create;
	if (!cache_ ||
	    !cache_->lookup(view(key), advise_erase, make, result.get()))
		return nullptr;
	is_in_sec_cache = !advise_erase;
	return result;
}

void secondary_cache::Erase(const Slice &key)
{
	if (cache_)
		cache_->erase(view(key));
}

static Status not_open()
{
	return Status::InvalidArgument("uzs: the cache has no capacity");
}

Status secondary_cache::SetCapacity(size_t capacity)
{
	if (!cache_)
		return not_open();
	cache_->set_capacity(capacity);
	return Status::OK();
}

Status secondary_cache::GetCapacity(size_t &capacity)
{
	if (!cache_)
		return not_open();
	capacity = cache_->capacity();
	return Status::OK();
}

std::string secondary_cache::GetPrintableOptions() const
{
	zs::secondary_cache_stats s;
	char text[600];

	if (!stats(&s))
		return "";
	snprintf(text, sizeof(text),
		 "    capacity : %zu\n"
		 "    compression_type : %d\n"
		 "    compression_level : %d\n"
		 "    num_shard_bits : %d\n"
		 "    memory : %llu, of it index : %llu\n"
		 "    blocks : %llu, bytes : %llu, stored in : %llu\n"
		 "    hits : %llu, misses : %llu\n",
		 cache_->capacity(), options_.compression_type,
		 options_.compression_level, options_.num_shard_bits,
		 static_cast<unsigned long long>(s.memory_bytes),
		 static_cast<unsigned long long>(s.index_bytes),
		 static_cast<unsigned long long>(s.entries),
		 static_cast<unsigned long long>(s.value_bytes),
		 static_cast<unsigned long long>(s.stored_bytes),
		 static_cast<unsigned long long>(s.hits),
		 static_cast<unsigned long long>(s.misses));
	return text;
}

// "uzs://capacity=64M;compression_type=kZSTD"; or, with RocksDB's id: "id=uzs;
// capacity=64M", where RocksDB sets the options.
static rocksdb::SecondaryCache *
make_by_name(const std::string &uri,
	     std::unique_ptr<rocksdb::SecondaryCache> *guard, std::string *err)
{
	std::unique_ptr<secondary_cache> cache(
		new secondary_cache(zs::secondary_cache_options{}));

	if (uri.compare(0, strlen(scheme), scheme) == 0) {
		ConfigOptions config;
		Status s;

		config.invoke_prepare_options = false; // RocksDB does
		s = cache->ConfigureFromString(config,
					       uri.substr(strlen(scheme)));
		if (!s.ok()) {
			*err = s.ToString();
			return nullptr;
		}
	}
	*guard = std::move(cache);
	return guard->get();
}

static bool registered = [] {
	using pattern = rocksdb::ObjectLibrary::PatternEntry;

	rocksdb::ObjectLibrary::Default()->AddFactory<rocksdb::SecondaryCache>(
		pattern(secondary_cache::kClassName())
			.AddSeparator("://", false),
		make_by_name);
	return true;
}();

} // namespace uzs

std::shared_ptr<rocksdb::SecondaryCache>
zs::new_secondary_cache(const zs::secondary_cache_options &options)
{
	const char *what;
	int err = ENOMEM;

	try {
		auto cache = std::make_shared<uzs::secondary_cache>(options);

		err = cache->open(&what);
		if (!err)
			return cache;
	} catch (const std::bad_alloc &) {
	}
	errno = err;
	return nullptr;
}

bool zs::get_stats(rocksdb::SecondaryCache *cache,
		   zs::secondary_cache_stats *stats)
{
	auto *ours = cache ? cache->CheckedCast<uzs::secondary_cache>()
			   : nullptr;

	return ours && ours->stats(stats);
}
